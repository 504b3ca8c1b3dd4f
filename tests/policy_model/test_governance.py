"""No change reaches an instance without the approvals its classes ask for at the moment of apply."""

from __future__ import annotations

import secrets
import shlex
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.policy_model.machine import Governed

from setpoint.control import execution
from setpoint.engines.simulated.driver import restart

SEED = 20260105
SEEN = {
    "apply with approvals": 100,
    "apply with more than one approval": 40,
    "apply freely under policy": 25,
    "apply that put something back": 15,
    "apply thanks to an emergency right": 3,
    "apply cut short": 12,
    "apply refused: needs approvals": 200,
    "apply refused: lacks approvals": 100,
    "apply refused: policy refuses it": 30,
    "apply refused: NotPermitted": 60,
    "apply refused: StalePlan": 200,
    "approved, but stale": 50,
    "undo with approvals": 20,
    "undo freely under policy": 8,
    "policy carried out": 300,
    "policy not carried out": 200,
    "waiver carried out": 5,
    "voice given": 800,
    "voice refused": 1000,
    "voice lent counted": 3,
    "change rejected": 5,
    "change withdrawn": 3,
    "person changed": 100,
    "person removed": 20,
    "token revoked": 80,
    "meddled": 500,
}
"""How often what is interesting must have happened: a machine that is refused everything proves nothing."""


@pytest.fixture(autouse=True)
def _restarts(monkeypatch) -> None:
    monkeypatch.setattr(execution, "run_restart_command", lambda command: restart(shlex.split(command)[-1]))


def _run(number: int, runs: int, steps: int) -> tuple[int, Counter[str]]:
    """Run the machine, and answer how many steps it took and what came of them."""
    machine = seed(number)(type("Seeded", (Governed,), {"outcomes": Counter(), "steps": 0}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=(
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.filter_too_much,
            ),
        ),
    )
    return machine.steps, machine.outcomes


def test_a_few_hundred_steps() -> None:
    steps, outcomes = _run(SEED, runs=8, steps=50)
    assert steps >= 300
    assert outcomes["apply with approvals"], outcomes
    assert outcomes["apply refused: needs approvals"], outcomes


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_steps() -> None:
    steps, outcomes = _run(SEED, runs=400, steps=60)
    print(steps, *sorted(outcomes.items()), sep="\n")  # noqa: T201 - what was seen, for whoever asks with -s
    assert steps >= 20_000
    assert not {what: outcomes[what] for what, least in SEEN.items() if outcomes[what] < least}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_steps_nobody_took_before() -> None:
    number = secrets.randbits(32)
    print(f"seed {number}")  # noqa: T201 - shown when it fails, to be put where SEED is
    assert _run(number, runs=70, steps=60)[0] >= 3_500

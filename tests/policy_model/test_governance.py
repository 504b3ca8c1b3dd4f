"""No change reaches an instance without the approvals its classes ask for at the moment of apply."""

from __future__ import annotations

import shlex
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.policy_model.machine import Governed

from setpoint.control import execution
from setpoint.engines.simulated.driver import restart

SEED = 20260105


@pytest.fixture(autouse=True)
def _restarts(monkeypatch) -> None:
    monkeypatch.setattr(execution, "run_restart_command", lambda command: restart(shlex.split(command)[-1]))


def _run(number: int, runs: int, steps: int) -> tuple[int, Counter[str]]:
    """Run the machine, and answer how many steps it took and what came of them."""

    class Counted(seed(number)(Governed)):
        outcomes: Counter[str] = Counter()

    run_state_machine_as_test(
        Counted,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    return Counted.steps, Counted.outcomes


def test_a_few_hundred_steps() -> None:
    steps, outcomes = _run(SEED, runs=8, steps=50)
    assert steps >= 300
    assert outcomes["apply with approvals"] >= 1, outcomes

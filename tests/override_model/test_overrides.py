"""No override outlives its deadline, overwrites a person, or leaves anything in another place than its own."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.override_model.machine import Emergencies

SEED = 20260105


def _run(number: int, runs: int, steps: int) -> tuple[int, Counter[str]]:
    """Run the machine, and answer how many steps it took and what came of them."""
    machine = seed(number)(type("Seeded", (Emergencies,), {"outcomes": Counter(), "steps": 0}))
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
    steps, outcomes = _run(SEED, runs=8, steps=40)
    print(steps, *sorted(outcomes.items()), sep="\n")

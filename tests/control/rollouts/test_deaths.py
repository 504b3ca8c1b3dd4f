"""A worker dies at any of its steps, and another one goes on: nobody is touched twice, nobody forgotten."""

from __future__ import annotations

import pytest

from setpoint.control.records import prove
from setpoint.control.rollouts.controller import RolloutController
from setpoint.engines.simulated.driver import SimulatedDriver
from setpoint.policy.rollout import Amount
from setpoint.store.journal import Journal
from setpoint.store.registers import Register
from setpoint.store.revisions import Revisions

_STEPS = (
    (Register, "put"),
    (Journal, "begin"),
    (Journal, "intend"),
    (Journal, "done"),
    (Journal, "finish"),
    (Revisions, "commit"),
    (SimulatedDriver, "run"),
)


class DeathError(BaseException):
    """The process is gone: nobody catches it, nothing is tidied up that a dead process would not."""


class Fate:
    """Counts steps that leave something behind, and ends the worker before or after one of them."""

    def __init__(self, monkeypatch, *, is_before: bool) -> None:
        self.count = 0
        self.at: int | None = None
        self.is_before = is_before
        for owner, name in _STEPS:
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name), name))

    def _counted(self, step, name):
        def counted(own, *positional, **named):
            if name == "run" and positional[0].is_read_only:
                return step(own, *positional, **named)
            self.count += 1
            is_now = self.count == self.at
            if is_now and self.is_before:
                raise DeathError
            answer = step(own, *positional, **named)
            if is_now:
                raise DeathError
            return answer

        return counted


def _roll_out(fleet, fate, value, death=0):
    """Roll a value out, the worker dying at one of its steps; answer how many steps it took."""
    rules = {"canary": Amount(count=1), "waves": (), "soak_seconds": 10.0, "baseline_seconds": 0.0}
    made = fleet.start(settings={"checkpoint_interval": value}, **rules)
    begun = fate.count
    fate.at = begun + death if death else None
    for number in range(200):
        try:
            fleet.controller.poll(fleet.context)
        except DeathError:
            fleet.controller = RolloutController(f"worker-{number}")
        if not fleet.rollout(made.id).is_open:
            break
        fleet.wait(10)
    assert fleet.states(made.id) == {"kept": 2}, (death, fleet.targets(made.id))
    assert {fleet.running(name, "checkpoint_interval") for name in ("i0", "i1")} == {value}
    return fate.count - begun


@pytest.mark.parametrize("is_before", [True, False])
def test_whatever_step_a_worker_dies_at_another_one_goes_on(monkeypatch, make_fleet, is_before):
    fate = Fate(monkeypatch, is_before=is_before)
    fleet = make_fleet(2)
    steps = _roll_out(fleet, fate, "600")
    assert steps > 20
    for death in range(1 if is_before else 3, steps + 1, 5):
        _roll_out(fleet, fate, str(600 + death), death)
    assert prove(fleet.context, noted=None).is_intact

"""Halting: a rollout that stops by itself, and the waves that go back for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control.rollouts.rows import put_rollout
from setpoint.policy.course import back_waves
from setpoint.policy.rollout import RolloutState

if TYPE_CHECKING:
    from setpoint.control.context import Context
    from setpoint.control.rollouts.rows import Rows


def halt(context: Context, rows: Rows, why: str, *, actor: str) -> None:
    """Note that a rollout halts by itself, and which waves go back for it."""
    rollout = rows.rollout
    if rollout.state in (RolloutState.HALTED, RolloutState.TAKEN_BACK):
        return
    waves = tuple(sorted({*rollout.back, *back_waves(rollout)}))
    put_rollout(
        context,
        rows.kept,
        "halted",
        actor=actor,
        detail={"because": why, "back": list(waves)},
        state=RolloutState.HALTED,
        why=why,
        back=waves,
    )

"""The library's front for rollouts: a change taken over a fleet in waves.

Reached as ``setpoint.rollouts``. Whatever changes something passes the gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.control.rollouts import rows, starting, steering
from setpoint.faces.front import Front, witnessed
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from setpoint.control.rollouts.drafting import Draft, RolloutWish
    from setpoint.policy.rollout import Rollout, RolloutTarget


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A rollout and its targets, in the order of their waves."""

    rollout: Rollout
    targets: tuple[RolloutTarget, ...]


class Rollouts(Front):
    """What goes over many instances, wave by wave, and stops itself."""

    @witnessed(Right.APPLY)
    def preview(self, wish: RolloutWish) -> tuple[Rollout, Draft]:
        """Answer the waves that `start` would write down; writes nothing but what it has to observe."""
        return starting.preview(self._context, wish)

    @witnessed(Right.APPLY)
    def start(self, wish: RolloutWish) -> Rollout:
        """Write a rollout down, for workers to carry out (``setpoint run``).

        Raises `InputErrors` for senseless rules or faulty settings, and `RefusedError` naming each instance
        that policy refuses, that has other differences pending, or whose order cannot be proven.
        """
        return starting.start(self._context, wish)

    def all(self, *, is_open_only: bool = False) -> tuple[Rollout, ...]:
        """Answer rollouts, the newest first: all, or those with something left to do."""
        return rows.rollouts(self._context, is_open_only=is_open_only)

    def get(self, name: str) -> RolloutView:
        """Answer a rollout by its id or the beginning of one, with its targets; raise `NotFoundError`."""
        found = rows.read_rows(self._context, rows.find(self._context, name).id)
        ordered = sorted(found.targets.values(), key=lambda each: (each.wave, each.instance))
        return RolloutView(found.rollout, tuple(ordered))

    @witnessed(Right.APPLY, "name")
    def pause(self, name: str, *, because: str) -> Rollout:
        """Start nothing more until it is resumed; what was applied is watched still."""
        return steering.pause(self._context, name, because=because)

    @witnessed(Right.APPLY, "name")
    def resume(self, name: str, *, because: str) -> Rollout:
        """Go on with a paused rollout."""
        return steering.resume(self._context, name, because=because)

    @witnessed(Right.APPLY, "name")
    def halt(self, name: str, *, because: str) -> Rollout:
        """Start nothing more for good; what was applied stays unless it is taken back."""
        return steering.halt_by_hand(self._context, name, because=because)

    @witnessed(Right.APPLY, "name")
    def take_back(self, name: str, *, because: str, wave: int | None = None) -> Rollout:
        """Take back all that a rollout applied, or one wave (from 0); nothing more is started then."""
        return steering.take_back(self._context, name, because=because, wave=wave)

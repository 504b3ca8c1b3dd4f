"""The library's front for overrides: emergency settings with a deadline, and what is made of them after.

Reached as ``setpoint.overrides``. Whatever changes something passes the gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control import overridden
from setpoint.control.overrides import ending, extending, postmortem, reviewing, starting
from setpoint.errors import InputError
from setpoint.faces.front import Front, witnessed
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.config.override import Override
    from setpoint.control.overrides.postmortem import PostMortem
    from setpoint.control.overrides.starting import Started
    from setpoint.control.overrides.wish import Wish
    from setpoint.policy.approval import Change
    from setpoint.policy.selector import Selector


class Overrides(Front):
    """Settings that are on an instance within seconds, and off it by their deadline."""

    @witnessed(Right.BREAK_GLASS, "where")
    def start(
        self, where: str | Selector, wish: Wish, *, is_all_or_none: bool = False
    ) -> tuple[Started, ...]:
        """Start an override on one instance by its name, or on each that a selector fits.

        Answers one result for each instance: the override, read back there, or the fault for which there is
        none; with `is_all_or_none` a fault anywhere leaves none. Raises `InputErrors`, and where one instance
        is named its fault: `NotFoundError`, `NotPermittedError`, `RefusedError`, `UnreachableError`.
        """
        started = starting.start(self._context, self._names(where), wish, is_all_or_none=is_all_or_none)
        fault = started[0].fault
        if isinstance(where, str) and fault is not None:
            raise fault
        return started

    @witnessed(Right.BREAK_GLASS, "name")
    def propose(self, name: str, wish: Wish) -> Change:
        """Ask for the emergency quorum for an override that policy asks approvals for."""
        return starting.propose(self._context, name, wish)

    @witnessed(Right.BREAK_GLASS, "name")
    def extend(self, name: str, *, seconds: float, because: str) -> Override:
        """Move an override's deadline, as far as policy lets it; `name` is its id or the beginning of one."""
        return extending.extend(self._context, name, seconds=seconds, because=because)

    @witnessed(Right.APPLY, "name")
    def end(self, name: str, *, because: str) -> Override:
        """End an override now and put its instance back; answers it as it is then.

        What keeps the instance from being put back is raised; it is desired no more then, and putting it back
        is tried until it is done.
        """
        return ending.end(self._context, name, because=because)

    @witnessed(Right.PROPOSE, "name")
    def review(self, name: str, *, conclusion: str, keep: Iterable[str] = (), rule: str = "") -> Override:
        """Write down what is made of an override that is over.

        What should be kept becomes an edit of the instance's own layer, or a change that asks for one; it is
        never applied by this.
        """
        return reviewing.review(self._context, name, conclusion=conclusion, keep=keep, rule=rule)

    def get(self, name: str) -> Override:
        """Answer an override by its id or the beginning of one; raise `NotFoundError`."""
        return overridden.find(self._context, name).value

    def all(self, *, is_open_only: bool = False, instance: str = "") -> tuple[Override, ...]:
        """Answer overrides, newest first: all, those with something left to do, or those of one instance."""
        return overridden.overrides(self._context, is_open_only=is_open_only, instance=instance)

    def late_reviews(self, instance: str = "") -> tuple[Override, ...]:
        """Answer the overrides that should have been reviewed by now, the oldest first."""
        return reviewing.late_reviews(self._context, instance)

    def look_back(self, name: str) -> PostMortem:
        """Answer the post-mortem of an override, as far as it has come."""
        return postmortem.look_back(self._context, name)

    def _names(self, where: str | Selector) -> tuple[str, ...]:
        if isinstance(where, str):
            return (where,)
        instances = self._context.head()[1].instances
        found = tuple(sorted(name for name, each in instances.items() if where.fits(name, each)))
        if not found:
            raise InputError(
                f"no instance is within {where}", next_step="`setpoint instance list` shows those there are"
            )
        return found

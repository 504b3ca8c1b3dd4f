"""The library's front for notices: the channels that what happens is told over.

Reached as ``setpoint.notices``. Whatever changes something passes the gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control import gate
from setpoint.control.notices import channels
from setpoint.faces.front import Front, witnessed
from setpoint.policy.channel import Channel
from setpoint.policy.person import Right
from setpoint.policy.selector import ALL

if TYPE_CHECKING:
    from setpoint.control.notices.channels import Standing
    from setpoint.policy.notice import Notice
    from setpoint.policy.selector import Selector


class Notices(Front):
    """Where notices go, which of them, and how far behind each channel is."""

    def all(self) -> tuple[Channel, ...]:
        """Answer the channels there are, by name."""
        return channels.channels(self._context)

    def standing(self, name: str) -> Standing:
        """Answer how far a channel is behind, and what keeps it; raise `NotFoundError`."""
        return channels.standing(self._context, channels.find(self._context, name).value)

    @witnessed(Right.MANAGE_PEOPLE, "name")
    def add(
        self,
        name: str,
        kind: str,
        place: str = "",
        *,
        secret: str = "",
        events: tuple[str, ...] = ("*",),
        scope: Selector = ALL,
        reason: str,
    ) -> Channel:
        """Add a channel (``webhook``, ``file`` or ``log``), which listens from now on.

        `secret` is the reference of what a webhook's notices are signed with (``env:NAME``, ``file:/path``),
        `events` what it listens to (``override.*``), within a `scope` of instances. It sends what happens
        here elsewhere, so it takes the right to manage people. Raises `InputErrors`, `RefusedError`.
        """
        permit = gate.require(self._context, Right.MANAGE_PEOPLE)
        draft = Channel(
            id=name,
            kind=kind,
            place=place,
            secret=secret,
            events=events,
            scope=scope,
            by=permit.actor,
            at=self._context.now(),
            because=reason,
        )
        return channels.add(self._context, draft, permit=permit)

    @witnessed(Right.MANAGE_PEOPLE, "name")
    def remove(self, name: str, *, reason: str) -> Channel:
        """Remove a channel: what it was not told yet it will not be told; raise `NotFoundError`."""
        permit = gate.require(self._context, Right.MANAGE_PEOPLE)
        return channels.remove(self._context, name, reason=reason, permit=permit)

    @witnessed(Right.MANAGE_PEOPLE, "name")
    def test(self, name: str) -> Notice:
        """Send a channel one notice now; raise `UnavailableError` when it does not take it."""
        permit = gate.require(self._context, Right.MANAGE_PEOPLE)
        return channels.try_out(self._context, name, permit=permit)

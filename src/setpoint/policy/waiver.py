"""Waivers: a deviation that a named person accepts, for a reason, within a scope, until a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from setpoint.policy.selector import Selector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.config.configuration import Instance

REMIND_BEFORE = timedelta(days=14)
"""How long before its end a waiver is spoken of."""

LONGEST = timedelta(days=366)
"""How long a waiver may last."""


class Waiver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One accepted deviation.

    It speaks of a parameter (as the engine lists it, any case), of a rule (``POLICY/RULE``), or of both: then
    of that parameter under that rule only. A waiver never opens a lock: what may move is not what may stay.
    """

    id: str
    owner: str
    reason: str
    scope: Selector
    parameter: str = ""
    rule: str = ""
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None
    change: str = ""
    """The change that granted it."""

    @property
    def told(self) -> str:
        """What is said of a deviation it covers: until when it is waived, by whom and why."""
        return f"waived until {self.ends_at.astimezone(UTC):%Y-%m-%d %H:%M}Z by {self.owner}: {self.reason}"

    def is_in_force(self, at: datetime) -> bool:
        """Tell whether it counts at that time; it ends exactly at its end."""
        return self.starts_at <= at < min(self.ends_at, self.ended_at or self.ends_at)

    def covers(self, name: str, instance: Instance, *, parameter: str, rule: str) -> bool:
        """Tell whether it speaks of a parameter under a rule (empty: outside any rule) on an instance."""
        if self.parameter and self.parameter.lower() != parameter.lower():
            return False
        if self.rule and self.rule != rule:
            return False
        return self.scope.fits(name, instance)


def waiver_for(
    waivers: Iterable[Waiver], name: str, instance: Instance, at: datetime, *, parameter: str, rule: str = ""
) -> Waiver | None:
    """Answer the waiver in force that covers this, the one that lasts longest; None when none does."""
    found = [
        waiver
        for waiver in waivers
        if waiver.is_in_force(at) and waiver.covers(name, instance, parameter=parameter, rule=rule)
    ]
    return max(found, key=lambda waiver: (waiver.ends_at, waiver.id), default=None)


def waived_parameters(
    waivers: Iterable[Waiver], name: str, instance: Instance, at: datetime
) -> dict[str, Waiver]:
    """Answer the waivers in force that speak of an instance's parameters outside any rule, by folded name."""
    found = [
        waiver
        for waiver in waivers
        if waiver.is_in_force(at) and waiver.covers(name, instance, parameter=waiver.parameter, rule="")
    ]
    found.sort(key=lambda waiver: (waiver.ends_at, waiver.id))
    return {waiver.parameter.lower(): waiver for waiver in found if waiver.parameter}


def ending(waivers: Iterable[Waiver], at: datetime, within: timedelta = REMIND_BEFORE) -> tuple[Waiver, ...]:
    """Answer the waivers in force that end soon, the first to end first."""
    soon = [waiver for waiver in waivers if waiver.is_in_force(at) and waiver.ends_at - at <= within]
    return tuple(sorted(soon, key=lambda waiver: (waiver.ends_at, waiver.id)))

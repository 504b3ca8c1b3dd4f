"""Channels: where notices go, which of them, and of which instances.

A notice is a row of the audit log, told. A channel says which rows it wants and nothing about how they get
there.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from setpoint.policy.selector import ALL, Selector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.config.configuration import Instance

_MANY = ".*"
_EVERYTHING = "*"


class Channel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One place that notices go to.

    `kind` says how they get there, `place` where: an address, a file, a logger; or a reference to an address
    that is a secret itself (``env:NAME``, ``file:/path``). `secret` is a reference to the secret that notices
    are signed with, never the secret. `events` are actions of the audit log, ``override.*`` or ``*``.
    `since_seq` is the row after which it listens.
    """

    id: str
    kind: str
    place: str = ""
    secret: str = ""
    events: tuple[str, ...] = (_EVERYTHING,)
    scope: Selector = ALL
    is_active: bool = True
    since_seq: int = 0
    by: str
    at: datetime
    because: str = ""

    def wants(self, event: str) -> bool:
        """Tell whether it listens to an action."""
        return any(fits(pattern, event) for pattern in self.events)

    def reaches(self, name: str, instance: Instance | None) -> bool:
        """Tell whether it listens to what happens to an instance; None: to no instance, or one not known.

        What is not about one known instance is told to every channel: better too much than an alarm lost.
        """
        return instance is None or self.scope.fits(name, instance)


def fits(pattern: str, event: str) -> bool:
    """Tell whether a pattern means an action: the action itself, ``override.*``, or ``*``."""
    if pattern.endswith(_MANY):
        return event.startswith(pattern.removesuffix(_EVERYTHING))
    return pattern in (_EVERYTHING, event)


def unmatched(patterns: Iterable[str], events: Iterable[str]) -> tuple[str, ...]:
    """Answer the patterns that mean none of these actions."""
    known = tuple(events)
    return tuple(pattern for pattern in patterns if not any(fits(pattern, event) for event in known))

"""Incidents: a locked parameter that moved without us."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A locked parameter of an instance, found with a value that nobody brought through the gate.

    `before` is what was desired, or for an unmanaged parameter what was seen last; `after` what was found
    and `origin` from where it came. `rules` are the locks that speak of it.
    """

    id: str
    instance: str
    parameter: str
    before: str
    after: str
    origin: str
    is_managed: bool
    rules: tuple[str, ...]
    found_at: datetime
    seen_before_at: datetime | None = None
    """When the earlier value was seen last: it moved since."""
    ended_at: datetime | None = None
    ended_why: str = ""

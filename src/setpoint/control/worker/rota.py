"""The rota: when each instance is looked at. Pure: the same names have the same places after a restart.

An instance has a place in the interval that follows from its name, so that a fleet is spread over it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.store.records import Sight

LONGEST_BACK_OFF_SECONDS = 600.0
"""How far apart attempts at an instance that does not answer are at most."""

OWN_SHARE = 0.01
"""The share of its time that an instance may spend on being looked at; one that is slow is asked less."""

_MOST_STRETCH = 10
_MOST_DOUBLINGS = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def offset_seconds(name: str, interval_seconds: float) -> float:
    """Answer an instance's place in the interval."""
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest())
    return number / 2**64 * interval_seconds


def period_seconds(sight: Sight | None, interval_seconds: float) -> float:
    """Answer how far apart attempts are: longer where an instance does not answer, or is slow to."""
    if sight is None:
        return interval_seconds
    if sight.failures:
        backed_off = interval_seconds * 2.0 ** min(sight.failures, _MOST_DOUBLINGS)
        return min(backed_off, max(LONGEST_BACK_OFF_SECONDS, interval_seconds))
    stretch = math.ceil(sight.cost_seconds / (OWN_SHARE * interval_seconds))
    return interval_seconds * min(max(stretch, 1), _MOST_STRETCH)


def due_at(name: str, sight: Sight | None, interval_seconds: float, began_at: datetime) -> datetime:
    """Answer when an instance is to be looked at next, by a sweep that began at a time.

    Once in each interval, at its place; after a long absence not all at once, but at their places too.
    """
    interval = timedelta(seconds=interval_seconds)
    if sight is None or sight.tried_at < began_at - 2 * interval:
        return _next_place(name, began_at, interval_seconds)
    later = timedelta(seconds=period_seconds(sight, interval_seconds)) - interval
    return _next_place(name, sight.tried_at + later, interval_seconds)


def _next_place(name: str, after: datetime, interval_seconds: float) -> datetime:
    """Answer the first moment later than a time at which it is an instance's turn."""
    offset = offset_seconds(name, interval_seconds)
    turns = math.floor(((after - _EPOCH).total_seconds() - offset) / interval_seconds) + 1
    found = _EPOCH + timedelta(seconds=turns * interval_seconds + offset)
    return found if found > after else found + timedelta(seconds=interval_seconds)

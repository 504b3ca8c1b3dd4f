"""Windows and freezes: when something may happen, in the time of a place.

A window is one span of time: it opens at the first moment its zone's clocks show the opening time or later,
and closes at the first moment they show the closing time or later. So where clocks jump over the opening
time it opens at the jump, and where they show the closing time twice it closes at the first.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from setpoint.policy.rules import Freeze, Window

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_AHEAD_DAYS = 8


def is_open(window: Window, at: datetime) -> bool:
    """Tell whether a moment is inside a window; one in a zone that nobody knows is never open."""
    return any(opens <= at < closes for opens, closes in _spans(window, at, days=0))


def next_opening(windows: Iterable[Window], at: datetime) -> datetime | None:
    """Answer when the first of several windows opens next, in UTC; None when none does within a week."""
    coming = (_next_opening(window, at) for window in windows)
    return min((opens for opens in coming if opens is not None), default=None)


def _next_opening(window: Window, at: datetime) -> datetime | None:
    spans = _spans(window, at, days=_AHEAD_DAYS)
    return next((opens for opens, closes in spans if at < opens < closes), None)


def is_frozen(freeze: Freeze, at: datetime) -> bool:
    """Tell whether a moment is inside a freeze; it ends exactly at its end."""
    return freeze.starts_at <= at < freeze.ends_at


def shown(window: Window) -> str:
    """Write a window for people: ``sat, sun 02:00 to 05:00 Europe/Berlin``."""
    days = "every day" if set(window.days) == set(_DAYS) else ", ".join(window.days)
    return f"{days} {window.opens:%H:%M} to {window.closes:%H:%M} {window.zone}"


def _spans(window: Window, at: datetime, *, days: int) -> Iterator[tuple[datetime, datetime]]:
    """Answer the spans of the days around a moment, in UTC; `days` counts those to come."""
    zone = _zone(window.zone)
    if zone is None:
        return
    today = at.astimezone(zone).date()
    tomorrow = window.closes < window.opens
    for offset in range(-1, days + 1):
        day = today + timedelta(days=offset)
        if _DAYS[day.weekday()] in window.days:
            end = day + _DAY if tomorrow else day
            yield _first_moment(zone, day, window.opens), _first_moment(zone, end, window.closes)


@lru_cache(maxsize=4096)
def _first_moment(zone: tzinfo, day: date, clock: time) -> datetime:
    """Answer the first moment at which a zone's clocks show a time of a day or later, in UTC."""
    wanted = datetime.combine(day, clock)
    found = wanted.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wanted:
        return found
    # The clocks jump over it: the jump lies between the two readings of a time that never is.
    early = wanted.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while found - early > timedelta(seconds=1):
        middle = early + (found - early) / 2
        if middle.astimezone(zone).replace(tzinfo=None) >= wanted:
            found = middle
        else:
            early = middle
    return found.replace(microsecond=0)


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None

"""The only place in the control plane that reads clocks.

Deadlines are told twice: as a time of day, and on the host where they were set as a moment of its boot, which
goes on whatever somebody sets the time of day to, and while the host sleeps.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.config.override import Moment

if TYPE_CHECKING:
    from collections.abc import Callable

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def utc_now() -> datetime:
    """Answer the time now, in UTC."""
    return datetime.now(UTC)


def elapsed_seconds() -> float:
    """Answer the seconds since this host was booted, those in which it slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_moment() -> Moment | None:
    """Answer the moment it is, None where this host does not tell its boots apart."""
    boot = _boot_id()
    return Moment(boot=boot, seconds=elapsed_seconds()) if boot else None


def moment_after(moment: Moment | None, seconds: float) -> Moment | None:
    """Answer the moment a number of seconds later."""
    return Moment(boot=moment.boot, seconds=moment.seconds + seconds) if moment is not None else None


def is_over(deadline: datetime, deadline_moment: Moment | None, now: datetime, here: Moment | None) -> bool:
    """Tell whether a deadline has come: by its moment where that counts, else by the time of day."""
    return seconds_left(deadline, deadline_moment, now, here) <= 0


def seconds_left(
    deadline: datetime, deadline_moment: Moment | None, now: datetime, here: Moment | None
) -> float:
    """Answer the seconds until a deadline, fewer than none once it is over."""
    if deadline_moment is not None and here is not None and deadline_moment.boot == here.boot:
        return deadline_moment.seconds - here.seconds
    return (deadline - now).total_seconds()


@dataclass
class SteadyClock:
    """A clock that is asked for the time of day once, and counts from there: nobody can set it.

    `source` answers the time of day, such as a store's; `elapsed` counts seconds. Raises whatever `source`
    raises, until it has answered once.
    """

    source: Callable[[], datetime]
    elapsed: Callable[[], float] = elapsed_seconds
    _anchor: tuple[datetime, float] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __call__(self) -> datetime:
        """Answer the time now, in UTC."""
        anchor = self._anchor
        if anchor is None:
            with self._lock:
                anchor = self._anchor = self._anchor or (self.source(), self.elapsed())
        at, counted = anchor
        return at + timedelta(seconds=self.elapsed() - counted)


@cache
def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""

"""Times in the audit log: where they run backwards by more than clocks differ.

A clock that was put right leaves such a place in an honest log, so it is told and is no fault by itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
"""How far behind an earlier row a row's time may lie: hosts that share a store differ by less."""

_MAX_TOLD = 100


class Clock:
    """The times of rows in the order of their numbers."""

    def __init__(self) -> None:
        """Start before the first row."""
        self._latest = ""
        self._told: list[str] = []
        self._count = 0

    def add(self, seq: int, at: str) -> None:
        """Look at the next row's time, as the chain writes it.

        What follows a row that is told of is compared with that row: one clock put back is one place.
        """
        # Texts of one width sort as their times do; only what stands behind needs a closer look.
        if at >= self._latest:
            self._latest = at
            return
        try:
            behind = datetime.fromisoformat(self._latest) - datetime.fromisoformat(at)
        except (ValueError, TypeError):
            self._latest = at
            return
        if behind > TOLERANCE:
            self._count += 1
            if self._count <= _MAX_TOLD:
                self._told.append(f"the time of row {seq} is {behind} before that of a row before it")
            self._latest = at

    @property
    def warnings(self) -> tuple[str, ...]:
        """Each such place in words; the first hundred, then how many there are beside."""
        more = self._count - len(self._told)
        return (*self._told, f"and so at {more} more rows") if more else tuple(self._told)

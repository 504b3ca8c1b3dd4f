"""Turns: threads of one process that want the same thing get it in the order in which they came."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class Turns:
    """A lock that is handed to whoever has waited longest; a plain one goes to whoever is quickest."""

    def __init__(self) -> None:
        """Begin with nobody's turn."""
        self._guard = Lock()
        self._is_taken = False
        self._waiting: deque[Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @contextmanager
    def turn(self, timeout_seconds: float) -> Generator[None]:
        """Wait for one's turn and have it inside; raise `TimeoutError`."""
        self._take(timeout_seconds)
        try:
            yield
        finally:
            self._pass_on()

    def _take(self, timeout_seconds: float) -> None:
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return
            place = Lock()
            place.acquire()
            self._waiting.append(place)
        is_mine = False
        try:
            is_mine = place.acquire(timeout=timeout_seconds)
        finally:
            if not is_mine:
                self._leave(place)
        if not is_mine:
            raise TimeoutError

    def _leave(self, place: Lock) -> None:
        """Give up waiting; a turn that came at that very moment goes on to the next one."""
        with self._guard:
            if place in self._waiting:
                self._waiting.remove(place)
                return
        self._pass_on()

    def _pass_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False

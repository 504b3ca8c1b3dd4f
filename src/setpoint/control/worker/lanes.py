"""Lanes: what is to be done to one instance is done one after another, to many instances at once.

Two endings on one instance would only wait for its lock, each with a thread and a connection of its own.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor, Future

_LOG = logging.getLogger("setpoint.worker")


@dataclass
class Lanes:
    """Keys waiting in lanes; a lane is there as long as a thread is at it."""

    _lanes: dict[str, list[str]] = field(default_factory=dict[str, list[str]], init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __len__(self) -> int:
        with self._lock:
            return len(self._lanes)

    def holds(self, lane: str, key: str) -> bool:
        """Tell whether a key waits in a lane, or is being worked on."""
        with self._lock:
            return key in self._lanes.get(lane, ())

    def add(self, lane: str, key: str, pool: Executor, work: Callable[[str], bool]) -> None:
        """Put a key at the end of a lane; where nobody is at it, `work` is called in a thread of `pool`.

        `work` answers whether the lane goes on. Where it does not, what waits in the lane is let go.
        """
        with self._lock:
            if lane in self._lanes:
                self._lanes[lane].append(key)
                return
            self._lanes[lane] = [key]
        pool.submit(self._run, lane, work).add_done_callback(_tell)

    def waiting(self, lane: str) -> Sequence[str]:
        """Answer what waits in a lane behind the key that is being worked on."""
        with self._lock:
            return tuple(self._lanes.get(lane, ())[1:])

    def _run(self, lane: str, work: Callable[[str], bool]) -> None:
        is_open, key = True, self._lanes[lane][0]
        try:
            while is_open:
                is_open = work(key)
                with self._lock:
                    left = self._lanes[lane] = self._lanes[lane][1:]
                    if is_open and left:
                        key = left[0]
                    else:
                        is_open = False
                        del self._lanes[lane]
        except BaseException:
            with self._lock:
                self._lanes.pop(lane, None)
            raise


def _tell(future: Future[None]) -> None:
    """Log what nobody foresaw; whoever put the key into the lane will do so again."""
    if not future.cancelled() and (fault := future.exception()) is not None:
        _LOG.error("a thread of the worker failed", exc_info=fault)

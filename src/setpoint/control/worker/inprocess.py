"""Dispatch within one process: a bounded queue and a few threads."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from setpoint.control.worker.dispatch import Fault, Handler, Task

MOST_WAITING = 20_000
"""How many tasks wait at most; what comes in then is dropped, and handed out again at the next look."""


class InProcessDispatch:
    """Tasks wait in memory, and threads of this process do them."""

    def __init__(self, threads: int, *, most_waiting: int = MOST_WAITING) -> None:
        self._size = threads
        self._most = most_waiting
        self._changed = threading.Condition()
        self._ready: list[tuple[int, int, Task]] = []
        self._parked: dict[str, list[tuple[int, int, Task]]] = {}
        """Tasks whose key somebody works on, by that key."""
        self._waiting: set[tuple[str, str]] = set()
        self._running: set[str] = set()
        self._number = 0
        self._threads: list[threading.Thread] = []
        self._handlers: Mapping[str, Handler] = {}
        self._on_fault: Fault | None = None
        self._is_stopping = False

    def submit(self, tasks: Iterable[Task]) -> int:
        """Let tasks wait for their turn; answer how many were taken."""
        taken = 0
        with self._changed:
            for task in tasks:
                if (task.kind, task.key) in self._waiting or len(self._waiting) >= self._most:
                    continue
                self._waiting.add((task.kind, task.key))
                self._number += 1
                heapq.heappush(self._ready, (-task.priority, self._number, task))
                taken += 1
            self._changed.notify(taken)
        return taken

    def start(self, handlers: Mapping[str, Handler], on_fault: Fault | None = None) -> None:
        """Begin to do tasks, by kind; one of a kind without a handler is told as a fault."""
        self._handlers, self._on_fault, self._is_stopping = dict(handlers), on_fault, False
        for number in range(self._size):
            thread = threading.Thread(target=self._work, name=f"dispatch-{number + 1}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Finish what is being done; what waits is forgotten with the process."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def depth(self) -> dict[str, int]:
        """Answer by kind how many tasks wait."""
        with self._changed:
            return dict(Counter(kind for kind, _ in self._waiting))

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing waits and nothing is being done; answer whether it came to that in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._running, seconds)

    def _work(self) -> None:
        while (task := self._next()) is not None:
            try:
                self._handlers[task.kind](task)
            except Exception as fault:  # noqa: BLE001 - whatever a task raises, its thread goes on
                self._tell(task, fault)
            finally:
                self._finished(task)

    def _next(self) -> Task | None:
        """Wait for a task whose key is free and claim the key; None at the end."""
        with self._changed:
            while not self._is_stopping:
                while self._ready:
                    entry = heapq.heappop(self._ready)
                    task = entry[2]
                    if task.key in self._running:
                        self._parked.setdefault(task.key, []).append(entry)
                        continue
                    self._waiting.discard((task.kind, task.key))
                    self._running.add(task.key)
                    return task
                self._changed.wait()
        return None

    def _finished(self, task: Task) -> None:
        with self._changed:
            self._running.discard(task.key)
            for entry in self._parked.pop(task.key, ()):
                heapq.heappush(self._ready, entry)
            self._changed.notify_all()

    def _tell(self, task: Task, fault: Exception) -> None:
        with suppress(Exception):  # who listens may fail too, and the thread goes on
            if self._on_fault is not None:
                self._on_fault(task, fault)

"""The worker: controllers, each in a thread of its own, and a dispatch for what they hand out."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from setpoint.control.structs import work_out_structs
from setpoint.control.worker.controller import Controller, Stoppable
from setpoint.errors import SetpointError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from setpoint.control.context import Context
    from setpoint.control.worker.dispatch import Dispatch, Task
    from setpoint.control.worker.health import Health

__all__ = ["Controller", "Worker", "await_store"]

LONGEST_PAUSE_SECONDS = 30.0
"""How long a controller that raised is left alone at most."""

_SHORTEST_PAUSE_SECONDS = 0.2
_LOG = logging.getLogger("setpoint.worker")
_Opened = TypeVar("_Opened")


class Worker:
    """Asks each controller again and again, in a thread of its own, so that none waits for another.

    A controller that raises is told of in the worker's health and asked again after a growing pause, for
    ever. `works` says, by kind, how the tasks of the dispatch are done.
    """

    def __init__(
        self,
        context: Context,
        controllers: Iterable[Controller],
        dispatch: Dispatch,
        health: Health,
        works: Mapping[str, Callable[[Context, Task], None]] | None = None,
    ) -> None:
        self._context = context
        self._controllers = tuple(controllers)
        self._dispatch = dispatch
        self._health = health
        self._works = dict(works or {})
        self._is_ending = threading.Event()
        self._threads: list[threading.Thread] = []
        health.controllers = tuple(each.name for each in self._controllers)

    def start(self) -> None:
        """Begin, and answer at once."""
        self._begin()
        for controller in self._controllers:
            thread = threading.Thread(target=self._keep_at, args=[controller], name=controller.name)
            thread.daemon = True
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End in good order: what is in hand is finished; then the worker takes leave of the store."""
        self._is_ending.set()
        for thread in self._threads:
            thread.join()
        self._dispatch.stop()
        for controller in self._controllers:
            if isinstance(controller, Stoppable):
                controller.stop()
        try:
            self._context.store.workers.forget(self._health.id)
        except SetpointError as fault:
            _LOG.warning("the worker could not take leave of the store: %s", fault)

    def once(self) -> None:
        """Begin, but ask each controller once only, in turn; end with `stop`."""
        self._begin()
        for controller in self._controllers:
            self._ask(controller)

    def _begin(self) -> None:
        work_out_structs()
        works = {kind: partial(self._do, work) for kind, work in self._works.items()}
        self._dispatch.start(works, self._tell_task)

    def _keep_at(self, controller: Controller) -> None:
        failures = 0
        while not self._is_ending.is_set():
            pause = self._ask(controller)
            failures = 0 if pause is not None else failures + 1
            if pause is None:
                pause = min(_SHORTEST_PAUSE_SECONDS * 2**failures, LONGEST_PAUSE_SECONDS)
            self._is_ending.wait(max(pause, 0.0))

    def _ask(self, controller: Controller) -> float | None:
        """Ask a controller once; None when it raised."""
        try:
            pause = controller.poll(self._context)
        except Exception as fault:  # noqa: BLE001 - whatever it raises, it is asked again
            said = self._health.failed("poll", controller.name, fault)
            _LOG.warning("%s: %s", controller.name, said, exc_info=_trace(fault))
            return None
        self._health.polled(controller.name)
        return pause

    def _do(self, work: Callable[[Context, Task], None], task: Task) -> None:
        work(self._context, task)
        self._health.task_done(task)

    def _tell_task(self, task: Task, fault: Exception) -> None:
        said = self._health.failed("task", task.kind, fault)
        _LOG.warning("%s %s: %s", task.kind, task.key, said, exc_info=_trace(fault))


def await_store(
    open_store: Callable[[], _Opened],
    is_ending: threading.Event,
    *,
    before_store: Callable[[], float] | None = None,
    tell: Callable[[str], None] | None = None,
) -> _Opened | None:
    """Open the store, and keep at it for ever while it does not answer; None when told to end first.

    `before_store` does what cannot wait for the store, and answers the seconds until it wants to be asked
    again. Raises whatever says that trying again cannot help.
    """
    said = ""
    failures = 0
    while not is_ending.is_set():
        try:
            return open_store()
        except UnavailableError as fault:
            failures += 1
            if tell is not None and str(fault) != said:
                said = str(fault)
                tell(f"{said}; trying again")
        pause = min(_SHORTEST_PAUSE_SECONDS * 2**failures, LONGEST_PAUSE_SECONDS)
        if before_store is not None:
            pause = min(pause, before_store())
        is_ending.wait(max(pause, 0.0))
    return None


def _trace(fault: Exception) -> Exception | None:
    """Answer what is logged with its trace: only what nobody foresaw."""
    return None if isinstance(fault, SetpointError) else fault

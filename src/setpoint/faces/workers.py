"""The library's front for workers: who keeps at it, when each instance was last seen, and one's own worker.

Reached as ``setpoint.workers``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control import gate
from setpoint.control.worker import health
from setpoint.faces.front import Front
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from setpoint.control.crew import Crew
    from setpoint.control.worker.dispatch import Dispatch
    from setpoint.control.worker.health import Sight, WorkerState


class Workers(Front):
    """Those who observe the fleet, end overrides and carry rollouts on."""

    def all(self) -> tuple[WorkerState, ...]:
        """Answer what every worker last said of itself, by its id."""
        return self._context.store.workers.all()

    def is_silent(self, state: WorkerState) -> bool:
        """Tell whether a worker has said nothing for so long that it is taken for dead."""
        return health.is_silent(state, self._context.now())

    def sights(self) -> dict[str, Sight]:
        """Answer what became of the last attempt to look at each instance, by its name."""
        return self._context.store.sights.all()

    def last_seen(self) -> dict[str, datetime]:
        """Answer when each instance was last observed, by a worker or by hand."""
        return self._context.store.sights.last_seen()

    def crew(
        self, dispatch: Dispatch, *, interval_seconds: float = 60.0, metrics_file: Path | None = None
    ) -> Crew:
        """Put a worker together that acts as whoever opened the store; nothing is begun.

        `crew.worker.start()` begins and `crew.worker.stop()` ends it in good order. Each instance is observed
        once in `interval_seconds`; `metrics_file` is written anew every few seconds, for Prometheus.
        Raises `NotPermittedError` for somebody who may not even observe.
        """
        gate.require_somewhere(self._context, Right.OBSERVE)
        from setpoint.control.crew import make_crew

        return make_crew(
            self._context, dispatch, interval_seconds=interval_seconds, metrics_file=metrics_file
        )

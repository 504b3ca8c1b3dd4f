"""The crew: every controller there is, put together around one dispatch for one worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.control.notices import NoticeController
from setpoint.control.overrides import chain
from setpoint.control.rollouts.controller import WORKS, RolloutController
from setpoint.control.worker.health import Health, Heartbeat
from setpoint.control.worker.modes import act
from setpoint.control.worker.reconciler import Reconciler
from setpoint.control.worker.spooling import Spooler
from setpoint.control.worker.sweep import ACT, INTERVAL_SECONDS, OBSERVE, Sweep
from setpoint.control.worker.upkeep import Upkeep
from setpoint.control.worker.worker import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from setpoint.control.context import Context
    from setpoint.control.worker.controller import Controller
    from setpoint.control.worker.dispatch import Dispatch


@dataclass(frozen=True)
class Crew:
    """A worker with those of its parts that others ask something of."""

    context: Context
    worker: Worker
    sweep: Sweep
    health: Health

    def look_at_all(self) -> int:
        """Hand out every instance, whether it is due or not; answer how many."""
        return self.sweep.look_at_all(self.context)


def make_crew(
    context: Context,
    dispatch: Dispatch,
    *,
    interval_seconds: float = INTERVAL_SECONDS,
    metrics_file: Path | None = None,
) -> Crew:
    """Put a worker together; nothing is begun.

    Every instance is observed once in `interval_seconds`. `metrics_file` is written anew at each heartbeat,
    in the text format that Prometheus and its kin collect.
    """
    health = Health(context.now())
    sweep = Sweep(dispatch, interval_seconds=interval_seconds)
    folder = chain.spool_folder(context)
    spoolers = (Spooler(folder, context.read_secret),) if folder is not None else ()
    controllers: tuple[Controller, ...] = (
        Reconciler(),
        *spoolers,
        NoticeController(),
        sweep,
        RolloutController(health.id, dispatch),
        Upkeep(health.id),
        Heartbeat(health, dispatch, sweep.lag_seconds, metrics_file),
    )
    works = {OBSERVE: sweep.observe, ACT: act, **WORKS}
    return Crew(context, Worker(context, controllers, dispatch, health, works), sweep, health)

"""Upkeep: what has to be done now and then, by any one worker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from setpoint.control import proposals
from setpoint.control.notary import checkpoint_if_due
from setpoint.control.worker.health import is_silent

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.control.context import Context

KEPT_SNAPSHOTS = 240
"""Observations kept of each instance: four hours of them, one a minute."""

FORGOTTEN_AFTER = timedelta(hours=1)
"""When a worker that fell silent is taken out of the list."""

_LEASE = "upkeep"
_LEASE_SECONDS = 60.0
_EVERY_SECONDS = 30.0
_PRUNED_EVERY = timedelta(minutes=10)
_SILENT = "worker.silent"


class Upkeep:
    """The controller that brings proposals up to date, and clears away."""

    name = "upkeep"

    def __init__(self, holder: str, *, kept_snapshots: int = KEPT_SNAPSHOTS) -> None:
        self._holder = holder
        self._kept_snapshots = kept_snapshots
        self._pruned_at: datetime | None = None

    def poll(self, context: Context) -> float:
        """Do it all, unless another worker is doing so."""
        lease = context.store.leases.claim(_LEASE, self._holder, _LEASE_SECONDS)
        if lease is None:
            return _EVERY_SECONDS
        try:
            # Withdraws what lost its ground, and escalates what waits too long.
            proposals.changes(context)
            self._watch_workers(context)
            self._clear(context)
            checkpoint_if_due(context)
        finally:
            context.store.leases.release(lease)
        return _EVERY_SECONDS

    def _watch_workers(self, context: Context) -> None:
        """Note once that a worker fell silent, and forget it when it stays so."""
        now = context.now()
        for state in context.store.workers.all():
            if not is_silent(state, now):
                continue
            if not context.store.audit.rows(subject=state.id, action=_SILENT, limit=1):
                detail = {"host": state.host, "pid": state.pid, "seen_at": state.seen_at.isoformat()}
                context.store.audit.append("setpoint", _SILENT, state.id, detail, now)
            if now - state.seen_at > FORGOTTEN_AFTER:
                context.store.workers.forget(state.id)

    def _clear(self, context: Context) -> None:
        known = context.head()[1].instances
        gone = [name for name in context.store.sights.all() if name not in known]
        if gone:
            context.store.sights.forget(gone)
        now = context.now()
        if self._pruned_at is None or now - self._pruned_at >= _PRUNED_EVERY:
            context.store.snapshots.prune(self._kept_snapshots)
            self._pruned_at = now

"""Canonical metrics of every engine: which of them count up and which tell a state, and rates of counters.

A counter is worth only its growth between two observations. What is missing, what was reset in between and
what was read twice at one moment has no rate: not known is not zero.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.config.observation import Observation


_EPOCH_TOLERANCE = timedelta(seconds=2)


class MetricKind(Enum):
    """How a metric is to be read."""

    COUNTER = "counter"
    """Counts up, from the last reset or from no known beginning."""
    GAUGE = "gauge"
    """Tells a state as it is now."""


_COUNTERS = (
    "txn.commit", "txn.rollback",
    "rows.read", "rows.fetched_idx", "rows.ins", "rows.upd", "rows.del",
    "buf.logical_reads", "buf.physical_reads", "buf.free_waits", "buf.evict_or_young",
    "io.backend_writes", "io.fsync", "io.read_bytes", "io.write_bytes", "io.read_seconds", "io.write_seconds",
    "ckpt.timed", "ckpt.requested", "ckpt.pages", "ckpt.write_seconds", "ckpt.sync_seconds",
    "log.bytes", "log.records", "log.full_pages", "log.buffer_waits", "log.sync_seconds",
    "log.position_bytes", "temp.files", "temp.bytes", "sess.active_seconds", "lock.deadlocks",
    "scan.full", "scan.full_rows",
    "conn.made", "conn.threads_made", "cache.table_overflows", "temp.tables", "temp.disk_tables",
    "temp.sort_merges", "log.binlog_spills",
)  # fmt: skip
GAUGES = frozenset({
    "conn.total", "conn.active", "conn.idle_in_txn", "conn.limit", "lock.waiters",
    "mvcc.dead_rows", "mvcc.live_rows", "mvcc.oldest_xid_age", "mvcc.history_length",
    "repl.standbys", "repl.lag_s",
    "backup.running", "disk.free_bytes",
})  # fmt: skip
"""Metrics that tell a state; all others count up."""

KINDS: Mapping[str, MetricKind] = {
    **dict.fromkeys(_COUNTERS, MetricKind.COUNTER),
    **dict.fromkeys(sorted(GAUGES), MetricKind.GAUGE),
}
"""The kind of every canonical metric, by its name."""


def is_gauge(name: str) -> bool:
    """Tell whether a metric tells a state; what an engine's own advisors estimate (``advice.``) does, too."""
    return name in GAUGES or name.startswith("advice.")


def is_one_epoch(earlier: Observation, later: Observation) -> bool:
    """Tell whether two observations count from one beginning.

    Some engines tell how long they have run in whole seconds, so that one beginning is seen a moment apart.
    """
    if earlier.metrics_since is None or later.metrics_since is None:
        return earlier.metrics_since is later.metrics_since
    return abs(earlier.metrics_since - later.metrics_since) <= _EPOCH_TOLERANCE


def level(metric: str, earlier: Observation, later: Observation) -> float | None:
    """Answer a gauge as it was seen last, a counter as its growth per second between two observations.

    None where that is not known: a missing metric, a counter that fell or was reset, no time in between.
    Raises `KeyError` for a name that is no canonical metric.
    """
    kind = KINDS[metric]
    now = later.metrics.get(metric)
    if kind is MetricKind.GAUGE or now is None:
        return now
    before = earlier.metrics.get(metric)
    seconds = (later.at - earlier.at).total_seconds()
    if before is None or seconds <= 0 or now < before or not is_one_epoch(earlier, later):
        return None
    return (now - before) / seconds

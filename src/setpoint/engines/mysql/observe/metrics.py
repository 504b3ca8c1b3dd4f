"""Metrics: the server's cumulative and current counters under canonical names.

Each name and the status variables it is the sum of is one row of a table; of several rows of one name the
first counts whose variables are all there (MariaDB from 10.6 on counts no rows of InnoDB). What a server does
not count is absent, never zero. Sources: the manuals' "Server Status Variables" of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.engines.mysql.observe import transactions

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Metric(NamedTuple):
    name: str
    counted: tuple[str, ...]
    factor: float = 1.0


_METRICS = (
    _Metric("txn.rollback", ("handler_rollback",)),
    _Metric("rows.read", ("innodb_rows_read",)),
    _Metric("rows.fetched_idx", ("handler_read_key",)),
    _Metric("rows.ins", ("innodb_rows_inserted",)),
    _Metric("rows.upd", ("innodb_rows_updated",)),
    _Metric("rows.del", ("innodb_rows_deleted",)),
    _Metric("rows.read", ("rows_read",)),
    _Metric("rows.ins", ("handler_write",)),
    _Metric("rows.upd", ("handler_update",)),
    _Metric("rows.del", ("handler_delete",)),
    _Metric("buf.logical_reads", ("innodb_buffer_pool_read_requests",)),
    _Metric("buf.physical_reads", ("innodb_buffer_pool_reads",)),
    _Metric("buf.free_waits", ("innodb_buffer_pool_wait_free",)),
    _Metric("io.fsync", ("innodb_data_fsyncs",)),
    _Metric("io.read_bytes", ("innodb_data_read",)),
    _Metric("io.write_bytes", ("innodb_data_written",)),
    _Metric("ckpt.pages", ("innodb_buffer_pool_pages_flushed",)),
    _Metric("log.bytes", ("innodb_os_log_written",)),
    _Metric("log.records", ("innodb_log_write_requests",)),
    _Metric("log.full_pages", ("innodb_dblwr_pages_written",)),
    _Metric("log.buffer_waits", ("innodb_log_waits",)),
    _Metric("temp.files", ("created_tmp_disk_tables", "sort_merge_passes")),
    _Metric("temp.tables", ("created_tmp_tables",)),
    _Metric("temp.disk_tables", ("created_tmp_disk_tables",)),
    _Metric("temp.sort_merges", ("sort_merge_passes",)),
    _Metric("log.binlog_spills", ("binlog_cache_disk_use",)),
    _Metric("cache.table_overflows", ("table_open_cache_overflows",)),
    _Metric("mvcc.history_length", ("innodb_history_list_length",)),
    _Metric("conn.made", ("connections",)),
    _Metric("conn.threads_made", ("threads_created",)),
    _Metric("conn.total", ("threads_connected",)),
    _Metric("conn.active", ("threads_running",)),
    _Metric("lock.deadlocks", ("innodb_deadlocks",)),
    _Metric("lock.waiters", ("innodb_row_lock_current_waits",)),
    _Metric("scan.full", ("select_scan", "select_full_join")),
    _Metric("scan.full_rows", ("handler_read_rnd_next",)),
    _Metric("repl.standbys", ("slaves_connected",)),
)

_FACTS = frozenset({
    "uptime", "uptime_since_flush_status", "slave_running", "wsrep_ready", "wsrep_cluster_size",
    "wsrep_cluster_status", "wsrep_local_state_comment", "max_used_connections", "threads_created",
    "opened_tables", "innodb_buffer_pool_pages_total", "innodb_buffer_pool_pages_free", "innodb_page_size",
    "open_tables", "connections", "created_tmp_tables",
})  # fmt: skip

STATUS = frozenset(name for metric in _METRICS for name in metric.counted) | _FACTS | transactions.STATUS
"""The status variables that an observation reads, in lower case."""


def read_metrics(
    status: Mapping[str, str], told: transactions.Transactions, limit: str | None
) -> dict[str, float]:
    """Answer the metrics of a server that answered those status variables; `limit` is max_connections.

    This very session is not counted among the connections.
    """
    found: dict[str, float] = {}
    for metric in _METRICS:
        cells = [_number(status.get(name)) for name in metric.counted]
        known = [cell for cell in cells if cell is not None]
        if len(known) == len(cells) and metric.name not in found:
            found[metric.name] = sum(known) * metric.factor
    for name in ("conn.total", "conn.active"):
        if name in found:
            found[name] = max(0.0, found[name] - 1)
    commits = transactions.read_commits(told, status)
    if commits is not None:
        found["txn.commit"] = commits
    room = _number(limit)
    if room is not None:
        found["conn.limit"] = room
    return dict(sorted(found.items()))


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None

"""Metrics: the server's cumulative and current counters under canonical names.

Each name, its expression and the majors it holds for is one row of a table. What a server or a login cannot
tell is null and then absent, never zero.
"""

from __future__ import annotations

from typing import NamedTuple

_NEWEST = 1_000
MOST_RELATIONS = 20_000
"""Above this many relations in the database, reading the counters of all tables costs more than they tell."""


class _Metric(NamedTuple):
    name: str
    sql: str
    since: int = 13
    until: int = _NEWEST


class MetricsSql(NamedTuple):
    """Three pieces of a statement.

    A JSON object of values, a JSON array of reset times, and what both are read from.
    """

    values: str
    resets: str
    sources: str


_IO_TIMED = "CASE WHEN current_setting('track_io_timing') = 'on' THEN {} END"
_WAL_TIMED = "CASE WHEN current_setting('track_wal_io_timing') = 'on' THEN {} END"
_VISIBLE = "CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN {} END"

_METRICS = (
    _Metric("txn.commit", "d.xact_commit"),
    _Metric("txn.rollback", "d.xact_rollback"),
    _Metric("rows.read", "d.tup_returned"),
    _Metric("rows.fetched_idx", "d.tup_fetched"),
    _Metric("rows.ins", "d.tup_inserted"),
    _Metric("rows.upd", "d.tup_updated"),
    _Metric("rows.del", "d.tup_deleted"),
    _Metric("buf.logical_reads", "d.blks_hit + d.blks_read"),
    _Metric("buf.physical_reads", "d.blks_read"),
    _Metric("buf.free_waits", "b.maxwritten_clean"),
    _Metric("buf.evict_or_young", "i.evictions", 16),
    _Metric("io.backend_writes", "b.buffers_backend", 13, 16),
    _Metric("io.backend_writes", "i.backend_writes", 17),
    _Metric("io.fsync", "i.fsyncs", 16),
    _Metric("io.read_bytes", "i.read_bytes", 16),
    _Metric("io.write_bytes", "i.write_bytes", 16),
    _Metric("io.read_seconds", _IO_TIMED.format("d.blk_read_time / 1000")),
    _Metric("io.write_seconds", _IO_TIMED.format("d.blk_write_time / 1000")),
    _Metric("ckpt.timed", "b.checkpoints_timed", 13, 16),
    _Metric("ckpt.requested", "b.checkpoints_req", 13, 16),
    _Metric("ckpt.pages", "b.buffers_checkpoint", 13, 16),
    _Metric("ckpt.write_seconds", "b.checkpoint_write_time / 1000", 13, 16),
    _Metric("ckpt.sync_seconds", "b.checkpoint_sync_time / 1000", 13, 16),
    _Metric("ckpt.timed", "c.num_timed", 17),
    _Metric("ckpt.requested", "c.num_requested", 17),
    _Metric("ckpt.pages", "c.buffers_written", 17),
    _Metric("ckpt.write_seconds", "c.write_time / 1000", 17),
    _Metric("ckpt.sync_seconds", "c.sync_time / 1000", 17),
    _Metric("log.bytes", "w.wal_bytes", 14),
    _Metric("log.records", "w.wal_records", 14),
    _Metric("log.full_pages", "w.wal_fpi", 14),
    _Metric("log.buffer_waits", "w.wal_buffers_full", 14),
    _Metric("log.sync_seconds", _WAL_TIMED.format("w.wal_sync_time / 1000"), 14, 17),
    _Metric("log.sync_seconds", _WAL_TIMED.format("i.wal_fsync_time / 1000"), 18),
    _Metric(
        "log.position_bytes",
        "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END"
        " - '0/0'::pg_lsn",
    ),
    _Metric("temp.files", "d.temp_files"),
    _Metric("temp.bytes", "d.temp_bytes"),
    _Metric("conn.total", "d.numbackends - 1"),
    _Metric("conn.active", _VISIBLE.format("a.active")),
    _Metric("conn.idle_in_txn", _VISIBLE.format("a.idle_in_txn")),
    _Metric("conn.limit", "current_setting('max_connections')::int"),
    _Metric("sess.active_seconds", "d.active_time / 1000", 14),
    _Metric("lock.deadlocks", "d.deadlocks"),
    _Metric("lock.waiters", "(SELECT count(*) FROM pg_locks WHERE NOT granted)"),
    _Metric("mvcc.dead_rows", "t.dead"),
    _Metric("mvcc.live_rows", "t.live"),
    _Metric("mvcc.oldest_xid_age", "(SELECT max(age(datfrozenxid)) FROM pg_database)"),
    _Metric("scan.full", "t.scans"),
    _Metric("scan.full_rows", "t.scanned"),
    _Metric("backup.running", "(SELECT count(*) FROM pg_stat_progress_basebackup)"),
    _Metric("repl.standbys", "r.standbys"),
    _Metric(
        "repl.lag_s",
        "CASE WHEN NOT pg_is_in_recovery() THEN r.lag_s "
        "WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 "
        "ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END",
    ),
)

_DATABASE_SUMS = (
    "blk_read_time",
    "blk_write_time",
    "blks_hit",
    "blks_read",
    "deadlocks",
    "numbackends",
    "temp_bytes",
    "temp_files",
    "tup_deleted",
    "tup_fetched",
    "tup_inserted",
    "tup_returned",
    "tup_updated",
    "xact_commit",
    "xact_rollback",
)

_IO = """(SELECT sum(evictions) AS evictions, sum(fsyncs) FILTER (WHERE object <> 'wal') AS fsyncs,
  sum(writes) FILTER (WHERE backend_type = 'client backend' AND object = 'relation') AS backend_writes,
  sum({read_bytes}) FILTER (WHERE object <> 'wal') AS read_bytes,
  sum({write_bytes}) FILTER (WHERE object <> 'wal') AS write_bytes,
  sum(fsync_time) FILTER (WHERE object = 'wal') AS wal_fsync_time, max(stats_reset) AS stats_reset
  FROM pg_stat_io) AS i"""

# Tables' counters are this database's alone.
_TABLES = f"""(SELECT sum(n_dead_tup) AS dead, sum(n_live_tup) AS live,
  sum(seq_scan) AS scans, sum(seq_tup_read) AS scanned FROM pg_stat_user_tables
  WHERE (SELECT count(*) FROM pg_class) <= {MOST_RELATIONS}) AS t"""  # noqa: S608 - made of constants alone

_ACTIVITY = """(SELECT count(*) FILTER (WHERE state = 'active') AS active,
  count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_txn
  FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS a"""

_REPLICATION = """(SELECT count(*) AS standbys, max(extract(epoch FROM replay_lag)) AS lag_s
  FROM pg_stat_replication) AS r"""


def metrics_sql(major: int) -> MetricsSql:
    """Answer the pieces that read all metrics of a server of that major."""
    pairs = [f"'{metric.name}', {metric.sql}" for metric in _METRICS if metric.since <= major <= metric.until]
    sources = _sources(major)
    # json_build_object takes at most 100 arguments: JSON has no limit, so two halves are joined as jsonb.
    half = len(pairs) // 2
    values = (
        f"(jsonb_build_object({', '.join(pairs[:half])}) || jsonb_build_object({', '.join(pairs[half:])}))"
    )
    resets = ", ".join(f"{alias}.stats_reset" for alias in "dbcwi" if alias in sources)
    return MetricsSql(values, f"json_build_array({resets})", ", ".join(sources.values()))


def _sources(major: int) -> dict[str, str]:
    """Answer one-row tables by their alias."""
    sums = [*_DATABASE_SUMS, *(["active_time"] if major >= 14 else [])]  # noqa: PLR2004 - came with 14
    database = ", ".join(f"sum({column}) AS {column}" for column in sums)
    sources = {
        "d": f"(SELECT {database}, max(stats_reset) AS stats_reset FROM pg_stat_database) AS d",  # noqa: S608 - made of constants alone
        "b": "pg_stat_bgwriter AS b",
        "t": _TABLES,
        "a": _ACTIVITY,
        "r": _REPLICATION,
    }
    if major >= 14:  # noqa: PLR2004
        sources["w"] = "pg_stat_wal AS w"
    if major >= 16:  # noqa: PLR2004
        counts_bytes = major >= 18  # noqa: PLR2004
        sources["i"] = _IO.format(
            read_bytes="read_bytes" if counts_bytes else "reads * op_bytes",
            write_bytes="write_bytes" if counts_bytes else "writes * op_bytes",
        )
    if major >= 17:  # noqa: PLR2004
        sources["c"] = "pg_stat_checkpointer AS c"
    return sources

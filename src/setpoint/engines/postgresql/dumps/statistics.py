"""Statistics: the numbers of pg_stat_* views, pg_stat_statements and monitoring queries, as samples.

Texts of queries are never kept: they may hold what people typed. A statement goes by its queryid.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING

from setpoint.config.dump import Sample

if TYPE_CHECKING:
    from setpoint.engines.postgresql.dumps.sheet import Sheet
    from setpoint.engines.shapes.table import Table

_IDENTITIES = re.compile(
    r"(?:.*(?<!x)id|toplevel|backend_xid|backend_xmin|transactionid|client_port|sync_priority|.*lsn|database"
    r"|relation|page|tuple)"
)
_HIDDEN = frozenset({"query", "query_text", "statement", "current_query", "short_query", "client_addr"})
_LABEL = re.compile(r"[\w.$-]{1,63}(?: [\w.$-]{1,30}){0,3}")
_TIMES = (
    "now",
    "ts",
    "timestamp",
    "time",
    "clock_timestamp",
    "collected_at",
    "sampled_at",
    "captured_at",
    "at",
)
_COUNTERS = re.compile(
    r"(?:xact|blks?|tup|n_tup|idx|seq|toast|tidx|heap|local_blks|shared_blks|temp_blks|wal|checkpoints|buffers"
    r"|sessions|archived|failed|confl|num|restartpoints|stream|spill|total)_\w+|.*_(?:time|count|total)|sessions"
    r"|evictions|reads|writes|extends|hits|reuses|fsyncs|calls|rows|plans|conflicts|deadlocks|temp_files"
    r"|temp_bytes|checksum_failures|maxwritten_clean|slru_written"
)
_VIEWS = (
    ("pg_stat_statements", {"queryid", "calls"}),
    ("pg_stat_database", {"xact_commit", "xact_rollback"}),
    ("pg_stat_database_conflicts", {"confl_lock", "confl_snapshot"}),
    ("pg_stat_bgwriter", {"buffers_clean", "maxwritten_clean"}),
    ("pg_stat_checkpointer", {"num_timed", "num_requested"}),
    ("pg_stat_wal", {"wal_records", "wal_fpi"}),
    ("pg_stat_io", {"backend_type", "object", "context"}),
    ("pg_stat_archiver", {"archived_count", "failed_count"}),
    ("pg_stat_slru", {"blks_zeroed", "truncates"}),
    ("pg_stat_user_tables", {"n_tup_ins", "n_live_tup"}),
    ("pg_statio_user_tables", {"heap_blks_read", "heap_blks_hit"}),
    ("pg_statio_user_indexes", {"indexrelname", "idx_blks_read"}),
    ("pg_stat_user_indexes", {"indexrelname", "idx_tup_read"}),
    ("pg_stat_replication", {"sent_lsn", "replay_lsn"}),
    ("pg_stat_wal_receiver", {"receive_start_lsn", "slot_name"}),
    ("pg_replication_slots", {"slot_name", "restart_lsn"}),
    ("pg_stat_replication_slots", {"slot_name", "spill_txns"}),
    ("pg_stat_subscription", {"subname", "received_lsn"}),
    ("pg_stat_activity", {"backend_start", "query_start"}),
    ("pg_stat_progress_vacuum", {"heap_blks_total", "heap_blks_scanned"}),
    ("pg_stat_user_functions", {"funcname", "self_time"}),
    ("pg_locks", {"locktype", "granted"}),
    ("pg_stat_ssl", {"ssl", "cipher"}),
)
_OWN = re.compile(
    r"(?:pg_|application_name|autovacuum|n_dead_tup|n_live_tup|blks_|tup_|xact_|datname|relname|relkind|relpages|schemaname"
    r"|indexrelname|txid_|wal_|current_setting|is_superuser|is_super_user|usename|rolname|spcname|oldest_xid"
    r"|oldest_current_xid|percent_towards|checkpoints_|buffers_|server_version|replay_|max_locks_held"
    r"|walwrite|archive_|bloat|numbackends|stats_reset|xmin)"
)
_OTHERS = frozenset(
    {"cl_active", "sv_active", "pool_mode", "changeable", "hostgroup", "srv_host", "total_query_count"}
    | {
        "variable_name",
        "variable_value",
        "con_id",
        "thread_id",
        "total_xact_count",
        "total_query_time",
        "maxwait",
    }
)
_NUMBER = re.compile(r"[-+]?(?:\d{1,400}(?:\.\d{0,100})?|\.\d{1,100})(?:[eE][-+]?\d{1,4})?")
_TRUTH = {"t": 1.0, "f": 0.0}


def view_of(table: Table) -> str | None:
    """Answer the view whose columns these are, None where it is none of those known."""
    words = {word.strip().lower() for word in table.columns}
    return next((view for view, own in _VIEWS if own <= words), None)


def is_own(table: Table) -> bool:
    """Tell whether the columns' words sound like PostgreSQL and like no other product."""
    words = [word.strip().lower() for word in table.columns]
    if table.shape == "psql aligned" and words == ["state", "count"]:
        return True
    return not _OTHERS & set(words) and any(map(_OWN.match, words))


def read_samples(table: Table, sheet: Sheet) -> None:
    """Add every number; where a time stands beside them and rows come again, the later with its rate."""
    columns = [word.strip() for word in table.columns]
    folded = [word.lower() for word in columns]
    clock = table.index(*_TIMES)
    earlier: dict[tuple[str, str], tuple[Sample, datetime | None]] = {}
    for row in table.rows:
        cells = dict(zip(folded, row.cells, strict=False))
        labels = _labels(cells, folded[clock] if clock is not None else "")
        at = _time(row.cells[clock]) if clock is not None and clock < len(row.cells) else None
        for name, word, text in zip(columns, folded, row.cells, strict=False):
            value = _value(word, text, is_alone=len(columns) == 1)
            if value is None:
                continue
            sample = Sample(name=name, value=value, labels=labels, line=row.line)
            key = (name, labels)
            if clock is not None and key in earlier:
                sample = _with_rate(sample, at, *earlier[key])
            earlier[key if clock is not None else (name, f"{labels}\0{row.line}\0{len(earlier)}")] = (
                sample,
                at,
            )
    sheet.samples.extend(sample for sample, _ in earlier.values())


def _with_rate(sample: Sample, at: datetime | None, before: Sample, before_at: datetime | None) -> Sample:
    if at is None or before_at is None or not _COUNTERS.fullmatch(sample.name.lower()[:100]):
        return sample
    try:
        seconds = (at - before_at).total_seconds()
    except TypeError:
        return sample
    if seconds <= 0 or sample.value < before.value:
        return sample
    rate = (sample.value - before.value) / seconds
    return Sample(
        name=sample.name, value=sample.value, labels=sample.labels, line=sample.line, per_second=rate
    )


def _labels(cells: dict[str, str | None], clock: str) -> str:
    told = (
        f"{word}={text.strip()}"
        for word, text in cells.items()
        if text and word != clock and word not in _HIDDEN and _is_label(word, text.strip())
    )
    return ",".join(told)


def _is_label(word: str, text: str) -> bool:
    if _IDENTITIES.fullmatch(word[:100]):
        return _LABEL.fullmatch(text) is not None
    return _LABEL.fullmatch(text) is not None and _number(text) is None and text not in _TRUTH


def _value(word: str, text: str | None, *, is_alone: bool) -> float | None:
    if text is None or _IDENTITIES.fullmatch(word[:100]):
        return None
    stripped = text.strip()
    if is_alone and stripped in _TRUTH:
        return _TRUTH[stripped]
    return _number(stripped)


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    stripped = text.strip()
    if re.search(r"[+-]\d\d$", stripped):
        stripped += ":00"
    try:
        return datetime.fromisoformat(stripped)
    except ValueError:
        return None

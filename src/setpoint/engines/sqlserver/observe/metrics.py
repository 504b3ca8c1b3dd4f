"""Metrics: the server's counters under canonical names, a part of the batch for each view they come from.

The counters called ``.../sec`` are cumulative in the view; their rate is for the reader to make. All count
since the server started.
"""

from __future__ import annotations

_COUNTERS = (
    ("Transactions/sec", "_Total", "txn.commit"),
    ("Log Bytes Flushed/sec", "_Total", "log.bytes"),
    ("Page lookups/sec", "", "buf.logical_reads"),
    ("Page reads/sec", "", "buf.physical_reads"),
    ("Free list stalls/sec", "", "buf.free_waits"),
    ("Checkpoint pages/sec", "", "ckpt.pages"),
    ("Number of Deadlocks/sec", "_Total", "lock.deadlocks"),
    ("Full Scans/sec", "", "scan.full"),
)
"""Counter, its instance, and our name. ``Transactions/sec`` counts transactions that were begun."""
COUNTER_NAMES = {(name.lower(), instance.lower()): metric for name, instance, metric in _COUNTERS}

_PERFORMANCE = f"""
SELECT 'counter', RTRIM(counter_name), RTRIM(instance_name), cntr_value FROM sys.dm_os_performance_counters
WHERE RTRIM(counter_name) IN ({", ".join(f"N'{name}'" for name, _, _ in _COUNTERS)})
  AND RTRIM(instance_name) IN (N'', N'_Total') AND object_name NOT LIKE N'%Buffer Node%'"""  # noqa: S608 - constants
FILES = ("io.read_bytes", "io.write_bytes", "io.read_seconds", "io.write_seconds")
_FILES = """
SELECT 'files', SUM(num_of_bytes_read), SUM(num_of_bytes_written),
  SUM(io_stall_read_ms), SUM(io_stall_write_ms)
FROM sys.dm_io_virtual_file_stats(NULL, NULL)"""
SESSIONS = ("conn.total", "conn.idle_in_txn", "conn.active", "lock.waiters")
_SESSIONS = """
SELECT 'sessions', COUNT(*) - 1,
  SUM(CASE WHEN s.status = N'sleeping' AND s.open_transaction_count > 0 THEN 1 ELSE 0 END),
  SUM(CASE WHEN r.session_id IS NOT NULL AND s.session_id <> @@SPID THEN 1 ELSE 0 END),
  SUM(CASE WHEN r.wait_type LIKE N'LCK%' THEN 1 ELSE 0 END)
FROM sys.dm_exec_sessions AS s LEFT JOIN sys.dm_exec_requests AS r ON r.session_id = s.session_id
WHERE s.is_user_process = 1"""


def metrics_sql() -> tuple[tuple[str, str], ...]:
    """Answer the parts: the name under which each answers, and its query."""
    return ("counter", _PERFORMANCE), ("files", _FILES), ("sessions", _SESSIONS)

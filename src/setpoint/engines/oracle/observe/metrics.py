"""Counters and gauges under their canonical names, and the memory advice as evidence for rules.

Advice is kept as ``advice.PARAMETER.BYTES``: what the server estimates for that parameter at that size. For
`sga_target` and `memory_target` it is database time, for `db_cache_size` blocks read, for
`pga_aggregate_target` how often the target would not be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.engines.oracle.observe.reply import Answer

ADVICE = "advice"
_COUNTERS = {
    "user commits": "txn.commit",
    "user rollbacks": "txn.rollback",
    "session logical reads": "buf.logical_reads",
    "physical reads": "buf.physical_reads",
    "redo size": "log.bytes",
    "redo entries": "log.records",
    "redo buffer allocation retries": "log.buffer_waits",
    "physical read total bytes": "io.read_bytes",
    "physical write total bytes": "io.write_bytes",
    "table scans (long tables)": "scan.full",
}


def read_metrics(answer: Answer) -> dict[str, float]:
    """Answer what is known; missing is missing."""
    found = {_COUNTERS[name]: value for name, value in answer.counters.items() if name in _COUNTERS}
    used, limit = answer.limits.get("sessions", ("", ""))
    if used.isdigit():
        found["conn.total"] = float(used)
    if limit.isdigit():
        found["conn.limit"] = float(limit)
    for parameter, size, estimate in answer.advice:
        found[f"{ADVICE}.{parameter}.{size}"] = estimate
    return dict(sorted(found.items()))

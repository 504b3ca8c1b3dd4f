"""The figures of a trial: those of the load, the same for all engines, and the counters of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.lab.trial import Trial


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a trial: its key, its name for people, how to read it, and which way is better."""

    key: str
    label: str
    read: Callable[[Trial], float]
    digits: int
    is_more_better: bool = False
    is_counter: bool = True


LOAD_FIGURES = (
    Figure("tps", "transactions / s", lambda t: t.load.tps, 0, is_more_better=True, is_counter=False),
    Figure("latency_mean_ms", "latency, mean ms", lambda t: t.load.latency_mean_ms, 2, is_counter=False),
    Figure("latency_p95_ms", "latency, p95 ms", lambda t: t.load.latency_p95_ms or 0.0, 2, is_counter=False),
)
"""What the load generator tells; the first is what is judged."""


def blocks_read(label: str) -> Figure:
    """Answer the blocks (pages) that were not in the engine's own buffers, for each transaction."""
    return Figure("blocks_read", label, lambda t: t.per_transaction.blocks_read, 3)


def log_bytes(label: str) -> Figure:
    """Answer the bytes of write-ahead log (redo log) for each transaction."""
    return Figure("wal_bytes", label, lambda t: t.per_transaction.wal_bytes, 0)


def spilled_bytes(label: str) -> Figure:
    """Answer the bytes of temporary files for each transaction."""
    return Figure("temp_bytes", label, lambda t: t.per_transaction.temp_bytes, 0)


def spilled_tables(label: str) -> Figure:
    """Answer the temporary files, or tables on disk, for each transaction."""
    return Figure("temp_files", label, lambda t: t.per_transaction.temp_files, 3)

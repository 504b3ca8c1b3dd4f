"""What several rules read the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.recommend import Evidence

MB, GB = 2**20, 2**30

DOCS = "PostgreSQL documentation"

FEW_ROWS, MANY_ROWS = 1_000, 100_000
"""Rows read per transaction below which a workload is short transactions, and above which it is analytics."""


def rows_per_transaction(evidence: Evidence) -> float:
    """Answer the rows read per transaction; rules that ask for them name the metric as needed."""
    return evidence.per_transaction("rows.read") or 0.0


def step_up(amount: float, step: int) -> int:
    """Round up to a whole number of steps."""
    return -(-int(amount) // step) * step


def count(number: float) -> str:
    """Write a count for people."""
    return f"{number:.0f}"

"""Access to pages: what they cost the planner, and whether anybody measures it."""

# ruff: noqa: PLR2004 - a threshold stands in its rule, whose docstring gives the reason
from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.postgresql.rules.reading import DOCS, FEW_ROWS, count, rows_per_transaction
from setpoint.recommend import Proposal, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence


def io_is_not_timed(evidence: Evidence) -> Iterator[Proposal]:
    """Time reads and writes where there are enough of them to matter.

    Without `track_io_timing` nobody can tell a slow disk from a busy processor. Fires from 100 000 blocks
    read. The clock is cheap on current hosts; `pg_test_timing` tells.
    """
    reads = evidence.growth("buf.physical_reads") or 0
    if evidence.amount("track_io_timing") is False and reads >= 100_000:
        yield Proposal(
            "track_io_timing",
            True,  # noqa: FBT003 - the value proposed
            reason=f"{reads:.0f} blocks were read and nobody knows how long that took",
            expected="read and write times in the statistics",
            risk="two clock reads per block",
            evidence={"blocks read": count(reads)},
        )


def random_pages_overpriced(evidence: Evidence) -> Iterator[Proposal]:
    """Lower `random_page_cost` from its default of 4 on local solid state, for short transactions only.

    The default is meant for spinning disks. With analytics on warm data 1.1 was measured 29 % slower, so
    transactions that read more than 1 000 rows keep it silent, and so does storage that nobody has
    declared.
    """
    cost, rows = evidence.number("random_page_cost"), rows_per_transaction(evidence)
    if cost == 4 and evidence.facts.storage in ("ssd", "nvme") and rows < FEW_ROWS:
        yield Proposal(
            "random_page_cost",
            1.1,
            reason=f"a transaction reads {rows:.0f} rows and pages from {evidence.facts.storage} are cheap",
            expected="index scans where sequential ones were chosen",
            risk="plans change; reports beside the short transactions may slow down",
            evidence={"storage": evidence.facts.storage, "rows read per transaction": count(rows)},
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="PG010",
        title="reads and writes are not timed",
        examine=io_is_not_timed,
        source=f"{DOCS}, 19.9.1",
        metrics=("buf.physical_reads",),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="PG012",
        title="random pages are overpriced for solid state",
        examine=random_pages_overpriced,
        source=f"{DOCS}, 19.7.2; own measurement",
        judges=("random_page_cost",),
        metrics=("rows.read",),
        facts=("storage",),
        seconds=30,
        transactions=1000,
    ),
)

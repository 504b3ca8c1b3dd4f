"""Upkeep: vacuum, transaction ids and the sessions that hold them back."""

# ruff: noqa: PLR2004 - a threshold stands in its rule, whose docstring gives the reason
from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.postgresql.rules.reading import DOCS, count
from setpoint.recommend import Proposal, Remark, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence


def idle_in_transaction(evidence: Evidence) -> Iterator[Remark]:
    """Tell when many sessions sit idle inside a transaction.

    They hold locks and keep vacuum from cleaning. Ending them by `idle_in_transaction_session_timeout`
    breaks applications that are not ready for it, so no value is proposed.
    """
    idle, total = evidence.state("conn.idle_in_txn") or 0, evidence.state("conn.total") or 0
    if idle >= 5 and idle >= 0.25 * total:
        yield Remark(
            f"{idle:.0f} of {total:.0f} sessions are idle in a transaction",
            {"idle in transaction": count(idle), "connections": count(total)},
            "end transactions in the application; idle_in_transaction_session_timeout is the last resort",
        )


def autovacuum_falls_behind(evidence: Evidence) -> Iterator[Proposal]:
    """Let autovacuum work faster when dead rows pile up past its own threshold.

    Fires when there are 100 000 dead rows and a tenth of the live ones more than
    `autovacuum_vacuum_scale_factor` allows, while autovacuum is on: then it starts and does not keep up.
    Raises the cost limit to 1000; beyond that it is for a person to decide.
    """
    dead, live = evidence.state("mvcc.dead_rows") or 0, evidence.state("mvcc.live_rows") or 0
    factor, own = (
        evidence.number("autovacuum_vacuum_scale_factor"),
        evidence.number("autovacuum_vacuum_cost_limit"),
    )
    limit = evidence.number("vacuum_cost_limit") if own is None or own <= 0 else own
    if factor is None or limit is None or evidence.amount("autovacuum") is not True:
        return
    if dead >= 100_000 and dead > (factor + 0.1) * live and limit < 1000:
        yield Proposal(
            "autovacuum_vacuum_cost_limit",
            1000,
            reason=f"{dead:.0f} dead rows beside {live:.0f} live ones: autovacuum does not keep up",
            expected="fewer dead rows",
            risk="vacuum reads and writes more at a time",
            evidence={"dead rows": count(dead), "live rows": count(live), "cost limit": count(limit)},
        )


def transaction_ids_run_out(evidence: Evidence) -> Iterator[Remark]:
    """Tell when the oldest transaction id grows towards the point where the server stops taking writes.

    A warning once it is half again as old as `autovacuum_freeze_max_age`, critical from 1.5 of the 2.1
    thousand million.
    """
    age, limit = evidence.state("mvcc.oldest_xid_age") or 0, evidence.number("autovacuum_freeze_max_age")
    if limit is None or age <= min(1.5 * limit, 1.5e9):
        return
    yield Remark(
        f"the oldest transaction id is {age:.0f} transactions old; writes stop at about 2 100 000 000",
        {"oldest transaction id": count(age), "autovacuum_freeze_max_age": count(limit)},
        "end long and forgotten prepared transactions, drop stale slots, then VACUUM (FREEZE)",
        Severity.CRITICAL if age >= 1.5e9 else None,
    )


def autovacuum_off(evidence: Evidence) -> Iterator[Proposal]:
    """Switch autovacuum and the counts it lives on back on: without them tables bloat until writes stop."""
    for name in ("autovacuum", "track_counts"):
        if evidence.amount(name) is False:
            yield Proposal(
                name,
                True,  # noqa: FBT003 - the value proposed
                reason=f"{name} is off: dead rows and transaction ids pile up",
                expected="tables are vacuumed and analysed by themselves",
                risk="work that was put off starts at once",
            )


RULES: tuple[Rule, ...] = (
    Rule(
        code="PG006",
        title="sessions sit idle in transactions",
        examine=idle_in_transaction,
        source=f"{DOCS}, 19.11.1",
        severity=Severity.WARNING,
        metrics=("conn.idle_in_txn", "conn.total"),
    ),
    Rule(
        code="PG007",
        title="autovacuum does not keep up",
        examine=autovacuum_falls_behind,
        source=f"{DOCS}, 24.1 and 19.10",
        judges=("autovacuum_vacuum_cost_limit",),
        metrics=("mvcc.dead_rows", "mvcc.live_rows"),
        seconds=600,
        transactions=1000,
    ),
    Rule(
        code="PG008",
        title="transaction ids run out",
        examine=transaction_ids_run_out,
        source=f"{DOCS}, 24.1.5",
        severity=Severity.WARNING,
        metrics=("mvcc.oldest_xid_age",),
    ),
    Rule(
        code="PG015",
        title="autovacuum is switched off",
        examine=autovacuum_off,
        source=f"{DOCS}, 19.10",
        severity=Severity.WARNING,
    ),
)

"""How many transactions sessions have committed, from whichever of the server's counters tells it.

Measured on MySQL 9.7 and MariaDB 10.5, 10.11 and 11.8 with known loads. `Com_commit` knows of no statement
that commits by itself. `Handler_commit` counts each statement that touches a table, in a transaction or out
of it, and each commit on top, once more for each engine that takes part, the binary log being one. What
counts transactions is MySQL's performance_schema, by default from 8.0 on, and MariaDB's InnoDB where its
counters `trx_%` are turned on (`innodb_monitor_enable`), which by default they are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS = frozenset({"handler_commit", "handler_prepare", "handler_rollback"})
"""The status variables it takes besides."""

# Background threads have no user: MySQL's own write down which GTIDs were seen, up to ten times a second.
ENDED = """(SELECT CAST(g.count_star AS SIGNED) - COALESCE((
      SELECT CAST(SUM(count_star) AS SIGNED)
      FROM performance_schema.events_transactions_summary_by_user_by_event_name
      WHERE user IS NULL AND event_name = 'transaction'), 0)
  FROM performance_schema.events_transactions_summary_global_by_event_name AS g
    JOIN performance_schema.setup_instruments AS i ON i.name = g.event_name AND i.enabled = 'YES'
    JOIN performance_schema.setup_consumers AS c ON c.name = 'global_instrumentation' AND c.enabled = 'YES'
  WHERE g.event_name = 'transaction')"""
"""What MySQL's sessions ended, null where it is not counted; asks for SELECT on performance_schema."""

ROLLBACKS = """(SELECT count_star FROM performance_schema.events_statements_summary_global_by_event_name
  WHERE event_name = 'statement/sql/rollback')"""
"""How often MySQL's sessions said ROLLBACK, whether or not there was a transaction; asks for the same."""

COMMITTED = """(SELECT IF(COUNT(*) = 4, CAST(SUM(IF(name = 'trx_rollbacks', -count, count)) AS SIGNED), NULL)
  FROM information_schema.innodb_metrics
  WHERE name IN ('trx_rw_commits', 'trx_ro_commits', 'trx_nl_ro_commits', 'trx_rollbacks') AND enabled = 1)"""
"""What MariaDB's InnoDB committed, null where it is not counted; asks for PROCESS. It counts what was rolled
back as a commit, too.
"""


class Transactions(msgspec.Struct, frozen=True):
    """What the server counts, null where it does not.

    `ended` are transactions that ended one way or the other, `rollbacks` statements that ask for it.
    """

    ended: float | None = None
    rollbacks: float | None = None
    committed: float | None = None


def read_commits(told: Transactions, status: Mapping[str, str]) -> float | None:
    """Answer the commits, None where nothing tells them.

    Sessions that roll back what they never began (as pools of connections do) raise the number of such
    statements alone, statements that fail `Handler_rollback` alone; the lesser of both are the transactions
    that were rolled back. Where only handlers count, each statement within a transaction is counted, too.
    """
    if told.ended is not None:
        back = min(told.rollbacks or 0, _count(status, "handler_rollback") or 0)
        return max(0.0, told.ended - back)
    if told.committed is not None:
        return max(0.0, told.committed)
    handled = _count(status, "handler_commit")
    # What is prepared is prepared by InnoDB and by the binary log, and committed by both.
    return handled - (_count(status, "handler_prepare") or 0) / 2 if handled is not None else None


def _count(status: Mapping[str, str], name: str) -> float | None:
    try:
        return float(status[name])
    except (KeyError, ValueError):
        return None

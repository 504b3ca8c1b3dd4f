"""Tuning rules of MariaDB: those it shares with MySQL, and its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.rules import SHARED
from setpoint.engines.mysql.rules.reading import MARIADB_DOCS, is_off
from setpoint.recommend import Proposal, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence

_BUFFERING = "innodb_change_buffering"


def changes_buffered(evidence: Evidence) -> Iterator[Proposal]:
    """Write changes to secondary indexes at once: `innodb_change_buffering` none.

    Buffered changes were found to damage secondary indexes after crashes; MariaDB has them off by default
    from 10.5.15, 10.6.7, 10.7.3 and 10.8.2 on, and dropped them with 11.0. An option file of former times
    turns them on again.
    """
    value = evidence.text(_BUFFERING)
    if not is_off(value):
        yield Proposal(
            _BUFFERING,
            "none",
            reason=f"{_BUFFERING} is {value}: buffered changes can damage secondary indexes",
            expected="nothing to merge after a crash",
            risk="secondary indexes that do not fit the buffer pool are read when they change",
            evidence={_BUFFERING: value},
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="MA001",
        title="changes to secondary indexes are buffered",
        examine=changes_buffered,
        source=f"{MARIADB_DOCS}, InnoDB Change Buffering (MDEV-27734)",
        severity=Severity.WARNING,
    ),
    *SHARED,
)
"""Every rule, by code."""

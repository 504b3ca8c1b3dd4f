"""Sessions and what they share: caches of tables and threads, the query cache, and what holds others back."""

# ruff: noqa: PLR2004 - a threshold stands in its rule, whose docstring gives the reason
from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.rules.reading import DOCS, count, is_off, per_second, writes_per_transaction
from setpoint.recommend import Proposal, Remark, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence

_TABLES = "table_open_cache"
_FILES_PER_TABLE = 2
_OTHER_FILES = 10


def table_cache_too_small(evidence: Evidence) -> Iterator[Proposal | Remark]:
    """Raise `table_open_cache` when tables are closed for want of room in it.

    Fires at a hundred tables closed and one each second. Proposes twice as many, at most what the server's
    limit of open files holds, to which it would be cut down anyway; without room it tells of that limit.
    """
    closed, rate = (
        evidence.growth("cache.table_overflows") or 0,
        per_second(evidence, "cache.table_overflows"),
    )
    current = evidence.number(_TABLES)
    if current is None or closed < 100 or rate < 1:
        return
    seen = {"tables closed for room": count(closed), "each second": f"{rate:.1f}"}
    files, connections = evidence.number("open_files_limit"), evidence.number("max_connections") or 0
    room = (files - connections - _OTHER_FILES) / _FILES_PER_TABLE if files else float("inf")
    target = int(min(2 * current, room))
    if target >= 1.25 * current:
        yield Proposal(
            _TABLES,
            target,
            reason=f"{closed:.0f} tables were closed to make room among {current:.0f}",
            expected="tables stay open between statements",
            risk="more open files, and some kilobytes of memory for each table",
            evidence=seen,
        )
    else:
        yield Remark(
            f"{closed:.0f} tables were closed to make room, and the limit of open files is in the way",
            {**seen, "open_files_limit": count(files or 0)},
            "raise open_files_limit and the limit of the service, then table_open_cache",
        )


def thread_cache_too_small(evidence: Evidence) -> Iterator[Proposal]:
    """Raise `thread_cache_size` when connections come so fast that threads are made for them.

    Fires at a hundred threads made and one each second; not where a pool of threads serves. Proposes twice
    as many, at least 64, at most `max_connections` and 1 024.
    """
    made, rate = evidence.growth("conn.threads_made") or 0, per_second(evidence, "conn.threads_made")
    current, limit = evidence.number("thread_cache_size"), evidence.number("max_connections")
    has_pool = "pool" in evidence.text("thread_handling") or "dynamic" in evidence.text("thread_handling")
    if current is None or limit is None or has_pool or made < 100 or rate < 1:
        return
    target = int(min(max(2 * current, 64), limit, 1024))
    if target >= 1.25 * current:
        yield Proposal(
            "thread_cache_size",
            target,
            reason=f"{rate:.1f} threads are made each second for new connections",
            expected="connections find a thread that waits",
            risk="each waiting thread keeps its stack",
            evidence={"threads made": count(made), "each second": f"{rate:.1f}"},
        )


def query_cache_on(evidence: Evidence) -> Iterator[Proposal]:
    """Turn the query cache off where there are writes: `query_cache_type` OFF.

    All sessions pass through its one lock, and each write to a table throws away what was kept of it. Fires
    when a transaction in ten writes a row. MySQL dropped the cache with 8.0.
    """
    size, writes = evidence.number("query_cache_size") or 0, writes_per_transaction(evidence)
    if is_off(evidence.text("query_cache_type")) or not size or writes < 0.1:
        return
    yield Proposal(
        "query_cache_type",
        "OFF",
        reason=f"{writes:.1f} rows are written per transaction, and each write empties its table's cache",
        expected="sessions do not wait for the cache's lock",
        risk="statements that the cache did answer are run again",
        evidence={"query_cache_size": evidence.size(size), "rows written per transaction": f"{writes:.1f}"},
    )


def scans_not_logged(evidence: Evidence) -> Iterator[Proposal]:
    """Log slow statements where whole tables are read.

    Fires when a transaction in ten, and a thousand in all, read a whole table or joined without an index
    while `slow_query_log` is off: nobody can tell which statements they are.
    """
    scans, share = evidence.growth("scan.full") or 0, evidence.per_transaction("scan.full") or 0
    if evidence.amount("slow_query_log") is False and scans >= 1000 and share >= 0.1:
        yield Proposal(
            "slow_query_log",
            True,  # noqa: FBT003 - the value proposed
            reason=f"whole tables were read {scans:.0f} times and no statement is on record",
            expected="statements that take longer than long_query_time are in the log",
            risk="statements are logged with the data in them",
            evidence={
                "long_query_time": evidence.text("long_query_time"),
                "whole tables read": count(scans),
                "per transaction": f"{share:.1f}",
            },
        )


def host_names_looked_up(evidence: Evidence) -> Iterator[Remark]:
    """Tell when each new client's name is looked up while many connect.

    A name server that stalls then keeps clients out. Fires at one connection each second over ten minutes.
    Accounts that name hosts stop working with `skip_name_resolve`, so no value is proposed.
    """
    rate = per_second(evidence, "conn.made")
    if evidence.amount("skip_name_resolve") is False and rate >= 1:
        yield Remark(
            f"{rate:.1f} clients connect each second, and the names of their hosts are looked up",
            {"connections each second": f"{rate:.1f}"},
            "see that no account in mysql.user names a host by name, then set skip_name_resolve",
        )


def purge_falls_behind(evidence: Evidence) -> Iterator[Remark]:
    """Tell when old row versions pile up.

    From a million on, reads walk through them. Mostly one long transaction holds them; only when there is
    none do more `innodb_purge_threads` help, so no value is proposed.
    """
    length = evidence.state("mvcc.history_length") or 0
    if length >= 1_000_000:
        yield Remark(
            f"{length:.0f} transactions' old row versions wait to be purged",
            {"history": count(length), "innodb_purge_threads": evidence.text("innodb_purge_threads")},
            "end long transactions (information_schema.innodb_trx); else raise innodb_purge_threads",
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="MY013",
        title="tables are closed for want of room",
        examine=table_cache_too_small,
        source=f"{DOCS}, How MySQL Opens and Closes Tables",
        judges=(_TABLES,),
        metrics=("cache.table_overflows",),
        seconds=60,
        transactions=1000,
    ),
    Rule(
        code="MY014",
        title="threads are made for new connections",
        examine=thread_cache_too_small,
        source=f"{DOCS}, Connection Interfaces",
        judges=("thread_cache_size",),
        metrics=("conn.threads_made",),
        seconds=60,
        transactions=1000,
    ),
    Rule(
        code="MY015",
        title="the query cache is on under writes",
        examine=query_cache_on,
        source="MySQL 5.7 Reference Manual, The MySQL Query Cache; MariaDB Server Documentation, Query Cache",
        judges=("query_cache_type", "query_cache_size"),
        metrics=("rows.ins", "rows.upd", "rows.del"),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="MY018",
        title="whole tables are read and nothing is logged",
        examine=scans_not_logged,
        source=f"{DOCS}, The Slow Query Log",
        metrics=("scan.full",),
        seconds=60,
        transactions=1000,
    ),
    Rule(
        code="MY019",
        title="host names are looked up",
        examine=host_names_looked_up,
        source=f"{DOCS}, DNS Lookups and the Host Cache",
        metrics=("conn.made",),
        seconds=600,
        transactions=1000,
    ),
    Rule(
        code="MY020",
        title="old row versions pile up",
        examine=purge_falls_behind,
        source=f"{DOCS}, Purge Configuration",
        severity=Severity.WARNING,
        metrics=("mvcc.history_length",),
    ),
)

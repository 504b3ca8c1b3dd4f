"""What a server counts while a load runs, under the same names whatever the engine.

Counters repeat far better than throughput does. How an engine tells them is data: a statement, and which of
the names it answers make up which counter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from setpoint.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.lab.mysql_binaries import Kind

Ask = Callable[[str], str]
"""Runs one statement and answers its rows as text, one a line, with ``|`` between the fields."""


class Counters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counters of a server, since it began or between two readings.

    Blocks (pages) asked for that were not, and that were, in the engine's own buffers; bytes, and number,
    of temporary files or tables on disk; commits; bytes added to the write-ahead log (redo log). What an
    engine does not count stays 0; its ``CounterSource`` says which.
    """

    blocks_read: int = 0
    blocks_hit: int = 0
    temp_bytes: int = 0
    temp_files: int = 0
    commits: int = 0
    wal_bytes: int = 0

    def since(self, before: Counters) -> Counters:
        """Return what was added since an earlier reading."""
        return Counters(
            **{name: getattr(self, name) - getattr(before, name) for name in self.__struct_fields__}
        )

    def per(self, transactions: int) -> PerTransaction:
        """Return the counters that repeat, divided by a load's transactions."""
        count = max(1, transactions)
        names = PerTransaction.__struct_fields__
        return PerTransaction(**{name: getattr(self, name) / count for name in names})


class PerTransaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The counters that repeat, for one transaction of the load."""

    blocks_read: float
    blocks_hit: float
    temp_bytes: float
    temp_files: float
    wal_bytes: float


@dataclass(frozen=True, slots=True)
class CounterSource:
    """How an engine tells its counters: a statement that answers rows of a name and a number.

    ``terms`` says of which names each counter is the sum; a minus before a name takes it away. A counter
    without terms is not kept by the engine.
    """

    statement: str
    terms: Mapping[str, tuple[str, ...]]

    def counts(self, name: str) -> bool:
        """Say whether the engine keeps a counter."""
        return name in self.terms

    def read(self, ask: Ask) -> Counters:
        """Read the counters now.

        Raises:
            LabError: the answer lacks a name, or what stands there is no whole number.
        """
        answer = ask(self.statement)
        rows = (line.partition("|") for line in answer.splitlines())
        figures = {name: value for name, _, value in rows}
        try:
            return Counters(
                **{name: sum(_signed(figures, term) for term in terms) for name, terms in self.terms.items()}
            )
        except (KeyError, ValueError) as fault:
            raise LabError(f"the server's counters cannot be read from {answer!r}: {fault}") from fault


def _signed(figures: Mapping[str, str], term: str) -> int:
    value = int(figures[term.removeprefix("-")])
    return -value if term.startswith("-") else value


POSTGRESQL_COUNTERS = CounterSource(
    """
    select told.name, told.value from pg_stat_database d, lateral (values ('blks_read', d.blks_read),
    ('blks_hit', d.blks_hit), ('temp_bytes', d.temp_bytes), ('temp_files', d.temp_files),
    ('xact_commit', d.xact_commit),
    ('wal_lsn', pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint)) told (name, value)
    where d.datname = current_database()
    """,
    MappingProxyType(
        {
            "blocks_read": ("blks_read",),
            "blocks_hit": ("blks_hit",),
            "temp_bytes": ("temp_bytes",),
            "temp_files": ("temp_files",),
            "commits": ("xact_commit",),
            "wal_bytes": ("wal_lsn",),
        }
    ),
)
"""Of the database connected to; the WAL is the server's."""


def _count_innodb(lsn: str) -> CounterSource:
    """Return the source of a product whose status variable of this name is the redo log's position.

    The position, unlike ``Innodb_os_log_written``, counts what is not written out yet.
    """
    terms = {
        "blocks_read": ("Innodb_buffer_pool_reads",),
        "blocks_hit": ("Innodb_buffer_pool_read_requests", "-Innodb_buffer_pool_reads"),
        "temp_files": ("Created_tmp_disk_tables",),
        "commits": ("Handler_commit",),
        "wal_bytes": (lsn,),
    }
    names = sorted({term.removeprefix("-") for row in terms.values() for term in row})
    quoted = ", ".join(f"'{name}'" for name in names)
    statement = f"show global status where variable_name in ({quoted})"
    return CounterSource(statement, MappingProxyType(terms))


MYSQL_COUNTERS: Mapping[Kind, CounterSource] = MappingProxyType(
    {
        "mariadb": _count_innodb("Innodb_lsn_current"),
        "mysql": _count_innodb("Innodb_redo_log_current_lsn"),
    }
)
"""Of the whole server. ``Handler_commit`` counts also what commits without a word, as single selects do."""

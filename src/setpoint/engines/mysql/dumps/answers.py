"""Reading what queries answer that are no list of variables: SELECT @@name, version(), SHOW REPLICA STATUS.

Of the tables that show what a server is doing the numbers are kept, under the columns' own names; texts of
statements and of faults never are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.config.dump import SESSION, Dump, Problem, Sample
from setpoint.engines.document import Likeness
from setpoint.engines.mysql.dumps.evidence import likeness, number_of
from setpoint.engines.mysql.dumps.running import RunningValues

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import DumpSetting
    from setpoint.engines.document import Document
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind
    from setpoint.engines.shapes.table import Table

_VARIABLE = re.compile(r"@@(?:(global|session|local|persist)\.)?([A-Za-z_][\w.]*)", re.IGNORECASE)
_VERSION = re.compile(r"(?:@@(?:global\.)?)?version(?:\(\))?", re.IGNORECASE)
_NUMBER_OF_SERVER = re.compile(r"\s*(?:[345]|8|9|1[0-3])\.\d{1,2}\.\d{1,3}(?:-\S*)?\s*")
_NUMBER = re.compile(r"-?\d{1,25}(?:\.\d{1,25})?")
_LABEL = re.compile(r"[\w.@%:$-]{1,64}(?: [\w.@%:$-]{1,30}){0,3}")
_TABLES: tuple[tuple[str, frozenset[str]], ...] = (
    ("SHOW REPLICA STATUS", frozenset({"slave_io_running", "slave_sql_running"})),
    ("SHOW REPLICA STATUS", frozenset({"replica_io_running", "replica_sql_running"})),
    ("SHOW REPLICA STATUS", frozenset({"slave_io_state", "master_host"})),
    ("SHOW BINARY LOG STATUS", frozenset({"file", "position", "binlog_do_db"})),
    ("user_statistics", frozenset({"total_connections", "busy_time"})),
    ("SHOW PROCESSLIST", frozenset({"id", "user", "command", "time"})),
    ("SHOW PROCESSLIST", frozenset({"time", "user"})),
    ("SHOW ENGINES", frozenset({"engine", "support", "transactions"})),
    ("SHOW PLUGINS", frozenset({"name", "status", "library", "license"})),
)
_OF_MARIADB = frozenset({"using_gtid", "gtid_io_pos", "connection_name", "progress", "binlog_bytes_written"})
_OF_MYSQL = frozenset(
    {"retrieved_gtid_set", "channel_name", "master_uuid", "source_uuid", "executed_gtid_set"}
)
_IDENTITIES = frozenset(
    {"connection_name", "channel_name", "master_host", "source_host", "user", "id", "engine", "name", "file"}
)
_HEAD_CHARACTERS = 200_000
_SURE, _ELSE = 90, 15


@dataclass(frozen=True)
class AnswerReader:
    """Reads the tables that a query answers."""

    engine: Kind
    meanings: Meanings
    kind: str = "query output"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by the columns."""
        if document.is_binary or not _may_be(document.text[:_HEAD_CHARACTERS].lower()):
            return None
        tables = [table for table in document.tables if self._kind_of(table)]
        if not tables:
            return None
        words = {word for table in tables for word in _words(table)}
        own, other = (_OF_MARIADB, _OF_MYSQL) if self.engine == "mariadb" else (_OF_MYSQL, _OF_MARIADB)
        if bool(words & own) != bool(words & other):
            return Likeness(_SURE if words & own else _ELSE, "columns that only one of the two has")
        return likeness(document, self.engine, "it answers a query about a server")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the settings and the numbers of every table."""
        tables = [(table, kind) for table in document.tables if (kind := self._kind_of(table))]
        told = next(filter(None, (_version_of(table) for table, _ in tables)), None)
        values = RunningValues(self.meanings, told or version)
        settings: dict[str, DumpSetting] = {}
        samples: list[Sample] = []
        problems: list[Problem] = []
        for table, kind in tables:
            problems.extend(table.problems)
            if kind == "SELECT":
                settings |= {each.name: each for each in _settings(table, values)}
            elif kind != "version":
                samples.extend(_samples(table))
        return (
            Dump(
                path=document.path,
                engine=self.engine,
                kind=" + ".join(dict.fromkeys(kind for _, kind in tables)),
                version=told or version,
                is_running=True,
                settings=tuple(settings.values()),
                samples=tuple(samples),
                redacted=tuple(values.redacted),
                problems=(*problems, *values.problems),
            ),
        )

    def _kind_of(self, table: Table) -> str:
        """Answer what a table is, empty where it is none of these."""
        words = _words(table)
        if not words:
            return ""
        if len(words) == 1 and _VERSION.fullmatch(words[0]):
            return "version" if _version_of(table) else ""
        found = [_VARIABLE.fullmatch(word) for word in words]
        if all(found):
            is_known = any(match is not None and match[2] in self.meanings.names for match in found)
            return "SELECT" if is_known else ""
        return next((kind for kind, own in _TABLES if own <= set(words) and _fits(own, words)), "")


def _may_be(head: str) -> bool:
    words = ("@@", "version()", "slave_", "replica_", "binlog_do_db", "busy_time", "support", "library")
    return any(word in head for word in words) or ("time" in head and "user" in head)


def _fits(own: frozenset[str], words: Sequence[str]) -> bool:
    """Tell whether columns that others may have as well stand alone."""
    return "time" not in own or len(own) > 2 or len(words) == len(own)  # noqa: PLR2004 - time and user


def _words(table: Table) -> list[str]:
    return [word.strip().lower() for word in table.columns]


def _version_of(table: Table) -> str | None:
    """Answer the version that a column shows."""
    for at, word in enumerate(_words(table)):
        cell = table.rows[0].cells[at] if table.rows and at < len(table.rows[0].cells) else None
        if cell and _VERSION.fullmatch(word) and _NUMBER_OF_SERVER.fullmatch(cell):
            return number_of(cell)
    return None


def _settings(table: Table, values: RunningValues) -> Iterator[DumpSetting]:
    for row in table.rows[:1]:
        for word, cell in zip(_words(table), row.cells, strict=False):
            match = _VARIABLE.fullmatch(word)
            if match is not None:
                scope = SESSION if match[1] in {"session", "local"} else None
                yield values.setting(match[2], cell, row.line, scope=scope)


def _samples(table: Table) -> Iterator[Sample]:
    words = _words(table)
    for row in table.rows:
        labels = ",".join(
            f"{word}={cell.strip()}"
            for word, cell in zip(words, row.cells, strict=False)
            if word in _IDENTITIES and cell and _LABEL.fullmatch(cell.strip())
        )
        for name, word, cell in zip(table.columns, words, row.cells, strict=False):
            if cell and word not in _IDENTITIES and _NUMBER.fullmatch(cell.strip()):
                yield Sample(name=name.strip(), value=float(cell), labels=labels, line=row.line)

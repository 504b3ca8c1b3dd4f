"""Reading tables that tell of each variable more than its value.

information_schema.SYSTEM_VARIABLES of MariaDB, and of MySQL's performance_schema variables_info,
variables_metadata and persisted_variables, in every client's shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE, SESSION, Dump, Problem, Severity, Source
from setpoint.engines.document import Likeness
from setpoint.engines.mysql.dumps.evidence import likeness, number_of
from setpoint.engines.mysql.dumps.listing import head_of
from setpoint.engines.mysql.dumps.running import RunningValues

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.config.dump import DumpSetting
    from setpoint.engines.document import Document
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind
    from setpoint.engines.shapes.table import Table

_SOURCES: Mapping[str, Source] = {
    "auto": Source.AUTO,
    "command-line": Source.COMMAND_LINE,
    "command_line": Source.COMMAND_LINE,
    "environment": Source.COMMAND_LINE,
    "compile-time": Source.DEFAULT,
    "compiled": Source.DEFAULT,
    "persisted": Source.PERSISTED,
    "dynamic": Source.OPERATOR,
    "sql": Source.OPERATOR,
}
"""The words of GLOBAL_VALUE_ORIGIN and VARIABLE_SOURCE; all others name an option file."""
_ORIGINS = ("global_value_origin", "variable_source")
_TOLD = ("global_value", "variable_value", "value", "current_value")
_DESCRIBED = (
    *_ORIGINS, "variable_scope", "variable_type", "default_value", "session_value", "global_value",
    "numeric_min_value", "min_value", "enum_value_list", "variable_path", "data_type", "set_time",
)  # fmt: skip
_PERSISTED = "persisted_variables"
_HEAD_CHARACTERS = 200_000
_SOURCE_WORDS = ("COMPILE-TIME", "COMPILED", "CONFIG", "GLOBAL", "EXPLICIT", "PERSISTED", "DYNAMIC", "SERVER")
_HEADERLESS: tuple[tuple[tuple[str, ...], int, frozenset[str]], ...] = (
    (
        ("VARIABLE_NAME", "SESSION_VALUE", "GLOBAL_VALUE", "GLOBAL_VALUE_ORIGIN", "DEFAULT_VALUE",
         "VARIABLE_SCOPE", "VARIABLE_TYPE", "VARIABLE_COMMENT", "NUMERIC_MIN_VALUE", "NUMERIC_MAX_VALUE",
         "NUMERIC_BLOCK_SIZE", "ENUM_VALUE_LIST", "READ_ONLY", "COMMAND_LINE_ARGUMENT", "GLOBAL_VALUE_PATH"),
        5,
        frozenset({"GLOBAL", "SESSION", "SESSION ONLY"}),
    ),
    (
        ("VARIABLE_NAME", "VARIABLE_SOURCE", "VARIABLE_PATH", "MIN_VALUE", "MAX_VALUE", "SET_TIME",
         "SET_USER", "SET_HOST"),
        1,
        frozenset({"COMPILED", "GLOBAL", "SERVER", "EXPLICIT", "EXTRA", "USER", "LOGIN", "COMMAND_LINE",
                   "PERSISTED", "DYNAMIC"}),
    ),
)  # fmt: skip
"""Columns as the servers order them, the place of one that tells the table, and its words."""


@dataclass(frozen=True)
class SystemVariablesReader:
    """Reads tables of variables with their origins, types and scopes."""

    engine: Kind
    meanings: Meanings
    kind: str = "SYSTEM_VARIABLES"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by its columns."""
        if document.is_binary or not _may_be(document):
            return None
        head = head_of(document)
        table = next((table for table in _tables(head) if self._is_ours(table, document)), None)
        if table is None:
            return None
        why = f"it has the columns {', '.join(table.columns[:4])}"
        if table.has("global_value_origin") or table.has("default_value", "variable_scope"):
            return Likeness(95 if self.engine == "mariadb" else 15, why)
        if table.has("variable_source") or _is_persisted(document):
            return Likeness(95 if self.engine == "mysql" else 15, why)
        found = likeness(document, self.engine, why)
        return Likeness(min(found.points + 1, 100), found.why)

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the settings; a table without values offers names alone."""
        tables = [table for table in _tables(document) if self._is_ours(table, document)]
        rows = [(table, line, row) for table in tables for line, row in table.dicts()]
        version = _version_of([row for _, _, row in rows]) or version
        values = RunningValues(self.meanings, version)
        problems = [problem for table in tables for problem in table.problems]
        settings: dict[str, DumpSetting] = {}
        offered: dict[str, None] = {}
        for table, line, row in rows:
            name = (row.get("variable_name") or "").lower()
            if not name:
                continue
            if table.index(*_TOLD) is None:
                offered[name] = None
                continue
            if name in settings:
                values.note(settings[name].line, f"{name} stands again in line {line}, which is read")
            settings[name] = _setting(name, row, line, values, is_persisted=_is_persisted(document))
        if offered:
            words = "it tells where values come from, and no values"
            problems.append(Problem(severity=Severity.NOTE, message=words))
        is_whole = not _is_persisted(document) and self.meanings.is_whole(settings.keys(), version)
        return (
            Dump(
                path=document.path,
                engine=self.engine,
                kind=_kind(tables, document),
                version=version,
                is_complete=bool(settings) and is_whole,
                is_running=not _is_persisted(document),
                settings=tuple(settings.values()),
                offered=tuple(offered),
                redacted=tuple(values.redacted),
                problems=(*problems, *values.problems),
            ),
        )

    def _is_ours(self, table: Table, document: Document) -> bool:
        if table.index("variable_name") is None:
            return False
        if table.has("global_value_origin") or table.has("variable_source"):
            return True
        is_described = any(table.has(column) for column in _DESCRIBED)
        if not is_described and not (_is_persisted(document) and table.has("variable_value")):
            return False
        names = [row.cells[table.index("variable_name") or 0] or "" for row in table.rows[:200] if row.cells]
        known = sum(name.lower() in self.meanings.names for name in names)
        return known * 2 >= len(names)


def _may_be(document: Document) -> bool:
    head = document.text[:_HEAD_CHARACTERS]
    return "variable_name" in head.lower() or any(word in head for word in _SOURCE_WORDS)


def _tables(document: Document) -> list[Table]:
    """Answer the tables; one without a header gets the server's own columns where they fit."""
    return [table if table.columns else _headed(table) for table in document.tables]


def _headed(table: Table) -> Table:
    cells = table.rows[0].cells if table.rows else ()
    for columns, place, words in _HEADERLESS:
        if len(cells) in {len(columns), len(columns) - 1} and (cells[place] or "") in words:
            return replace(table, columns=columns)
    return table


def _setting(
    name: str, row: Mapping[str, str | None], line: int, values: RunningValues, *, is_persisted: bool
) -> DumpSetting:
    told = next((column for column in _TOLD if column in row), "")
    text = row.get(told)
    scope = INSTANCE
    if "session only" in (row.get("variable_scope") or "").lower():
        scope, text = SESSION, row.get("session_value", text)
    word = next((row[column] for column in _ORIGINS if row.get(column)), None)
    source = Source.FILE if word is None else _SOURCES.get(word.lower(), Source.FILE)
    if word is None and is_persisted:
        source = Source.PERSISTED
    kind = row.get("variable_type") or row.get("data_type") or ""
    return values.setting(name, text, line, source=source, scope=scope, kind=kind)


def _is_persisted(document: Document) -> bool:
    return _PERSISTED in document.text[:4000].lower()


def _kind(tables: Sequence[Table], document: Document) -> str:
    if _is_persisted(document):
        return _PERSISTED
    if any(table.has("variable_source") for table in tables):
        return "variables_info"
    return "SYSTEM_VARIABLES"


def _version_of(rows: Sequence[Mapping[str, str | None]]) -> str | None:
    for row in rows:
        if (row.get("variable_name") or "").lower() == "version":
            return number_of(next((row[column] for column in _TOLD if row.get(column)), None))
    return None

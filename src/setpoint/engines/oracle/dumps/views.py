"""V$PARAMETER and its relatives as tables, however a client printed them.

Facts: the Database Reference, in our own words: VALUE is in plain numbers and DISPLAY_VALUE as people write
it; V$SPPARAMETER lists every parameter, and those it specifies with the instance they are for; the views with
a 2 behind their name, and V$SPPARAMETER, have a row for each item of a list (ORDINAL).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE, SESSION, Source
from setpoint.engines.document import Likeness
from setpoint.engines.oracle.dialect.knowledge import is_auto_tuned
from setpoint.engines.oracle.dumps.collection import Collection, Entry
from setpoint.engines.oracle.dumps.columns import read_columns
from setpoint.engines.oracle.dumps.meaning import MEANINGS
from setpoint.engines.oracle.dumps.settling import take_last
from setpoint.engines.oracle.dumps.telltale import count_names, release_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document
    from setpoint.engines.shapes.table import Table

_Row = dict[str, str | None]
KIND, FILE_KIND = "V$PARAMETER", "V$SPPARAMETER"
_NAMES = ("name", "parameter_name", "parameter")
_VALUES = ("value", "parameter_value", "display_value")
_OWN = ("isdefault", "ismodified", "issys_modifiable", "isses_modifiable", "display_value", "isspecified")
_TYPES = {"1": "boolean", "2": "string", "3": "integer", "6": "big integer"}
_SURE, _LIKELY, _MAYBE = 96, 75, 55
_SOME = 3
_NAME = re.compile(r"[a-z_][\w$#]*")
_HEAD_ROWS, _HEAD_LINES = 400, 3_000


class ViewReader:
    """Reads the views of parameters."""

    kind = KIND

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by the views' own columns, or by names that are Oracle's alone."""
        if document.is_binary or not _may_be(document):
            return None
        best = None
        for table in tables_of(document, _HEAD_LINES):
            likeness = _likeness(table)
            if likeness is not None and (best is None or likeness.points > best.points):
                best = likeness
        return best

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it."""
        tables = [table for table in tables_of(document) if _likeness(table) is not None]
        is_file = bool(tables) and all(table.has("isspecified") for table in tables)
        kind = FILE_KIND if is_file else KIND
        collection = Collection(document.path, kind, release_in(document.text) or version)
        take_last(collection, [entry for table in tables for entry in _joined(_entries(table))])
        collection.is_running = not is_file
        if not is_file:
            names = {setting.name for setting in collection.settings}
            collection.is_complete = MEANINGS.is_whole(names, collection.version)
        return (collection.dump(),)


def tables_of(document: Document, most_lines: int | None = None) -> tuple[Table, ...]:
    """Answer the tables of a document; SQL*Plus's own columns first, which wrap as no others do."""
    found = read_columns(document.lines[:most_lines])
    printed = tuple(table for table in found if _is_view(table))
    return printed or document.tables


def column(row: _Row, *names: str) -> str | None:
    """Answer the cell of the first of these columns that the row has with something in it."""
    return next((cell for name in names if (cell := row.get(name)) is not None), None)


def _may_be(document: Document) -> bool:
    head = document.text[:20_000].lower()
    return any(name in head for name in _NAMES) and "value" in head


def _is_view(table: Table) -> bool:
    return any(table.has(name) for name in _NAMES) and any(table.has(name) for name in _VALUES)


def _likeness(table: Table) -> Likeness | None:
    if not _is_view(table) or table.has("statistic#") or table.has("minimum"):
        return None
    index = table.index(*_NAMES) or 0
    names = [row.cells[index] for row in table.rows[:_HEAD_ROWS] if index < len(row.cells)]
    known = count_names(names) + sum(is_auto_tuned(name or "") for name in names)
    if known and any(table.has(name) for name in _OWN):
        return Likeness(_SURE, "columns and names of V$PARAMETER")
    if known >= _SOME:
        return Likeness(_LIKELY, f"{known} names of Oracle's with values")
    return Likeness(_MAYBE, "a name of Oracle's with its value") if known else None


def _entries(table: Table) -> Iterator[Entry]:
    rows = [(line, row) for line, row in table.dicts() if column(row, *_NAMES)]
    instances = _instances(rows)
    for line, row in rows:
        name = (column(row, *_NAMES) or "").strip().lower()
        if (
            name in _NAMES
            or not _NAME.fullmatch(name)
            or (row.get("isspecified") or "TRUE").upper() != "TRUE"
        ):
            continue
        type_name = (row.get("type") or "").strip().lower()
        value = column(row, *_VALUES)
        yield Entry(
            name=name,
            items=() if value is None else (value,),
            raw=value,
            line=line,
            scope=_scope(row, instances),
            source=_source(row),
            type_name=_TYPES.get(type_name, type_name),
            is_running=True,
        )


def _joined(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Make one entry of the rows that follow one another for the items of a list."""
    group: list[Entry] = []
    for entry in entries:
        if group and not (_key(group[-1]) == _key(entry) and _is_many(entry)):
            yield _one(group)
            group = []
        group.append(entry)
    if group:
        yield _one(group)


def _one(group: list[Entry]) -> Entry:
    first = group[0]
    if len(group) == 1:
        return first
    items = tuple(item for entry in group for item in entry.items)
    return replace(first, items=items, raw=", ".join(items))


def _is_many(entry: Entry) -> bool:
    parameter = MEANINGS.parameter(entry.name)
    return parameter is None or not parameter.is_numeric


def _key(entry: Entry) -> tuple[str, str]:
    return entry.name, entry.scope


def _instances(rows: list[tuple[int, _Row]]) -> dict[str, str]:
    """Answer the SID of each instance by its number, where rows of several stand together."""
    numbers = {row.get("inst_id") or "" for _, row in rows} - {""}
    if len(numbers) < 2:  # noqa: PLR2004 - one instance needs no telling apart
        return {}
    named = {
        row.get("inst_id") or "": column(row, *_VALUES) or ""
        for _, row in rows
        if (column(row, *_NAMES) or "").strip().lower() == "instance_name"
    }
    return {number: named.get(number) or number for number in numbers}


def _scope(row: _Row, instances: dict[str, str]) -> str:
    sid = (row.get("sid") or "*").strip()
    number = row.get("inst_id") or ""
    if sid == "*" and number in instances:
        sid = instances[number]
    if (row.get("ismodified") or "").strip().upper() == "MODIFIED":
        return SESSION
    return INSTANCE if sid == "*" else f"sid:{sid}"


def _source(row: _Row) -> Source:
    if row.get("isspecified") is not None:
        return Source.PERSISTED
    modified = (row.get("ismodified") or "FALSE").strip().upper()
    if modified not in {"FALSE", ""}:
        return Source.OPERATOR
    return Source.DEFAULT if (row.get("isdefault") or "").strip().upper() == "TRUE" else Source.FILE

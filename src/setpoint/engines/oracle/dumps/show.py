"""What SQL*Plus answers to ``show parameter`` and ``show spparameters``."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE, Source
from setpoint.engines.document import Likeness
from setpoint.engines.oracle.dumps.collection import Collection, Entry
from setpoint.engines.oracle.dumps.columns import is_dashes, read_columns
from setpoint.engines.oracle.dumps.settling import take_last
from setpoint.engines.oracle.dumps.telltale import count_names, release_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document
    from setpoint.engines.shapes.table import Table

KIND = "show parameter"
_COLUMNS = ["name", "type", "value"]
_TYPES = frozenset({"boolean", "string", "integer", "big integer", "double", "file", "filename"})
_MOST_LINES = 2_000
_NAME = re.compile(r"[a-z_][\w$#]*")
_SURE, _LIKELY = 96, 70


class ShowReader:
    """Reads the answers, one or many in a file."""

    kind = KIND

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by the columns NAME, TYPE and VALUE, and by the types or the names under them."""
        if document.is_binary:
            return None
        head = document.lines[:_MOST_LINES]
        for before, line in pairwise(head):
            if is_dashes(line) and before.split()[-3:] in (["NAME", "TYPE", "VALUE"], _COLUMNS):
                break
        else:
            return None
        rows = [row for table in _tables(document, _MOST_LINES) for _, row in table.dicts()]
        if not any((row["type"] or "").lower() in _TYPES for row in rows):
            return None
        is_known = count_names(row["name"] for row in rows) > 0 or "SQL>" in document.text
        return Likeness(_SURE if is_known else _LIKELY, "columns and types of show parameter")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it."""
        collection = Collection(document.path, KIND, release_in(document.text) or version)
        tables = _tables(document)
        collection.is_running = not any(table.has("sid") for table in tables)  # show spparameter has it
        entries = [entry for table in tables for entry in _entries(table, collection)]
        take_last(collection, entries)
        return (collection.dump(),)


def _tables(document: Document, most_lines: int | None = None) -> tuple[Table, ...]:
    found = read_columns(document.lines[:most_lines])
    return tuple(table for table in found if list(table.columns[-3:]) == _COLUMNS)


def _entries(table: Table, collection: Collection) -> Iterator[Entry]:
    has_sids = table.has("sid")
    for line, row in table.dicts():
        name, type_name = (row["name"] or "").lower(), (row["type"] or "").lower()
        if not _NAME.fullmatch(name):
            collection.warn("this is no row of show parameter", line)
            continue
        value, sid = row["value"] or "", row.get("sid") or "*"
        if has_sids and not value:
            continue
        yield Entry(
            name=name,
            items=(value,),
            raw=value,
            line=line,
            scope=INSTANCE if sid == "*" else f"sid:{sid}",
            source=Source.PERSISTED if has_sids else Source.FILE,
            type_name=type_name,
            is_running=True,
        )

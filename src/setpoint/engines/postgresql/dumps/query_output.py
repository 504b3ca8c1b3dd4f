"""Query output: what psql and others print of PostgreSQL's views, one table or several in a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.document import Likeness
from setpoint.engines.postgresql.dumps.columns import Subject, is_name, subject_of, with_columns
from setpoint.engines.postgresql.dumps.file_view import read_entries
from setpoint.engines.postgresql.dumps.role_view import read_overrides
from setpoint.engines.postgresql.dumps.settings_view import (
    read_settings,
    read_shown,
    version_of,
    version_of_number,
)
from setpoint.engines.postgresql.dumps.sheet import Sheet
from setpoint.engines.postgresql.dumps.statistics import is_own, read_samples, view_of
from setpoint.engines.shapes.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_POINTS = {
    Subject.SETTINGS: 90,
    Subject.SHOW_ALL: 90,
    Subject.FILE_SETTINGS: 98,
    Subject.ROLE_SETTINGS: 95,
    Subject.SHOW: 60,
    Subject.UNNAMED: 60,
    Subject.LISTING: 60,
}
_WHOLE = frozenset({Subject.SETTINGS, Subject.SHOW_ALL})
_COUNT = re.compile(r"\(\d+ rows?\)\s*")
_HEAD_LINES = 5
_RUNNING = _WHOLE | {Subject.SHOW}


class QueryOutput:
    """Reads the tables of a file that are about PostgreSQL."""

    kind = "query output"

    def recognise(self, document: Document) -> Likeness | None:
        """Judge by the columns of the tables, and by the names in them."""
        found = [
            likeness for table, subject in _subjects(document) if (likeness := _likeness(table, subject))
        ]
        return max(found, key=lambda each: each.points, default=None)

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read every table; a name that several of them set is in force where it stands last."""
        tables = _subjects(document)
        own = next(filter(None, (_version(table, subject) for table, subject in tables)), None)
        sheet = Sheet(own or version)
        kinds: dict[str, None] = {}
        for table, subject in tables:
            sheet.problems.extend(table.problems)
            kinds[_read(table, subject, sheet)] = None
        sheet.settle()
        is_complete = (
            any(subject in _WHOLE for _, subject in tables) and not sheet.has_errors and sheet.is_whole()
        )
        kind = " + ".join(kinds) or self.kind
        return [sheet.dump(document.path, kind, is_complete=is_complete, is_running=_is_running(tables))]


def _subjects(document: Document) -> list[tuple[Table, Subject]]:
    named = map(with_columns, document.tables)
    found = [(table, subject) for table in named if (subject := subject_of(table)) is not None]
    return found or [(table, Subject.STATISTICS) for table in _lone_header(document)]


def _lone_header(document: Document) -> Sequence[Table]:
    """Answer the table of a file that holds the columns of a view that had no rows, and nothing else."""
    filled = [(at, line) for at, line in enumerate(document.lines[:_HEAD_LINES], 1) if line.strip()]
    if not filled or not all(_COUNT.fullmatch(line) for _, line in filled[1:]):
        return ()
    at, line = filled[0]
    tables = (Table("header", tuple(line.strip().split(mark)), (), at) for mark in ",|\t;" if mark in line)
    return [table for table in tables if view_of(table) is not None][:1]


def _is_running(tables: Sequence[tuple[Table, Subject]]) -> bool:
    """Tell whether the settings are what a server runs; beside what its files say, nobody can tell."""
    subjects = {subject for _, subject in tables}
    return bool(subjects & _RUNNING) and Subject.FILE_SETTINGS not in subjects


def _likeness(table: Table, subject: Subject) -> Likeness | None:
    if subject is not Subject.STATISTICS:
        return Likeness(_POINTS[subject], f"a table like {subject.value}")
    view = view_of(table)
    if view is not None:
        return Likeness(85, f"the columns of {view}")
    return Likeness(45, "columns that PostgreSQL's views have") if is_own(table) else None


def _version(table: Table, subject: Subject) -> str | None:
    if subject in _WHOLE:
        return version_of(table)
    word = table.columns[0].strip().lower() if table.columns else ""
    if subject is Subject.SHOW and word == "server_version_num":
        return version_of_number((table.rows[0].cells[0] or "").strip()) if table.rows[0].cells else None
    return None


def _read(table: Table, subject: Subject, sheet: Sheet) -> str:
    """Read one table and answer its kind."""
    if subject in _WHOLE:
        read_settings(table, sheet)
    elif subject is Subject.FILE_SETTINGS:
        read_entries(table, sheet)
    elif subject is Subject.ROLE_SETTINGS:
        read_overrides(table, sheet)
    elif subject is Subject.SHOW:
        read_shown(table, sheet)
    elif subject is Subject.UNNAMED:
        sheet.warn(table.rows[0].line, "a value without the name of its parameter, which the query left out")
    elif subject is Subject.LISTING:
        offer_names(table, sheet)
    else:
        read_samples(table, sheet)
        return view_of(table) or subject.value
    return subject.value


def offer_names(table: Table, sheet: Sheet) -> None:
    """Add the names of a list of parameters; what stands beside them are no settings."""
    place = table.index("name") or 0
    for row in table.rows:
        name = row.cells[place] if place < len(row.cells) else None
        if name and is_name(name):
            sheet.offered[sheet.spell(name.strip())] = None

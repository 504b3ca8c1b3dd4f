"""Every table in a text, in whatever shape a client printed it.

The strict shapes come first: those a rule, a mark or a bracket announces. What lies between them is searched
for rows that only a separator tells.
"""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from setpoint.engines.shapes.copytext import read_copy
from setpoint.engines.shapes.delimited import read_delimited
from setpoint.engines.shapes.fixed import read_fixed
from setpoint.engines.shapes.folded import read_folded
from setpoint.engines.shapes.grid import RULES, read_grid, read_ruleless
from setpoint.engines.shapes.jsonrows import read_json
from setpoint.engines.shapes.markup import read_markup
from setpoint.engines.shapes.reading import Reading, is_outside
from setpoint.engines.shapes.records import read_bar_records, read_expanded, read_list, read_vertical

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.engines.shapes.table import Table

_MARKS = "*Cc" + RULES
_MOST_FALSE_BRACKETS = 20
"""Brackets that may begin JSON or markup and do not, before no more is looked for."""
_MOST_FALSE_STARTS = 8
"""Lines of a block that may begin a delimited table and do not, before the block is given up."""


def read_tables(text: str) -> tuple[Table, ...]:
    """Answer the tables of a text in their order; nothing where there are none. Never raises."""
    lines = text.split("\n")
    whole = _whole(lines)
    if whole is not None:
        return (whole,)
    found = list(_Announced(text, lines))
    found.extend(_between(lines, found))
    found.sort(key=lambda reading: reading.start)
    return tuple(table for reading in found for table in _unpacked(reading.table))


def _whole(lines: Sequence[str]) -> Table | None:
    """Answer the delimited table that the text is, all of it: nothing inside its cells begins another."""
    start = next((at for at, line in enumerate(lines) if line.strip()), None)
    reading = None if start is None else _delimited_at(lines, start, len(lines))
    if reading is None or reading.table.problems or not all(map(is_outside, lines[reading.end :])):
        return None
    return reading.table


class _Announced:
    """Finds the tables that a mark of their own announces."""

    def __init__(self, text: str, lines: Sequence[str]) -> None:
        self._text = text
        self._lines = lines
        self._attempts_left = _MOST_FALSE_BRACKETS

    def __iter__(self) -> Iterator[Reading]:
        floor = 0
        for at, line in enumerate(self._lines):
            if at < floor or not line:
                continue
            for reading in self._at(at, floor, line):
                floor = reading.end
                yield reading

    def _at(self, at: int, floor: int, line: str) -> Sequence[Reading]:
        first = line[0]
        if first in " \t\f":
            first = line.lstrip()[:1]
        if first == "-" or (line[0] != " " and first in _MARKS):
            reading = self._marked(at, floor)
            return () if reading is None else (reading,)
        if not self._attempts_left:
            return ()
        if first == "<":
            readings = read_markup(self._lines, at)
            self._attempts_left -= not readings
            return readings
        if first in ("[", "{") or line.startswith(('"[', '"{')):
            return self._json(at)
        return ()

    def _marked(self, at: int, floor: int) -> Reading | None:
        if self._lines[at][0] in "Cc":
            return read_copy(self._lines, at)
        return (
            read_expanded(self._lines, at)
            or read_vertical(self._lines, at)
            or read_grid(self._lines, at, floor)
            or read_folded(self._lines, at, floor)
            or read_fixed(self._lines, at, floor)
        )

    @cached_property
    def _places(self) -> list[int]:
        """Where each line begins in the text."""
        return [0, *accumulate(len(line) + 1 for line in self._lines)]

    def _json(self, at: int) -> Sequence[Reading]:
        line = self._lines[at]
        place = self._places[at] + len(line) - len(line.lstrip())
        try:
            if line[0] == '"':
                tables, end = _read_quoted_json(self._lines, at)
            elif line.rstrip().endswith("+"):
                tables, end = _read_marked_json(self._lines, at)
            else:
                tables, behind = read_json(self._text, place, at + 1)
                end = at + 1 + self._text.count("\n", place, behind)
        except ValueError:
            tables, end = [], 0
        if not tables:
            self._attempts_left -= 1
        return [Reading(table, at, end) for table in tables]


def _read_marked_json(lines: Sequence[str], at: int) -> tuple[list[Table], int]:
    """Read JSON that psql has printed as one cell: each line but the last ends in a plus sign."""
    end = at
    while end < len(lines) and lines[end].rstrip().endswith("+"):
        end += 1
    text = "\n".join(line.rstrip().removesuffix("+") for line in lines[at : end + 1])
    tables, _ = read_json(text, len(text) - len(text.lstrip()), at + 1)
    return tables, min(end + 1, len(lines))


def _read_quoted_json(lines: Sequence[str], at: int) -> tuple[list[Table], int]:
    """Read JSON that is the only cell of a row of CSV."""
    end, quotes = at, lines[at].count('"')
    while quotes % 2 and end + 1 < len(lines):
        end += 1
        quotes += lines[end].count('"')
    text = "\n".join(lines[at : end + 1]).strip()
    return read_json(text[1:-1].replace('""', '"'), 0, at + 1)[0], end + 1


def _unpacked(table: Table) -> Sequence[Table]:
    """Answer the rows that the only cell of a table holds as JSON or XML, else the table."""
    if len(table.rows) != 1 or len(table.rows[0].cells) != 1:
        return (table,)
    row = table.rows[0]
    text = (row.cells[0] or "").lstrip()
    if text[:1] == "<":
        padding = [""] * (row.line - 1)
        return [one.table for one in read_markup([*padding, *text.split("\n")], row.line - 1)] or (table,)
    if not text or text[0] not in "[{":
        return (table,)
    try:
        return read_json(text, 0, row.line)[0] or (table,)
    except ValueError:
        return (table,)


def _between(lines: Sequence[str], found: Sequence[Reading]) -> Iterator[Reading]:
    """Answer the tables in what the announced ones leave."""
    start = 0
    for end, following in [*((reading.start, reading.end) for reading in found), (len(lines), 0)]:
        yield from _delimited(lines, start, end)
        start = following


def _delimited(lines: Sequence[str], start: int, end: int) -> Iterator[Reading]:
    at, false_starts = start, 0
    while at < end:
        if is_outside(lines[at]):
            at, false_starts = at + 1, 0
            continue
        reading = _delimited_at(lines, at, end) if false_starts < _MOST_FALSE_STARTS else None
        if reading is None:
            at, false_starts = at + 1, false_starts + 1
            continue
        yield reading
        at, false_starts = reading.end, 0


def _delimited_at(lines: Sequence[str], at: int, end: int) -> Reading | None:
    reading = None
    if "|" in lines[at]:
        reading = read_bar_records(lines, at, end) or read_ruleless(lines, at, end)
    if reading is None and " :" in lines[at]:
        reading = read_list(lines, at, end)
    return reading or read_delimited(lines, at, end)

r"""Records: one line a cell, the column's name in front, and something between records.

psql's expanded shape (aligned and unaligned), ``\G`` of the clients of MySQL and MariaDB, and Format-List of
PowerShell. A row's line is that of its first cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.engines.shapes.reading import Reading, is_outside, misfit
from setpoint.engines.shapes.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Problem

_EXPANDED = re.compile(r"[+┌╔├╠╟╞]?[-─═]?\[ RECORD \d+ \][-─═+┬╤┼╪┐╗╥╦╫╬┤╣╢╡]*\s*|\* Record \d+\s*")
_BOTTOM = re.compile(r"[+└╚][-─═]*(?:[+┴╧╨╩][-─═]*)*[+┘╝]?\s*")
_VERTICAL = re.compile(r"\*{3,} \d+\. row \*{3,}\s*")
_NAMED = re.compile(r"[^:]{1,200}:(?: |$)")
_PAIR = 2
_BAR = re.compile("[|│║]")
_BARS = ("|", "│", "║")
_SPACE = ("", " ")
_MARKS = ("+", "↵")
_WRAP_MARKS = (".", "…")
_EXPANDED_MARKS = frozenset("*-─═+┌╔├╠╟╞")
_BLANK = re.compile(" *")
_RULE = re.compile(r"-+\+-+\s*")
_NAME = re.compile(r"[A-Za-z_@][\w .%()/#$@-]*")


@dataclass
class _Records:
    """Records as they are gathered; the first names the columns."""

    shape: str
    columns: list[str] = field(default_factory=list[str])
    rows: list[Row] = field(default_factory=list["Row"])
    problems: list[Problem] = field(default_factory=list["Problem"])
    names: list[str] = field(default_factory=list[str])
    cells: list[list[str]] = field(default_factory=list[list[str]])
    line: int = 0

    def cell(self, name: str, text: str, line: int) -> None:
        """Take one cell of the record that is open; lines count from 1."""
        if not self.names:
            self.line = line
        self.names.append(name)
        self.cells.append([text])

    def go_on(self, text: str) -> None:
        """Take a further line of the last cell."""
        last = self.cells[-1]
        last[-1] = _unmarked(last[-1])
        last.append(text)

    def wrap(self, text: str) -> None:
        """Take what did not fit into the last line of the last cell."""
        last = self.cells[-1]
        last[-1] = last[-1][:-1] + text

    def close(self) -> None:
        """End the record that is open: the first one's names are the table's."""
        if not self.names:
            return
        self.columns = self.columns or self.names
        if self.names == self.columns:
            self.rows.append(Row(tuple("\n".join(parts) for parts in self.cells), self.line))
        else:
            self.problems.append(misfit(self.line, "its record has other names than the first one"))
        self.names, self.cells = [], []

    def table(self, line: int, *, null: str | None = None) -> Table:
        """Answer what was gathered; `null` is the word that stands for a null."""
        self.close()
        rows = tuple(self.rows)
        if null is not None:
            rows = tuple(
                Row(tuple(None if cell == null else cell for cell in row.cells), row.line) for row in rows
            )
        has_nulls = any(None in row.cells for row in rows)
        return Table(self.shape, tuple(self.columns), rows, line, has_nulls, tuple(self.problems))


def read_expanded(lines: Sequence[str], at: int) -> Reading | None:
    """Answer psql's expanded records that begin at an index, None where none does."""
    if not _EXPANDED.fullmatch(lines[at]):
        return None
    records, end = _Records("psql expanded"), at
    bar = _bar(lines, at + 1) if lines[at][0] != "*" else -_width(lines, at + 1)
    while end < len(lines):
        line = lines[end]
        if line[:1] in _EXPANDED_MARKS and _EXPANDED.fullmatch(line):
            records.close()
        elif bar > 0 and line[bar : bar + 1] in _BARS:
            _take(records, line, bar, end + 1)
        elif bar < 0 and line[-bar : 1 - bar] in _SPACE and not line.isspace() and line:
            _take(records, line, -bar, end + 1)
        elif bar >= 0 or not records.names or not _BLANK.fullmatch(line) or not _marked(records):
            break
        else:
            records.go_on("")
        end += 1
    if end < len(lines) and _BOTTOM.fullmatch(lines[end]):
        end += 1
    return Reading(records.table(at + 1), at, end)


def _bar(lines: Sequence[str], at: int) -> int:
    """Answer where the bar between names and values stands, 0 where there is none."""
    found = _BAR.search(lines[at], 1) if at < len(lines) else None
    return found.start() if found else 0


def _width(lines: Sequence[str], at: int) -> int:
    """Answer how wide names are where no bar ends them: up to the column free in all lines of a record."""
    record: list[str] = []
    while at < len(lines) and lines[at].strip() and not _EXPANDED.fullmatch(lines[at]):
        record.append(lines[at])
        at += 1
    width = max((len(line.split(" ", 1)[0]) for line in record), default=0)
    while any(line[width : width + 1] not in _SPACE for line in record):
        width += 1
    return width


def _take(records: _Records, line: str, bar: int, number: int) -> None:
    is_boxed, is_barred = line[0] in "|│║", line[bar] != " " if bar < len(line) else False
    name = line[is_boxed:bar].strip()
    start = bar + 1 + is_barred
    text = line[start:]
    if is_boxed:
        text = text.rstrip()[:-1]
    if name or not records.names:
        records.cell(name, text.rstrip(), number)
    elif is_barred and line[bar + 1 : bar + 2] in _WRAP_MARKS:
        records.wrap(text.rstrip())
    else:
        records.go_on(text.rstrip())


def _marked(records: _Records) -> bool:
    return records.cells[-1][-1][-1:] in _MARKS


def _unmarked(text: str) -> str:
    """Take away the mark that a cell goes on in the next line, and the room before it."""
    return text[:-1].rstrip() if text[-1:] in _MARKS else text


def read_vertical(lines: Sequence[str], at: int) -> Reading | None:
    r"""Answer the ``\G`` records that begin at an index, None where none does."""
    if not _VERTICAL.fullmatch(lines[at]):
        return None
    if at + 1 < len(lines) and _NAMED.match(lines[at + 1]) is None:
        return _read_bare_vertical(lines, at)
    records, end, colon = _Records("vertical"), at, -1
    while end < len(lines):
        line = lines[end]
        if _VERTICAL.fullmatch(line):
            records.close()
            colon = lines[end + 1].find(":") if end + 1 < len(lines) else -1
        elif colon > 0 and _names(records, line, colon):
            records.cell(line[:colon].strip(), line[colon + 2 :], end + 1)
        elif records.names and not (_is_full(records) and is_outside(line)):
            records.cells[-1].append(line)
        else:
            break
        end += 1
    return Reading(records.table(at + 1, null="NULL"), at, end)


def _read_bare_vertical(lines: Sequence[str], at: int) -> Reading | None:
    r"""Read the ``\G`` records of a client that leaves out columns' names: a name, and its value below."""
    rows: list[Row] = []
    end = at
    while end + _PAIR < len(lines) and _VERTICAL.fullmatch(lines[end]):
        start = end + 1
        if _VERTICAL.fullmatch(lines[start + 1]):
            break
        end = start + _PAIR
        while end < len(lines) and not _VERTICAL.fullmatch(lines[end]) and not is_outside(lines[end]):
            end += 1
        rest = "\n".join(lines[start + 1 : end])
        rows.append(Row((lines[start], None if rest == "NULL" else rest), start + 1))
    if not rows:
        return None
    return Reading(Table("vertical", (), tuple(rows), at + 1, has_nulls=True), at, end)


def _names(records: _Records, line: str, colon: int) -> bool:
    """Tell whether a line is a cell: a colon where all have it, and behind the first record the next name."""
    if line[colon : colon + 1] != ":" or line[colon + 1 : colon + 2] not in ("", " "):
        return False
    if not records.columns:
        return True
    place = len(records.names)
    return place < len(records.columns) and line[:colon].strip() == records.columns[place]


def _is_full(records: _Records) -> bool:
    return not records.columns or len(records.names) == len(records.columns)


def read_list(lines: Sequence[str], start: int, end: int) -> Reading | None:
    """Answer the ``Name : value`` blocks of Format-List between two indices, None where there are none."""
    colon = lines[start].find(" : ") + 1 or (len(lines[start]) - 1 if lines[start].endswith(" :") else 0)
    if not colon:
        return None
    records, at = _Records("list"), start
    while at < end:
        line = lines[at]
        if not line.strip():
            records.close()
            if not _are_names(records.columns):
                return None
        elif line[colon - 1 : colon + 1] == " :" and _NAME.fullmatch(line[:colon].strip()):
            records.cell(line[:colon].strip(), line[colon + 2 :].rstrip(), at + 1)
        elif records.names and not line[: colon + 1].strip():
            records.cells[-1][-1] += _space(records.cells[-1][-1]) + line[colon + 2 :].rstrip()
        else:
            break
        at += 1
    records.close()
    if not _are_names(records.columns):
        return None
    return Reading(records.table(start + 1), start, at)


def _space(text: str) -> str:
    """Answer what a wrapped value lost at the line's end: a space, unless it has none to wrap at."""
    return " " if " " in text else ""


def read_bar_records(lines: Sequence[str], start: int, end: int) -> Reading | None:
    """Answer psql's expanded records without marks between two indices.

    Unaligned they are ``name|value`` and a blank line, aligned without titles ``name | value`` and a rule. At
    least two records of the same names: a single one looks like a table of two columns.
    """
    records, at = _Records("psql unaligned expanded"), start
    bar = lines[start].find(" | ") + 1
    while at < end:
        line = lines[at]
        if not line or (bar and line[0] == "-" and _RULE.fullmatch(line)):
            records.close()
            if records.problems or not _are_names(records.columns):
                return None
        elif is_outside(line) or not _take_bar(records, line, bar, at + 1):
            break
        at += 1
    records.close()
    if len(records.rows) == 1 or records.problems or not _are_names(records.columns):
        return None
    return Reading(records.table(start + 1), start, at)


def _are_names(columns: list[str]) -> bool:
    """Tell whether there are several columns, each of them once."""
    return len(columns) > 1 and len(set(columns)) == len(columns)


def _take_bar(records: _Records, line: str, bar: int, number: int) -> bool:
    """Take a line that has a bar where it is due, or more of the cell before; tell whether that could be."""
    if bar and line[bar : bar + 1] == "|":
        name, text = line[:bar].strip(), line[bar + 2 :].rstrip()
        if name or not records.names:
            records.cell(name, text, number)
        else:
            records.go_on(text)
        return True
    name, found, text = line.partition("|")
    if found and not bar:
        records.cell(name, text, number)
    elif records.names and not bar:
        records.cells[-1].append(line)
    else:
        return False
    return True

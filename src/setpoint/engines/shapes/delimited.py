"""Delimited tables: CSV, tabs, and psql's unaligned shape, with a header or without.

Nothing marks where such a table begins, so a block of lines is one only where the lines agree: the same
number of separators, and first cells that could be names. Prose with commas and option files with tabs are
not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.engines.shapes.copytext import unescape, unescape_batch
from setpoint.engines.shapes.headers import is_header
from setpoint.engines.shapes.reading import Reading, is_outside, misfit
from setpoint.engines.shapes.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Problem

_SHAPES = {
    "\t": "tsv",
    "|": "psql unaligned",
    ";": "csv",
    "~": "psql unaligned",
    "^": "psql unaligned",
    ",": "csv",
}
"""What may stand between cells, the likeliest first where several fit."""
_QUOTABLE = frozenset("\t;,")
_FIRST_CELL = re.compile(r"[^\s={}'\"<>;#\[!][^={}'\"<>;#]*|")
_COLD = re.compile(r"-+")
_LOOKED_AT = 12
_PAIR = 2
_LONGEST_NAME = 6
"""Words of a name; a first cell with more is a sentence."""
_FEWEST_ROWS = 3
_FEWEST_CELLS = 4
_MOST_MISFITS = 0.05
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


@dataclass
class _Rows:
    """The rows of one block, cell by cell, as written; quotes with nothing between them are None."""

    separator: str
    width: int
    cells: list[list[str | None]] = field(default_factory=list[list["str | None"]])
    lines: list[int] = field(default_factory=list[int])
    problems: list[Problem] = field(default_factory=list["Problem"])
    has_quoted_empty: bool = False
    has_quotes: bool = False
    may_span: bool = True


def read_delimited(lines: Sequence[str], start: int, end: int) -> Reading | None:
    """Answer the delimited table whose first row is at an index, None where none begins there.

    It ends before index `end` at the latest.
    """
    separator = None if is_outside(lines[start]) else _separator(lines, start, end)
    if separator is None:
        return None
    rows = _Rows(separator, 0)
    cells, taken = _cells(rows, lines, start, end)
    rows.width = len(cells)
    at = start
    while at < end and not is_outside(lines[at]):
        taken = _take(rows, lines, at, end)
        if not taken:
            break
        at += taken
    if not _is_likely(rows):
        return None
    return Reading(_table(rows, start + 1), start, at)


def _separator(lines: Sequence[str], start: int, end: int) -> str | None:
    """Answer what stands between the cells: what the first lines have equally often."""
    first = lines[start]
    if first[:1] in "|+[{<" or (first[:1] == "#" and "\t" not in first):
        return None
    best: tuple[float, int] = (0, 0)
    chosen = None
    for separator in _SHAPES:
        if separator not in first:
            continue
        rows = _Rows(separator, 0)
        widths: list[int] = []
        at = start
        while at < end and len(widths) < _LOOKED_AT and not is_outside(lines[at]):
            cells, taken = _cells(rows, lines, at, end)
            widths.append(len(cells))
            at += taken
        alike = widths.count(widths[0])
        if widths[0] < _PAIR or (alike < _PAIR and not _stands_alone(lines, start, end)):
            continue
        score = (round(alike / len(widths), 1), widths[0])
        if score[0] > best[0]:
            best, chosen = score, separator
    return chosen


def _stands_alone(lines: Sequence[str], start: int, end: int) -> bool:
    return start + 1 >= end or is_outside(lines[start + 1])


def _cells(rows: _Rows, lines: Sequence[str], at: int, end: int) -> tuple[list[str | None], int]:
    """Split the row at an index; answer its cells and how many lines it takes."""
    line, separator = lines[at], rows.separator
    if '"' not in line or separator not in _QUOTABLE or (separator == "\t" and not _QUOTED.match(line)):
        return list(line.split(separator)), 1
    taken = 1
    if line.count('"') % 2 and rows.may_span:
        taken = _span(lines, at, end)
        if taken:
            line = "\n".join(lines[at : at + taken])
        else:
            rows.may_span, taken = False, 1
    return _split_quoted(rows, line), taken


def _span(lines: Sequence[str], at: int, end: int) -> int:
    """Answer how many lines a row takes whose quotes are not even in the first; 0 where they never are."""
    for following in range(at + 1, end):
        if lines[following].count('"') % 2:
            return following + 1 - at
    return 0


def _split_quoted(rows: _Rows, line: str) -> list[str | None]:
    cells: list[str | None] = []
    at, size = 0, len(line)
    while at <= size:
        quoted = _QUOTED.match(line, at)
        if quoted and line[quoted.end() : quoted.end() + 1] in ("", rows.separator):
            cells.append(quoted[1].replace('""', '"') or None)
            rows.has_quotes = True
            rows.has_quoted_empty = rows.has_quoted_empty or not quoted[1]
            at = quoted.end() + 1
            continue
        following = line.find(rows.separator, at)
        following = size if following < 0 else following
        cells.append(line[at:following])
        at = following + 1
    return cells


def _take(rows: _Rows, lines: Sequence[str], at: int, end: int) -> int:
    """Take the row at an index; answer how many lines that were, 0 where the table ends before it."""
    cells, taken = _cells(rows, lines, at, end)
    width = len(cells)
    if width == rows.width:
        if rows.cells and _is_repeated_header(rows, cells):
            return 0
        rows.cells.append(cells)
        rows.lines.append(at + 1)
        return taken
    if rows.separator not in ",;" and (joined := _join(rows, lines, at, end)):
        return joined
    after = at + taken
    following = len(_cells(rows, lines, after, end)[0]) if after < end and not is_outside(lines[after]) else 0
    is_row = following == rows.width or (width > 1 and following != width)
    if not is_row:
        return 0
    rows.problems.append(misfit(at + 1, f"it has {width} cells where {rows.width} are due"))
    return taken


def _join(rows: _Rows, lines: Sequence[str], at: int, end: int) -> int:
    """Take a row that a cell's own line ends have broken: its lines together have the separators due."""
    due, found = rows.width - 1, 0
    for following in range(at, min(end, at + _LOOKED_AT)):
        found += lines[following].count(rows.separator)
        if found > due or not lines[following]:
            return 0
        if found == due:
            joined = "\n".join(lines[at : following + 1])
            rows.cells.append(list(joined.split(rows.separator)))
            rows.lines.append(at + 1)
            return following + 1 - at
    return 0


def _is_repeated_header(rows: _Rows, cells: list[str | None]) -> bool:
    return cells == rows.cells[0] and is_header([cell or "" for cell in cells], ())


def _is_likely(rows: _Rows) -> bool:
    """Tell whether rows are a table: few misfits, first cells that could be names, and no prose."""
    if not rows.cells or len(rows.problems) > max(1, len(rows.cells) * _MOST_MISFITS):
        return False
    if is_header([cell or "" for cell in rows.cells[0]], rows.cells[1:]):
        return True
    fewest = _FEWEST_ROWS if rows.width < _FEWEST_CELLS else _PAIR
    if len(rows.cells) < fewest and rows.separator not in "\t|":
        return False
    named = sum(_FIRST_CELL.fullmatch(row[0] or "") is not None for row in rows.cells)
    if named < len(rows.cells) * (1 - _MOST_MISFITS) or not any(row[0] for row in rows.cells):
        return False
    if rows.separator == "\t":
        return not any((cell or "").startswith(("=", "#")) for row in rows.cells[:_LOOKED_AT] for cell in row)
    return rows.separator == "|" or not _is_prose(rows)


def _is_prose(rows: _Rows) -> bool:
    """Tell sentences from rows: a space behind each comma, or more words in a cell than names have."""
    spaced = sum((cell or "").startswith(" ") for row in rows.cells for cell in row[1:])
    inner = sum(len(row) - 1 for row in rows.cells)
    worded = sum(len((row[0] or "").split(" ")) > _LONGEST_NAME for row in rows.cells)
    return spaced * 2 > inner or worded * 2 > len(rows.cells)


def _table(rows: _Rows, line: int) -> Table:
    shape = _SHAPES[rows.separator]
    cells, numbers = rows.cells, rows.lines
    if shape == "tsv":
        shape, cells, has_nulls = _tabbed(rows)
    else:
        has_nulls = rows.has_quoted_empty
        cells = [[_told(cell, has_nulls=has_nulls) for cell in row] for row in cells]
    names: tuple[str, ...] = ()
    first = [cell or "" for cell in cells[0]]
    is_ruled = len(cells) > 1 and all(_COLD.fullmatch(cell or "") for cell in cells[1])
    if is_ruled or is_header(first, cells[1:]):
        names, cells, numbers = tuple(first), cells[1 + is_ruled :], numbers[1 + is_ruled :]
    table_rows = tuple(Row(tuple(row), number) for row, number in zip(cells, numbers, strict=True))
    return Table(shape, names, table_rows, line, has_nulls, tuple(rows.problems))


def _told(cell: str | None, *, has_nulls: bool) -> str | None:
    """Answer a cell of CSV: where quotes mark what is empty, nothing at all is a null."""
    if cell:
        return cell
    return None if has_nulls and cell == "" else ""


def _tabbed(rows: _Rows) -> tuple[str, list[list[str | None]], bool]:
    """Undo the escapes of a table of tabs: of COPY where it marks nulls so, else of the MySQL clients."""
    if rows.has_quotes:
        return "tsv", [[cell or "" for cell in row] for row in rows.cells], False
    is_copy = any(r"\N" in row for row in rows.cells)
    undo, null = (unescape, r"\N") if is_copy else (unescape_batch, "NULL")
    cells = [
        [None if cell == null else undo(cell) if cell and "\\" in cell else cell or "" for cell in row]
        for row in rows.cells
    ]
    return "copy text" if is_copy else "tsv", cells, is_copy or any(None in row for row in cells)

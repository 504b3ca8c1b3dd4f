"""What SQL*Plus prints in columns: names that wrap, columns under one another, headers that come again.

SQL*Plus cuts a text at the width of its column and goes on in the next line; where a row does not fit the
line, it puts the columns under one another, the headers too. Tabs may stand for blanks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from setpoint.engines.shapes.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DASHES = re.compile(r"-+(?: +-+)* *")
_RUN = re.compile(r"-+")
_END = re.compile(
    r"\s{0,9}(?:SQL>|\d+ rows? selected|no rows selected|ERROR|ORA-\d|SP2-\d|PL/SQL |Elapsed:|Disconnected)"
)
_SHAPE = "SQL*Plus"
_Span = tuple[int, int]


@dataclass
class _Growing:
    """A row that may go on: its pieces by column, and the cells of its last line."""

    line: int
    pieces: list[list[str]]
    last: tuple[str, ...]


@dataclass
class _Section:
    """The lines under one header."""

    columns: tuple[str, ...]
    spans: tuple[_Span, ...]
    line: int
    rows: list[Row] = field(default_factory=list[Row])


def read_columns(lines: Sequence[str]) -> tuple[Table, ...]:
    """Answer the tables of a text that SQL*Plus printed; those of one header that comes again are one."""
    tables: list[Table] = []
    for section in _sections(lines):
        if tables and tables[-1].columns == section.columns:
            before = tables.pop()
            section.rows[:0] = before.rows
            section.line = before.line
        tables.append(Table(_SHAPE, section.columns, tuple(section.rows), section.line))
    return tuple(tables)


def cells_of(line: str, spans: Sequence[_Span]) -> tuple[str, ...]:
    """Cut a line at the columns; the last one takes the rest."""
    *heads, last = spans
    return (*(line[start:end].rstrip() for start, end in heads), line[last[0] :].rstrip())


def spans_of(dashes: str) -> tuple[_Span, ...]:
    """Answer the columns that a line of dashes draws."""
    return tuple(match.span() for match in _RUN.finditer(dashes))


def is_dashes(line: str) -> bool:
    """Tell whether a line draws columns."""
    return line.startswith("-") and _DASHES.fullmatch(line) is not None


def _sections(lines: Sequence[str]) -> Iterator[_Section]:
    at = 0
    while at < len(lines):
        if not (at and is_dashes(lines[at]) and lines[at - 1].strip()):
            at += 1
            continue
        levels = [at]
        while levels[-1] + 2 < len(lines) and is_dashes(lines[levels[-1] + 2]):
            levels.append(levels[-1] + 2)
        section = _header(lines, levels)
        at = _read_stacked(lines, section, levels) if len(levels) > 1 else _read_rows(lines, at + 1, section)
        yield section


def _header(lines: Sequence[str], levels: list[int]) -> _Section:
    columns: list[str] = []
    spans: list[_Span] = []
    for level in levels:
        found = spans_of(lines[level])
        columns.extend(cell.strip().lower() for cell in cells_of(lines[level - 1].expandtabs(), found))
        spans.extend(found)
    return _Section(tuple(columns), tuple(spans), levels[0])


def _read_rows(lines: Sequence[str], at: int, section: _Section) -> int:
    """Take the rows of a header of one line; answer where its section ends."""
    row: _Growing | None = None
    while at < len(lines) and not _is_over(lines, at):
        line = lines[at].expandtabs()
        at += 1
        if not line.strip():
            continue
        cells = cells_of(line, section.spans)
        if not _fits(line, section.spans):
            continue
        if row is not None and _goes_on(row.last, cells, section):
            for pieces, cell in zip(row.pieces, cells, strict=True):
                pieces.append(cell)
            row.last = cells
            continue
        if row is not None:
            section.rows.append(_finish(row, section))
        row = _Growing(at, [[cell] for cell in cells], cells)
    if row is not None:
        section.rows.append(_finish(row, section))
    return at


def _goes_on(before: tuple[str, ...], cells: tuple[str, ...], section: _Section) -> bool:
    """Tell whether a line holds the rest of the row before it."""
    if "type" in section.columns:
        return not cells[section.columns.index("type")].strip()
    if not cells[0].strip():
        return True
    full = [_is_full(cell, span) for cell, span in zip(before, section.spans, strict=True)]
    rest = [cell for cell, was_full in zip(cells, full, strict=True) if not was_full]
    return full[0] and bool(rest) and not any(cell.strip() for cell in rest)


def _fits(line: str, spans: tuple[_Span, ...]) -> bool:
    """Tell whether nothing stands between the columns; a line where something does is no row."""
    return all(not line[end:start].strip() for (_, end), (start, _) in pairwise(spans))


def _is_full(cell: str, span: _Span) -> bool:
    return len(cell) >= span[1] - span[0]


def _finish(row: _Growing, section: _Section) -> Row:
    """Join the pieces of each column; blanks lost at a piece's end are put back."""
    cells = tuple(
        "".join([*(piece.ljust(end - start) for piece in pieces[:-1]), pieces[-1]]).strip()
        for pieces, (start, end) in zip(map(_trimmed, row.pieces), section.spans, strict=True)
    )
    return Row(cells, row.line)


def _trimmed(pieces: list[str]) -> list[str]:
    while len(pieces) > 1 and not pieces[-1]:
        pieces.pop()
    return pieces


def _read_stacked(lines: Sequence[str], section: _Section, levels: list[int]) -> int:
    """Take rows whose columns stand under one another; a blank line parts them."""
    at = levels[-1] + 1
    groups = [spans_of(lines[level]) for level in levels]
    while at < len(lines):
        while at < len(lines) and not lines[at].strip() and not _is_over(lines, at):
            at += 1
        if at >= len(lines) or _is_over(lines, at):
            break
        first, cells = at + 1, list[str]()
        for spans in groups:
            text = lines[at].expandtabs() if at < len(lines) else ""
            at += 1
            width = spans[-1][1]
            while len(text) % width == 0 and text and at < len(lines) and lines[at].strip():
                text += lines[at].expandtabs()
                at += 1
            cells.extend(cell.strip() for cell in cells_of(text, spans))
        section.rows.append(Row(tuple(cells), first))
    return at


def _is_over(lines: Sequence[str], at: int) -> bool:
    """Tell whether something else begins here: another header, a prompt, or what SQL*Plus says at the end."""
    if at + 1 < len(lines) and is_dashes(lines[at + 1]) and lines[at].strip():
        return True
    return _END.match(lines[at]) is not None

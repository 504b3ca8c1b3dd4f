"""Grids: tables whose columns are told by the crosses of a rule, with or without a box around them.

psql's aligned shape with border 1 and 2, in ASCII and box-drawing characters, and the boxes of the clients of
MySQL and MariaDB. Cells are cut by position, so that a bar inside a cell is text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, overload

from setpoint.engines.shapes.headers import is_header
from setpoint.engines.shapes.reading import Reading, display, is_outside, is_wide, misfit
from setpoint.engines.shapes.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.config.dump import Problem

RULES = "+─═┌╔├╠╟╞|"
"""What a rule may begin with, beside a dash."""
_PLAIN = str.maketrans("─═┼╪╫╬┌╔├╠╟╞└╚┐╗┤╣╢╡┘╝┬╤╥╦┴╧╨╩│║", "--" + "+" * 28 + "||")
_OPEN_RULE = re.compile(r"-{2,}(?:\+-{2,})*")
_BOX_RULE = re.compile(r"[+|](?:-{2,}[+|])+")
_BARS = frozenset("|│║")
_BAR = re.compile("(?<= )[|│║](?: |$)")
_FEWEST_RULELESS = 2
_DEEPEST = 16
"""How far a whole table may be indented."""
_NEWLINE_MARKS = frozenset("+↵")
_WRAP_MARKS = frozenset(".…")
_MARKS = _NEWLINE_MARKS | _WRAP_MARKS
_BEHIND_CELLS = _MARKS | {"", " "}


@dataclass(frozen=True)
class _Grid:
    """Where columns and bars stand; `first` is the column behind the left border, if there is one."""

    rule: str
    is_boxed: bool

    @cached_property
    def bars(self) -> list[int]:
        return [at for at, character in enumerate(self.rule) if character in "+|"]

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Where each cell's text stands: without the space on either side of it."""
        edges = self.bars if self.is_boxed else [-1, *self.bars, len(self.rule)]
        return [(left + 2, right - 1) for left, right in pairwise(edges)]

    @cached_property
    def cut(self) -> Callable[[str], Sequence[str]]:
        return _getter([slice(start, end) for start, end in self.spans])

    @cached_property
    def marks(self) -> Callable[[str], Sequence[str]]:
        return _getter([slice(end, end + 1) for _, end in self.spans])

    @cached_property
    def edges(self) -> Callable[[str], Sequence[str]]:
        return _getter([slice(bar, bar + 1) for bar in self.bars])

    def split(self, line: str) -> tuple[Sequence[str], Sequence[str]] | None:
        """Answer a line's cells and the marks behind them, None where the bars stand elsewhere."""
        if line.isascii() or not is_wide(line):
            marks = self.marks(line)
            if _BARS.issuperset(self.edges(line)) and _BEHIND_CELLS.issuperset(marks):
                return self.cut(line), marks
            return None if self.is_boxed else self.split_by_bars(line)
        columns = display(line)
        joined = _Columns(columns)
        if _BARS.issuperset(joined.pick(self.bars)):
            return (
                [joined.text(start, end) for start, end in self.spans],
                [joined.text(end, end + 1) for _, end in self.spans],
            )
        return self.split_by_bars(line)

    def split_by_bars(self, line: str) -> tuple[Sequence[str], Sequence[str]] | None:
        """Split at the bars themselves: a character's width was counted otherwise, or people edited it."""
        cells = re.split("[|│║]", line)
        if self.is_boxed:
            if cells[0].strip() or cells[-1].strip():
                return None
            cells = cells[1:-1]
        elif len(cells) == 1 and line[:1] != " ":
            return None
        if len(cells) != len(self.spans):
            return None
        return [cell.strip() for cell in cells], [""] * len(cells)


@dataclass(frozen=True)
class _Columns:
    """A line by the columns of a terminal."""

    columns: list[str]

    def pick(self, places: list[int]) -> list[str]:
        return [self.columns[place] if place < len(self.columns) else "" for place in places]

    def text(self, start: int, end: int) -> str:
        return "".join(self.columns[start:end])


@dataclass(frozen=True)
class _Shifted(Sequence[str]):
    """Lines without what all of an indented table's lines begin with; nothing is copied."""

    lines: Sequence[str]
    indent: int

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return [line[self.indent :] for line in self.lines[at]]
        line = self.lines[at]
        return line[self.indent :] if not line[: self.indent].strip() else line


@dataclass
class _Body:
    """Rows as they are gathered; a row whose cells are marked goes on in the next line."""

    grid: _Grid
    rows: list[Row] = field(default_factory=list["Row"])
    problems: list[Problem] = field(default_factory=list["Problem"])
    _parts: list[list[str]] = field(default_factory=list[list[str]])
    _marks: Sequence[str] = ()
    _line: int = 0

    def add(self, pieces: Sequence[str], marks: Sequence[str], line: int) -> None:
        """Take one line's pieces; `line` counts from 1."""
        is_open = not _MARKS.isdisjoint(marks)
        if not self._parts and not is_open:
            self.rows.append(Row(tuple(map(str.strip, pieces)), line))
            return
        if self._parts:
            self._go_on(pieces)
        else:
            self._parts = [[piece] for piece in pieces]
            self._line = line
        self._marks = marks
        if not is_open:
            self.close()

    def close(self) -> None:
        """End the row that is open, if one is."""
        if self._parts:
            self.rows.append(Row(tuple(map(_joined, self._parts)), self._line))
            self._parts = []

    def _go_on(self, pieces: Sequence[str]) -> None:
        for parts, mark, piece in zip(self._parts, self._marks, pieces, strict=True):
            if mark in _NEWLINE_MARKS:
                parts[-1] = parts[-1].rstrip()
                parts.extend(("\n", piece))
            elif mark in _WRAP_MARKS:
                parts.append(piece)


def read_grid(lines: Sequence[str], at: int, floor: int) -> Reading | None:
    """Answer the table with its first rule at an index, None where there is none.

    `floor` is the first index that no table before has taken.
    """
    rule = lines[at].rstrip().translate(_PLAIN)
    indent = len(rule) - len(rule.lstrip())
    if 0 < indent <= _DEEPEST:
        return read_grid(_Shifted(lines, indent), at, floor) if rule[indent:][:1] in "-+" else None
    if _BOX_RULE.fullmatch(rule):
        return _read_box(lines, at, _Grid(rule, is_boxed=True))
    if _OPEN_RULE.fullmatch(rule):
        return _read_open(lines, at, floor, _Grid(rule, is_boxed=False))
    return None


def _read_open(lines: Sequence[str], at: int, floor: int, grid: _Grid) -> Reading | None:
    start = at
    head: list[tuple[Sequence[str], Sequence[str]]] = []
    while start > floor and (split := grid.split(lines[start - 1])) and lines[start - 1][:1] == " ":
        if head and _MARKS.isdisjoint(split[1]):
            break
        head.insert(0, split)
        start -= 1
    if not head or (len(grid.spans) == 1 and not _is_lone_column(lines, at)):
        return None
    body, end = _Body(grid), at + 1
    while end < len(lines) and not is_outside(lines[end]):
        split = grid.split(lines[end])
        if split is None and not _resumes(lines, end + 1, grid):
            break
        if split is None:
            body.problems.append(misfit(end + 1, "its bars stand elsewhere"))
        else:
            body.add(*split, end + 1)
        end += 1
    body.close()
    table = Table(
        "psql aligned", _named(grid, head), tuple(body.rows), start + 1, problems=tuple(body.problems)
    )
    return Reading(table, start, end)


def read_ruleless(lines: Sequence[str], start: int, end: int) -> Reading | None:
    """Answer psql's aligned rows without header and rule between two indices, None where there are none.

    Each begins one space in, and bars stand in the same columns of all.
    """
    behind = start
    bars: set[int] | None = None
    while behind < end and lines[behind][:1] == " " and not is_outside(lines[behind]):
        found = {bar.start() for bar in _BAR.finditer(lines[behind])}
        if bars is not None and not bars & found:
            break
        bars = found if bars is None else bars & found
        behind += 1
    if not bars or behind - start < _FEWEST_RULELESS:
        return None
    longest = max(lines[start:behind], key=len)
    width = len(longest) + (longest[-1] not in _MARKS)
    grid = _Grid("".join("+" if at in bars else "-" for at in range(width)), is_boxed=False)
    body = _Body(grid)
    for at in range(start, behind):
        split = grid.split(lines[at])
        if split is None:
            body.problems.append(misfit(at + 1, "its bars stand elsewhere"))
        else:
            body.add(*split, at + 1)
    body.close()
    table = Table("psql aligned", (), tuple(body.rows), start + 1, problems=tuple(body.problems))
    return Reading(table, start, behind)


def _is_lone_column(lines: Sequence[str], at: int) -> bool:
    """Tell a table of one column from an underlined heading: its rows stand one space in, none is wider."""
    width = len(lines[at].rstrip())
    below = lines[at + 1] if at + 1 < len(lines) else ""
    return len(lines[at - 1].rstrip()) < width and (
        below[:1] == " " or (below[:1] == "(" and is_outside(below))
    )


def _resumes(lines: Sequence[str], at: int, grid: _Grid) -> bool:
    return len(grid.spans) > 1 and at < len(lines) and grid.split(lines[at]) is not None


def _read_box(lines: Sequence[str], at: int, grid: _Grid) -> Reading | None:
    head = _Body(grid)
    end = _fill(head, lines, at + 1)
    if not head.rows:
        return None
    body = _Body(grid)
    is_ruled = end < len(lines) and _is_rule(lines[end])
    last = _fill(body, lines, end + 1) if is_ruled and len(head.rows) == 1 else end
    names = tuple(cell or "" for cell in head.rows[0].cells)
    if len(head.rows) > 1 or not (body.rows or is_header(names, ())):
        names, body, last = (), head, end
    if last < len(lines) and _is_rule(lines[last]):
        last += 1
    rows = tuple(map(_with_nulls, body.rows))
    has_nulls = any(None in row.cells for row in rows)
    table = Table("boxed", names, rows, at + 1, has_nulls, tuple(head.problems + body.problems))
    return Reading(table, at, last)


def _fill(body: _Body, lines: Sequence[str], at: int) -> int:
    """Read rows up to the next rule or the end of the box; answer the index behind them."""
    may_join = True
    while at < len(lines) and not _is_rule(lines[at]):
        line, taken = lines[at], 1
        split = body.grid.split(line)
        if split is None and may_join and line[:1] in _BARS:
            split, taken = _join(body.grid, lines, at)
            may_join = split is not None
        if split is None and (split := body.grid.split_by_bars(line)) is not None:
            taken = 1
        if split is not None:
            body.add(*split, at + 1)
        elif line[:1] in _BARS:
            body.problems.append(misfit(at + 1, "its bars stand elsewhere"))
            taken = 1
        else:
            break
        at += taken
    body.close()
    return at


def _join(
    grid: _Grid, lines: Sequence[str], at: int
) -> tuple[tuple[Sequence[str], Sequence[str]] | None, int]:
    """Read a row whose text holds line ends as they are: they count in its width like any character."""
    joined: list[str] = []
    width = -1
    for place in range(at, len(lines)):
        joined.append(lines[place])
        width += len(lines[place]) + 1
        if width >= len(grid.rule):
            break
    return grid.split("\n".join(joined)), len(joined)


def _is_rule(line: str) -> bool:
    return line[:1] in RULES and _BOX_RULE.fullmatch(line.rstrip().translate(_PLAIN)) is not None


def _named(grid: _Grid, head: list[tuple[Sequence[str], Sequence[str]]]) -> tuple[str, ...]:
    """Answer the names of columns from the lines above the rule."""
    body = _Body(grid)
    for pieces, marks in head:
        body.add([piece.strip() for piece in pieces], marks, 0)
    body.close()
    return tuple(cell or "" for cell in body.rows[0].cells)


def _with_nulls(row: Row) -> Row:
    if "NULL" not in row.cells:
        return row
    return Row(tuple(None if cell == "NULL" else cell for cell in row.cells), row.line)


def _joined(parts: list[str]) -> str:
    return parts[0].strip() if len(parts) == 1 else "".join(parts).rstrip()


def _getter(slices: Sequence[slice]) -> Callable[[str], Sequence[str]]:
    """Answer what cuts all slices out of a line at once."""
    if len(slices) == 1:
        only = slices[0]
        return lambda line: (line[only],)
    if not slices:
        return lambda _line: ()
    return itemgetter(*slices)

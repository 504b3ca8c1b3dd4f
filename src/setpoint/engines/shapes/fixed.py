"""Columns of a fixed width under lines of dashes.

SQL*Plus (pages whose header is repeated, values that wrap), sqlcmd, Format-Table of PowerShell, the sections
of AWR, and psql with border 0. Where more than one space lies between two columns, a cell may be wider than
its dashes: text on the left runs into the room from the left, a number on the right from the right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from setpoint.engines.shapes.reading import Reading, display, is_outside, is_wide, misfit
from setpoint.engines.shapes.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Problem

_RULE = re.compile(r" *-+(?: +-+)* *")
_DASHES = re.compile("-+")
_PLAIN = str.maketrans("─═", "--")
_NEWLINE_MARKS = ("+", "↵")
_ROOM = ("", " ", *_NEWLINE_MARKS)
"""What may stand between two columns: psql marks there that a cell goes on in the next line."""
_HEADING_LINES = 3
_UNDERLINE = re.compile(r"[~=]{3,}.*")


@dataclass(frozen=True)
class _Ruler:
    """The dashes of each column."""

    rule: str

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        return [dashes.span() for dashes in _DASHES.finditer(self.rule)]

    @cached_property
    def is_tight(self) -> bool:
        """Whether one space lies between any two columns: no cell is wider than its dashes."""
        return all(right[0] - left[1] == 1 for left, right in pairwise(self.spans))

    def width(self, place: int) -> int:
        """Answer how wide a cell may be."""
        start, end = self.spans[place]
        return self.spans[place + 1][0] - 1 - start if place + 1 < len(self.spans) else end - start

    def cut(self, line: str) -> list[str] | None:
        """Answer a line's cells with the spaces around them, None where text stands between columns."""
        cells: list[str] = []
        begin = 0
        for (_, end), (start, _) in pairwise(self.spans):
            at = start
            if line[start - 1 : start] not in _ROOM:
                if start - end == 1:
                    return None
                at = line.rfind(" ", begin, start) + 1 or start
            cells.append(line[begin:at])
            begin = at
        return [*cells, line[begin:]]

    def cut_displayed(self, line: str) -> list[str] | None:
        """The same, where wide characters take two columns."""
        if not is_wide(line):
            return self.cut(line)
        columns = display(line)
        edges = [0, *(start for start, _ in self.spans[1:]), len(columns)]
        cells = ["".join(columns[start:end]) for start, end in pairwise(edges)]
        return cells if all(cell[-1:] in _ROOM for cell in cells[:-1]) else None


@dataclass
class _Body:
    """Rows as they are gathered; `tails` are the pieces of the last line, which the next may go on with."""

    ruler: _Ruler
    parts: list[list[list[str]]] = field(default_factory=list[list[list[str]]])
    lines: list[int] = field(default_factory=list[int])
    tails: list[str] = field(default_factory=list[str])
    problems: list[Problem] = field(default_factory=list["Problem"])

    def add(self, pieces: list[str], line: int) -> None:
        """Take a line's pieces as a row, or as more of the row before."""
        marked = self._marked()
        glue = ["\n"] * len(pieces) if marked else self._glue(pieces)
        if glue is None:
            self.parts.append([[piece] for piece in pieces])
            self.lines.append(line)
        else:
            for place, (word, piece) in enumerate(zip(glue, pieces, strict=True)):
                if place in marked or piece.strip():
                    parts = self.parts[-1][place]
                    parts[-1] = (parts[-1][:-1] if place in marked else parts[-1]).rstrip()
                    parts.extend((word, piece))
        self.tails = pieces

    @property
    def is_open(self) -> bool:
        """Whether a cell of the last line is marked to go on."""
        return bool(self._marked())

    def _marked(self) -> list[int]:
        """Answer the columns whose cell is marked to go on in this line."""
        spans = self.ruler.spans
        return [
            place
            for place, piece in enumerate(self.tails)
            if piece[-1:] in _NEWLINE_MARKS
            and len(piece) == spans[place][1] - spans[place][0] + 1
            and self.ruler.is_tight
        ]

    def _glue(self, pieces: list[str]) -> list[str] | None:
        """Answer what stands between each cell and its piece in this line, None where that is a new row."""
        told = [place for place, piece in enumerate(pieces) if piece.strip()]
        if not self.tails or not told or (told[0] == 0 and len(told) == len(pieces)):
            return None
        joints = {place: self._joint(place, pieces[place]) for place in told}
        if None in joints.values():
            return None
        return [joints.get(place) or "" for place in range(len(pieces))]

    def _joint(self, place: int, piece: str) -> str | None:
        """Answer how a piece goes on: at once where the line before is full, else behind a space."""
        tail, width = self.tails[place].strip(), self.ruler.width(place)
        if not tail or (not place and not any(map(str.strip, self.tails[1:]))):
            return None
        if len(tail) >= width:
            return ""
        return " " if place and len(tail) + 1 + len(piece.split(None, 1)[0]) > width else None

    def rows(self) -> tuple[Row, ...]:
        """Answer the rows; the word NULL is a null, as sqlcmd prints it."""
        return tuple(
            Row(tuple(map(_cell, row)), line) for row, line in zip(self.parts, self.lines, strict=True)
        )


def read_fixed(lines: Sequence[str], at: int, floor: int) -> Reading | None:
    """Answer the table with its line of dashes at an index, None where there is none.

    `floor` is the first index that no table before has taken.
    """
    rule = lines[at].rstrip().translate(_PLAIN)
    if not _RULE.fullmatch(rule):
        return None
    ruler = _Ruler(rule)
    start = _heading(lines, at, floor, ruler)
    if start == at or (len(ruler.spans) == 1 and not _is_lone_column(lines, at)):
        return None
    names = _named(lines[start:at], ruler)
    if names is None:
        return None
    body = _Body(ruler)
    end = _fill(body, lines, at + 1, lines[start : at + 1])
    rows = body.rows()
    has_nulls = any(None in row.cells for row in rows)
    return Reading(Table("fixed", names, rows, start + 1, has_nulls, tuple(body.problems)), start, end)


def _heading(lines: Sequence[str], at: int, floor: int, ruler: _Ruler) -> int:
    """Answer where the lines begin that name the columns: those right above whose words keep to them."""
    start = at
    while start > floor and at - start < _HEADING_LINES:
        line = lines[start - 1].lstrip("\f")
        if is_outside(line) or _UNDERLINE.fullmatch(line.strip()) or ruler.cut(line) is None:
            break
        is_further = start < at
        if is_further and (line[:1] != " " or not _keeps_to(line, ruler)):
            break
        start -= 1
    return start


def _keeps_to(line: str, ruler: _Ruler) -> bool:
    """Tell whether all words of a line stand over the dashes of one column each."""
    return all(
        any(start <= word.start() and word.end() <= end for start, end in ruler.spans)
        for word in re.finditer(r"\S+(?: \S+)*", line)
    )


def _named(heading: Sequence[str], ruler: _Ruler) -> tuple[str, ...] | None:
    cuts = [ruler.cut(line.lstrip("\f")) or [] for line in heading]
    names = tuple(" ".join(filter(None, map(str.strip, pieces))) for pieces in zip(*cuts, strict=True))
    return names if sum(map(bool, names)) * 2 >= len(names) and names[-1:] != () else None


def _is_lone_column(lines: Sequence[str], at: int) -> bool:
    """Tell a table of one column from an underlined heading: rows right below, none wider than the dashes."""
    width = len(lines[at].rstrip())
    below = lines[at + 1] if at + 1 < len(lines) else ""
    return lines[at][:1] == "-" and len(lines[at - 1].rstrip()) <= width and 0 < len(below.rstrip()) <= width


def _fill(body: _Body, lines: Sequence[str], at: int, heading: Sequence[str]) -> int:
    """Read rows up to the end of the table, over the headings of further pages; answer the index behind."""
    page = [line.strip() for line in heading]
    while at < len(lines):
        line = lines[at]
        is_due = body.is_open and not line.strip()
        if is_outside(line) and not is_due:
            following = _next_page(lines, at, page)
            if not following:
                return at
            at = following
            body.tails = []
            continue
        pieces = body.ruler.cut_displayed(line)
        if pieces is not None:
            body.add(pieces, at + 1)
        elif _resumes(lines, at + 1, body.ruler):
            body.problems.append(misfit(at + 1, "its words stand between the columns"))
        else:
            return at
        at += 1
    return at


def _next_page(lines: Sequence[str], at: int, page: Sequence[str]) -> int:
    """Answer the index behind the same heading below blank lines, 0 where there is none."""
    while at < len(lines) and not lines[at].strip():
        at += 1
    below = [line.strip() for line in lines[at : at + len(page)]]
    return at + len(page) if below == list(page) else 0


def _resumes(lines: Sequence[str], at: int, ruler: _Ruler) -> bool:
    return at < len(lines) and not is_outside(lines[at]) and ruler.cut_displayed(lines[at]) is not None


def _cell(parts: list[str]) -> str | None:
    text = parts[0].strip() if len(parts) == 1 else "".join(parts).strip()
    return None if text == "NULL" else text

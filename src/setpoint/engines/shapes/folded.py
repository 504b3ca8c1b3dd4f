"""Rows of SQL*Plus that are wider than its line: each column, or few, has a heading and dashes of its own.

::

    NAME
    ----------------
    VALUE
    ----------------
    processes
    300

A row takes one line for each line of the heading; a cell as wide as its dashes goes on in the next line.
Blank lines between rows are passed over, a blank line where a cell is due is an empty cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from setpoint.engines.shapes.reading import Reading, is_outside
from setpoint.engines.shapes.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_DASHES = re.compile("-+")
_RULE = re.compile(r"-+(?: -+)* *")
_FEWEST_LINES = 2
_MOST_LINES = 100
"""Lines a heading may take."""


@dataclass
class _Body:
    """Rows as they are gathered; `due` is which line of the heading the next line answers to."""

    spans: list[list[tuple[int, int]]]
    rows: list[Row] = field(default_factory=list["Row"])
    cells: list[str] = field(default_factory=list[str])
    due: int = 0
    line: int = 0
    is_full: bool = False

    def add(self, text: str, line: int) -> None:
        """Take a line; lines count from 1."""
        if self.is_full and text.strip() and len(self.spans[self.due - 1]) == 1:
            self.cells[-1] += text.rstrip()
        elif text.strip() or self.due:
            self._flush()
            self.line = self.line if self.due else line
            self.cells.extend(text[start:end].strip() for start, end in self.spans[self.due])
            self.due += 1
        else:
            return
        self.is_full = len(text.rstrip()) >= self.spans[self.due - 1][-1][1]
        if self.due == len(self.spans) and not self.is_full:
            self._flush()

    def has_room_for(self, text: str) -> bool:
        """Tell whether a line's words keep to the columns of the line that is due."""
        spans = self.spans[self.due % len(self.spans)]
        return all(text[end - 1 : end] in ("", " ") for _, end in spans[:-1])

    def _flush(self) -> None:
        if self.due == len(self.spans):
            self.rows.append(Row(tuple(self.cells), self.line))
            self.cells, self.due, self.is_full = [], 0, False

    def close(self) -> None:
        """End the row that is open: cells that were never reached are empty."""
        if self.cells:
            missing = sum(map(len, self.spans)) - len(self.cells)
            self.rows.append(Row((*self.cells, *[""] * missing), self.line))
            self.cells, self.due = [], 0


def read_folded(lines: Sequence[str], at: int, floor: int) -> Reading | None:
    """Answer the table with its first line of dashes at an index, None where its heading is not folded."""
    start = at - 1
    if start < floor or not lines[start].strip():
        return None
    end = start
    while (
        end + 1 < min(len(lines), at + _MOST_LINES)
        and _RULE.fullmatch(lines[end + 1])
        and not is_outside(lines[end])
    ):
        end += 2
    heading = lines[start:end]
    if len(heading) < 2 * _FEWEST_LINES:
        return None
    spans = [_spans(rule) for rule in heading[1::2]]
    columns = [
        name[begin:stop].strip()
        for name, places in zip(heading[::2], spans, strict=True)
        for begin, stop in places
    ]
    body = _Body(spans)
    while end < len(lines):
        if lines[end] == heading[0] and lines[end : end + len(heading)] == heading:
            end += len(heading)
            continue
        text = lines[end].strip()
        if text and (is_outside(lines[end]) or _RULE.fullmatch(text) or not body.has_room_for(lines[end])):
            break
        body.add(lines[end], end + 1)
        end += 1
    body.close()
    return Reading(Table("folded", tuple(columns), tuple(body.rows), start + 1), start, end)


def _spans(rule: str) -> list[tuple[int, int]]:
    """Answer where each column's cells stand: up to the next column's dashes."""
    found = [dashes.span() for dashes in _DASHES.finditer(rule)]
    return [(left[0], right[0]) for left, right in pairwise(found)] + found[-1:]

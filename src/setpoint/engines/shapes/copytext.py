"""Text of PostgreSQL's COPY: tabs between cells, backslashes for what cannot stand as itself.

The batch output of the MySQL clients escapes the same way, with fewer letters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.shapes.reading import Reading, misfit
from setpoint.engines.shapes.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Problem

_COPY = re.compile(r"COPY [^(]*(?:\(([^)]*)\))? FROM stdin;\s*", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)", re.DOTALL)
_BATCH_ESCAPE = re.compile(r"\\([nt0\\])")
_BATCH_LETTERS = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


def unescape(text: str) -> str:
    """Undo the escapes of a cell."""
    return _ESCAPE.sub(_meant, text)


def unescape_batch(text: str) -> str:
    """Undo the escapes of a cell in the batch output of the MySQL clients: four, and no other."""
    return _BATCH_ESCAPE.sub(lambda match: _BATCH_LETTERS[match[1]], text)


def read_copy(lines: Sequence[str], at: int) -> Reading | None:
    r"""Answer the rows between ``COPY ... FROM stdin;`` at an index and ``\.``, None where there is none."""
    head = _COPY.fullmatch(lines[at])
    if head is None:
        return None
    columns = tuple(name.strip().strip('"') for name in head[1].split(",")) if head[1] else ()
    rows: list[Row] = []
    problems: list[Problem] = []
    end = at + 1
    while end < len(lines) and lines[end] != r"\.":
        cells = lines[end].split("\t")
        if len(cells) == (len(columns) or len(cells)):
            rows.append(Row(tuple(None if cell == r"\N" else unescape(cell) for cell in cells), end + 1))
        elif end + 1 < len(lines):
            problems.append(misfit(end + 1, f"it has {len(cells)} cells where {len(columns)} are due"))
        end += 1
    table = Table("copy text", columns, tuple(rows), at + 1, has_nulls=True, problems=tuple(problems))
    return Reading(table, at, min(end + 1, len(lines)))


def _meant(match: re.Match[str]) -> str:
    word = match[1]
    if word[0] in "01234567":
        return chr(int(word, 8))
    if word[0] == "x" and len(word) > 1:
        return chr(int(word[1:], 16))
    return _LETTERS.get(word, word)

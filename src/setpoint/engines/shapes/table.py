"""A table found in a text: columns where the shape has a header, rows with the lines they stand in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.config.dump import Problem


@dataclass(frozen=True, slots=True)
class Row:
    """One row: cells as printed, None for what is marked as null, and the line it begins in."""

    cells: tuple[str | None, ...]
    line: int


@dataclass(frozen=True)
class Table:
    """A table.

    `columns` are the header's words as printed, empty where the shape has none. `shape` says how it was
    printed (``csv``, ``psql aligned``); `line` is where it begins. `has_nulls` tells whether this shape can
    tell null from an empty text. `problems` are rows that do not fit.
    """

    shape: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    line: int = 1
    has_nulls: bool = False
    problems: tuple[Problem, ...] = field(default=())

    def index(self, *names: str) -> int | None:
        """Answer the place of the first column that has one of these names, in any case, or None."""
        folded = [column.strip().lower() for column in self.columns]
        return next((folded.index(name) for name in names if name in folded), None)

    def has(self, *names: str) -> bool:
        """Tell whether there is a column of each of these names, in any case."""
        return all(self.index(name) is not None for name in names)

    def dicts(self) -> Iterator[tuple[int, dict[str, str | None]]]:
        """Answer each row's line and its cells by lower-case column name; missing cells are None."""
        folded = [column.strip().lower() for column in self.columns]
        for row in self.rows:
            cells = row.cells + (None,) * (len(folded) - len(row.cells))
            yield row.line, dict(zip(folded, cells, strict=False))

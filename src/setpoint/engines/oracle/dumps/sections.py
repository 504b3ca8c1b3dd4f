"""The sections of AWR and STATSPACK reports as text: titles, columns under dashes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from setpoint.engines.oracle.dumps.columns import cells_of, is_dashes, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TITLE = re.compile(r"(\S.{0,60}?)\s+DB/Inst:")
_END = re.compile(r"\s+-{20,}\s*")
_RELEASE = re.compile(r"(?<![\d.])\d{1,2}(?:\.\d{1,3}){2,4}(?![\d.])")
_PAGE = "\f"


class Line(NamedTuple):
    """One line of a section: its number and its cells."""

    number: int
    cells: tuple[str, ...]


@dataclass
class Section:
    """What stands under one header; a title that comes again on the next page begins another."""

    title: str
    header: str
    widths: tuple[int, ...]
    lines: list[Line] = field(default_factory=list[Line])

    def is_cut(self, cell: str, place: int) -> bool:
        """Tell whether a cell fills its column, so that something may be missing behind it."""
        return place < len(self.widths) and len(cell) >= self.widths[place]


def read_sections(lines: Sequence[str], *titles: str) -> Iterator[Section]:
    """Answer the sections whose title begins with one of these words, in their order."""
    title = ""
    at = 0
    while at < len(lines):
        line = lines[at]
        match = _TITLE.match(line.lstrip(_PAGE))
        if match is not None:
            title = match[1]
        if at and is_dashes(line) and title.startswith(titles):
            section, at = _read_section(lines, at, title)
            yield section
        else:
            at += 1


def release_of(lines: Sequence[str], most_lines: int = 60) -> str | None:
    """Answer the release that a report's head tells: a version under a header with the word Release."""
    is_under = False
    for line in lines[:most_lines]:
        is_under = is_under or " Release" in line
        match = _RELEASE.search(line) if is_under else None
        if match is not None:
            return match[0]
    return None


def _read_section(lines: Sequence[str], at: int, title: str) -> tuple[Section, int]:
    spans = spans_of(lines[at])
    section = Section(title, lines[at - 1], tuple(end - start for start, end in spans))
    at += 1
    while at < len(lines) and not _is_end(lines[at]):
        cells = cells_of(lines[at].expandtabs(), spans)
        section.lines.append(Line(at + 1, cells))
        at += 1
    return section, at


def _is_end(line: str) -> bool:
    return not line.strip() or line.startswith(_PAGE) or _END.fullmatch(line) is not None or is_dashes(line)

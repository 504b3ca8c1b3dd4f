"""Two-column listings of names and values: SHOW VARIABLES and SHOW STATUS in every client's shape."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.engines.document import Document
    from setpoint.engines.shapes.table import Table

NAMES = ("variable_name", "variable")
VALUES = ("value", "variable_value", "global_value", "session_value")
_LINE = re.compile(r"([A-Za-z_][\w.\-]*)(?:\t|[ ]{1,200})(.*)")
_LONE = re.compile(r"[A-Za-z_][\w.]*[\t ]*")
_HEADER = re.compile(r"variable_name\s", re.IGNORECASE)
_NUMBER = r"-?\d{1,25}(?:\.\d{1,25})?"
_TWICE = re.compile(rf"({_NUMBER})[\t ]+({_NUMBER})\s*")
_MARKUP = re.compile(r"\s*(?:\+-{2,}|\*{5,}|<|[\[{]|\|)")
_ESCAPE = re.compile(r"\\([nt0\\])")
_ESCAPED = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_SAMPLED_LINES = 400
_MOST_STRANGE = 0.1


@dataclass(frozen=True, slots=True)
class Entry:
    """One name and its text, `later` that of a second sample."""

    name: str
    text: str | None
    line: int
    later: str | None = None


@dataclass(slots=True)
class Block:
    """The entries under one header."""

    entries: list[Entry] = field(default_factory=list[Entry])


def looks_listed(document: Document) -> bool:
    """Tell by its head whether a document is a listing of names and values."""
    if document.is_binary:
        return False
    head = [line for line in document.lines[:_SAMPLED_LINES] if line.strip()]
    if not head:
        return False
    if any(_is_marked(line) for line in head[:5]):
        return any(_has_header(table) for table in document.tables)
    if any(_HEADER.match(line) for line in head[:5]):
        return True
    strange = sum(_LINE.fullmatch(line) is None and _LONE.fullmatch(line) is None for line in head)
    return len(head) > 1 and strange <= len(head) * _MOST_STRANGE


def read_listing(document: Document) -> list[Block]:
    """Answer the blocks of a listing, each with its entries in order."""
    if any(_is_marked(line) for line in document.lines[:_SAMPLED_LINES]):
        return [block for table in document.tables if (block := _of_table(table)).entries]
    return [block for block in _of_lines(document) if block.entries]


def _is_marked(line: str) -> bool:
    return _MARKUP.match(line) is not None


def _has_header(table: Table) -> bool:
    return table.index(*NAMES) is not None and table.index(*VALUES) is not None


def _of_table(table: Table) -> Block:
    name, value = table.index(*NAMES), table.index(*VALUES)
    if name is None or value is None:
        return Block()
    entries = [
        Entry(cells[name] or "", cells[value], row.line)
        for row in table.rows
        if len(cells := row.cells) > max(name, value) and cells[name]
    ]
    return Block(entries)


def _of_lines(document: Document) -> Iterator[Block]:
    block = Block()
    for number, line in enumerate(document.lines, start=1):
        if _HEADER.match(line):
            yield block
            block = Block()
            continue
        found = _LINE.fullmatch(line)
        if found is not None:
            block.entries.append(_of_line(found, number, is_tabbed="\t" in line))
        elif _LONE.fullmatch(line):
            block.entries.append(Entry(line.strip(), "", number))
    yield block


def _of_line(found: re.Match[str], number: int, *, is_tabbed: bool) -> Entry:
    name, text = found.groups()
    twice = _TWICE.fullmatch(text)
    if twice is not None:
        return Entry(name, twice[1], number, twice[2])
    if is_tabbed:
        text = _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], text) if "\\" in text else text
        return Entry(name, None if text == "NULL" else text, number)
    return Entry(name, text.strip(), number)

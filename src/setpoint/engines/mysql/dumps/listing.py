"""Two-column listings of names and values: SHOW VARIABLES and SHOW STATUS in every client's shape."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.config.dump import Problem
    from setpoint.engines.document import Document
    from setpoint.engines.shapes.table import Table

NAMES = ("variable_name", "variable")
VALUES = ("value", "variable_value", "global_value", "session_value")
_LINE = re.compile(r"([A-Za-z_][\w.]*)(?:\t|[ ]{1,200})(.*)")
_LONE = re.compile(r"[A-Za-z_][\w.]*[\t ]*")
_HEADER = re.compile(r"variable_name\s", re.IGNORECASE)
_NUMBER = r"-?\d{1,25}(?:\.\d{1,25})?"
_TWICE = re.compile(rf"({_NUMBER})[\t ]+({_NUMBER})\s*")
_MARKUP = re.compile(r"\s*(?:\+-{2,}|-\[ RECORD|\*{5,}|<|[\[{]|\|)")
_ESCAPE = re.compile(r"\\([nt0\\])")
_ESCAPED = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_BOXED = re.compile(r"\| ([A-Za-z_][\w.]*) *\| ?(.*?) *\| *")
_SAMPLED_LINES = 400
_WHOLE_CHARACTERS = 100_000
_PAIR = 2
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
    problems: tuple[Problem, ...] = ()


def head_of(document: Document) -> Document:
    """Answer the beginning of a long document, enough to tell what it is; markup needs its end too."""
    if len(document.text) <= _WHOLE_CHARACTERS or document.text.lstrip()[:1] in {"<", "{", "["}:
        return document
    end = document.text.rfind("\n", 0, _WHOLE_CHARACTERS)
    return replace(document, text=document.text[: end if end > 0 else _WHOLE_CHARACTERS])


def looks_listed(document: Document) -> bool:
    """Tell by its head whether a document is a listing of names and values."""
    if document.is_binary:
        return False
    head = [line for line in document.lines[:_SAMPLED_LINES] if line.strip()]
    if not head:
        return False
    if any(_is_marked(line) for line in head[:5]):
        return any(_has_header(table) or _has_pairs(table) for table in document.tables) or _is_boxed(head)
    if sum(line.count("\t") > _PAIR for line in head) * 2 > len(head):
        return False
    if any(_HEADER.match(line) for line in head[:5]):
        return True
    strange = sum(_LINE.fullmatch(line) is None and _LONE.fullmatch(line) is None for line in head)
    return len(head) > 1 and strange <= len(head) * _MOST_STRANGE


def read_listing(document: Document) -> list[Block]:
    """Answer the blocks of a listing, each with its entries in order."""
    if any(_is_marked(line) for line in document.lines[:_SAMPLED_LINES]):
        found = [block for table in document.tables if (block := _of_table(table)).entries]
        boxed = _boxed_rows(document)
        is_skewed = boxed and any(block.problems for block in found)
        if not is_skewed and sum(len(block.entries) for block in found) * 2 >= boxed:
            return found
        return [block for block in _of_box(document) if block.entries]
    return [block for block in _of_lines(document) if block.entries]


def _is_marked(line: str) -> bool:
    return _MARKUP.match(line) is not None


def _has_header(table: Table) -> bool:
    return table.index(*NAMES) is not None and table.index(*VALUES) is not None


def _has_pairs(table: Table) -> bool:
    return not table.columns and bool(table.rows) and all(len(row.cells) == _PAIR for row in table.rows)


def _is_boxed(head: list[str]) -> bool:
    """Tell whether it is a box of two columns whose header, where it has one, is that of a listing."""
    if len(head) < len("+|+") or not head[0].startswith("+-"):
        return False
    if head[2].startswith("+-") and not _HEADER.match(head[1].lstrip("| ")):
        return False
    return sum(_BOXED.fullmatch(line) is not None for line in head) * 2 > len(head)


def _boxed_rows(document: Document) -> int:
    return sum(line.startswith("| ") for line in document.lines)


def _of_box(document: Document) -> Iterator[Block]:
    """Read a box by its bars alone: MariaDB 11.8 prints rows that are narrower than their box."""
    block = Block()
    for number, line in enumerate(document.lines, start=1):
        found = _BOXED.fullmatch(line)
        if found is not None and _HEADER.match(found[1] + " "):
            yield block
            block = Block()
        elif found is not None:
            block.entries.append(Entry(found[1], found[2].strip(), number))
    yield block


def _of_table(table: Table) -> Block:
    name, value = (0, 1) if _has_pairs(table) else (table.index(*NAMES), table.index(*VALUES))
    if name is None or value is None:
        return Block()
    entries = [
        Entry(cells[name] or "", cells[value], row.line)
        for row in table.rows
        if len(cells := row.cells) > max(name, value) and cells[name]
    ]
    return Block(entries, table.problems)


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

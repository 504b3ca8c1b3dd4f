"""The alert log: what an instance wrote of its parameters when it was started.

Facts: the block "System parameters with non-default values:" has a line for each value, several for a list;
each start writes one, and ALTER SYSTEM writes the statement afterwards.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from setpoint.engines.document import Likeness
from setpoint.engines.oracle.dumps.collection import Collection, Entry
from setpoint.engines.oracle.dumps.entries import read_entries
from setpoint.engines.oracle.dumps.telltale import release_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

KIND = "alert log"
_TITLE = "System parameters with non-default values:"
_LINE = re.compile(r"\s+([A-Za-z_][\w$#]*)\s*=(.*)")
_ALTERED = re.compile(r"\s*ALTER SYSTEM (?:SET|RESET) ([A-Za-z_][\w$#]*)", re.IGNORECASE)
_SURE = 96


class AlertReader:
    """Reads the last start out of an alert log."""

    kind = KIND

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by the title of the block."""
        if document.is_binary or _TITLE not in document.text:
            return None
        return Likeness(_SURE, "parameters of a start, as an alert log has them")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the last block, and tell of the earlier ones and of what was altered afterwards."""
        collection = Collection(document.path, KIND, release_in(document.text) or version)
        starts = [at for at, line in enumerate(document.lines) if line.strip() == _TITLE]
        if not starts:
            collection.error("the block of parameters is cut off")
            return (collection.dump(),)
        for start in starts[:-1]:
            message = f"an earlier start; the block in line {starts[-1] + 1} is in force"
            collection.note(message, start + 1)
        end = _read_block(document.lines, starts[-1] + 1, collection)
        collection.is_running = True
        for at in range(end, len(document.lines)):
            match = _ALTERED.match(document.lines[at])
            if match is not None:
                collection.warn(f"{match[1].lower()} was altered after the start; not taken over", at + 1)
        return (collection.dump(),)


class _Line(NamedTuple):
    number: int
    name: str
    text: str


def _read_block(lines: Sequence[str], at: int, collection: Collection) -> int:
    """Take in the lines of a block; answer where it ends."""
    found: dict[str, list[_Line]] = {}
    while at < len(lines):
        match = _LINE.fullmatch(lines[at])
        if match is None:
            break
        at += 1
        found.setdefault(match[1].lower(), []).append(_Line(at, match[1].lower(), match[2].strip()))
    for name, given in found.items():
        items = tuple(item for each in given for item in _items(each))
        raw = items[0] if len(items) == 1 else ", ".join(items)
        collection.add(Entry(name=name, items=items, raw=raw, line=given[0].number, is_running=True))
    return at


def _items(line: _Line) -> Iterator[str]:
    for given in read_entries(f"{line.name}={line.text}", lambda _: True):
        if given.fault or not given.name:
            yield line.text
            return
        yield from given.items

"""Recognition: what a file is, by its content. Every engine is asked, and so are products that are none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.config.dump import Dump, Problem, Severity
from setpoint.engines.foreign import looks_like
from setpoint.engines.registry import engine_names, get_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.engines.document import Document, DumpReader

_CERTAIN = 100


def read_document(document: Document, *, engine: str = "", version: str | None = None) -> tuple[Dump, ...]:
    """Answer what a document says: its own dump first, then those of the files it includes.

    `engine` limits who is asked to one engine. Raises `NotFoundError` for an engine nobody knows. A document
    that nobody reads is answered as a dump without an engine, whose problem says what it looks like.
    """
    found = sorted(_likenesses(document, engine), key=lambda each: -each[0])
    strange = looks_like(document) if not found or found[0][0] < _CERTAIN else None
    if strange is not None and (not found or strange.points > found[0][0]):
        return (_unread(document, strange.product, f"this is {strange.what}, which is no database it reads"),)
    if not found:
        return (_unread(document, "unknown", _in_words(document)),)
    return tuple(found[0][1].read(document, version))


def _likenesses(document: Document, engine: str) -> Iterator[tuple[int, DumpReader]]:
    for name in (engine,) if engine else engine_names():
        for reader in get_engine(name).dump_readers():
            likeness = reader.recognise(document)
            if likeness is not None and likeness.points > 0:
                yield likeness.points, reader


def _unread(document: Document, kind: str, why: str) -> Dump:
    problem = Problem(severity=Severity.ERROR, message=why)
    return Dump(path=document.path, engine=None, kind=kind, problems=(problem,))


def _in_words(document: Document) -> str:
    """Say what a document nobody knows looks like."""
    known = "no configuration and no output of a database that is known here"
    if document.is_binary:
        return f"a binary file: {known}"
    filled = [line for line in document.lines if line.strip()]
    if not filled:
        return "an empty file: it says nothing"
    tables = document.tables
    if tables:
        columns = ", ".join(tables[0].columns[:6]) or "no header"
        return f"a table ({tables[0].shape}; {columns}): {known}"
    assignments = sum(re.match(r"\s*[\w.-]+\s*=", line) is not None for line in filled[:500])
    if assignments * 2 > len(filled[:500]):
        return f"a file of NAME = VALUE lines whose names no engine has: {known}"
    # Nothing of it is told: who knows what stands there.
    return f"text of {len(filled)} lines: {known}"


def readable(engine: str = "") -> Sequence[tuple[str, str]]:
    """Answer every engine and kind of file that is read, sorted."""
    names = (engine,) if engine else engine_names()
    return sorted({(name, reader.kind) for name in names for reader in get_engine(name).dump_readers()})

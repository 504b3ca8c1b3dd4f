"""A document: one file's text as importers see it, and the folder it stands in.

Nothing is opened here: who imports reads the bytes and hands them in, and a shelf answers what else stands
beside the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from setpoint.engines.shapes.tables import read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.shapes.table import Table

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_MOST_CONTROLS = 0.02
"""Control characters a text may have, as a share of its length; a dumped binary has far more."""

_NO_CONTROLS = dict.fromkeys(set(range(32)) - set(map(ord, "\t\n\r\f\v")))


class Shelf(Protocol):
    """The files beside a document. Paths are relative to its folder; absolute ones never answer."""

    def read(self, path: str) -> str | None:
        """Answer a file's text, None where there is none or it is not to be read."""
        ...

    def names(self, folder: str) -> tuple[str, ...] | None:
        """Answer the names of a folder's files, sorted as bytes; None where there is no such folder."""
        ...


class EmptyShelf:
    """Nothing stands beside the document."""

    def read(self, path: str) -> str | None:  # noqa: ARG002 - it has none, whatever the path
        """Answer that there is no such file."""
        return None

    def names(self, folder: str) -> tuple[str, ...] | None:  # noqa: ARG002 - it has none
        """Answer that there is no such folder."""
        return None


@dataclass(frozen=True)
class Document:
    """One file: its path as given, and its text with lines ended by a newline alone."""

    path: str
    text: str
    is_binary: bool = False
    shelf: Shelf = field(default_factory=EmptyShelf)

    @classmethod
    def of(cls, path: str, body: bytes, shelf: Shelf | None = None) -> Document:
        """Decode a file's bytes: by its mark, as UTF-8, else byte by byte."""
        text = _decode(body)
        controls = len(text) - len(text.translate(_NO_CONTROLS))
        is_binary = "\0" in text or controls > len(text) * _MOST_CONTROLS
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return cls(path, text, is_binary, shelf or EmptyShelf())

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The text line by line; line n of the file is at n - 1."""
        return tuple(self.text.split("\n"))

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The tables in it, in whatever shape a client printed them; nothing where there are none."""
        return () if self.is_binary else read_tables(self.text)


@dataclass(frozen=True)
class Likeness:
    """How much a document looks like what a reader reads, in hundredths, and by what.

    100 means that nothing else writes such a file; 50 that it fits and others may fit too; below that it is a
    guess that only wins where nobody else speaks.
    """

    points: int
    why: str


class DumpReader(Protocol):
    """Reads one kind of file of one engine. Pure: a document in, dumps out."""

    @property
    def kind(self) -> str:
        """What such a file is called: ``pg_settings``, ``my.cnf``."""
        ...

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by its content whether this is such a file, None where it is not; quick, and never raises."""
        ...

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it: the document's dump first, then those of the files it includes, in their order.

        `version` is what the operator said, None where nobody did. Never raises for any content: what
        cannot be understood is a problem with its line.
        """
        ...


def _decode(body: bytes) -> str:
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body.decode(encoding, errors="replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")

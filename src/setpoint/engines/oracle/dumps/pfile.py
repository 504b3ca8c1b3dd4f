"""Text parameter files (pfile, init.ora), with the files they include.

Facts: the Database Reference ("IFILE": three levels deep) and the Administrator's Guide ("text initialization
parameter file"), in our own words: of several entries the last rules; those of a list add up while they
follow one another; an entry with a SID is that instance's alone.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE
from setpoint.engines.document import Likeness
from setpoint.engines.oracle.dialect.knowledge import is_auto_tuned
from setpoint.engines.oracle.dumps.collection import Collection, Entry
from setpoint.engines.oracle.dumps.entries import read_entries
from setpoint.engines.oracle.dumps.meaning import is_list, is_placeholder
from setpoint.engines.oracle.dumps.settling import overruled
from setpoint.engines.oracle.dumps.spfile import is_printed
from setpoint.engines.oracle.dumps.telltale import count_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document
    from setpoint.engines.oracle.dumps.entries import Given

KIND = "pfile"
_MOST_LINES = 400
_DEEPEST = 3
_ENTRY = re.compile(r"(?<![^ \t])(?:(\*|[A-Za-z0-9][\w$#-]*)\.)?([A-Za-z_][\w$#]*)[ \t]*=")
_ELSEWHERE = re.compile(r"[/\\?$%+~]|[A-Za-z]:")
"""Paths of another host: absolute ones, and those that begin with a home or an environment variable."""
_SPFILE = "spfile"
_MOST_CHARACTERS = 2_000
_SURE, _LIKELY, _FITTING, _MAYBE = 95, 85, 75, 45


class PfileReader:
    """Reads a text parameter file."""

    kind = KIND

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by entries with ``*.`` or a SID ahead, or by names that are Oracle's alone."""
        if document.is_binary or is_printed(document):
            return None
        lines = [line for line in document.lines[:_MOST_LINES] if line.strip() and line.lstrip()[0] != "#"]
        given = [line[:_MOST_CHARACTERS] for line in lines if "=" in line]
        found = [match for line in given for match in _ENTRY.finditer(line)]
        known = count_names(match[2] for match in found)
        if any(match[1] and is_auto_tuned(match[2]) for match in found):
            return Likeness(_SURE, "entries of an instance's own tuning")
        if known and any(match[1] == "*" for match in found):
            return Likeness(_SURE, "entries for all instances (*.name=value)")
        is_mostly = len(found) * 2 >= len(lines)
        if found and is_mostly and any(match[1] == "*" or match[2].lower() == _SPFILE for match in found):
            return Likeness(_FITTING, "entries such as parameter files have")
        if not known or any(line.lstrip().startswith(("[", "{", "<")) for line in lines):
            return None
        points = _LIKELY if known > 1 and is_mostly else _MAYBE
        return Likeness(points, f"{known} names of Oracle's with values")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it, and what it includes."""
        tree = _Tree(document, version)
        tree.take(document.path, document.text, ())
        return tree.settle()


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """An entry, and in which file of the tree it stands."""

    file: Collection
    entry: Entry


@dataclass
class _Tree:
    """The files of a tree, and their entries in the order in which the server comes to them."""

    document: Document
    version: str | None
    files: list[Collection] = field(default_factory=list[Collection])
    placed: list[_Placed] = field(default_factory=list[_Placed])

    def take(self, path: str, text: str, trail: tuple[str, ...]) -> None:
        """Read one file; `trail` are the paths that led to it."""
        file = Collection(path, KIND, self.version)
        self.files.append(file)
        for given in read_entries(text, lambda name: is_list(name, self.version)):
            if not given.name:
                file.error(given.fault, given.line, given.column)
                continue
            self.placed.append(_Placed(file, _entry(given)))
            if given.name == "ifile" and given.items:
                self._include(file, given, (*trail, path))
            elif given.name == "spfile" and given.items:
                file.warn("the rest stands in the server parameter file named here, not read", given.line)

    def settle(self) -> Sequence[Dump]:
        """Find what is in force in the whole tree, and answer a dump for each file."""
        ruling = self._ruling()
        for index, placed in enumerate(self.placed):
            last = ruling[_key(placed.entry)]
            if index >= last or is_auto_tuned(placed.entry.name) or placed.entry.name == "ifile":
                placed.file.add(placed.entry)
                continue
            winner = self.placed[last]
            where = f"line {winner.entry.line}"
            where += "" if winner.file is placed.file else f" of {winner.file.path}"
            placed.file.note(overruled(placed.entry.name, where), placed.entry.line)
        return tuple(file.dump() for file in self.files)

    def _ruling(self) -> dict[tuple[str, str], int]:
        """Answer, for each parameter and scope, from which entry on it is in force."""
        first: dict[tuple[str, str], int] = {}
        before = None
        for index, placed in enumerate(self.placed):
            key = _key(placed.entry)
            if key != before or not is_list(placed.entry.name, self.version):
                first[key] = index
            before = key
        return first

    def _include(self, file: Collection, given: Given, trail: tuple[str, ...]) -> None:
        path = given.items[0].strip()
        if not path or is_placeholder(path):
            return
        if _ELSEWHERE.match(path):
            file.warn("a file of its own host is included here; it was not followed", given.line)
            return
        name = posixpath.normpath(path.replace("\\", "/"))
        joined = posixpath.join(posixpath.dirname(self.document.path), name)
        if joined in trail:
            file.error("the file includes itself", given.line, given.column)
            return
        if len(trail) > _DEEPEST:
            file.error(f"more than {_DEEPEST} files deep, which the server refuses", given.line, given.column)
            return
        text = self.document.shelf.read(name)
        if text is None:
            file.error("the included file is not there; the server would not start", given.line, given.column)
            return
        self.take(joined, text, trail)


def _entry(given: Given) -> Entry:
    return Entry(
        name=given.name,
        items=given.items,
        raw=given.raw,
        line=given.line,
        column=given.column,
        scope=f"sid:{given.sid}" if given.sid else INSTANCE,
        fault=given.fault,
    )


def _key(entry: Entry) -> tuple[str, str]:
    return entry.name, entry.scope.lower()

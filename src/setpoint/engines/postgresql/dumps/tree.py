"""Configuration files with what they include, in the order in which the server reads them.

The server's rules (guc-file.l): includes are read where they stand; a relative path starts at the folder of
the file that names it; of a folder the files ``*.conf`` that do not begin with a dot, sorted as bytes; at
most ten levels; a file that includes itself stops the start. Absolute paths are another host's, and are not
followed.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.engines.postgresql.dialect.conf import Entry, ParsedFile, parse_conf

if TYPE_CHECKING:
    from setpoint.engines.document import Document

AUTO_CONF = "postgresql.auto.conf"
DEEPEST = 10
MOST_FILES = 1000
"""Files one tree may have here; the server has no such cap, and nobody has so many."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about an include directive."""

    is_fault: bool
    is_unfollowed: bool
    line: int
    column: int
    message: str


@dataclass
class TreeFile:
    """One file of a tree: its path below the document's folder, its text and what was read of it."""

    path: str
    text: str
    parsed: ParsedFile
    remarks: dict[Remark, None] = field(default_factory=dict[Remark, None])


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One entry in reading order, and the number of the file it stands in."""

    file: int
    entry: Entry


@dataclass
class Tree:
    """All files, the document's first, and all entries in the order in which they are read.

    A file that is included twice is one file, whose entries are read twice.
    """

    files: list[TreeFile] = field(default_factory=list[TreeFile])
    entries: list[TreeEntry] = field(default_factory=list[TreeEntry])


def read_tree(document: Document) -> Tree:
    """Read the document and what it includes, and last what ALTER SYSTEM wrote beside it."""
    folder, _, name = document.path.replace("\\", "/").rpartition("/")
    del folder
    walk = _Walk(document, Tree())
    walk.read(name, document.text, 0)
    if name != AUTO_CONF:
        text = document.shelf.read(AUTO_CONF)
        if text is not None:
            walk.read(AUTO_CONF, text, 0)
    return walk.tree


@dataclass
class _Walk:
    document: Document
    tree: Tree
    places: dict[str, int] = field(default_factory=dict[str, int])
    reads: int = 0

    def read(self, path: str, text: str, depth: int) -> None:
        """Read one file and, in place, what it includes."""
        self.reads += 1
        number = self.places.get(path)
        if number is None:
            number = self.places[path] = len(self.tree.files)
            self.tree.files.append(TreeFile(path, text, parse_conf(text)))
        file = self.tree.files[number]
        for entry in file.parsed.entries:
            if entry.is_include:
                self.include(file, entry, depth + 1)
            else:
                self.tree.entries.append(TreeEntry(number, entry))

    def include(self, file: TreeFile, entry: Entry, depth: int) -> None:
        """Follow one directive."""
        target, directive = entry.text, entry.name.lower()
        if not target.strip():
            _remark(file, entry, f"{directive} names nothing", is_fault=True)
        elif _is_absolute(target):
            message = f"{directive} of an absolute path is not followed: it is another host's"
            _remark(file, entry, message, is_unfollowed=True)
        elif depth > DEEPEST:
            _remark(file, entry, f"{directive}: files include each other too deeply", is_fault=True)
        elif self.reads >= MOST_FILES:
            _remark(file, entry, f"{directive}: too many files, not followed", is_unfollowed=True)
        else:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), target))
            if directive == "include_dir":
                self.include_folder(file, entry, path, depth)
            else:
                self.include_file(file, entry, path, depth)

    def include_file(self, file: TreeFile, entry: Entry, path: str, depth: int) -> None:
        """Read an included file."""
        if path == file.path:
            _remark(file, entry, "the file includes itself", is_fault=True)
            return
        text = self.text_of(path)
        if text is not None:
            self.read(path, text, depth)
        elif entry.name.lower() == "include_if_exists":
            _remark(file, entry, "the included file is not here; the server goes on without it")
        else:
            _remark(
                file,
                entry,
                "the included file is not here; the server does not start without it",
                is_fault=True,
            )

    def include_folder(self, file: TreeFile, entry: Entry, path: str, depth: int) -> None:
        """Read an included folder's files."""
        names = self.document.shelf.names(path)
        if names is None:
            message = "the included folder is not here; the server does not start without it"
            _remark(file, entry, message, is_fault=True)
            return
        for name in names:
            if name.endswith(".conf") and not name.startswith(".") and name != ".conf":
                child = posixpath.join(path, name)
                text = None if child == file.path else self.text_of(child)
                if text is not None:
                    self.read(child, text, depth)
                elif child == file.path:
                    _remark(file, entry, "the file includes itself", is_fault=True)

    def text_of(self, path: str) -> str | None:
        """Answer a file's text, the document's own and those read before without asking again."""
        number = self.places.get(path)
        return self.tree.files[number].text if number is not None else self.document.shelf.read(path)


def _remark(
    file: TreeFile, entry: Entry, message: str, *, is_fault: bool = False, is_unfollowed: bool = False
) -> None:
    file.remarks[Remark(is_fault, is_unfollowed, entry.line, entry.column, message)] = None


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "\\", "~")) or path[1:2] == ":"

"""Validation: what a server's own program is asked about a configuration file, and what it says. Pure.

Lines that would reach this machine are withheld from it (paths, users, libraries), so that a file from
anywhere can be asked about; `inquiry` does the asking.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from setpoint.engines.document import Document

Line = tuple[str, int]
"""A file of the tree, and a line of it."""


class Finding(Enum):
    """What a program says of a line."""

    REFUSED = "refused"
    """A server does not start with it."""
    ADJUSTED = "adjusted"
    """A server starts, with another value."""
    REMARKED = "remarked"
    """A server starts, and says something about it."""
    LOCAL = "local"
    """It is refused for what this machine is or lacks, which says nothing about the file's own host."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a program says, in its own words but for the values; line 0 where it names none."""

    finding: Finding
    message: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A tree of configuration files to ask about, by paths relative to the first one's folder.

    `root` is the first file. `withheld` are the lines that are not put to the program; `names` tells the
    (folded) name that a line sets.
    """

    root: str
    files: Mapping[str, str]
    folders: frozenset[str]
    withheld: frozenset[Line]
    names: Mapping[Line, str]


@dataclass(frozen=True, slots=True)
class Program:
    """A server's program on this machine: its name with its version, and how it is run.

    `words` puts arguments behind the program's own words; `share` lets whoever it is run as into a folder.
    """

    name: str
    version: tuple[int, ...]
    words: Callable[[Sequence[str]], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    share: Callable[[Path], None] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a program wrote before it ended: the text of its standard error, its exit code, and its folder."""

    text: str
    code: int
    folder: str


@dataclass(frozen=True, slots=True)
class Answer:
    """All that was said; `is_whole` where in the end nothing was left that it refused."""

    verdicts: tuple[Verdict, ...]
    is_whole: bool


class Validator(Protocol):
    """How one engine's program is asked, and how its words are read. Pure."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of dumps whose files the program reads."""
        ...

    def inquiry(self, document: Document, version: tuple[int, ...]) -> Inquiry:
        """Answer what to ask a program of that version about a document and what it includes."""
        ...

    def arguments(self, inquiry: Inquiry, folder: str, version: tuple[int, ...]) -> Sequence[str]:
        """Answer with what the program is run; `folder` holds the files and is its working folder."""
        ...

    def hear(self, inquiry: Inquiry, said: Said) -> Sequence[Verdict]:
        """Read what the program said."""
        ...


def is_inside(path: str) -> bool:
    """Tell whether a path, as a file names it, stays within the folder that it starts from."""
    if not path.strip() or "\0" in path or path.startswith(("/", "\\", "~")) or path[1:2] == ":":
        return False
    return posixpath.normpath(path).split("/")[0] != ".."

"""Validation: a server's own program asked about a configuration file, with no server running.

What is asked is a copy in a scratch folder. Lines that would reach this machine are withheld from it (paths,
users, libraries), so that a file from anywhere can be asked about. A program that stops at its first fault is
asked again without the lines it refused. Its exit code is never believed by itself: MariaDB and MySQL end
with 0 where they change a value, PostgreSQL with 1 for what only this machine lacks.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from setpoint.engines.document import Document

MOST_ROUNDS = 20
TIMEOUT_SECONDS = 20.0
_SAID_CHARACTERS = 1_000_000
_FOLDER = "files"

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


_STOPS = frozenset({Finding.REFUSED, Finding.LOCAL})
"""After these a program may not have read on."""


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


def ask(
    validator: Validator, inquiry: Inquiry, program: Program, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> Answer:
    """Ask a program until it has nothing more to say.

    Raises `UnavailableError` where it cannot be run, or does not end in time.
    """
    verdicts: dict[Verdict, None] = {}
    withheld = set(inquiry.withheld)
    for _ in range(MOST_ROUNDS):
        said = _run(validator, inquiry, withheld, program, timeout_seconds)
        heard = [each for each in validator.hear(inquiry, said) if each not in verdicts]
        verdicts |= dict.fromkeys(heard)
        blamed = {(each.path, each.line) for each in heard if each.line and each.finding in _STOPS}
        if not blamed - withheld:
            is_whole = said.code == 0 and not any(each.finding is Finding.REFUSED for each in heard)
            return Answer(tuple(verdicts), is_whole)
        withheld |= blamed
    return Answer(tuple(verdicts), is_whole=False)


def _run(
    validator: Validator, inquiry: Inquiry, withheld: set[Line], program: Program, timeout_seconds: float
) -> Said:
    with tempfile.TemporaryDirectory(prefix="setpoint-") as scratch:
        folder = Path(scratch).resolve() / _FOLDER
        _lay_out(inquiry, withheld, folder)
        if program.share is not None:
            program.share(folder.parent)
        words = program.words(validator.arguments(inquiry, str(folder), program.version))
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **program.environment}
        try:
            process = subprocess.Popen(  # noqa: S603 - a server's program, with words made here
                list(words),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # what it may have started ends with it
            )
        except OSError as fault:
            raise UnavailableError(f"{program.name} does not run: {fault.strerror}") from None
        with process:
            try:
                _, text = process.communicate(timeout=timeout_seconds)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                message = f"{program.name} did not end within {timeout_seconds:g} s"
                raise UnavailableError(message) from None
        shown = text[:_SAID_CHARACTERS].decode(errors="replace")
        return Said(shown, process.returncode, str(folder))


def _lay_out(inquiry: Inquiry, withheld: set[Line], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for each in inquiry.folders:
        (folder / each).mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, text in inquiry.files.items():
        lines = text.split("\n")
        for number in (line for name, line in withheld if name == path and line <= len(lines)):
            lines[number - 1] = "#"
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.write_text("\n".join(lines), encoding="utf-8", errors="replace")
        place.chmod(0o600)


def is_inside(path: str) -> bool:
    """Tell whether a path, as a file names it, stays within the folder that it starts from."""
    if not path.strip() or "\0" in path or path.startswith(("/", "\\", "~")) or path[1:2] == ":":
        return False
    return posixpath.normpath(path).split("/")[0] != ".."

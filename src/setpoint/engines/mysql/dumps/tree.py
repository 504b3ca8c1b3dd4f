"""A tree of option files: its entries in the order in which the server reads them, includes followed."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.dump import Problem, Severity
from setpoint.engines.mysql.dialect.option_files import Directive, Entry, ParsedFile, parse_option_file
from setpoint.engines.mysql.file_agent import DEEPEST_INCLUDE, SUFFIX

if TYPE_CHECKING:
    from setpoint.engines.document import Document
    from setpoint.engines.mysql.dialect.option_files import Fault
    from setpoint.engines.mysql.dialect.option_groups import Kind

MOST_VISITS = 200
"""Files that include each other multiply; after so many the rest is left unread, and it is said."""


@dataclass(frozen=True, slots=True)
class Read:
    """An entry as it is read, and the place in the order of reading at which it is."""

    path: str
    entry: Entry
    order: int


@dataclass(slots=True)
class Tree:
    """What was read: lines of text by path, entries in order, problems by path."""

    engine: Kind
    document: Document
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    read: list[Read] = field(default_factory=list[Read])
    problems: dict[str, list[Problem]] = field(default_factory=dict[str, list[Problem]])
    _parsed: dict[str, ParsedFile] = field(default_factory=dict[str, ParsedFile])
    _visits: int = 0

    def walk(self) -> None:
        """Read the document, and all that it includes from its own folder."""
        self._visit("", self.document.text, 0)

    def _visit(self, path: str, text: str, depth: int) -> bool:
        """Read one file; False where the server stops there for good."""
        self._visits += 1
        if path not in self._parsed:
            self._parsed[path] = parse_option_file(text, path, self.engine)
            self.texts[path] = tuple(text.split("\n"))
            self.problems.setdefault(path, [])
        for line in self._parsed[path].lines:
            if isinstance(line, Entry):
                self.read.append(Read(path, line, len(self.read)))
            elif isinstance(line, Directive):
                if not self._include(path, line, depth):
                    return False
            elif not self._blame_fault(path, line, depth):
                return False
        return True

    def _blame_fault(self, path: str, fault: Fault, depth: int) -> bool:
        if not fault.is_end:
            self._say(path, fault.line, Severity.WARNING, fault.message)
            return True
        outcome = "the server does not start" if depth == 0 else "the rest of the file is not read"
        severity = Severity.ERROR if depth == 0 else Severity.WARNING
        self._say(path, fault.line, severity, f"{fault.message}: {outcome}")
        return False

    def _include(self, path: str, directive: Directive, depth: int) -> bool:
        target = directive.path
        if depth >= DEEPEST_INCLUDE:
            words = f"skipped: {DEEPEST_INCLUDE} includes deep already"
            self._say(path, directive.line, Severity.WARNING, words)
        elif target.startswith(("/", "~", "\\")) or target[1:3] in {":\\", ":/"}:
            words = f"{target} is a path of that host: not followed"
            self._say(path, directive.line, Severity.WARNING, words)
        elif directive.is_folder:
            return self._include_folder(path, posixpath.normpath(target), directive.line, depth)
        else:
            self._include_file(path, posixpath.normpath(target), directive.line, depth)
        return True

    def _include_file(self, path: str, target: str, line: int, depth: int) -> None:
        if self._visits >= MOST_VISITS:
            self._say(path, line, Severity.WARNING, f"{target} is left unread: too many includes")
            return
        text = self.document.shelf.read(target)
        if text is None:
            self._say(path, line, Severity.WARNING, f"{target} is not there: servers go on without it")
            return
        self._visit(target, text, depth + 1)

    def _include_folder(self, path: str, folder: str, line: int, depth: int) -> bool:
        names = self.document.shelf.names(folder)
        if names is None:
            self._say(path, line, Severity.ERROR, f"folder {folder} is not there: the server does not start")
            return False
        for name in names:
            if name.endswith(SUFFIX):
                self._include_file(path, posixpath.join(folder, name), line, depth)
        return True

    def _say(self, path: str, line: int, severity: Severity, message: str) -> None:
        problem = Problem(severity=severity, line=line, message=message)
        if problem not in self.problems[path][-50:]:
            self.problems[path].append(problem)

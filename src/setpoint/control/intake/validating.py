"""Validating: what the servers' own programs, where they are on this machine, say of configuration files.

The importers' word stands. A program's is added where it says more, and where the two disagree that is said
at the line.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.config.dump import Problem, Severity
from setpoint.control.intake import programs
from setpoint.control.intake.reading import read_trees
from setpoint.engines.inquiry import ask
from setpoint.engines.registry import get_engine
from setpoint.engines.validation import Finding
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document
    from setpoint.engines.validation import Answer, Inquiry, Program, Verdict


def read_validated(paths: Iterable[str], *, engine: str = "", version: str = "") -> Iterator[Dump]:
    """Read files and folders as `read_paths` does, and ask about those that configure a server."""
    for document, dumps in read_trees(paths, engine=engine, version=version):
        yield from validated(document, dumps)


def validated(document: Document, dumps: Sequence[Dump]) -> Sequence[Dump]:
    """Answer what a tree of files says, with the word of its server's program added to its problems."""
    first = dumps[0]
    validator = get_engine(first.engine).validator() if first.engine is not None else None
    if first.engine is None or validator is None or first.kind not in validator.kinds:
        return dumps
    program = programs.choose(first.engine, first.version)
    if program is None:
        return _noted(dumps, f"no server of {first.engine} on this machine can be asked about it")
    inquiry = validator.inquiry(document, program.version)
    try:
        answer = ask(validator, inquiry, program)
    except UnavailableError as fault:
        return _noted(dumps, f"its server's program could not be asked: {fault.what}")
    is_own = programs.is_of_family(program, first.engine, first.version)
    return _Comparison(dumps, inquiry, program, is_own=is_own).settle(answer)


@dataclass
class _Comparison:
    """Importers' and program's words side by side; dumps are told by their place in the tree."""

    dumps: Sequence[Dump]
    inquiry: Inquiry
    program: Program
    is_own: bool
    """Whether the program is of the files' own version."""
    added: dict[str, list[Problem]] = field(default_factory=lambda: defaultdict[str, list[Problem]](list))

    def settle(self, answer: Answer) -> Sequence[Dump]:
        """Answer the dumps with what the program added."""
        told = self._told()
        for verdict in answer.verdicts:
            self._weigh(verdict, told)
        if answer.is_whole:
            self._contradict(answer.verdicts)
        refused = {(each.path, each.line) for each in answer.verdicts if each.finding is Finding.REFUSED}
        words = "takes it" if answer.is_whole and not refused else f"refuses {_counted(len(refused))} of it"
        if not refused and not answer.is_whole:
            words = "could not be asked about all of it here"
        self._add(self.inquiry.root, 0, Severity.NOTE, f"{self.program.name}, asked on this machine, {words}")
        return [self._with_added(dump, path) for dump, path in self._placed()]

    def _placed(self) -> Iterator[tuple[Dump, str]]:
        """Answer each dump with its path inside the tree."""
        folder = posixpath.dirname(self.dumps[0].path) or "."
        for number, dump in enumerate(self.dumps):
            yield dump, posixpath.relpath(dump.path, folder) if number else self.inquiry.root

    def _told(self) -> dict[tuple[str, int], Severity]:
        """Answer the gravest word of the importers on each line."""
        gravity = [Severity.NOTE, Severity.WARNING, Severity.ERROR]
        told: dict[tuple[str, int], Severity] = {}
        for dump, path in self._placed():
            for problem in dump.problems:
                place = (path, problem.line)
                told[place] = max(told.get(place, Severity.NOTE), problem.severity, key=gravity.index)
        return told

    def _weigh(self, verdict: Verdict, told: dict[tuple[str, int], Severity]) -> None:
        """Add a word of the program where the importers did not say the same."""
        place = (verdict.path, verdict.line)
        name = self.inquiry.names.get(place)
        alike = [other for other, each in self.inquiry.names.items() if each == name] if name else [place]
        if verdict.finding is Finding.REFUSED:
            if any(told.get(each) is Severity.ERROR for each in alike):
                return
            severity = Severity.WARNING if self.is_own else Severity.NOTE
            doubt = "" if self.is_own else "; it may be of another version than the file"
            words = f"{self.program.name} refuses this: {verdict.message}{doubt}"
        elif verdict.finding is Finding.ADJUSTED:
            if any(each in told for each in alike):
                return
            severity, words = Severity.NOTE, f"{self.program.name} changes this: {verdict.message}"
        elif verdict.finding is Finding.REMARKED:
            severity, words = Severity.NOTE, f"{self.program.name} says of this: {verdict.message}"
        else:
            severity = Severity.NOTE
            words = f"{self.program.name} refuses this on this machine, which need not be so elsewhere"
            words += f": {verdict.message}"
        self._add(verdict.path or self.inquiry.root, verdict.line, severity, words)

    def _contradict(self, verdicts: Sequence[Verdict]) -> None:
        """Say which lines the program takes that the importers hold to be faulty."""
        blamed = {(each.path, each.line) for each in verdicts} | self.inquiry.withheld
        names = {name for place in blamed if (name := self.inquiry.names.get(place)) is not None}
        for dump, path in self._placed():
            for problem in dump.problems:
                place = (path, problem.line)
                name = self.inquiry.names.get(place)
                if problem.severity is Severity.ERROR and name and name not in names and place not in blamed:
                    words = f"{self.program.name} takes this line, which is said to be refused"
                    self._add(path, problem.line, Severity.WARNING, words)

    def _add(self, path: str, line: int, severity: Severity, message: str) -> None:
        problem = Problem(severity=severity, line=line, message=message)
        if problem not in self.added[path]:
            self.added[path].append(problem)

    def _with_added(self, dump: Dump, path: str) -> Dump:
        problems = (*dump.problems, *self.added.get(path, ()))
        return replace(dump, problems=tuple(sorted(problems, key=lambda problem: problem.line)))


def _counted(count: int) -> str:
    return f"{count} line{'' if count == 1 else 's'}"


def _noted(dumps: Sequence[Dump], message: str) -> Sequence[Dump]:
    note = Problem(severity=Severity.NOTE, message=message)
    return [replace(dumps[0], problems=(note, *dumps[0].problems)), *dumps[1:]]

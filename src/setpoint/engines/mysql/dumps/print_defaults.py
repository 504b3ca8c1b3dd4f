"""Reading what ``my_print_defaults`` and ``mysqld --print-defaults`` print: arguments, the last one wins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE, Dump, Problem, Severity
from setpoint.engines.mysql.dialect.option_groups import ACCUMULATING
from setpoint.engines.mysql.dumps.evidence import likeness, number_of
from setpoint.engines.mysql.dumps.option_lines import OptionReading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.engines.document import Document, Likeness
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind
    from setpoint.engines.mysql.dumps.option_lines import OptionLine

_TOLD = "would have been started with the following arguments"
_ARGUMENT = re.compile(r"--([A-Za-z][\w.\-]*)(?:=(.*))?", re.DOTALL)
_BETWEEN = re.compile(r" (?=--[A-Za-z])")
_HEAD_LINES = 200


@dataclass(frozen=True)
class PrintDefaultsReader:
    """Reads the arguments that option files amount to."""

    engine: Kind
    meanings: Meanings
    kind: str = "print-defaults"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by its lines: nothing but arguments, most of them options of these servers."""
        lines = [line.strip() for line in document.lines[:_HEAD_LINES] if line.strip()]
        if document.is_binary or not lines:
            return None
        is_told = any(_TOLD in line for line in lines[:5])
        if not is_told and not all(line.startswith("--") for line in lines):
            return None
        names = [name.lower().replace("-", "_") for _, name, _ in _arguments(document.lines[:_HEAD_LINES])]
        options = OptionReading(self.engine, self.meanings, None).options
        known = sum(name in options or name.startswith(("loose_", "skip_")) for name in names)
        if not names or (known * 2 < len(names) and not is_told):
            return None
        return likeness(document, self.engine, f"it lists {len(names)} arguments of a server")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the arguments."""
        version = _version_of(document) or version
        reading = OptionReading(self.engine, self.meanings, version)
        lines = [reading.read(name, text, number) for number, name, text in _arguments(document.lines)]
        reading.settle_words(lines)
        last = {line.name: line for line in lines if not line.is_ceiling}
        in_force = [line for line in lines if _is_in_force(line, last)]
        problems = [problem for line in lines for problem in line.problems]
        problems += [_superseded(line, last[line.name]) for line in lines if _is_beaten(line, last)]
        return (
            Dump(
                path=document.path,
                engine=self.engine,
                kind=self.kind,
                version=version,
                settings=tuple(line.setting(INSTANCE) for line in in_force),
                redacted=tuple(dict.fromkeys(line.name for line in lines if line.is_redacted)),
                problems=tuple(sorted(problems, key=lambda problem: problem.line)),
            ),
        )


def _is_in_force(line: OptionLine, last: dict[str, OptionLine]) -> bool:
    return not line.is_void and (line.name in ACCUMULATING or last.get(line.name) is line)


def _is_beaten(line: OptionLine, last: dict[str, OptionLine]) -> bool:
    is_other = line.name in last and last[line.name] is not line
    return is_other and line.name not in ACCUMULATING and not line.is_ceiling


def _superseded(line: OptionLine, winner: OptionLine) -> Problem:
    words = f"{line.name} is given again in line {winner.line}, which is in force"
    return Problem(severity=Severity.NOTE, line=line.line, message=words)


def _arguments(lines: Sequence[str]) -> Iterator[tuple[int, str, str | None]]:
    """Answer line, name and text of each argument; a server prints all of them in one line."""
    is_server = any(_TOLD in line for line in lines[:5])
    for number, line in enumerate(lines, start=1):
        if not line.startswith("--"):
            continue
        for argument in _BETWEEN.split(line.rstrip()) if is_server else (line,):
            found = _ARGUMENT.fullmatch(argument)
            if found is not None:
                yield number, found[1], found[2]


def _version_of(document: Document) -> str | None:
    head = next((line for line in document.lines[:5] if "  Ver " in line), "")
    return number_of(head.partition("  Ver ")[2])

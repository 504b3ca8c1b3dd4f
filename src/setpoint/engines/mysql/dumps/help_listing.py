"""Reading ``mysqld --verbose --help``: the options a build offers, and the values at its end.

The values are those after option files were read; which of them a file gave is not told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.config.dump import Dump, Problem, Severity, Source
from setpoint.engines.mysql.dumps.evidence import likeness, number_of
from setpoint.engines.mysql.dumps.running import RunningValues

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import DumpSetting
    from setpoint.engines.document import Document, Likeness
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind

_VERSION = re.compile(r"\S*(?:mysqld|mariadbd|mysqld-\w+|mariadbd-\w+|mysqld\.exe)\S*  Ver (\S+)")
_OPTION = re.compile(r"  (?:-\S, |    )?--([A-Za-z][\w.-]*)(?:\[?=.*|\s.*|)")
_TABLE = "Variables (--variable-name=value)"
_RULE = re.compile(r"-{5,} -{5,}\s*")
_ROW = re.compile(r"(\S+)(?: +(.*))?")
_NOTHING = "(No default value)"
_OF_THE_CALL = frozenset({"help", "verbose", "validate_config", "print_defaults", "no_defaults"})
_HEAD_LINES = 200
_WORDS = (
    "these are the values after option files were read: which are defaults and which a file gave is not told"
)


@dataclass(frozen=True)
class HelpReader:
    """Reads the help of a server program."""

    engine: Kind
    meanings: Meanings
    kind: str = "--verbose --help"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by the program's name and version, or by the heading of the values."""
        if document.is_binary:
            return None
        is_named = any(_VERSION.match(line) for line in document.lines[:_HEAD_LINES])
        if not is_named and _TABLE not in document.text:
            return None
        if is_named and "--" not in document.text:
            return None
        return likeness(document, self.engine, "it is the help of a server program")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the offered options, and the values."""
        version = _version_of(document) or version
        values = RunningValues(self.meanings, version)
        start = next((n for n, line in enumerate(document.lines) if line.startswith(_TABLE)), None)
        offered = _offered(document.lines[:start])
        settings = self._settings(document, start, values) if start is not None else []
        named = dict.fromkeys(offered)
        problems = list(values.problems)
        if settings:
            problems.append(Problem(severity=Severity.NOTE, line=(start or 0) + 1, message=_WORDS))
        elif start is None:
            words = "it ends before the values: options alone"
            problems.append(Problem(severity=Severity.NOTE, message=words))
        return (
            Dump(
                path=document.path,
                engine=self.engine,
                kind=self.kind,
                version=version,
                is_complete=self.meanings.is_whole({setting.name for setting in settings}, version),
                settings=tuple(settings),
                offered=tuple(named),
                redacted=tuple(values.redacted),
                problems=tuple(problems),
            ),
        )

    def _settings(self, document: Document, start: int, values: RunningValues) -> list[DumpSetting]:
        found: dict[str, DumpSetting] = {}
        for number, name, text in _rows(document.lines, start):
            if name not in _OF_THE_CALL:
                found[name] = values.setting(name, text, number, source=Source.DEFAULT)
        return list(found.values())


def _version_of(document: Document) -> str | None:
    for line in document.lines[:_HEAD_LINES]:
        found = _VERSION.match(line)
        if found is not None:
            return number_of(found[1])
    return None


def _offered(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        found = _OPTION.match(line)
        name = found[1].replace("-", "_").lower() if found is not None else ""
        if name and name not in _OF_THE_CALL:
            yield name


def _rows(lines: Sequence[str], start: int) -> Iterator[tuple[int, str, str | None]]:
    """Answer the values after the rule, up to the empty line that ends them."""
    is_inside = False
    for number, line in enumerate(lines[start:], start=start + 1):
        if _RULE.fullmatch(line):
            is_inside = True
        elif is_inside and not line.strip():
            return
        elif is_inside and (found := _ROW.fullmatch(line)) is not None:
            text = (found[2] or "").strip()
            yield number, found[1].replace("-", "_").lower(), None if text == _NOTHING else text

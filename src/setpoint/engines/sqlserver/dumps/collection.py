"""A collection: the settings of one file as they are found, and what there is to say about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.dump import Dump, DumpSetting, Problem, Sample, Severity
from setpoint.engines.sqlserver.dialect import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Collection:
    """What one file says so far."""

    path: str
    kind: str
    version: str | None = None
    settings: list[DumpSetting] = field(default_factory=list[DumpSetting])
    problems: list[Problem] = field(default_factory=list[Problem])
    samples: list[Sample] = field(default_factory=list[Sample])
    is_complete: bool = False
    is_running: bool = False

    def error(self, message: str, line: int = 0, column: int = 0) -> None:
        """Note what the server would refuse, or what cannot be understood."""
        self._tell(Severity.ERROR, message, line, column)

    def warn(self, message: str, line: int = 0, column: int = 0) -> None:
        """Note what is missing or may mean two things."""
        self._tell(Severity.WARNING, message, line, column)

    def note(self, message: str, line: int = 0, column: int = 0) -> None:
        """Note what is worth knowing."""
        self._tell(Severity.NOTE, message, line, column)

    def take_last(self, settings: Iterable[DumpSetting]) -> None:
        """Take in the last setting of each name and scope, in their order, and note the others."""
        found = tuple(settings)
        last = {(setting.name.lower(), setting.scope): setting for setting in found}
        for setting in found:
            ruling = last[setting.name.lower(), setting.scope]
            if ruling is setting:
                self.settings.append(setting)
            else:
                message = f"{setting.name} is not in force here: line {ruling.line} rules"
                self.note(message, setting.line)

    def dump(self) -> Dump:
        """Answer what was found."""
        return Dump(
            path=self.path,
            engine=NAME,
            kind=self.kind,
            version=self.version,
            is_complete=self.is_complete,
            is_running=self.is_running,
            settings=tuple(self.settings),
            samples=tuple(self.samples),
            problems=tuple(sorted(self.problems, key=lambda each: each.line)),
        )

    def _tell(self, severity: Severity, message: str, line: int, column: int) -> None:
        self.problems.append(Problem(severity=severity, message=message, line=line, column=column))


def database_scope(name: str) -> str:
    """Answer the scope of a database's own settings; ``?`` stands for one that the file does not name."""
    return f"database:{name or '?'}"

"""A collection: the settings of one file as they are found, and what there is to say about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE, Dump, DumpSetting, Problem, Sample, Severity, Source
from setpoint.engines.oracle.dialect.knowledge import NAME, is_auto_tuned, is_hidden
from setpoint.engines.oracle.dumps.meaning import (
    is_known,
    is_placeholder,
    is_secret,
    masked,
    mean,
    mean_running,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.canonical import Meaning


@dataclass(frozen=True, slots=True)
class Entry:
    """One parameter as a file gives it: its items, the text of all of them, and where it stands.

    `raw` is None where the file says that there is no value. `type_name` is the type that the file tells.
    `is_running` tells that a server runs it, so that nobody judges it; `is_cut` that the file does not show
    all of it, so that it means nothing.
    """

    name: str
    items: tuple[str, ...]
    raw: str | None
    line: int
    column: int = 0
    scope: str = INSTANCE
    source: Source = Source.FILE
    type_name: str = ""
    fault: str = ""
    is_running: bool = False
    is_cut: bool = False


@dataclass
class Collection:
    """What one file says so far."""

    path: str
    kind: str
    version: str | None = None
    settings: list[DumpSetting] = field(default_factory=list[DumpSetting])
    problems: list[Problem] = field(default_factory=list[Problem])
    samples: list[Sample] = field(default_factory=list[Sample])
    redacted: list[str] = field(default_factory=list[str])
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

    def add(self, entry: Entry) -> None:
        """Take an entry in as a setting; what the server keeps for itself is a note instead."""
        if is_auto_tuned(entry.name):
            self.note(f"{entry.name} is what the server tuned itself, and no configuration", entry.line)
            return
        if is_secret(entry.name):
            self.redacted.append(entry.name)
        if entry.raw is None or is_secret(entry.name):
            self.settings.append(_setting(entry, None, None))
            return
        raw = masked(entry.raw)
        if raw != entry.raw:
            self.redacted.append(entry.name)
        items = tuple(map(masked, entry.items))
        self.settings.append(_setting(entry, raw, self._meaning(entry, raw, items)))

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
            redacted=tuple(dict.fromkeys(self.redacted)),
            problems=tuple(sorted(self.problems, key=lambda each: each.line)),
        )

    def _meaning(self, entry: Entry, raw: str, items: Sequence[str]) -> Meaning | None:
        if entry.is_cut:
            message = f"{entry.name}: the value fills its column and may be cut there"
            self.warn(message, entry.line)
            return None
        if entry.is_running:
            return mean_running(entry.name, raw, self.version, entry.type_name)
        if entry.fault:
            self.error(f"{entry.name}: {entry.fault}", entry.line, entry.column)
            return None
        if any(map(is_placeholder, items)):
            message = f"{entry.name}: a placeholder stands there, which nobody has filled in"
            self.error(message, entry.line, entry.column)
            return None
        self._name(entry)
        meaning = mean(entry.name, items, self.version)
        if meaning.fault:
            self.error(meaning.fault, entry.line, entry.column)
            return None
        return meaning

    def _name(self, entry: Entry) -> None:
        """Note a name that no catalog has; hidden ones are in none."""
        if not is_hidden(entry.name) and not is_known(entry.name, self.version):
            message = f"{entry.name}: no catalog knows it; the server refuses unknown names (LRM-00101)"
            self.note(message, entry.line)

    def _tell(self, severity: Severity, message: str, line: int, column: int) -> None:
        self.problems.append(Problem(severity=severity, message=message, line=line, column=column))


def _setting(entry: Entry, raw: str | None, meaning: Meaning | None) -> DumpSetting:
    return DumpSetting(
        name=entry.name,
        raw=raw,
        value=None if meaning is None else meaning.value,
        unit=None if meaning is None else meaning.unit,
        line=entry.line,
        scope=entry.scope,
        source=entry.source,
    )

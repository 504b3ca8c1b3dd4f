"""A sheet: what a reader has found so far in one file, from which the dump is made.

It keeps the rules that hold for every kind of file: secrets are taken out, of duplicates the last is in
force, and a name is spelt as the catalogs spell it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.catalog import Kind
from setpoint.config.dump import INSTANCE, Dump, DumpSetting, Problem, Severity, Source
from setpoint.engines.postgresql.dialect.secrets import is_secret, masked
from setpoint.engines.postgresql.dumps.added import added_after
from setpoint.engines.postgresql.dumps.hooks import fault_of_hook
from setpoint.engines.postgresql.dumps.placeholder import fault_of_placeholder
from setpoint.engines.postgresql.dumps.removed import REMOVED
from setpoint.engines.postgresql.dumps.typed import MEANINGS, guessed, parameter_of

if TYPE_CHECKING:
    from setpoint.config.dump import Sample
    from setpoint.engines.canonical import Meaning

ENGINE = "postgresql"
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands and what kind of place that is."""

    line: int
    column: int = 0
    scope: str = INSTANCE
    source: Source = Source.FILE


@dataclass
class Sheet:
    """What is found in one file. `version` is what values are judged by."""

    version: str | None = None
    settings: list[DumpSetting] = field(default_factory=list[DumpSetting])
    problems: list[Problem] = field(default_factory=list[Problem])
    samples: list[Sample] = field(default_factory=list["Sample"])
    offered: dict[str, None] = field(default_factory=dict[str, None])
    redacted: dict[str, None] = field(default_factory=dict[str, None])

    def judge(self, name: str, raw: str, place: Place) -> None:
        """Add a configured setting, whose text the server has yet to accept."""
        self.add(self.spell(name), raw, self.meant(name, raw, place), place)

    def meant(self, name: str, raw: str, place: Place) -> Meaning | None:
        """Answer what a text means that the server has yet to accept; None, and an error, if it would not."""
        parameter = parameter_of(name, self.version)
        spelt = parameter.name if parameter is not None else name
        fault = fault_of_placeholder(raw, parameter)
        if not fault:
            return self._judged(spelt, raw, place)
        self.error(place.line, f"{cut(spelt)}: {fault}", place.column)
        return None

    def spell(self, name: str) -> str:
        """Answer a name as the catalogs spell it, else as it is written."""
        parameter = parameter_of(name, self.version)
        return parameter.name if parameter is not None else name

    def refuse(self, name: str, raw: str, place: Place, message: str) -> None:
        """Add a setting whose text the server would refuse, and say why."""
        spelt = self.spell(name)
        self.error(place.line, f"{cut(spelt)}: {message}", place.column)
        self.add(spelt, raw, None, place)

    def add(
        self,
        name: str,
        raw: str | None,
        meaning: Meaning | None,
        place: Place,
        running: Meaning | None = None,
    ) -> None:
        """Add a setting with what its text means; secrets are taken out here."""
        setting = DumpSetting(
            name=name,
            raw=raw,
            value=None if meaning is None else meaning.value,
            unit=None if meaning is None else meaning.unit,
            running=None if running is None else running.value,
            line=place.line,
            scope=place.scope,
            source=place.source,
        )
        self.settings.append(self._without_secret(setting))

    def error(self, line: int, message: str, column: int = 0) -> None:
        """Add what the server would refuse."""
        self._problem(Severity.ERROR, line, message, column)

    def warn(self, line: int, message: str, column: int = 0) -> None:
        """Add what is missing, not followed or ambiguous."""
        self._problem(Severity.WARNING, line, message, column)

    def note(self, line: int, message: str, column: int = 0) -> None:
        """Add what is worth knowing."""
        self._problem(Severity.NOTE, line, message, column)

    def settle(self) -> None:
        """Leave the last setting of each name and scope, and note the others."""
        last: dict[tuple[str, str], DumpSetting] = {}
        for setting in self.settings:
            last[setting.name.lower(), setting.scope] = setting
        kept: list[DumpSetting] = []
        for setting in self.settings:
            winner = last[setting.name.lower(), setting.scope]
            if winner is setting:
                kept.append(setting)
            else:
                self.note(
                    setting.line, f"{cut(setting.name)}: not in force, line {winner.line} sets it again"
                )
        self.settings = kept

    def dump(self, path: str, kind: str, *, is_complete: bool = False, is_running: bool = False) -> Dump:
        """Make the dump; problems stand in the order of their lines."""
        return Dump(
            path=path,
            engine=ENGINE,
            kind=kind,
            version=self.version,
            is_complete=is_complete,
            is_running=is_running,
            settings=tuple(self.settings),
            samples=tuple(self.samples),
            offered=tuple(self.offered),
            redacted=tuple(self.redacted),
            problems=tuple(sorted(self.problems, key=lambda each: (each.line, each.column))),
        )

    @property
    def has_errors(self) -> bool:
        """Whether something in the file cannot be understood."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    def is_whole(self) -> bool:
        """Tell whether every parameter of the version stands here."""
        names = {each.name.lower() for each in self.settings}
        return MEANINGS.is_whole(names | added_after(self.version), self.version)

    def _problem(self, severity: Severity, line: int, message: str, column: int) -> None:
        self.problems.append(Problem(severity=severity, message=message, line=line, column=column))

    def _judged(self, name: str, raw: str, place: Place) -> Meaning | None:
        meaning = MEANINGS.mean(name, raw, self.version)
        if meaning is None:
            return self._judged_unknown(name, raw, place)
        fault = self._fault_of(name, raw, meaning)
        if not fault:
            return meaning
        self.error(place.line, fault, place.column)
        return None

    def _fault_of(self, name: str, raw: str, meaning: Meaning) -> str:
        """Say why the server would refuse a text; empty where it takes it. No secret is repeated."""
        if meaning.fault:
            is_shown = len(raw) <= _LONGEST_SHOWN and masked(name, raw) == raw
            return meaning.fault if is_shown else f"{name}: the value is not accepted"
        parameter = parameter_of(name, self.version)
        if parameter is not None and parameter.kind is Kind.ENUM and raw != raw.strip():
            return f"{name}: the word has a space beside it"
        fault = fault_of_hook(name, meaning.value)
        return f"{name}: {fault}" if fault else ""

    def _judged_unknown(self, name: str, raw: str, place: Place) -> Meaning | None:
        """Judge a name that no catalog in question knows: only a module's may be anything."""
        if "." in name:
            return guessed(raw)
        folded, own = name.lower(), MEANINGS.shipped(self.version)
        if own is not None:
            self.error(
                place.line, f"{cut(name)}: PostgreSQL {own.version} has no such parameter", place.column
            )
            return None
        if folded in REMOVED:
            self.note(place.line, f"{folded}: a parameter of versions before 13", place.column)
        else:
            self.warn(
                place.line,
                f"{cut(name)}: no version from 13 on that is known has this parameter,"
                " and a server that does not know it does not start",
                place.column,
            )
        return guessed(raw)

    def _without_secret(self, setting: DumpSetting) -> DumpSetting:
        if is_secret(setting.name):
            if setting.raw:
                self.redacted[setting.name] = None
                return replace(setting, raw=None, value=None, running=None)
            return setting
        safe = masked(setting.name, setting.raw)
        if safe == setting.raw:
            return setting
        self.redacted[setting.name] = None
        running = setting.running
        return replace(
            setting,
            raw=safe,
            value=safe if setting.value is not None else None,
            running=masked(setting.name, running) if isinstance(running, str) else running,
        )


def cut(text: str) -> str:
    """Shorten a text for a message."""
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."

"""Reading the Prometheus exposition of mysqld_exporter: variables that are numbers, and counters.

The exporter leaves out variables that are texts, writes ON as 1, changes dots in names to ``_`` and numbers
to doubles.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.catalog import Kind as ValueKind
from setpoint.config.dump import Dump, DumpSetting, Problem, Sample, Severity
from setpoint.engines.canonical import Meaning, amount
from setpoint.engines.mysql.dialect.grammar import GRAMMAR
from setpoint.engines.mysql.dumps.evidence import kin, likeness, number_of
from setpoint.engines.mysql.dumps.running import SESSION_ONLY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from setpoint.catalog import Parameter
    from setpoint.engines.document import Document, Likeness
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind

_OURS = re.compile(
    r"(?:# (?:HELP|TYPE) )?mysql_(?:global_(?:variables|status)_|(?:version_info|up|exporter_\w+)\b)"
)
_LINE = re.compile(
    r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?[ \t]+"
    r"([-+]?(?:\d{1,40}(?:\.\d{0,40})?(?:[eE][-+]?\d{1,3})?|NaN|Inf))(?:[ \t]+-?\d{1,20})?\s*"
)
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')
_VARIABLE = "mysql_global_variables_"
_INFO = "mysql_version_info"
_HEAD_CHARACTERS = 2_000_000
_EXACT = 1 << 53
_COMPONENT = "validate_password_"
_COMPONENT_SINCE = ("8.", "9.")
"""Majors of MySQL where what was validate_password_X of a plugin is validate_password.X of a component."""
_LOSS = "the exporter leaves out what is text: of {} variables nothing stands here"


@dataclass(frozen=True, slots=True)
class _Point:
    name: str
    labels: str
    text: str
    line: int


@dataclass(frozen=True)
class ExporterReader:
    """Reads what an exporter answers."""

    engine: Kind
    meanings: Meanings
    kind: str = "mysqld_exporter"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by the names of its metrics."""
        text = document.text[:_HEAD_CHARACTERS]
        at = text.find("mysql_")
        is_ours = False
        while at >= 0 and not is_ours:
            start = text.rfind("\n", 0, at) + 1
            is_ours = _OURS.match(text, start) is not None
            end = text.find("\n", at)
            at = text.find("mysql_", end) if end >= 0 else -1
        if not is_ours:
            return None
        info = next((line for line in document.lines if line.startswith(_INFO + "{")), "")
        found = likeness(document, self.engine, "it has the metrics of mysqld_exporter")
        told = kin([info])
        if info and not told:
            told = "mysql"
        if not told:
            return found
        return type(found)(95 if told == self.engine else 15, f"{found.why}, of {told}")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read settings and samples."""
        points = list(_points(document))
        version = _version_of(points) or version
        told = self._undotted(version)
        problems: list[Problem] = []
        settings: dict[str, DumpSetting] = {}
        samples: list[Sample] = []
        own = next((point.labels for point in points if point.name.startswith(_VARIABLE)), "")
        strangers = [p for p in points if p.name.startswith(_VARIABLE) and p.labels != own]
        if strangers:
            words = (
                f"variables of further servers ({strangers[0].labels[:80]}): kept as metrics, not as settings"
            )
            problems.append(Problem(severity=Severity.WARNING, line=strangers[0].line, message=words))
        for point in points:
            if point.name.startswith(_VARIABLE) and point.labels == own:
                setting = self._setting(point, told, version, problems)
                settings[setting.name] = setting
            elif point.name != _INFO and (sample := _sample(point)) is not None:
                samples.append(sample)
        missing = self._missing(settings.keys(), version)
        if settings and missing:
            problems.append(Problem(severity=Severity.NOTE, message=_LOSS.format(missing)))
        return (
            Dump(
                path=document.path,
                engine=self.engine,
                kind=self.kind,
                version=version,
                is_running=True,
                settings=tuple(settings.values()),
                samples=tuple(samples),
                problems=tuple(problems),
            ),
        )

    def _undotted(self, version: str | None) -> dict[str, str]:
        """Answer the names by what the exporter makes of them; those of the version itself come first."""
        own = self.meanings.shipped(version)
        fold = self.meanings.fold
        names = [*sorted(self.meanings.names), *(fold(each.name) for each in (own.parameters if own else ()))]
        return {re.sub(r"[^a-z0-9_]", "_", name): name for name in names}

    def _missing(self, names: Collection[str], version: str | None) -> int:
        own = self.meanings.shipped(version)
        wanted = {self.meanings.fold(each.name) for each in own.core} if own is not None else set[str]()
        return len(wanted.difference(names))

    def _setting(
        self, point: _Point, told: dict[str, str], version: str | None, problems: list[Problem]
    ) -> DumpSetting:
        exported = point.name.removeprefix(_VARIABLE)
        name = told.get(exported, exported)
        if name.startswith(_COMPONENT) and (version or "").startswith(_COMPONENT_SINCE):
            name = name.replace("_", ".", 2).replace(".", "_", 1)
        parameter = self.meanings.parameter(name, version)
        meaning = _undone(point.text, parameter)
        if meaning.fault:
            words = f"{name}: {meaning.fault}"
            problems.append(Problem(severity=Severity.NOTE, line=point.line, message=words))
        scope = "session" if name in SESSION_ONLY else "instance"
        return DumpSetting(
            name=name, raw=point.text, value=meaning.value, unit=meaning.unit, line=point.line, scope=scope
        )


def _undone(text: str, parameter: Parameter | None) -> Meaning:
    """Answer what the exported number was, with what is lost of it in words."""
    number = float(text)
    if not math.isfinite(number):
        return Meaning(None, None, f"{text} is no number")
    fault = ""
    value: float = int(number) if number.is_integer() else number
    if abs(number) >= _EXACT:
        known = _bound(parameter, number)
        value = known if known is not None else value
        fault = (
            "" if known is not None else "rounded to a double by the exporter: its last digits are not known"
        )
    if parameter is None:
        return Meaning(value, None, fault)
    if parameter.kind is ValueKind.BOOL and number in {0, 1}:
        return Meaning(number == 1)
    if parameter.kind is ValueKind.ENUM:
        return _word(parameter, number)
    if not parameter.is_numeric:
        return Meaning(value, None, fault)
    meaning = amount(value, parameter, GRAMMAR)
    return Meaning(meaning.value, meaning.unit, fault)


def _bound(parameter: Parameter | None, number: float) -> int | None:
    """Answer the bound or default that a rounded number stands for."""
    if parameter is None:
        return None
    wide = (parameter.max, parameter.default, parameter.min, (1 << 64) - 1, (1 << 63) - 1)
    exact = (each for each in wide if isinstance(each, int) and not isinstance(each, bool))
    return next((each for each in exact if float(each) == number), None)


def _word(parameter: Parameter, number: float) -> Meaning:
    words = {word.upper(): word for word in parameter.values}
    ons = [words[word] for word in ("ON", "YES") if word in words]
    offs = [words[word] for word in ("OFF", "NO", "DISABLED") if word in words]
    if number == 1 and ons:
        return Meaning(ons[0])
    if number == 0 and len(offs) == 1:
        return Meaning(offs[0])
    if number == 0 and offs:
        return Meaning(offs[0], None, f"the exporter writes {' and '.join(offs)} as 0 alike")
    return Meaning(int(number) if number.is_integer() else number)


def _points(document: Document) -> Iterator[_Point]:
    for number, line in enumerate(document.lines, start=1):
        if not line or line[0] == "#":
            continue
        found = _LINE.fullmatch(line)
        if found is not None:
            yield _Point(found[1], found[2] or "", found[3], number)


def _sample(point: _Point) -> Sample | None:
    value = float(point.text)
    if not math.isfinite(value):
        return None
    labels = ",".join(f"{name}={text}" for name, text in _LABEL.findall(point.labels))
    return Sample(name=point.name, value=value, labels=labels, line=point.line)


def _version_of(points: Sequence[_Point]) -> str | None:
    info = next((point for point in points if point.name == _INFO), None)
    labels = dict(_LABEL.findall(info.labels)) if info is not None else {}
    return number_of(labels.get("version")) or number_of(labels.get("innodb_version"))

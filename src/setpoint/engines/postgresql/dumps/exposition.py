"""The Prometheus exposition of postgres_exporter: settings and metrics.

What the exporter loses, from its code (pg_setting.go): texts are not there at all; sizes come in bytes and
times in seconds under a name with that suffix; dots became underscores; a boolean is 0 or 1; an octal mode
is its digits read as a decimal number; -1 stays -1, while old releases multiplied it by its unit; and a
number is a double. All but the first and the last are undone here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from setpoint.catalog import Kind
from setpoint.config.dump import Sample, Source
from setpoint.engines.canonical import Meaning, amount
from setpoint.engines.document import Likeness
from setpoint.engines.postgresql.dialect.grammar import GRAMMAR
from setpoint.engines.postgresql.dumps.settings_view import version_of_number
from setpoint.engines.postgresql.dumps.sheet import Place, Sheet, cut
from setpoint.engines.postgresql.dumps.typed import MEANINGS, parameter_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.catalog import Parameter
    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_LINE = re.compile(r"([A-Za-z_:][\w:]*+)\s*(?:\{((?:[^\"}]|\"(?:[^\"\\]|\\.)*+\")*+)\})?\s*(\S+)")
_LABEL = re.compile(r"([A-Za-z_]\w*+)\s*=\s*\"((?:[^\"\\]|\\.)*+)\"")
_HELP = re.compile(r"# HELP pg_settings_(\w+) Server Parameter: ([\w.]+)")
_VERSION = re.compile(r"(\d{1,3}\.\d{1,3})")
_PREFIX = "pg_settings_"
_SUFFIXES = (("_bytes", Kind.SIZE), ("_seconds", Kind.DURATION))
_OWN = re.compile(
    r"pg_settings_\w|pg_static\{|postgres_exporter_build_info|pg_stat_\w|pg_up\b|pg_exporter_last_scrape"
)
_EXACT = 2**53
_MILLI = 1000
_LOOKED_AT = 3000
_NUMBER = re.compile(r"[-+]?(?:\d{1,400}(?:\.\d{0,100})?|\.\d{1,100})(?:[eE][-+]?\d{1,4})?")
_SECRET_LABELS = frozenset({"query", "password"})


@dataclass(frozen=True, slots=True)
class Metric:
    """One line: name, labels, the number as text, and where it stands."""

    name: str
    labels: dict[str, str]
    text: str
    line: int


@dataclass
class _Scrape:
    """What a scrape's settings are told apart by: the real names its help lines give, and the server."""

    sheet: Sheet
    real_names: dict[str, str] = field(default_factory=dict[str, str])
    server: str | None = None
    others: dict[str, int] = field(default_factory=dict[str, int])


class ExpositionReader:
    """Reads the answer of postgres_exporter's ``/metrics``."""

    kind = "postgres_exporter"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by metrics only this exporter gives."""
        if document.is_binary:
            return None
        lines = document.lines[:_LOOKED_AT]
        count = sum(
            _OWN.match(line) is not None and _LINE.match(line[:_LOOKED_AT]) is not None for line in lines
        )
        metrics = count and any(line.startswith(_PREFIX) for line in document.lines)
        if not count or document.text.lstrip()[:1] in "<{[":
            return None
        return Likeness(98 if metrics else 80, f"{count} metrics of postgres_exporter")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read settings and metrics of the first server in it."""
        metrics = list(_metrics(document.lines))
        own = _version_of(metrics)
        scrape = _Scrape(Sheet(own or version), dict(_real_names(document.lines)))
        for metric in metrics:
            if metric.name.startswith(_PREFIX):
                _add_setting(scrape, metric)
            else:
                _add_sample(scrape.sheet, metric)
        sheet = scrape.sheet
        for server, line in scrape.others.items():
            sheet.warn(
                line, f"the settings of another server, {cut(server)}, stand here too and are left out"
            )
        if sheet.settings:
            sheet.note(0, "the exporter gives no settings that are texts, lists or words")
        sheet.settle()
        return [sheet.dump(document.path, self.kind, is_running=True)]


def _metrics(lines: Sequence[str]) -> Iterator[Metric]:
    for number, line in enumerate(lines, start=1):
        if not line or line[0] == "#":
            continue
        match = _LINE.match(line.lstrip())
        if match is not None:
            labels = {name: _unescaped(text) for name, text in _LABEL.findall(match[2] or "")}
            yield Metric(match[1], labels, match[3], number)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)


def _real_names(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Answer the names that newer exporters give in their help lines, by the metric's."""
    for line in lines:
        if line.startswith("# HELP pg_settings_") and (match := _HELP.match(line)):
            yield match[1], match[2]


def _version_of(metrics: Sequence[Metric]) -> str | None:
    for metric in metrics:
        if metric.name == "pg_static":
            match = _VERSION.match(metric.labels.get("short_version", ""))
            if match is not None:
                return match[1]
        if metric.name == "pg_settings_server_version_num" and (number := _number(metric.text)) is not None:
            return version_of_number(str(int(number)))
    return None


def _add_sample(sheet: Sheet, metric: Metric) -> None:
    value = _number(metric.text)
    if value is None:
        return
    labels = ",".join(f"{name}={text}" for name, text in metric.labels.items() if name not in _SECRET_LABELS)
    sheet.samples.append(Sample(name=metric.name, value=value, labels=labels, line=metric.line))


def _add_setting(scrape: _Scrape, metric: Metric) -> None:
    sheet = scrape.sheet
    server = metric.labels.get("server", "")
    if scrape.server is None:
        scrape.server = server
    if server != scrape.server:
        scrape.others.setdefault(server, metric.line)
        return
    word = metric.name.removeprefix(_PREFIX)
    name, kind = _name_of(word, scrape)
    number = _number(metric.text)
    place = Place(metric.line)
    if number is None:
        sheet.error(metric.line, f"{cut(name)}: a value that is no number")
        sheet.add(name, metric.text[:40], None, place)
        return
    if abs(number) > _EXACT:
        sheet.note(
            metric.line, f"{cut(name)}: rounded by the exporter, which has no exact numbers this large"
        )
    parameter = parameter_of(name, sheet.version)
    meaning = _meaning(parameter, number, kind)
    source = _source(parameter, meaning)
    sheet.add(name, metric.text, meaning, Place(metric.line, source=source))


def _name_of(word: str, scrape: _Scrape) -> tuple[str, Kind | None]:
    """Answer the parameter a metric's name stands for, and the unit the suffix says it is in.

    A parameter whose own name ends so (`track_activity_query_size_bytes` is none) is taken at its word.
    """
    suffix, kind = next(((s, k) for s, k in _SUFFIXES if word.endswith(s)), ("", None))
    if word in scrape.real_names:
        return scrape.sheet.spell(scrape.real_names[word]), kind
    known = _by_flat_name()
    if word in known:
        return known[word], None
    bare = word.removesuffix(suffix)
    if bare in known:
        return known[bare], kind
    scrape.sheet.note(0, f"{cut(bare)}: no known parameter; a dot in its name may have become an underscore")
    return bare, kind


@cache
def _by_flat_name() -> dict[str, str]:
    """Answer the catalogs' names by what the exporter makes of them, the newest catalog's spelling."""
    return {
        each.name.lower().replace(".", "_"): each.name
        for catalog in reversed(MEANINGS.catalogs)
        for each in catalog.parameters
    }


def _meaning(parameter: Parameter | None, number: float, kind: Kind | None) -> Meaning:
    if parameter is None:
        return _by_suffix(number, kind)
    if parameter.kind is Kind.BOOL:
        return Meaning(number != 0)
    if parameter.radix == 8:  # noqa: PLR2004 - file modes
        digits = str(int(number))
        return Meaning(int(digits, 8)) if re.fullmatch("[0-7]{1,6}", digits) else Meaning(int(number))
    unit = parameter.unit_of(GRAMMAR)
    if unit is None or kind is None:
        return _by_suffix(number, kind) if unit is None else amount(_whole(number), parameter, GRAMMAR)
    step = unit.factor if kind is Kind.SIZE else unit.factor / 1_000_000
    if number < 0:
        return Meaning(_whole(number if number == -1 else number / step))
    own = number / step
    return amount(round(own) if parameter.is_integral else own, parameter, GRAMMAR)


def _by_suffix(number: float, kind: Kind | None) -> Meaning:
    if kind is None or number < 0:
        return Meaning(_whole(number))
    if kind is Kind.SIZE:
        return Meaning(_whole(number), "B")
    return Meaning(_whole(round(number * _MILLI, 6)), "ms")


def _whole(number: float) -> int | float:
    return int(number) if float(number).is_integer() else number


def _source(parameter: Parameter | None, meaning: Meaning) -> Source:
    """Tell default from set by the built-in value, as the exporter gives no source."""
    default = parameter.default if parameter is not None else None
    if parameter is None or default is None or isinstance(default, (str, tuple)):
        return Source.FILE
    built_in = Meaning(default) if isinstance(default, bool) else amount(default, parameter, GRAMMAR)
    return Source.DEFAULT if built_in == meaning else Source.FILE


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None

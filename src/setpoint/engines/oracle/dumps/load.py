"""The load in AWR and STATSPACK reports, and in V$SYSSTAT: numbers that are no settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.config.dump import Sample
from setpoint.engines.document import Likeness
from setpoint.engines.oracle.dumps.collection import Collection
from setpoint.engines.oracle.dumps.sections import read_sections
from setpoint.engines.oracle.dumps.telltale import STATISTICS, release_in
from setpoint.engines.oracle.dumps.views import column, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document
    from setpoint.engines.oracle.dumps.sections import Section
    from setpoint.engines.shapes.table import Table

KIND = "V$SYSSTAT"
_TITLES = ("Key Instance Activity Stats", "Instance Activity Stats", "Operating System Statistics")
_PROFILE = re.compile(r"\s*([A-Za-z][^:]{1,40}):\s+([\d,]+(?:\.\d+)?)(?:\s+[\d,.]+){0,4}\s*")
_NUMBER = re.compile(r"[-+]?(?:\d{1,25}(?:\.\d{0,25})?|\.\d{1,25})(?:[eE][-+]?\d{1,2})?")
_LOAD_PROFILE = "section=load profile"
_LAST, _FIRST = ("end value", "total", "value", "begin value"), "statistic"
_SURE, _LIKELY, _SOME = 96, 80, 3
_HEAD_LINES = 3_000


class StatisticsReader:
    """Reads V$SYSSTAT as a table."""

    kind = KIND

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by the view's own columns, or by names of statistics."""
        if document.is_binary:
            return None
        head = document.text[:200_000].lower()
        known = sum(name in head for name in STATISTICS)
        if known < _SOME or "value" not in head:
            return None
        for table in tables_of(document, _HEAD_LINES):
            if table.has("name", "value") and _counted(table) >= _SOME:
                is_own = table.has("statistic#") or table.has("class") or table.has("stat_id")
                return Likeness(_SURE if is_own else _LIKELY, "statistics of V$SYSSTAT")
        return None

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it."""
        collection = Collection(document.path, KIND, release_in(document.text) or version)
        for table in tables_of(document):
            if table.has("name", "value"):
                collection.samples.extend(_statistics(table))
        return (collection.dump(),)


def read_load(lines: Sequence[str], collection: Collection) -> None:
    """Take the load profile and the statistics out of a report in text; cut names stay out."""
    collection.samples.extend(_profile(lines))
    seen: set[tuple[str, str]] = set()
    cut = 0
    for section in read_sections(lines, *_TITLES):
        if not section.header.startswith("Statistic"):
            continue
        for sample, is_cut in _samples(section):
            key = (sample.name, sample.labels)
            cut += is_cut
            if not is_cut and key not in seen:
                seen.add(key)
                collection.samples.append(sample)
    if cut:
        collection.note(f"{cut} statistics fill their column, so that their names may be cut; left out")


def read_load_tables(tables: Sequence[Table], collection: Collection) -> None:
    """Take the statistics out of a report in HTML."""
    seen: set[str] = set()
    for table in tables:
        if not table.has(_FIRST) or not any(table.has(name) for name in _LAST):
            continue
        for line, row in table.dicts():
            name = (row[_FIRST] or "").strip()
            value = _number(next((cell for key in _LAST if (cell := row.get(key)) and cell.strip()), None))
            if name and value is not None and name not in seen:
                seen.add(name)
                rate = _number(row.get("per second"))
                collection.samples.append(Sample(name=name, value=value, line=line, per_second=rate))


def _counted(table: Table) -> int:
    index = table.index("name") or 0
    names = {(row.cells[index] or "").strip() for row in table.rows if index < len(row.cells)}
    return len(names & STATISTICS)


def _statistics(table: Table) -> Iterator[Sample]:
    for line, row in table.dicts():
        name, value = (column(row, "name") or "").strip(), _number(row.get("value"))
        instance = (row.get("inst_id") or "").strip()
        if name and value is not None:
            labels = f"inst_id={instance}" if instance else ""
            yield Sample(name=name, value=value, labels=labels, line=line)


def _profile(lines: Sequence[str]) -> Iterator[Sample]:
    is_inside = False
    for number, line in enumerate(lines, 1):
        if line.startswith("Load Profile"):
            is_inside = True
        elif is_inside and not line.strip():
            return
        elif is_inside and (match := _PROFILE.fullmatch(line)):
            rate = _number(match[2])
            if rate is not None:
                yield Sample(
                    name=match[1].strip(), value=rate, labels=_LOAD_PROFILE, line=number, per_second=rate
                )


def _samples(section: Section) -> Iterator[tuple[Sample, bool]]:
    words = section.header.split()
    has_rate = "Second" in words or "Seconds" in words
    is_pair = "Begin" in words or ("End" in words and "Value" in words)
    for line in section.lines:
        name, numbers = line.cells[0].strip(), [_number(cell) for cell in line.cells[1:]]
        value = numbers[0] if numbers else None
        if is_pair and len(numbers) > 1 and numbers[1] is not None:
            value = numbers[1]
        if not name or value is None:
            continue
        rate = numbers[1] if has_rate and len(numbers) > 1 else None
        sample = Sample(name=name, value=value, line=line.number, per_second=rate)
        yield sample, section.is_cut(line.cells[0], 0)


def _number(text: str | None) -> float | None:
    bare = (text or "").replace(",", "").strip()
    return float(bare) if _NUMBER.fullmatch(bare) else None

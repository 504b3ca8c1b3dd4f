"""AWR and STATSPACK reports, in text and HTML: the parameters of the instance, and its load.

A report tells what ran when its time began and, where that differs, when it ended; the end is what counts.
In text its columns cut names and values. A cut name is no setting, unless one parameter alone can be meant;
a value that may be cut has no meaning, but stays as the report prints it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from setpoint.engines.document import Likeness
from setpoint.engines.oracle.dumps.collection import Collection, Entry
from setpoint.engines.oracle.dumps.load import read_load, read_load_tables
from setpoint.engines.oracle.dumps.meaning import MEANINGS
from setpoint.engines.oracle.dumps.sections import Section, read_sections, release_of
from setpoint.engines.oracle.dumps.settling import overruled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document
    from setpoint.engines.shapes.table import Table

AWR, STATSPACK = "AWR report", "STATSPACK report"
_HEADS = {"WORKLOAD REPOSITORY": AWR, "STATSPACK": STATSPACK}
_HEAD = 20_000
_TITLE, _MANY = "init.ora", "multi-valued"
_NULL = "(NULL)"
_WHOLE = re.compile(r".*\.(?:ctl|ora|dbf|log)", re.IGNORECASE)
"""Paths that end as files do are whole, however long they are."""
_SURE, _LIKELY = 97, 80


@dataclass
class _Shown:
    """A parameter as a report shows it: the value at the beginning and at the end, item by item."""

    name: str
    line: int
    begin: list[str]
    end: list[str]
    is_many: bool
    is_cut: bool = False

    @property
    def items(self) -> tuple[str, ...]:
        """The items that count, without those that are missing."""
        ending = [begin if not end.strip() else end for begin, end in zip(self.begin, self.end, strict=True)]
        return tuple(item for item in ending if item and item != _NULL)


class ReportReader:
    """Reads a report."""

    kind = AWR

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by its first words; a part of one by the header of its parameters."""
        if document.is_binary:
            return None
        if _kind(document) is not None:
            return Likeness(_SURE, "the title of a report")
        if "init.ora Parameters" in document.text and "Begin value" in document.text:
            return Likeness(_LIKELY, "the parameters of a report")
        return None

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it."""
        is_html = "<table" in document.text[:_HEAD].lower()
        release = _released(document) if is_html else release_of(document.lines)
        collection = Collection(document.path, _kind(document) or AWR, release or version)
        if is_html:
            shown = [each for table in document.tables for each in _from_table(table)]
            read_load_tables(document.tables, collection)
        else:
            sections = tuple(read_sections(document.lines, _TITLE))
            shown = [each for section in sections for each in _from_section(section, collection)]
            read_load(document.lines, collection)
        _take(shown, collection)
        collection.is_running = True
        if not shown:
            collection.warn("the report has no section of parameters")
        return (collection.dump(),)


def _kind(document: Document) -> str | None:
    head = document.text[:_HEAD]
    for words, kind in _HEADS.items():
        if f"{words} report for" in head or f"{words} REPORT" in head:
            return kind
    return None


def _released(document: Document) -> str | None:
    for table in document.tables:
        index = table.index("release")
        cells = [row.cells[index] for row in table.rows if index is not None and index < len(row.cells)]
        found = next((cell.strip() for cell in cells if cell and cell[0].isdigit()), None)
        if found is not None:
            return found
    return None


def _from_table(table: Table) -> Iterator[_Shown]:
    """Answer the parameters of an HTML table; a row without a name goes on with the one before."""
    if not table.has("parameter name", "begin value"):
        return
    growing: _Shown | None = None
    for line, row in table.dicts():
        name = (row["parameter name"] or "").strip().lower()
        begin = (row["begin value"] or "").strip()
        end = next(((cell or "").strip() for key, cell in row.items() if key.startswith("end value")), "")
        if not name or (growing is not None and growing.name == name):
            if growing is not None:
                growing.begin.append(begin)
                growing.end.append(end)
                growing.is_many = True
            continue
        if growing is not None:
            yield growing
        growing = _Shown(name, line, [begin], [end], is_many=False)
    if growing is not None:
        yield growing


def _from_section(section: Section, collection: Collection) -> Iterator[_Shown]:
    if "Parameter Name" not in section.header or "Begin value" not in section.header:
        return
    growing: _Shown | None = None
    for line in section.lines:
        name, begin, end, *_ = (*map(str.rstrip, line.cells), "", "")
        if name:
            if growing is not None:
                yield growing
            growing = _begin(section, collection, line.number, name)
        if growing is not None:
            _grow(growing, section, begin, end)
    if growing is not None:
        yield growing


def _begin(section: Section, collection: Collection, line: int, name: str) -> _Shown | None:
    """Begin a parameter; a cut name that may mean several, or none that is known, begins nothing."""
    folded, is_many = name.lower(), _MANY in section.title.lower()
    if any(map(str.isspace, folded)):
        collection.warn("no parameter has a name with a blank in it; no setting", line)
        return None
    if section.is_cut(name, 0):
        found = _meant(folded)
        if found is None:
            collection.warn(f"the name fills its column and may be cut: {folded}...; no setting", line)
            return None
        folded = found
    return _Shown(folded, line, [], [], is_many)


def _meant(name: str) -> str | None:
    """Answer the one parameter whose name begins so, None where several do or none."""
    order = _names_in_order()
    start = bisect_left(order, name)
    found = [each for each in order[start : start + 2] if each.startswith(name)]
    return found[0] if len(found) == 1 else None


@cache
def _names_in_order() -> tuple[str, ...]:
    return tuple(sorted(MEANINGS.names))


def _grow(shown: _Shown, section: Section, begin: str, end: str) -> None:
    """Take in a line: an item of its own in the section of lists, else the rest of the value before it."""
    is_full = section.is_cut(begin, 1) or (bool(end) and section.is_cut(end, 2))
    if shown.begin and not shown.is_many:
        before = shown.begin[-1]
        is_broken = section.is_cut(before, 1) and len(before) % section.widths[1] == 0
        shown.begin[-1] = f"{before}{begin}" if is_broken else f"{before} {begin}"
        shown.end[-1] += end
        shown.is_cut = is_full
        return
    shown.begin.append(begin)
    shown.end.append(end)
    is_whole = _WHOLE.fullmatch(end or begin) is not None and shown.is_many
    shown.is_cut = shown.is_cut or (is_full and not is_whole)


def _take(shown: Sequence[_Shown], collection: Collection) -> None:
    """Take in each parameter once: as the section of all has it, or as that of lists where that is cut."""
    lists = {each.name: each for each in shown if each.is_many}
    single = {each.name: each for each in shown if not each.is_many}
    for each in shown:
        alone = single.get(each.name)
        if each.is_many and alone is not None and each.name in lists:
            continue
        if alone is not None and alone is not each:
            collection.note(overruled(each.name, f"line {alone.line}"), each.line)
            continue
        many = lists.get(each.name)
        _add(many if many is not None and each.is_cut else each, collection)


def _add(shown: _Shown, collection: Collection) -> None:
    items = tuple(item.strip() for item in shown.items)
    raw = ", ".join(items) if shown.items or "" in shown.begin else None
    collection.add(
        Entry(
            name=shown.name,
            items=items,
            raw=raw,
            line=shown.line,
            is_running=True,
            is_cut=shown.is_cut,
        )
    )

"""Tables of options: sp_configure, sys.configurations, Format-Table and Format-List of SMO, dbatools.

All have a name, what is configured and what runs, under names of their own for the columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from setpoint.config.dump import DumpSetting, Source
from setpoint.engines.document import Likeness
from setpoint.engines.shapes.table import Row, Table
from setpoint.engines.sqlserver.dialect import GRAMMAR
from setpoint.engines.sqlserver.dumps.collection import Collection
from setpoint.engines.sqlserver.dumps.option import MEANINGS, is_option, mean_running, named, uncut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_Row = dict[str, str | None]
_NAMES = ("displayname", "name")
_MINIMA, _MAXIMA = ("minimum", "minvalue"), ("maximum", "maxvalue")
_INSTANCES = ("sqlinstance", "servername", "computername", "server")
_OWN = frozenset({"config_value", "run_value", "value_in_use", "configvalue", "runvalue"}) | {
    "configuredvalue",
    "runningvalue",
}
_BARE = {
    5: ("name", "minimum", "maximum", "config_value", "run_value"),
    9: (
        "configuration_id", "name", "value", "minimum", "maximum", "value_in_use", "description",
        "is_dynamic", "is_advanced",
    ),
}  # fmt: skip
"""The columns of what is copied from a grid without its header, by their number."""
_PRODUCT = re.compile(r"Microsoft SQL Server \d{4}[^\n]{0,200}? - (\d+\.\d+\.\d+(?:\.\d+)?)")
_NAME = re.compile(r"[A-Za-z][\w ()%/.-]*")
_COLUMN = re.compile(rf"(?<![@\w])(?:{'|'.join(sorted(_OWN))})\b")
_PAIRS = re.compile(r"^[^\w\n]*name\W{1,80}value[^\w\n]*$", re.MULTILINE)
_NUMBER = re.compile(r"-?\d{1,19}")
_HEAD, _HEAD_OF_PAIRS = 200_000, 2_000
_HEAD_ROWS = 300
_SURE = 97
_PAIR = 2


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to list options: what it is called, and the columns of what is configured and what runs."""

    kind: str
    configured: str
    running: str


_FORMS = (
    _Form("sp_configure", "config_value", "run_value"),
    _Form("SMO configuration", "configvalue", "runvalue"),
    _Form("dbatools Get-DbaSpConfigure", "configuredvalue", "runningvalue"),
    _Form("sys.configurations", "value", "value_in_use"),
)


_PLAIN = _Form("sp_configure", "value", "")
"""Names and values alone: taken for options where two of them at least are."""


class ConfigurationReader:
    """Reads the options of an instance in any of these forms."""

    kind = "sp_configure"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by the columns and the names of options under them."""
        head = document.text[:_HEAD].lower()
        if document.is_binary or not _may_be(head):
            return None
        known = 0
        for table, _ in _tables(document):
            index = table.index(*_NAMES) or 0
            rows = table.rows[:_HEAD_ROWS]
            known += sum(_is_meant(row.cells[index] or "") for row in rows if index < len(row.cells))
        return Likeness(_SURE, f"{known} options of SQL Server with values") if known else None

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it."""
        tables = tuple(_tables(document))
        kind = tables[0][1].kind if tables else self.kind
        product = _PRODUCT.search(document.text)
        collection = Collection(document.path, kind, product[1] if product else version)
        settings: list[DumpSetting] = []
        for table, form in tables:
            settings.extend(_settings(table, form, collection))
            collection.problems.extend(table.problems)
        collection.take_last(settings)
        collection.is_running = True
        names = {GRAMMAR.fold_name(setting.name) for setting in collection.settings}
        collection.is_complete = MEANINGS.is_whole(names, collection.version)
        return (collection.dump(),)


def _is_meant(written: str) -> bool:
    name, is_cut = uncut(written)
    return is_option(name) or (is_cut and len(named(name)) == 1)


def _may_be(head: str) -> bool:
    has_column = any(word in head for word in _OWN) and _COLUMN.search(head) is not None
    return has_column or _PAIRS.search(head[:_HEAD_OF_PAIRS]) is not None or _may_be_bare(head)


def _may_be_bare(head: str) -> bool:
    return "\t" in head and "xp_cmdshell" in head


def _tables(document: Document) -> Iterator[tuple[Table, _Form]]:
    for table in (*_trimmed(document.lines), *map(_headed, document.tables)):
        if not any(table.has(name) for name in _NAMES):
            continue
        for form in _FORMS:
            has_both = table.has(form.configured, form.running)
            if has_both or (form.configured != "value" and table.has(form.running)):
                yield table, form
                break
        else:
            if table.has("name", "value") and len(table.columns) == _PAIR and _options(table) >= _PAIR:
                yield table, _PLAIN


def _options(table: Table) -> int:
    index = table.index("name") or 0
    return sum(is_option(row.cells[index] or "") for row in table.rows[:_HEAD_ROWS] if index < len(row.cells))


def _headed(table: Table) -> Table:
    """Give a table its header where it was copied without one, and options stand in it."""
    columns = _BARE.get(len(table.rows[0].cells)) if table.rows else None
    if columns is None or table.columns:
        return table
    index = columns.index("name")
    is_known = any(is_option(row.cells[index] or "") for row in table.rows if index < len(row.cells))
    return Table(table.shape, columns, table.rows, table.line) if is_known else table


def _trimmed(lines: Sequence[str]) -> Iterator[Table]:
    """Read what ``sqlcmd -W`` prints: one blank between columns, so that only numbers from the end tell."""
    for at, (header, dashes) in enumerate(pairwise(lines)):
        if not dashes.startswith("-") or not _OWN & set(header.lower().split()):
            continue
        columns = tuple(header.lower().split())
        if [len(word) for word in columns] != [len(word) for word in dashes.split()] or columns[0] != "name":
            continue
        rows = tuple(_trimmed_rows(lines, at + 2, len(columns)))
        if rows:
            yield Table("sqlcmd -W", columns, rows, at + 1)


def _trimmed_rows(lines: Sequence[str], at: int, width: int) -> Iterator[Row]:
    for number in range(at, len(lines)):
        cells = lines[number].rsplit(None, width - 1)
        if len(cells) < width or not all(map(_NUMBER.fullmatch, cells[1:])):
            return
        yield Row(tuple(cells), number + 1)


def _settings(table: Table, form: _Form, collection: Collection) -> Iterator[DumpSetting]:
    rows = [(line, row) for line, row in table.dicts() if not _is_rule(row)]
    owner = next((name for name in _INSTANCES if table.has(name)), None)
    first = rows[0][1].get(owner) if owner and rows else None
    for line, row in rows:
        if owner and row.get(owner) != first:
            collection.warn("this row is another instance's; left out", line)
            continue
        name = _name(row, line, collection)
        if name is not None:
            yield _setting(name, line, row, form)


def _is_rule(row: _Row) -> bool:
    cells = [cell.strip() for cell in row.values() if cell is not None]
    return not any(cells) or all(set(cell) <= {"-"} for cell in cells)


def _name(row: _Row, line: int, collection: Collection) -> str | None:
    """Answer the option's name; one that a client cut is only taken where it can mean one option."""
    written = next((cell for key in _NAMES if (cell := row.get(key)) and cell.strip()), "")
    name, is_cut = uncut(written)
    if not _NAME.fullmatch(name):
        collection.warn("this row has no option's name", line)
        return None
    found = named(name)
    if is_cut and len(found) != 1:
        collection.warn(f"the name is cut: {name}...; no setting", line)
        return None
    is_meant = len(found) == 1 and (is_cut or found[0].lower() == name.lower())
    return found[0] if is_meant else name


def _setting(name: str, line: int, row: _Row, form: _Form) -> DumpSetting:
    bounds = (_cell(row, _MINIMA), _cell(row, _MAXIMA))
    running, configured = _cell(row, (form.running,)), _cell(row, (form.configured,))
    raw = running if configured is None else configured
    meaning = mean_running(name, raw or "", bounds)
    has_both = configured is not None and running is not None
    return DumpSetting(
        name=name,
        raw=raw,
        value=meaning.value,
        unit=meaning.unit,
        running=mean_running(name, running or "", bounds).value if has_both else None,
        line=line,
        source=Source.PERSISTED,
    )


def _cell(row: _Row, names: tuple[str, ...]) -> str | None:
    found = next((cell for name in names if (cell := row.get(name)) is not None), None)
    return found.strip() if found is not None else None

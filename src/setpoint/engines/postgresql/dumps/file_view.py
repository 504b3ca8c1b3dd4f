"""pg_file_settings: the entries of all configuration files in reading order, and what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Context
from setpoint.config.dump import Source
from setpoint.engines.postgresql.dumps.sheet import Place, cut
from setpoint.engines.postgresql.dumps.typed import MEANINGS, parameter_of, told

if TYPE_CHECKING:
    from setpoint.engines.postgresql.dumps.sheet import Sheet
    from setpoint.engines.shapes.table import Table

_AUTO_CONF = "postgresql.auto.conf"
_NOT_APPLIED = "setting could not be applied"
_TRUE = frozenset({"t", "true", "on", "yes", "1"})
_LONGEST_NUMBER = 9
Entry = tuple[int, dict[str, "str | None"]]


def read_entries(table: Table, sheet: Sheet) -> None:
    """Add of each name the last entry, which is the configured one; the others are notes."""
    rows = sorted(table.dicts(), key=_place_in_order)
    last = {(cells.get("name") or "").lower(): line for line, cells in rows}
    for line, cells in rows:
        name = cells.get("name") or ""
        if not name:
            sheet.error(
                line, "a line the server cannot read; it applies none of its files before that is mended"
            )
        elif last[name.lower()] != line:
            sheet.note(line, f"{cut(name)}: not in force, line {last[name.lower()]} sets it again")
        else:
            _add(sheet, line, name, cells)


def _add(sheet: Sheet, line: int, name: str, cells: dict[str, str | None]) -> None:
    file = (cells.get("sourcefile") or "").replace("\\", "/")
    source = Source.AUTO if file.rpartition("/")[2] == _AUTO_CONF else Source.FILE
    place, raw = Place(line, source=source), cells.get("setting") or ""
    error = (cells.get("error") or "").strip()
    if error and error != _NOT_APPLIED:
        sheet.refuse(name, raw, place, "the server says it does not know or take it")
        return
    spelt = sheet.spell(name)
    if not error:
        if not _is_applied(cells):
            sheet.warn(line, f"{cut(spelt)}: not applied; another line of the files has a fault")
        sheet.add(spelt, raw, told(spelt, raw, sheet.version), place)
        return
    _add_waiting(sheet, spelt, raw, place)


def _add_waiting(sheet: Sheet, name: str, raw: str, place: Place) -> None:
    """Add what was not applied: it waits for a restart or is wrong, and the server tells no which."""
    parameter = parameter_of(name, sheet.version)
    meaning = MEANINGS.mean(name, raw, sheet.version)
    if meaning is not None and meaning.fault:
        sheet.judge(name, raw, place)
        return
    is_restart = parameter is not None and parameter.context is Context.RESTART
    why = "waits for a restart" if is_restart else "the server could not apply it"
    sheet.warn(place.line, f"{cut(name)}: {why}; another value is in force, which is not told here")
    sheet.add(name, raw, meaning or told(name, raw, sheet.version), place)


def _is_applied(cells: dict[str, str | None]) -> bool:
    applied = cells.get("applied")
    return applied is None or applied.strip().lower() in _TRUE


def _place_in_order(entry: Entry) -> tuple[int, int]:
    line, cells = entry
    number = (cells.get("seqno") or "").strip()
    is_number = number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER
    return (int(number) if is_number else line, line)

"""pg_settings and SHOW: what a running server said, in whatever columns somebody asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.catalog import Context
from setpoint.config.dump import INSTANCE, SESSION, Source
from setpoint.engines.postgresql.dialect.grammar import GRAMMAR
from setpoint.engines.postgresql.dumps.sheet import Place, cut
from setpoint.engines.postgresql.dumps.typed import parameter_of, told

if TYPE_CHECKING:
    from setpoint.engines.canonical import Meaning
    from setpoint.engines.postgresql.dumps.sheet import Sheet
    from setpoint.engines.shapes.table import Table

_AUTO_CONF = "postgresql.auto.conf"
_SOURCES = {
    "default": (Source.DEFAULT, INSTANCE),
    "dynamic default": (Source.DEFAULT, INSTANCE),
    "override": (Source.DEFAULT, INSTANCE),
    "environment variable": (Source.COMMAND_LINE, INSTANCE),
    "command line": (Source.COMMAND_LINE, INSTANCE),
    "configuration file": (Source.FILE, INSTANCE),
    "global": (Source.ROLE, "role:ALL"),
    "database": (Source.DATABASE, SESSION),
    "user": (Source.ROLE, SESSION),
    "database user": (Source.ROLE, SESSION),
    "client": (Source.OPERATOR, SESSION),
    "interactive": (Source.OPERATOR, SESSION),
    "test": (Source.OPERATOR, SESSION),
    "session": (Source.OPERATOR, SESSION),
}
_OVERRIDES = frozenset({"database", "user", "database user"})
_TRUE = frozenset({"t", "true", "on", "yes", "1"})
_NAME = re.compile(r"[A-Za-z_][\w$.-]{0,199}")
_VERSION = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,2})(?!\d)")
_VERSION_NUMBER = re.compile(r"\d{5,6}")
_DISABLED = "(disabled)"
"""What `archive_command` shows while archiving is off."""
_TWO_PART = 100_000
Cells = dict[str, "str | None"]


def version_of(table: Table) -> str | None:
    """Answer the version that a table of settings tells, None where it tells none."""
    number = None
    for _, cells in table.dicts():
        name, text = (cells.get("name") or "").strip().lower(), (cells.get("setting") or "").strip()
        if name == "server_version" and (match := _VERSION.match(text)):
            return match[1]
        if name == "server_version_num":
            number = version_of_number(text)
    return number


def version_of_number(text: str) -> str | None:
    """Answer ``150018`` as 15.18 and ``90624`` as 9.6.24, None for what is no such number."""
    if not _VERSION_NUMBER.fullmatch(text):
        return None
    number = int(text)
    major, rest = divmod(number, 10_000)
    return f"{major}.{rest}" if number >= _TWO_PART else f"{major}.{rest // 100}.{rest % 100}"


def read_settings(table: Table, sheet: Sheet) -> None:
    """Add every row's setting."""
    for line, cells in table.dicts():
        name = (cells.get("name") or "").strip()
        if not _NAME.fullmatch(name):
            sheet.warn(line, "a row without a name" if not name else "a row whose name is no parameter's")
            continue
        raw = cells.get("setting")
        if raw is None and not table.has_nulls:
            raw = ""
        spelt = sheet.spell(name)
        vartype, unit = cells.get("vartype"), cells.get("unit")
        meaning = None if raw is None else told(spelt, raw, sheet.version, vartype, unit)
        place = _place_of(sheet, line, spelt, meaning, raw, cells)
        is_pending = (cells.get("pending_restart") or "").strip().lower() in _TRUE
        if is_pending:
            sheet.warn(
                line, f"{cut(spelt)}: another value waits for a restart; this view does not tell which"
            )
        sheet.add(spelt, raw, meaning, place, meaning if is_pending else None)


def read_shown(table: Table, sheet: Sheet) -> None:
    """Add the settings of a row whose columns are called like parameters, as SHOW answers."""
    for row in table.rows:
        for name, raw in zip(table.columns, row.cells, strict=False):
            spelt = sheet.spell(name.strip())
            meaning = None if raw is None else told(spelt, raw, sheet.version)
            sheet.add(spelt, raw, meaning, _place_of(sheet, row.line, spelt, meaning, raw, {}))


def _place_of(
    sheet: Sheet, line: int, name: str, meaning: Meaning | None, raw: str | None, cells: Cells
) -> Place:
    word = (cells.get("source") or "").strip().lower()
    if word in _OVERRIDES:
        sheet.warn(
            line, f"{cut(name)}: given by the login's role or database; the instance's own value is not here"
        )
    if word in _SOURCES:
        source, scope = _SOURCES[word]
        file = (cells.get("sourcefile") or "").strip().replace("\\", "/")
        if source is Source.FILE and file.rpartition("/")[2] == _AUTO_CONF:
            source = Source.AUTO
        return Place(line, 0, scope, source)
    return Place(line, 0, INSTANCE, _likely_source(sheet, name, meaning, raw, cells))


def _likely_source(sheet: Sheet, name: str, meaning: Meaning | None, raw: str | None, cells: Cells) -> Source:
    """Tell default from set where no source is told: by the built-in value."""
    if raw == _DISABLED:
        return Source.DEFAULT
    built_in = cells.get("boot_val")
    if built_in is not None and raw is not None:
        default = told(name, built_in, sheet.version, cells.get("vartype"), cells.get("unit"))
        return Source.DEFAULT if meaning == default else Source.FILE
    parameter = parameter_of(name, sheet.version)
    if parameter is None or raw is None:
        return Source.FILE
    if parameter.context is Context.FIXED or (not raw and parameter.default is None):
        return Source.DEFAULT
    try:
        is_default = parameter.default is not None and parameter.is_same(
            parameter.read(raw, GRAMMAR), parameter.default
        )
    except (ValueError, TypeError):
        return Source.FILE
    return Source.DEFAULT if is_default else Source.FILE

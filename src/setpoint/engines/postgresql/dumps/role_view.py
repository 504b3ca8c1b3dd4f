"""Overrides of roles and databases: pg_db_role_setting, psql's list of them, pg_roles.rolconfig."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.config.dump import Source
from setpoint.engines.postgresql.dumps.sheet import Place
from setpoint.engines.postgresql.dumps.typed import told

if TYPE_CHECKING:
    from setpoint.engines.postgresql.dumps.sheet import Sheet
    from setpoint.engines.shapes.table import Table

ALL_ROLES = "role:ALL"
_DATABASES = ("datname", "setdatabase", "database", "dbname", "db")
_ROLES = ("rolname", "setrole", "role", "usename", "username", "user")
_CONFIGS = ("setconfig", "rolconfig", "datconfig", "useconfig", "settings")
_NOBODY = frozenset({"", "0", "-", "NULL", "null"})
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*+)"?|([^,"]+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][\w$.]*")


def scope_of(database: str, role: str) -> tuple[str, Source]:
    """Answer the scope of an override, and its source; neither named is for every role."""
    if database and role:
        return f"database:{database},role:{role}", Source.ROLE
    if database:
        return f"database:{database}", Source.DATABASE
    return (f"role:{role}" if role else ALL_ROLES), Source.ROLE


def read_overrides(table: Table, sheet: Sheet) -> None:
    """Add the settings of every database, role, and both."""
    config = table.index(*_CONFIGS)
    database, role = table.index(*_DATABASES), table.index(*_ROLES)
    for row in table.rows:
        text = _cell(row.cells, config)
        scope, source = scope_of(_named(_cell(row.cells, database)), _named(_cell(row.cells, role)))
        for item in _items(text):
            name, equals, raw = item.partition("=")
            if not equals or not _NAME.fullmatch(name):
                sheet.warn(row.line, "an override that is no name with a value")
                continue
            spelt = sheet.spell(name)
            place = Place(row.line, scope=scope, source=source)
            sheet.add(spelt, raw, told(spelt, raw, sheet.version), place)


def _cell(cells: tuple[str | None, ...], at: int | None) -> str:
    return (cells[at] or "") if at is not None and at < len(cells) else ""


def _named(text: str) -> str:
    text = text.strip()
    return "" if text in _NOBODY else text


def _items(text: str) -> list[str]:
    """Split an array's text, or the lines of a cell, or JSON's list."""
    stripped = text.strip()
    if stripped[:1] + stripped[-1:] not in {"{}", "[]"}:
        return [line for line in stripped.split("\n") if line]
    inner = stripped[1:-1]
    return [
        _ESCAPED.sub(r"\1", match[1]) if match[1] is not None else match[2].strip()
        for match in _ITEM.finditer(inner)
        if match[1] or (match[2] or "").strip()
    ]

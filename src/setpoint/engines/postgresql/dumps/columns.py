"""Columns: what the columns of a table are, told by its header or, without one, by what stands in them."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from setpoint.engines.postgresql.dialect.knowledge import CONTEXTS
from setpoint.engines.postgresql.dumps.removed import REMOVED
from setpoint.engines.postgresql.dumps.typed import MEANINGS, VARTYPES
from setpoint.engines.shapes.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from setpoint.engines.shapes.table import Table


class Subject(Enum):
    """What a table is about; the value is what such a dump is called."""

    SETTINGS = "pg_settings"
    SHOW_ALL = "SHOW ALL"
    FILE_SETTINGS = "pg_file_settings"
    ROLE_SETTINGS = "pg_db_role_setting"
    SHOW = "SHOW"
    UNNAMED = "current_setting"
    LISTING = "parameter list"
    STATISTICS = "statistics"


SOURCES = frozenset(
    {"default", "dynamic default", "environment variable", "configuration file", "command line", "global"}
    | {"database", "user", "database user", "client", "override", "interactive", "test", "session"}
)
PG_SETTINGS = (
    *("name", "setting", "unit", "category", "short_desc", "extra_desc", "context", "vartype", "source"),
    *("min_val", "max_val", "enumvals", "boot_val", "reset_val", "sourcefile", "sourceline"),
    "pending_restart",
)
_FILE_SETTINGS = ("sourcefile", "sourceline", "seqno", "name", "setting", "applied", "error")
_TYPE_AT, _SOURCE_AT = PG_SETTINGS.index("vartype"), PG_SETTINGS.index("source")
_NAME_WORDS = ("name", "parameter", "guc", "setting_name", "parameter_name")
_SETTING_WORDS = ("setting", "value", "current_setting", "current_value")
_CONFIGS = ("setconfig", "rolconfig", "datconfig", "useconfig")
_OWN_WORDS = frozenset(PG_SETTINGS) - {"name", "setting", "unit", "category", "context", "source"}
_LIST_WORDS = frozenset({"boot_val", "default", "defaults", "vartype", "type", "short_desc", "min_val"})
_UNITS = frozenset(
    {"B", "kB", "8kB", "16kB", "4kB", "32kB", "MB", "16MB", "GB", "ms", "s", "min", "us", "h", "d", ""}
)
_TRUTHS = frozenset({"t", "f", "true", "false"})
_CUSTOM = re.compile(r"[a-z_][\w$]*\.[\w$.]+")
_CONFIG = re.compile(r'\{(?:"?[A-Za-z_].*=.*)?\}', re.DOTALL)
_LOOKED_AT = 100
_MOST_FOREIGN = 0.5


def is_name(text: str | None) -> bool:
    """Tell whether a text is a parameter's name as far as is known."""
    if not text:
        return False
    folded = text.strip().lower()
    return folded in MEANINGS.names or folded in REMOVED or _CUSTOM.fullmatch(folded[:200]) is not None


def with_columns(table: Table) -> Table:
    """Answer the table with the words of the server's views over its columns, where that can be told."""
    if table.columns:
        words = [word.strip().lower() for word in table.columns]
        if _is_headed(words):
            return _renamed(table, words)
        first = Row(tuple(table.columns), table.line)
        table = replace(table, columns=(), rows=(first, *table.rows))
        columns = _columns_of(table.rows)
        return (
            replace(table, columns=columns)
            if columns
            else replace(table, columns=tuple(str(cell) for cell in first.cells), rows=table.rows[1:])
        )
    return replace(table, columns=_columns_of(table.rows))


def subject_of(table: Table) -> Subject | None:
    """Tell what a table with its columns named is about, None where it is nothing of PostgreSQL's."""
    if table.has("name", "setting"):
        if table.has("sourcefile") and (table.has("applied") or table.has("seqno")):
            return Subject.FILE_SETTINGS
        return _settings_subject(table)
    if table.index(*_CONFIGS) is not None or (table.has("role", "database", "settings")):
        return Subject.ROLE_SETTINGS
    words = [word.strip().lower() for word in table.columns]
    if words and len(table.rows) == 1 and (shown := _shown(words)) is not None:
        return shown
    if table.has("name") and _LIST_WORDS & set(words) and _share_of_names(table) > _MOST_FOREIGN:
        return Subject.LISTING
    return Subject.STATISTICS if words else None


def _shown(words: Sequence[str]) -> Subject | None:
    if all(word in MEANINGS.names for word in words):
        return Subject.SHOW
    return Subject.UNNAMED if words == ["current_setting"] else None


def _settings_subject(table: Table) -> Subject | None:
    words = {word.strip().lower() for word in table.columns}
    share = _share_of_names(table)
    if table.rows and share < (0.2 if words & _OWN_WORDS else _MOST_FOREIGN):
        return None
    return Subject.SHOW_ALL if "description" in words and not words & _OWN_WORDS else Subject.SETTINGS


def _share_of_names(table: Table) -> float:
    place = table.index("name") or 0
    cells = [row.cells[place] for row in table.rows[:_LOOKED_AT] if place < len(row.cells)]
    return sum(map(is_name, cells)) / len(cells) if cells else 0.0


def _is_headed(words: Sequence[str]) -> bool:
    """Tell whether these words head columns, and are no row that was taken for a header."""
    if not is_name(words[0]) or len(words) == 1:
        return True
    return all(is_name(word) for word in words) or any(word in _OWN_WORDS for word in words[1:])


def _renamed(table: Table, words: Sequence[str]) -> Table:
    """Call a name and a setting by the view's words, where a client or a query calls them otherwise."""
    name = next((words.index(word) for word in _NAME_WORDS if word in words), None)
    setting = next((words.index(word) for word in _SETTING_WORDS if word in words), None)
    if name is None or setting is None or name == setting:
        return table
    columns = list(table.columns)
    columns[name], columns[setting] = "name", "setting"
    return replace(table, columns=tuple(columns))


def _columns_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Answer what the columns of rows without a header are; none where there is no column of names."""
    looked_at = [row.cells for row in rows[:_LOOKED_AT]]
    width = max(map(len, looked_at), default=0)
    cells = [[row[at] for row in looked_at if at < len(row)] for at in range(width)]
    if width and _all_in(cells[-1], _is_config):
        return _role_columns(width)
    names = next((at for at in range(width) if _mostly_names(cells[at])), None)
    if names is None or names + 1 >= width:
        return ()
    if names == _FILE_SETTINGS.index("name") and width == len(_FILE_SETTINGS):
        return _FILE_SETTINGS
    if names == 0 and width > _TYPE_AT and _all_in(cells[_TYPE_AT], VARTYPES.__contains__):
        has_source = width > _SOURCE_AT and _all_in(cells[_SOURCE_AT], SOURCES.__contains__)
        columns = PG_SETTINGS if has_source else tuple(word for word in PG_SETTINGS if word != "source")
        return columns[:width] + tuple(f"column {at}" for at in range(len(columns), width))
    return tuple(_guess(cells, at, names) for at in range(width))


def _role_columns(width: int) -> tuple[str, ...]:
    words = {1: ("setconfig",), 2: ("setrole", "setconfig"), 3: ("setdatabase", "setrole", "setconfig")}
    return words.get(width, ())


def _guess(cells: Sequence[Sequence[str | None]], at: int, names: int) -> str:
    if at == names:
        return "name"
    if at == names + 1:
        return "setting"
    guesses = (
        ("unit", _UNITS.__contains__),
        ("vartype", VARTYPES.__contains__),
        ("context", CONTEXTS.__contains__),
        ("source", SOURCES.__contains__),
        ("pending_restart", _TRUTHS.__contains__),
    )
    for word, is_one in guesses:
        if _all_in(cells[at], is_one, may_lack=word == "unit"):
            return word
    return "description" if at == names + 2 else f"column {at}"


def _all_in(cells: Iterable[str | None], is_one: object, *, may_lack: bool = False) -> bool:
    found = [cell for cell in cells if cell or (cell is not None and not may_lack)]
    return bool(found) and callable(is_one) and all(map(is_one, found))


def _mostly_names(cells: Sequence[str | None]) -> bool:
    return bool(cells) and sum(map(is_name, cells)) > len(cells) * _MOST_FOREIGN


def _is_config(cell: str) -> bool:
    return _CONFIG.fullmatch(cell[:10_000]) is not None

"""Observing MariaDB: one statement, whose answer has the shape of MySQL's.

MariaDB describes its variables itself (information_schema.SYSTEM_VARIABLES): type, bounds, words, default,
what is read only, and the file a value came from. It keeps no value and does not say who set one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.dialect.agent_words import READ_FILES
from setpoint.engines.mysql.dialect.statements import checked_name, quote_literal
from setpoint.engines.mysql.observe.query import MARKER, NAMES, PRIVILEGES, as_object
from setpoint.engines.mysql.observe.rights import NOTHING, Sight, sights
from setpoint.engines.mysql.observe.transactions import COMMITTED
from setpoint.engines.plan import Request

if TYPE_CHECKING:
    from setpoint.catalog import Version

_LIMIT_SECONDS = 4
_MOST_BYTES = 1 << 24
_STATUS = f"""(SELECT JSON_OBJECTAGG(LOWER(variable_name), variable_value)
  FROM information_schema.global_status WHERE LOWER(variable_name) IN ({NAMES}))"""  # noqa: S608 - constants

_VARIABLES = """(SELECT JSON_ARRAYAGG(JSON_ARRAY(LOWER(variable_name), global_value, global_value_origin,
    global_value_path, variable_type, variable_scope, numeric_min_value, numeric_max_value,
    numeric_block_size, enum_value_list, default_value, read_only, command_line_argument,
    NULL, NULL, NULL, NULL))
  FROM information_schema.system_variables)"""

_REPLICA = """(SELECT MAX(IF(slave_sql_running = 'Yes' AND slave_io_running = 'Yes', 'on', 'stopped'))
  FROM information_schema.slave_status)"""

_FILES = """(SELECT JSON_ARRAYAGG(JSON_ARRAY(path, CONVERT(LOAD_FILE(path) USING utf8mb4)))
  FROM (SELECT DISTINCT global_value_path AS path FROM information_schema.system_variables
        WHERE global_value_path IS NOT NULL) AS named)"""

_ROLES = "OR grantee IN (SELECT CONCAT('''', role_name, '''@''''''') FROM information_schema.enabled_roles))"


def observe(version: Version) -> Request:
    """Answer the observation's request for a server of that version (10.5 or later)."""
    full, *lesser = (_statement(sight, has_files=True) for sight in sights("mariadb", version))
    return Request(text=full, fallbacks=tuple(lesser), agent=READ_FILES)


def statement(version: Version, *, is_full: bool) -> str:
    """Write the statement; the least one asks for no file, and for nothing that needs a right."""
    return _statement(sights("mariadb", version)[0] if is_full else NOTHING, has_files=is_full)


def _statement(sight: Sight, *, has_files: bool) -> str:
    parts = {
        "variables": _json(_VARIABLES),
        "server": _json(_server(sight)),
        "status": _json(_STATUS),
        "transactions": as_object({"committed": COMMITTED if sight.sees_size else "NULL"}),
        "files": _json(_FILES) if has_files else "NULL",
        "cost_ms": "TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6)) / 1000",
    }
    limits = f"max_statement_time = {_LIMIT_SECONDS}, group_concat_max_len = {_MOST_BYTES}"
    return f"{MARKER} SET STATEMENT {limits} FOR SELECT {as_object(parts)}"


def current(parameter: str) -> str:
    """Write the expression of what runs of a variable, as the server shows it."""
    return _told(parameter, "COALESCE(global_value, '')")


def entry_of(parameter: str) -> str:
    """Write the expression of a variable's entry, null where that is a line in the agent's file."""
    return _told(parameter, "IF(read_only = 'NO', COALESCE(global_value, ''), NULL)")


def _told(parameter: str, column: str) -> str:
    return (
        f"(SELECT {column} FROM information_schema.system_variables "  # noqa: S608 - the name is quoted
        f"WHERE variable_name = {quote_literal(checked_name(parameter))})"
    )


def _server(sight: Sight) -> str:
    size = (
        "(SELECT CAST(SUM(file_size) AS INTEGER) FROM information_schema.innodb_sys_tablespaces)"
        if sight.sees_size
        else "NULL"
    )
    return as_object(
        {
            "version": "VERSION()",
            "comment": "@@version_comment",
            "user": "CURRENT_USER()",
            "host": "@@hostname",
            "now": "UNIX_TIMESTAMP(NOW(6))",
            "uptime_seconds": "(SELECT variable_value + 0 FROM information_schema.global_status "
            "WHERE variable_name = 'UPTIME')",
            "privileges": _json(f"{PRIVILEGES} {_ROLES}"),
            "data_bytes": size,
            "replica": _REPLICA if sight.sees_replication else "NULL",
        }
    )


def _json(expression: str) -> str:
    """Say that an expression is JSON already: MariaDB takes what a subquery answers for a text."""
    return f"JSON_COMPACT({expression})"

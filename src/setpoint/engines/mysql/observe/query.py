"""The one request of an observation of MySQL, and the pieces that MariaDB's is made of too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.dialect.agent_words import READ_FILES
from setpoint.engines.mysql.observe.metrics import STATUS
from setpoint.engines.mysql.observe.rights import NOTHING, Sight, sights
from setpoint.engines.mysql.observe.transactions import ENDED, ROLLBACKS
from setpoint.engines.plan import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Version

MARKER = "/* setpoint:observe */"
_METADATA_SINCE = (9,)
"""performance_schema.variables_metadata is there from 9.0 on."""
_PERSIST_SINCE = (8,)
_LIMIT_MS = 4000
NAMES = ", ".join(f"'{name}'" for name in sorted(STATUS))

_TIME = "UNIX_TIMESTAMP({})"
"""Seconds since 1970, whatever the session's time zone is."""

PRIVILEGES = """(SELECT JSON_ARRAYAGG(privilege_type) FROM information_schema.user_privileges
  WHERE grantee = CONCAT('''', REPLACE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''', ''''''), '''@''',
                         SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')"""


def observe(version: Version) -> Request:
    """Answer the observation's request for a server of that version (5.7 or later)."""
    full, *lesser = (_statement(version, sight, has_files=True) for sight in sights("mysql", version))
    return Request(text=full, fallbacks=tuple(lesser), agent=READ_FILES)


def statement(version: Version, *, is_full: bool) -> str:
    """Write the statement; the least one asks for no file, and for nothing that needs a right."""
    return _statement(version, Sight() if is_full else NOTHING, has_files=is_full)


def _statement(version: Version, sight: Sight, *, has_files: bool) -> str:
    parts = {
        "variables": _variables(version),
        "server": _server(version, sight, has_files=has_files),
        "status": _STATUS,
        "transactions": _transactions() if sight.sees_replication else "JSON_OBJECT()",
        "files": _files(version) if has_files else "NULL",
        "unlisted": _unlisted(version),
        "cost_ms": "TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6)) / 1000",
    }
    return f"SELECT {MARKER} /*+ MAX_EXECUTION_TIME({_LIMIT_MS}) */ {as_object(parts)}"


def as_object(parts: Mapping[str, str]) -> str:
    """Write an expression that makes one JSON object of named expressions."""
    told = ", ".join(f"'{name}', {text}" for name, text in parts.items())
    return f"JSON_OBJECT({told})"


_STATUS = f"""(SELECT JSON_OBJECTAGG(LOWER(variable_name), variable_value)
  FROM performance_schema.global_status WHERE LOWER(variable_name) IN ({NAMES}))"""  # noqa: S608 - constants alone


def _transactions() -> str:
    return as_object({"ended": ENDED, "rollbacks": ROLLBACKS})


def _variables(version: Version) -> str:
    has_metadata = version.parts >= _METADATA_SINCE
    has_persisted = version.parts >= _PERSIST_SINCE
    data_type, scope = ("m.data_type", "m.variable_scope") if has_metadata else ("NULL", "NULL")
    source = "i.variable_source, NULLIF(i.variable_path, '')" if has_persisted else "NULL, NULL"
    bounds = "i.min_value, i.max_value" if has_persisted else "NULL, NULL"
    who = f"{_TIME.format('i.set_time')}, i.set_user, i.set_host" if has_persisted else "NULL, NULL, NULL"
    persisted = "p.variable_value" if has_persisted else "NULL"
    joins = ""
    if has_persisted:
        joins = """
    LEFT JOIN performance_schema.variables_info AS i ON i.variable_name = g.variable_name
    LEFT JOIN performance_schema.persisted_variables AS p ON p.variable_name = g.variable_name"""
    if has_metadata:
        joins += """
    LEFT JOIN performance_schema.variables_metadata AS m ON m.variable_name = g.variable_name"""
    return f"""
(SELECT JSON_ARRAYAGG(JSON_ARRAY(g.variable_name, g.variable_value, {source}, {data_type}, {scope},
    {bounds}, NULL, NULL, NULL, NULL, NULL, {who}, {persisted}))
  FROM performance_schema.global_variables AS g{joins})"""  # noqa: S608 - made of constants alone


def _unlisted(version: Version) -> str:
    if version.parts < _PERSIST_SINCE:
        return "NULL"
    return """
(SELECT JSON_OBJECTAGG(variable_name, variable_value) FROM performance_schema.persisted_variables
  WHERE variable_name NOT IN (SELECT variable_name FROM performance_schema.global_variables))"""


def _server(version: Version, sight: Sight, *, has_files: bool) -> str:
    has_roles = version.parts >= _PERSIST_SINCE
    roles = (
        """
  OR grantee IN (SELECT CONCAT('''', role_name, '''@''', role_host, '''')
                 FROM information_schema.enabled_roles)"""
        if has_roles
        else ""
    )
    spaces = "innodb_tablespaces" if has_roles else "innodb_sys_tablespaces"
    size = f"(SELECT SUM(file_size) FROM information_schema.{spaces})" if sight.sees_size else "NULL"  # noqa: S608 - constants alone
    replica = (
        "(SELECT MAX(IF(service_state = 'ON', 'on', 'stopped')) "
        "FROM performance_schema.replication_connection_status "
        "WHERE channel_name <> 'group_replication_applier')"
    )
    group = (
        "(SELECT MAX(CONCAT(member_role, ', ', member_state)) "
        "FROM performance_schema.replication_group_members "
        "WHERE member_id = @@server_uuid)"
        if has_roles
        else "NULL"
    )
    parts = {
        "version": "VERSION()",
        "comment": "@@version_comment",
        "user": "CURRENT_USER()",
        "host": "@@hostname",
        "now": _TIME.format("NOW(6)"),
        "uptime_seconds": "(SELECT variable_value + 0 FROM performance_schema.global_status "
        "WHERE variable_name = 'Uptime')",
        "privileges": f"{PRIVILEGES}{roles})",
        "data_bytes": size,
        "replica": replica if sight.sees_replication else "NULL",
        "group_role": group if sight.sees_replication else "NULL",
        "meminfo": "CONVERT(LOAD_FILE('/proc/meminfo') USING utf8mb4)" if has_files else "NULL",
    }
    return as_object(parts)


def _files(version: Version) -> str:
    if version.parts < _PERSIST_SINCE:
        return "NULL"
    return """
(SELECT JSON_ARRAYAGG(JSON_ARRAY(path, CONVERT(LOAD_FILE(path) USING utf8mb4)))
  FROM (SELECT DISTINCT variable_path AS path FROM performance_schema.variables_info
        WHERE variable_path <> '' AND variable_source <> 'PERSISTED') AS named)"""

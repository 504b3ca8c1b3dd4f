"""The one query of an observation: many views, one SELECT, rows of texts.

Each row begins with a letter that says which part it belongs to. So everything comes in one round trip: a
client fetches plain rows together with the answer to its query, and a large object would need another.
"""

# ruff: noqa: S608 - queries are made of constants alone
from __future__ import annotations

from setpoint.engines.oracle.dialect import PINNED
from setpoint.engines.plan import Request

_COLUMNS = 15
_OWN = "TO_NUMBER(SYS_CONTEXT('USERENV', 'CON_ID'))"
_STATISTICS = (
    "user commits",
    "user rollbacks",
    "session logical reads",
    "physical reads",
    "redo size",
    "redo entries",
    "redo buffer allocation retries",
    "physical read total bytes",
    "physical write total bytes",
    "table scans (long tables)",
)
_SERVICE_USERS = ("RDSADMIN", "C##ADP$SERVICE", "C##CLOUD_OPS")
"""Users that a managed service makes for itself; every login may see users' names."""


def _part(letter: str, columns: tuple[str, ...], rest: str) -> str:
    padding = ("NULL",) * (_COLUMNS - len(columns))
    return f"SELECT '{letter}', {', '.join((*columns, *padding))} {rest}"


_PARAMETERS = _part(
    "P",
    (
        "name", "TO_CHAR(type)", "value", "default_value", "isdefault", "isses_modifiable",
        "issys_modifiable", "ispdb_modifiable", "isinstance_modifiable", "ismodified", "isadjusted",
        "isdeprecated", "isbasic", "description", "TO_CHAR(con_id)",
    ),
    f"FROM v$system_parameter WHERE con_id IN (0, {_OWN})",
)  # fmt: skip
_ITEMS = _part(
    "L",
    ("name", "TO_CHAR(ordinal)", "value", "TO_CHAR(con_id)"),
    f"FROM v$system_parameter2 WHERE con_id IN (0, {_OWN})"
    " AND name IN (SELECT m.name FROM v$system_parameter2 m WHERE m.ordinal > 1)",
)
_FILE = _part(
    "S",
    ("name", "sid", "TO_CHAR(ordinal)", "value"),
    f"FROM v$spparameter WHERE isspecified = 'TRUE' AND GREATEST(1, con_id) = GREATEST(1, {_OWN})",
)
_WORDS = _part("V", ("name", "TO_CHAR(ordinal)", "value"), "FROM v$parameter_valid_values")
_SESSION = _part("D", ("name", "value"), "FROM v$parameter WHERE issys_modifiable = 'DEFERRED'")
_SELF = (
    "i.instance_name",
    "TO_CHAR(i.instance_number)",
    "TO_CHAR(i.startup_time, 'YYYY-MM-DD\"T\"HH24:MI:SS') || TO_CHAR(SYSTIMESTAMP, 'TZH:TZM')",
    "SYS_CONTEXT('USERENV', 'CON_ID')",
    "SYS_CONTEXT('USERENV', 'CON_NAME')",
    "SYS_CONTEXT('USERENV', 'ISDBA')",
    "(SELECT MAX('TRUE') FROM session_privs WHERE privilege = 'ALTER SYSTEM')",
    f"(SELECT MAX(username) FROM all_users WHERE username IN {_SERVICE_USERS})",
    PINNED,
)
_SELF_MOUNTED = (
    *_SELF[:6],
    "SYS_CONTEXT('USERENV', 'ISDBA')",
    "NULL",
    PINNED,
)
"""As long as a database is not open there is no dictionary, and only those log in who may do anything."""
_INSTANCE = _part(
    "I", (*_SELF, "d.database_role", "d.open_mode"), "FROM v$instance i CROSS JOIN v$database d"
)
_INSTANCE_MOUNTED = _part(
    "I", (*_SELF_MOUNTED, "d.database_role", "d.open_mode"), "FROM v$instance i CROSS JOIN v$database d"
)
_INSTANCE_ALONE = _part("I", _SELF, "FROM v$instance i")
_OTHERS = _part("N", ("inst_name",), "FROM v$active_instances")
_HOST = _part(
    "O",
    ("stat_name", "TO_CHAR(value)"),
    "FROM v$osstat WHERE stat_name IN ('NUM_CPUS', 'PHYSICAL_MEMORY_BYTES')",
)
_GRANULE = _part("G", ("TO_CHAR(bytes)",), "FROM v$sgainfo WHERE name = 'Granule Size'")
_DATA = _part("T", ("TO_CHAR(SUM(bytes))",), "FROM v$datafile")
_COUNTERS = _part("M", ("name", "TO_CHAR(value)"), f"FROM v$sysstat WHERE name IN {_STATISTICS}")
_LIMITS = _part(
    "R",
    ("resource_name", "TO_CHAR(current_utilization)", "TRIM(limit_value)"),
    "FROM v$resource_limit WHERE resource_name IN ('processes', 'sessions')",
)
_ADVICE = (
    _part(
        "A",
        ("'sga_target'", "TO_CHAR(sga_size * 1048576)", "TO_CHAR(estd_db_time)"),
        "FROM v$sga_target_advice",
    ),
    _part(
        "A",
        ("'memory_target'", "TO_CHAR(memory_size * 1048576)", "TO_CHAR(estd_db_time)"),
        "FROM v$memory_target_advice",
    ),
    _part(
        "A",
        ("'pga_aggregate_target'", "TO_CHAR(pga_target_for_estimate)", "TO_CHAR(estd_overalloc_count)"),
        "FROM v$pga_target_advice WHERE advice_status = 'ON'",
    ),
    _part(
        "A",
        ("'db_cache_size'", "TO_CHAR(size_for_estimate * 1048576)", "TO_CHAR(estd_physical_reads)"),
        "FROM v$db_cache_advice WHERE advice_status = 'ON' AND name = 'DEFAULT'"
        " AND TO_CHAR(block_size) = (SELECT MAX(value) FROM v$system_parameter WHERE name = 'db_block_size')",
    ),
)
_SETTINGS = (_PARAMETERS, _ITEMS, _FILE, _WORDS, _SESSION)
_EXTRA = (_OTHERS, _HOST, _GRANULE, _DATA, _COUNTERS, _LIMITS, *_ADVICE)
LEVELS = (
    (*_SETTINGS, _INSTANCE, *_EXTRA),
    (*_SETTINGS, _INSTANCE_MOUNTED, *_EXTRA),
    (*_SETTINGS, _INSTANCE),
    (_PARAMETERS, _INSTANCE_ALONE),
)
"""The parts of the query; without a dictionary; and what is left of them for logins that may see less."""


def observe() -> Request:
    """Answer the one request; a login that may not see all of it is asked less."""
    whole, *lesser = (_joined(parts) for parts in LEVELS)
    return Request(text=whole, fallbacks=tuple(lesser))


def _joined(parts: tuple[str, ...]) -> str:
    text = "\nUNION ALL ".join(parts)
    return text.replace("SELECT ", "SELECT /* setpoint:observe */ ", 1)

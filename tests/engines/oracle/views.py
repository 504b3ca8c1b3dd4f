"""The views of the stand-in, as tables with the columns that the manual gives them."""

from __future__ import annotations

import sqlite3

from tests.engines.oracle.database import BEGAN, GRANULE

COLUMNS = {
    "v$system_parameter": "name type value default_value isdefault isses_modifiable issys_modifiable "
    "ispdb_modifiable isinstance_modifiable ismodified isadjusted isdeprecated isbasic description con_id",
    "v$system_parameter2": "name ordinal value con_id",
    "v$spparameter": "name sid ordinal value isspecified con_id",
    "v$parameter_valid_values": "name ordinal value",
    "v$parameter": "name value issys_modifiable",
    "v$instance": "instance_name instance_number startup_time",
    "v$database": "database_role open_mode",
    "v$active_instances": "inst_name",
    "v$osstat": "stat_name value",
    "v$sgainfo": "name bytes",
    "v$datafile": "bytes",
    "v$sysstat": "name value",
    "v$resource_limit": "resource_name current_utilization limit_value",
    "v$sga_target_advice": "sga_size estd_db_time",
    "v$memory_target_advice": "memory_size estd_db_time",
    "v$pga_target_advice": "pga_target_for_estimate estd_overalloc_count advice_status",
    "v$db_cache_advice": "size_for_estimate estd_physical_reads advice_status name block_size",
    "gv$lock": "inst_id sid type id1 lmode",
    "gv$session": "inst_id sid serial_no client_info",
    "session_privs": "privilege",
    "all_users": "username",
    "user_scheduler_jobs": "job_name comments enabled failure_count",
    "dual": "dummy",
}


def fill(session):
    """Make the tables that a session sees."""
    tables = sqlite3.connect(":memory:", check_same_thread=False)
    for name, count, function in _functions(session):
        tables.create_function(name, count, function, deterministic=True)
    for view, columns in COLUMNS.items():
        tables.execute(f"CREATE TABLE {view} ({', '.join(columns.split())})")
        places = ", ".join("?" * len(columns.split()))
        tables.executemany(f"INSERT INTO {view} VALUES ({places})", _ROWS[view](session))
    return tables


def _system_parameter(session):
    database, instance = session.database, session.instance
    for (con, name), items in instance.memory.items():
        spec = database.specs[name]
        flags = (
            name in instance.unset and con == 0,
            True,
            spec.change,
            spec.is_for_pdb,
            spec.change != "FALSE" and spec.is_for_sid,
            "MODIFIED" if (con, name) in instance.modified else "FALSE",
            name in database.adjusted,
            False,
            False,
        )
        words = (each if isinstance(each, str) else str(each).upper() for each in flags)
        yield name, spec.type, _joined(items), spec.default, *words, f"about {name}", con


def _system_parameter2(session):
    for (con, name), items in session.instance.memory.items():
        yield from ((name, number, item, con) for number, item in enumerate(items, 1))


def _parameter(session):
    for (_, name), items in session.instance.memory.items():
        value = session.deferred.get(name, _joined(items))
        yield name, value, session.database.specs[name].change


def _spparameter(session):
    own = session.con or session.database.root
    for (con, sid, name), items in session.database.entries.items():
        if con == own and session.database.file:
            yield from ((name, sid, n, item or None, "TRUE", con) for n, item in enumerate(items, 1))


def _valid_values(session):
    for spec in session.database.specs.values():
        yield from ((spec.name, number, word) for number, word in enumerate(spec.words, 1))


def _advice(name, *rest, is_in_megabytes=True):
    def rows(session):
        for size, estimate in session.database.advice.get(name, ()):
            yield size >> 20 if is_in_megabytes else size, estimate, *rest

    return rows


def _lock(session):
    held = session.database.holder
    return [(held.instance.number, held.sid, "UL", 0x5E7901, 6)] if held else []


def _jobs(session):
    for name, job in session.database.jobs.items():
        yield name, job.comments, str(job.is_enabled).upper(), job.failures


def _joined(items):
    return ", ".join(item or "" for item in items) or None


_ROWS = {
    "v$system_parameter": _system_parameter,
    "v$system_parameter2": _system_parameter2,
    "v$spparameter": _spparameter,
    "v$parameter_valid_values": _valid_values,
    "v$parameter": _parameter,
    "v$instance": lambda s: [(s.instance.name, s.instance.number, BEGAN.split("+")[0])],
    "v$database": lambda s: [(s.database.role, s.database.open_mode)],
    "v$active_instances": lambda s: [(f"host{i.number}:{i.name}",) for i in s.database.instances.values()],
    "v$osstat": lambda _: [("NUM_CPUS", 8), ("PHYSICAL_MEMORY_BYTES", 32 << 30), ("LOAD", 1)],
    "v$sgainfo": lambda _: [("Granule Size", GRANULE), ("Fixed SGA Size", 9_000_000)],
    "v$datafile": lambda _: [(2 << 30,), (1 << 30,)],
    "v$sysstat": lambda s: list(s.database.statistics.items()),
    "v$resource_limit": lambda _: [("processes", 40, "       320"), ("sessions", 45, "       528")],
    "v$sga_target_advice": _advice("sga_target"),
    "v$memory_target_advice": _advice("memory_target"),
    "v$pga_target_advice": _advice("pga_aggregate_target", "ON", is_in_megabytes=False),
    "v$db_cache_advice": _advice("db_cache_size", "ON", "DEFAULT", 8192),
    "gv$lock": _lock,
    "gv$session": lambda s: [
        (e.instance.number, e.sid, e.serial, e.client_info) for e in s.database.sessions
    ],
    "session_privs": lambda s: [(each,) for each in s.database.privileges],
    "all_users": lambda s: [(each,) for each in s.database.users],
    "user_scheduler_jobs": _jobs,
    "dual": lambda _: [("X",)],
}


def _functions(session):
    def context(space, name):
        assert space == "USERENV"
        con = session.con or session.database.root
        return {
            "CON_ID": str(con),
            "CON_NAME": session.database.containers[con],
            "ISDBA": str(session.database.is_dba).upper(),
        }[name]

    def to_char(value, form=""):
        if value is None or not form:
            return None if value is None else str(value)
        return "+00:00" if value == "SYSTIMESTAMP" else value

    return (
        ("sys_context", 2, context),
        ("to_char", 1, to_char),
        ("to_char", 2, to_char),
        ("to_number", 1, lambda text: None if text is None else int(text)),
        ("to_timestamp_tz", 2, lambda text, _: text),
        ("greatest", 2, lambda left, right: max(int(left), int(right))),
        ("nvl", 2, lambda value, other: other if value is None else value),
        ("nvl2", 3, lambda value, known, unknown: unknown if value is None else known),
        ("chr", 1, chr),
    )

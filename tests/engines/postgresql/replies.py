"""Replies as a server gives them, made by hand: the shipped catalog's rows, changed where a test wants it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache

from setpoint.catalog import Catalog, Kind, Version
from setpoint.config.observation import Observation
from setpoint.engines.port import Reply
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.registry import shipped_catalog

AT = datetime(2026, 1, 1, tzinfo=UTC)
DATA = "/srv/pg/data"
CONF = f"{DATA}/postgresql.conf"
AUTO = f"{DATA}/postgresql.auto.conf"
COLUMNS = (
    "name",
    "setting",
    "unit",
    "category",
    "short_desc",
    "extra_desc",
    "context",
    "vartype",
    "source",
    "min_val",
    "max_val",
    "enumvals",
    "boot_val",
    "reset_val",
    "sourcefile",
    "sourceline",
    "pending_restart",
    "flags",
    "is_alterable",
)
VARTYPES = {
    Kind.BOOL: "bool",
    Kind.ENUM: "enum",
    Kind.STRING: "string",
    Kind.LIST: "string",
    Kind.FLAGS: "string",
}


@cache
def base_rows(major):
    catalog = shipped_catalog(ENGINE, str(major))
    rows = {}
    for p in catalog.core:
        is_real = p.kind is Kind.FLOAT or not p.is_integral
        vartype = VARTYPES.get(p.kind, "real" if is_real else "integer")
        boot = None if p.default is None else text_of(p.default)
        rows[p.name] = {
            "name": p.name,
            "setting": boot,
            "unit": p.unit,
            "category": p.category,
            "short_desc": p.description,
            "extra_desc": None,
            "context": p.engine_context,
            "vartype": vartype,
            "source": "default",
            "min_val": None if p.min is None else str(p.min),
            "max_val": None if p.max is None else str(p.max),
            "enumvals": list(p.values) if p.kind is Kind.ENUM else None,
            "boot_val": boot,
            "reset_val": boot,
            "sourcefile": None,
            "sourceline": None,
            "pending_restart": False,
            "flags": None,
            "is_alterable": None,
        }
    rows["data_directory"].update(setting=DATA, source="override")
    rows["server_version"].update(setting=catalog.version)
    return rows


def text_of(default):
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return ENGINE.grammar.write_list(default)
    return str(default)


def reply(
    major=18,
    *,
    rows=None,
    files=(),
    overrides=(),
    server=None,
    host=None,
    metrics=None,
    resets=(),
    statements=None,
    hidden=(),
    added=(),
):
    """Make a reply. `rows` changes columns by name; `files` None means not permitted."""
    table = {name: dict(row) for name, row in base_rows(major).items() if name not in hidden}
    for name, changes in (rows or {}).items():
        table[name].update(changes)
    for row in added:
        table[row["name"]] = {**dict.fromkeys(COLUMNS), **row}
    said = {
        "build": f"PostgreSQL {major}.0 on a test",
        "is_standby": False,
        "is_superuser": True,
        "user": "postgres",
        "database": "postgres",
        "started_at": "2026-01-01T00:00:00+00:00",
        "now": "2026-01-01T01:00:00+00:00",
        "loaded_at": "2026-01-01T00:00:00+00:00",
        "session_began_at": "2026-01-01T00:30:00+00:00",
        "may_reload": True,
        "may_read_activity": True,
        "data_bytes": 1000,
        **(server or {}),
    }
    answer = {
        "settings": [[row[column] for column in COLUMNS] for row in table.values()],
        "overrides": list(overrides),
        "server": said,
        "metrics": metrics or {},
        "resets": list(resets),
        "files": list(files) if files is not None else None,
        "host": host,
        "statements": statements,
        "cost_ms": 7.5,
    }
    return Reply(rows=((json.dumps(answer),),))


def entry(name, text, line=1, file=CONF, *, applied=True, error=None):
    return [file, line, name, text, applied, error]


def observe(major=18, **options) -> tuple[Observation, Catalog]:
    return ENGINE.read("pg", reply(major, **options), at=AT, version=Version.parse(str(major)))

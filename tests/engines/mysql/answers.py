"""Answers of servers, made up: a few variables, and what else a server tells of itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from setpoint.catalog import Catalog, Version
from setpoint.config.observation import Observation
from setpoint.engines.port import Reply
from setpoint.engines.registry import get_engine

AT = datetime(2026, 1, 1, tzinfo=UTC)
NOW = AT.timestamp()
UPTIME = 1000.0

ALL_RIGHTS = [
    "SUPER", "FILE", "PROCESS", "SYSTEM_VARIABLES_ADMIN", "PERSIST_RO_VARIABLES_ADMIN", "ROLE_ADMIN",
    "BINLOG ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN", "REPLICATION MASTER ADMIN",
    "REPLICATION SLAVE ADMIN",
]  # fmt: skip
_FIELDS = (
    "name", "value", "source", "path", "data_type", "scope", "low", "high", "block", "words", "default",
    "is_read_only", "has_option", "set_at", "set_user", "set_host", "persisted",
)  # fmt: skip


def variable(name: str, value: str | None, **told: Any) -> list[Any]:
    """Answer a row; a whole number of the whole server, compiled in, unless told otherwise."""
    known = {
        "source": "COMPILED",
        "data_type": "integer",
        "scope": "GLOBAL",
        "low": "1",
        "high": "100000",
        **told,
    }
    row = {"name": name, "value": value, **known}
    return [row.get(field) for field in _FIELDS]


def answer(
    *variables: list[Any], status: dict[str, str] | None = None, files: Any = None, **server: Any
) -> str:
    told = {
        "version": "9.7.4",
        "comment": "test",
        "user": "root@%",
        "host": "h",
        "now": NOW,
        "uptime_seconds": UPTIME,
        "privileges": ALL_RIGHTS,
        **server,
    }
    return json.dumps({"variables": variables, "server": told, "status": status or {}, "files": files})


def seen(
    body: str, *, engine: str = "mysql", version: str = "9.7.4", agent: Any = None, fallback: int = 0
) -> tuple[Observation, Catalog]:
    """Answer what an engine reads in an answer."""
    told = json.dumps(agent) if agent is not None else None
    reply = Reply(rows=((body,),), agent=told, fallback=fallback)
    return get_engine(engine).read("db", reply, at=AT, version=Version.parse(version))

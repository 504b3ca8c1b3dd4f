"""Facts: what the instance runs on and in, from the server's own words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.config.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Version
    from setpoint.config.facts import Role
    from setpoint.engines.mysql.observe.reply import Answer, VariableRow

_MEMORY = re.compile(r"^MemTotal:\s+(\d+) kB", re.MULTILINE)
_KIB = 1024
_SERVICES: Mapping[str, str] = {
    "rds": "Amazon RDS",
    "aurora": "Amazon Aurora",
    "azure": "Azure Database for MySQL",
    "cloudsql": "Google Cloud SQL",
}
_FULL = frozenset({"SUPER", "SYSTEM_VARIABLES_ADMIN"})


def read_facts(answer: Answer, rows: Mapping[str, VariableRow], version: Version) -> Facts:
    """Answer the facts, each with where it comes from; what cannot be told stays unknown."""
    sources: dict[str, str] = {}
    ram = _memory(answer, rows, sources)
    if answer.server.data_bytes is not None:
        sources["data_bytes"] = "InnoDB's tablespaces"
    service = service_of(answer, rows)
    if service:
        sources["is_managed_service"] = service
    cluster = cluster_of(answer, rows)
    role = _role(answer, rows, sources)
    return Facts(
        version=str(version),
        build=f"{answer.server.version} {answer.server.comment}".strip(),
        role=role,
        cluster=cluster,
        ram_bytes=ram,
        data_bytes=answer.server.data_bytes,
        is_managed_service=bool(service),
        is_superuser=bool(_FULL & set(answer.server.privileges or ())),
        uptime_seconds=answer.server.uptime_seconds,
        data_directory=_value(rows, "datadir").rstrip("/"),
        sources=sources,
    )


def service_of(answer: Answer, rows: Mapping[str, VariableRow]) -> str:
    """Name the managed service a server belongs to by its own signs; empty where there is none."""
    signs = " ".join((answer.server.comment, _value(rows, "basedir"), _value(rows, "datadir"))).lower()
    named = next((service for sign, service in _SERVICES.items() if f"/{sign}" in signs), "")
    return named or next(
        (_SERVICES[name.split("_")[0]] for name in rows if name.startswith(("aurora_", "rds_"))), ""
    )


def cluster_of(answer: Answer, rows: Mapping[str, VariableRow]) -> str:
    """Answer in words which cluster the instance is a member of, and in what state."""
    status = answer.status
    if _value(rows, "wsrep_on") == "ON":
        state = status.get("wsrep_local_state_comment") or "not connected"
        size, part = status.get("wsrep_cluster_size", "?"), status.get("wsrep_cluster_status", "?")
        return f"Galera, {size} member{'' if size == '1' else 's'}, {part}, {state}"
    if answer.server.group_role:
        return f"group replication, {answer.server.group_role}"
    return ""


def _role(answer: Answer, rows: Mapping[str, VariableRow], sources: dict[str, str]) -> Role:
    """Answer the role in replication. A member of a Galera cluster that takes writes is a primary."""
    if answer.server.replica is not None:
        sources["role"] = f"replication is {answer.server.replica}"
        return "standby"
    if answer.status.get("slave_running") == "ON":
        sources["role"] = "replication is on"
        return "standby"
    has_replicated = bool(_value(rows, "gtid_slave_pos"))
    if has_replicated and _value(rows, "read_only") not in ("OFF", "0", ""):
        sources["role"] = "it has replicated, and is read only; replication does not run"
        return "standby"
    if (answer.server.group_role or "").startswith("SECONDARY"):
        sources["role"] = "group replication"
        return "standby"
    return "primary"


def _memory(answer: Answer, rows: Mapping[str, VariableRow], sources: dict[str, str]) -> int | None:
    told = _value(rows, "server_memory")
    if told.isdigit() and int(told):
        sources["ram_bytes"] = "server_memory"
        return int(told)
    match = _MEMORY.search(answer.server.meminfo or "")
    if match is None:
        return None
    sources["ram_bytes"] = "/proc/meminfo"
    return int(match[1]) * _KIB


def _value(rows: Mapping[str, VariableRow], name: str) -> str:
    row = rows.get(name)
    return (row.value or "") if row is not None else ""

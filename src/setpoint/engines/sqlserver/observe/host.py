"""Facts: what the instance runs on and in, by the server's own words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from setpoint.config.facts import Facts
from setpoint.engines.sqlserver.dialect.knowledge import AZURE_SQL_DATABASE, MANAGED_INSTANCE

if TYPE_CHECKING:
    from setpoint.config.facts import Role
    from setpoint.engines.sqlserver.observe.reply import Answer

_KIB = 1024
_SERVICES = {AZURE_SQL_DATABASE: "Azure SQL Database", MANAGED_INSTANCE: "Azure SQL Managed Instance"}
_SYS_INFO = "sys.dm_os_sys_info"


def read_facts(answer: Answer, at: datetime) -> Facts:
    """Answer the facts, each with where it comes from; what cannot be told stays unknown."""
    server, host = answer.server, answer.host
    sources: dict[str, str] = {}
    service = _SERVICES.get(server.engine_edition)
    if service is not None:
        sources["is_managed_service"] = service
    if host is not None:
        sources["ram_bytes"] = sources["vcpu"] = _SYS_INFO
    if answer.data_bytes is not None:
        sources["data_bytes"] = "the sizes of the data files"
    started_at = read_start(answer)
    return Facts(
        version=server.version,
        build=f"{server.edition}{f' on {host.platform}' if host is not None and host.platform else ''}",
        role=_role(answer),
        ram_bytes=host.memory_kb * _KIB if host is not None else None,
        vcpu=float(host.cpus) if host is not None else None,
        data_bytes=answer.data_bytes,
        is_container=host is not None and (host.container or "NONE") != "NONE",
        is_managed_service=service is not None,
        is_superuser=server.is_sysadmin == 1,
        uptime_seconds=(at - started_at).total_seconds() if started_at is not None else None,
        sources=sources,
    )


def read_start(answer: Answer) -> datetime | None:
    """Answer when the server started, None where that is not seen.

    Whole seconds: the offset by which it is told is that of now, and nothing else in it moves.
    """
    if answer.host is None:
        return None
    return datetime.fromisoformat(answer.host.started_at).astimezone(UTC).replace(microsecond=0)


def _role(answer: Answer) -> Role:
    """Answer what the instance is in its availability groups; without any it is a primary."""
    if answer.is_plain or any(name == "role" for name, _ in answer.unseen):
        return "unknown"
    roles = {role.upper() for role in answer.roles}
    if roles <= {"PRIMARY"}:
        return "primary"
    return "standby" if roles == {"SECONDARY"} else "unknown"

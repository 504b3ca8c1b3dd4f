"""Facts: what the instance runs on and in, from the server's own words and the host's files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from setpoint.config.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from setpoint.engines.postgresql.observe.reply import HostFiles, Server, SettingRow

_MEMORY = re.compile(r"^MemTotal:\s+(\d+) kB", re.MULTILINE)
_KIB = 1024
_SERVICES: Mapping[str, str] = {
    "rdsadmin": "Amazon RDS",
    "rds_superuser": "Amazon RDS",
    "alloydbsuperuser": "Google AlloyDB",
    "cloudsqlsuperuser": "Google Cloud SQL",
    "azure_pg_admin": "Azure Database for PostgreSQL",
    "neon_superuser": "Neon",
}
_SERVICE_CLASSES: Mapping[str, str] = {
    "rds": "Amazon RDS",
    "alloydb": "Google AlloyDB",
    "cloudsql": "Google Cloud SQL",
    "azure": "Azure Database for PostgreSQL",
}


def read_facts(server: Server, host: HostFiles | None, rows: Mapping[str, SettingRow]) -> Facts:
    """Answer the facts, each with where it comes from; what cannot be told stays unknown."""
    sources: dict[str, str] = {}
    ram = _limited(sources, "ram_bytes", "/proc/meminfo", _memory(host), _memory_limits(host))
    vcpu = _limited(sources, "vcpu", "/sys/devices/system/cpu/online", _cpus(host), _cpu_limits(host))
    service = None if server.is_superuser else service_of(server.service_roles, rows)
    if service is not None:
        sources["is_managed_service"] = service
    if server.data_bytes is not None:
        size = "relpages of the database" if server.is_data_estimated else "pg_database_size"
        sources["data_bytes"] = size
    version, directory = rows.get("server_version"), rows.get("data_directory")
    role: Literal["primary", "standby"] = "standby" if server.is_standby else "primary"
    return Facts(
        version=(version.setting or "").split(" ")[0] if version else "",
        build=server.build,
        role=role,
        ram_bytes=int(ram) if ram is not None else None,
        vcpu=vcpu,
        data_bytes=server.data_bytes,
        is_container="cgroup" in sources.values() or (host is not None and host.container is not None),
        is_managed_service=service is not None,
        is_superuser=server.is_superuser,
        uptime_seconds=(server.now - server.started_at).total_seconds(),
        data_directory=(directory.setting or "") if directory else "",
        sources=sources,
    )


def service_of(roles: Iterable[str], rows: Mapping[str, SettingRow]) -> str | None:
    """Name the managed service a server belongs to by its own signs, or None."""
    by_role = next((_SERVICES[role] for role in roles if role in _SERVICES), None)
    classes = (_SERVICE_CLASSES.get(name.partition(".")[0]) for name in rows if "." in name)
    return by_role or next(filter(None, classes), None)


def _limited(
    sources: dict[str, str], fact: str, source: str, whole: float | None, limits: list[float]
) -> float | None:
    """Answer the host's amount or a container's smaller one, and note which it is."""
    limit = min(limits, default=None)
    if limit is not None and (whole is None or limit < whole):
        sources[fact] = "cgroup"
        return limit
    if whole is not None:
        sources[fact] = source
    return whole


def _memory(host: HostFiles | None) -> float | None:
    match = _MEMORY.search(host.meminfo or "") if host is not None else None
    return float(int(match[1]) * _KIB) if match else None


def _memory_limits(host: HostFiles | None) -> list[float]:
    texts = host.memory_limits if host is not None else ()
    return [float(text) for text in texts if text and text.strip().isdigit()]


def _cpus(host: HostFiles | None) -> float | None:
    """Count a list of ranges such as ``0-3,8``."""
    text = (host.cpu_online or "").strip() if host is not None else ""
    if not text:
        return None
    ranges = [part.split("-") for part in text.split(",")]
    return float(sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges))


def _cpu_limits(host: HostFiles | None) -> list[float]:
    """Answer quota over period, of every cgroup that has one; ``max`` and -1 mean none."""
    if host is None:
        return []
    pairs = [(text or "").split() for text in host.cpu_limits]
    pairs.append([(host.cpu_quota or "").strip(), (host.cpu_period or "").strip()])
    counted = [pair for pair in pairs if len(pair) == 2 and all(word.isdigit() for word in pair)]  # noqa: PLR2004 - quota and period
    return [int(quota) / int(period) for quota, period in counted if int(period)]

"""The shape of what the server answers: rows that begin with the name of their part, typed here alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from setpoint.engines.port import Reply


class OptionRow(NamedTuple):
    """One row of sys.configurations."""

    name: str
    value: int
    in_use: int
    minimum: int
    maximum: int
    is_dynamic: int
    is_advanced: int
    description: str = ""


class ScopedRow(NamedTuple):
    """One row of sys.database_scoped_configurations; `is_default` is None before 2017."""

    name: str
    value: str
    secondary: str | None
    is_default: int | None


class ServerRow(NamedTuple):
    """What the server says about itself and about this login; rights are None where they mean nothing."""

    version: str
    edition: str
    engine_edition: int
    database: str
    is_sysadmin: int | None
    may_set_options: int | None
    may_set_scoped: int | None
    most_connections: int


class HostRow(NamedTuple):
    """What sys.dm_os_sys_info and sys.dm_os_host_info say; `started_at` with the server's offset."""

    cpus: int
    memory_kb: int
    started_at: str
    container: str | None
    platform: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole reply; `host` and what else needs a right may be missing, `unseen` then says why."""

    options: tuple[OptionRow, ...]
    server: ServerRow
    scoped: tuple[ScopedRow, ...]
    host: HostRow | None
    data_bytes: int | None
    roles: tuple[str, ...]
    counters: tuple[tuple[str, str, int], ...]
    files: tuple[int | None, ...]
    sessions: tuple[int | None, ...]
    unseen: tuple[tuple[str, str], ...]
    cost_us: int
    is_plain: bool
    """Whether the server refused all that is optional."""


def decode_answer(reply: Reply) -> Answer:
    """Read a reply; raise `UnavailableError` when it is not what was asked for."""
    parts: dict[str, list[tuple[Any, ...]]] = {}
    for name, *cells in reply.rows:
        parts.setdefault(str(name), []).append(tuple(cells))
    try:
        return _answer(parts, is_plain=reply.fallback > 0)
    except (IndexError, KeyError, TypeError, ValueError) as fault:
        message = f"the server's answer is not an observation: {fault!r}"
        raise UnavailableError(message, next_step="observe again") from None


def _answer(parts: dict[str, list[tuple[Any, ...]]], *, is_plain: bool) -> Answer:
    host, size = parts.get("host"), parts.get("size")
    return Answer(
        options=tuple(OptionRow(*cells) for cells in parts["option"]),
        server=ServerRow(*parts["server"][0]),
        scoped=tuple(ScopedRow(*cells) for cells in parts.get("scoped", ())),
        host=HostRow(*host[0]) if host else None,
        data_bytes=size[0][0] if size else None,
        roles=tuple(str(cells[0]) for cells in parts.get("role", ())),
        counters=tuple((name, instance, int(count)) for name, instance, count in parts.get("counter", ())),
        files=parts.get("files", [()])[0],
        sessions=parts.get("sessions", [()])[0],
        unseen=tuple((name, why) for name, why in parts.get("unseen", ())),
        cost_us=parts["cost"][0][0],
        is_plain=is_plain,
    )

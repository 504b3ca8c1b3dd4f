"""The shape of what the server answers: JSON made by the queries of `query`, typed here and nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from setpoint.engines.port import Reply


class SettingRow(msgspec.Struct, array_like=True, frozen=True):
    """One row of pg_settings, and the flags that 15 and later tell."""

    name: str
    setting: str | None
    unit: str | None
    category: str
    short_desc: str
    extra_desc: str | None
    context: str
    vartype: str
    source: str
    min_val: str | None
    max_val: str | None
    enumvals: tuple[str, ...] | None
    boot_val: str | None
    reset_val: str | None
    sourcefile: str | None
    sourceline: int | None
    pending_restart: bool
    flags: tuple[str, ...] | None
    is_alterable: bool | None


class FileRow(msgspec.Struct, array_like=True, frozen=True):
    """One row of pg_file_settings; faults of whole files have no name, those of no file no place."""

    file: str | None
    line: int | None
    name: str | None
    text: str | None
    is_applied: bool
    error: str | None


class OverrideRow(msgspec.Struct, array_like=True, frozen=True):
    """One entry of pg_db_role_setting: ``name=text`` for a database, a role, or both."""

    database: str | None
    role: str | None
    entry: str


class HostFiles(msgspec.Struct, frozen=True):
    """Files of the host and the data directory that the login may read; None where one is not there."""

    opts: str | None = None
    auto_conf: str | None = None
    meminfo: str | None = None
    container: str | None = None
    cpu_online: str | None = None
    memory_limits: tuple[str | None, ...] = ()
    cpu_limits: tuple[str | None, ...] = ()
    cpu_quota: str | None = None
    cpu_period: str | None = None


class Server(msgspec.Struct, frozen=True):
    """What the server says about itself and about this session."""

    build: str
    is_standby: bool
    is_superuser: bool
    user: str
    database: str
    started_at: datetime
    now: datetime
    loaded_at: datetime
    session_began_at: datetime | None
    service_roles: tuple[str, ...] = ()
    may_reload: bool = False
    data_bytes: int | None = None
    is_data_estimated: bool = False
    may_read_activity: bool = False


class Answer(msgspec.Struct, frozen=True):
    """The whole reply; `files`, `host` and `statements` are None where not permitted, or not there."""

    settings: tuple[SettingRow, ...]
    overrides: tuple[OverrideRow, ...]
    server: Server
    metrics: dict[str, float | None]
    resets: tuple[datetime | None, ...]
    files: tuple[FileRow, ...] | None = None
    host: HostFiles | None = None
    statements: dict[str, float | None] | None = None
    cost_ms: float = 0.0


def decode_answer(reply: Reply) -> Answer:
    """Read the reply's one cell; raise `UnavailableError` when it is not what was asked for."""
    try:
        return msgspec.json.decode(reply.rows[0][0], type=Answer)
    except (IndexError, msgspec.DecodeError) as fault:
        message = f"the server's answer is not an observation: {fault}"
        raise UnavailableError(message, next_step="observe again") from None

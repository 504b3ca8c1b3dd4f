"""Turning a reply into an observation and the live catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Catalog
from setpoint.catalog.catalog import CatalogData
from setpoint.config.observation import FileFault, Observation, ObservedSetting, OriginKind
from setpoint.config.revision import canonical, content_hash
from setpoint.engines.postgresql.dialect.conf import parse_conf
from setpoint.engines.postgresql.dialect.grammar import GRAMMAR
from setpoint.engines.postgresql.observe.host import read_facts
from setpoint.engines.postgresql.observe.origins import (
    AUTO_CONF,
    Evidence,
    observe_setting,
    observe_unlisted,
    override_origins,
    read_command_line,
)
from setpoint.engines.postgresql.observe.parameters import read_parameter
from setpoint.engines.postgresql.observe.reply import FileRow, decode_answer
from setpoint.engines.postgresql.observe.secrets import without_secrets
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from setpoint.catalog import Version
    from setpoint.engines.port import Reply
    from setpoint.engines.postgresql.observe.reply import Answer, HostFiles, SettingRow

NAME = "postgresql"
EVIDENCE = "harvested from a running server"


def read(instance: str, reply: Reply, *, at: datetime, version: Version) -> tuple[Observation, Catalog]:
    """Answer the observation and the catalog of this very server.

    Raise `UnavailableError` on an unreadable reply.
    """
    answer = without_secrets(decode_answer(reply))
    rows = {row.name.lower(): row for row in answer.settings}
    files, host = answer.files, answer.host
    catalog = _catalog(answer, version)
    evidence = _evidence(answer, rows, files, host)
    settings = _settings(rows, catalog, evidence)
    observation = Observation(
        instance=instance,
        engine=NAME,
        at=at,
        facts=read_facts(answer.server, host, rows),
        settings=settings,
        metrics=_metrics(answer),
        metrics_since=max(filter(None, answer.resets), default=answer.server.started_at),
        file_faults=tuple(
            FileFault(file=row.file, line=row.line or 0, message=_fault_text(row, rows))
            for row in files or ()
            if row.file is not None and _is_fault(row, settings, catalog)
        ),
        unseen=_unseen(answer, files, host, settings),
        alterable=_alterable(answer, version),
        catalog_hash=content_hash(canonical(catalog.data)),
        cost_ms=answer.cost_ms,
    )
    return observation, catalog


def _catalog(answer: Answer, version: Version) -> Catalog:
    parameters = tuple(read_parameter(row, version.major) for row in answer.settings)
    data = CatalogData(
        engine=NAME,
        version=str(version),
        evidence=EVIDENCE,
        source=answer.server.build,
        parameters=parameters,
    )
    return Catalog(data, GRAMMAR)


def _evidence(
    answer: Answer, rows: Mapping[str, SettingRow], files: tuple[FileRow, ...] | None, host: HostFiles | None
) -> Evidence:
    server, encoding = answer.server, rows.get("server_encoding")
    is_broken = any(row.name is None and row.file is not None for row in files or ())
    entries: dict[str, list[FileRow]] = {}
    for row in (*(files or ()), *(_persisted_rows(rows, host) if is_broken else ())):
        if row.name is not None:
            entries.setdefault(row.name.lower(), []).append(row)
    own = {
        row.entry.partition("=")[0].lower()
        for row in answer.overrides
        if row.database in (None, server.database) and row.role in (None, server.user)
    }
    return Evidence(
        entries={name: tuple(found) for name, found in entries.items()},
        overrides=override_origins(answer.overrides),
        command=read_command_line(host.opts if host is not None else None),
        own_overrides=frozenset(own),
        are_files_visible=files is not None,
        is_file_broken=is_broken,
        was_reloaded=server.session_began_at is not None and server.loaded_at > server.session_began_at,
        server_encoding=encoding.setting if encoding is not None else None,
    )


def _persisted_rows(rows: Mapping[str, SettingRow], host: HostFiles | None) -> tuple[FileRow, ...]:
    """Read what ALTER SYSTEM wrote ourselves: the server stops at a broken file and never gets there."""
    directory = rows.get("data_directory")
    file = f"{directory.setting if directory is not None else ''}/{AUTO_CONF}"
    entries = parse_conf((host.auto_conf or "") if host is not None else "").entries
    return tuple(
        FileRow(file=file, line=entry.line, name=entry.name, text=entry.text, is_applied=False, error=None)
        for entry in entries
    )


def _settings(
    rows: Mapping[str, SettingRow], catalog: Catalog, evidence: Evidence
) -> dict[str, ObservedSetting]:
    settings = {
        parameter.name: observe_setting(rows[parameter.name.lower()], parameter, evidence)
        for parameter in catalog.parameters
    }
    unlisted = sorted((evidence.entries.keys() | evidence.overrides.keys()) - rows.keys())
    return {**settings, **{name: observe_unlisted(name, evidence) for name in unlisted}}


def _metrics(answer: Answer) -> dict[str, float]:
    found = {**answer.metrics, **(answer.statements or {})}
    return {name: value for name, value in sorted(found.items()) if value is not None}


def _is_fault(row: FileRow, settings: Mapping[str, ObservedSetting], catalog: Catalog) -> bool:
    """Tell a line the server refuses from one that waits for a restart or stands behind the command line."""
    if row.error is None:
        return False
    if row.name is None:
        return True
    setting = next((s for name, s in settings.items() if name.lower() == (row.name or "").lower()), None)
    if setting is None:
        return True
    is_shadowed = any(origin.kind is OriginKind.COMMAND_LINE for origin in setting.origins)
    if is_shadowed and _is_readable(row, catalog):
        return False
    return setting.pending is None or setting.pending != row.text


def _is_readable(row: FileRow, catalog: Catalog) -> bool:
    try:
        catalog.parse(row.name or "", row.text or "")
    except InputError:
        return False
    return True


def _fault_text(row: FileRow, rows: Mapping[str, SettingRow]) -> str:
    if row.name is None or row.name.lower() not in rows:
        return f"{row.error}{f': {row.name}' if row.name else ''}"
    return f"{row.name} cannot be {row.text!r}"


def _unseen(
    answer: Answer,
    files: tuple[FileRow, ...] | None,
    host: HostFiles | None,
    settings: Mapping[str, ObservedSetting],
) -> tuple[str, ...]:
    """Say in words what this login may not read, and which right would show it."""
    told: list[str] = []
    if files is None:
        told.append(
            "entries of configuration files "
            "(grant EXECUTE on pg_show_all_file_settings and SELECT on pg_file_settings)"
        )
    if host is None:
        told.append("the host's memory and CPUs, the command line (grant pg_read_server_files)")
    if not answer.server.may_read_activity:
        told.append("what other sessions do, and settings only superusers see (grant pg_monitor)")
    hidden = sorted(name for name, setting in settings.items() if setting.value is None and "." not in name)
    if hidden:
        told.append(f"the instance's own value behind this login's overrides: {', '.join(hidden)}")
    return tuple(told)


def _alterable(answer: Answer, version: Version) -> tuple[str, ...] | None:
    """Answer what this login may change with ALTER SYSTEM and load; None for everything."""
    if answer.server.is_superuser:
        return None
    if not answer.server.may_reload or version.major < 15:  # noqa: PLR2004 - rights on parameters came with 15
        return ()
    return tuple(row.name for row in answer.settings if row.is_alterable)

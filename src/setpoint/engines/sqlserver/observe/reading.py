"""Turning a reply into an observation and the live catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Catalog
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.config.revision import canonical, content_hash
from setpoint.engines.sqlserver.dialect import GRAMMAR, NAME, PREFIX
from setpoint.engines.sqlserver.dialect.knowledge import AZURE_SQL_DATABASE
from setpoint.engines.sqlserver.observe.harvest import live_data
from setpoint.engines.sqlserver.observe.host import read_facts, read_start
from setpoint.engines.sqlserver.observe.metrics import COUNTER_NAMES, FILES, SESSIONS
from setpoint.engines.sqlserver.observe.origins import observe_option, observe_scoped
from setpoint.engines.sqlserver.observe.reply import decode_answer

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.catalog import Version
    from setpoint.engines.port import Reply
    from setpoint.engines.sqlserver.observe.reply import Answer

_PARALLELISM = "max_degree_of_parallelism"
_PARTS = {
    "scoped": "the database's own configurations",
    "size": "the sizes of the data files",
    "host": "the host's memory and processors, when the server started",
    "role": "the role in availability groups",
    "counter": "the performance counters",
    "files": "the I/O of the files",
    "sessions": "what other sessions do",
}


def read(instance: str, reply: Reply, *, at: datetime, version: Version) -> tuple[Observation, Catalog]:
    """Answer the observation and the catalog of this very server.

    Raise `UnavailableError` on an unreadable reply.
    """
    answer = decode_answer(reply)
    data = live_data(version, answer.options, answer.scoped)
    observation = Observation(
        instance=instance,
        engine=NAME,
        at=at,
        facts=read_facts(answer, at),
        settings=_settings(answer),
        metrics=_metrics(answer),
        metrics_since=read_start(answer),
        unseen=_unseen(answer),
        alterable=_alterable(answer),
        catalog_hash=content_hash(canonical(data)),
        cost_ms=answer.cost_us / 1000,
    )
    return observation, Catalog(data, GRAMMAR)


def _settings(answer: Answer) -> dict[str, ObservedSetting]:
    database = answer.server.database
    settings = {GRAMMAR.fold_name(row.name): observe_option(row) for row in answer.options}
    scoped = {PREFIX + row.name.lower(): observe_scoped(row, database) for row in answer.scoped}
    override = scoped.get(f"{PREFIX}maxdop")
    if override is not None and override.value not in {None, "0"} and _PARALLELISM in settings:
        settings[_PARALLELISM] = _overridden(settings[_PARALLELISM], override.value, database)
    return dict(sorted({**settings, **scoped}.items()))


def _overridden(setting: ObservedSetting, text: str | None, database: str) -> ObservedSetting:
    """Add what a database says for itself over what the instance says."""
    origin = Origin(kind=OriginKind.DATABASE, text=text, scope=f"database {database}")
    return msgspec.structs.replace(setting, origins=(*setting.origins, origin))


def _metrics(answer: Answer) -> dict[str, float]:
    found: dict[str, float | None] = {}
    for name, instance, count in answer.counters:
        metric = COUNTER_NAMES.get((name.lower(), instance.lower()))
        if metric is not None:
            found[metric] = float(count)
    for name, value in zip(FILES, answer.files, strict=False):
        found[name] = None if value is None else value / 1000 if name.endswith("_seconds") else float(value)
    for name, value in zip(SESSIONS, answer.sessions, strict=False):
        found[name] = None if value is None else float(value)
    found["conn.limit"] = float(answer.server.most_connections)
    return {name: value for name, value in sorted(found.items()) if value is not None}


def _unseen(answer: Answer) -> tuple[str, ...]:
    """Say in words what was not read, and why."""
    if answer.is_plain:
        return ("all but the options: the server refused the whole observation to this login",)
    return tuple(f"{_PARTS.get(name, name)} ({why})" for name, why in answer.unseen)


def _alterable(answer: Answer) -> tuple[str, ...] | None:
    """Answer what this login may change; None for everything."""
    server = answer.server
    may_options = server.may_set_options == 1 and server.engine_edition != AZURE_SQL_DATABASE
    may_scoped = server.may_set_scoped == 1
    if may_options and may_scoped:
        return None
    options = [GRAMMAR.fold_name(row.name) for row in answer.options] if may_options else []
    scoped = [PREFIX + row.name.lower() for row in answer.scoped] if may_scoped else []
    return tuple(sorted((*options, *scoped)))

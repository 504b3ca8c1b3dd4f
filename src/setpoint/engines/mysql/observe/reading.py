"""Turning a reply into an observation and the live catalog."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from setpoint.catalog import Catalog
from setpoint.catalog.catalog import CatalogData
from setpoint.config.observation import FileFault, Observation
from setpoint.config.revision import canonical, content_hash
from setpoint.engines.mysql.dialect.grammar import GRAMMAR
from setpoint.engines.mysql.dialect.knowledge import masked
from setpoint.engines.mysql.dialect.letter_case import folding
from setpoint.engines.mysql.observe.files import read_files
from setpoint.engines.mysql.observe.host import read_facts
from setpoint.engines.mysql.observe.metrics import read_metrics
from setpoint.engines.mysql.observe.origins import Ground, observe_setting, observe_unlisted
from setpoint.engines.mysql.observe.parameters import read_parameter
from setpoint.engines.mysql.observe.reply import decode_answer
from setpoint.engines.mysql.observe.rights import alterable, rights_unseen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Parameter, Version
    from setpoint.config.observation import ObservedSetting
    from setpoint.engines.mysql.dialect.option_groups import Kind
    from setpoint.engines.mysql.observe.reply import Answer, VariableRow
    from setpoint.engines.port import Reply

EVIDENCE = "harvested from a running server"
_SESSION_ONLY = "SESSION ONLY"


class Flavour(NamedTuple):
    """What tells the two engines apart for the reader of their answers.

    `name` is the engine's; `kind` the word that its option files' groups go by; `keeps` whether that version
    keeps values itself.
    """

    name: str
    kind: Kind
    keeps: bool


def read(
    instance: str,
    reply: Reply,
    known: Mapping[str, Parameter],
    flavour: Flavour,
    *,
    at: datetime,
    version: Version,
) -> tuple[Observation, Catalog]:
    """Answer the observation and the catalog of this very server.

    `known` are the parameters of the shipped catalog that fits, by name: MySQL tells neither words of enums
    nor what needs a restart. Raises `UnavailableError` on an unreadable reply.
    """
    answer = decode_answer(reply)
    rows = {row.name.lower(): _without_secrets(row) for row in answer.variables if is_global(row)}
    catalog = _catalog(answer, rows, known, flavour, version)
    files = read_files(reply, answer, flavour.kind, version, names=rows.keys())
    ground = Ground(
        catalog=catalog,
        places=files.places,
        fragment=files.fragment,
        keeps=flavour.keeps,
        started_at=_moment(answer.server.now - answer.server.uptime_seconds),
    )
    settings = _settings(rows, answer, ground)
    limit = rows["max_connections"].value if "max_connections" in rows else None
    observation = Observation(
        instance=instance,
        engine=flavour.name,
        at=at,
        facts=read_facts(answer, rows, version),
        settings=settings,
        metrics=read_metrics(answer.status, answer.transactions, limit),
        metrics_since=_since(answer),
        file_faults=tuple(FileFault(file=f, line=n, message=m) for f, n, m in files.faults),
        unseen=(*files.unseen, *rights_unseen(answer, reply, flavour.kind, version)),
        alterable=alterable(answer, catalog, flavour.kind, version),
        managed_file=files.fragment,
        agent_fault=files.agent_fault,
        catalog_hash=content_hash(canonical(catalog.data)),
        cost_ms=answer.cost_ms,
    )
    return observation, catalog


def is_global(row: VariableRow) -> bool:
    """Tell whether a variable has a value for the whole server."""
    return (row.scope or "").upper().replace("_", " ") != _SESSION_ONLY


def _catalog(
    answer: Answer,
    rows: Mapping[str, VariableRow],
    known: Mapping[str, Parameter],
    flavour: Flavour,
    version: Version,
) -> Catalog:
    data = CatalogData(
        engine=flavour.name,
        version=str(version),
        evidence=EVIDENCE,
        source=f"{answer.server.version} {answer.server.comment}".strip(),
        parameters=tuple(
            folding(_with_multiple(read_parameter(row, known.get(name)), rows), flavour.kind)
            for name, row in sorted(rows.items())
        ),
    )
    return Catalog(data, GRAMMAR)


def _with_multiple(parameter: Parameter, rows: Mapping[str, VariableRow]) -> Parameter:
    """Say what this very server cuts its buffer pool down to."""
    if parameter.name != "innodb_buffer_pool_size":
        return parameter
    multiple = 1
    for name in ("innodb_buffer_pool_chunk_size", "innodb_buffer_pool_instances"):
        text = rows[name].value if name in rows else None
        multiple *= int(text) if text is not None and text.isdigit() and int(text) else 1
    return msgspec.structs.replace(parameter, multiple=multiple if multiple > 1 else parameter.multiple)


def _settings(rows: Mapping[str, VariableRow], answer: Answer, ground: Ground) -> dict[str, ObservedSetting]:
    settings = {p.name: observe_setting(rows[p.name], p, ground) for p in ground.catalog.parameters}
    unlisted = sorted((answer.unlisted or {}).items())
    return {**settings, **{name: observe_unlisted(masked(name, text) or "") for name, text in unlisted}}


def _since(answer: Answer) -> datetime:
    """Answer since when the counters count: the start, or the last FLUSH STATUS."""
    seconds = answer.server.uptime_seconds
    flushed = answer.status.get("uptime_since_flush_status")
    if flushed is not None and flushed.isdigit():
        seconds = min(seconds, float(flushed))
    return _moment(answer.server.now - seconds)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _without_secrets(row: VariableRow) -> VariableRow:
    texts = {field: masked(row.name, getattr(row, field)) for field in ("value", "persisted", "default")}
    if all(getattr(row, field) == text for field, text in texts.items()):
        return row
    return msgspec.structs.replace(row, **texts)

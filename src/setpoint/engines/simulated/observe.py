"""What the simulated engine is asked, and how its answer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Catalog, Version
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.config.revision import canonical, content_hash
from setpoint.engines.plan import Request
from setpoint.engines.simulated.dialect import GRAMMAR, NAME, Told, default_text, running_text

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from setpoint.catalog.catalog import CatalogData
    from setpoint.config.configuration import SettingText
    from setpoint.engines.port import Reply

_LOADED_EARLIER = "loaded earlier; it stands nowhere any more"


def observe(version: Version) -> Request:
    """Ask for everything at once."""
    return Request(text=f"observe {version}")


def read(instance: str, reply: Reply, *, at: datetime, version: Version) -> tuple[Observation, Catalog]:
    """Turn the answer into an observation and the live catalog."""
    told = msgspec.json.decode(reply.rows[0][0], type=Told)
    catalog = Catalog(told.catalog, GRAMMAR)
    settings = {parameter.name: _setting(parameter.name, told, catalog) for parameter in catalog.parameters}
    observation = Observation(
        instance=instance,
        engine=NAME,
        at=at,
        facts=msgspec.structs.replace(told.facts, version=str(version)),
        settings=settings,
        metrics=told.metrics,
        catalog_hash=content_hash(canonical(told.catalog)),
    )
    return observation, catalog


def entry(parameter: str) -> Request:
    """Ask for one parameter's persisted entry alone."""
    return Request(text=f"entry {parameter}")


def unless_moved(request: Request, parameter: str, entry: SettingText) -> Request:
    """Answer a request that is refused where the entry is not this one by then."""
    return msgspec.structs.replace(request, ahead=(f"{parameter} {entry or ''}",))


def read_entry(reply: Reply) -> SettingText:
    """Answer that entry, None where there is none."""
    return reply.rows[0][0]


def harvest() -> Generator[Request, Reply, CatalogData]:
    """Ask for the catalog alone."""
    reply: Reply = yield Request(text="observe 1")
    return msgspec.json.decode(reply.rows[0][0], type=Told).catalog


def _setting(name: str, told: Told, catalog: Catalog) -> ObservedSetting:
    texts = {OriginKind.DEFAULT: default_text(catalog.get(name).default)}
    if name in told.persisted:
        texts[OriginKind.PERSISTED] = told.persisted[name]
    if name in told.command_line:
        texts[OriginKind.COMMAND_LINE] = told.command_line[name]
    running = told.running[name]
    wanted = list(texts.values())[-1]
    parameter = catalog.get(name)
    is_loaded = catalog.is_same(name, running_text(parameter, wanted), running)
    is_waiting = parameter.needs_restart and not is_loaded
    deciding = list(texts)[-1] if is_loaded else OriginKind.DEFAULT
    is_stale = not is_loaded and not is_waiting and running != texts[OriginKind.DEFAULT]
    origins = [
        Origin(kind=kind, text=text, is_in_force=kind is deciding and not is_stale)
        for kind, text in texts.items()
    ]
    if is_stale:
        loaded = Origin(kind=OriginKind.FILE, text=running, is_in_force=True, fault=_LOADED_EARLIER)
        origins.insert(1, loaded)
    return ObservedSetting(
        value=running,
        origins=tuple(origins),
        pending=wanted if is_waiting else None,
        pending_reason=f"{wanted} waits for a restart" if is_waiting else "",
    )

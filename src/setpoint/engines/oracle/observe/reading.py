"""Turning a reply into an observation and the live catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from setpoint.catalog import Catalog
from setpoint.catalog.catalog import CatalogData
from setpoint.config.facts import Facts
from setpoint.config.observation import Observation
from setpoint.config.revision import canonical, content_hash
from setpoint.engines.oracle.dialect import GRAMMAR, container_of
from setpoint.engines.oracle.dialect.knowledge import NAME, is_auto_tuned
from setpoint.engines.oracle.observe.metrics import read_metrics
from setpoint.engines.oracle.observe.origins import Place, observe_setting
from setpoint.engines.oracle.observe.parameters import read_parameter
from setpoint.engines.oracle.observe.reply import Answer, decode_answer

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.catalog import Version
    from setpoint.engines.port import Reply

EVIDENCE = "read from a running server; ranges and units curated, not verified on an engine"
_SERVICES = {
    "RDSADMIN": "Amazon RDS",
    "C##ADP$SERVICE": "Oracle Autonomous Database",
    "C##CLOUD_OPS": "Oracle Autonomous Database",
}
_ROLES: dict[str | None, Literal["primary", "standby"]] = {
    "PRIMARY": "primary",
    "PHYSICAL STANDBY": "standby",
    "LOGICAL STANDBY": "standby",
    "SNAPSHOT STANDBY": "standby",
}


def read(instance: str, reply: Reply, *, at: datetime, version: Version) -> tuple[Observation, Catalog]:
    """Answer the observation and the catalog of this very server; raise `UnavailableError`."""
    answer = decode_answer(reply)
    data = read_catalog(answer, version)
    catalog = Catalog(data, GRAMMAR)
    rows = {row.name: row for row in answer.parameters}
    place = _place(answer)
    observation = Observation(
        instance=instance,
        engine=NAME,
        at=at,
        facts=_facts(answer, version, at, place),
        settings={each.name: observe_setting(rows[each.name], each, place) for each in data.parameters},
        metrics=read_metrics(answer),
        metrics_since=answer.instance.began,
        unseen=_unseen(answer),
        alterable=None if answer.instance.may_alter and answer.is_file_seen else (),
        catalog_hash=content_hash(canonical(data)),
    )
    return observation, catalog


def read_catalog(answer: Answer, version: Version) -> CatalogData:
    """Answer the parameters the server lists, without those in which it keeps what it tuned itself."""
    family = str(version.major)
    return CatalogData(
        engine=NAME,
        version=str(version),
        evidence=EVIDENCE,
        source="V$SYSTEM_PARAMETER",
        parameters=tuple(
            read_parameter(row, family) for row in answer.parameters if not is_auto_tuned(row.name)
        ),
    )


def _place(answer: Answer) -> Place:
    own = answer.instance
    file = next((row.value or "" for row in answer.parameters if row.name == "spfile"), "")
    return Place(
        instance=own.name,
        pinned=own.pinned,
        container=container_of(int(own.con_id), own.con_name),
        con_id=own.con_id,
        file=file,
        granule_bytes=answer.granule_bytes,
    )


def _facts(answer: Answer, version: Version, at: datetime, place: Place) -> Facts:
    own = answer.instance
    ram, cpus = answer.host.get("PHYSICAL_MEMORY_BYTES"), answer.host.get("NUM_CPUS")
    service = _SERVICES.get(own.service_user or "", "") if own.is_dba != "TRUE" else ""
    sources = {
        "ram_bytes": "V$OSSTAT" if ram is not None else "",
        "vcpu": "V$OSSTAT" if cpus is not None else "",
        "data_bytes": "V$DATAFILE" if answer.data_bytes is not None else "",
        "is_managed_service": service,
        **_surroundings(answer, place),
    }
    return Facts(
        version=str(version),
        build=f"container {own.con_name}" if place.container else "",
        role=_ROLES.get(own.role, "unknown"),
        ram_bytes=int(ram) if ram is not None else None,
        vcpu=cpus,
        data_bytes=answer.data_bytes,
        is_managed_service=bool(service),
        is_superuser=own.is_dba == "TRUE",
        uptime_seconds=max(0.0, (at - own.began).total_seconds()),
        sources={fact: words for fact, words in sources.items() if words},
    )


def _surroundings(answer: Answer, place: Place) -> dict[str, str]:
    """Answer in words where the instance stands; what makes statements reads it from here."""
    return {
        "instance": f"{place.instance}, number {answer.instance.number}",
        "sid": place.pinned or "",
        "container": place.container,
        "open_mode": answer.instance.open_mode or "",
        "instances": ", ".join(answer.instances) if len(answer.instances) > 1 else "",
    }


def _unseen(answer: Answer) -> tuple[str, ...]:
    """Say in words what this login may not read, and which right would show it."""
    told: list[str] = []
    if not answer.is_file_seen:
        told.append(
            "the server parameter file, accepted words, the role (grant SELECT_CATALOG_ROLE, or SELECT on"
            " V_$SPPARAMETER, V_$SYSTEM_PARAMETER2, V_$PARAMETER, V_$PARAMETER_VALID_VALUES, V_$DATABASE)"
        )
    if not answer.is_load_seen:
        told.append("memory, CPUs, counters, memory advice, other instances (grant SELECT_CATALOG_ROLE)")
    if not answer.instance.may_alter:
        told.append("nothing may be changed: this login has no ALTER SYSTEM")
    return tuple(told)

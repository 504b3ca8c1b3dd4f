"""Incidents: what was moved behind our back although it is locked, noted once and closed when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.control.subject import policies_of, subject_of
from setpoint.policy.detect import find_incidents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.policy.incident import Incident


def note_incidents(
    context: Context, before: Observation | None, observation: Observation, catalog: Catalog
) -> tuple[Incident, ...]:
    """Note what an observation shows of locked parameters, and close what it shows to be over.

    Answers the incidents that are open now.
    """
    configuration = context.head()[1]
    if not configuration.policies:
        return ()
    policies = policies_of(configuration)
    subject = subject_of(context, configuration, observation, catalog)
    brought = _brought(context, observation.instance)
    waivers = [kept.value for kept in context.store.waivers.all().values()]
    found = find_incidents(subject, before, observation, brought, catalog, policies, waivers, context.now())
    noted = context.store.incidents.all()
    opened = [kept.value for kept in noted.values() if _is_open(kept.value, observation.instance)]
    found = [each for each in found if not _is_put_back(each, opened, catalog)]
    still = {incident.id for incident in found}
    for kept in noted.values():
        incident = kept.value
        if not _is_open(incident, observation.instance):
            continue
        why = "" if incident.id in still else _over(incident, observation, catalog)
        if why:
            ended = msgspec.structs.replace(incident, ended_at=context.now(), ended_why=why)
            _keep(context, ended, kept.version, "incident.ended")
    for incident in found:
        known = context.store.incidents.find(incident.id)
        if known is None or known.value.ended_at is not None:
            _keep(context, incident, known.version if known is not None else 0, "incident.found")
    return open_incidents(context, observation.instance)


def open_incidents(context: Context, name: str = "") -> tuple[Incident, ...]:
    """Answer the open incidents, of one instance or of all, the oldest first."""
    found = [kept.value for kept in context.store.incidents.all().values() if _is_open(kept.value, name)]
    return tuple(sorted(found, key=lambda incident: (incident.found_at, incident.id)))


def _is_open(incident: Incident, name: str) -> bool:
    return incident.ended_at is None and (not name or incident.instance == name)


def _is_put_back(incident: Incident, opened: Iterable[Incident], catalog: Catalog) -> bool:
    """Tell whether a move undoes one that was noted: then that one is over, and this one is none."""
    return not incident.is_managed and any(
        each.parameter == incident.parameter
        and bool(each.before)
        and catalog.is_same(each.parameter, each.before, incident.after)
        for each in opened
    )


def _over(incident: Incident, observation: Observation, catalog: Catalog) -> str:
    """Say why an incident is over, empty when it is not.

    An unmanaged parameter that stays where it was moved to is found by no second look, and is no less moved.
    """
    observed = observation.setting(incident.parameter)
    now = observed.value if observed is not None else None
    if now is None:
        return "the instance does not list it any more"
    is_as_found = catalog.is_same(incident.parameter, now, incident.after)
    if is_as_found and not incident.is_managed:
        return ""
    if is_as_found:
        return "it is what is desired now, or is accepted"
    return f"it runs {catalog.show(incident.parameter, now)} now"


def _brought(context: Context, name: str) -> dict[str, SettingText]:
    """Answer what we brought an instance to and nobody took back: a wish not applied yet moved nothing."""
    journal = context.store.journal
    return {
        owned.parameter: owned.ours
        for owned in journal.owned(name)
        if owned.ours is not None and journal.get(owned.apply_id).state == "new"
    }


def _keep(context: Context, incident: Incident, version: int, action: str) -> None:
    detail = {
        "parameter": incident.parameter,
        "before": incident.before,
        "after": incident.after,
        "origin": incident.origin,
        "rules": list(incident.rules),
        "because": incident.ended_why,
    }
    context.store.incidents.put(
        incident.id,
        incident,
        version=version,
        actor="setpoint",
        action=action,
        detail=detail,
        at=context.now(),
        subject=incident.instance,
    )

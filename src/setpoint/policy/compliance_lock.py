"""A lock as a control: does the parameter have its value, or did at least nobody move it behind our back?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.observation import INSTANCE_WIDE
from setpoint.policy.compliance import Control, Exhibit, Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.policy.incident import Incident


def judge_value(
    control: Control, value: str, parameters: Sequence[str], catalog: Catalog, observation: Observation
) -> Result:
    """Judge the value that locked parameters must have: now, after a restart, and for every session."""
    exhibits = [
        _judge_parameter(found.name, value, catalog, observation)
        for found in map(catalog.find, parameters)
        if found is not None
    ]
    if not exhibits:
        return _absent(control, parameters, catalog)
    return _whole(control, exhibits)


def judge_incidents(
    control: Control,
    parameters: Sequence[str],
    catalog: Catalog,
    observation: Observation,
    incidents: Iterable[Incident],
) -> Result:
    """Judge a lock that names no value: it passes while no incident of it is open."""
    open_ones = [incident for incident in incidents if control.id in incident.rules]
    moved = {incident.parameter.lower() for incident in open_ones}
    present = [found.name for found in map(catalog.find, parameters) if found is not None]
    if parameters and not present and not open_ones:
        return _absent(control, parameters, catalog)
    still = [exhibit_of(name, catalog, observation) for name in present if name.lower() not in moved]
    return _whole(control, [*map(_moved, open_ones), *still], otherwise="no incident is open")


def exhibit_of(name: str, catalog: Catalog, observation: Observation) -> Exhibit:
    """Answer what a parameter, as the catalog lists it, runs with and from where."""
    observed = observation.settings.get(name)
    if observed is None or observed.value is None:
        return Exhibit(parameter=name, text=None)
    origin = observed.in_force
    return Exhibit(
        parameter=name, text=catalog.show(name, observed.value), origin="" if origin is None else str(origin)
    )


def _judge_parameter(name: str, value: str, catalog: Catalog, observation: Observation) -> Exhibit:
    observed = observation.settings.get(name)
    if observed is None or observed.value is None:
        note = f"{name} could not be read"
        return Exhibit(parameter=name, text=None, status=Status.UNKNOWN, note=note)
    fault = _fault(name, value, catalog, observed)
    origin = observed.in_force
    return Exhibit(
        parameter=name,
        text=catalog.show(name, observed.value),
        origin="" if origin is None else str(origin),
        status=Status.FAIL if fault else Status.PASS,
        note=fault,
    )


def _fault(name: str, value: str, catalog: Catalog, observed: ObservedSetting) -> str:
    """Say what is wrong with a parameter; empty when nothing is."""
    running, pending = observed.value or "", observed.pending
    is_right = catalog.is_same(name, running, value)
    if not is_right:
        waits = " (which waits for a restart)" if pending and catalog.is_same(name, pending, value) else ""
        return f"{name} runs {catalog.show(name, running)} and must be {value}{waits}"
    if pending is not None and not catalog.is_same(name, pending, value):
        return f"{name} must be {value}, and {catalog.show(name, pending)} waits for a restart"
    for origin in observed.origins:
        is_other = origin.kind not in INSTANCE_WIDE and (
            origin.text is None or not catalog.is_same(name, origin.text, value)
        )
        if is_other:
            return f"{name} must be {value}, and {origin.scope or origin.kind.value} gets {origin.text}"
    return ""


def _moved(incident: Incident) -> Exhibit:
    note = (
        f"{incident.parameter} was moved behind our back, from {incident.before} to {incident.after} "
        f"(incident {incident.id}, found {incident.found_at:%Y-%m-%d %H:%M}Z)"
    )
    return Exhibit(
        parameter=incident.parameter,
        text=incident.after,
        origin=incident.origin,
        status=Status.FAIL,
        note=note,
    )


def _whole(control: Control, exhibits: Sequence[Exhibit], *, otherwise: str = "as demanded") -> Result:
    status = min((each.status or Status.PASS for each in exhibits), key=_rank, default=Status.PASS)
    notes = [each.note for each in exhibits if each.note]
    return Result(
        control=control.id,
        status=status,
        explanation="; ".join(notes) if notes else otherwise,
        exhibits=tuple(exhibits),
    )


def _rank(status: Status) -> int:
    return status.rank


def _absent(control: Control, parameters: Sequence[str], catalog: Catalog) -> Result:
    names = ", ".join(parameters) or "such parameter"
    return Result(
        control=control.id,
        status=Status.NOT_APPLICABLE,
        explanation=f"{catalog.engine} {catalog.version} has no {names}",
    )

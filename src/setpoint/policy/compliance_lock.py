"""A lock as a control: does the parameter have its value, or did at least nobody move it behind our back?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.config.observation import INSTANCE_WIDE
from setpoint.policy.compliance import Control, Exhibit, Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.observation import ObservedSetting
    from setpoint.policy.compliance_evidence import Seen
    from setpoint.policy.incident import Incident


def judge_value(control: Control, value: str, parameters: Sequence[str], seen: Seen) -> Result:
    """Judge the value that locked parameters must have: now, after a restart, and for every session."""
    present = _present(parameters, seen.catalog)
    if not present:
        return _absent(control, parameters, seen.catalog)
    return _whole(control, [_judge_parameter(name, value, seen) for name in present])


def judge_incidents(
    control: Control, parameters: Sequence[str], seen: Seen, incidents: Iterable[Incident]
) -> Result:
    """Judge a lock that names no value: it passes while no incident of it is open."""
    open_ones = [incident for incident in incidents if control.id in incident.rules]
    moved = {incident.parameter.lower() for incident in open_ones}
    present = _present(parameters, seen.catalog)
    if parameters and not present and not open_ones:
        return _absent(control, parameters, seen.catalog)
    still = [seen.exhibit(name) for name in present if name.lower() not in moved]
    return _whole(control, [*map(_moved, open_ones), *still], otherwise="no incident is open")


def _present(parameters: Sequence[str], catalog: Catalog) -> list[str]:
    """Answer those of the parameters that there are, as the catalog lists them."""
    return [found.name for found in map(catalog.find, parameters) if found is not None]


def _judge_parameter(name: str, value: str, seen: Seen) -> Exhibit:
    observed = seen.observation.settings.get(name)
    if observed is None or observed.value is None:
        note = f"{name} could not be read"
        return Exhibit(parameter=name, text=None, status=Status.UNKNOWN, note=note)
    fault = _fault(name, value, seen.catalog, observed)
    exhibit = seen.exhibit(name)
    if not fault:
        return exhibit
    return msgspec.structs.replace(exhibit, status=Status.FAIL, note=fault)


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
    notes = [each.note for each in exhibits if each.note]
    return Result(
        control=control.id,
        status=worst(exhibits),
        explanation="; ".join(notes) if notes else otherwise,
        exhibits=tuple(exhibits),
    )


def worst(exhibits: Sequence[Exhibit]) -> Status:
    """Answer what a lock's parameters come to; one without a word against it passes."""
    marked = [each.status for each in exhibits if each.status is not None]
    return min(marked, key=_rank) if marked else Status.PASS


def _rank(status: Status) -> int:
    return status.rank


def _absent(control: Control, parameters: Sequence[str], catalog: Catalog) -> Result:
    names = ", ".join(parameters) or "such parameter"
    return Result(
        control=control.id,
        status=Status.NOT_APPLICABLE,
        explanation=f"{catalog.engine} {catalog.version} has no {names}",
    )

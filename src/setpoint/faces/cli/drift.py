"""`drift` and `verify`: what is set against what should be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import NotFoundError, SetpointError, UnavailableError
from setpoint.faces.cli.arguments import InstanceName
from setpoint.faces.cli.frame import Frame, verb
from setpoint.faces.cli.observe import at_once, chosen
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.waiver import remind
from setpoint.faces.cli.wording import (
    age_text,
    counted,
    file_fault_documents,
    file_fault_lines,
    moment_text,
    origin_document,
    setting_text,
)
from setpoint.faces.cli.worker import unreachable_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.drift import Drift
    from setpoint.config.observation import Observation
    from setpoint.control.worker.health import Sight
    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block, Piece, Tone
    from setpoint.policy.incident import Incident

_DEVIATES = 1


@dataclass(frozen=True)
class Judged:
    """One instance judged, from a fresh look or, when it does not answer, from the last one.

    `is_deviating` is the judgement of what was last seen, which a stale class alone would hide.
    """

    name: str
    drifts: tuple[Drift, ...] = ()
    observation: Observation | None = None
    fault: SetpointError | None = None
    is_deviating: bool = False
    incidents: tuple[Incident, ...] = ()
    """Locked parameters that were moved behind our back."""
    sight: Sight | None = None
    """What became of a worker's last attempt, where it was not looked at just now."""


@verb("drift")
@click.argument("names", metavar="[NAME]...", nargs=-1, type=InstanceName())
@click.option("--all", "is_all", is_flag=True, help="All registered instances.")
@click.option(
    "--last", "is_last", is_flag=True, help="Judge what was last seen, without touching any instance."
)
@click.pass_obj
def drift(frame: Frame, names: tuple[str, ...], *, is_all: bool, is_last: bool) -> Answer:
    """Compare what is set with what should be.

    Ends with 1 when something is to be done. An instance that does not answer is judged by what was last
    seen, which is then called stale; that ends with 3 unless there was drift.
    """
    judged: dict[str, Judged] = {}
    with frame.open() as setpoint:
        wanted = chosen(setpoint, names, is_all=is_all)
        for name, each in at_once(lambda name: _judge(setpoint, name, is_fresh=not is_last), wanted):
            judged[name] = each
            if len(wanted) > 1:
                frame.say(f"[{len(judged)}/{len(wanted)}] {name}")
        remind(frame, setpoint, wanted)
        sights = setpoint.workers.sights()
        for name, each in judged.items():
            if is_last or each.fault is not None:
                judged[name] = replace(each, sight=sights.get(name))
        return _answer([judged[name] for name in wanted], setpoint.now())


@verb("verify")
@click.argument("name", type=InstanceName())
@click.pass_obj
def verify(frame: Frame, name: str) -> Answer:
    """Look at the instance NAME and judge it: ends with 0 when all is as it should be, else with 1."""
    with frame.open() as setpoint:
        observation, drifts = setpoint.drift(name)
        return _answer([_judged(setpoint, name, observation, drifts)], setpoint.now())


def _judge(setpoint: Setpoint, name: str, *, is_fresh: bool) -> Judged:
    """Judge an instance; when it does not answer, by what was last seen."""
    try:
        observation, drifts = setpoint.drift(name, is_fresh=is_fresh)
    except UnavailableError as fault:
        return _judge_last(setpoint, name, fault)
    except SetpointError as fault:
        return Judged(name, fault=fault)
    return _judged(setpoint, name, observation, drifts)


def _judged(setpoint: Setpoint, name: str, observation: Observation, drifts: tuple[Drift, ...]) -> Judged:
    incidents = setpoint.governance.incidents(name)
    is_deviating = bool(incidents) or any(each.is_deviation for each in drifts)
    return Judged(name, drifts, observation, is_deviating=is_deviating, incidents=incidents)


def _answer(judged: Sequence[Judged], now: datetime) -> Answer:
    """Answer for judged instances: 1 when any deviates, else 3 when any did not answer."""
    page: list[Block] = []
    for each in judged:
        page += _blocks(each, now)
    if any(each.is_deviating for each in judged):
        code = _DEVIATES
    else:
        code = max((each.fault.exit_code for each in judged if each.fault), default=0)
    return Answer([_document(each, now) for each in judged], page or ["no instance is registered"], code)


def drift_document(drift: Drift) -> dict[str, Any]:
    """Answer one judgement for programs."""
    return {
        "parameter": drift.parameter,
        "class": drift.drift_class.value,
        "desired": drift.desired,
        "observed": drift.observed,
        "origin": origin_document(drift.origin) if drift.origin else None,
        "explanation": drift.explanation,
        "is_deviation": drift.is_deviation,
        "accepted": drift.accepted,
    }


def drift_table(drifts: Sequence[Drift]) -> Table:
    """Lay judgements out: parameter, class, what runs, what is desired, why."""
    rows: list[tuple[Piece, ...]] = [
        (
            each.parameter,
            Span(each.drift_class.value, _tone(each)),
            each.observed if each.observed is not None else "-",
            setting_text(each.desired) if each.desired is not None else "-",
            "; ".join(filter(None, (each.accepted, each.explanation))),
        )
        for each in drifts
    ]
    return Table(("PARAMETER", "CLASS", "RUNNING", "DESIRED", "WHY"), rows, 2)


def incident_text(incident: Incident) -> str:
    """Say what was moved behind our back, from where, and how it is put right."""
    moved = f"{incident.parameter} went from {incident.before or '-'} to {incident.after or '-'}"
    since = f" after {moment_text(incident.seen_before_at)}" if incident.seen_before_at else ""
    way = "`setpoint plan` puts it right" if incident.is_managed else "set what it should be, then plan"
    origin, rules = incident.origin or "origin not known", ", ".join(incident.rules)
    return f"{moved}{since} ({origin}), and is locked by {rules}; {way}"


def _tone(drift: Drift) -> Tone:
    if drift.is_deviation:
        return "bad"
    return "warn" if drift.accepted else "good"


def _judge_last(setpoint: Setpoint, name: str, fault: UnavailableError) -> Judged:
    try:
        _, before = setpoint.drift(name, is_fresh=False, stale_after=None)
        observation, stale = setpoint.drift(name, is_fresh=False, stale_after=timedelta(0))
    except NotFoundError:
        return Judged(name, fault=fault)
    was = _judged(setpoint, name, observation, before)
    return replace(was, drifts=stale, fault=fault)


def _blocks(judged: Judged, now: datetime) -> list[Block]:
    page: list[Block] = []
    if judged.sight is not None and judged.sight.unreachable_since is not None:
        page.append((Span(judged.name, "strong"), ": ", Span(unreachable_text(judged.sight), "bad")))
    if judged.fault is not None:
        page.append((Span(judged.name, "strong"), ": ", Span(str(judged.fault), "bad")))
    if judged.observation is None:
        if isinstance(judged.fault, UnavailableError):
            page.append("  never observed, so nothing is known of it")
        return page
    deviating = [each for each in judged.drifts if each.is_deviation]
    counts = Counter(
        f"{each.drift_class.value} and waived" if each.accepted else each.drift_class.value
        for each in judged.drifts
    )
    summary = ", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "nothing is managed"
    tone = "bad" if deviating else "good"
    word = counted(len(deviating), "deviation") if deviating else "as it should be"
    page.append(
        (
            Span(judged.name, "strong"),
            ": ",
            Span(word, tone),
            f" ({summary}; observed {age_text(now - judged.observation.at)})",
        )
    )
    shown = [each for each in judged.drifts if each.is_deviation or each.accepted or each.explanation]
    if shown:
        page.append(drift_table(shown))
    page += [Span(f"  incident: {incident_text(each)}", "bad") for each in judged.incidents]
    return page + file_fault_lines(judged.observation)


def _document(judged: Judged, now: datetime) -> dict[str, Any]:
    seen = judged.observation
    return {
        "instance": judged.name,
        "is_deviating": judged.is_deviating,
        "is_reachable": not isinstance(judged.fault, UnavailableError),
        "error": str(judged.fault) if judged.fault else "",
        "observed_at": seen.at if seen else None,
        "unreachable_since": judged.sight.unreachable_since if judged.sight else None,
        "age_seconds": max(0, int((now - seen.at).total_seconds())) if seen else None,
        "file_faults": file_fault_documents(seen) if seen else [],
        "incidents": [_incident_document(each) for each in judged.incidents],
        "drifts": [drift_document(each) for each in judged.drifts],
    }


def _incident_document(incident: Incident) -> dict[str, Any]:
    import msgspec

    return msgspec.to_builtins(incident, builtin_types=(datetime,))

"""Accepting: what a bundle's script printed over there, checked in every way and taken for what it tells.

A result counts once, for the bundle that was issued here, from the instance it was issued for, and as it was
printed. What it says of an apply is believed as far as the closing look of the same script shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Version
from setpoint.config.bundle import BundleKind, BundleState, Issued
from setpoint.config.override import EndReason, Link, LinkKind, LinkState, OverrideState
from setpoint.control import gate, overridden, words
from setpoint.control.bundles.issuing import job_of
from setpoint.control.change import let_go_of
from setpoint.control.incidents import note_incidents
from setpoint.control.logbook import Logbook, Work
from setpoint.control.overrides.ending import REVIEW_WITHIN
from setpoint.control.past import find_made
from setpoint.engines.frames import read_frames
from setpoint.engines.port import Reply
from setpoint.engines.readback import is_wrong, judge_done
from setpoint.engines.session import Verified
from setpoint.errors import ApplyError, InputError, NotFoundError, RefusedError, TamperedError
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Instance
    from setpoint.config.drift import Drift
    from setpoint.config.observation import Observation
    from setpoint.config.override import Override
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.engines.frames import Told
    from setpoint.engines.plan import Plan
    from setpoint.store.registers import Kept

_REFUSALS = {
    "expired": "the bundle had expired when it was run",
    "identity": "the bundle was run on another instance than it was issued for",
    "base": "the instance was changed since the plan was made, and nothing was written",
    "held": "somebody else was at work on the instance, and nothing was written",
    "statement": "the server refused a statement, and nothing was written",
    "right": "the login it was run with may not do it, and nothing was written",
    "server": "the server over there did not let the script come to its work",
}


@dataclass(frozen=True)
class Accepted:
    """A result that counts: of which bundle, what was seen at its end, and how each step reads back."""

    issued: Issued
    observation: Observation
    drifts: tuple[Drift, ...] = ()


def accept(context: Context, text: str, source: str) -> Accepted:
    """Take in a result; raise what is wrong with it, each in its own words.

    Raises:
        InputError: it is no result, or not the whole of one.
        NotFoundError: no such bundle was issued here.
        TamperedError: it is not what the script printed.
        RefusedError: it was imported before, is of another instance, or its script did nothing and says why.
        ApplyError: the script wrote, and did not come to a good end; says which state the instance is in.
    """
    told = read_frames(text, source)
    kept = context.store.bundles.find(told.bundle) if told.bundle else None
    if kept is None:
        raise NotFoundError(
            f"this store issued no bundle {told.bundle[:40]!a}",
            where=source,
            next_step="`setpoint bundle list`",
        )
    sheet = kept.value.sheet
    right = Right.OBSERVE if sheet.kind is BundleKind.COLLECT else Right.APPLY
    with gate.witnessed(context, right, sheet.instance):
        permit = gate.require(context, right, sheet.instance)
        instance = context.head()[1].instance(sheet.instance)
        _check_unused(kept.value, source)
        _check_place(kept.value, told, source)
        if told.refused:
            _refuse(context, kept, told, permit, source)
        seen, catalog = _seen(context, kept.value, told, instance, source)
        if sheet.kind is BundleKind.COLLECT:
            return _looked(context, kept, seen, catalog, permit)
        return _applied(context, kept, told, seen, catalog, permit)


def void(context: Context, id_: str, *, because: str) -> Issued:
    """Note that a bundle will never be run, or that its result is lost; its result is refused from then on.

    Raises `RefusedError` for one whose result was imported.
    """
    kept = context.store.bundles.get(id_)
    sheet = kept.value.sheet
    with gate.witnessed(context, Right.APPLY, sheet.instance):
        permit = gate.require(context, Right.APPLY, sheet.instance)
        reason = words.require_reason(because)
        _check_unused(kept.value, id_)
        return _close(context, kept, BundleState.FAILED, f"void: {reason}", permit)


def _check_unused(issued: Issued, source: str) -> None:
    if issued.state is BundleState.ISSUED:
        return
    when = issued.used_at.strftime("%Y-%m-%d %H:%MZ") if issued.used_at is not None else "before"
    message = f"bundle {issued.sheet.id} is spent, its result came {when}: this is a replay"
    raise RefusedError(message, where=source, next_step="issue another bundle")


def _check_place(issued: Issued, told: Told, source: str) -> None:
    sheet, identity = issued.sheet, str(told.begin.get("identity", ""))
    if sheet.identity and identity != sheet.identity:
        message = (
            f"it comes from another instance than {sheet.instance}: {identity!a}, not {sheet.identity!a}"
        )
        raise RefusedError(message, where=source, next_step="run it where it belongs")
    if _at(told, source) > sheet.expires_at:
        message = f"the bundle had expired {sheet.expires_at:%Y-%m-%d %H:%MZ} when it was run"
        raise RefusedError(message, where=source, next_step="issue another bundle")


def _refuse(context: Context, kept: Kept[Issued], told: Told, permit: Permit, source: str) -> None:
    what = _REFUSALS.get(told.refused, f"the script refused: {told.refused}")
    why = words.masked(str(told.refusal.get("why", "")))
    parameter = str(told.refusal.get("parameter", ""))
    message = ": ".join(part for part in (what, parameter, why) if part)
    _close(context, kept, BundleState.FAILED, message, permit)
    raise RefusedError(message, where=source, next_step="issue another bundle, from what it is like now")


def _seen(
    context: Context, issued: Issued, told: Told, instance: Instance, source: str
) -> tuple[Observation, Catalog]:
    """Read the look at its end, for which the seal must hold."""
    engine, sheet = context.engine_of(instance), issued.sheet
    native = engine.native()
    if native is None:
        raise InputError(f"{instance.engine} has no client of its own", where=source)
    answer = told.answer(1, job_of(context, sheet).seal)
    told_version = str(told.begin.get("version", "")) or sheet.version
    version = Version.parse(told_version)
    at = min(_at(told, source), context.now())
    observation, catalog = engine.read(
        sheet.instance,
        Reply(rows=native.rows(answer), fallback=told.fallbacks.get(1, 0)),
        at=at,
        version=version,
    )
    if engine.family(version) != engine.family(Version.parse(sheet.version)):
        message = f"{sheet.instance} is of version {told_version} now, and the script was for {sheet.version}"
        raise RefusedError(message, where=source, next_step="collect again with --version")
    identity = str(told.begin.get("identity", ""))
    return msgspec.structs.replace(observation, identity=identity, came_by=f"bundle {sheet.id}"), catalog


def _at(told: Told, source: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(told.begin["at"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise TamperedError("the result does not tell when it was made", where=source) from None


def _looked(
    context: Context, kept: Kept[Issued], seen: Observation, catalog: Catalog, permit: Permit
) -> Accepted:
    observation = _keep(context, seen, catalog)
    return Accepted(_close(context, kept, BundleState.USED, "", permit), observation)


def _applied(
    context: Context, kept: Kept[Issued], told: Told, seen: Observation, catalog: Catalog, permit: Permit
) -> Accepted:
    """Note an apply that happened over there as if it had happened here, step by step."""
    sheet = kept.value.sheet
    made = find_made(context, sheet.plan)
    if kept.value.override is not None and _is_over(told, made):
        return _over(context, kept, kept.value.override, told, seen, catalog, permit)
    let_go = let_go_of(context, context.head()[1], made)
    work: Work = "undo" if sheet.kind is BundleKind.BACK else "apply"
    logbook = Logbook(context, made, work=work if kept.value.override is None else "override")
    logbook.begin(permit)
    for step in told.steps:
        number = step.number - 1
        if 0 <= number < len(made.steps) and step.state in {"begun", "done"}:
            if step.state == "begun":
                logbook.intend(number, made.steps[number])
            else:
                logbook.done(number)
    drifts = tuple(judge_done(step, seen, catalog) for step in made.steps if step.parameter)
    observation = _keep(context, seen, catalog)
    try:
        verified = logbook.ended(
            lambda: _verified(told, drifts, observation, catalog, sheet.instance), let_go=let_go
        )
    except ApplyError as fault:
        _close(context, kept, BundleState.FAILED, fault.what, permit)
        raise
    if kept.value.override is not None:
        _begin(context, kept.value.override, told, observation, permit)
    return Accepted(_close(context, kept, BundleState.USED, "", permit), observation, verified.drifts)


def _is_over(told: Told, made: Plan) -> bool:
    """Tell whether a temporary change was taken back already, by the very client that began it."""
    back = {step.number for step in told.steps if step.state == "back done"}
    return told.end == "done" and back >= {n for n, s in enumerate(made.steps, start=1) if s.parameter}


def _begin(context: Context, override: Override, told: Told, seen: Observation, permit: Permit) -> None:
    """Note an override that runs over there, with what ends it there."""
    active = msgspec.structs.replace(
        override, state=OverrideState.ACTIVE, active_at=seen.at, links=(_link(told, seen),)
    )
    detail = {"until": override.deadline.isoformat(timespec="seconds"), "because": override.because}
    overridden.put(context, None, active, "override.active", detail, actor=permit.actor)


def _over(
    context: Context,
    kept: Kept[Issued],
    override: Override,
    told: Told,
    seen: Observation,
    catalog: Catalog,
    permit: Permit,
) -> Accepted:
    """Note an override that came and went over there before anything was heard of it."""
    link = _link(told, seen)
    ended = msgspec.structs.replace(
        override,
        state=OverrideState.ENDED,
        active_at=override.started_at,
        links=(link,),
        ending_at=override.deadline,
        ending_by="setpoint",
        ending_why=EndReason.DEADLINE,
        ended_at=seen.at,
        ended_by=link.kind,
        review_due_at=context.now() + REVIEW_WITHIN,
    )
    observation = _keep(context, seen, catalog)
    overridden.put(context, None, ended, "override.ended", {"by": link.kind.value}, actor=permit.actor)
    return Accepted(_close(context, kept, BundleState.USED, "", permit), observation)


def _link(told: Told, seen: Observation) -> Link:
    armed = told.armed or {}
    # Where the server has no switch, the client itself stays until the deadline.
    is_switch = armed.get("state") == LinkState.ARMED.value
    kind = LinkKind.TARGET_SWITCH if is_switch else LinkKind.GUARD_PROCESS
    return Link(kind=kind, state=LinkState.ARMED, at=seen.at, detail=str(armed.get("detail", ""))[:200])


def _verified(
    told: Told, drifts: tuple[Drift, ...], observation: Observation, catalog: Catalog, name: str
) -> Verified:
    if told.end != "done":
        undone = {step.number for step in told.steps if step.state == "back done"}
        begun = {step.number for step in told.steps if step.state == "begun"}
        is_old = begun <= undone
        state = "everything was taken back" if is_old else "some of it stands"
        message = f"the script did not come to a good end over there; {state}"
        raise ApplyError(
            message,
            state="old" if is_old else "mixed",
            where=name,
            next_step="`setpoint drift` tells what stands",
        )
    wrong = [drift for drift in drifts if is_wrong(drift, was_restarted=False)]
    if wrong:
        what = "; ".join(f"{drift.parameter} {drift.explanation}" for drift in wrong)
        raise ApplyError(f"read back wrong: {what}", state="mixed", where=name)
    return Verified(drifts, was_restarted=False, observation=observation, catalog=catalog)


def _keep(context: Context, seen: Observation, catalog: Catalog) -> Observation:
    before = context.store.snapshots.latest(seen.instance)
    observation = context.store.snapshots.put(seen, catalog.data)
    with context.store.moment():
        note_incidents(context, before, observation, catalog)
    return observation


def _close(context: Context, kept: Kept[Issued], state: BundleState, told: str, permit: Permit) -> Issued:
    closed = msgspec.structs.replace(kept.value, state=state, used_at=context.now(), told=told)
    detail = {"state": state.value, **({"told": told} if told else {}), **permit.detail()}
    sheet = kept.value.sheet
    context.store.bundles.put(
        sheet.id,
        closed,
        version=kept.version,
        actor=permit.actor,
        action="bundle.closed",
        detail=detail,
        at=context.now(),
        subject=sheet.instance,
    )
    return closed

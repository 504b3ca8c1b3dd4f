"""Modes: what is done about an instance's drift. Nothing; a plan for people; or the plan, applied.

Whatever cannot be done is told once for each plan, and tried again only when something moved or some time
has passed. While somebody is at work on an instance it is left alone.
"""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.override import OverrideState
from setpoint.config.revision import canonical, content_hash
from setpoint.control import admission, change, gate, overridden, proposals
from setpoint.control.logbook import is_at_work
from setpoint.control.subject import policies_of
from setpoint.control.waivers import parameters_waived
from setpoint.control.words import masked
from setpoint.engines.plan import StepKind
from setpoint.errors import RefusedError
from setpoint.policy.person import Right
from setpoint.policy.rollout import RolloutState, TargetState
from setpoint.policy.verdict import Outcome
from setpoint.policy.window import is_open

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from setpoint.config.configuration import Instance
    from setpoint.control.change import Planned
    from setpoint.control.context import Context
    from setpoint.control.worker.dispatch import Task
    from setpoint.policy.rollout import Rollout, RolloutTarget
    from setpoint.store.records import Apply, Sight

TRIED_AGAIN_AFTER = timedelta(minutes=10)
"""When what could not be done is tried again although nothing moved: a window may have opened."""

_BELIEVED = timedelta(minutes=15)
"""How long an apply on another host is taken to go on; after that only the instance's own lock tells."""

_MOVING = (OverrideState.STARTING, OverrideState.ENDING)
_UNDER_WAY = (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.TAKEN_BACK)


def act(context: Context, task: Task) -> None:
    """Act on the drift that was seen last on an instance, as its mode says."""
    name = task.argument["instance"]
    instance = context.head()[1].instances.get(name)
    sight = context.store.sights.find(name)
    if instance is None or sight is None or instance.mode == "observe" or not sight.deviations:
        return
    if why_left_alone(context, name) or not _is_new(context, instance, sight):
        return
    planned = change.plan(context, name)
    is_told = planned.plan.hash == sight.acted_on
    is_right = False
    try:
        if planned.plan.is_empty:
            return
        if instance.mode == "propose":
            _propose(context, name, planned, is_told=is_told)
        else:
            is_right = _enforce(context, name, instance, planned, is_told=is_told)
    finally:
        # However it ended, the same is not tried again at once; who was killed over it left it undone.
        hash_ = planned.plan.hash
        context.store.sights.note(
            name, lambda kept: _done(kept) if is_right else _acted(context, instance, kept, hash_)
        )


def why_left_alone(context: Context, name: str) -> str:
    """Say who is at work on an instance, so that nothing is done about it now; empty when nobody is."""
    unfinished = context.store.journal.unfinished(name)
    if unfinished is not None and is_taken_to_go_on(unfinished, context.now()):
        return f"{unfinished.actor} is at work on it"
    for override in overridden.overrides(context, is_open_only=True, instance=name):
        if override.state in _MOVING:
            return f"the override {override.id} is {override.state.value}"
    for id_, kept in context.store.rollouts.all().items():
        if kept.value.state not in _UNDER_WAY:
            continue
        target = context.store.targets.find(f"{id_}/{name}")
        if target is not None and not _is_before_its_turn(kept.value, target.value):
            return f"the rollout {id_} is at work on it"
    return ""


def is_taken_to_go_on(record: Apply, now: datetime) -> bool:
    """Tell whether an apply goes on: that is seen on this host, and believed of others for a while."""
    is_elsewhere = record.host != socket.gethostname()
    is_believed = record.outcome == "running" and is_elsewhere and now - record.started_at < _BELIEVED
    return is_believed or is_at_work(record)


def _is_before_its_turn(rollout: Rollout, target: RolloutTarget) -> bool:
    """Tell whether a rollout leaves an instance to others: it is through with it, or did not come to it yet.

    Once its settings are written there, or where it brings whatever is pending, the plan would be its own.
    """
    is_to_come = target.state in (TargetState.WAITING, TargetState.HELD)
    return target.is_ended or (is_to_come and bool(rollout.settings) and not target.is_written)


def _is_new(context: Context, instance: Instance, sight: Sight) -> bool:
    """Tell whether something moved since the last time, or so long has passed that it is tried again."""
    if sight.acted_at is None or context.now() - sight.acted_at >= TRIED_AGAIN_AFTER:
        return True
    return sight.acted_for != _ground(context, instance, sight)


def _ground(context: Context, instance: Instance, sight: Sight) -> str:
    """Answer what an action rests on, in a word: the drift, the configuration, the voices for the plan."""
    head = context.head()[0]
    kept = admission.open_change(context, sight.acted_on) if sight.acted_on else None
    parts = [instance.mode, head.id if head is not None else "", *sight.deviations]
    return content_hash(canonical([*parts, str(kept.version) if kept is not None else ""]))


def _acted(context: Context, instance: Instance, sight: Sight, plan: str) -> Sight:
    now = msgspec.structs.replace(sight, acted_on=plan, acted_at=context.now())
    return msgspec.structs.replace(now, acted_for=_ground(context, instance, now))


def _done(sight: Sight) -> Sight:
    """Forget the action that put an instance right: drift that comes again is new."""
    return msgspec.structs.replace(sight, acted_on="", acted_for="", acted_at=None)


def _propose(context: Context, name: str, planned: Planned, *, is_told: bool) -> None:
    """Hand a plan to people: as a proposal where it needs their approvals, else as one more plan."""
    if is_told or _ask(context, planned):
        return
    permit = gate.require(context, Right.OBSERVE, name)
    detail = {
        "plan": planned.plan.hash,
        "parameters": _moved(planned),
        "verdict": planned.verdict.outcome.word,
        "refusals": [str(reason) for reason in planned.verdict.refusals],
        **permit.detail(),
    }
    context.store.audit.append(permit.actor, "drift.proposed", name, detail, context.now())


def _enforce(context: Context, name: str, instance: Instance, planned: Planned, *, is_told: bool) -> bool:
    """Put an instance right, or say once why that may not be; answer whether it is right."""
    why = next(_obstacles(context, name, instance, planned), "")
    if not why:
        try:
            change.apply(context, planned.plan, may_restart=_may_restart(context, name, instance))
        except RefusedError as fault:
            why = fault.what
    if why and not is_told:
        _ask(context, planned)
        permit = gate.require(context, Right.OBSERVE, name)
        detail = {"plan": planned.plan.hash, "parameters": _moved(planned), "because": masked(why)}
        row = {**detail, **permit.detail()}
        context.store.audit.append(permit.actor, "enforce.refused", name, row, context.now())
    return not why


def _obstacles(context: Context, name: str, instance: Instance, planned: Planned) -> Iterator[str]:
    """Say why a plan may not be applied by a worker, without asking the gate."""
    principal = gate.authenticate(context, Right.OBSERVE, name)
    if not principal.may(Right.APPLY, name, instance):
        yield f"{principal.name}, as whom the worker acts, may not {Right.APPLY.value} here"
    if planned.verdict.outcome is Outcome.REFUSE:
        yield "policy refuses it: " + "; ".join(str(reason) for reason in planned.verdict.refusals)
    if planned.verdict.outcome is Outcome.ASK and not _is_approved(context, planned):
        yield "it needs approvals"
    if planned.plan.over_budget:
        yield planned.plan.over_budget
    waived = parameters_waived(context, name, instance)
    accepted = [parameter for parameter in _moved(planned) if parameter.lower() in waived]
    if accepted:
        yield f"it would move {', '.join(accepted)} too, whose deviation a waiver accepts"
    is_restart_only = all(step.kind is StepKind.RESTART for step in planned.plan.steps)
    if is_restart_only and not _may_restart(context, name, instance):
        yield "it waits for a restart, and no window for one is open, or no restart command is known"


def _may_restart(context: Context, name: str, instance: Instance) -> bool:
    """Tell whether a restart window of policy is open, and the instance says how it is restarted."""
    windows = policies_of(context.head()[1]).for_instance(name, instance).windows
    is_inside = any(each.rule.what == "restart" and is_open(each.rule, context.now()) for each in windows)
    return is_inside and bool(instance.restart_command)


def _is_approved(context: Context, planned: Planned) -> bool:
    kept = admission.open_change(context, planned.plan.hash)
    return kept is not None and proposals.standing_of(context, kept.value).is_complete


def _ask(context: Context, planned: Planned) -> bool:
    """Ask for the approvals that a plan needs; False where it needs none, or nobody can be asked."""
    if planned.verdict.outcome is not Outcome.ASK:
        return False
    if admission.open_change(context, planned.plan.hash) is not None:
        return True
    name = planned.plan.instance
    principal = gate.authenticate(context, Right.PROPOSE, name)
    # A store of one user knows nobody who could approve; the gate would refuse, and write that down.
    is_let = not principal.is_single_user and principal.may(
        Right.PROPOSE, name, context.head()[1].instance(name)
    )
    if not is_let:
        return False
    try:
        proposals.propose_plan(context, planned.plan, reason="the instance has drifted")
    except RefusedError:
        return False
    return True


def _moved(planned: Planned) -> list[str]:
    return sorted({step.parameter for step in planned.plan.steps if step.parameter})

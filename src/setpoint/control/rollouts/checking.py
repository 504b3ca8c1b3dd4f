"""Checking a target before it is touched: may it be, can it be now, and what is not known of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from setpoint.control import admission, change, gate
from setpoint.control.electorate import electorate_of
from setpoint.control.identity import is_governed
from setpoint.control.overrides import standing
from setpoint.control.past import find_made
from setpoint.errors import ConflictError, NotFoundError, RefusedError, SetpointError, UnavailableError
from setpoint.policy.approval import stand
from setpoint.policy.person import Right
from setpoint.policy.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from setpoint.control.change import Planned
    from setpoint.control.context import Context
    from setpoint.engines.plan import Plan
    from setpoint.policy.rollout import Rollout, RolloutRules, RolloutTarget
    from setpoint.policy.verdict import Verdict


class Finding(Enum):
    """What a check comes to."""

    READY = "ready"
    DONE = "done"
    """It has what the rollout brings already."""
    HOLD = "hold"
    """Not now."""
    NEVER = "never"
    LEFT = "left"
    """Something cut short stands open and has to be taken back first."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The finding, why in words, and the plan where there is one; `unknown` is what could not be known."""

    finding: Finding
    why: str = ""
    plan: Plan | None = None
    unknown: tuple[str, ...] = ()


def check(context: Context, rollout: Rollout, target: RolloutTarget) -> Checked:
    """Look at a target's instance and answer whether it may be applied to now; touches nothing."""
    why = _who_may_not(context, rollout, target)
    if why:
        return Checked(Finding.NEVER, why)
    try:
        planned = change.plan(context, target.instance)
        return _checked(context, rollout, target, planned)
    except UnavailableError as fault:
        return Checked(Finding.HOLD, fault.what)
    except NotFoundError as fault:
        return Checked(Finding.NEVER, fault.what)
    except SetpointError as fault:
        return Checked(Finding.NEVER, fault.what)


def _checked(context: Context, rollout: Rollout, target: RolloutTarget, planned: Planned) -> Checked:
    if planned.unfinished is not None:
        if planned.is_at_work:
            return Checked(Finding.HOLD, "another apply is at work on it")
        return Checked(Finding.LEFT, "an apply to it was cut short")
    fresh = planned.plan
    wished = {name.lower() for name in rollout.settings}
    blocked = [each for each in fresh.blocked if not wished or each.parameter.lower() in wished]
    if blocked:
        return Checked(Finding.NEVER, "; ".join(f"{each.parameter}: {each.why}" for each in blocked))
    if fresh.is_empty:
        return Checked(Finding.DONE, "it is so already")
    others = sorted({s.parameter for s in fresh.steps if s.parameter and s.parameter.lower() not in wished})
    if wished and others:
        return Checked(Finding.HOLD, f"it has other differences pending: {', '.join(others)}")
    if fresh.over_budget:
        return Checked(Finding.NEVER, fresh.over_budget)
    held = _held_by_overrides(context, target, fresh)
    if held:
        return Checked(Finding.HOLD, held)
    now_known = _on_site(rollout.rules, target, planned.observation.metrics)
    if now_known.finding is not Finding.READY:
        return now_known
    if target.change:
        return _approved(context, target, fresh, now_known.unknown)
    return _let_through(context, planned, now_known.unknown)


def _who_may_not(context: Context, rollout: Rollout, target: RolloutTarget) -> str:
    """Say why whoever started the rollout could not apply to the instance today; empty where they could."""
    instance = context.head()[1].instances.get(target.instance)
    if instance is None:
        return "it is not registered any more"
    if not is_governed(context):
        return ""
    starter = gate.principal_named(context, rollout.by)
    is_trusted = starter.may(Right.APPLY, target.instance, instance)
    return "" if is_trusted else f"{rollout.by}, who started the rollout, may not apply to it any more"


def _held_by_overrides(context: Context, target: RolloutTarget, made: Plan) -> str:
    try:
        standing.check_free(
            context, target.instance, {step.parameter for step in made.steps if step.parameter}
        )
    except ConflictError as fault:
        return fault.what
    return ""


def _on_site(rules: RolloutRules, target: RolloutTarget, metrics: Mapping[str, float]) -> Checked:
    """Judge lag, backups and free disk, as far as they are known; the rules say what follows where not."""
    lag = metrics.get("repl.lag_s")
    if lag is not None and lag > rules.max_lag_seconds:
        return Checked(
            Finding.HOLD, f"replication is {lag:g} s behind, {rules.max_lag_seconds:g} s are borne"
        )
    if metrics.get("backup.running", 0.0) > 0:
        return Checked(Finding.HOLD, "a backup is running")
    free = metrics.get("disk.free_bytes")
    if free is not None and free < rules.min_free_bytes:
        return Checked(Finding.HOLD, f"{free / 1024**2:.0f} MB are free on its data disk")
    unknown = tuple(_unknown(target, metrics))
    what = f"not known: {', '.join(unknown)}"
    if unknown and rules.unknown == "hold":
        return Checked(Finding.HOLD, what, unknown=unknown)
    if unknown and rules.unknown == "take back":
        return Checked(Finding.NEVER, what, unknown=unknown)
    return Checked(Finding.READY, unknown=unknown)


def _unknown(target: RolloutTarget, metrics: Mapping[str, float]) -> Iterator[str]:
    if target.role == "standby" and "repl.lag_s" not in metrics:
        yield "replication lag"
    if "backup.running" not in metrics:
        yield "running backups"
    if "disk.free_bytes" not in metrics:
        yield "free disk"


def _let_through(context: Context, planned: Planned, unknown: tuple[str, ...]) -> Checked:
    """Ask policy; what it refuses for now only is held, what it refuses whenever is not done."""
    made = planned.plan
    if planned.verdict.outcome is Outcome.ALLOW:
        return Checked(Finding.READY, plan=made, unknown=unknown)
    principal = gate.authenticate(context, Right.APPLY, made.instance)
    whenever = admission.judge_plan(
        context, made, planned.observation, planned.catalog, principal, kind="propose"
    )
    if whenever.outcome is Outcome.REFUSE:
        return Checked(Finding.NEVER, f"policy refuses it: {_reasons(whenever)}")
    if planned.verdict.outcome is Outcome.REFUSE:
        return Checked(Finding.HOLD, f"policy refuses it for now: {_reasons(planned.verdict)}")
    needs = "; ".join(f"{need.key}: {need.quorum}" for need in planned.verdict.needs)
    return Checked(
        Finding.NEVER, f"it needs approvals that nobody asked for when the rollout began ({needs})"
    )


def _approved(context: Context, target: RolloutTarget, fresh: Plan, unknown: tuple[str, ...]) -> Checked:
    """Answer the plan that was proposed for the target, once it has its approvals and still fits."""
    kept = context.store.changes.get(target.change)
    state = admission.state_of(kept.value, context.now())
    if state != "open":
        return Checked(Finding.NEVER, f"{target.change}, which was to approve it, is {state}")
    standing_ = stand(kept.value, kept.value.needs, electorate_of(context))
    if not standing_.is_complete:
        return Checked(Finding.HOLD, f"{target.change} waits: {'; '.join(standing_.missing)}")
    try:
        made = find_made(context, target.plan)
    except RefusedError as fault:
        return Checked(Finding.NEVER, fault.what)
    if made.fingerprint != fresh.fingerprint:
        return Checked(Finding.NEVER, f"it changed since {target.change} was proposed for it")
    return Checked(Finding.READY, plan=made, unknown=unknown)


def _reasons(verdict: Verdict) -> str:
    return "; ".join(str(reason) for reason in verdict.refusals)

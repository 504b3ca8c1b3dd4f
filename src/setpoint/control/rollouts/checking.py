"""Checking a target before it is touched: may it be, can it be now, and what is not known of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from setpoint.control import admission, change, gate, overridden
from setpoint.control.electorate import electorate_of
from setpoint.control.identity import is_governed
from setpoint.control.past import find_made
from setpoint.control.worker.modes import is_taken_to_go_on
from setpoint.errors import ConflictError, RefusedError, SetpointError, UnavailableError
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


@dataclass(frozen=True, slots=True)
class Checked:
    """The finding, why in words, and the plan where there is one; `unknown` is what could not be known."""

    finding: Finding
    why: str = ""
    plan: Plan | None = None
    unknown: tuple[str, ...] = ()


def check(context: Context, rollout: Rollout, target: RolloutTarget) -> Checked:
    """Look at a target's instance and answer whether it may be applied to now; touches nothing."""
    why = who_may_not(context, rollout, target)
    if why:
        return Checked(Finding.NEVER, why)
    try:
        planned = change.plan(context, target.instance)
        return _checked(context, rollout, target, planned)
    except UnavailableError as fault:
        return Checked(Finding.HOLD, fault.what)
    except SetpointError as fault:
        return Checked(Finding.NEVER, fault.what)


def _checked(context: Context, rollout: Rollout, target: RolloutTarget, planned: Planned) -> Checked:
    made = planned.plan
    stopped = next(_obstacles(context, rollout, target, planned), None)
    if stopped is not None:
        return stopped
    unknown = tuple(_unknown(target, planned.observation.metrics))
    if unknown and rollout.rules.unknown != "go on":
        finding = Finding.HOLD if rollout.rules.unknown == "hold" else Finding.NEVER
        return Checked(finding, f"not known: {', '.join(unknown)}", unknown=unknown)
    if target.change:
        return _approved(context, target, made, unknown)
    return _let_through(context, rollout, planned, unknown)


def _obstacles(
    context: Context, rollout: Rollout, target: RolloutTarget, planned: Planned
) -> Iterator[Checked]:
    """Answer what is in the way, the gravest first."""
    made, unfinished = planned.plan, planned.unfinished
    # Where a worker puts right whatever deviates, the plan brings that along, and what was cut short: whoever
    # would do that otherwise leaves the instance to the rollout now.
    is_enforced = context.head()[1].instance(target.instance).mode == "enforce"
    # One that never came to a step left nothing behind; whoever applies next closes its record.
    if unfinished is not None and is_taken_to_go_on(unfinished, context.now()):
        yield Checked(Finding.HOLD, "another apply is at work on it")
    elif unfinished is not None and unfinished.step and not is_enforced:
        yield Checked(Finding.HOLD, "another apply was cut short: `setpoint apply --undo` ends it")
    wished = {name.lower() for name in rollout.settings}
    blocked = [each for each in made.blocked if not wished or each.parameter.lower() in wished]
    if blocked:
        yield Checked(Finding.NEVER, "; ".join(f"{each.parameter}: {each.why}" for each in blocked))
    if made.is_empty:
        yield Checked(Finding.DONE, "it is so already")
    moved = {step.parameter for step in made.steps if step.parameter}
    others = sorted(name for name in moved if name.lower() not in wished)
    if wished and others and not is_enforced:
        yield Checked(Finding.HOLD, f"it has other differences pending: {', '.join(others)}")
    if made.over_budget:
        yield Checked(Finding.NEVER, made.over_budget)
    try:
        overridden.check_free(context, target.instance, moved)
    except ConflictError as fault:
        yield Checked(Finding.HOLD, fault.what)
    yield from (Checked(Finding.HOLD, why) for why in _on_site(rollout.rules, planned.observation.metrics))


def who_may_not(context: Context, rollout: Rollout, target: RolloutTarget) -> str:
    """Say why whoever started the rollout could not apply to the instance today; empty where they could."""
    instance = context.head()[1].instances.get(target.instance)
    if instance is None:
        return "it is not registered any more"
    if not is_governed(context):
        return ""
    starter = gate.principal_named(context, rollout.by)
    is_trusted = starter.may(Right.APPLY, target.instance, instance)
    return "" if is_trusted else f"{rollout.by}, who started the rollout, may not apply to it any more"


def _on_site(rules: RolloutRules, metrics: Mapping[str, float]) -> Iterator[str]:
    """Judge lag, backups and free disk, as far as they are known."""
    lag = metrics.get("repl.lag_s")
    if lag is not None and lag > rules.max_lag_seconds:
        yield f"replication is {lag:g} s behind, {rules.max_lag_seconds:g} s are borne"
    if metrics.get("backup.running", 0.0) > 0:
        yield "a backup is running"
    free = metrics.get("disk.free_bytes")
    if free is not None and free < rules.min_free_bytes:
        yield f"{free / 1024**2:.0f} MB are free on its data disk"


def _unknown(target: RolloutTarget, metrics: Mapping[str, float]) -> Iterator[str]:
    if target.role == "standby" and "repl.lag_s" not in metrics:
        yield "replication lag"
    if "backup.running" not in metrics:
        yield "running backups"
    if "disk.free_bytes" not in metrics:
        yield "free disk"


def _let_through(context: Context, rollout: Rollout, planned: Planned, unknown: tuple[str, ...]) -> Checked:
    """Ask policy; what it refuses for now only is held, what it refuses whenever is not done."""
    made = planned.plan
    if planned.verdict.outcome is Outcome.ALLOW:
        why = _refused_to_starter(context, rollout, planned)
        return Checked(Finding.HOLD if why else Finding.READY, why, plan=made, unknown=unknown)
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


def _refused_to_starter(context: Context, rollout: Rollout, planned: Planned) -> str:
    """Say why policy would refuse a plan to whoever started the rollout: at their word it is applied."""
    if not is_governed(context):
        return ""
    starter = gate.principal_named(context, rollout.by)
    verdict = admission.judge_plan(context, planned.plan, planned.observation, planned.catalog, starter)
    if verdict.outcome is not Outcome.REFUSE:
        return ""
    return f"policy refuses it to {rollout.by}, who started the rollout: {_reasons(verdict)}"


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

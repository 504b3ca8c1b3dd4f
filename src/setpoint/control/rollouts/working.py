"""Working on one target: checking it, applying to it, and finding out what a dead process did to it.

Each call takes the target as its row says and goes one step on; it may be made as often as anybody likes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from setpoint.control import change, gate
from setpoint.control.logbook import is_at_work, is_undo
from setpoint.control.past import effective
from setpoint.control.rollouts.checking import Finding, check
from setpoint.control.rollouts.rows import put_target, read_target
from setpoint.errors import (
    ApplyError,
    ConflictError,
    GuardrailError,
    HeldError,
    SetpointError,
    StalePlanError,
    StoreUnavailableError,
    UnavailableError,
)
from setpoint.policy.person import Right
from setpoint.policy.rollout import RolloutState, TargetState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from setpoint.control.context import Context
    from setpoint.control.rollouts.checking import Checked
    from setpoint.engines.plan import Plan
    from setpoint.policy.rollout import Rollout, RolloutTarget
    from setpoint.store.records import Apply
    from setpoint.store.registers import Kept

_SHORTEST_HOLD = timedelta(seconds=15)
_LONGEST_HOLD = timedelta(minutes=5)
_SOON = timedelta(seconds=5)


def work(context: Context, id_: str, instance: str, *, keep: Callable[[], None]) -> None:
    """Go on with a target that was claimed; harmless where it is somebody else's turn or nothing is due.

    `keep` keeps the claim; it is called before each step of an apply, and what it raises ends that.
    """
    rollout, kept = context.store.rollouts.get(id_).value, read_target(context, id_, instance)
    actor = gate.require(context, Right.APPLY, instance).actor
    if kept.value.state is TargetState.CHECKING and rollout.state is RolloutState.RUNNING:
        _check(context, rollout, kept, actor, keep)
    elif kept.value.state is TargetState.APPLYING:
        _find_out(context, rollout, kept, actor, "the process that applied it ended")


def _check(
    context: Context, rollout: Rollout, kept: Kept[RolloutTarget], actor: str, keep: Callable[[], None]
) -> None:
    found = check(context, rollout, kept.value)
    if found.finding is Finding.READY and found.plan is not None:
        kept = _begin(context, rollout, kept, found, actor)
        if kept.value.state is TargetState.APPLYING:
            _apply(context, rollout, kept, found.plan, actor, keep)
    elif found.finding is Finding.DONE:
        put_target(context, kept, TargetState.KEPT, actor=actor, why=found.why, held_at=None)
    elif found.finding is Finding.NEVER:
        put_target(context, kept, TargetState.SKIPPED, actor=actor, why=found.why)
    else:
        hold(context, kept, found.why, actor=actor)


def hold(context: Context, kept: Kept[RolloutTarget], why: str, *, actor: str) -> None:
    """Put a target off: for longer the longer it is held already, for minutes at most."""
    now = context.now()
    since = kept.value.held_at or now
    pause = min(max((now - since) / 2, _SHORTEST_HOLD), _LONGEST_HOLD)
    put_target(context, kept, TargetState.HELD, actor=actor, why=why, held_at=since, next_at=now + pause)


def _begin(
    context: Context, rollout: Rollout, kept: Kept[RolloutTarget], found: Checked, actor: str
) -> Kept[RolloutTarget]:
    """Note that a target is about to be touched, unless the rollout was stopped meanwhile."""
    note = f"not known: {', '.join(found.unknown)}" if found.unknown else ""
    digest = found.plan.hash if found.plan is not None else ""
    with context.store.transaction():
        # Read again here, where nobody can stop it in between: what is stopped starts nothing more.
        if context.store.rollouts.get(rollout.id).value.state is not RolloutState.RUNNING:
            return kept
        return put_target(
            context,
            kept,
            TargetState.APPLYING,
            actor=actor,
            why=note,
            plan=digest,
            held_at=None,
            begun_at=context.now(),
        )


def _apply(
    context: Context,
    rollout: Rollout,
    kept: Kept[RolloutTarget],
    made: Plan,
    actor: str,
    keep: Callable[[], None],
) -> None:
    """Apply; what came of it is read from the journal, whatever was raised."""
    why = ""
    try:
        change.apply(
            context,
            made,
            may_restart=rollout.rules.may_restart,
            before_step=lambda _number, _step: keep(),
            is_watched=False,  # the soak watches
        )
    except StoreUnavailableError:
        raise
    except SetpointError as fault:
        why = fault.what
        if _is_untouched(fault, context, kept.value):
            _put_off(context, rollout, kept, fault, actor)
            return
    _find_out(context, rollout, kept, actor, why, debt=() if rollout.rules.may_restart else made.restarts)


def _is_untouched(fault: SetpointError, context: Context, target: RolloutTarget) -> bool:
    is_about_doing = isinstance(fault, (ApplyError, GuardrailError))
    return not is_about_doing and _own_record(context, target) is None


def _put_off(
    context: Context, rollout: Rollout, kept: Kept[RolloutTarget], fault: SetpointError, actor: str
) -> None:
    """Deal with an apply that never began."""
    is_passing = isinstance(fault, (UnavailableError, HeldError, StalePlanError, ConflictError))
    if is_passing and kept.value.tries + 1 < rollout.rules.tries:
        _again(context, kept, fault.what, actor)
    elif is_passing:
        hold(context, kept, fault.what, actor=actor)
    else:
        put_target(context, kept, TargetState.SKIPPED, actor=actor, why=fault.what)


def _again(context: Context, kept: Kept[RolloutTarget], why: str, actor: str) -> None:
    tries, at = kept.value.tries + 1, context.now() + _SOON
    put_target(context, kept, TargetState.WAITING, actor=actor, why=why, tries=tries, next_at=at)


def _find_out(
    context: Context,
    rollout: Rollout,
    kept: Kept[RolloutTarget],
    actor: str,
    why: str,
    debt: tuple[str, ...] = (),
) -> None:
    """Read in the journal what became of an apply, and note it."""
    target = kept.value
    newest = _newest(context, target)
    record = _own_record(context, target)
    if newest is not None and is_undo(newest) and newest.outcome == "undone":
        put_target(context, kept, TargetState.TAKEN_BACK, actor=actor, why=why, is_harmful=True)
    elif record is None:
        _not_begun(context, rollout, kept, why, actor)
    elif record.outcome == "applied":
        put_target(
            context,
            kept,
            TargetState.SOAKING,
            actor=actor,
            why=f"waits for a restart: {', '.join(debt)}" if debt else target.why,
            apply=record.id,
            applied_at=record.ended_at or context.now(),
            restart_debt=debt,
        )
    elif is_at_work(record):
        put_target(
            context,
            kept,
            TargetState.APPLYING,
            actor=actor,
            why="it is at work",
            next_at=context.now() + _SOON,
        )
    elif newest is not None and newest.id != record.id and not is_undo(newest):
        what = "it was cut short, and somebody else applied to it since"
        put_target(context, kept, TargetState.FAILED, actor=actor, why=what, is_harmful=True)
    else:
        _take_up(context, rollout, kept, actor, why or record.message)


def _not_begun(context: Context, rollout: Rollout, kept: Kept[RolloutTarget], why: str, actor: str) -> None:
    """Deal with an apply of which nothing is left: it went back by itself, or never came to a step."""
    record = _any_record(context, kept.value)
    if record is not None and record.outcome == "failed":
        what = why or record.message
        put_target(context, kept, TargetState.FAILED, actor=actor, why=what, is_harmful=True)
    elif kept.value.tries + 1 < rollout.rules.tries:
        _again(context, kept, why, actor)
    else:
        put_target(context, kept, TargetState.FAILED, actor=actor, why=why, is_harmful=True)


def _take_up(context: Context, rollout: Rollout, kept: Kept[RolloutTarget], actor: str, why: str) -> None:
    """Take back what was cut short, and begin anew as often as the rules let."""
    try:
        change.undo(context, kept.value.instance, may_restart=rollout.rules.may_restart)
    except (UnavailableError, HeldError) as fault:
        at = context.now() + _SOON
        put_target(context, kept, kept.value.state, actor=actor, why=fault.what, next_at=at)
        return
    except SetpointError as fault:
        what = f"what was cut short could not be taken back: {fault.what}"
        put_target(context, kept, TargetState.FAILED, actor=actor, why=what, is_harmful=True)
        return
    if kept.value.tries + 1 < rollout.rules.tries:
        _again(context, kept, f"{why}; it was taken back", actor)
    else:
        put_target(context, kept, TargetState.FAILED, actor=actor, why=why, is_harmful=True)


def _newest(context: Context, target: RolloutTarget) -> Apply | None:
    record = next(effective(context, target.instance), None)
    return record if record is not None and record.started_at >= _begun(target) else None


def _own_record(context: Context, target: RolloutTarget) -> Apply | None:
    """Answer the apply of the target's plan that may have had an effect, begun since it is being applied."""
    for record in effective(context, target.instance):
        if record.started_at < _begun(target):
            return None
        if record.plan_hash == target.plan and not is_undo(record):
            return record
    return None


def _any_record(context: Context, target: RolloutTarget) -> Apply | None:
    rows = context.store.audit.rows(subject=target.instance, action="apply.begin", limit=1, newest_first=True)
    for row in rows:
        record = context.store.journal.get(row.detail["apply"])
        if record.plan_hash == target.plan and record.started_at >= _begun(target):
            return record
    return None


def _begun(target: RolloutTarget) -> datetime:
    return target.begun_at or target.moved_at

"""Taking a target back: the undo of what the rollout applied, as long as nobody applied anything since."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from setpoint.control import change, gate
from setpoint.control.logbook import is_undo
from setpoint.control.past import effective
from setpoint.control.rollouts.rows import put_target, read_target
from setpoint.errors import ConflictError, HeldError, SetpointError, StoreUnavailableError, UnavailableError
from setpoint.policy.person import Right
from setpoint.policy.rollout import TargetState

if TYPE_CHECKING:
    from setpoint.control.context import Context
    from setpoint.policy.rollout import RolloutTarget
    from setpoint.store.records import Apply
    from setpoint.store.registers import Kept

_SOON = timedelta(seconds=5)
_LATER = timedelta(seconds=60)


def take_back(context: Context, id_: str, instance: str) -> None:
    """Take a target back, or note why that cannot be, now or ever; harmless where nothing is to be done."""
    rollout, kept = context.store.rollouts.get(id_).value, read_target(context, id_, instance)
    target = kept.value
    if target.state is not TargetState.TAKING_BACK or target.is_written:
        return
    actor = gate.require(context, Right.APPLY, instance).actor
    newest = next(effective(context, instance), None)
    if not target.apply or _is_back(newest, target):
        put_target(context, kept, TargetState.TAKEN_BACK, actor=actor, why=target.why)
    elif newest is None or not _is_ours(context, newest, target):
        _leave(context, kept, "somebody applied to it since; that was left alone", actor)
    else:
        _undo(context, kept, actor, may_restart=rollout.rules.may_restart)


def _undo(context: Context, kept: Kept[RolloutTarget], actor: str, *, may_restart: bool) -> None:
    target, why = kept.value, kept.value.why
    try:
        change.undo(context, target.instance, may_restart=may_restart, is_ended=target.is_harmful)
    except StoreUnavailableError:
        raise
    except (UnavailableError, HeldError) as fault:
        _try_again(context, kept, fault, _SOON, actor)
    except ConflictError as fault:
        _leave(context, kept, fault.what, actor)
    except SetpointError as fault:
        # Policy can let it pass at another time, or an apply that failed half-way be mended: never given up.
        _try_again(context, kept, fault, _LATER, actor)
    else:
        put_target(context, kept, TargetState.TAKEN_BACK, actor=actor, why=why)


def _try_again(
    context: Context, kept: Kept[RolloutTarget], fault: SetpointError, pause: timedelta, actor: str
) -> None:
    at, why = context.now() + pause, f"not back yet: {fault.what}"
    put_target(context, kept, TargetState.TAKING_BACK, actor=actor, why=why, next_at=at)


def _leave(context: Context, kept: Kept[RolloutTarget], why: str, actor: str) -> None:
    what = f"not taken back: {why}"
    put_target(context, kept, TargetState.FAILED, actor=actor, why=what, is_harmful=kept.value.is_harmful)


def _is_back(newest: Apply | None, target: RolloutTarget) -> bool:
    """Tell whether an undo came after the target's apply and was the last thing done."""
    since = target.applied_at or target.moved_at
    return (
        newest is not None and is_undo(newest) and newest.outcome == "undone" and newest.started_at >= since
    )


def _is_ours(context: Context, newest: Apply, target: RolloutTarget) -> bool:
    """Tell whether the last thing done was the target's apply, or an undo of it that was cut short."""
    for record in effective(context, target.instance):
        if record.id == target.apply:
            return True
        if not is_undo(record) or record.outcome == "undone":
            return False
    return newest.id == target.apply

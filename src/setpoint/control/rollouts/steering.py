"""Steering a rollout by hand: pause, resume, halt, take back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from setpoint.control import gate, words
from setpoint.control.rollouts.rows import find, put_rollout, read_rows
from setpoint.errors import RefusedError
from setpoint.policy.person import Right
from setpoint.policy.rollout import RolloutState, TargetState

if TYPE_CHECKING:
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.control.rollouts.rows import Rows
    from setpoint.policy.rollout import Rollout, RolloutTarget


def pause(context: Context, text: str, *, because: str) -> Rollout:
    """Start nothing more until it is resumed; what was applied is watched still.

    Raises `RefusedError` for a rollout that is not running.
    """
    permit = gate.require_somewhere(context, Right.APPLY)
    rows = _rows(context, text, permit)
    _check_state(rows, RolloutState.RUNNING)
    return _put(context, rows, "paused", permit, because, state=RolloutState.PAUSED)


def resume(context: Context, text: str, *, because: str) -> Rollout:
    """Go on with a paused rollout."""
    permit = gate.require_somewhere(context, Right.APPLY)
    rows = _rows(context, text, permit)
    _check_state(rows, RolloutState.PAUSED)
    return _put(context, rows, "resumed", permit, because, state=RolloutState.RUNNING, is_why_kept=False)


def halt_by_hand(context: Context, text: str, *, because: str) -> Rollout:
    """Start nothing more for good; what was applied stays unless it is taken back."""
    permit = gate.require_somewhere(context, Right.APPLY)
    rows = _rows(context, text, permit)
    _check_state(rows, RolloutState.RUNNING, RolloutState.PAUSED)
    return _put(context, rows, "halted", permit, because, state=RolloutState.HALTED)


def take_back(context: Context, text: str, *, because: str, wave: int | None = None) -> Rollout:
    """Take back everything that a rollout applied, or one wave (from 0); nothing more is started then.

    Raises `RefusedError` where a later wave rests on that one, or nothing is left to take back.
    """
    permit = gate.require_somewhere(context, Right.APPLY)
    rows = _rows(context, text, permit)
    rollout = rows.rollout
    waves = set(range(rollout.waves)) if wave is None else {wave}
    going = {name: each for name, each in rows.targets.items() if each.wave in waves and _is_there(each)}
    is_idle = not going and (not rollout.is_open or wave is not None)
    if is_idle:
        place = "it" if wave is None else f"wave {wave}"
        raise RefusedError(f"nothing of {place} is left to take back", where=f"rollout {rollout.id}")
    back = waves | set(rollout.back)
    _check_nobody_rests_on(rows, going, back)
    state = RolloutState.TAKEN_BACK if wave is None else RolloutState.HALTED
    return _put(
        context,
        rows,
        "taking_back",
        permit,
        because,
        state=state,
        back=tuple(sorted(back)),
        ended_at=None,
    )


def _rows(context: Context, text: str, permit: Permit) -> Rows:
    """Read a rollout that the acting person may apply everywhere of."""
    rows = read_rows(context, find(context, text).id)
    configuration = context.head()[1]
    for name in sorted(rows.targets):
        instance = configuration.instances.get(name)
        if instance is not None and not permit.principal.may(Right.APPLY, name, instance):
            what = f"{permit.actor} may not {Right.APPLY.value} on {name}"
            gate.refuse(context, permit.principal, Right.APPLY, name, what)
    return rows


def _check_state(rows: Rows, *states: RolloutState) -> None:
    if rows.rollout.state not in states:
        what = f"it is {rows.rollout.state.value}"
        raise RefusedError(what, where=f"rollout {rows.rollout.id}", next_step="`setpoint rollout show`")


def _is_there(target: RolloutTarget) -> bool:
    return target.state in (
        TargetState.CHECKING,
        TargetState.APPLYING,
        TargetState.SOAKING,
        TargetState.KEPT,
    )


def _check_nobody_rests_on(rows: Rows, going: dict[str, RolloutTarget], back: set[int]) -> None:
    """Make sure that nothing stays that had to come after what goes."""
    resting = sorted(
        name
        for name, each in rows.targets.items()
        if each.wave not in back and _is_there(each) and any(earlier in going for earlier in each.after)
    )
    if resting:
        waves = sorted({rows.targets[name].wave for name in resting})
        raise RefusedError(
            f"{', '.join(resting[:10])} rest on it",
            where=f"rollout {rows.rollout.id}",
            next_step=f"take back wave {waves[-1]} first, or all of it",
        )


def _put(
    context: Context,
    rows: Rows,
    action: str,
    permit: Permit,
    because: str,
    *,
    is_why_kept: bool = True,
    **changes: Any,
) -> Rollout:
    because = words.require_reason(because)
    detail: dict[str, Any] = {"because": because, **permit.detail()}
    if "back" in changes:
        detail["back"] = list(changes["back"])
    why = f"{permit.actor}: {because}" if is_why_kept else ""
    kept = put_rollout(context, rows.kept, action, actor=permit.actor, detail=detail, why=why, **changes)
    return kept.value

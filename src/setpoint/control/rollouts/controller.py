"""The controller of rollouts: reads the rows, and does or hands out what is due by them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from setpoint.control import gate
from setpoint.control.rollouts.backing import take_back
from setpoint.control.rollouts.checking import who_may_not
from setpoint.control.rollouts.claiming import claimed
from setpoint.control.rollouts.halting import halt
from setpoint.control.rollouts.looking import to_look_at
from setpoint.control.rollouts.rows import put_rollout, put_target, read_rows, rollouts
from setpoint.control.rollouts.soaking import judge
from setpoint.control.rollouts.working import work
from setpoint.control.rollouts.writing import take_out_settings, write_settings
from setpoint.control.watch import observe
from setpoint.errors import ConflictError, HeldError, SetpointError, StoreUnavailableError, TamperedError
from setpoint.integrations.dispatch import Task
from setpoint.policy.course import Action, ActionKind, next_actions
from setpoint.policy.person import Right
from setpoint.policy.rollout import RolloutState, TargetState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.control.rollouts.rows import Rows
    from setpoint.integrations.dispatch import Dispatch
    from setpoint.store.records import Lease

WORK, BACK, LOOK = "rollout.work", "rollout.back", "rollout.look"
"""The kinds of tasks that it hands out."""

_LEASE_SECONDS = 60.0
_OPEN_SECONDS = 2.0
_IDLE_SECONDS = 5.0
_PRIORITIES = {WORK: 5, BACK: 8, LOOK: 2}
_MOST_PASSES = 50
_UNDER_WAY = frozenset({ActionKind.WORK, ActionKind.TAKE_BACK, ActionKind.JUDGE})
"""What is named again until it is through, and makes no other pass worth while."""


class RolloutController:
    """Moves every open rollout on; several may run at once, as each rollout is claimed by a lease.

    Without a dispatch what concerns one instance is done in place.
    """

    name = "rollouts"

    def __init__(self, holder: str, dispatch: Dispatch | None = None) -> None:
        """Claim under the name `holder`, and hand tasks to `dispatch`."""
        self._holder = holder
        self._dispatch = dispatch
        self._judged: dict[str, int] = {}

    def poll(self, context: Context) -> float:
        """Do what is due for each open rollout; answer when to ask again."""
        due = [_IDLE_SECONDS]
        faults: list[SetpointError] = []
        for rollout in rollouts(context, is_open_only=True):
            due.append(min(_OPEN_SECONDS, rollout.rules.sample_seconds))
            lease = context.store.leases.claim(f"rollout:{rollout.id}", self._holder, _LEASE_SECONDS)
            if lease is None:
                continue
            try:
                self._advance(context, rollout.id, lambda held=lease: _keep(context, held))
            except HeldError:
                continue  # it was too slow: somebody else goes on
            except TamperedError as fault:
                faults.append(fault)  # one that was bent keeps no other from going on
            finally:
                context.store.leases.release(lease)
        if faults:
            raise faults[0]
        return min(due)

    def _advance(self, context: Context, id_: str, keep: Callable[[], None]) -> None:
        """Go on as far as the rows let: an action that was done may make another one due.

        `keep` renews the claim, and raises `HeldError` when somebody else has it.
        """
        for _ in range(_MOST_PASSES):
            keep()
            rows = read_rows(context, id_)
            actions = next_actions(rows.rollout, rows.targets, context.now())
            try:
                self._do(context, rows, actions, keep)
            except ConflictError:
                continue  # somebody else wrote a row meanwhile: look again
            if all(action.kind is ActionKind.JUDGE for action in actions):
                return
            if self._dispatch is not None and all(action.kind in _UNDER_WAY for action in actions):
                return

    def _do(self, context: Context, rows: Rows, actions: Iterable[Action], keep: Callable[[], None]) -> None:
        permit = gate.require_somewhere(context, Right.APPLY)
        tasks: list[Task] = []
        for action in actions:
            if action.kind in (ActionKind.WORK, ActionKind.TAKE_BACK):
                kind = WORK if action.kind is ActionKind.WORK else BACK
                tasks.append(_task(kind, rows.rollout.id, action.instance))
            elif action.kind is ActionKind.JUDGE:
                self._look_and_judge(context, rows, permit, keep)
            elif action.instance:
                _move(context, rows, action, permit)
            else:
                _milestone(context, rows, action, permit)
        self._hand_out(context, tasks, keep)

    def _look_and_judge(self, context: Context, rows: Rows, permit: Permit, keep: Callable[[], None]) -> None:
        due = to_look_at(context, rows)
        self._hand_out(context, [_task(LOOK, rows.rollout.id, name) for name in due], keep)
        judge(context, rows, self._judged, actor=permit.actor)

    def _hand_out(self, context: Context, tasks: list[Task], keep: Callable[[], None]) -> None:
        if self._dispatch is not None:
            self._dispatch.submit(tasks)
            return
        for task in tasks:
            keep()
            WORKS[task.kind](context, task)


def _keep(context: Context, lease: Lease) -> None:
    context.store.leases.renew(lease, _LEASE_SECONDS)


def _task(kind: str, id_: str, instance: str) -> Task:
    key = f"observe/{instance}" if kind == LOOK else instance
    argument = {"rollout": id_, "instance": instance}
    return Task(kind=kind, key=key, argument=argument, priority=_PRIORITIES[kind])


def _do_work(context: Context, task: Task) -> None:
    """Go a step on; that somebody else took one at the same time is no fault."""
    id_, instance = task.argument["rollout"], task.argument["instance"]
    with suppress(ConflictError), claimed(context, id_, instance) as own:
        if own is not None:
            work(own[0], id_, instance, keep=own[1])


def _do_back(context: Context, task: Task) -> None:
    id_, instance = task.argument["rollout"], task.argument["instance"]
    with suppress(ConflictError), claimed(context, id_, instance) as own:
        if own is not None:
            take_back(own[0], id_, instance)


def _do_look(context: Context, task: Task) -> None:
    """Observe; an instance that does not answer is judged by not having been seen."""
    try:
        observe(context, task.argument["instance"])
    except StoreUnavailableError:
        raise
    except SetpointError:
        return


WORKS: Mapping[str, Callable[[Context, Task], None]] = {WORK: _do_work, BACK: _do_back, LOOK: _do_look}
"""Who does the tasks that the controller hands out, by their kind."""


def _move(context: Context, rows: Rows, action: Action, permit: Permit) -> None:
    """Move one target's row on."""
    states = {
        ActionKind.START: TargetState.CHECKING,
        ActionKind.SKIP: TargetState.SKIPPED,
        ActionKind.MARK_BACK: TargetState.TAKING_BACK,
    }
    kept = rows.kept_targets[action.instance]
    why = action.why or kept.value.why
    put_target(context, kept, states[action.kind], actor=permit.actor, why=why)


def _milestone(context: Context, rows: Rows, action: Action, permit: Permit) -> None:
    """Move the rollout's own row on."""
    if action.kind is ActionKind.OPEN_WAVE:
        _open_wave(context, rows, action.wave, permit)
    elif action.kind is ActionKind.UNWRITE:
        unwanted = (
            TargetState.TAKING_BACK,
            TargetState.TAKEN_BACK,
            TargetState.SKIPPED,
            TargetState.FAILED,
        )
        own = [kept for kept in rows.kept_targets.values() if kept.value.state in unwanted]
        take_out_settings(context, rows.rollout, own, permit=permit)
    elif action.kind is ActionKind.HALT:
        halt(context, rows, action.why, actor=permit.actor)
    elif action.kind is ActionKind.FINISH:
        _finish(context, rows, permit)


def _open_wave(context: Context, rows: Rows, wave: int, permit: Permit) -> None:
    """Open a wave, and write the settings of those in it; those that policy refuses meanwhile halt it."""
    own = [kept for kept in rows.kept_targets.values() if kept.value.wave == wave]
    names = sorted(kept.value.instance for kept in own)
    # A worker writes nothing for somebody who may not have it applied any more.
    waiting = [
        kept for kept in own if not kept.value.is_ended and not who_may_not(context, rows.rollout, kept.value)
    ]
    try:
        with context.store.transaction():
            write_settings(context, rows.rollout, waiting, permit=permit, title=f"wave {wave}")
            put_rollout(
                context,
                rows.kept,
                "wave",
                actor=permit.actor,
                detail={"wave": wave, "count": len(names), "instances": names[:100]},
                wave=wave,
                opened_at=context.now(),
            )
    except (ConflictError, HeldError, StoreUnavailableError):
        raise
    except SetpointError as fault:
        halt(context, rows, f"wave {wave} could not be written: {fault.what}", actor=permit.actor)


def _finish(context: Context, rows: Rows, permit: Permit) -> None:
    rollout = rows.rollout
    is_done = rollout.state is RolloutState.RUNNING
    found: dict[str, int] = {}
    for target in rows.targets.values():
        found[target.state.value] = found.get(target.state.value, 0) + 1
    put_rollout(
        context,
        rows.kept,
        "done",
        actor=permit.actor,
        detail={"state": "done" if is_done else rollout.state.value, "targets": found},
        state=RolloutState.DONE if is_done else rollout.state,
        ended_at=context.now(),
    )

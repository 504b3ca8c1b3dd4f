"""The rows of rollouts: reading them, and writing the next state of each with its audit row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.control.context import Context
    from setpoint.policy.rollout import Rollout, RolloutTarget, TargetState
    from setpoint.store.registers import Kept

_MIN_PREFIX = 4


@dataclass(frozen=True)
class Rows:
    """A rollout with all of its targets by instance, as they were read together."""

    kept: Kept[Rollout]
    kept_targets: dict[str, Kept[RolloutTarget]]

    @property
    def rollout(self) -> Rollout:
        """The rollout."""
        return self.kept.value

    @property
    def targets(self) -> dict[str, RolloutTarget]:
        """Its targets by instance."""
        return {name: kept.value for name, kept in self.kept_targets.items()}


def read_rows(context: Context, id_: str) -> Rows:
    """Read a rollout and its targets; raise `NotFoundError`."""
    kept = context.store.rollouts.get(id_)
    found = context.store.targets.under(f"{id_}/").values()
    return Rows(kept, {each.value.instance: each for each in found})


def read_target(context: Context, id_: str, instance: str) -> Kept[RolloutTarget]:
    """Read one target; raise `NotFoundError`."""
    return context.store.targets.get(f"{id_}/{instance}")


def rollouts(context: Context, *, is_open_only: bool = False) -> tuple[Rollout, ...]:
    """Answer rollouts, the newest first: all, or those with something left to do."""
    found = [kept.value for kept in context.store.rollouts.all().values()]
    ordered = sorted(found, key=lambda each: (each.started_at, each.id), reverse=True)
    return tuple(each for each in ordered if each.is_open or not is_open_only)


def find(context: Context, text: str) -> Rollout:
    """Answer a rollout by its id or the beginning of one.

    Raises `NotFoundError`, and `InputError` where several fit.
    """
    found = list(_named(context, text))
    if not found:
        message = f"there is no rollout {text[:80]!a}"
        raise NotFoundError(message, next_step="`setpoint rollout list` shows them")
    if len(found) > 1:
        raise InputError(f"{text[:80]!a} fits several rollouts", next_step="give more of the id")
    return found[0]


def put_rollout(
    context: Context, kept: Kept[Rollout], action: str, *, actor: str, detail: dict[str, Any], **changes: Any
) -> Kept[Rollout]:
    """Write a rollout's next state; raise `ConflictError` when somebody else wrote one meanwhile."""
    changed = msgspec.structs.replace(kept.value, **changes)
    return context.store.rollouts.put(
        changed.id,
        changed,
        version=kept.version,
        actor=actor,
        action=f"rollout.{action}",
        detail={"rollout": changed.id, **detail},
        at=context.now(),
        subject=f"rollout:{changed.id}",
    )


def put_target(
    context: Context,
    kept: Kept[RolloutTarget],
    state: TargetState,
    *,
    actor: str,
    why: str = "",
    **changes: Any,
) -> Kept[RolloutTarget]:
    """Write a target's next state; raise `ConflictError` when somebody else wrote one meanwhile."""
    target, now = kept.value, context.now()
    changes = {"next_at": None, "why": why, **changes}
    changed = msgspec.structs.replace(target, state=state, moved_at=now, **changes)
    detail: dict[str, Any] = {"rollout": target.rollout, "wave": target.wave}
    if why:
        detail["because"] = why
    if changed.plan:
        detail["plan"] = changed.plan
    return context.store.targets.put(
        changed.id,
        changed,
        version=kept.version,
        actor=actor,
        action=f"rollout.{_ACTIONS.get(state.value, state.value.replace(' ', '_'))}",
        detail=detail,
        at=now,
        subject=target.instance,
    )


_ACTIONS = {"soaking": "applied"}
"""What an audit row calls a state where its word says less."""


def _named(context: Context, text: str) -> Iterator[Rollout]:
    known = context.store.rollouts
    exact = known.find(text)
    if exact is not None:
        yield exact.value
    elif len(text) >= _MIN_PREFIX:
        yield from (kept.value for kept in known.under(text).values())

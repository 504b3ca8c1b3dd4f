"""Which overrides there are, and what they ask for now."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from setpoint.config.override import layer_of
from setpoint.control.clock import seconds_left
from setpoint.errors import ConflictError, InputError, NotFoundError, TamperedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from setpoint.config.configuration import Configuration
    from setpoint.config.layers import Layer
    from setpoint.config.override import Override
    from setpoint.control.context import Context
    from setpoint.store.chain import AuditRow
    from setpoint.store.registers import Kept

_LOG = logging.getLogger("setpoint.worker")
_MIN_PREFIX = 4
_REACH = ("engine", "target")
"""What says which server an instance is."""


def find(context: Context, text: str) -> Kept[Override]:
    """Answer an override by its id (``web-1/o1a2b3c``), the part behind the stroke, or the beginning of that.

    Raises `NotFoundError`, and `InputError` where several fit.
    """
    everything = context.store.overrides
    if "/" in text:
        exact = everything.find(text)
        if exact is not None:
            return exact
    known = everything.all()
    found = [kept for key, kept in known.items() if key.partition("/")[2] == text]
    if not found and len(text) >= _MIN_PREFIX:
        found = [kept for key, kept in known.items() if text in (key[: len(text)], _own(key)[: len(text)])]
    if not found:
        message = f"there is no override {text[:80]!a}"
        raise NotFoundError(message, next_step="`setpoint override list --all` shows them")
    if len(found) > 1:
        raise InputError(f"{text[:80]!a} fits several overrides", next_step="give more of the id")
    return found[0]


def overrides(context: Context, *, is_open_only: bool = False, instance: str = "") -> tuple[Override, ...]:
    """Answer overrides, newest first: all, those with something left to do, or those of one instance."""
    kept = context.store.overrides.under(f"{instance}/") if instance else context.store.overrides.all()
    found = [each.value for each in kept.values() if each.value.is_open or not is_open_only]
    return tuple(sorted(found, key=lambda each: (each.started_at, each.id), reverse=True))


def legible(context: Context) -> dict[str, Kept[Override]]:
    """Answer all overrides by id; where a record was bent, it is logged, and all others are answered."""
    try:
        return context.store.overrides.all()
    except TamperedError as fault:
        _LOG.error("%s", fault)
    found: dict[str, Kept[Override]] = {}
    for row in context.store.audit.rows(action="override.started"):
        id_ = named(row)
        try:
            found[id_] = context.store.overrides.get(id_)
        except (TamperedError, NotFoundError) as fault:
            _LOG.error("%s", fault)
    return found


def named(row: AuditRow) -> str:
    """Answer the override that a row tells of; empty where it names none, which no row of ours does."""
    return str(row.detail.get("override", ""))


def layers(context: Context, instance: str) -> tuple[Layer, ...]:
    """Answer the layers that an instance's overrides are, as long as they are desired, the oldest first."""
    open_ones = overrides(context, is_open_only=True, instance=instance)
    return tuple(_layer(context, each) for each in reversed(open_ones) if _is_in_force(context, each))


def layers_by_instance(context: Context) -> dict[str, tuple[Layer, ...]]:
    """Answer the same for every instance that has any."""
    found: dict[str, tuple[Layer, ...]] = {}
    for each in reversed(overrides(context, is_open_only=True)):
        if _is_in_force(context, each):
            found[each.instance] = (*found.get(each.instance, ()), _layer(context, each))
    return found


def _is_in_force(context: Context, override: Override) -> bool:
    return override.is_desired and _left(context, override) > 0


def _layer(context: Context, override: Override) -> Layer:
    """Answer a layer that ends when the override does, whatever the time of day was set to meanwhile."""
    return layer_of(override, context.now() + timedelta(seconds=_left(context, override)))


def _left(context: Context, override: Override) -> float:
    return seconds_left(override.deadline, override.deadline_moment, context.now(), context.moment())


def put(
    context: Context,
    kept: Kept[Override] | None,
    override: Override,
    action: str,
    detail: Mapping[str, Any],
    *,
    actor: str,
) -> Kept[Override]:
    """Keep an override's next state (the first one without `kept`), with its audit row.

    Raises `ConflictError` when it was changed since it was read.
    """
    return context.store.overrides.put(
        override.id,
        override,
        version=kept.version if kept is not None else 0,
        actor=actor,
        action=action,
        detail={**detail, "override": override.id},
        at=context.now(),
        subject=override.instance,
    )


def check_free(context: Context, instance: str, parameters: Iterable[str], *, besides: str = "") -> None:
    """Raise `ConflictError` naming each open override that holds one of these parameters.

    One of two that overlap would be taken for a person's change by the other, so there is never a second.
    """
    wanted = {name.lower() for name in parameters}
    for override in overrides(context, is_open_only=True, instance=instance):
        names = sorted(held.parameter for held in override.held if held.parameter.lower() in wanted)
        if names and override.id != besides:
            message = f"override {override.id} of {override.by} holds {', '.join(names)}"
            next_step = (
                f"end it first with `setpoint override end {_own(override.id)}`, or wait until it is over"
            )
            raise ConflictError(message, where=instance, next_step=next_step)


def check_edit(context: Context, before: Configuration, after: Configuration) -> None:
    """Raise `ConflictError` for an edit that would keep an open override's instance out of reach."""
    for override in overrides(context, is_open_only=True):
        old, new = before.instances.get(override.instance), after.instances.get(override.instance)
        if old is None or old is new:
            continue
        moved = new is None or any(getattr(old, field) != getattr(new, field) for field in _REACH)
        if moved:
            what = "taken out" if new is None else "moved to another server"
            message = f"{override.instance} cannot be {what} while override {override.id} is open"
            next_step = f"end it first: `setpoint override end {_own(override.id)}`"
            raise ConflictError(message, where=f"instance:{override.instance}", next_step=next_step)


def _own(id_: str) -> str:
    return id_.partition("/")[2]

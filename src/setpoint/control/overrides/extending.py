"""Extending overrides: a later deadline, capped and let through like a new one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.override import Extension, Override, OverrideState
from setpoint.control import gate, overridden, proposals, words
from setpoint.control.clock import is_over, moment_after
from setpoint.control.overrides import chain
from setpoint.control.overrides.admission import admit_override
from setpoint.control.overrides.orders import order_now
from setpoint.control.urgency import moves_of
from setpoint.control.watch import observe
from setpoint.errors import ConflictError, InputError, RefusedError, SetpointError
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.control.context import Context


def extend(context: Context, name: str, *, seconds: float, because: str) -> Override:
    """Let an override last that many seconds longer; policy judges it by its whole length.

    Until every link knows the later deadline the earlier one counts. Raises `RefusedError` for one that is
    over, `NotPermittedError`, `InputError`.
    """
    kept = overridden.find(context, name)
    override = kept.value
    with gate.witnessed(context, Right.BREAK_GLASS, override.instance):
        gate.require(context, Right.BREAK_GLASS, override.instance)
        because = words.require_reason(because)
        if not seconds > 0 or seconds == float("inf"):
            message = f"an override is extended by some time, not by {seconds:g} s"
            raise InputError(message, next_step="say by how long: --for 15m")
        if override.state is not OverrideState.ACTIVE or is_over(
            override.deadline, override.deadline_moment, context.now(), context.moment()
        ):
            message = f"{override.id} cannot be extended: it is {override.state.value}, or its time is over"
            raise RefusedError(message, where=override.instance, next_step="start another one")
        observation, catalog = observe(context, override.instance)
        deadline = _later(override.deadline, seconds)
        whole = (deadline - override.started_at).total_seconds()
        permit = admit_override(
            context, moves_of(override.settings, observation), whole, observation, catalog
        )
        moment = moment_after(override.deadline_moment, seconds)
        extension = Extension(by=permit.actor, at=context.now(), deadline=deadline, because=because)
        longer = msgspec.structs.replace(
            override,
            deadline=deadline,
            deadline_moment=moment,
            extensions=(*override.extensions, extension),
        )
        detail = {"until": deadline.isoformat(timespec="seconds"), "because": because, **permit.detail()}
        with context.store.transaction():
            proposals.spend(context, permit, f"override {override.id} of {override.instance} extended")
            kept = overridden.put(context, kept, longer, "override.extended", detail, actor=permit.actor)
    instance = context.head()[1].instance(override.instance)
    order, _ = order_now(context, longer, instance, observation, catalog)
    try:
        with context.connected(override.instance, instance, permit) as driver:
            links = chain.arm(context, driver, order)
    except SetpointError as fault:
        fault.next_step = (
            f"{override.id} is extended; until a worker arms its links anew the earlier deadline counts"
        )
        raise
    armed = msgspec.structs.replace(longer, links=links)
    states = {link.kind.value: link.state.value for link in links}
    try:
        return overridden.put(
            context, kept, armed, "override.switch", {"links": states}, actor="setpoint"
        ).value
    except ConflictError:  # a worker that watches it was quicker to say how its links stand
        return context.store.overrides.get(override.id).value


def _later(deadline: datetime, seconds: float) -> datetime:
    try:
        return deadline + timedelta(seconds=seconds)
    except OverflowError:
        message = f"{seconds:g} s from then on is no time that could be written down"
        raise InputError(message, next_step="say by how long: --for 15m") from None

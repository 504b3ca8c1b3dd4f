"""Orders: what ends an override, as it was when it started, and as the layers are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control.desired import desired_of
from setpoint.control.logbook import is_end
from setpoint.control.urgency import is_free
from setpoint.engines.order import Back, Order
from setpoint.engines.planner import is_persisted
from setpoint.errors import SetpointError
from setpoint.policy.intent import Move

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Instance, SettingText
    from setpoint.config.observation import Observation
    from setpoint.config.override import Held, Override
    from setpoint.control.context import Context


def first_order(override: Override, instance: Instance, *, at: datetime) -> Order:
    """Answer the order that puts back what stood when an override was started."""
    backs = [_made(held, held.ours, held.before) for held in override.held]
    return _order(override, instance, backs, at=at)


def order_now(
    context: Context, override: Override, instance: Instance, observation: Observation, catalog: Catalog
) -> tuple[Order, tuple[str, ...]]:
    """Answer the order that ends an override as the layers are now, and what is nobody's afterwards."""
    backs: list[Back] = []
    released: list[str] = []
    wanted = _wanted(context, override, instance, observation, catalog)
    for held in override.held:
        back, is_ours = held.before, held.is_managed
        if wanted is not None:
            back, is_ours = _back(
                context, override, held, wanted.get(held.parameter.lower()), observation, catalog
            )
        ours = _standing(context, override.instance, held, observation, catalog)
        backs.append(_made(held, ours, back))
        if not is_ours:
            released.append(held.parameter)
    return _order(override, instance, backs, at=context.now()), tuple(released)


def _made(held: Held, ours: SettingText, back: SettingText) -> Back:
    return Back(
        parameter=held.parameter,
        ours=ours,
        back=back,
        running=held.running_before,
        is_passing=held.is_passing,
    )


def _wanted(
    context: Context, override: Override, instance: Instance, observation: Observation, catalog: Catalog
) -> dict[str, SettingText] | None:
    """Answer what the layers ask for now, without overrides, by folded name.

    None where that cannot be worked out, as with a template that does not fit the host any more.
    """
    revision, configuration = context.head()
    try:
        desired = desired_of(
            context.engine_of(instance),
            configuration,
            observation,
            catalog,
            revision=revision.id if revision is not None else "",
            at=context.now(),
        )
    except SetpointError:
        return None
    names = {held.parameter.lower() for held in override.held}
    return {name.lower(): text for name, text in desired.texts().items() if name.lower() in names}


def _back(
    context: Context,
    override: Override,
    held: Held,
    wanted: SettingText,
    observation: Observation,
    catalog: Catalog,
) -> tuple[SettingText, bool]:
    """Answer where a parameter goes, and whether it is managed then.

    A deployment made meanwhile is kept. What the layers ask for and nobody let through yet stays drift: an
    override must not carry in, at its end, what would have needed approvals. Where what stood before stands
    already, put back by another link or never touched, it is left: nothing of ours is there to be ended.
    """
    observed = observation.setting(held.parameter)
    if is_persisted(held.parameter, held.before, observed, catalog):
        return held.before, held.is_managed
    is_asked = wanted is not None
    if not is_asked and not held.is_managed:
        return held.before, False
    goal = wanted if is_asked else _restore(context, override.instance, held)
    if held.before is not None and goal is not None and catalog.is_same(held.parameter, held.before, goal):
        return held.before, held.is_managed and is_asked
    move = Move(parameter=held.parameter, before=held.before, after=goal)
    if is_free(context, override.by, move, observation, catalog):
        return goal, is_asked
    return held.before, held.is_managed


def _standing(
    context: Context, instance: str, held: Held, observation: Observation, catalog: Catalog
) -> SettingText:
    """Answer the text of ours that may stand: the override's, or that of an ending which was cut short."""
    observed = observation.setting(held.parameter)
    for owned in context.store.journal.owned(instance):
        if owned.parameter == held.parameter and is_end(owned.apply_id):
            return owned.ours if is_persisted(held.parameter, owned.ours, observed, catalog) else held.ours
    return held.ours


def _restore(context: Context, instance: str, held: Held) -> SettingText:
    """Answer what stood before us, for a parameter that was managed and is not any more."""
    owned = context.store.journal.owned(instance)
    return next((each.restore for each in owned if each.parameter == held.parameter), held.before)


def _order(override: Override, instance: Instance, backs: Sequence[Back], *, at: datetime) -> Order:
    return Order(
        override=override.id,
        instance=override.instance,
        engine=instance.engine,
        target=instance.target,
        password=instance.password,
        backs=tuple(backs),
        deadline=override.deadline,
        deadline_moment=override.deadline_moment,
        written_at=at,
    )

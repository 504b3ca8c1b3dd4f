"""Watching: one observation of one instance, remembered; and what is known of it from the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Catalog
from setpoint.control import gate
from setpoint.control.incidents import note_incidents
from setpoint.engines import session
from setpoint.errors import NotFoundError
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from setpoint.config.configuration import Instance
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context


def observe(context: Context, name: str) -> tuple[Observation, Catalog]:
    """Observe an instance now and remember what it said; raise `UnreachableError`.

    A locked parameter that was moved behind our back is noted as an incident. An instance that is reached
    through files alone cannot be looked at now: what its last file said is answered, however old.
    """
    with context.store.moment():
        gate.require(context, Right.OBSERVE, name)
        instance = context.head()[1].instance(name)
        before = context.store.snapshots.latest(name)
    if instance.is_offline and before is not None:
        return before, catalog_of(context, instance, before)
    with context.connected(name, instance) as driver:
        seen, catalog = session.observe(context.engine_of(instance), driver, name, at=context.now())
    observation = context.store.snapshots.put(seen, catalog.data)
    with context.store.moment():
        note_incidents(context, before, observation, catalog)
    return observation, catalog


def last_seen(context: Context, name: str, instance: Instance) -> tuple[Observation, Catalog]:
    """Answer the newest remembered observation with its catalog; raise `NotFoundError` when there is none."""
    observation = context.store.snapshots.latest(name)
    if observation is None:
        raise NotFoundError(f"{name} was never observed", next_step=f"`setpoint observe {name}` looks at it")
    return observation, catalog_of(context, instance, observation)


def catalog_of(context: Context, instance: Instance, observation: Observation) -> Catalog:
    """Answer the live catalog an observation was made with."""
    data = context.store.snapshots.catalog(observation.catalog_hash)
    return Catalog(data, context.engine_of(instance).grammar)

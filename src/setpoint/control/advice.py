"""Advice for one instance: its evidence put together and handed to its engine's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control import overridden
from setpoint.control.desired import desired_of, library_of
from setpoint.control.waivers import parameters_waived
from setpoint.control.watch import last_seen, observe
from setpoint.recommend import Advice, Evidence, advise
from setpoint.templates.choose import choose

if TYPE_CHECKING:
    from setpoint.control.context import Context
    from setpoint.templates.choose import Choice


def advise_instance(context: Context, name: str, *, is_fresh: bool) -> tuple[Evidence, Advice]:
    """Ask the engine's rules about an instance; counters count since the observation before the newest one.

    Advice about a parameter whose deviation is waived is told as waived.
    Raises `UnreachableError` when a fresh look is asked for and the instance does not answer.
    """
    revision, configuration = context.head()
    instance = configuration.instance(name)
    observation, catalog = observe(context, name) if is_fresh else last_seen(context, name, instance)
    engine = context.engine_of(instance)
    earlier = context.store.snapshots.history(name, limit=1, before=observation.at)
    base = revision.id if revision is not None else ""
    now, layers = context.now(), overridden.layers(context, name)
    desired = desired_of(engine, configuration, observation, catalog, revision=base, at=now, overrides=layers)
    evidence = Evidence(
        observation=observation,
        catalog=catalog,
        facts=desired.facts,
        claims=desired.claims,
        earlier=earlier[0] if earlier else None,
        desired=desired.texts(),
    )
    return evidence, advise(engine.rules(), evidence, parameters_waived(context, name, instance))


def choose_template(context: Context, name: str) -> Choice:
    """Weigh the shipped templates for an instance from its last observation; raise `NotFoundError`."""
    instance = context.head()[1].instance(name)
    observation, catalog = last_seen(context, name, instance)
    engine = context.engine_of(instance)
    from setpoint.catalog import Version

    templates = library_of(engine.name, engine).of(engine.name, Version.parse(observation.facts.version))
    facts = observation.facts.with_declared(instance.facts)
    return choose(templates, facts, observation.metrics, catalog.grammar.units)

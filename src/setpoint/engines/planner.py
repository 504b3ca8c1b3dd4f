"""Planning: desired settings and one observation in, a plan out. Pure; the engine says which steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Catalog, Context
from setpoint.config.revision import canonical, content_hash
from setpoint.engines.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.config.resolve import Resolved
    from setpoint.engines.port import Engine, Release


def make_plan(
    engine: Engine,
    desired: Mapping[str, Resolved],
    observation: Observation,
    catalog: Catalog,
    *,
    revision: str,
    releases: Sequence[Release] = (),
    over_budget: str = "",
) -> Plan:
    """Make the plan that takes one instance from what was observed to what is desired."""
    texts: dict[str, SettingText] = {name: setting.text for name, setting in desired.items()}
    reasons = {name: str(setting.layer) for name, setting in desired.items()}
    made = engine.steps(texts, releases, observation, catalog, reasons)
    return Plan(
        instance=observation.instance,
        engine=engine.name,
        revision=revision,
        observed_at=observation.at,
        fingerprint=fingerprint(observation, catalog),
        steps=made.steps,
        expected={step.parameter: step.text for step in made.steps if step.parameter},
        released=tuple(
            step.parameter for step in made.steps if step.parameter and step.parameter not in texts
        ),
        blocked=made.blocked,
        warnings=made.warnings,
        operator_steps=made.operator_steps,
        over_budget=over_budget,
    )


def fingerprint(observation: Observation, catalog: Catalog) -> str:
    """Hash what a plan rests on: all changeable parameters' own, persisted and waiting values."""
    facts: dict[str, tuple[str | None, str | None, str | None]] = {}
    for name, setting in observation.settings.items():
        parameter = catalog.find(name)
        if parameter is not None and parameter.context is Context.FIXED:
            continue
        persisted = setting.persisted
        facts[name] = (setting.value, persisted.text if persisted is not None else None, setting.pending)
    return content_hash(canonical(facts))

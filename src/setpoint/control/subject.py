"""What review is told of an instance, and the policies in force."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from setpoint.control.desired import claims_of, running_texts
from setpoint.engines.registry import shipped_classes
from setpoint.policy.document import read_policy
from setpoint.policy.intent import Subject
from setpoint.policy.policies import PolicySet

if TYPE_CHECKING:
    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Configuration
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context


def policies_of(configuration: Configuration) -> PolicySet:
    """Answer a configuration's policies, compiled; the last few are kept."""
    return _compiled(tuple(sorted(configuration.policies.items())))


def subject_of(
    context: Context, configuration: Configuration, observation: Observation, catalog: Catalog
) -> Subject:
    """Answer what an observation and the configuration tell of an instance."""
    name = observation.instance
    instance = configuration.instance(name)
    engine = context.engine_of(instance)
    return Subject(
        name=name,
        instance=instance,
        facts=observation.facts.with_declared(instance.facts),
        catalog=catalog,
        running=running_texts(observation),
        claims=claims_of(engine, catalog),
        shipped_classes=shipped_classes(engine, catalog),
    )


@lru_cache(maxsize=8)
def _compiled(texts: tuple[tuple[str, str], ...]) -> PolicySet:
    return PolicySet.of({name: read_policy(text, f"policy {name}") for name, text in texts})

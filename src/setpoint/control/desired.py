"""What one instance should be set to: its layers, with the template filled from what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.budget import Claims, compile_claims, typed_values
from setpoint.config.observation import OriginKind
from setpoint.config.resolve import Resolved, resolve
from setpoint.config.view import layers_of, template_of
from setpoint.engines.registry import template_texts
from setpoint.templates import Library
from setpoint.templates.fill import Filled, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog, Value
    from setpoint.config.configuration import Configuration, SettingText, TemplateUse
    from setpoint.config.facts import Facts
    from setpoint.config.layers import Layer
    from setpoint.config.observation import Observation
    from setpoint.engines.port import Engine


@dataclass(frozen=True)
class Desired:
    """An instance's desired settings, with what they rest on."""

    resolved: dict[str, Resolved]
    filled: Filled | None
    facts: Facts
    claims: Claims

    def texts(self) -> dict[str, SettingText]:
        """Answer the bare texts."""
        return {name: setting.text for name, setting in self.resolved.items()}


def desired_of(
    engine: Engine,
    configuration: Configuration,
    observation: Observation,
    catalog: Catalog,
    *,
    revision: str,
    at: datetime,
    overrides: Sequence[Layer] = (),
) -> Desired:
    """Work out what the observed instance should be set to, at a time; `overrides` are its topmost layers.

    Raises `OverBudgetError` when its template cannot fit the host, `NotFoundError` for a template that is not
    there.
    """
    name = observation.instance
    instance = configuration.instance(name)
    facts = observation.facts.with_declared(instance.facts)
    claims = claims_of(engine, catalog)
    use = template_of(configuration, instance)
    filled: Filled | None = None
    if use is not None:
        current = typed_values({**_given_texts(observation), **_above(configuration, name, at)}, catalog)
        filled = fill_template(engine, use, claims, facts, current)
    layers = layers_of(
        configuration,
        name,
        revision=revision,
        template_settings=filled.texts() if filled is not None else None,
        overrides=overrides,
    )
    resolved = resolve([_listed(layer, catalog) for layer in layers], at)
    return Desired(resolved, filled, facts, claims)


def fill_for(
    engine: Engine,
    configuration: Configuration,
    observation: Observation,
    catalog: Catalog,
    use: TemplateUse,
    *,
    at: datetime,
) -> Filled:
    """Fill any template for the observed instance, whichever it uses now; raises as `desired_of` does."""
    name = observation.instance
    facts = observation.facts.with_declared(configuration.instance(name).facts)
    current = typed_values({**_given_texts(observation), **_above(configuration, name, at)}, catalog)
    return fill_template(engine, use, claims_of(engine, catalog), facts, current)


def claims_of(engine: Engine, catalog: Catalog) -> Claims:
    """Answer an engine's memory claims, compiled for a catalog."""
    return compile_claims(engine.claims(), catalog)


def _above(configuration: Configuration, name: str, at: datetime) -> dict[str, SettingText]:
    """Answer what the layers above the template say."""
    layers = layers_of(configuration, name, revision="", template_settings=None)
    return {key: setting.text for key, setting in resolve(layers, at).items()}


def fill_template(
    engine: Engine, use: TemplateUse, claims: Claims, facts: Facts, current: Mapping[str, Value]
) -> Filled:
    """Fill a pinned template for one host."""
    template = library_of(engine.name, engine).get(engine.name, use.name, use.version)
    return prepare(template, claims).fill(facts, inputs=use.inputs, current=current)


@lru_cache(maxsize=8)
def library_of(engine_name: str, engine: Engine) -> Library:
    """Read an engine's shipped templates, once."""
    return Library.read({f"{engine_name}/{source}": text for source, text in template_texts(engine)})


def running_texts(observation: Observation) -> dict[str, SettingText]:
    """Answer the instance's own running values."""
    return {
        name: setting.value for name, setting in observation.settings.items() if setting.value is not None
    }


def _given_texts(observation: Observation) -> dict[str, SettingText]:
    """Answer the running values that somebody gave.

    What the engine works out itself (its default, what it tunes from other settings) follows those settings
    and must not be taken for a decision: filling after the restart would come to another answer.
    """
    own = {OriginKind.DEFAULT, OriginKind.BUILD}
    return {
        name: text
        for name, text in running_texts(observation).items()
        if (origin := observation.settings[name].in_force) is not None and origin.kind not in own
    }


def _listed(layer: Layer, catalog: Catalog) -> Layer:
    """Answer a layer under the instance's own names: some engines know a parameter by several spellings."""
    settings = {listed_name(catalog, name): text for name, text in layer.settings.items()}
    return msgspec.structs.replace(layer, settings=settings)


def listed_name(catalog: Catalog, name: str) -> str:
    """Answer a name as the instance lists it (``TimeZone`` for ``timezone``); an unknown one as it is."""
    parameter = catalog.find(name)
    return parameter.name if parameter is not None else name

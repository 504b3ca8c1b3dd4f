"""The compiled view: effective settings of a whole fleet, answered from memory.

What instances share (engine, group, filled template) is resolved once and shared; an instance keeps only what
is its own. So a lookup is two dictionary reads, and 100 000 instances of 300 settings fit in a fraction of
the memory they would take if each were resolved alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from setpoint.config.layers import Layer, LayerKind
from setpoint.config.resolve import Resolved, resolve
from setpoint.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from setpoint.config.configuration import Configuration, Instance, SettingText, TemplateUse

    Filled = Callable[[str], Mapping[str, SettingText] | None]
    """Answers the settings an instance's template came to; the same mapping for instances that share them."""

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""Shared layers have no end, so any time resolves them."""


def layers_of(
    configuration: Configuration,
    name: str,
    *,
    revision: str,
    template_settings: Mapping[str, SettingText] | None,
    overrides: Sequence[Layer] = (),
) -> list[Layer]:
    """Answer the layers that speak for one instance, lowest first; raise `NotFoundError`."""
    instance = configuration.instance(name)
    own = Layer(LayerKind.INSTANCE, name, instance.settings, revision)
    return [*_shared_layers(configuration, instance, revision, template_settings), own, *overrides]


class FleetView:
    """Effective settings of every instance of one configuration; immutable once built."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        revision: str,
        filled: Filled,
        overrides: Mapping[str, Sequence[Layer]] | None = None,
    ) -> None:
        self.configuration = configuration
        self.revision = revision
        self._overrides = overrides or {}
        self._shared: dict[tuple[str, str, str, int], dict[str, Resolved]] = {}
        self._filled: dict[int, Mapping[str, SettingText] | None] = {}
        self._base = {
            name: self._base_of(instance, filled(name)) for name, instance in configuration.instances.items()
        }

    def setting(self, instance: str, parameter: str, at: datetime) -> Resolved | None:
        """Answer one effective setting, or None when no layer manages it; raise `NotFoundError`."""
        base = self._base.get(instance)
        if base is None:
            raise NotFoundError(f"no instance is called {instance!r}")
        if instance in self._overrides:
            return self.settings(instance, at).get(parameter)
        own = self.configuration.instances[instance].settings
        if parameter not in own:
            return base.get(parameter)
        return self._own(instance, parameter, own[parameter], base)

    def settings(self, instance: str, at: datetime) -> dict[str, Resolved]:
        """Answer every effective setting of an instance."""
        base = self._base.get(instance)
        if base is None:
            raise NotFoundError(f"no instance is called {instance!r}")
        own = self.configuration.instances[instance].settings
        merged = dict(base)
        for parameter, text in own.items():
            setting = self._own(instance, parameter, text, base)
            if setting is None:
                merged.pop(parameter, None)
            else:
                merged[parameter] = setting
        for name, setting in resolve(self._overrides.get(instance, ()), at).items():
            before = merged.get(name)
            chain = (*before.chain, *setting.chain) if before is not None else setting.chain
            merged[name] = Resolved(setting.text, chain)
        return merged

    def _own(
        self, instance: str, parameter: str, text: SettingText, base: Mapping[str, Resolved]
    ) -> Resolved | None:
        if text is None:
            return None
        layer = Layer(
            LayerKind.INSTANCE, instance, self.configuration.instances[instance].settings, self.revision
        )
        below = base.get(parameter)
        return Resolved(text, (*below.chain, layer) if below is not None else (layer,))

    def _base_of(self, instance: Instance, settings: Mapping[str, SettingText] | None) -> dict[str, Resolved]:
        template = template_of(self.configuration, instance)
        key = (instance.engine, instance.group, str(template or ""), id(settings))
        if key not in self._shared:
            self._filled[id(settings)] = settings  # kept alive, so that its identity stays its own
            layers = _shared_layers(self.configuration, instance, self.revision, settings)
            self._shared[key] = resolve(layers, _ALWAYS)
        return self._shared[key]


def template_of(configuration: Configuration, instance: Instance) -> TemplateUse | None:
    """Answer the template that counts for an instance: its own, else its group's."""
    group = configuration.groups.get(instance.group)
    return instance.template or (group.template if group is not None else None)


def _shared_layers(
    configuration: Configuration,
    instance: Instance,
    revision: str,
    template_settings: Mapping[str, SettingText] | None,
) -> list[Layer]:
    layers: list[Layer] = []
    group = configuration.groups.get(instance.group)
    template = template_of(configuration, instance)
    if template is not None and template_settings is not None:
        layers.append(Layer(LayerKind.TEMPLATE, str(template), template_settings, revision))
    fleet = configuration.fleet.get(instance.engine)
    if fleet:
        layers.append(Layer(LayerKind.FLEET, instance.engine, fleet, revision))
    if group is not None and group.settings:
        layers.append(Layer(LayerKind.GROUP, instance.group, group.settings, revision))
    return layers

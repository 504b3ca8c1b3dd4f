"""An instance as it was last seen, and its parameters as evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from setpoint.config.variables import fact_values
from setpoint.policy.compliance import Exhibit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Catalog
    from setpoint.config.observation import Observation
    from setpoint.config.variables import Primitive
    from setpoint.policy.intent import Subject


@dataclass(frozen=True)
class Seen:
    """An instance as it was last seen; many controls look at the same few parameters, so these are kept."""

    subject: Subject
    observation: Observation
    _exhibits: dict[str, Exhibit] = field(default_factory=dict[str, Exhibit], compare=False, repr=False)

    @cached_property
    def facts(self) -> Mapping[str, Primitive | None]:
        """The facts by the names formulas use."""
        return fact_values(self.subject.facts)

    @property
    def catalog(self) -> Catalog:
        """The live catalog."""
        return self.subject.catalog

    def exhibit(self, name: str) -> Exhibit:
        """Answer what a parameter, as the catalog lists it, runs with and from where."""
        found = self._exhibits.get(name)
        if found is None:
            found = self._exhibits[name] = self._exhibit(name)
        return found

    def _exhibit(self, name: str) -> Exhibit:
        observed = self.observation.settings.get(name)
        if observed is None or observed.value is None:
            return Exhibit(parameter=name, text=None)
        origin = observed.in_force
        text = self.catalog.show(name, observed.value)
        return Exhibit(parameter=name, text=text, origin="" if origin is None else str(origin))

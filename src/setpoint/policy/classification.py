"""Which classes an engine's parameters are of, as its ``classes.yaml`` says.

::

    engine: postgresql
    categories:
      Write-Ahead Log: [durability, performance]
      Write-Ahead Log / Archiving: [durability, replication]
    parameters:
      - names: [fsync]
        classes: [durability, data integrity]
        why: Without it a crash of the host can lose or corrupt everything written since the last checkpoint.
        source: PostgreSQL documentation, 19.5.1

A parameter that is named has the classes given there. Any other has those of its category, or of the longest
one above it (``A / B`` lies in ``A``); so a parameter of a later version is classified too. What no category
knows is of class performance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.config.document import Faults, Sequence, read_yaml
from setpoint.policy.classes import ParameterClass
from setpoint.policy.document_fields import Fields, Page
from setpoint.policy.document_values import parse_class, parse_prose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Parameter

OTHERWISE = (ParameterClass.PERFORMANCE,)
"""The classes of a parameter that nothing classifies."""

_ABOVE = " / "
_TOP = ("engine", "categories", "parameters")
_NAMED = ("names", "classes", "why", "source")


@dataclass(frozen=True, slots=True)
class Classified:
    """One named parameter: its classes, and why it has them."""

    classes: tuple[ParameterClass, ...]
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class Classification:
    """The classes of one engine's parameters; make it with `read_classification`.

    `named` is by parameter name in lower case.
    """

    engine: str
    categories: Mapping[str, tuple[ParameterClass, ...]]
    named: Mapping[str, Classified]

    def classes_of(self, parameter: Parameter) -> tuple[ParameterClass, ...]:
        """Answer a parameter's classes, at least one, in the order of `ParameterClass`."""
        found = self.named.get(parameter.name.lower())
        if found is not None:
            return found.classes
        category = parameter.category
        while category:
            if category in self.categories:
                return self.categories[category]
            category = category.rpartition(_ABOVE)[0]
        return OTHERWISE

    def why(self, parameter: Parameter) -> tuple[str, str]:
        """Answer why a parameter has its classes, and the source; both empty where only its category says."""
        found = self.named.get(parameter.name.lower())
        return (found.why, found.source) if found is not None else ("", "")


def read_classification(text: str, source: str) -> Classification:
    """Read an engine's classes; raise `InputErrors` naming every fault with its line and column."""
    faults = Faults()
    page = Page(faults, text)
    fields = Fields(read_yaml(text, source, faults), page, "the document", _TOP, needed=_TOP)
    categories = {
        key: _classes(fields.below("categories"), key) for key in fields.below("categories").entries
    }
    named: dict[str, Classified] = {}
    for node in fields.items("parameters"):
        entry = Fields(node, page, "an entry", _NAMED, needed=_NAMED)
        classified = Classified(
            _classes(entry, "classes"),
            entry.value("why", parse_prose, ""),
            entry.value("source", parse_prose, ""),
        )
        for name in entry.values("names", str):
            if name.lower() in named:
                entry.fault("names", f"{name!r} stands twice", "keep one of them")
            named[name.lower()] = classified
    found = Classification(fields.value("engine", str, ""), categories, named)
    faults.raise_any()
    return found


def _classes(fields: Fields, key: str) -> tuple[ParameterClass, ...]:
    """Read classes in the order in which they are declared, which is the order people see everywhere."""
    if key in fields.entries and not isinstance(fields.entries[key], Sequence):
        fields.fault(key, "a list of classes is expected here")
        return OTHERWISE
    given = fields.values(key, parse_class)
    return tuple(each for each in ParameterClass if each in given) or OTHERWISE

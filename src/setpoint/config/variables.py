"""What a formula may name: facts and parameters as typed variables, and their values in one base per type.

Sizes are bytes and durations microseconds whatever unit a parameter is kept in, so that `shared_buffers /
4` and `maintenance_work_mem * 3` mean what they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from setpoint.catalog import Dimension, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Catalog, Grammar, Parameter, UnitSystem, Value
    from setpoint.config.facts import Facts

Primitive = bool | int | float | str
"""A formula's value: bytes, microseconds, a plain number, a truth or a text."""


class Type(Enum):
    """The types of the formula language; the value is the word shown to people."""

    BYTES = "size"
    DURATION = "duration"
    NUMBER = "number"
    BOOL = "truth"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Variable:
    """A name a formula may use. `words` are the only texts a text variable can have, empty when any."""

    name: str
    type: Type
    words: tuple[str, ...] = ()


FACTS: Mapping[str, Variable] = {
    variable.name: variable
    for variable in (
        Variable("ram", Type.BYTES),
        Variable("vcpu", Type.NUMBER),
        Variable("connections", Type.NUMBER),
        Variable("data_size", Type.BYTES),
        Variable("storage", Type.TEXT, ("hdd", "ssd", "nvme", "network")),
        Variable("role", Type.TEXT, ("primary", "standby")),
        Variable("neighbours", Type.BYTES),
        Variable("is_container", Type.BOOL),
    )
}
"""The facts a formula may name."""

_DIMENSIONS = {Dimension.BYTES: Type.BYTES, Dimension.MICROSECONDS: Type.DURATION}
_KINDS = {
    Kind.BOOL: Type.BOOL,
    Kind.INTEGER: Type.NUMBER,
    Kind.FLOAT: Type.NUMBER,
    Kind.SIZE: Type.BYTES,
    Kind.DURATION: Type.DURATION,
    Kind.ENUM: Type.TEXT,
    Kind.STRING: Type.TEXT,
}


_ROUNDING = 1e-9
"""What a division may fall short of a whole number of units."""


def fact_values(facts: Facts) -> dict[str, Primitive | None]:
    """Answer the facts by the names formulas use; None means not known."""
    return {
        "ram": facts.ram_bytes,
        "vcpu": facts.vcpu,
        "connections": facts.connections,
        "data_size": facts.data_bytes,
        "storage": facts.storage,
        "role": None if facts.role == "unknown" else facts.role,
        "neighbours": facts.neighbours_bytes,
        "is_container": facts.is_container,
    }


def type_of(parameter: Parameter, grammar: Grammar) -> Type | None:
    """Answer the formula type of a parameter's values; None for lists, which formulas cannot use."""
    unit = parameter.unit_of(grammar)
    return _DIMENSIONS[unit.dimension] if unit else _KINDS.get(parameter.kind)


def parameter_variables(catalog: Catalog) -> dict[str, Variable]:
    """Answer a variable for every parameter that formulas can use."""
    types = ((parameter.name, type_of(parameter, catalog.grammar)) for parameter in catalog.parameters)
    return {name: Variable(name, type_) for name, type_ in types if type_ is not None}


def to_base(value: Value | None, parameter: Parameter, grammar: Grammar) -> Primitive | None:
    """Turn a parameter's value into bytes or microseconds; special ones such as -1 stay negative."""
    if isinstance(value, tuple):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        unit = parameter.unit_of(grammar)
        return value * unit.factor if unit else value
    return value


def from_base(value: Primitive, parameter: Parameter, grammar: Grammar) -> bool | int | float | str:
    """Turn bytes, microseconds or a number into the parameter's own unit, within its bounds.

    Rounded down to whole units where the engine keeps no others.
    """
    if isinstance(value, (bool, str)):
        return value
    unit = parameter.unit_of(grammar)
    amount = value / unit.factor if unit else value
    if parameter.is_integral and parameter.kind is not Kind.FLOAT:
        amount = math.floor(amount + _ROUNDING)
    amount = amount if parameter.min is None else max(amount, parameter.min)
    return amount if parameter.max is None else min(amount, parameter.max)


def show(value: Primitive | None, type_: Type, units: UnitSystem) -> str:
    """Write a value for people: ``4GB``, ``1.5GB``, ``30s``, ``0.9``, ``true``; None is ``unknown``."""
    if value is None or isinstance(value, (bool, str)):
        return _WORDS.get(value, str(value))
    dimension = next((each for each, known in _DIMENSIONS.items() if known is type_), None)
    if dimension is None or not value:
        return f"{value:.12g}"
    for unit in units.of(dimension):
        if value % unit.factor == 0:
            return f"{int(value // unit.factor)}{unit.name}"
        if abs(value) >= unit.factor:
            return f"{value / unit.factor:.1f}{unit.name}"
    return f"{value:.6g} {dimension.value}"


_WORDS: Mapping[bool | str | None, str] = {None: "unknown", True: "true", False: "false"}

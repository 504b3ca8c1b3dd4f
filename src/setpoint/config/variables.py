"""What a formula may name: facts and parameters as typed variables, and their values in one base per type.

Sizes are bytes and durations microseconds whatever unit a parameter is kept in, so that `shared_buffers / 4` and
`maintenance_work_mem * 3` mean what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from setpoint.catalog import Dimension, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Catalog, Grammar, Parameter, UnitSystem, Value
    from setpoint.config.facts import Facts

Scalar = bool | int | float | str
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


def fact_values(facts: Facts) -> dict[str, Scalar | None]:
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
    """Answer the formula type of a parameter's values; None for lists and flag sets, which formulas cannot use."""
    unit = parameter.unit_of(grammar)
    return _DIMENSIONS[unit.dimension] if unit else _KINDS.get(parameter.kind)


def parameter_variables(catalog: Catalog) -> dict[str, Variable]:
    """Answer a variable for every parameter that formulas can use."""
    types = ((parameter.name, type_of(parameter, catalog.grammar)) for parameter in catalog.parameters)
    return {name: Variable(name, type_) for name, type_ in types if type_ is not None}


def to_base(value: Value | None, parameter: Parameter, grammar: Grammar) -> Scalar | None:
    """Turn a parameter's value into bytes or microseconds where it has a unit; special values such as -1 stay negative."""
    if isinstance(value, tuple):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        unit = parameter.unit_of(grammar)
        return value * unit.factor if unit else value
    return value


def show(value: Scalar | None, type_: Type, units: UnitSystem) -> str:
    """Write a value for people: ``4GB``, ``1.5GB``, ``30s``, ``0.9``, ``true``; None is ``unknown``."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    dimension = {Type.BYTES: Dimension.BYTES, Type.DURATION: Dimension.MICROSECONDS}.get(type_)
    if dimension is None or not value:
        return f"{value:.12g}"
    for unit in units.of(dimension):
        if value % unit.factor == 0:
            return f"{int(value // unit.factor)}{unit.name}"
        if abs(value) >= unit.factor:
            return f"{value / unit.factor:.1f}{unit.name}"
    return f"{value:.6g} {dimension.value}"

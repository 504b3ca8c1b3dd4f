"""Canonical values: what a text means to an engine, in units that are the same for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.catalog import Dimension, Kind
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Catalog, Grammar, Parameter
    from setpoint.config.dump import Canonical

_UNITS = {Dimension.BYTES: ("B", 1), Dimension.MICROSECONDS: ("ms", 1000)}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a text means: the canonical value and its unit, or why the engine would refuse it."""

    value: Canonical | None
    unit: str | None = None
    fault: str = ""


def canonical(parameter: Parameter, text: str, grammar: Grammar) -> Meaning:
    """Answer what a text means as the value of a parameter, within its bounds."""
    try:
        value = parameter.parse(text, grammar)
    except InputError as fault:
        return Meaning(None, None, str(fault))
    if isinstance(value, tuple):
        return Meaning(text.strip())
    if isinstance(value, (bool, str)):
        return Meaning(value)
    return amount(value, parameter, grammar)


def amount(value: float, parameter: Parameter, grammar: Grammar) -> Meaning:
    """Answer a number in the parameter's own unit as bytes or milliseconds.

    A negative number of a size or a duration is no amount: it stands for something else ("as another
    parameter says"), and stays as it is, without a unit.
    """
    unit = parameter.unit_of(grammar)
    if parameter.kind not in {Kind.SIZE, Kind.DURATION} or unit is None or value < 0:
        return Meaning(value)
    name, step = _UNITS[unit.dimension]
    if isinstance(value, int):  # exact above 2^53 too
        whole, rest = divmod(value * unit.factor, step)
        return Meaning(whole if not rest else value * unit.factor / step, name)
    total = value * unit.factor / step
    return Meaning(int(total) if total.is_integer() else total, name)


def text_of(value: Canonical, unit: str | None, parameter: Parameter, grammar: Grammar) -> str:
    """Answer a canonical value as the engine would show it in the parameter's own unit."""
    own = parameter.unit_of(grammar)
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or unit is None or own is None:
        return parameter.format(value, grammar)
    step = next(step for name, step in _UNITS.values() if name == unit)
    if isinstance(value, int):
        whole, rest = divmod(value * step, own.factor)
        return str(whole) if not rest else str(value * step / own.factor)
    amount_own = value * step / own.factor
    return str(int(amount_own)) if amount_own.is_integer() else str(amount_own)


def canonical_among(catalogs: tuple[Catalog, ...], name: str, text: str) -> Meaning | None:
    """Answer what a text means by the first catalog that knows the name and takes the text.

    The first one's fault where all that know the name refuse it, None where none knows it. For a file that
    does not tell its version: refused is only what every version refuses.
    """
    faults: list[Meaning] = []
    for catalog in catalogs:
        parameter = catalog.find(name)
        if parameter is None:
            continue
        meaning = canonical(parameter, text, catalog.grammar)
        if not meaning.fault:
            return meaning
        faults.append(meaning)
    return faults[0] if faults else None

"""Types: what a text means where a running server told it, whose word is not judged again.

A row of pg_settings brings its own type and unit; these are believed before any catalog, since units changed
between versions (`wal_segment_size`, `max_wal_size`). Where a file brings none, the catalogs speak, without
their bounds.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from setpoint.catalog import Context, Kind, Parameter
from setpoint.catalog.units import Dimension
from setpoint.engines.canonical import Meaning, amount
from setpoint.engines.meanings import Meanings
from setpoint.engines.postgresql.dialect.grammar import GRAMMAR
from setpoint.engines.postgresql.dialect.knowledge import OCTAL

if TYPE_CHECKING:
    from setpoint.catalog import Unit

MEANINGS = Meanings("postgresql")
VARTYPES = frozenset({"bool", "enum", "integer", "real", "string"})
_NUMBERS = frozenset({"integer", "real"})
_KINDS = {Dimension.BYTES: Kind.SIZE, Dimension.MICROSECONDS: Kind.DURATION}
_BOOLEANS = {"on": True, "off": False, "true": True, "false": False}
_LONGEST_NUMBER = 40


def parameter_of(name: str, version: str | None) -> Parameter | None:
    """Answer what the catalogs know of a name."""
    return _parameter_of(name, version) if len(name) <= _LONGEST_NUMBER * 2 else None


@lru_cache(maxsize=8192)
def _parameter_of(name: str, version: str | None) -> Parameter | None:
    return MEANINGS.parameter(name, version)


def told(
    name: str, text: str, version: str | None, vartype: str | None = None, unit: str | None = None
) -> Meaning:
    """Answer what a running server's text means, by the type and unit told, else by the catalogs."""
    parameter = _typed(name, version, vartype, unit)
    if parameter is None:
        return guessed(text)
    return _lenient(parameter, text)


def guessed(text: str) -> Meaning:
    """Answer what a text means that nothing is known about: a boolean, a plain number, else itself."""
    folded = text.strip().lower()
    if folded in _BOOLEANS:
        return Meaning(_BOOLEANS[folded])
    number = _number(folded)
    return Meaning(text if number is None else number)


def _typed(name: str, version: str | None, vartype: str | None, unit: str | None) -> Parameter | None:
    base = GRAMMAR.units.find(unit) if unit and len(unit) <= _LONGEST_NUMBER else None
    known = parameter_of(name, version)
    if vartype in VARTYPES:
        is_octal = name.lower() in OCTAL
        own = base or (known.unit_of(GRAMMAR) if known is not None and vartype in _NUMBERS else None)
        return _made(vartype or "", own, is_octal=is_octal)
    if known is not None and base is not None and known.is_numeric:
        return _made("integer" if known.is_integral else "real", base, is_octal=False)
    if known is None and base is not None:
        return _made("real", base, is_octal=False)
    return known


@lru_cache(maxsize=256)
def _made(vartype: str, unit: Unit | None, *, is_octal: bool) -> Parameter:
    kind = {"bool": Kind.BOOL, "integer": Kind.INTEGER, "real": Kind.FLOAT}.get(vartype, Kind.STRING)
    if unit is not None and vartype in _NUMBERS:
        kind = _KINDS[unit.dimension]
    return Parameter(
        name=vartype,
        kind=kind,
        context=Context.FIXED,
        unit=unit.name if unit is not None and vartype in _NUMBERS else None,
        is_integral=vartype != "real",
        radix=8 if is_octal else 10,
    )


def _lenient(parameter: Parameter, text: str) -> Meaning:
    """Read by type alone; what the type does not take stays a number or a text."""
    try:
        value = parameter.read(text, GRAMMAR)
    except ValueError:
        number = _number(text.strip())
        return Meaning(text) if number is None else amount(number, parameter, GRAMMAR)
    if isinstance(value, tuple):
        return Meaning(text.strip())
    if isinstance(value, (bool, str)):
        return Meaning(value)
    return amount(value, parameter, GRAMMAR) if math.isfinite(value) else Meaning(text)


def _number(text: str) -> int | float | None:
    """Answer a plain decimal number, None for anything else."""
    if not text or len(text) > _LONGEST_NUMBER or not text.isascii() or "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None

"""How the simulated engine writes values: plain rules that still exercise every kind of value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Dimension, Unit, UnitSystem
from setpoint.catalog.catalog import CatalogData
from setpoint.config.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.catalog import Parameter, Value
    from setpoint.config.configuration import SettingText

NAME = "simulated"
_POOL_STEP = 64
_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)\s*")
_WORDS = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}

UNITS = UnitSystem(
    (
        Unit("GB", Dimension.BYTES, 1024**3),
        Unit("MB", Dimension.BYTES, 1024**2),
        Unit("kB", Dimension.BYTES, 1024),
        Unit("B", Dimension.BYTES, 1),
        Unit("min", Dimension.MICROSECONDS, 60_000_000),
        Unit("s", Dimension.MICROSECONDS, 1_000_000),
        Unit("ms", Dimension.MICROSECONDS, 1_000),
        Unit("us", Dimension.MICROSECONDS, 1),
    )
)


@dataclass(frozen=True)
class SimulatedGrammar:
    """The `Grammar` port for the simulated engine."""

    units: UnitSystem = UNITS

    def fold_name(self, name: str) -> str:
        """Names are kept in lower case."""
        return name.lower()

    def read_bool(self, text: str) -> bool:
        """Read on, off, true, false, 1 or 0."""
        word = text.strip().lower()
        if word not in _WORDS:
            raise ValueError(f"{text!r} is no boolean")
        return _WORDS[word]

    def read_integer(self, text: str, unit: Unit | None) -> int:
        """Read a number and round it to whole units."""
        return round(self.read_real(text, unit))

    def read_real(self, text: str, unit: Unit | None) -> float:
        """Read a number with an optional unit word."""
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no number")
        if not match[2]:
            return float(match[1])
        word = self.units.find(match[2])
        if word is None or unit is None or word.dimension is not unit.dimension:
            raise ValueError(f"{match[2]!r} is no unit of it")
        return float(match[1]) * word.factor / unit.factor

    def read_list(self, text: str) -> tuple[str, ...]:
        """Split at commas."""
        return tuple(item.strip() for item in text.split(",")) if text.strip() else ()

    def write_bool(self, *, value: bool) -> str:
        """Write on or off."""
        return "on" if value else "off"

    def write_list(self, items: Sequence[str]) -> str:
        """Join with commas."""
        return ", ".join(items)


GRAMMAR = SimulatedGrammar()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the simulated server says of itself: settings by place, and the running ones."""

    running: dict[str, str]
    persisted: dict[str, str]
    command_line: dict[str, str]
    facts: Facts
    metrics: dict[str, float]
    catalog: CatalogData


def running_text(parameter: Parameter, text: str) -> str:
    """Answer what the server runs when it loads a text; it rounds pools up to whole steps."""
    value = parameter.parse(text, GRAMMAR)
    if parameter.name == "pool_pages" and isinstance(value, int):
        value = -(-value // _POOL_STEP) * _POOL_STEP
    return default_text(value)


def plain_text(text: SettingText) -> str | None:
    """Write a text as the server keeps it, None for no entry."""
    return GRAMMAR.write_list(text) if isinstance(text, tuple) else text


def default_text(default: Value | None) -> str:
    """Write a catalog default as a text of the engine."""
    if isinstance(default, bool):
        return GRAMMAR.write_bool(value=default)
    return GRAMMAR.write_list(default) if isinstance(default, tuple) else str(default)

"""Units the way one engine means them.

A unit is a factor over a dimension's smallest step: bytes for sizes, microseconds for durations. Which words
exist and whether their case matters belongs to the engine (PostgreSQL: ``GB`` is 2^30 bytes and ``gb`` is an
error), so a `UnitSystem` is handed in by the engine and never guessed here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

_COUNTED = re.compile(r"(\d*)\s*([^\d\s].*)")


class Dimension(Enum):
    """What a unit measures; the value names the step that factors count."""

    BYTES = "bytes"
    MICROSECONDS = "microseconds"


@dataclass(frozen=True, slots=True)
class Unit:
    """A named amount: ``Unit("8kB", BYTES, 8192)`` is eight kilobytes."""

    name: str
    dimension: Dimension
    factor: int


@dataclass(frozen=True)
class UnitSystem:
    """All the unit words of one engine, each dimension from the largest to the smallest."""

    units: tuple[Unit, ...]
    is_case_sensitive: bool = True

    @cached_property
    def _by_word(self) -> dict[str, Unit]:
        return {self._fold(unit.name): unit for unit in self.units}

    def _fold(self, word: str) -> str:
        return word if self.is_case_sensitive else word.lower()

    def find(self, word: str) -> Unit | None:
        """Answer the unit a word names, a counted one (``8kB``) included, or None."""
        match = _COUNTED.fullmatch(word)
        if match is None:
            return None
        unit = self._by_word.get(self._fold(match[2]))
        if unit is None or not match[1]:
            return unit
        return Unit(word, unit.dimension, unit.factor * int(match[1]))

    def of(self, dimension: Dimension) -> tuple[Unit, ...]:
        """Answer a dimension's units, largest first."""
        return tuple(unit for unit in self.units if unit.dimension is dimension)

    def next_smaller(self, unit: Unit) -> Unit | None:
        """Answer the unit one step below in the same dimension, or None."""
        smaller = [other for other in self.of(unit.dimension) if other.factor < unit.factor]
        return smaller[0] if smaller else None

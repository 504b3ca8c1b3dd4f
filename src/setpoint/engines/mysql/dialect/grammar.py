"""How MySQL and MariaDB read and write values.

Option files take suffixes (``64M``), statements take bare numbers: a text means here what it means in an
option file, and units that people write (``64MB``, ``30s``) are taken besides. Sources: the manual's "Using
Option Values with Numeric Suffixes" and "Boolean options"; what the servers read back was compared live.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.catalog import Dimension, Unit, UnitSystem

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTES, _TIME = Dimension.BYTES, Dimension.MICROSECONDS
_LETTERS = "KMGTPE"
_SUFFIXES = {letter: 1 << (10 * (number + 1)) for number, letter in enumerate(_LETTERS)}

UNITS = UnitSystem(
    (
        *(Unit(letter, _BYTES, _SUFFIXES[letter]) for letter in reversed(_LETTERS)),
        *(Unit(f"{letter}B", _BYTES, _SUFFIXES[letter]) for letter in reversed(_LETTERS)),
        Unit("B", _BYTES, 1),
        Unit("d", _TIME, 86_400_000_000),
        Unit("h", _TIME, 3_600_000_000),
        Unit("min", _TIME, 60_000_000),
        Unit("s", _TIME, 1_000_000),
        Unit("ms", _TIME, 1_000),
        Unit("us", _TIME, 1),
    ),
    is_case_sensitive=False,
)

_INTEGER = re.compile(r"([-+]?\d+)\s*([A-Za-z]*)")
_REAL = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)")
_BOOLS = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
_LOOSE = "loose_"


@dataclass(frozen=True, slots=True)
class MysqlGrammar:
    """The spelling rules of both, the same in all supported versions."""

    units: UnitSystem = UNITS

    def fold_name(self, name: str) -> str:
        """Answer a name as the server lists it: lower case, ``_`` for ``-``, without ``loose-``."""
        return name.lower().replace("-", "_").removeprefix(_LOOSE)

    def read_bool(self, text: str) -> bool:
        """Read ``on off true false 1 0`` in any case; raise `ValueError`."""
        word = text.strip().lower()
        if word not in _BOOLS:
            message = f"{text!r} is not a boolean (ON, OFF)"
            raise ValueError(message)
        return _BOOLS[word]

    def read_integer(self, text: str, unit: Unit | None) -> int:
        """Read an integer in multiples of `unit`; a suffix counts by 1024. Raise `ValueError`."""
        match = _INTEGER.fullmatch(text.strip())
        if match is None:
            message = f"{text!r} is not a whole number"
            raise ValueError(message)
        amount, word = int(match[1]), match[2]
        if not word:
            return amount
        if unit is None:
            return amount * self._suffix(word)
        given = self._unit(word, unit)
        whole, rest = divmod(amount * given.factor, unit.factor)
        if rest:
            message = f"{text!r} is no whole number of {unit.name}"
            raise ValueError(message)
        return whole

    def read_real(self, text: str, unit: Unit | None) -> float:
        """Read a number in multiples of `unit`; raise `ValueError`."""
        match = _REAL.fullmatch(text.strip())
        if match is None:
            message = f"{text!r} is not a number"
            raise ValueError(message)
        if not match[2]:
            return float(match[1])
        if unit is None:
            message = f"{text!r} has a unit, and the parameter takes none"
            raise ValueError(message)
        return float(match[1]) * (self._unit(match[2], unit).factor / unit.factor)

    def read_list(self, text: str) -> tuple[str, ...]:
        """Split at commas; empty items are dropped."""
        return tuple(item for item in (part.strip() for part in text.split(",")) if item)

    def write_bool(self, *, value: bool) -> str:
        """Write ``ON`` or ``OFF``."""
        return "ON" if value else "OFF"

    def write_list(self, items: Sequence[str]) -> str:
        """Join with commas, without spaces: the server takes a space for a part of a word."""
        return ",".join(items)

    def _suffix(self, word: str) -> int:
        if word.upper() not in _SUFFIXES:
            message = f"{word!r} is no suffix of a number ({', '.join(_LETTERS)})"
            raise ValueError(message)
        return _SUFFIXES[word.upper()]

    def _unit(self, word: str, unit: Unit) -> Unit:
        given = self.units.find(word)
        if given is None or given.dimension is not unit.dimension:
            words = ", ".join(other.name for other in self.units.of(unit.dimension))
            message = f"{word!r} is not a unit it takes ({words})"
            raise ValueError(message)
        return given


GRAMMAR = MysqlGrammar()
"""The one grammar."""

"""How values and names are read and written.

sp_configure takes whole numbers alone, in the unit its option's name ends with. So the unit words are ours:
a size or a duration is written as people do, and must come to a whole number of the option's own units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from setpoint.catalog import Dimension, Unit, UnitSystem

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTES, _TIME = Dimension.BYTES, Dimension.MICROSECONDS
UNITS = UnitSystem(
    (
        Unit("TB", _BYTES, 1 << 40),
        Unit("GB", _BYTES, 1 << 30),
        Unit("MB", _BYTES, 1 << 20),
        Unit("KB", _BYTES, 1 << 10),
        Unit("B", _BYTES, 1),
        Unit("d", _TIME, 86_400_000_000),
        Unit("h", _TIME, 3_600_000_000),
        Unit("min", _TIME, 60_000_000),
        Unit("s", _TIME, 1_000_000),
    ),
    is_case_sensitive=False,
)
_NUMBER = re.compile(r"\s*([+-]?\d{1,18}(?:\.\d{1,9})?)\s*([A-Za-z]*)\s*")
_WORDS = {
    "1": True, "on": True, "true": True, "yes": True,
    "0": False, "off": False, "false": False, "no": False,
}  # fmt: skip
FOLDED = ((" ", "_"), ("-", "_"), ("/", "_"), ("(", ""), (")", ""), ("%", "percent"))
"""What becomes of the characters of a vendor's name that formulas and documents cannot hold."""


@lru_cache(maxsize=2_048)
def fold(name: str) -> str:
    """Answer our spelling of a name: ``max server memory (MB)`` is ``max_server_memory_mb``."""
    folded = name.strip().lower()
    for old, new in FOLDED:
        folded = folded.replace(old, new)
    return folded


@dataclass(frozen=True, slots=True)
class SqlServerGrammar:
    """The spelling rules of SQL Server, the same in all versions."""

    units: UnitSystem = UNITS

    def fold_name(self, name: str) -> str:
        """Answer our spelling; the vendor's own is taken wherever a catalog is asked."""
        return fold(name)

    def read_bool(self, text: str) -> bool:
        """Read ``1 0 on off true false yes no`` in any case; raise `ValueError`."""
        found = _WORDS.get(text.strip().lower())
        if found is None:
            message = f"{text!r} is not a boolean"
            raise ValueError(message)
        return found

    def read_integer(self, text: str, unit: Unit | None) -> int:
        """Read a whole number of units; raise `ValueError` where it comes to a fraction."""
        amount = self._amount(text, unit)
        if amount.denominator != 1:
            whole = f"whole number of {unit.name}" if unit is not None else "whole number"
            message = f"{text!r} is not a {whole}"
            raise ValueError(message)
        return int(amount)

    def read_real(self, text: str, unit: Unit | None) -> float:
        """Read a number; raise `ValueError`."""
        return float(self._amount(text, unit))

    def read_list(self, text: str) -> tuple[str, ...]:
        """Split at commas; no parameter of this engine is a list."""
        return tuple(item.strip() for item in text.split(",") if item.strip())

    def write_bool(self, *, value: bool) -> str:
        """Write 1 or 0, as sys.configurations does."""
        return "1" if value else "0"

    def write_list(self, items: Sequence[str]) -> str:
        """Join with commas."""
        return ", ".join(items)

    def _amount(self, text: str, unit: Unit | None) -> Fraction:
        match = _NUMBER.fullmatch(text)
        if match is None:
            message = f"{text!r} is not a number"
            raise ValueError(message)
        number, word = Fraction(match[1]), match[2]
        if not word:
            return number
        given = self.units.find(word)
        if unit is None or given is None or given.dimension is not unit.dimension:
            message = f"{word!r} is no unit of it"
            raise ValueError(message)
        return number * given.factor / unit.factor


GRAMMAR = SqlServerGrammar()

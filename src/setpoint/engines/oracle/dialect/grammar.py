"""How Oracle reads and writes values: numbers with K, M, G or T, TRUE and FALSE, lists of quoted words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.catalog import Dimension, Unit, UnitSystem

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTES, _TIME = Dimension.BYTES, Dimension.MICROSECONDS
UNITS = UnitSystem(
    (
        Unit("P", _BYTES, 1 << 50),
        Unit("T", _BYTES, 1 << 40),
        Unit("TB", _BYTES, 1 << 40),
        Unit("G", _BYTES, 1 << 30),
        Unit("GB", _BYTES, 1 << 30),
        Unit("M", _BYTES, 1 << 20),
        Unit("MB", _BYTES, 1 << 20),
        Unit("K", _BYTES, 1 << 10),
        Unit("KB", _BYTES, 1 << 10),
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
"""Oracle writes one letter; the longer words and the durations are ours, and never reach a statement."""

_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_BARE = re.compile(r"[^\s,'\"]+")
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class OracleGrammar:
    """The spelling rules of Oracle Database, the same in all supported versions."""

    units: UnitSystem = UNITS

    def fold_name(self, name: str) -> str:
        """Answer the name in lower case, as the views show it."""
        return name.lower()

    def read_bool(self, text: str) -> bool:
        """Read TRUE or FALSE, and the words people write for them, in any case; raise `ValueError`."""
        word = text.strip().lower()
        if word not in _TRUE | _FALSE:
            message = f"{text!r} is not a boolean"
            raise ValueError(message)
        return word in _TRUE

    def read_integer(self, text: str, unit: Unit | None) -> int:
        """Read a whole number of units; raise `ValueError`, also where a fraction would be left."""
        number = self._amount(text, unit)
        if not number.is_integer():
            message = f"{text!r} is no whole number of {unit.name if unit else 'units'}"
            raise ValueError(message)
        return int(number)

    def read_real(self, text: str, unit: Unit | None) -> float:
        """Read a number in multiples of `unit`; raise `ValueError`."""
        return self._amount(text, unit)

    def read_list(self, text: str) -> tuple[str, ...]:
        """Split at commas; quotes of either kind keep them, a doubled one stands for itself.

        Raise `ValueError` for a quote that is not closed.
        """
        items: list[str] = []
        position = 0
        while position < len(text):
            item, position = _scan_item(text, position)
            items.append(item)
        return tuple(item for item in items if item)

    def write_bool(self, *, value: bool) -> str:
        """Write ``TRUE`` or ``FALSE``."""
        return "TRUE" if value else "FALSE"

    def write_list(self, items: Sequence[str]) -> str:
        """Write one item as it is where it survives that; several in quotes, with commas between."""
        if len(items) == 1 and _BARE.fullmatch(items[0]):
            return items[0]
        return ", ".join(f"'{item.replace(chr(39), chr(39) * 2)}'" for item in items)

    def _amount(self, text: str, unit: Unit | None) -> float:
        match = _NUMBER.fullmatch(text)
        if match is None:
            message = f"{text!r} is not a number"
            raise ValueError(message)
        if not match[2]:
            return float(match[1])
        given = self.units.find(match[2])
        if given is None or (unit is not None and given.dimension is not unit.dimension):
            message = f"{match[2]!r} is not a unit it takes"
            raise ValueError(message)
        if unit is None:
            message = f"{text!r} has a unit, and the parameter takes none"
            raise ValueError(message)
        return float(match[1]) * given.factor / unit.factor


def _scan_item(text: str, start: int) -> tuple[str, int]:
    """Answer the item that begins here, and where the next one does."""
    position = start + len(text[start:]) - len(text[start:].lstrip())
    if text[position : position + 1] not in ("'", '"'):
        end = text.find(",", position)
        end = len(text) if end < 0 else end
        return text[position:end].strip(), end + 1
    quote, item = text[position], ""
    while True:
        end = text.find(quote, position + 1)
        if end < 0:
            message = f"{text!r} is not a list: a quote is not closed"
            raise ValueError(message)
        item += text[position + 1 : end]
        if text[end + 1 : end + 2] != quote:
            break
        item, position = item + quote, end + 1
    comma = text.find(",", end)
    if text[end + 1 : len(text) if comma < 0 else comma].strip():
        message = f"{text!r} is not a list: a comma is missing"
        raise ValueError(message)
    return item, len(text) if comma < 0 else comma + 1


GRAMMAR = OracleGrammar()
"""The one grammar."""

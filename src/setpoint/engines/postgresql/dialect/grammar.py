"""How PostgreSQL reads and writes values.

Follows the server's own readers (guc.c: `parse_int`, `parse_real`, `convert_to_base_unit`; bool.c:
`parse_bool`; varlena.c: `SplitGUCList`, `SplitDirectoriesString`) closely enough that a text means here
what it means there, roundings included.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
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
        Unit("kB", _BYTES, 1 << 10),
        Unit("B", _BYTES, 1),
        Unit("d", _TIME, 86_400_000_000),
        Unit("h", _TIME, 3_600_000_000),
        Unit("min", _TIME, 60_000_000),
        Unit("s", _TIME, 1_000_000),
        Unit("ms", _TIME, 1_000),
        Unit("us", _TIME, 1),
    )
)

_SPACE = " \t\n\v\f\r"
_INT_MAX = 2**31 - 1
_LONG_MAX = 2**63 - 1
_INTEGER = re.compile(rf"[{_SPACE}]*([+-]?)(0[xX](?=[0-9a-fA-F])[0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_REAL = re.compile(
    rf"[{_SPACE}]*([+-]?(?:0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
    r"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?))"
)
_BOOLS = (
    ("true", 1, True),
    ("false", 1, False),
    ("yes", 1, True),
    ("no", 1, False),
    ("on", 2, True),
    ("off", 2, False),
)
_BARE_ITEM = re.compile(r"[^\s,\"']+")
_NOT_AN_INTEGER = "is not a whole number"


@dataclass(frozen=True, slots=True)
class PostgresGrammar:
    """The spelling rules of PostgreSQL, the same in all supported versions."""

    units: UnitSystem = UNITS

    def fold_name(self, name: str) -> str:
        """Answer the name in lower case: PostgreSQL compares parameter names without case."""
        return name.lower()

    def read_bool(self, text: str) -> bool:
        """Read ``on off true false yes no 1 0`` or an unambiguous prefix, in any case; raise `ValueError`."""
        word = text.lower()
        if word in {"0", "1"}:
            return word == "1"
        for full, shortest, value in _BOOLS:
            if len(word) >= shortest and full.startswith(word):
                return value
        message = f"{text!r} is not a boolean"
        raise ValueError(message)

    def read_integer(self, text: str, unit: Unit | None) -> int:
        """Read an integer in multiples of `unit`, rounded half to even as the server rounds.

        Raise `ValueError`.
        """
        number, rest = _scan_integer(text)
        amount = self._in_base_units(text, number, rest, unit)
        value = round(amount) if math.isfinite(amount) else _LONG_MAX
        if not -_INT_MAX - 1 <= value <= _INT_MAX:
            message = f"{text!r} exceeds the range of a 32-bit integer"
            raise ValueError(message)
        return value

    def read_real(self, text: str, unit: Unit | None) -> float:
        """Read a floating-point number in multiples of `unit`; raise `ValueError`."""
        number, rest = _scan_real(text, "is not a number")
        return self._in_base_units(text, number, rest, unit)

    def read_list(self, text: str) -> tuple[str, ...]:
        """Split at commas; double quotes keep commas and spaces, a doubled one stands for itself.

        Raise `ValueError`.

        Items are taken as written, without folding case. An empty quoted item is dropped: it is how the
        server itself writes an empty list.
        """
        items: list[str] = []
        position, end = _skip_space(text, 0), len(text)
        while position < end:
            item, position = _scan_item(text, position)
            if item:
                items.append(item)
            position = _skip_space(text, position)
            if position == end:
                break
            if text[position] != ",":
                message = f"{text!r} is not a list: a comma is missing before {text[position:]!r}"
                raise ValueError(message)
            position = _skip_space(text, position + 1)
            if position == end:
                message = f"{text!r} is not a list: it ends with a comma"
                raise ValueError(message)
        return tuple(items)

    def write_bool(self, *, value: bool) -> str:
        """Write ``on`` or ``off``."""
        return "on" if value else "off"

    def write_list(self, items: Sequence[str]) -> str:
        """Join with commas; an item that would not survive bare is quoted."""
        return ", ".join(item if _BARE_ITEM.fullmatch(item) else quote_item(item) for item in items)

    def _in_base_units(self, text: str, number: float, rest: str, unit: Unit | None) -> float:
        word = rest.strip(_SPACE)
        if not word:
            return number
        if unit is None:
            message = f"{text!r} has a unit, and the parameter takes none"
            raise ValueError(message)
        given = self.units.find(word) if not word[0].isdigit() else None
        if given is None or given.dimension is not unit.dimension:
            words = ", ".join(other.name for other in self.units.of(unit.dimension))
            message = f"{word!r} is not a unit it takes ({words})"
            raise ValueError(message)
        amount = number * (given.factor / unit.factor)
        smaller = self.units.next_smaller(given)
        if smaller is None or not math.isfinite(amount):
            return amount
        # A fraction such as 30.1GB is rounded to whole multiples of the next smaller unit, as the server
        # does.
        step = smaller.factor / unit.factor
        return round(amount / step) * step


def quote_item(item: str) -> str:
    """Put one list item in double quotes."""
    return '"' + item.replace('"', '""') + '"'


def _scan_integer(text: str) -> tuple[float, str]:
    """Read like strtol with base 0, and like strtod where a fraction or an exponent follows."""
    match = _INTEGER.match(text)
    if match is not None and text[match.end() : match.end() + 1] not in (".", "e", "E"):
        digits = match[2].lower()
        is_octal = len(digits) > 1 and digits[0] == "0" and digits[1] != "x"
        value = int(digits, 8 if is_octal else 0)
        if value <= _LONG_MAX:
            return float(-value if match[1] == "-" else value), text[match.end() :]
    if match is None and not re.match(rf"[{_SPACE}]*[+-]?\.", text):
        message = f"{text!r} {_NOT_AN_INTEGER}"
        raise ValueError(message)
    return _scan_real(text, _NOT_AN_INTEGER)


def _scan_real(text: str, complaint: str) -> tuple[float, str]:
    match = _REAL.match(text)
    if match is None:
        message = f"{text!r} {complaint}"
        raise ValueError(message)
    digits = match[1].lower()
    value = float.fromhex(digits) if "x" in digits else float(digits)
    if math.isinf(value) and "inf" not in digits:
        message = f"{text!r} is too large"
        raise ValueError(message)
    return value, text[match.end() :]


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _scan_item(text: str, position: int) -> tuple[str, int]:
    if text[position] == '"':
        return _scan_quoted_item(text, position)
    end = text.find(",", position)
    end = len(text) if end < 0 else end
    item = text[position:end].rstrip(_SPACE)
    if not item:
        message = f"{text!r} is not a list: an item is empty"
        raise ValueError(message)
    return item, end


def _scan_quoted_item(text: str, position: int) -> tuple[str, int]:
    item = ""
    while True:
        end = text.find('"', position + 1)
        if end < 0:
            message = f"{text!r} is not a list: a quote is not closed"
            raise ValueError(message)
        item += text[position + 1 : end]
        if text[end + 1 : end + 2] != '"':
            return item, end + 1
        item += '"'
        position = end + 1


GRAMMAR = PostgresGrammar()
"""The one grammar."""

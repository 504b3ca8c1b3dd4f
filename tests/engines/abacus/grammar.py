"""How an abacus writes values: bare numbers, and yes or no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Dimension, Unit, UnitSystem

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORDS = {"yes": True, "no": False}


class AbacusGrammar:
    """The `Grammar` port."""

    units = UnitSystem((Unit("GB", Dimension.BYTES, 2**30), Unit("MB", Dimension.BYTES, 2**20)))
    """What the reserve for the operating system is counted in; no bead is."""

    def fold_name(self, name: str) -> str:
        """Names are in lower case."""
        return name.lower()

    def read_bool(self, text: str) -> bool:
        """Read yes or no."""
        if text not in _WORDS:
            raise ValueError(f"{text!r} is neither yes nor no")
        return _WORDS[text]

    def read_integer(self, text: str, unit: Unit | None) -> int:
        """Read a whole number."""
        del unit
        return int(text)

    def read_real(self, text: str, unit: Unit | None) -> float:
        """Read a number."""
        del unit
        return float(text)

    def read_list(self, text: str) -> tuple[str, ...]:
        """Split at blanks."""
        return tuple(text.split())

    def write_bool(self, *, value: bool) -> str:
        """Write yes or no."""
        return "yes" if value else "no"

    def write_list(self, items: Sequence[str]) -> str:
        """Join with blanks."""
        return " ".join(items)


GRAMMAR = AbacusGrammar()

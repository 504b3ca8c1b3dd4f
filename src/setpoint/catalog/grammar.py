"""How one engine writes values: booleans, numbers, units, lists and names.

The port between typed values (here) and an engine's own spelling (its `dialect.py`). A grammar raises
`ValueError` with a sentence about the text alone; the parameter adds its name and its bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.catalog.units import Unit, UnitSystem


class Grammar(Protocol):
    """The spelling rules of one engine."""

    @property
    def units(self) -> UnitSystem:
        """The engine's unit words."""
        ...

    def fold_name(self, name: str) -> str:
        """Answer the spelling under which a parameter name is kept (case, ``-`` against ``_``)."""
        ...

    def read_bool(self, text: str) -> bool:
        """Read a boolean as the engine does; raise `ValueError`."""
        ...

    def read_integer(self, text: str, unit: Unit | None) -> int:
        """Read an integer in multiples of `unit`, rounded as the engine rounds; raise `ValueError`."""
        ...

    def read_real(self, text: str, unit: Unit | None) -> float:
        """Read a floating-point number in multiples of `unit`; raise `ValueError`."""
        ...

    def read_list(self, text: str) -> tuple[str, ...]:
        """Split a list as the engine does, quotes removed; raise `ValueError`."""
        ...

    def write_bool(self, *, value: bool) -> str:
        """Write a boolean in the engine's usual word."""
        ...

    def write_list(self, items: Sequence[str]) -> str:
        """Join a list so that `read_list` gives the same items."""
        ...

"""A small invented engine for tests that are about no engine: its units, its grammar, its catalog and its
claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.catalog import Catalog, Context, Dimension, Kind, Parameter, Unit, UnitSystem
from setpoint.catalog.catalog import CatalogData

if TYPE_CHECKING:
    from collections.abc import Sequence

UNITS = UnitSystem(
    (
        Unit("TB", Dimension.BYTES, 2**40),
        Unit("GB", Dimension.BYTES, 2**30),
        Unit("MB", Dimension.BYTES, 2**20),
        Unit("kB", Dimension.BYTES, 2**10),
        Unit("B", Dimension.BYTES, 1),
        Unit("h", Dimension.MICROSECONDS, 3_600_000_000),
        Unit("min", Dimension.MICROSECONDS, 60_000_000),
        Unit("s", Dimension.MICROSECONDS, 1_000_000),
        Unit("ms", Dimension.MICROSECONDS, 1_000),
        Unit("us", Dimension.MICROSECONDS, 1),
    )
)


@dataclass(frozen=True)
class InventedGrammar:
    units: UnitSystem = UNITS

    def fold_name(self, name: str) -> str:
        return name.lower()

    def read_bool(self, text: str) -> bool:
        if text not in ("on", "off"):
            message = f"{text!r} is neither on nor off"
            raise ValueError(message)
        return text == "on"

    def read_integer(self, text: str, unit: Unit | None) -> int:
        return round(self.read_real(text, unit))

    def read_real(self, text: str, unit: Unit | None) -> float:
        digits = text.rstrip("TGMkBhmisnu")
        word = text[len(digits) :]
        if not word:
            return float(digits)
        found = self.units.find(word)
        if found is None or unit is None:
            message = f"{word!r} is no unit here"
            raise ValueError(message)
        return float(digits) * found.factor / unit.factor

    def read_list(self, text: str) -> tuple[str, ...]:
        return tuple(item.strip() for item in text.split(","))

    def write_bool(self, *, value: bool) -> str:
        return "on" if value else "off"

    def write_list(self, items: Sequence[str]) -> str:
        return ", ".join(items)


def size(name: str, default: int, low: int = 0, high: int = 2**31 - 1, unit: str = "kB") -> Parameter:
    return Parameter(
        name=name, kind=Kind.SIZE, context=Context.RELOAD, unit=unit, default=default, min=low, max=high
    )


PARAMETERS = (
    size("pool", 16384, 16, 2**30, "8kB"),
    size("work", 4096, 64),
    size("upkeep", -1, -1),
    Parameter(name="sessions", kind=Kind.INTEGER, context=Context.RESTART, default=100, min=1, max=262143),
    Parameter(name="factor", kind=Kind.FLOAT, context=Context.IMMEDIATE, default=2.0, min=1.0, max=1000.0),
    Parameter(name="cost", kind=Kind.FLOAT, context=Context.IMMEDIATE, default=4.0, min=0.0, max=1e300),
    Parameter(
        name="patience", kind=Kind.DURATION, context=Context.RELOAD, unit="ms", default=0, min=0, max=10**6
    ),
    Parameter(name="safe", kind=Kind.BOOL, context=Context.RELOAD, default=True),
    Parameter(
        name="method", kind=Kind.ENUM, context=Context.RELOAD, default="plain", values=("plain", "fancy")
    ),
    Parameter(name="paths", kind=Kind.LIST, context=Context.RELOAD, default=()),
)

CATALOG = Catalog(
    CatalogData(engine="invented", version="1", evidence="invented for tests", parameters=PARAMETERS),
    InventedGrammar(),
)

CLAIMS = {
    "pool": "pool",
    "sessions": "sessions * (work * factor + 4MB)",
    "upkeep": "3 * if(upkeep < 0, work, upkeep)",
}

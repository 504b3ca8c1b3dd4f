"""A parameter: what an engine offers to be set, with the type that gives its texts a meaning."""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.catalog.grammar import Grammar
    from setpoint.catalog.units import Unit

Value = bool | int | float | str | tuple[str, ...]
"""A typed value.

Sizes and durations are numbers in the parameter's own unit; lists and flag sets are tuples.
"""


class Kind(Enum):
    """The type of a parameter's values."""

    BOOL = "bool"
    INTEGER = "integer"
    FLOAT = "float"
    ENUM = "enum"
    STRING = "string"
    LIST = "list"
    FLAGS = "flags"
    SWITCHES = "switches"
    """Flags that are each on or off (``mrr=off``): a text speaks of those it names, and of no other."""
    SIZE = "size"
    DURATION = "duration"


class Context(Enum):
    """When a new value takes effect."""

    IMMEDIATE = "immediate"
    RELOAD = "reload"
    RECONNECT = "reconnect"
    RESTART = "restart"
    FIXED = "fixed"


_NUMERIC = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.SIZE, Kind.DURATION})
_MANY = frozenset({Kind.LIST, Kind.FLAGS, Kind.SWITCHES})
_SETS = frozenset({Kind.FLAGS, Kind.SWITCHES})
_RELATIVE_TOLERANCE = 1e-6
"""Engines store real values as doubles and print about six digits of them (PostgreSQL: ``%g``)."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One parameter of one engine version.

    `unit` is the engine's own base unit (``8kB``, ``ms``); `default`, `min` and `max` are numbers in it.
    `values` are the words an enum or a flag set accepts, `aliases` the further words it takes and what it
    reads each of them as.
    """

    name: str
    kind: Kind
    context: Context
    engine_context: str = ""
    unit: str | None = None
    default: bool | int | float | str | tuple[str, ...] | None = None
    min: int | float | None = None
    max: int | float | None = None
    values: tuple[str, ...] = ()
    aliases: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    is_integral: bool = True
    """For sizes and durations: whether the engine stores whole multiples of the unit only."""
    multiple: int = 0
    """The engine cuts numbers down to multiples of this; 0 where it takes all."""
    radix: int = 10
    folds_case: bool = False
    is_quoted_list: bool = False
    """Each item of the list must be its own literal in a statement."""
    category: str = ""
    description: str = ""
    flags: tuple[str, ...] = ()
    build: str = ""
    """What of it depends on the build or the host, in words; empty when nothing does."""
    extension: str = ""
    """The loadable module that brings it; empty for the core."""
    evidence: str = ""
    """How its facts are known; empty where that is as the whole catalog's are."""

    @property
    def is_numeric(self) -> bool:
        """Whether values are numbers."""
        return self.kind in _NUMERIC

    @property
    def needs_restart(self) -> bool:
        """Whether a new value waits for a restart."""
        return self.context is Context.RESTART

    def parse(self, text: str | tuple[str, ...], grammar: Grammar) -> Value:
        """Read a text as this parameter's type; raise `InputError` naming parameter, text and bounds."""
        try:
            value = self.read(text, grammar)
        except ValueError as fault:
            message = f"{self.name}: {fault}"
            raise InputError(message, next_step=self.expectation()) from None
        fault = self._fault_in(value)
        if fault:
            message = f"{self.name}: {fault}"
            raise InputError(message, next_step=self.expectation())
        return value

    def format(self, value: Value, grammar: Grammar) -> str:
        """Write a value as the engine would show it: largest exact unit, usual words, quoted items."""
        if isinstance(value, bool):
            return grammar.write_bool(value=value)
        if isinstance(value, tuple):
            return grammar.write_list(value)
        if isinstance(value, str):
            return value
        if self.radix == 8:  # noqa: PLR2004 - file modes are read by people in octal
            return f"0{int(value):03o}" if value else "0"
        return self._format_number(value, grammar)

    def is_same(self, left: Value, right: Value) -> bool:
        """Tell whether two typed values mean the same to the engine."""
        if isinstance(left, tuple) and isinstance(right, tuple):
            if self.kind is Kind.FLAGS:
                return {item.lower() for item in left} == {item.lower() for item in right}
            if self.kind is Kind.SWITCHES:
                return _agree(left, right)
        if isinstance(left, float) or isinstance(right, float):
            return math.isclose(float(left), float(right), rel_tol=_RELATIVE_TOLERANCE)  # type: ignore[arg-type]
        if self.folds_case:
            return _folded(left) == _folded(right)
        return left == right or self.settled(left) == self.settled(right)

    def settled(self, value: Value) -> Value:
        """Answer what the engine makes of a value: a number cut down to a multiple."""
        if not self.multiple or isinstance(value, bool) or not isinstance(value, int):
            return value
        cut = abs(value) // self.multiple * self.multiple
        return cut if value >= 0 else -cut

    def differences(self, left: Value, right: Value) -> tuple[str, ...]:
        """Answer, flag by flag, what takes one value of a flag set to another: ``-A``, ``+B``, ``c=on``."""
        if not isinstance(left, tuple) or not isinstance(right, tuple) or self.kind not in _SETS:
            return ()
        before, after = dict.fromkeys(map(str.lower, left)), {item.lower(): item for item in right}
        if self.kind is Kind.SWITCHES:
            named = {item.partition("=")[0] for item in before}
            return tuple(v for k, v in after.items() if k not in before and k.partition("=")[0] in named)
        gone = (f"-{item}" for item in left if item.lower() not in after)
        return (*gone, *(f"+{item}" for key, item in after.items() if key not in before))

    def expectation(self) -> str:
        """Say in words what the parameter takes; used as the next step of errors."""
        if self.values:
            return (
                f"one of {', '.join(self.values)}"
                if self.kind is Kind.ENUM
                else f"any of {', '.join(self.values)}"
            )
        unit = f" in {self.unit}" if self.unit else ""
        article = "an" if self.kind.value[0] in "aeiou" else "a"
        if self.min is not None and self.max is not None:
            return f"{article} {self.kind.value} from {_plain(self.min)} to {_plain(self.max)}{unit}"
        return f"{article} {self.kind.value}{unit}"

    def unit_of(self, grammar: Grammar) -> Unit | None:
        """Answer the base unit as an amount, or None for a bare number."""
        return grammar.units.find(self.unit) if self.unit else None

    def read(self, text: str | tuple[str, ...], grammar: Grammar) -> Value:
        """Read a text as this parameter's type, whatever its bounds; raise `ValueError`."""
        if self.kind in _MANY:
            items = text if isinstance(text, tuple) else grammar.read_list(text)
            return self._read_items(items, grammar)
        if isinstance(text, tuple):
            message = "takes one value, not a list"
            raise ValueError(message)  # noqa: TRY004 - a fault of the text, like all others here
        if self.kind is Kind.BOOL:
            return grammar.read_bool(text)
        if self.kind is Kind.ENUM:
            return self._canonical_word(text.strip())
        if self.is_numeric:
            unit = self.unit_of(grammar)
            is_real = self.kind is Kind.FLOAT or not self.is_integral
            return grammar.read_real(text, unit) if is_real else grammar.read_integer(text, unit)
        return text

    def _read_items(self, items: tuple[str, ...], grammar: Grammar) -> tuple[str, ...]:
        """Answer the items, each as the engine writes it; a word that stands for several becomes those."""
        if self.kind is Kind.FLAGS:
            words = [self._canonical_word(item) for item in items]
            return tuple(dict.fromkeys(item for word in words for item in grammar.read_list(word)))
        if self.kind is not Kind.SWITCHES:
            return items
        switches = [item.lower().partition("=") for item in items]
        bare = next((item for item, equals, _ in switches if not equals), None)
        if bare is not None:
            message = f"{bare!r} is not a flag with its state, such as {bare}=off"
            raise ValueError(message)
        return tuple(f"{self._canonical_word(flag.strip())}={state.strip()}" for flag, _, state in switches)

    def _canonical_word(self, word: str) -> str:
        folded = word.lower()
        if folded in self.aliases:
            return self.aliases[folded]
        for value in self.values:
            if value.lower() == folded:
                return value
        if not self.values:
            return word
        message = f"{word!r} is not accepted"
        raise ValueError(message)

    def _fault_in(self, value: Value) -> str:
        if isinstance(value, (bool, str, tuple)):
            return ""
        low, high = self.min, self.max
        if (low is not None and value < low) or (high is not None and value > high):
            return f"{_plain(value)}{f' {self.unit}' if self.unit else ''} is out of range"
        return ""

    def _format_number(self, value: float, grammar: Grammar) -> str:
        unit = self.unit_of(grammar)
        if unit is None or value <= 0:
            return _plain(value)
        if not float(value * unit.factor).is_integer():
            # Bare, because engines round a fraction with a unit to the next smaller unit.
            return _plain(value)
        amount = round(value * unit.factor)
        for larger in grammar.units.of(unit.dimension):
            if amount % larger.factor == 0:
                return f"{amount // larger.factor}{larger.name}"
        return _plain(value)


def _agree(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Tell whether two texts of switches say the same: one may name fewer than the other, but not none."""
    few, many = sorted((dict(_switches(left)), dict(_switches(right))), key=len)
    return few.items() <= many.items() and (bool(few) or not many)


def _switches(items: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for item in items:
        flag, _, state = item.partition("=")
        yield flag.lower(), state.lower()


def _folded(value: Value) -> Value:
    if isinstance(value, str):
        return value.lower()
    return tuple(item.lower() for item in value) if isinstance(value, tuple) else value


def _plain(number: float) -> str:
    """Write a number so that reading it gives the same double, without a needless ``.0``."""
    if isinstance(number, int):
        return str(number)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)  # noqa: PLR2004 - exact integers of a double

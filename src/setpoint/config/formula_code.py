"""Checked code of formulas: a typed closure per node, and what checking and functions share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from setpoint.config.variables import Type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.formula_syntax import Node

Values = dict[str, Any]
"""Values by name, None where a value is not known."""

Run = Callable[[Values], Any]
"""Works a node out. Raises `UnknownInput`, or `SyntaxFault` where values alone bring a fault."""

MAX_MAGNITUDE = 2**70
"""No honest size, duration or count reaches this."""

NUMERIC = (Type.BYTES, Type.DURATION, Type.NUMBER)
"""The types that arithmetic takes."""


class UnknownInput(Exception):  # noqa: N818 - not an error: the answer is "unknown"
    """A value that the result depends on is not known; holds its name."""


@dataclass(frozen=True, slots=True)
class Code:
    """A checked node: its type (None after a fault), its closure, its operands, the names below it.

    `is_zero` marks a plain literal 0, which is a size and a duration too.
    """

    node: Node
    type: Type | None
    run: Run
    args: tuple[Code, ...] = ()
    names: frozenset[str] = frozenset()
    is_zero: bool = False


def joint_type(args: Sequence[Code]) -> Type | None:
    """Answer the one type of all operands; a literal 0 goes with any numeric one. None when they differ."""
    types = {arg.type for arg in args if not arg.is_zero}
    if not types:
        return Type.NUMBER
    type_ = types.pop()
    if types or (type_ not in NUMERIC and any(arg.is_zero for arg in args)):
        return None
    return type_


def is_within_magnitude(value: Any) -> bool:
    """Tell whether a number could be a size, a duration or a count; no infinite one is."""
    return -MAX_MAGNITUDE <= value <= MAX_MAGNITUDE

"""The functions of formulas, as one table: how many operands, how to write it, its type and its closure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from setpoint.config.formula_code import NUMERIC, Code, Run, Values, joint_type
from setpoint.config.formula_syntax import Node, SyntaxFault
from setpoint.config.variables import Type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Made = tuple[Type, Run] | None
"""A call's type and closure; None where the operands are of the wrong types."""


def _make_extreme(pick: Callable[..., Any]) -> Callable[[Node, Sequence[Code]], Made]:
    def make(_node: Node, args: Sequence[Code]) -> Made:
        type_ = joint_type(args)
        if type_ not in NUMERIC:
            return None
        runs = tuple(arg.run for arg in args)
        if len(runs) == 2:  # noqa: PLR2004 - by far the usual case, worth its own closure
            one, other = runs
            return type_, lambda values: pick(one(values), other(values))
        return type_, lambda values: pick([run(values) for run in runs])

    return make


def _make_clamp(node: Node, args: Sequence[Code]) -> Made:
    type_ = joint_type(args)
    if type_ not in NUMERIC:
        return None
    value_of, low_of, high_of = (arg.run for arg in args)

    def run(values: Values) -> Any:
        low, high = low_of(values), high_of(values)
        if low > high:
            raise SyntaxFault("the lower bound of clamp is above the upper one", node.line, node.column)
        return min(max(value_of(values), low), high)

    return type_, run


def _make_round(rounded: Callable[[Any], int]) -> Callable[[Node, Sequence[Code]], Made]:
    def make(node: Node, args: Sequence[Code]) -> Made:
        if len(args) == 1:
            run = args[0].run
            return (Type.NUMBER, lambda values: rounded(run(values))) if args[0].type is Type.NUMBER else None
        type_ = joint_type(args)
        if type_ not in NUMERIC:
            return None
        value_of, step_of = (arg.run for arg in args)

        def run_with_step(values: Values) -> Any:
            step = step_of(values)
            if step <= 0:
                raise SyntaxFault("the step to round to is not above zero", node.line, node.column)
            return rounded(value_of(values) / step) * step

        return type_, run_with_step

    return make


def _make_log2(node: Node, args: Sequence[Code]) -> Made:
    if args[0].type is not Type.NUMBER:
        return None
    run_arg = args[0].run

    def run(values: Values) -> float:
        value = run_arg(values)
        if value <= 0:
            raise SyntaxFault("log2 of a number that is not above zero", node.line, node.column)
        return math.log2(value)

    return Type.NUMBER, run


def _make_if(_node: Node, args: Sequence[Code]) -> Made:
    condition, yes, no = args
    type_ = joint_type((yes, no))
    if condition.type is not Type.BOOL or type_ is None:
        return None
    is_so, run_yes, run_no = condition.run, yes.run, no.run
    return type_, lambda values: run_yes(values) if is_so(values) else run_no(values)


def _make_known(_node: Node, args: Sequence[Code]) -> Made:
    if args[0].node.kind != "name":
        return None
    name = args[0].node.word
    return Type.BOOL, lambda values: values[name] is not None


_MANY = 16


@dataclass(frozen=True, slots=True)
class Function:
    """One function: how many operands it takes, how to write it, what makes its type and closure."""

    fewest: int
    most: int
    usage: str
    make: Callable[[Node, Sequence[Code]], Made]


FUNCTIONS: Mapping[str, Function] = {
    "min": Function(2, _MANY, "min(a, b, ...)", _make_extreme(min)),
    "max": Function(2, _MANY, "max(a, b, ...)", _make_extreme(max)),
    "clamp": Function(3, 3, "clamp(value, low, high)", _make_clamp),
    "round_up": Function(1, 2, "round_up(number) or round_up(value, step)", _make_round(math.ceil)),
    "round_down": Function(1, 2, "round_down(number) or round_down(value, step)", _make_round(math.floor)),
    "log2": Function(1, 1, "log2(number)", _make_log2),
    "if": Function(3, 3, "if(condition, value, other)", _make_if),
    "known": Function(1, 1, "known(name)", _make_known),
}
"""Every function there is."""

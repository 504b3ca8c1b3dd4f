"""From a formula's tree to typed closures: every fault of type is found here, before anything is evaluated.

A closure takes the values by name and answers one value; it raises `UnknownInput` for a value that is not known and
`SyntaxFault` for a division by zero or a result beyond all magnitude.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from setpoint.catalog import Dimension
from setpoint.config.formula_syntax import Node, SyntaxFault
from setpoint.config.variables import Type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from setpoint.catalog import UnitSystem
    from setpoint.config.variables import Variable

Values = dict[str, Any]

MAX_MAGNITUDE = 2**70
"""No honest size, duration or count reaches this."""

_NUMERIC = (Type.BYTES, Type.DURATION, Type.NUMBER)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_EQUALITIES: dict[str, Callable[[Any, Any], bool]] = {"=": operator.eq, "==": operator.eq, "!=": operator.ne}


class UnknownInput(Exception):  # noqa: N818 - not an error: the answer is "unknown"
    """A value that the result depends on is not known; holds its name."""


@dataclass(frozen=True, slots=True)
class Code:
    """A checked node: its type (None after a fault), its closure, its operands, the names below it.

    `is_zero` marks a plain literal 0, which is a size and a duration too.
    """

    node: Node
    type: Type | None
    run: Callable[[Values], Any]
    args: tuple[Code, ...] = ()
    names: frozenset[str] = frozenset()
    is_zero: bool = False


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks one formula against a scope; `faults` collects all that is wrong, in the order of the text."""

    scope: Mapping[str, Variable]
    units: UnitSystem
    faults: list[SyntaxFault]

    def check(self, node: Node) -> Code:
        """Check a node and everything below it; a constant part is worked out now, so its faults show now."""
        args = () if node.kind == "in" else tuple(self.check(arg) for arg in node.args)
        code: Code = getattr(self, f"_{node.kind}")(node, args)
        return code if code.names or code.type is None or not args else self._folded(code)

    def _folded(self, code: Code) -> Code:
        try:
            value = code.run({})
        except SyntaxFault as fault:
            return self._fault(fault)
        return Code(code.node, code.type, lambda _values: value, code.args, is_zero=code.is_zero)

    def _fault(self, fault: SyntaxFault) -> Code:
        self.faults.append(fault)
        node = Node("fault", "", (), fault.line, fault.column)
        return Code(node, None, lambda _values: None)

    def _refuse(self, node: Node, what: str, next_step: str = "") -> Code:
        return self._fault(SyntaxFault(what, node.line, node.column, next_step))

    # Leaves

    def _number(self, node: Node, _args: Sequence[Code]) -> Code:
        digits = node.word.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        word = node.word[len(digits) :]
        amount = float(digits) if "." in digits else int(digits)
        type_ = Type.NUMBER
        if word:
            unit = self.units.find(word)
            if unit is None:
                known = ", ".join(known.name for known in self.units.units)
                return self._refuse(node, f"{word!r} is no unit of this engine", f"it knows {known}")
            type_ = Type.BYTES if unit.dimension is Dimension.BYTES else Type.DURATION
            amount *= unit.factor
        if not amount <= MAX_MAGNITUDE:
            return self._refuse(node, "the number is beyond all magnitude")
        return Code(node, type_, lambda _values: amount, is_zero=not word and amount == 0)

    def _text(self, node: Node, _args: Sequence[Code]) -> Code:
        text = node.word[1:-1]
        return Code(node, Type.TEXT, lambda _values: text)

    def _bool(self, node: Node, _args: Sequence[Code]) -> Code:
        truth = node.word == "true"
        return Code(node, Type.BOOL, lambda _values: truth)

    def _name(self, node: Node, _args: Sequence[Code]) -> Code:
        name = node.word
        variable = self.scope.get(name)
        if variable is None:
            return self._refuse(node, f"nothing is called {name!r}", self._near(name))

        def run(values: Values) -> Any:
            value = values[name]
            if value is None:
                raise UnknownInput(name)
            return value

        return Code(node, variable.type, run, names=frozenset((name,)))

    def _near(self, name: str) -> str:
        from difflib import get_close_matches

        near = get_close_matches(name, list(self.scope), n=3)
        return f"did you mean {', '.join(near)}?" if near else "facts, parameters and inputs may be named"

    # Arithmetic

    def _minus(self, node: Node, args: Sequence[Code]) -> Code:
        (arg,) = args
        if arg.type not in _NUMERIC:
            return self._mismatch(node, args, "- needs a number, a size or a duration")
        run = arg.run
        return Code(node, arg.type, lambda values: -run(values), tuple(args), _names(args))

    def _binary(self, node: Node, args: Sequence[Code]) -> Code:
        left, right = args
        type_ = _type_of_sum(left, right) if node.word in "+-" else _type_of_product(node.word, left, right)
        if type_ is None:
            return self._mismatch(node, args, f"{node.word} does not go with {_shown(left)} and {_shown(right)}")
        return Code(node, type_, _arithmetic(node, left.run, right.run), tuple(args), _names(args))

    # Truths

    def _compare(self, node: Node, args: Sequence[Code]) -> Code:
        left, right = args
        compare = _EQUALITIES.get(node.word) or _ORDERS[node.word]
        type_ = _joint_type(args)
        if type_ is None or (node.word in _ORDERS and type_ not in _NUMERIC):
            return self._mismatch(node, args, f"{node.word} does not compare {_shown(left)} and {_shown(right)}")
        self._check_words(left, right)
        self._check_words(right, left)
        run_left, run_right = left.run, right.run
        return Code(
            node, Type.BOOL, lambda values: compare(run_left(values), run_right(values)), tuple(args), _names(args)
        )

    def _in(self, node: Node, _args: Sequence[Code]) -> Code:
        subject = self.check(node.args[0])
        choices = tuple(self.check(arg) for arg in node.args[1:])
        if subject.type is not Type.TEXT:
            return self._mismatch(node, (subject,), f"`in` looks for a text, not for {_shown(subject)}")
        for choice in choices:
            self._check_words(subject, choice)
        words, run = frozenset(arg.word[1:-1] for arg in node.args[1:]), subject.run
        return Code(node, Type.BOOL, lambda values: run(values) in words, (subject,), subject.names)

    def _check_words(self, subject: Code, word: Code) -> None:
        """Refuse a text that a variable of few words can never be: a misspelt ``'sdd'`` would be false for ever."""
        variable = self.scope.get(subject.node.word) if subject.node.kind == "name" else None
        if variable is not None and variable.words and word.node.kind == "text":
            text = word.node.word[1:-1]
            if text not in variable.words:
                self._refuse(word.node, f"{variable.name} is never {text!r}", f"it is one of {', '.join(variable.words)}")

    def _not(self, node: Node, args: Sequence[Code]) -> Code:
        run = args[0].run
        return self._logic(node, args, lambda values: not run(values))

    def _and(self, node: Node, args: Sequence[Code]) -> Code:
        return self._logic(node, args, _decided_by(False, args[0].run, args[1].run))  # noqa: FBT003 - a truth value

    def _or(self, node: Node, args: Sequence[Code]) -> Code:
        return self._logic(node, args, _decided_by(True, args[0].run, args[1].run))  # noqa: FBT003 - a truth value

    def _logic(self, node: Node, args: Sequence[Code], run: Callable[[Values], Any]) -> Code:
        if any(arg.type is not Type.BOOL for arg in args):
            return self._mismatch(node, args, f"`{node.kind}` joins truths, not {' and '.join(map(_shown, args))}")
        return Code(node, Type.BOOL, run, tuple(args), _names(args))

    # Functions

    def _call(self, node: Node, args: Sequence[Code]) -> Code:
        function = FUNCTIONS.get(node.word)
        if function is None:
            return self._refuse(node, f"there is no function {node.word!r}", f"there are {', '.join(FUNCTIONS)}")
        low, high, usage, make = function
        if not low <= len(args) <= high:
            return self._refuse(node, f"{node.word} does not take {len(args)} operands", f"write {usage}")
        made = make(node, args)
        if made is None:
            kinds = ", ".join(map(_shown, args))
            return self._mismatch(node, args, f"{node.word} does not take {kinds}", f"write {usage}")
        type_, run = made
        return Code(node, type_, run, tuple(args), _names(args))

    def _mismatch(self, node: Node, args: Sequence[Code], what: str, next_step: str = "") -> Code:
        """Refuse operands of the wrong types, unless one of them was refused already."""
        if any(arg.type is None for arg in args):
            return Code(node, None, lambda _values: None)
        return self._refuse(node, what, next_step)


def _names(args: Sequence[Code]) -> frozenset[str]:
    return frozenset[str]().union(*(arg.names for arg in args))


def _shown(code: Code) -> str:
    return f"a {code.type.value}" if code.type else "a fault"


def _joint_type(args: Sequence[Code]) -> Type | None:
    """Answer the one type of all operands; a literal 0 goes with any numeric one. None when they differ."""
    types = {arg.type for arg in args if not arg.is_zero}
    if not types:
        return Type.NUMBER
    type_ = types.pop()
    if types or (type_ not in _NUMERIC and any(arg.is_zero for arg in args)):
        return None
    return type_


def _type_of_sum(left: Code, right: Code) -> Type | None:
    type_ = _joint_type((left, right))
    return type_ if type_ in _NUMERIC else None


def _type_of_product(operation: str, left: Code, right: Code) -> Type | None:
    if left.type not in _NUMERIC or right.type not in _NUMERIC:
        return None
    if right.type is Type.NUMBER:
        return left.type
    if operation == "*":
        return right.type if left.type is Type.NUMBER else None
    return Type.NUMBER if left.type is right.type else None


def _arithmetic(node: Node, left: Callable[[Values], Any], right: Callable[[Values], Any]) -> Callable[[Values], Any]:
    if node.word == "+":
        return lambda values: left(values) + right(values)
    if node.word == "-":
        return lambda values: left(values) - right(values)
    if node.word == "*":
        return lambda values: _bounded(left(values) * right(values), node)
    return lambda values: _divided(left(values), right(values), node)


def _bounded(value: Any, node: Node) -> Any:
    if -MAX_MAGNITUDE <= value <= MAX_MAGNITUDE:
        return value
    raise SyntaxFault("the result is beyond all magnitude", node.line, node.column)


def _divided(value: Any, divisor: Any, node: Node) -> Any:
    if divisor == 0:
        raise SyntaxFault("division by zero", node.line, node.column)
    return _bounded(value / divisor, node)


def _decided_by(
    decisive: bool,  # noqa: FBT001 - the truth that ends the question
    left: Callable[[Values], Any],
    right: Callable[[Values], Any],
) -> Callable[[Values], Any]:
    """Join truths so that one decisive side is enough, even when the other is unknown."""

    def run(values: Values) -> bool:
        try:
            if left(values) is decisive:
                return decisive
        except UnknownInput:
            if right(values) is decisive:
                return decisive
            raise
        return right(values)

    return run


def _make_extreme(pick: Callable[..., Any]) -> Callable[[Node, Sequence[Code]], Any]:
    def make(_node: Node, args: Sequence[Code]) -> Any:
        type_ = _joint_type(args)
        if type_ not in _NUMERIC:
            return None
        runs = tuple(arg.run for arg in args)
        if len(runs) == 2:  # noqa: PLR2004 - by far the usual case, worth its own closure
            one, other = runs
            return type_, lambda values: pick(one(values), other(values))
        return type_, lambda values: pick([run(values) for run in runs])

    return make


def _make_clamp(node: Node, args: Sequence[Code]) -> Any:
    type_ = _joint_type(args)
    if type_ not in _NUMERIC:
        return None
    value_of, low_of, high_of = (arg.run for arg in args)

    def run(values: Values) -> Any:
        low, high = low_of(values), high_of(values)
        if low > high:
            raise SyntaxFault("the lower bound of clamp is above the upper one", node.line, node.column)
        return min(max(value_of(values), low), high)

    return type_, run


def _make_round(rounded: Callable[[Any], int]) -> Callable[[Node, Sequence[Code]], Any]:
    def make(node: Node, args: Sequence[Code]) -> Any:
        if len(args) == 1:
            run = args[0].run
            return (Type.NUMBER, lambda values: rounded(run(values))) if args[0].type is Type.NUMBER else None
        type_ = _joint_type(args)
        if type_ not in _NUMERIC:
            return None
        value_of, step_of = (arg.run for arg in args)

        def run_with_step(values: Values) -> Any:
            step = step_of(values)
            if step <= 0:
                raise SyntaxFault("the step to round to is not above zero", node.line, node.column)
            return rounded(value_of(values) / step) * step

        return type_, run_with_step

    return make


def _make_log2(node: Node, args: Sequence[Code]) -> Any:
    if args[0].type is not Type.NUMBER:
        return None
    run_arg = args[0].run

    def run(values: Values) -> float:
        value = run_arg(values)
        if value <= 0:
            raise SyntaxFault("log2 of a number that is not above zero", node.line, node.column)
        return math.log2(value)

    return Type.NUMBER, run


def _make_if(_node: Node, args: Sequence[Code]) -> Any:
    condition, yes, no = args
    type_ = _joint_type((yes, no))
    if condition.type is not Type.BOOL or type_ is None:
        return None
    is_so, run_yes, run_no = condition.run, yes.run, no.run
    return type_, lambda values: run_yes(values) if is_so(values) else run_no(values)


def _make_known(_node: Node, args: Sequence[Code]) -> Any:
    if args[0].node.kind != "name":
        return None
    name = args[0].node.word
    return Type.BOOL, lambda values: values[name] is not None


_MANY = 16

FUNCTIONS: dict[str, tuple[int, int, str, Callable[[Node, Sequence[Code]], Any]]] = {
    "min": (2, _MANY, "min(a, b, ...)", _make_extreme(min)),
    "max": (2, _MANY, "max(a, b, ...)", _make_extreme(max)),
    "clamp": (3, 3, "clamp(value, low, high)", _make_clamp),
    "round_up": (1, 2, "round_up(number) or round_up(value, step)", _make_round(math.ceil)),
    "round_down": (1, 2, "round_down(number) or round_down(value, step)", _make_round(math.floor)),
    "log2": (1, 1, "log2(number)", _make_log2),
    "if": (3, 3, "if(condition, value, other)", _make_if),
    "known": (1, 1, "known(name)", _make_known),
}
"""Every function: fewest and most operands, how to write it, and what makes its type and closure."""


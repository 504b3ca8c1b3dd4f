"""From a formula's tree to typed closures: every fault of type is found here, before anything is evaluated.

A closure takes the values by name and answers one value; it raises `UnknownInput` for a value that is not
known and `SyntaxFault` for a division by zero or a result beyond all magnitude.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from setpoint.catalog import Dimension
from setpoint.config.formula_code import (
    MAX_MAGNITUDE,
    NUMERIC,
    Code,
    Run,
    UnknownInput,
    Values,
    is_within_magnitude,
    joint_type,
)
from setpoint.config.formula_functions import FUNCTIONS
from setpoint.config.formula_syntax import Node, SyntaxFault
from setpoint.config.variables import Type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from setpoint.catalog import UnitSystem
    from setpoint.config.variables import Variable

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_EQUALITIES: dict[str, Callable[[Any, Any], bool]] = {"=": operator.eq, "==": operator.eq, "!=": operator.ne}


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
        if arg.type not in NUMERIC:
            return self._mismatch(node, args, "- needs a number, a size or a duration")
        run = arg.run
        return Code(node, arg.type, lambda values: -run(values), tuple(args), _names(args))

    def _binary(self, node: Node, args: Sequence[Code]) -> Code:
        left, right = args
        type_ = _type_of_sum(left, right) if node.word in "+-" else _type_of_product(node.word, left, right)
        if type_ is None:
            return self._mismatch(
                node, args, f"{node.word} does not go with {_shown(left)} and {_shown(right)}"
            )
        return Code(node, type_, _arithmetic(node, left.run, right.run), tuple(args), _names(args))

    # Truths

    def _compare(self, node: Node, args: Sequence[Code]) -> Code:
        left, right = args
        compare = _EQUALITIES.get(node.word) or _ORDERS[node.word]
        type_ = joint_type(args)
        if type_ is None or (node.word in _ORDERS and type_ not in NUMERIC):
            return self._mismatch(
                node, args, f"{node.word} does not compare {_shown(left)} and {_shown(right)}"
            )
        self._check_words(left, right)
        self._check_words(right, left)
        run_left, run_right = left.run, right.run
        return Code(
            node,
            Type.BOOL,
            lambda values: compare(run_left(values), run_right(values)),
            tuple(args),
            _names(args),
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
        """Refuse a text that a variable can never be: a misspelt ``'sdd'`` would be false for ever."""
        variable = self.scope.get(subject.node.word) if subject.node.kind == "name" else None
        if variable is not None and variable.words and word.node.kind == "text":
            text = word.node.word[1:-1]
            if text not in variable.words:
                self._refuse(
                    word.node,
                    f"{variable.name} is never {text!r}",
                    f"it is one of {', '.join(variable.words)}",
                )

    def _not(self, node: Node, args: Sequence[Code]) -> Code:
        run = args[0].run
        return self._logic(node, args, lambda values: not run(values))

    def _and(self, node: Node, args: Sequence[Code]) -> Code:
        return self._logic(node, args, _decided_by(False, args[0].run, args[1].run))  # noqa: FBT003 - a truth value

    def _or(self, node: Node, args: Sequence[Code]) -> Code:
        return self._logic(node, args, _decided_by(True, args[0].run, args[1].run))  # noqa: FBT003 - a truth value

    def _logic(self, node: Node, args: Sequence[Code], run: Run) -> Code:
        if any(arg.type is not Type.BOOL for arg in args):
            return self._mismatch(
                node, args, f"`{node.kind}` joins truths, not {' and '.join(map(_shown, args))}"
            )
        return Code(node, Type.BOOL, run, tuple(args), _names(args))

    # Functions

    def _call(self, node: Node, args: Sequence[Code]) -> Code:
        function = FUNCTIONS.get(node.word)
        if function is None:
            return self._refuse(
                node, f"there is no function {node.word!r}", f"there are {', '.join(FUNCTIONS)}"
            )
        if not function.fewest <= len(args) <= function.most:
            return self._refuse(
                node, f"{node.word} does not take {len(args)} operands", f"write {function.usage}"
            )
        made = function.make(node, args)
        if made is None:
            kinds = ", ".join(map(_shown, args))
            return self._mismatch(node, args, f"{node.word} does not take {kinds}", f"write {function.usage}")
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


def _type_of_sum(left: Code, right: Code) -> Type | None:
    type_ = joint_type((left, right))
    return type_ if type_ in NUMERIC else None


def _type_of_product(operation: str, left: Code, right: Code) -> Type | None:
    if left.type not in NUMERIC or right.type not in NUMERIC:
        return None
    if right.type is Type.NUMBER:
        return left.type
    if operation == "*":
        return right.type if left.type is Type.NUMBER else None
    return Type.NUMBER if left.type is right.type else None


def _arithmetic(node: Node, left: Run, right: Run) -> Run:
    if node.word == "+":
        return lambda values: left(values) + right(values)
    if node.word == "-":
        return lambda values: left(values) - right(values)
    if node.word == "*":
        return lambda values: _bounded(left(values) * right(values), node)
    return lambda values: _divided(left(values), right(values), node)


def _bounded(value: Any, node: Node) -> Any:
    if is_within_magnitude(value):
        return value
    raise SyntaxFault("the result is beyond all magnitude", node.line, node.column)


def _divided(value: Any, divisor: Any, node: Node) -> Any:
    if divisor == 0:
        raise SyntaxFault("division by zero", node.line, node.column)
    return _bounded(value / divisor, node)


def _decided_by(
    decisive: bool,  # noqa: FBT001 - the truth that ends the question
    left: Run,
    right: Run,
) -> Run:
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

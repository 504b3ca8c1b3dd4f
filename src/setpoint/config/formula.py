"""Formulas: typed arithmetic over facts and parameters, compiled once, explained on demand.

``min(ram / 4, 8GB)`` is a size wherever units mean what the engine at hand means by them. Variables are
facts (`ram vcpu connections data_size storage role neighbours is_container`), parameters and whatever else
the scope offers; functions are `min max clamp round_up round_down log2 if known`; there are comparisons,
`in`, `and`, `or`, `not`, and nothing that loops, reaches into an object or names a thing outside the scope.
What is not known (None) makes the result unknown, never zero.

Templates, budgets and rules share this one language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.config.formula_check import Checker
from setpoint.config.formula_code import Code, UnknownInput, Values, is_within_magnitude
from setpoint.config.formula_syntax import SyntaxFault, parse
from setpoint.config.variables import Primitive, Type, show
from setpoint.errors import InputErrors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from setpoint.catalog import UnitSystem
    from setpoint.config.variables import Variable


@dataclass(frozen=True, slots=True)
class Input:
    """One value that decided a result, as people read it: ``ram`` is ``16GB``."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a formula came to: a value, or None and the name of the input that is not known.

    The value is in bytes, microseconds, plain numbers, a truth or a text, as the formula's type says.
    """

    formula: Formula
    value: Primitive | None
    unknown: str
    values: Values

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return not self.unknown

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The inputs that decided the value, in the order of the text."""
        return self.formula.inputs_of(self)

    @property
    def text(self) -> str:
        """The value as people read it."""
        return show(self.value, self.formula.type, self.formula.units)

    @property
    def explanation(self) -> str:
        """One line: the formula, its value, and the inputs that decided it."""
        if self.unknown:
            return f"{self.formula.text} is unknown, because {self.unknown} is not known"
        because = " and ".join(f"{given.name} is {given.text}" for given in self.inputs)
        head = f"{self.formula.text} = {self.text}"
        return f"{head}, because {because}" if because else head


@dataclass(frozen=True)
class Formula:
    """A compiled formula; make it with `compile_formula`."""

    text: str
    type: Type
    names: tuple[str, ...]
    """Every name in it, sorted."""
    units: UnitSystem
    scope: Mapping[str, Variable]
    source: str
    code: Code

    def evaluate(self, values: Mapping[str, Primitive | None]) -> Answer:
        """Work it out from values by name, a missing one counting as not known.

        Raises `InputErrors` with the column for a division by zero or a result beyond all magnitude.
        """
        taken: Values = {name: values.get(name) for name in self.names}
        try:
            value = self.code.run(taken)
        except UnknownInput as unknown:
            return Answer(self, None, unknown.args[0], taken)
        except SyntaxFault as fault:
            raise InputErrors([fault.placed(self.source)]) from None
        if value.__class__ is not str and not is_within_magnitude(value):
            fault = SyntaxFault("the result is beyond all magnitude", 1, 1)
            raise InputErrors([fault.placed(self.source)])
        return Answer(self, value, "", taken)

    def inputs_of(self, answer: Answer) -> tuple[Input, ...]:
        """Answer the inputs that decided an answer of this formula."""
        names = dict.fromkeys(_deciding(self.code, answer.values))
        return tuple(
            Input(name, show(answer.values[name], self.scope[name].type, self.units)) for name in names
        )


def compile_formula(
    text: str,
    scope: Mapping[str, Variable],
    units: UnitSystem,
    *,
    expects: Type | None = None,
    source: str = "",
) -> Formula:
    """Check a formula's text against a scope and an engine's units.

    `expects` is the type the result must have; a plain 0 is any numeric type. `source` names the text in
    errors. Raises `InputErrors` with every fault, each at ``source:line:column`` counted within the
    formula.
    """
    try:
        node = parse(text)
    except SyntaxFault as fault:
        raise InputErrors([fault.placed(source)]) from None
    faults: list[SyntaxFault] = []
    code = Checker(scope, units, faults).check(node)
    is_fitting = expects is None or code.type is expects
    if not is_fitting and code.is_zero and expects in (Type.BYTES, Type.DURATION):
        is_fitting = True
    if code.type is not None and not is_fitting and expects is not None:
        faults.append(
            SyntaxFault(
                f"a {expects.value} is needed and this is a {code.type.value}", node.line, node.column
            )
        )
    if faults or code.type is None:
        raise InputErrors(
            [fault.placed(source) for fault in sorted(faults, key=lambda f: (f.line, f.column))]
        )
    type_ = expects or code.type
    return Formula(text, type_, tuple(sorted(code.names)), units, scope, source, code)


def _deciding(code: Code, values: Values) -> Iterator[str]:
    """Walk the names that decided the value, leaving out what could have been anything."""
    kind, word, args = code.node.kind, code.node.word, code.args
    if kind == "name":
        yield word
        return
    if kind == "call" and word == "if":
        args = (args[0], _chosen(args, values))
    elif (kind == "call" and word in ("min", "max", "clamp")) or kind in ("and", "or"):
        args = _winners(code, values)
    for arg in args:
        yield from _deciding(arg, values)


def _chosen(args: tuple[Code, ...], values: Values) -> Code:
    is_so = _value_of(args[0], values)
    return args[0] if is_so is None else args[1] if is_so else args[2]


def _winners(code: Code, values: Values) -> tuple[Code, ...]:
    """Answer the operands whose value is the result; all of them when a constant won, because they let it."""
    result = _value_of(code, values)
    if result is None:
        return code.args
    winners = tuple(arg for arg in code.args if _value_of(arg, values) == result)
    return winners[:1] if winners and winners[0].names else code.args


def _value_of(code: Code, values: Values) -> Primitive | None:
    try:
        return code.run(values)
    except (UnknownInput, SyntaxFault):
        return None

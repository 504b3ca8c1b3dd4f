"""The ground that limits are judged on: an instance's facts, and its parameters with the texts they have.

Each name is looked up, typed and read once, however many limits name it, and what a formula compiles to is
shared by all catalogs in which its names have the same types.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from setpoint.config.budget import BudgetVerdict, judge_base, typed_values
from setpoint.config.formula import Formula, compile_formula
from setpoint.config.formula_syntax import SyntaxFault, parse
from setpoint.config.variables import FACTS, Type, Variable, fact_values, to_base, type_of
from setpoint.errors import InputError, InputErrors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from setpoint.catalog import Parameter
    from setpoint.config.configuration import SettingText
    from setpoint.config.formula_syntax import Node
    from setpoint.config.variables import Primitive
    from setpoint.policy.intent import Subject

_MOST_COMPILED = 8192

_formulas: dict[tuple[str, str, tuple[str, ...]], Formula | InputErrors] = {}
"""By engine, formula and the words of its names' types: enums are dear to hash."""
_types: dict[tuple[str, str, str | None], Type | None] = {}


@lru_cache(maxsize=_MOST_COMPILED)
def names_in(must: str) -> frozenset[str]:
    """Answer every name in a formula; raise `InputErrors` when it is none."""
    try:
        return frozenset(_names(parse(must)))
    except SyntaxFault as fault:
        raise InputErrors([fault.placed(must)]) from None


@lru_cache(maxsize=_MOST_COMPILED)
def parameters_in(must: str) -> tuple[str, ...]:
    """Answer the names in a formula that are no facts, sorted; raise `InputErrors` when it is none."""
    return tuple(sorted(names_in(must) - FACTS.keys()))


@lru_cache(maxsize=_MOST_COMPILED)
def _sorted_names(must: str) -> tuple[str, ...]:
    return tuple(sorted(names_in(must)))


_FACT_TYPES: Mapping[str, str] = {name: fact.type.value for name, fact in FACTS.items()}


class Ground:
    """The facts of an instance, and the texts that it has or would have, by listed name.

    A text of None counts as the catalog's default; a parameter without any text is not known.
    """

    def __init__(self, subject: Subject, texts: Mapping[str, SettingText]) -> None:
        self.subject = subject
        self.texts = texts
        self.values: dict[str, Primitive | None] = fact_values(subject.facts)
        self._types = dict(_FACT_TYPES)
        self._lacking: set[str] = set()

    def lacking(self, must: str) -> tuple[str, ...]:
        """Look up what a formula names; answer what this version of the engine does not have."""
        for name in parameters_in(must):
            if name not in self._types and name not in self._lacking:
                self._look_up(name)
        return tuple(name for name in parameters_in(must) if name in self._lacking) if self._lacking else ()

    def formula(self, must: str) -> Formula:
        """Compile a formula whose names were looked up; raise `InputErrors` where it does not fit them."""
        types = self._types
        key = (self.subject.catalog.engine, must, tuple([types[name] for name in _sorted_names(must)]))
        found = _formulas.get(key)
        if found is None:
            if len(_formulas) >= _MOST_COMPILED:
                _formulas.clear()
            found = _formulas[key] = self._compile(must)
        if isinstance(found, InputErrors):
            raise found
        return found

    def _compile(self, must: str) -> Formula | InputErrors:
        scope = {
            name: FACTS.get(name) or Variable(name, Type(self._types[name]))
            for name in names_in(must)
            if self._types[name]
        }
        try:
            return compile_formula(must, scope, self.subject.catalog.grammar.units, expects=Type.BOOL)
        except InputErrors as fault:
            return fault

    @cached_property
    def budget(self) -> BudgetVerdict:
        """What the memory claims come to; a claim's parameter without a text counts with its default."""
        claims, texts = self.subject.claims, self.texts
        given = {name: texts[name] for name in claims.parameters if texts.get(name) is not None}
        typed = typed_values(given, self.subject.catalog)
        base = claims.base_values(typed, self.subject.facts)
        # What was given and cannot be read is not known, and no default.
        base.update(dict.fromkeys(given.keys() - typed.keys()))
        return judge_base(claims, base)

    def _look_up(self, name: str) -> None:
        parameter = self.subject.catalog.find(name)
        if parameter is None:
            self._lacking.add(name)
            return
        type_ = _type_of(parameter, self.subject)
        self._types[name] = type_.value if type_ is not None else ""
        self.values[name] = self._value(parameter)

    def _value(self, parameter: Parameter) -> Primitive | None:
        grammar = self.subject.catalog.grammar
        if parameter.name not in self.texts:
            return None
        text = self.texts[parameter.name]
        if text is None:
            return to_base(parameter.default, parameter, grammar)
        try:
            return to_base(parameter.parse(text, grammar), parameter, grammar)
        except InputError:
            return None


def _type_of(parameter: Parameter, subject: Subject) -> Type | None:
    key = (subject.catalog.engine, parameter.kind.value, parameter.unit)
    if key not in _types:
        _types[key] = type_of(parameter, subject.catalog.grammar)
    return _types[key]


def _names(node: Node) -> Iterator[str]:
    if node.kind == "name":
        yield node.word
    for arg in node.args:
        yield from _names(arg)

"""Limits: truths over parameters and facts, and the share of memory, judged on the texts an instance has.

A limit's formula may name every fact and every parameter of the instance's own catalog. What is not known,
a parameter that this version does not have among it, makes the answer unknown, never true.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from setpoint.config.budget import BudgetVerdict, judge_base, typed_values
from setpoint.config.formula import Formula, Input, compile_formula
from setpoint.config.formula_code import NUMERIC, UnknownInput
from setpoint.config.formula_syntax import SyntaxFault, parse
from setpoint.config.variables import FACTS, Type, Variable, fact_values, show, to_base, type_of
from setpoint.errors import InputError, InputErrors
from setpoint.policy.waiver import waiver_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from setpoint.catalog import Parameter, UnitSystem
    from setpoint.config.configuration import SettingText
    from setpoint.config.formula_code import Code, Values
    from setpoint.config.formula_syntax import Node
    from setpoint.config.variables import Primitive
    from setpoint.policy.intent import Subject
    from setpoint.policy.rules import Limit, MemoryBudget
    from setpoint.policy.waiver import Waiver

_Excess = tuple[tuple[bool, float] | None, ...]
_MOST_COMPILED = 8192


@dataclass(frozen=True, slots=True)
class LimitAnswer:
    """Whether a limit holds (None: that cannot be told), why in one line, and the inputs that decided it.

    `unknown` names the input that is not known, `missing` the parameters that this version of the engine does
    not have: then the limit does not apply. `excess` tells of each broken part by how much, to compare.
    """

    holds: bool | None
    explanation: str
    inputs: tuple[Input, ...] = ()
    unknown: str = ""
    missing: tuple[str, ...] = ()
    excess: _Excess = ()

    def is_worse_than(self, other: LimitAnswer) -> bool:
        """Tell whether a part is broken here that is not there, or by more; unknown counts as more."""
        if len(self.excess) != len(other.excess):
            return True
        return any(
            mine != theirs and (mine is None or theirs is None or mine > theirs)
            for mine, theirs in zip(self.excess, other.excess, strict=True)
        )


def judge_limit(limit: Limit, subject: Subject, texts: Mapping[str, SettingText]) -> LimitAnswer:
    """Judge a limit on the texts an instance has, or would have, by listed name.

    A text of None counts as the catalog's default; a parameter without any text is not known.
    """
    names = sorted(names_in(limit.must))
    catalog = subject.catalog
    parameters = {name: catalog.find(name) for name in names if name not in FACTS}
    missing = tuple(name for name, parameter in parameters.items() if parameter is None)
    if missing:
        why = f"{catalog.engine} {catalog.version} has no parameter {missing[0]}"
        return LimitAnswer(None, f"{limit.must} cannot be judged: {why}", unknown=missing[0], missing=missing)
    try:
        formula = _compiled(limit.must, names, parameters, subject)
    except InputErrors as fault:
        return LimitAnswer(None, f"{limit.must} cannot be judged: {fault}", unknown="what it says")
    values = _values(parameters, subject, texts)
    try:
        answer = formula.evaluate(values)
    except InputErrors as fault:
        return LimitAnswer(None, f"{limit.must} cannot be judged: {fault}", unknown="its result")
    if answer.unknown:
        why = f"{answer.unknown} is not known"
        return LimitAnswer(None, f"{limit.must} cannot be judged: {why}", unknown=answer.unknown)
    holds = bool(answer.value)
    inputs = answer.inputs
    because = " and ".join(f"{given.name} is {given.text}" for given in inputs)
    head = f"{limit.must} {'holds' if holds else 'does not hold'}"
    return LimitAnswer(
        holds,
        f"{head}, because {because}" if because else head,
        inputs,
        excess=() if holds else tuple(_excess(formula.code, answer.values)),
    )


def judge_budget(rule: MemoryBudget, subject: Subject, texts: Mapping[str, SettingText]) -> LimitAnswer:
    """Judge whether the memory claims fill no more than a share of the host's memory, and fit at all.

    Texts count as `judge_limit` takes them, but a parameter without a text counts with its default.
    """
    claims, catalog = subject.claims, subject.catalog
    given = {name: texts[name] for name in claims.parameters if texts.get(name) is not None}
    typed = typed_values(given, catalog)
    base = claims.base_values(typed, subject.facts)
    base.update(dict.fromkeys(given.keys() - typed.keys()))
    verdict = judge_base(claims, base)
    if verdict.total is None or verdict.available is None or verdict.ram is None:
        unknown = verdict.unknown[0]
        return LimitAnswer(
            None, f"the memory budget cannot be judged: {unknown} is not known", unknown=unknown
        )
    return _weighed(rule, verdict, catalog.grammar.units)


def parameters_of_budget(subject: Subject) -> frozenset[str]:
    """Answer the parameters that a memory budget depends on, by listed name."""
    return frozenset(subject.claims.parameters)


def parameters_in(must: str) -> tuple[str, ...]:
    """Answer the names in a limit that are no facts, sorted; raise `InputErrors` when it is no formula."""
    return tuple(sorted(names_in(must) - FACTS.keys()))


@lru_cache(maxsize=_MOST_COMPILED)
def names_in(must: str) -> frozenset[str]:
    """Answer every name in a formula; raise `InputErrors` when it is none."""
    try:
        return frozenset(_names(parse(must)))
    except SyntaxFault as fault:
        raise InputErrors([fault.placed(must)]) from None


def waiver_of(
    rule: str, parameters: Iterable[str], subject: Subject, waivers: Iterable[Waiver], at: datetime
) -> Waiver | None:
    """Answer the waiver under which a broken limit is accepted, None when there is none.

    A waiver of the rule alone covers it; else each of the parameters must be covered (those that are moved,
    where a change is judged; all that the limit names, where the state is). The one that ends first is named.
    """
    names = tuple(parameters)
    given, name, instance = tuple(waivers), subject.name, subject.instance
    # No parameter is called by the empty text, so only a waiver of the rule alone can cover it.
    whole = waiver_for((each for each in given if each.rule), name, instance, at, parameter="", rule=rule)
    if whole is not None or not names:
        return whole
    found = [waiver_for(given, name, instance, at, parameter=each, rule=rule) for each in names]
    covering = [each for each in found if each is not None]
    if len(covering) < len(names):
        return None
    return min(covering, key=lambda waiver: (waiver.ends_at, waiver.id))


def _names(node: Node) -> Iterator[str]:
    if node.kind == "name":
        yield node.word
    for arg in node.args:
        yield from _names(arg)


_formulas: dict[tuple[str, str, tuple[Type | None, ...]], Formula | InputErrors] = {}
"""Compiled limits, shared by all catalogs in which their names have the same types."""


def _compiled(
    must: str, names: list[str], parameters: Mapping[str, Parameter | None], subject: Subject
) -> Formula:
    """Compile a limit for the catalog at hand; raise `InputErrors`."""
    grammar = subject.catalog.grammar
    types = {name: _type(name, parameters.get(name), subject) for name in names}
    key = (must, subject.catalog.engine, tuple(types.values()))
    found = _formulas.get(key)
    if found is None:
        scope = {
            name: FACTS.get(name) or Variable(name, type_)
            for name, type_ in types.items()
            if type_ is not None
        }
        try:
            found = compile_formula(must, scope, grammar.units, expects=Type.BOOL)
        except InputErrors as fault:
            found = fault
        if len(_formulas) >= _MOST_COMPILED:
            _formulas.clear()
        _formulas[key] = found
    if isinstance(found, InputErrors):
        raise found
    return found


def _type(name: str, parameter: Parameter | None, subject: Subject) -> Type | None:
    if parameter is None:
        return FACTS[name].type
    return type_of(parameter, subject.catalog.grammar)


def _values(
    parameters: Mapping[str, Parameter | None], subject: Subject, texts: Mapping[str, SettingText]
) -> dict[str, Primitive | None]:
    values = fact_values(subject.facts)
    for name, parameter in parameters.items():
        if parameter is not None:
            values[name] = _value(parameter, subject, texts)
    return values


def _value(parameter: Parameter, subject: Subject, texts: Mapping[str, SettingText]) -> Primitive | None:
    grammar = subject.catalog.grammar
    if parameter.name not in texts:
        return None
    text = texts[parameter.name]
    if text is None:
        return to_base(parameter.default, parameter, grammar)
    try:
        return to_base(parameter.parse(text, grammar), parameter, grammar)
    except InputError:
        return None


def _excess(code: Code, values: Values) -> Iterator[tuple[bool, float] | None]:
    """Answer of each part of a broken formula whether and by how much it is broken, None when unknown."""
    if code.node.kind == "and":
        for arg in code.args:
            yield from _excess(arg, values)
        return
    try:
        is_broken = not code.run(values)
        yield is_broken, _distance(code, values) if is_broken else 0.0
    except (UnknownInput, SyntaxFault):
        yield None


def _distance(code: Code, values: Values) -> float:
    """Answer how far the sides of a broken comparison of amounts are apart; 1 for other truths."""
    is_amount = code.node.kind == "compare" and all(arg.type in NUMERIC for arg in code.args)
    if not is_amount:
        return 1.0
    left, right = (_run(arg, values) for arg in code.args)
    return abs(left - right)


def _run(code: Code, values: Values) -> Any:
    return code.run(values)


def _weighed(rule: MemoryBudget, verdict: BudgetVerdict, units: UnitSystem) -> LimitAnswer:
    total, ram = verdict.total or 0, verdict.ram or 0
    most = min(verdict.available or 0, int(ram * rule.share))
    holds = total <= most

    def sized(amount: int) -> str:
        return show(amount, Type.BYTES, units)

    verb = "may use" if holds else "may use more than they should:"
    text = (
        f"the settings {verb} {sized(total)} of {sized(most)} of memory "
        f"({rule.share:.0%} of {sized(ram)}, and what others need stays free)"
    )
    inputs = tuple(
        Input(claim.label, sized(claim.bytes)) for claim in verdict.claims if claim.bytes is not None
    )
    return LimitAnswer(holds, text, inputs, excess=() if holds else ((True, float(total - most)),))

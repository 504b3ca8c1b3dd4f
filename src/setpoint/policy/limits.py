"""Limits: truths over parameters and facts, and the share of memory, judged on the texts an instance has.

A limit's formula may name every fact and every parameter of the instance's own catalog. What is not known,
a parameter that this version does not have among it, makes the answer unknown, never true.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from setpoint.config.formula import Answer, Input
from setpoint.config.formula_code import NUMERIC, UnknownInput
from setpoint.config.formula_syntax import SyntaxFault
from setpoint.config.variables import Type, show
from setpoint.errors import InputErrors
from setpoint.policy.ground import Ground, names_in, parameters_in
from setpoint.policy.waiver import waiver_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from setpoint.config.budget import BudgetVerdict
    from setpoint.config.configuration import SettingText
    from setpoint.config.formula_code import Code, Values
    from setpoint.policy.intent import Subject
    from setpoint.policy.rules import Limit, MemoryBudget
    from setpoint.policy.waiver import Waiver

__all__ = [
    "Ground",
    "LimitAnswer",
    "judge_budget",
    "judge_budget_on",
    "judge_limit",
    "judge_limit_on",
    "names_in",
    "parameters_in",
    "parameters_of_budget",
    "waiver_of",
]

_Excess = tuple[tuple[bool, float] | None, ...]


@dataclass(frozen=True)
class LimitAnswer:
    """Whether a limit holds, None when that cannot be told.

    `unknown` names the input that is not known, `missing` the parameters that this version of the engine does
    not have: then the limit does not apply. Why is worked out when it is asked for.
    """

    holds: bool | None
    tell: Callable[[], tuple[str, tuple[Input, ...]]]
    measure: Callable[[], _Excess]
    unknown: str = ""
    missing: tuple[str, ...] = ()

    @cached_property
    def explanation(self) -> str:
        """Why, in one line."""
        return self.tell()[0]

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """The inputs that decided it."""
        return self.tell()[1]

    @cached_property
    def excess(self) -> _Excess:
        """Of each part of a broken limit whether and by how much it is broken, None where that is unknown."""
        return self.measure()

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
    return judge_limit_on(limit, Ground(subject, texts))


def judge_limit_on(limit: Limit, ground: Ground) -> LimitAnswer:
    """Judge a limit on a ground that others are judged on too."""
    must, catalog = limit.must, ground.subject.catalog
    missing = ground.lacking(must)
    if missing:
        why = f"{catalog.engine} {catalog.version} has no parameter {missing[0]}"
        return _unknown(must, why, missing[0], missing)
    try:
        answer = ground.formula(must).evaluate(ground.values)
    except InputErrors as fault:
        return _unknown(must, str(fault), "its result")
    if answer.unknown:
        return _unknown(must, f"{answer.unknown} is not known", answer.unknown)
    return LimitAnswer(
        bool(answer.value),
        tell=lambda: (_explained(must, answer), answer.inputs),
        measure=lambda: () if answer.value else tuple(_excess(answer.formula.code, answer.values)),
    )


def judge_budget(rule: MemoryBudget, subject: Subject, texts: Mapping[str, SettingText]) -> LimitAnswer:
    """Judge whether the memory claims fill no more than a share of the host's memory, and fit at all.

    Texts count as `judge_limit` takes them, but a parameter without a text counts with its default.
    """
    return judge_budget_on(rule, Ground(subject, texts))


def judge_budget_on(rule: MemoryBudget, ground: Ground) -> LimitAnswer:
    """Judge a memory budget on a ground that others are judged on too."""
    verdict = ground.budget
    if verdict.total is None or verdict.available is None or verdict.ram is None:
        unknown = verdict.unknown[0]
        return _unknown("the memory budget", f"{unknown} is not known", unknown)
    total, most = verdict.total, min(verdict.available, int(verdict.ram * rule.share))
    holds = total <= most
    return LimitAnswer(
        holds,
        tell=lambda: _weighed(rule, verdict, most, ground.subject),
        measure=lambda: () if holds else ((True, float(total - most)),),
    )


def parameters_of_budget(subject: Subject) -> frozenset[str]:
    """Answer the parameters that a memory budget depends on, by listed name."""
    return frozenset(subject.claims.parameters)


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


def _unknown(what: str, why: str, unknown: str, missing: tuple[str, ...] = ()) -> LimitAnswer:
    return LimitAnswer(
        None,
        tell=lambda: (f"{what} cannot be judged: {why}", ()),
        measure=lambda: (None,),
        unknown=unknown,
        missing=missing,
    )


def _explained(must: str, answer: Answer) -> str:
    because = " and ".join(f"{given.name} is {given.text}" for given in answer.inputs)
    head = f"{must} {'holds' if answer.value else 'does not hold'}"
    return f"{head}, because {because}" if because else head


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


def _weighed(
    rule: MemoryBudget, verdict: BudgetVerdict, most: int, subject: Subject
) -> tuple[str, tuple[Input, ...]]:
    units, total = subject.catalog.grammar.units, verdict.total or 0

    def sized(amount: int | None) -> str:
        return show(amount, Type.BYTES, units)

    verb = "may use" if total <= most else "may use more than they should:"
    text = (
        f"the settings {verb} {sized(total)} of {sized(most)} of memory "
        f"({rule.share:.0%} of {sized(verdict.ram)}, and what others need stays free)"
    )
    return text, tuple(
        Input(claim.label, sized(claim.bytes)) for claim in verdict.claims if claim.bytes is not None
    )

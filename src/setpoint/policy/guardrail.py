"""Guardrails: truths over metrics that must hold while a change is watched.

A metric is named with ``_`` for the dots of its canonical name (``txn_rollback`` is ``txn.rollback``), and
is a plain number: a counter as its rate per second, a gauge as it is. ``before_txn_rollback`` is the same
over the time before the change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from setpoint.catalog import UnitSystem
from setpoint.config.formula import Formula, compile_formula
from setpoint.config.variables import Type, Variable
from setpoint.errors import InputErrors
from setpoint.policy.word import has_role, may_break
from setpoint.workload.metrics import KINDS, level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from setpoint.config.observation import Observation
    from setpoint.policy.intent import Move, Subject
    from setpoint.policy.person import Principal
    from setpoint.policy.policies import Named, PolicySet, ScopedRules
    from setpoint.policy.rules import Guardrail

    Pair = tuple[Observation, Observation]
    """Two observations of one instance, the earlier first."""

_BEFORE = "before_"
_PLAIN = UnitSystem(())
"""Metrics have no units of an engine; their names say theirs (``bytes``, ``seconds``)."""


@dataclass(frozen=True, slots=True)
class GuardrailAnswer:
    """Whether a guardrail holds, None when a metric it needs is not known, and why in one line."""

    holds: bool | None
    explanation: str


@cache
def guardrail_variables() -> Mapping[str, Variable]:
    """Answer what a guardrail's formula may name."""
    names = [metric.replace(".", "_") for metric in KINDS]
    return {name: Variable(name, Type.NUMBER) for name in (*names, *(f"{_BEFORE}{name}" for name in names))}


@lru_cache(maxsize=1024)
def compile_guardrail(holds: str, source: str = "") -> Formula:
    """Compile a guardrail's formula; raise `InputErrors`."""
    return compile_formula(holds, guardrail_variables(), _PLAIN, expects=Type.BOOL, source=source)


def judge_guardrail(rule: Guardrail, before: Pair | None, after: Pair) -> GuardrailAnswer:
    """Judge a guardrail on two observations since the change, and two from before it where there are any.

    Raises `InputErrors` when it is no formula over metrics.
    """
    formula = compile_guardrail(rule.holds)
    values = {name: _value(name, before, after) for name in formula.names}
    try:
        answer = formula.evaluate(values)
    except InputErrors as fault:
        return GuardrailAnswer(None, f"{rule.holds} cannot be judged: {fault}")
    if answer.unknown:
        return GuardrailAnswer(None, f"{rule.holds} cannot be judged: {answer.unknown} is not known")
    because = " and ".join(f"{given.name} is {given.text}" for given in answer.inputs)
    head = f"{rule.holds} {'holds' if answer.value else 'does not hold'}"
    return GuardrailAnswer(bool(answer.value), f"{head}, because {because}" if because else head)


def guardrails_for(
    policies: PolicySet, subject: Subject, moves: Iterable[Move], *, breaker: Principal | None = None
) -> tuple[Named[Guardrail], ...]:
    """Answer the guardrails that watch a change, sorted by name.

    `breaker` is who acts in an emergency: what an emergency rule lets this person break is left out.
    """
    rules = policies.for_instance(subject.name, subject.instance)
    moved = [move.parameter for move in moves]
    watching = [each for each in rules.guardrails if _is_watching(each.rule, moved, subject, rules)]
    if breaker is None or not _may_break(breaker, moved, subject, rules):
        return tuple(watching)
    return ()


def _is_watching(rule: Guardrail, moved: Iterable[str], subject: Subject, rules: ScopedRules) -> bool:
    """Tell whether a guardrail watches any moved parameter; one that is not narrowed watches all changes."""
    if not rule.parameters and not rule.classes:
        return True
    fold = subject.catalog.grammar.fold_name
    named = {fold(name) for name in rule.parameters}
    return any(
        fold(name) in named or not set(rules.classes_of(name, subject)).isdisjoint(rule.classes)
        for name in moved
    )


def _may_break(who: Principal, moved: list[str], subject: Subject, rules: ScopedRules) -> bool:
    """Tell whether an emergency rule lets somebody go without guardrails for all that is moved."""
    classes = frozenset(class_ for name in moved for class_ in rules.classes_of(name, subject))
    return any(
        has_role(who, subject, each.rule.roles) and may_break(each.rule, "guardrails", classes)
        for each in rules.emergencies
    )


def _value(name: str, before: Pair | None, after: Pair) -> float | None:
    pair = before if name.startswith(_BEFORE) else after
    if pair is None:
        return None
    return level(_metrics()[name.removeprefix(_BEFORE)], *pair)


@cache
def _metrics() -> Mapping[str, str]:
    return {metric.replace(".", "_"): metric for metric in KINDS}

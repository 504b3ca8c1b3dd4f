"""Limits and memory budgets as controls: does the truth hold with what runs?

Instances of a fleet repeat each other, so an answer is kept for the inputs that it depends on: the catalog,
the texts of the parameters and the facts that are named in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.variables import FACTS
from setpoint.policy.compliance import Control, Result, Status
from setpoint.policy.limits import judge_budget, judge_limit, names_in, parameters_of_budget
from setpoint.policy.rules import Limit, MemoryBudget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.policy.compliance_evidence import Seen
    from setpoint.policy.intent import Subject

_Told = tuple[Status, str]


class LimitJudge:
    """Judges limits and memory budgets; keeps its answers for as long as one report is made."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], _Told] = {}
        self._names: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def judge(self, control: Control, rule: Limit | MemoryBudget, seen: Seen) -> Result:
        """Judge a rule; a limit does not apply where the version lacks one of its parameters."""
        parameters, facts = self._inputs(control.id, rule, seen)
        running = seen.subject.running
        key = (
            control.id,
            seen.observation.engine,
            seen.observation.catalog_hash,
            tuple([running.get(name) for name in parameters]),
            tuple([seen.facts[name] for name in facts]),
        )
        told = self._known.get(key)
        if told is None:
            told = self._known[key] = _tell(rule, seen.subject, parameters)
        status, explanation = told
        applies = status is not Status.NOT_APPLICABLE
        exhibits = tuple(map(seen.exhibit, parameters)) if applies else ()
        return Result(control=control.id, status=status, explanation=explanation, exhibits=exhibits)

    def _inputs(
        self, control: str, rule: Limit | MemoryBudget, seen: Seen
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Answer the parameters and the facts that a rule depends on."""
        key = control if isinstance(rule, Limit) else f"{control} {seen.observation.catalog_hash}"
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = _names(rule, seen.subject)
        return found


def waivable(rule: Limit | MemoryBudget, subject: Subject) -> tuple[str, ...]:
    """Answer the parameters all of which must be waived for a rule to be, unless the rule itself is."""
    return _names(rule, subject)[0]


def _names(rule: Limit | MemoryBudget, subject: Subject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not isinstance(rule, Limit):
        return tuple(sorted(parameters_of_budget(subject))), tuple(FACTS)
    names = names_in(rule.must)
    return tuple(sorted(names - FACTS.keys())), tuple(sorted(names & FACTS.keys()))


def _tell(rule: Limit | MemoryBudget, subject: Subject, parameters: Sequence[str]) -> _Told:
    catalog = subject.catalog
    absent = [name for name in parameters if catalog.find(name) is None]
    if absent:
        return Status.NOT_APPLICABLE, f"{catalog.engine} {catalog.version} has no {', '.join(absent)}"
    unseen = [name for name in parameters if subject.running.get(name) is None]
    if unseen:
        return Status.UNKNOWN, f"{', '.join(unseen)} could not be read"
    if isinstance(rule, Limit):
        answer = judge_limit(rule, subject, subject.running)
    else:
        answer = judge_budget(rule, subject, subject.running)
    if answer.holds is None:
        return Status.UNKNOWN, answer.explanation
    return Status.PASS if answer.holds else Status.FAIL, answer.explanation

"""Limits and memory budgets as controls: does the truth hold with what runs?

Instances of a fleet repeat each other, so an answer is kept for the inputs that it depends on: the catalog,
the texts of the parameters and the facts that are named in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.variables import FACTS, fact_values
from setpoint.policy.compliance import Control, Result, Status
from setpoint.policy.compliance_lock import exhibit_of
from setpoint.policy.limits import judge_budget, judge_limit, names_in, parameters_of_budget
from setpoint.policy.rules import Limit, MemoryBudget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.policy.intent import Subject

_Told = tuple[Status, str]


class LimitJudge:
    """Judges limits and memory budgets; keeps its answers for as long as one report is made."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], _Told] = {}
        self._names: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def judge(
        self, control: Control, rule: Limit | MemoryBudget, subject: Subject, observation: Observation
    ) -> Result:
        """Judge a rule; a limit does not apply where the version lacks one of its parameters."""
        parameters, facts = self._inputs(control.id, rule, subject, observation)
        texts = {name: text for name in parameters if (text := subject.running.get(name)) is not None}
        values = fact_values(subject.facts)
        key = (
            control.id,
            observation.engine,
            observation.catalog_hash,
            tuple(texts.items()),
            tuple(values[name] for name in facts),
        )
        told = self._known.get(key)
        if told is None:
            told = self._known[key] = _tell(rule, subject, parameters, texts)
        if told[0] is Status.NOT_APPLICABLE:
            return Result(control=control.id, status=told[0], explanation=told[1])
        exhibits = tuple(exhibit_of(name, subject.catalog, observation) for name in parameters)
        return Result(control=control.id, status=told[0], explanation=told[1], exhibits=exhibits)

    def _inputs(
        self, control: str, rule: Limit | MemoryBudget, subject: Subject, observation: Observation
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Answer the parameters and the facts that a rule depends on."""
        key = control if isinstance(rule, Limit) else f"{control} {observation.catalog_hash}"
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = _names(rule, subject)
        return found


def waivable(rule: Limit | MemoryBudget, subject: Subject) -> tuple[str, ...]:
    """Answer the parameters all of which must be waived for a rule to be, unless the rule itself is."""
    return _names(rule, subject)[0]


def _names(rule: Limit | MemoryBudget, subject: Subject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not isinstance(rule, Limit):
        return tuple(sorted(parameters_of_budget(subject))), tuple(FACTS)
    names = names_in(rule.must)
    return tuple(sorted(names - FACTS.keys())), tuple(sorted(names & FACTS.keys()))


def _tell(
    rule: Limit | MemoryBudget, subject: Subject, parameters: Sequence[str], texts: Mapping[str, SettingText]
) -> _Told:
    catalog = subject.catalog
    absent = [name for name in parameters if catalog.find(name) is None]
    if absent:
        return Status.NOT_APPLICABLE, f"{catalog.engine} {catalog.version} has no {', '.join(absent)}"
    unseen = [name for name in parameters if name not in texts]
    if unseen:
        return Status.UNKNOWN, f"{', '.join(unseen)} could not be read"
    if isinstance(rule, Limit):
        answer = judge_limit(rule, subject, texts)
    else:
        answer = judge_budget(rule, subject, texts)
    if answer.holds is None:
        return Status.UNKNOWN, answer.explanation
    return Status.PASS if answer.holds else Status.FAIL, answer.explanation

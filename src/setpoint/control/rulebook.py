"""What policy says of one instance as it was last seen: which parameters are locked, which limits hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.control.subject import policies_of, subject_of
from setpoint.control.watch import last_seen
from setpoint.policy.limits import judge_budget, judge_limit, parameters_in, parameters_of_budget, waiver_of

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.config.configuration import SettingText
    from setpoint.control.context import Context
    from setpoint.policy.classes import ParameterClass
    from setpoint.policy.intent import Subject
    from setpoint.policy.limits import LimitAnswer
    from setpoint.policy.policies import Named, ScopedRules
    from setpoint.policy.rules import Limit, Lock, MemoryBudget
    from setpoint.policy.verdict import Outcome
    from setpoint.policy.waiver import Waiver


@dataclass(frozen=True, slots=True)
class LockedParameter:
    """A parameter that may not move freely: its classes, what it runs with, and every lock on it."""

    parameter: str
    classes: tuple[ParameterClass, ...]
    running: SettingText
    locks: tuple[Named[Lock], ...]

    @property
    def outcome(self) -> Outcome:
        """The gravest word of its locks."""
        return max(lock.rule.outcome for lock in self.locks)

    @property
    def value(self) -> str | None:
        """What it must have, None when any value it has is the one to keep."""
        return next((lock.rule.value for lock in self.locks if lock.rule.value is not None), None)


@dataclass(frozen=True, slots=True)
class JudgedLimit:
    """A limit, or a share of the memory budget, on one instance; `waiver` is the one in force for it."""

    name: str
    rule: Limit | MemoryBudget
    answer: LimitAnswer
    waiver: Waiver | None

    @property
    def is_broken(self) -> bool:
        """Whether it is known not to hold, and nobody accepted that."""
        return self.answer.holds is False and self.waiver is None


@dataclass(frozen=True, slots=True)
class Locks:
    """The locked parameters of an instance by name, and when it was seen."""

    instance: str
    seen_at: datetime
    parameters: tuple[LockedParameter, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on an instance by rule, and when it was seen."""

    instance: str
    seen_at: datetime
    judged: tuple[JudgedLimit, ...]


def locks_on(context: Context, name: str) -> Locks:
    """Answer the locked parameters of an instance; raise `NotFoundError` when it was never observed."""
    subject, rules, seen_at = _subject(context, name)
    found: list[LockedParameter] = []
    for parameter in subject.catalog.parameters:
        known = rules.of_parameter(parameter.name, subject)
        if known.locks:
            running = subject.running.get(parameter.name)
            found.append(LockedParameter(parameter.name, known.classes, running, known.locks))
    return Locks(name, seen_at, tuple(sorted(found, key=lambda each: each.parameter.lower())))


def limits_on(context: Context, name: str) -> Limits:
    """Judge the limits on an instance; raise `NotFoundError` when it was never observed."""
    subject, rules, seen_at = _subject(context, name)
    waivers = [kept.value for kept in context.store.waivers.all().values()]
    judged: list[JudgedLimit] = []

    def add(
        limit: Named[Limit] | Named[MemoryBudget], answer: LimitAnswer, parameters: tuple[str, ...]
    ) -> None:
        waiver = waiver_of(limit.name, parameters, subject, waivers, context.now())
        judged.append(JudgedLimit(limit.name, limit.rule, answer, waiver if answer.holds is False else None))

    for limit in rules.limits:
        add(limit, judge_limit(limit.rule, subject, subject.running), parameters_in(limit.rule.must))
    for budget in rules.budgets:
        answer = judge_budget(budget.rule, subject, subject.running)
        add(budget, answer, tuple(sorted(parameters_of_budget(subject))))
    return Limits(name, seen_at, tuple(judged))


def _subject(context: Context, name: str) -> tuple[Subject, ScopedRules, datetime]:
    configuration = context.head()[1]
    instance = configuration.instance(name)
    observation, catalog = last_seen(context, name, instance)
    subject = subject_of(context, configuration, observation, catalog)
    return subject, policies_of(configuration).for_instance(name, instance), observation.at

"""Judging a fleet by a profile: every control on every instance, from what was last seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from setpoint.policy.compliance import (
    OUT_OF_SCOPE,
    Control,
    Counts,
    InstanceReport,
    Profile,
    Result,
    Status,
)
from setpoint.policy.compliance_limit import LimitJudge, waivable
from setpoint.policy.compliance_lock import judge_incidents, judge_value, worst
from setpoint.policy.limits import waiver_of
from setpoint.policy.rules import Lock
from setpoint.policy.waiver import waiver_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime, timedelta

    from setpoint.catalog import Parameter
    from setpoint.config.configuration import Instance
    from setpoint.policy.classes import ParameterClass
    from setpoint.policy.compliance_evidence import Seen
    from setpoint.policy.incident import Incident
    from setpoint.policy.intent import Subject
    from setpoint.policy.rules import Limit, MemoryBudget
    from setpoint.policy.selector import Selector
    from setpoint.policy.waiver import Waiver

    ClassesOf = Callable[[str, Subject], Collection[ParameterClass]]
    """Answers the classes of a parameter of an instance, by its policies or as they are shipped."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a report is made with besides the instances.

    `classifiers` are the scopes of the policies that change classes: instances which fall into the same ones
    and have the same catalog have the same classes.
    """

    waivers: tuple[Waiver, ...] = ()
    incidents: tuple[Incident, ...] = ()
    classes_of: ClassesOf
    classifiers: tuple[Selector, ...] = ()
    at: datetime
    stale_after: timedelta


class Judge:
    """Judges instances by one profile, and shares between them what is the same."""

    def __init__(self, profile: Profile, terms: Terms) -> None:
        self._controls = profile.controls
        self._terms = terms
        self._limits = LimitJudge()
        self._members: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._waivers = [waiver for waiver in terms.waivers if waiver.is_in_force(terms.at)]
        self._incidents: dict[str, list[Incident]] = {}
        for incident in terms.incidents:
            if incident.ended_at is None:
                self._incidents.setdefault(incident.instance, []).append(incident)
        self._scopes: list[Selector] = []
        self._scope_numbers = [tuple(map(self._number_of, control.scopes)) for control in profile.controls]
        self._elsewhere = [_flat(control, Status.NOT_APPLICABLE, OUT_OF_SCOPE) for control in self._controls]
        self._unseen = [_flat(control, Status.UNKNOWN, "never observed") for control in self._controls]

    def judge(self, name: str, instance: Instance, seen: Seen | None) -> InstanceReport:
        """Judge one instance; `seen` is None when it was never observed."""
        age = None if seen is None else max(0.0, (self._terms.at - seen.observation.at).total_seconds())
        is_stale = age is not None and age > self._terms.stale_after.total_seconds()
        ranked: list[list[Result]] = [[] for _ in Status]
        for result in self._results(name, instance, seen, age if is_stale else None):
            ranked[result.status.rank].append(result)
        return InstanceReport(
            name=name,
            engine=instance.engine,
            version="" if seen is None else seen.observation.facts.version,
            group=instance.group,
            environment=instance.environment,
            observed_at=None if seen is None else seen.observation.at,
            age_seconds=age,
            is_stale=is_stale,
            counts=_counts(ranked),
            results=tuple(result for results in ranked for result in results),
        )

    def _results(
        self, name: str, instance: Instance, seen: Seen | None, stale_age: float | None
    ) -> Iterable[Result]:
        fits = [scope.fits(name, instance) for scope in self._scopes]
        waivers = [waiver for waiver in self._waivers if waiver.scope.fits(name, instance)]
        groups = tuple(scope.fits(name, instance) for scope in self._terms.classifiers)
        for number, control in enumerate(self._controls):
            if not all(fits[scope] for scope in self._scope_numbers[number]):
                yield self._elsewhere[number]
            elif seen is None:
                yield self._unseen[number]
            else:
                result = self._judge_one(control, seen, groups)
                if waivers and result.status is Status.FAIL:
                    result = self._waived(result, control, seen.subject, waivers)
                yield result if stale_age is None else _outdated(result, control.rule, stale_age)

    def _number_of(self, scope: Selector) -> int:
        """Answer a scope's number; scopes that say the same share one, and are asked once an instance."""
        if scope not in self._scopes:
            self._scopes.append(scope)
        return self._scopes.index(scope)

    def _judge_one(self, control: Control, seen: Seen, groups: tuple[bool, ...]) -> Result:
        rule = control.rule
        if not isinstance(rule, Lock):
            return self._limits.judge(control, rule, seen)
        if rule.value is not None:
            parameters = self._parameters(control.id, rule, seen, groups) if rule.classes else rule.parameters
            return judge_value(control, rule.value, parameters, seen)
        mine = self._incidents.get(seen.subject.name, ())
        # A lock by class holds for every version: which parameters it means is not asked.
        named = () if rule.classes else rule.parameters
        return judge_incidents(control, named, seen, mine)

    def _parameters(self, control: str, lock: Lock, seen: Seen, groups: tuple[bool, ...]) -> tuple[str, ...]:
        """Answer the parameters a lock means by name and by class."""
        key = (control, seen.observation.engine, seen.observation.catalog_hash, groups)
        found = self._members.get(key)
        if found is None:
            catalog, wanted = seen.subject.catalog, set(lock.classes)

            def is_meant(parameter: Parameter) -> bool:
                return not wanted.isdisjoint(self._terms.classes_of(parameter.name, seen.subject))

            by_class = [each.name for each in catalog.parameters if is_meant(each)]
            found = self._members[key] = tuple(dict.fromkeys((*lock.parameters, *by_class)))
        return found

    def _waived(
        self, result: Result, control: Control, subject: Subject, waivers: Sequence[Waiver]
    ) -> Result:
        """Let waivers turn a failure, a lock's parameter by parameter."""
        rule, at = control.rule, self._terms.at
        if isinstance(rule, Lock):

            def find(parameter: str) -> Waiver | None:
                name, instance = subject.name, subject.instance
                return waiver_for(waivers, name, instance, at, parameter=parameter, rule=control.id)

            return _waive_lock(result, find)
        waiver = waiver_of(control.id, waivable(rule, subject), subject, waivers, at)
        if waiver is None:
            return result
        return msgspec.structs.replace(
            result,
            status=Status.WAIVED,
            explanation=f"{waiver.told}; {result.explanation}",
            waivers=(waiver.id,),
        )


def _waive_lock(result: Result, find: Callable[[str], Waiver | None]) -> Result:
    exhibits = list(result.exhibits)
    ids: list[str] = []
    told: list[str] = []
    for number, exhibit in enumerate(exhibits):
        waiver = find(exhibit.parameter) if exhibit.status is Status.FAIL else None
        if waiver is not None:
            ids.append(waiver.id)
            note = f"{waiver.told}; {exhibit.note}"
            exhibits[number] = msgspec.structs.replace(exhibit, status=Status.WAIVED, note=note)
        if exhibits[number].note:
            told.append(exhibits[number].note)
    if not ids:
        return result
    return msgspec.structs.replace(
        result,
        status=worst(exhibits),
        explanation="; ".join(told),
        exhibits=tuple(exhibits),
        waivers=tuple(dict.fromkeys(ids)),
    )


def _outdated(result: Result, rule: Lock | Limit | MemoryBudget, age_seconds: float) -> Result:
    """Take what was found too long ago for unknown, and say what it was; an open incident does not age."""
    is_incident = isinstance(rule, Lock) and rule.value is None and result.status is Status.FAIL
    if is_incident or result.status in (Status.NOT_APPLICABLE, Status.UNKNOWN):
        return result
    why = f"last seen {_age(age_seconds)} ago, then {result.status.value}: {result.explanation}"
    return msgspec.structs.replace(result, status=Status.UNKNOWN, explanation=why)


def _age(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.0f} h" if hours >= 1 else f"{seconds / 60:.0f} min"


def _flat(control: Control, status: Status, explanation: str) -> Result:
    return Result(control=control.id, status=status, explanation=explanation)


def _counts(ranked: Sequence[Sequence[Result]]) -> Counts:
    failed, unknown, waived, passed, not_applicable = map(len, ranked)
    return Counts(failed=failed, unknown=unknown, waived=waived, passed=passed, not_applicable=not_applicable)

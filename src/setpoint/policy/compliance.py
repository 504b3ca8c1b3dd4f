"""Compliance: what is demanded of instances, as controls, and the words in which a report answers them.

A profile is a named list of controls. The one that is called ``own`` is made of the policies in force;
profiles of others (CIS, STIG) are lists of the same controls.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Literal

import msgspec

from setpoint.policy.rules import Limit, Lock, MemoryBudget
from setpoint.policy.selector import Selector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from setpoint.policy.rules import Policy

Severity = Literal["high", "medium", "low"]
OWN = "own"
"""The profile that is made of the policies in force."""
OUT_OF_SCOPE = "out of scope"
"""Why a control does not apply to an instance that it does not mean."""


class Status(Enum):
    """What a control came to on an instance, the worst first."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105 - a mark, no password
    NOT_APPLICABLE = "not applicable"

    @property
    def rank(self) -> int:
        """The place in the order, 0 for the worst."""
        return _RANKS[self]


_RANKS = {status: rank for rank, status in enumerate(Status)}
_SEVERITIES: Mapping[Severity, int] = {"high": 0, "medium": 1, "low": 2}


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is demanded of every instance within all its scopes.

    `rule` is what is judged: a lock's value (or, where it names none, that no incident is open), a limit, or
    a share of memory. Locks have no severity of their own and count as high, memory budgets as medium.
    """

    id: str
    title: str
    severity: Severity
    why: str
    source: str
    scopes: tuple[Selector, ...]
    rule: Lock | Limit | MemoryBudget


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A named list of controls."""

    name: str
    title: str
    controls: tuple[Control, ...]


class Exhibit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One parameter as evidence: what it runs with, and from where; `status` None counts with the whole."""

    parameter: str
    text: str | None
    origin: str = ""
    status: Status | None = None
    note: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one control came to on one instance, in words, with its evidence.

    `waivers` are the ids of those without which it would fail.
    """

    control: str
    status: Status
    explanation: str
    exhibits: tuple[Exhibit, ...] = ()
    waivers: tuple[str, ...] = ()


class Counts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many results there are of each status."""

    failed: int = 0
    unknown: int = 0
    waived: int = 0
    passed: int = 0
    not_applicable: int = 0

    @property
    def judged(self) -> int:
        """How many there are that apply and are not waived."""
        return self.failed + self.unknown + self.passed

    @property
    def score(self) -> float | None:
        """The share of passes (0 to 1) in what applies and is not waived; None when that is nothing.

        What is unknown counts like a failure: nobody has shown that it passes.
        """
        return self.passed / self.judged if self.judged else None


class ReportPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one recorded report came to: one point of the trend of its profile and scope.

    `scope` is a selector as text; `revision` the configuration the report was made of.
    """

    profile: str
    scope: str
    at: datetime
    counts: Counts
    instances: int
    revision: str = ""


class InstanceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One instance judged: every control, the worst result first.

    `observed_at` is when it was last seen and `age_seconds` how long ago that was; None when it never was.
    """

    name: str
    engine: str
    version: str
    group: str
    environment: str
    observed_at: datetime | None
    age_seconds: float | None
    is_stale: bool
    counts: Counts
    results: tuple[Result, ...]


class RollUp(msgspec.Struct, frozen=True, kw_only=True):
    """Several instances in one line; `name` is empty for those in no group."""

    name: str
    instances: int
    counts: Counts


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report; instances and groups the worst first.

    `trend` holds the recorded reports of the same profile and scope, the oldest first.
    """

    profile: Profile
    scope: str
    at: datetime
    revision: str
    stale_after_seconds: float
    fleet: RollUp
    groups: tuple[RollUp, ...]
    instances: tuple[InstanceReport, ...]
    trend: tuple[ReportPoint, ...] = ()

    @property
    def is_failing(self) -> bool:
        """Whether anything fails."""
        return self.fleet.counts.failed > 0

    def point(self) -> ReportPoint:
        """Answer what the trend keeps of it."""
        return ReportPoint(
            profile=self.profile.name,
            scope=self.scope,
            at=self.at,
            counts=self.fleet.counts,
            instances=self.fleet.instances,
            revision=self.revision,
        )


def own_profile(policies: Iterable[Policy]) -> Profile:
    """Make the profile of the policies in force, the gravest controls first."""
    controls = [control for policy in policies for control in _controls(policy)]
    controls.sort(key=lambda control: (_SEVERITIES[control.severity], control.id))
    return Profile(name=OWN, title="the policies in force", controls=tuple(controls))


def roll_up(name: str, instances: Iterable[InstanceReport]) -> RollUp:
    """Add up instances."""
    counts = [each.counts for each in instances]
    return RollUp(name=name, instances=len(counts), counts=_sum(counts))


def roll_up_groups(instances: Iterable[InstanceReport]) -> tuple[RollUp, ...]:
    """Add up the instances of each group, the worst group first."""
    members: dict[str, list[InstanceReport]] = {}
    for each in instances:
        members.setdefault(each.group, []).append(each)
    groups = [roll_up(name, each) for name, each in members.items()]
    return tuple(sorted(groups, key=lambda group: (*badness(group.counts), group.name)))


def badness(counts: Counts) -> tuple[float, ...]:
    """Answer a key that sorts the worst first: failures, what is unknown, then the lower score."""
    return -counts.failed, -counts.unknown, 2.0 if counts.score is None else counts.score, -counts.waived


def _controls(policy: Policy) -> Iterator[Control]:
    for lock in policy.locks:
        yield _control(policy, lock, lock_title(lock), "high")
    for limit in policy.limits:
        yield _control(policy, limit, limit.must, limit.severity, limit.source)
    for budget in policy.budgets:
        yield _control(policy, budget, f"memory claims at most {budget.share:.4g} of the host's", "medium")


def _control(
    policy: Policy, rule: Lock | Limit | MemoryBudget, title: str, severity: Severity, source: str = ""
) -> Control:
    return Control(
        id=f"{policy.name}/{rule.id}",
        title=title,
        severity=severity,
        why=rule.why or policy.why,
        source=source,
        scopes=tuple(scope for scope in (policy.scope, rule.scope) if not scope.is_all),
        rule=rule,
    )


def lock_title(lock: Lock) -> str:
    """Say what a lock demands: ``fsync = on``, ``class durability: no open incident``."""
    words = [*lock.parameters, *(f"class {each.value}" for each in lock.classes)]
    demanded = f" = {lock.value}" if lock.value is not None else ": no open incident"
    return f"{', '.join(words)}{demanded}"


def _sum(counts: list[Counts]) -> Counts:
    return Counts(
        failed=sum(each.failed for each in counts),
        unknown=sum(each.unknown for each in counts),
        waived=sum(each.waived for each in counts),
        passed=sum(each.passed for each in counts),
        not_applicable=sum(each.not_applicable for each in counts),
    )

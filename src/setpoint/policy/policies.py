"""All policies together, compiled: which rules speak of an instance, and which of them of a parameter.

Rules are named ``POLICY/ID`` for people; the quorum of a class is ``POLICY/approvals.CLASS`` (a blank in the
class is a dash), that of a governance key ``POLICY/governance.KEY``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from setpoint.policy.classes import ParameterClass
from setpoint.policy.ground import parameters_in
from setpoint.policy.person import Role
from setpoint.policy.rules import (
    Emergency,
    Freeze,
    Guardrail,
    Limit,
    Lock,
    MemoryBudget,
    Override,
    Policy,
    Separation,
    Window,
)
from setpoint.policy.verdict import Need, Quorum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from setpoint.config.configuration import Instance
    from setpoint.policy.intent import Subject
    from setpoint.policy.selector import Selector

Asked = tuple[tuple[str, Quorum, str], ...]
"""Approvals asked for: the key, the quorum, and the rule that sets it (empty: none does)."""

ONE_APPROVER = Quorum()
"""What is asked for where no policy sets a quorum."""

_R = TypeVar("_R")
_L = TypeVar("_L", Lock, Limit)

_DEFAULT_GOVERNANCE: Mapping[str, Quorum] = {
    "policy": Quorum(roles=(Role.POLICY_OWNER,)),
    "waiver": Quorum(roles=(Role.APPROVER, Role.POLICY_OWNER)),
}
_MOST_REMEMBERED = 20_000
_ORDER = {each: number for number, each in enumerate(ParameterClass)}
_DEFAULT_CLASSES = (ParameterClass.PERFORMANCE,)


@dataclass(frozen=True, slots=True)
class Named(Generic[_R]):
    """A rule with its policy and the name people see."""

    name: str
    policy: str
    rule: _R


@dataclass(frozen=True, slots=True)
class ParameterRules:
    """What speaks of one parameter: its classes, gravest first, the locks on it, quorums by class.

    `asks` are the approvals of all its classes: their quorums, or one approver where no policy sets any.
    """

    classes: tuple[ParameterClass, ...]
    locks: tuple[Named[Lock], ...]
    quorums: tuple[tuple[ParameterClass, Named[Quorum]], ...]
    class_set: frozenset[ParameterClass]
    asks: Asked


@dataclass(frozen=True)
class ScopedRules:
    """The rules of all policies in whose scope one instance is, sorted by name; false without policies.

    `quorums` are those of each class, `classify` the classes by parameter name, as every policy writes them.
    """

    policies: tuple[str, ...]
    locks: tuple[Named[Lock], ...] = ()
    limits: tuple[Named[Limit], ...] = ()
    budgets: tuple[Named[MemoryBudget], ...] = ()
    guardrails: tuple[Named[Guardrail], ...] = ()
    windows: tuple[Named[Window], ...] = ()
    freezes: tuple[Named[Freeze], ...] = ()
    separations: tuple[Named[Separation], ...] = ()
    overrides: tuple[Named[Override], ...] = ()
    emergencies: tuple[Named[Emergency], ...] = ()
    quorums: Mapping[ParameterClass, tuple[Named[Quorum], ...]] = field(
        default_factory=dict[ParameterClass, tuple[Named[Quorum], ...]]
    )
    classify: tuple[tuple[str, tuple[ParameterClass, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.policies)

    def classes_of(self, parameter: str, subject: Subject) -> tuple[ParameterClass, ...]:
        """Answer a parameter's classes: as policies have it, else as shipped, else performance."""
        return self.of_parameter(parameter, subject).classes

    def of_parameter(self, parameter: str, subject: Subject) -> ParameterRules:
        """Answer what speaks of a parameter, named in any spelling the engine takes."""
        folded = subject.catalog.grammar.fold_name(parameter)
        shipped = subject.shipped_classes.get(folded, _DEFAULT_CLASSES)
        key = (subject.catalog.engine, folded, shipped)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            known = self._known[key] = self._find(folded, shipped, self._index(subject))
        return known

    def limits_on(
        self, parameters: Iterable[str], subject: Subject
    ) -> tuple[tuple[Named[Limit], tuple[str, ...]], ...]:
        """Answer the limits whose formula names some of the parameters, with those it names."""
        fold, index = subject.catalog.grammar.fold_name, self._index(subject)
        found: dict[str, tuple[Named[Limit], list[str]]] = {}
        for name in parameters:
            for limit in index.limits.get(fold(name), ()):
                found.setdefault(limit.name, (limit, []))[1].append(name)
        return tuple((found[name][0], tuple(found[name][1])) for name in sorted(found))

    @property
    def separation(self) -> Separation:
        """Separation of duties: what all rules about it together allow."""
        return Separation(
            id="all",
            author_may_apply=all(each.rule.author_may_apply for each in self.separations),
            approver_may_apply=all(each.rule.approver_may_apply for each in self.separations),
        )

    @property
    def max_override_seconds(self) -> float | None:
        """How long an override may last at most; None when no policy bounds it."""
        return min((each.rule.max_seconds for each in self.overrides), default=None)

    @cached_property
    def _known(self) -> dict[tuple[str, str, tuple[ParameterClass, ...]], ParameterRules]:
        return {}

    @cached_property
    def _indexes(self) -> dict[str, _Index]:
        return {}

    def _index(self, subject: Subject) -> _Index:
        engine = subject.catalog.engine
        found = self._indexes.get(engine)
        if found is None:
            found = self._indexes[engine] = _index_of(self, subject.catalog.grammar.fold_name)
        return found

    def _find(self, folded: str, shipped: tuple[ParameterClass, ...], index: _Index) -> ParameterRules:
        classes = index.classes.get(folded) or shipped or _DEFAULT_CLASSES
        locks = {lock.name: lock for lock in index.locks.get(folded, ())}
        for each in classes:
            locks.update((lock.name, lock) for lock in index.locks_by_class.get(each, ()))
        quorums = tuple((each, quorum) for each in classes for quorum in self.quorums.get(each, ()))
        asks = tuple((each.value, quorum.rule, quorum.name) for each, quorum in quorums)
        return ParameterRules(
            classes=classes,
            locks=tuple(locks[name] for name in sorted(locks)),
            quorums=quorums,
            class_set=frozenset(classes),
            asks=asks or ((classes[0].value, ONE_APPROVER, ""),),
        )


@dataclass(frozen=True, slots=True)
class _Index:
    """Scoped rules by parameter name, as one engine folds names, and by class."""

    classes: Mapping[str, tuple[ParameterClass, ...]]
    locks: Mapping[str, tuple[Named[Lock], ...]]
    locks_by_class: Mapping[ParameterClass, tuple[Named[Lock], ...]]
    limits: Mapping[str, tuple[Named[Limit], ...]]


class PolicySet:
    """Policies by name, compiled once; instances under the same rules share what `for_instance` answers."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self.policies = {name: policies[name] for name in sorted(policies)}
        self._selectors = {_key_of(selector): selector for selector in _selectors(self.policies.values())}
        self._scoped: dict[tuple[bool, ...], ScopedRules] = {}

    @classmethod
    def of(cls, policies: Mapping[str, Policy]) -> PolicySet:
        """Compile policies by name; raise `InputErrors` for a limit that is no formula."""
        for policy in policies.values():
            for limit in policy.limits:
                parameters_in(limit.must)
        return cls(policies)

    def for_instance(self, name: str, instance: Instance) -> ScopedRules:
        """Answer the rules in whose scope an instance is."""
        fitting = tuple(selector.fits(name, instance) for selector in self._selectors.values())
        found = self._scoped.get(fitting)
        if found is None:
            if len(self._scoped) >= _MOST_REMEMBERED:
                self._scoped.clear()
            held = {key for key, fits in zip(self._selectors, fitting, strict=True) if fits}
            found = self._scoped[fitting] = _scoped(self.policies, lambda each: _key_of(each) in held)
        return found

    def classes_of(self, parameter: str, subject: Subject) -> tuple[ParameterClass, ...]:
        """Answer a parameter's classes: as policies in scope have it, else as shipped, else performance."""
        return self.for_instance(subject.name, subject.instance).classes_of(parameter, subject)

    def needs_for(self, key: str) -> tuple[Need, ...]:
        """Answer the approvals of a governance key (``policy``, ``waiver``, ``people``).

        The quorums of all policies that name it, each to be met; where none does, one policy owner for
        policy, one approver or policy owner for waivers, nobody for people.
        """
        rules = {
            name: policy.governance[key] for name, policy in self.policies.items() if key in policy.governance
        }
        if not rules and key in _DEFAULT_GOVERNANCE:
            rules = {"default": _DEFAULT_GOVERNANCE[key]}
        return tuple(
            Need(key=key, quorum=quorum, instance="", rules=(f"{name}/governance.{key}",))
            for name, quorum in rules.items()
        )

    def separation(self, name: str, instance: Instance) -> Separation:
        """Answer what all rules in scope about separation of duties together allow."""
        return self.for_instance(name, instance).separation

    def max_override_seconds(self, name: str, instance: Instance) -> float | None:
        """Answer how long an override of an instance may last at most; None when no policy bounds it."""
        return self.for_instance(name, instance).max_override_seconds


def _scoped(policies: Mapping[str, Policy], is_held: Callable[[Selector], bool]) -> ScopedRules:
    held = {name: policy for name, policy in policies.items() if is_held(policy.scope)}

    def gather(rules: Callable[[Policy], tuple[_R, ...]]) -> tuple[Named[_R], ...]:
        return tuple(_named(held, rules, is_held))

    quorums: dict[ParameterClass, tuple[Named[Quorum], ...]] = {}
    for name, policy in held.items():
        for each, quorum in policy.approvals.items():
            rule = f"{name}/approvals.{each.value.replace(' ', '-')}"
            quorums[each] = (*quorums.get(each, ()), Named(rule, name, quorum))
    return ScopedRules(
        policies=tuple(held),
        locks=gather(lambda policy: policy.locks),
        limits=gather(lambda policy: policy.limits),
        budgets=gather(lambda policy: policy.budgets),
        guardrails=gather(lambda policy: policy.guardrails),
        windows=gather(lambda policy: policy.windows),
        freezes=gather(lambda policy: policy.freezes),
        separations=gather(lambda policy: policy.separation),
        overrides=gather(lambda policy: policy.overrides),
        emergencies=gather(lambda policy: policy.emergency),
        quorums=quorums,
        classify=tuple(item for policy in held.values() for item in policy.classify.items()),
    )


def _named(
    held: Mapping[str, Policy], rules: Callable[[Policy], tuple[_R, ...]], is_held: Callable[[Selector], bool]
) -> Iterator[Named[_R]]:
    for name, policy in held.items():
        found = {getattr(rule, "id"): rule for rule in rules(policy) if is_held(getattr(rule, "scope"))}  # noqa: B009 - every rule has both, and no common base that a type could name
        yield from (Named(f"{name}/{key}", name, found[key]) for key in sorted(found))


def _index_of(rules: ScopedRules, fold: Callable[[str], str]) -> _Index:
    classes: dict[str, set[ParameterClass]] = {}
    for name, given in rules.classify:
        classes.setdefault(fold(name), set()).update(given)
    return _Index(
        classes={name: tuple(sorted(given, key=_ORDER.__getitem__)) for name, given in classes.items()},
        locks=_grouped(rules.locks, lambda lock: [fold(name) for name in lock.parameters]),
        locks_by_class=_grouped(rules.locks, lambda lock: lock.classes),
        limits=_grouped(rules.limits, lambda limit: [fold(name) for name in parameters_in(limit.must)]),
    )


_K = TypeVar("_K")


def _grouped(
    rules: Iterable[Named[_L]], keys: Callable[[_L], Iterable[_K]]
) -> dict[_K, tuple[Named[_L], ...]]:
    found: dict[_K, dict[str, Named[_L]]] = {}
    for rule in rules:
        for key in keys(rule.rule):
            found.setdefault(key, {})[rule.name] = rule
    return {key: tuple(group.values()) for key, group in found.items()}


def _selectors(policies: Iterable[Policy]) -> Iterator[Selector]:
    for policy in policies:
        yield policy.scope
        for rules in (
            policy.locks,
            policy.limits,
            policy.budgets,
            policy.guardrails,
            policy.windows,
            policy.freezes,
            policy.separation,
            policy.overrides,
            policy.emergency,
        ):
            yield from (rule.scope for rule in rules)


def _key_of(selector: Selector) -> tuple[object, ...]:
    """Answer what tells selectors apart; their text does not, as a word may hold a comma."""
    labels = tuple(sorted(selector.labels.items()))
    return selector.engines, selector.groups, selector.environments, selector.instances, labels

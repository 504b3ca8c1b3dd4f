"""Detection: locked parameters that somebody moved, or keeps away from their lock, behind our back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from setpoint.catalog import Context
from setpoint.config.drift import DriftClass, judge
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.config.revision import canonical, content_hash
from setpoint.policy.incident import Incident
from setpoint.policy.waiver import waiver_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.policy.intent import Subject
    from setpoint.policy.policies import Named, PolicySet, ScopedRules
    from setpoint.policy.rules import Lock
    from setpoint.policy.waiver import Waiver

_DEVIATING = (DriftClass.DRIFTED, DriftClass.SHADOWED)
_ENGINE_OWN = frozenset({OriginKind.DEFAULT, OriginKind.BUILD})
_ID_DIGITS = 16


def find_incidents(
    subject: Subject,
    before: Observation | None,
    now: Observation,
    desired: Mapping[str, SettingText],
    catalog: Catalog,
    policies: PolicySet,
    waivers: Iterable[Waiver],
    at: datetime,
) -> tuple[Incident, ...]:
    """Answer the incidents that an observation shows, sorted by parameter and origin.

    A locked parameter is one when it is managed and runs, or waits to run, with another value than desired;
    when it is not managed and changed since the observation `before`; when it is kept from the value its
    lock demands; and when a role or database got a value of its own. Waived locks do not count. `desired`
    are the texts that were brought through the gate. The id follows from what was found, so what is found
    again is the same incident. Never raises for a parameter or value that the catalog does not know.
    """
    rules = policies.for_instance(subject.name, subject.instance)
    if not rules.locks:
        return ()
    fold = catalog.grammar.fold_name
    wanted = {fold(name): text for name, text in desired.items() if text is not None}
    given = tuple(waivers)
    found: dict[str, Incident] = {}
    for name in sorted(now.settings):
        locks = _locks_on(name, subject, rules, given, at)
        if locks:
            earlier = before.setting(name) if before is not None else None
            look = _Look(name, now.settings[name], earlier, wanted.get(fold(name)), locks, catalog)
            for finding in look.findings():
                incident = _incident(look, finding, subject.name, before, at)
                found.setdefault(incident.id, incident)
    return tuple(sorted(found.values(), key=lambda each: (each.parameter, each.origin, each.after)))


def _locks_on(
    name: str, subject: Subject, rules: ScopedRules, waivers: tuple[Waiver, ...], at: datetime
) -> tuple[Named[Lock], ...]:
    """Answer the locks on a parameter that nobody waived.

    What nobody can set (it only reports a state) is locked where a lock names it, not by its class.
    """
    locks = rules.of_parameter(name, subject).locks
    if not locks:
        return ()
    parameter = subject.catalog.find(name)
    if parameter is not None and parameter.context is Context.FIXED:
        fold = subject.catalog.grammar.fold_name
        locks = tuple(lock for lock in locks if fold(name) in map(fold, lock.rule.parameters))
    return tuple(
        lock
        for lock in locks
        if waiver_for(waivers, subject.name, subject.instance, at, parameter=name, rule=lock.name) is None
    )


class _Finding(NamedTuple):
    before: str
    after: str
    origin: Origin | None
    is_moved: bool
    """Whether it became so since the earlier look, as far as there was one."""


@dataclass(frozen=True)
class _Look:
    """One locked parameter as it is now, as it was before, and as it should be."""

    name: str
    now: ObservedSetting
    earlier: ObservedSetting | None
    desired: SettingText
    locks: tuple[Named[Lock], ...]
    catalog: Catalog

    def findings(self) -> Iterator[_Finding]:
        """Answer what is wrong with the instance's own value, then with those of roles and databases."""
        own = self._of_instance()
        if own is not None:
            yield own
        for override in self.now.overrides:
            is_kept = override.kind is not OriginKind.SESSION
            finding = self._of_override(override) if is_kept else None
            if finding is not None:
                yield finding

    def _of_instance(self) -> _Finding | None:
        if self.now.value is None:
            return None  # this login does not see it: not known is not changed
        if self.desired is not None:
            drift = judge(self.name, self.desired, self.now, self.catalog)
            if drift.is_deviation and drift.drift_class in _DEVIATING:
                return self._own(self.desired)
        elif self.earlier is not None and self._is_changed(self.earlier):
            return self._own(self.earlier.value)
        coming = self.now.value if self.now.pending is None else self.now.pending
        for value in self._demanded:
            if not self._is_same(coming, value):
                return self._own(value)
        return None

    def _own(self, should: SettingText) -> _Finding:
        return _Finding(self._shown(should), *self._now_other_than(should), is_moved=self._is_moved)

    @property
    def _is_moved(self) -> bool:
        if self.earlier is None:
            return False
        faults = [
            each.in_force.fault if each.in_force is not None else "" for each in (self.earlier, self.now)
        ]
        return (
            not self._is_same(self.earlier.value, self.now.value)
            or not self._is_same(self.earlier.pending, self.now.pending)
            or faults[0] != faults[1]
        )

    def _of_override(self, override: Origin) -> _Finding | None:
        known = self.earlier.overrides if self.earlier is not None else None
        was = next((each for each in known or () if _is_one_place(each, override)), None)
        is_new = known is not None and (was is None or not self._is_same(override.text, was.text))
        against = [text for text in (self.desired, *self._demanded) if text is not None]
        wrong = [text for text in against if not self._is_same(override.text, text)]
        if not is_new and not wrong:
            return None
        should = was.text if is_new and was is not None else wrong[0] if wrong else self.now.value
        return _Finding(self._shown(should), self._shown(override.text), override, is_new)

    @property
    def _demanded(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(lock.rule.value for lock in self.locks if lock.rule.value is not None))

    def _is_changed(self, earlier: ObservedSetting) -> bool:
        """Tell whether somebody changed it; what the engine works out itself follows other settings."""
        origins = {each.in_force.kind for each in (earlier, self.now) if each.in_force is not None}
        if origins and origins <= _ENGINE_OWN and self.now.pending is None:
            return False
        if earlier.value is not None and not self._is_same(self.now.value, earlier.value):
            # A value that was waiting when last seen, and runs since a restart, changed before that.
            return earlier.pending is None or not self._is_same(self.now.value, earlier.pending)
        return self.now.pending is not None and not self._is_same(self.now.pending, earlier.pending)

    def _now_other_than(self, text: SettingText) -> tuple[str, Origin | None]:
        """Answer the text that deviates, the running one or else the one that waits, and where it is from."""
        origin = self.now.in_force
        if not self._is_same(self.now.value, text):
            return self._shown(self.now.value), origin
        if self.now.pending is None:
            # The value stands only because the engine cannot use what somebody wrote.
            return (origin.text or "") if origin is not None else "", origin
        pending = self.now.pending
        places = [each for each in self.now.origins if each.text and self._is_same(each.text, pending)]
        return self._shown(pending), places[-1] if places else origin

    def _is_same(self, left: SettingText, right: SettingText) -> bool:
        if left is None or right is None:
            return left is right
        return self.catalog.is_same(self.name, left, right)

    def _shown(self, text: SettingText) -> str:
        return "" if text is None else self.catalog.show(self.name, _text(text))


def _incident(
    look: _Look, finding: _Finding, instance: str, before: Observation | None, at: datetime
) -> Incident:
    origin = finding.origin
    # Without its line: an entry that only moved within its file is the same one.
    place = [origin.kind.value, origin.file, origin.scope] if origin is not None else []
    content = [instance, look.name, finding.before, finding.after, place]
    return Incident(
        id=content_hash(canonical(content))[:_ID_DIGITS],
        instance=instance,
        parameter=look.name,
        before=finding.before,
        after=finding.after,
        origin=str(origin) if origin is not None else "",
        is_managed=look.desired is not None,
        rules=tuple(lock.name for lock in look.locks),
        found_at=at,
        seen_before_at=before.at if before is not None and finding.is_moved else None,
    )


def _is_one_place(one: Origin, other: Origin) -> bool:
    return (one.kind, one.scope) == (other.kind, other.scope)


def _text(text: SettingText) -> str:
    return ", ".join(text) if isinstance(text, tuple) else str(text)

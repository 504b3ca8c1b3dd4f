"""One rule's word while an intent is reviewed: what it says, what satisfies it, and who may break it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from setpoint.policy.classes import ParameterClass
from setpoint.policy.policies import ONE_APPROVER, Asked
from setpoint.policy.verdict import Need, Outcome, Quorum, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from setpoint.policy.intent import Intent, Subject
    from setpoint.policy.person import Principal, Role
    from setpoint.policy.policies import ParameterRules, ScopedRules
    from setpoint.policy.rules import Emergency

Breakable = Literal["locks", "limits", "guardrails", "windows", "freezes", "nothing"]


class Word(msgspec.Struct, frozen=True, gc=False):
    """What a rule says of a parameter (empty: of the whole intent).

    `kind` is what an emergency must be allowed to break; `classes` are those of the parameters it is about.
    `asks` are the approvals that would satisfy it, when it asks. Untracked by the garbage collector, as there
    are many of them for a moment and none can be part of a circle.
    """

    kind: Breakable
    outcome: Outcome
    rule: str
    parameter: str
    text: str
    classes: frozenset[ParameterClass] = frozenset()
    asks: Asked = ()
    softened_from: Outcome | None = None
    softened_by: str = ""

    def reason(self, instance: str) -> Reason:
        """Answer it as a verdict holds it."""
        return Reason(
            outcome=self.outcome,
            rule=self.rule,
            instance=instance,
            parameter=self.parameter,
            text=self.text,
            softened_from=self.softened_from,
            softened_by=self.softened_by,
        )

    def softened(self, by: str, outcome: Outcome = Outcome.ALLOW, asks: Asked = ()) -> Word:
        """Answer it made milder, with the name of what made it so."""
        return msgspec.structs.replace(
            self, outcome=outcome, asks=asks, softened_from=self.outcome, softened_by=by
        )


def approvals_for(parameters: Iterable[ParameterRules], fallback: str) -> Asked:
    """Answer the approvals of all classes of some parameters.

    Where there is no parameter at all, one approver under the key `fallback`.
    """
    found = {(key, rule): (key, quorum, rule) for each in parameters for key, quorum, rule in each.asks}
    return tuple(found.values()) or ((fallback, ONE_APPROVER, ""),)


def shown(asks: Asked) -> str:
    """Write approvals for people: ``2 of approver (durability)``."""
    return "; ".join(dict.fromkeys(f"{quorum} ({key})" for key, quorum, _ in asks))


def needs_of(words: Sequence[Word], instance: str) -> tuple[Need, ...]:
    """Answer the needs of all words that ask; the same quorum asked for twice is one need of both rules."""
    # First by identity, as the words on a parameter share what they ask for.
    asking: dict[int, tuple[Asked, set[str]]] = {}
    for word in words:
        if word.outcome is Outcome.ASK:
            asking.setdefault(id(word.asks), (word.asks, set()))[1].add(word.rule)
    # Then by the rule that sets the quorum, which is dear to hash.
    by_rule: dict[tuple[str, str], tuple[Quorum, set[str]]] = {}
    for asks, names in asking.values():
        for key, quorum, rule in asks:
            by_rule.setdefault((key, rule), (quorum, {rule} if rule else set()))[1].update(names)
    joined: dict[tuple[str, Quorum], set[str]] = {}
    for (key, _), (quorum, names) in by_rule.items():
        joined.setdefault((key, quorum), set()).update(names)
    needs = [
        Need(key=key, quorum=quorum, instance=instance, rules=tuple(sorted(names)))
        for (key, quorum), names in joined.items()
    ]
    return tuple(sorted(needs, key=lambda need: (need.key, need.rules, str(need.quorum))))


def in_emergency(words: Iterable[Word], intent: Intent, rules: ScopedRules) -> list[Word]:
    """Answer words as an emergency leaves them: milder where a rule lets this person break their kind."""
    if not intent.is_emergency:
        return list(words)
    who, subject = intent.by, intent.subject
    rights = {each.name: each.rule for each in rules.emergencies if has_role(who, subject, each.rule.roles)}
    return [_broken(word, rights) if word.outcome > Outcome.ALLOW else word for word in words]


def _broken(word: Word, rights: Mapping[str, Emergency]) -> Word:
    fitting = [name for name, right in rights.items() if may_break(right, word.kind, word.classes)]
    if not fitting:
        return word
    name = min(fitting, key=lambda name: (rights[name].quorum is not None, name))
    quorum = rights[name].quorum
    if quorum is None:
        return word.softened(f"emergency {name}")
    return word.softened(f"emergency {name}", Outcome.ASK, (("emergency", quorum, name),))


def has_role(who: Principal, subject: Subject, roles: Iterable[Role]) -> bool:
    """Tell whether somebody has one of the roles over the instance; who is the only user has all."""
    return who.is_single_user or not who.roles(subject.name, subject.instance).isdisjoint(roles)


def is_bound(who: Principal, subject: Subject, roles: Iterable[Role]) -> bool:
    """Tell whether a rule for some roles binds somebody, whatever their token leaves at home."""
    return who.is_single_user or not who.roles_held(subject.name, subject.instance).isdisjoint(roles)


def may_break(right: Emergency, kind: Breakable, classes: frozenset[ParameterClass]) -> bool:
    """Tell whether an emergency right breaks a kind of rule for parameters of these classes, all of them."""
    if kind not in right.may_break:
        return False
    return not right.classes or (bool(classes) and classes.issubset(right.classes))

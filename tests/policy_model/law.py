"""The law as the issue words it, written a second time: who may, what is asked for, whose voices count.

Nothing here comes from `setpoint.policy` or `setpoint.control`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from tests.policy_model.terms import (
    ALL,
    DEFAULTS,
    RIGHTS,
    SHIPPED,
    Answer,
    Emergency,
    Grants,
    Loan,
    Move,
    Need,
    Person,
    Place,
    Policy,
    Proposal,
    Question,
    Quorum,
    Scope,
    Voice,
    Waiver,
    Word,
    fits,
)


def meaning(parameter: str, text: str | None) -> object:
    """What a text means to the simulated engine, as far as the texts of this test go."""
    if text is None:
        return None
    if parameter == "durable":
        return text in ("on", "true", "1")
    if parameter == "compression":
        return {"on": "fast"}.get(text, text)
    if parameter == "connection_greeting":
        return text
    for unit, factor in (("kB", 1), ("MB", 1024), ("min", 60), ("s", 1)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


def roles_over(grants: Grants, name: str, place: Place) -> set[str]:
    return {role for role, scope in grants if fits(scope, name, place)}


def may(grants: Grants, right: str, name: str, place: Place) -> bool:
    return bool(roles_over(grants, name, place) & RIGHTS[right])


def may_everywhere(grants: Grants, right: str) -> bool:
    return any(role in RIGHTS[right] and scope == ALL for role, scope in grants)


def may_somewhere(grants: Grants, right: str) -> bool:
    return any(role in RIGHTS[right] for role, _ in grants)


def within(grants: Grants, roles: frozenset[str], scope: Scope) -> Grants:
    """What a token that holds only some roles, in some places, leaves of grants."""
    left: list[tuple[str, Scope]] = []
    for role, own in grants:
        both = dict(own)
        for key, words in scope:
            both[key] = both.get(key, words) & words
        if (not roles or role in roles) and all(both.values()):
            left.append((role, tuple(sorted(both.items()))))
    return tuple(left)


def judge(question: Question, policies: dict[str, Policy], waivers: list[Waiver]) -> Answer:
    """Refuse beats ask beats allow; every policy in scope is heard."""
    mine = [each for each in policies.values() if fits(each.scope, question.name, question.place)]
    words = [_soften(word, question, mine) for word in _words(question, mine, waivers)]
    refusals = tuple(word.kind for word in words if word.outcome == "refuse")
    needs = {Need(quorum, question.name) for word in words if word.outcome == "ask" for quorum in word.asks}
    return Answer(refusals, frozenset(needs))


def classes_of(parameter: str, mine: list[Policy]) -> frozenset[str]:
    named = [each.classify[parameter] for each in mine if parameter in each.classify]
    if named:
        return frozenset(word for words in named for word in words)
    return frozenset(SHIPPED.get(parameter, {"performance"}))


def _asked_for(parameter: str, mine: list[Policy]) -> frozenset[Quorum]:
    """The approvals of a parameter's classes; one approver where nobody sets any."""
    classes = classes_of(parameter, mine)
    found = {each.approvals[word] for each in mine for word in classes if word in each.approvals}
    return frozenset(found or {Quorum()})


def _words(question: Question, mine: list[Policy], waivers: list[Waiver]):
    for move in question.moves:
        yield from _on_move(move, question, mine)
        yield from _on_limits(move, question, mine, waivers)
    moved = frozenset(word for move in question.moves for word in classes_of(move.parameter, mine))
    everything = [quorum for move in question.moves for quorum in _asked_for(move.parameter, mine)]
    asks = frozenset(everything or [Quorum()])
    for policy in mine:
        for what in ("change", "restart") if question.restarts else ("change",):
            windows = [
                each
                for each in _in_scope(policy.windows, question)
                if each.what == what and _fits(each, question)
            ]
            if not any(each.is_open(question.at) for each in windows):
                yield from (Word("windows", each.outcome, moved, asks) for each in windows)
            for each in _in_scope(policy.freezes, question):
                if each.what == what and each.starts <= question.at < each.ends:
                    yield Word("freezes", each.outcome, moved, asks)
        authors = {question.proposal.author} if question.proposal is not None else question.editors
        voices = question.proposal.voices if question.proposal is not None else []
        if not policy.author_may_apply and question.by in authors:
            yield Word("separation", "refuse")
        if not policy.approver_may_apply and any(question.by in each.people for each in voices):
            yield Word("separation", "refuse")


def _on_move(move: Move, question: Question, mine: list[Policy]):
    classes = classes_of(move.parameter, mine)
    for policy in mine:
        has_put_back = False
        for lock in _in_scope(policy.locks, question):
            if move.parameter not in lock.parameters and not classes & set(lock.classes):
                continue
            is_wanted = lock.value is not None and meaning(move.parameter, move.after) == meaning(
                move.parameter, lock.value
            )
            if lock.restore and move.restores and (lock.value is None or is_wanted):
                has_put_back = True
            elif lock.outcome == "ask" or is_wanted:
                yield Word("locks", "ask", classes, _asked_for(move.parameter, mine))
            else:
                yield Word("locks", "refuse", classes)
        if not has_put_back:
            asks = frozenset(policy.approvals[word] for word in classes if word in policy.approvals)
            if asks:
                yield Word("locks", "ask", classes, asks)


def _on_limits(move: Move, question: Question, mine: list[Policy], waivers: list[Waiver]):
    for policy in mine:
        for limit in _in_scope(policy.limits, question):
            after = meaning(move.parameter, move.after or DEFAULTS.get(move.parameter))
            before = meaning(move.parameter, move.before)
            if limit.parameter != move.parameter or (isinstance(after, float) and after <= limit.most):
                continue
            if any(
                _covers(waiver, f"{policy.name}/{limit.id}", move.parameter, question) for waiver in waivers
            ):
                continue
            outcome = limit.outcome
            is_known = isinstance(after, float) and isinstance(before, float)
            if not is_known or limit.most < after <= before:
                outcome = "ask"
            asks = _asked_for(move.parameter, mine)
            yield Word("limits", outcome, classes_of(move.parameter, mine), asks)


def _covers(waiver: Waiver, rule: str, parameter: str, question: Question) -> bool:
    return (
        waiver.starts <= question.at < waiver.ends
        and waiver.rule in ("", rule)
        and waiver.parameter in ("", parameter)
        and fits(waiver.scope, question.name, question.place)
    )


def _in_scope(rules, question: Question):
    return [each for each in rules if _fits(each, question)]


def _fits(rule, question: Question) -> bool:
    return fits(rule.scope, question.name, question.place)


def _soften(word: Word, question: Question, mine: list[Policy]) -> Word:
    """In an emergency, what somebody may break is allowed, or asked of the emergency's own quorum."""
    if not question.is_emergency:
        return word
    held = roles_over(question.grants, question.name, question.place)
    fitting = [
        each
        for policy in mine
        for each in _in_scope(policy.emergency, question)
        if each.roles & held
        and word.kind in each.may_break
        and (not each.classes or (word.classes and word.classes <= each.classes))
    ]
    if not fitting:
        return word
    if any(each.quorum is None for each in fitting):
        return Word(word.kind, "allow")
    # Any one of the rights will do; the machine makes one at most of each policy, and takes the mildest.
    return Word(word.kind, "ask", word.classes, frozenset({_first(fitting)}))


def _first(fitting: list[Emergency]) -> Quorum:
    return min(fitting, key=lambda each: each.id).quorum or Quorum()


@dataclass(frozen=True)
class Electorate:
    people: dict[str, Person]
    loans: list[Loan]
    places: dict[str, Place]
    at: datetime

    def stands(self, name: str) -> bool:
        person = self.people.get(name)
        return person is not None and not person.is_removed and not person.is_service

    def is_owner(self, name: str, instance: str) -> bool:
        place = self.places.get(instance)
        return place is not None and name in place.labels.get("owner", "").replace(",", " ").split()

    def holds(self, grants: Grants, roles: frozenset[str], instance: str) -> bool:
        if not instance:
            return any(role in roles and scope == ALL for role, scope in grants)
        place = self.places.get(instance)
        return place is not None and bool(roles_over(grants, instance, place) & roles)

    def is_lent(self, voice: Voice, instance: str) -> bool:
        return any(
            loan.giver == voice.giver
            and loan.to == voice.by
            and loan.starts <= voice.at < loan.ends
            and (fits(loan.scope, instance, self.places[instance]) if instance else loan.scope == ALL)
            for loan in self.loans
        )


def is_met(need: Need, proposal: Proposal | None, electorate: Electorate) -> bool:
    """Whether enough different people, with the right to it now, said yes to exactly this, not long ago."""
    if proposal is None or not proposal.is_open(electorate.at):
        return False
    quorum = need.quorum
    roles = quorum.roles
    if quorum.level is not None and electorate.at >= proposal.proposed + quorum.level:
        roles = roles | quorum.escalates
    sound = [
        voice
        for voice in proposal.voices
        if voice.digest == proposal.digest
        and not voice.people & proposal.authors
        and all(electorate.stands(name) for name in voice.people)
        and electorate.at < voice.at + quorum.expires
        and (not voice.giver or electorate.is_lent(voice, need.instance))
    ]
    able = [
        voice
        for voice in sound
        if electorate.holds(electorate.people[voice.speaker].grants, roles, need.instance)
    ]
    if not quorum.owner:
        return _are_apart(able, quorum.count)
    owners = [voice for voice in sound if electorate.is_owner(voice.speaker, need.instance)]
    return any(
        _are_apart([voice for voice in able if not voice.people & owner.people], quorum.count)
        for owner in owners
    )


def _are_apart(voices: list[Voice], count: int) -> bool:
    """Whether so many voices can be found no two of which share a person."""
    return any(
        all(not one.people & other.people for one, other in combinations(chosen, 2))
        for chosen in combinations(voices, count)
    )


def governance_needs(key: str, policies: dict[str, Policy]) -> frozenset[Need]:
    default = {
        "policy": Quorum(roles=frozenset({"policy owner"})),
        "waiver": Quorum(roles=frozenset({"approver", "policy owner"})),
    }
    named = {each.governance[key] for each in policies.values() if key in each.governance}
    return frozenset(Need(quorum, "") for quorum in named or {default[key]})

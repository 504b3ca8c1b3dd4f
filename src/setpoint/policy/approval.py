"""Approvals: a change as it is proposed, the voices it gets, and whether they are enough at a given moment.

A voice is bound to the digest it was given for, and counts only while its giver still has the role, so the
same change can stand at noon and not stand at one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from setpoint.config.configuration import Instance
from setpoint.policy.person import Delegation, Person, Role
from setpoint.policy.verdict import Need

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ChangeKind = Literal["plan", "policy", "waiver", "people", "override"]
ChangeState = Literal["open", "rejected", "withdrawn", "spent"]

_NOWHERE = Instance(engine="")


class Voice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One person's approval of one digest; `giver` is the person they spoke for, empty for themselves."""

    by: str
    account: str
    at: datetime
    digest: str
    giver: str = ""
    reason: str = ""

    @property
    def identities(self) -> frozenset[str]:
        """Everybody whose voice this is."""
        return frozenset({self.by, self.giver} - {""})


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A proposed change.

    `digest` is the plan's hash, or the hash of `payload` (JSON) and `base`, the revision it rests on.
    `subject` is the instance, ``policy:NAME``, ``waiver:ID`` or ``person:NAME``. `needs` are the approvals
    asked for when it was proposed; what counts is what is asked for at the moment of apply.
    """

    id: str
    kind: ChangeKind
    subject: str
    digest: str
    base: str
    author: str
    reason: str
    ticket: str = ""
    payload: str = ""
    is_emergency: bool = False
    editors: tuple[str, ...] = ()
    """Who gave the settings that a plan moves their new texts: authors too, whoever proposes."""
    proposed_at: datetime
    expires_at: datetime
    needs: tuple[Need, ...] = ()
    voices: tuple[Voice, ...] = ()
    state: ChangeState = "open"
    ended_at: datetime | None = None
    ended_by: str = ""
    ended_why: str = ""
    escalated_at: datetime | None = None

    def is_expired(self, at: datetime) -> bool:
        """Tell whether it waited too long."""
        return at >= self.expires_at

    def is_open(self, at: datetime) -> bool:
        """Tell whether it can still be approved or applied."""
        return self.state == "open" and not self.is_expired(at)

    def escalates_at(self) -> datetime | None:
        """Answer when it has waited longer than its shortest service level, None when it has none."""
        levels = [need.quorum.service_level_seconds for need in self.needs]
        known = [level for level in levels if level is not None]
        return self.proposed_at + timedelta(seconds=min(known)) if known else None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How one need stands: whose voices count, and what is missing in words (empty: it is met)."""

    need: Need
    counted: tuple[str, ...]
    missing: str

    @property
    def is_met(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a change stands at one moment; `uncounted` says of each voice that does not count why."""

    tallies: tuple[Tally, ...]
    uncounted: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every need is met."""
        return all(tally.is_met for tally in self.tallies)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is missing, need by need."""
        return tuple(tally.missing for tally in self.tallies if not tally.is_met)


class Electorate(msgspec.Struct, frozen=True, kw_only=True):
    """The people, delegations and instances that decide whose voice counts at a moment."""

    people: dict[str, Person]
    delegations: tuple[Delegation, ...]
    instances: dict[str, Instance]
    at: datetime


def stand(change: Change, needs: Sequence[Need], electorate: Electorate) -> Standing:
    """Count the voices of a change for each need, as of the electorate's moment."""
    uncounted: list[str] = []
    sound = list(_sound_voices(change, electorate, uncounted))
    return Standing(
        tallies=tuple(_tally(change, need, sound, electorate) for need in needs), uncounted=tuple(uncounted)
    )


def givers(
    name: str, need: Need, electorate: Electorate, *, is_overdue: bool, is_narrowed: bool = False
) -> tuple[str, ...]:
    """Answer for whom a person may speak towards a need: themselves (empty text), or who lent their voice.

    With a narrowed token they speak by the roles it holds, not as owner and for nobody else.
    """

    def can_speak(who: str) -> bool:
        is_owner = need.quorum.needs_owner and who in _owners(need, electorate)
        return is_owner or _holds(who, need, electorate, is_overdue=is_overdue)

    if is_narrowed:
        return ("",) if _holds(name, need, electorate, is_overdue=is_overdue) else ()
    own = [""] if can_speak(name) else []
    lent = [
        lent.giver
        for lent in electorate.delegations
        if lent.to == name and _is_lent(lent, need, electorate, electorate.at) and can_speak(lent.giver)
    ]
    return (*own, *lent)


def is_overdue(change: Change, at: datetime) -> bool:
    """Tell whether an open change has waited longer than its service level."""
    moment = change.escalates_at()
    return change.is_open(at) and moment is not None and at >= moment


def _sound_voices(change: Change, electorate: Electorate, uncounted: list[str]) -> Iterator[Voice]:
    """Answer the voices that could count for some need, and say of the others why not."""
    for voice in change.voices:
        why = _fault_of(voice, change, electorate)
        if why:
            uncounted.append(f"{voice.by}: {why}")
        else:
            yield voice


def _fault_of(voice: Voice, change: Change, electorate: Electorate) -> str:
    """Say why a voice can count for nothing; empty when it may."""
    faults = (
        (change.author in voice.identities, "the author's own voice never counts"),
        (voice.identities & set(change.editors), "the voice of who asked for the new values never counts"),
        (voice.at > electorate.at, "it is dated later than now"),
        (voice.digest != change.digest, "it was given for something else"),
    )
    found = [text for is_so, text in faults if is_so]
    found += [_fault_of_person(name, electorate) for name in sorted(voice.identities)]
    return next(filter(None, found), "")


def _fault_of_person(name: str, electorate: Electorate) -> str:
    person = electorate.people.get(name)
    if person is None or person.removed_at is not None:
        return f"{name} is not among the people any more"
    return f"{name} is a service, and only people approve" if person.is_service else ""


def _tally(change: Change, need: Need, voices: Sequence[Voice], electorate: Electorate) -> Tally:
    alive = [
        voice
        for voice in voices
        if electorate.at < voice.at + timedelta(seconds=need.quorum.expires_seconds)
        and (not voice.giver or _was_lent(voice, need, electorate))
    ]
    late = change.proposed_at + timedelta(seconds=need.quorum.service_level_seconds or 0)
    overdue = need.quorum.service_level_seconds is not None and electorate.at >= late
    qualified = [
        voice for voice in alive if _holds(voice.giver or voice.by, need, electorate, is_overdue=overdue)
    ]
    if not need.quorum.needs_owner:
        counted = _apart(qualified)
        return _answer(need, counted, need.quorum.count - len(counted), is_owner_missing=False)
    owners = [voice for voice in alive if (voice.giver or voice.by) in _owners(need, electorate)]
    best: list[Voice] = _apart(qualified)
    for owner in owners:
        others = _apart([voice for voice in qualified if not voice.identities & owner.identities])
        if len(others) >= need.quorum.count:
            return _answer(need, [owner, *others], 0, is_owner_missing=False)
    # Without a free owner's voice the owner is what is missing, or the others are.
    return _answer(
        need,
        best,
        need.quorum.count - len(best if not owners else _apart(_besides(qualified, owners[0]))),
        is_owner_missing=not owners,
    )


def _besides(voices: Iterable[Voice], one: Voice) -> list[Voice]:
    return [voice for voice in voices if not voice.identities & one.identities]


def _apart(voices: Iterable[Voice]) -> list[Voice]:
    """Answer voices no two of which share a person, the earliest first."""
    taken: set[str] = set()
    found: list[Voice] = []
    for voice in sorted(voices, key=lambda voice: (voice.at, voice.by, voice.giver)):
        if not voice.identities & taken:
            taken |= voice.identities
            found.append(voice)
    return found


def _answer(need: Need, counted: Sequence[Voice], lacking: int, *, is_owner_missing: bool) -> Tally:
    roles = " or ".join(role.value for role in need.quorum.roles)
    parts = [f"{lacking} more of {roles}"] if lacking > 0 else []
    parts += ["the owner of the instance"] if is_owner_missing else []
    place = f" on {need.instance}" if need.instance else ""
    missing = f"{need.key}{place}: {' and '.join(parts)}" if parts else ""
    return Tally(need=need, counted=tuple(voice.giver or voice.by for voice in counted), missing=missing)


def _holds(name: str, need: Need, electorate: Electorate, *, is_overdue: bool) -> bool:
    """Tell whether a person holds a role the need asks for, where it asks for it; owners count elsewhere."""
    person = electorate.people.get(name)
    if person is None or person.removed_at is not None or person.is_service:
        return False
    roles: tuple[Role, ...] = need.quorum.roles + (need.quorum.escalates_to if is_overdue else ())
    if not need.instance:
        return any(grant.role in roles and grant.scope.is_all for grant in person.grants)
    instance = electorate.instances.get(need.instance, _NOWHERE)
    return any(grant.role in roles and grant.scope.fits(need.instance, instance) for grant in person.grants)


def _owners(need: Need, electorate: Electorate) -> frozenset[str]:
    """Answer who owns the instance: the names in its label ``owner``, between blanks or commas."""
    instance = electorate.instances.get(need.instance, _NOWHERE)
    return frozenset(instance.labels.get("owner", "").replace(",", " ").split())


def _was_lent(voice: Voice, need: Need, electorate: Electorate) -> bool:
    return any(
        lent.giver == voice.giver and lent.to == voice.by and _is_lent(lent, need, electorate, voice.at)
        for lent in electorate.delegations
    )


def _is_lent(lent: Delegation, need: Need, electorate: Electorate, at: datetime) -> bool:
    if not lent.is_in_force(at):
        return False
    if not need.instance:
        return lent.scope.is_all
    return lent.scope.fits(need.instance, electorate.instances.get(need.instance, _NOWHERE))

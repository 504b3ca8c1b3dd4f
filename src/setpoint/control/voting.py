"""Voting: people's voices on proposed changes, for and against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.control import admission, gate, words
from setpoint.control.electorate import electorate_of
from setpoint.control.notary import checkpoint_if_due
from setpoint.control.proposals import find, keep_change, needs_of
from setpoint.errors import RefusedError
from setpoint.policy.approval import Voice, givers, is_overdue
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.policy.approval import Change
    from setpoint.policy.person import Principal
    from setpoint.store.registers import Kept

_LEAST_DIGITS = 8


def approve(context: Context, name: str, *, reason: str = "", digest: str = "") -> Change:
    """Give one's voice to an open change.

    `digest`, where given, is the hash the approving person read; raises `RefusedError` when it is another.
    """
    kept = find(context, name)
    change = kept.value
    permit = gate.require_voice(context)
    reason = words.check_note(reason)
    who = permit.principal.name

    def no(what: str, next_step: str = "") -> None:
        gate.refuse(
            context,
            permit.principal,
            Right.APPROVE,
            change.subject,
            what,
            next_step=next_step,
            is_policy=True,
        )

    if not change.is_open(context.now()):
        no(f"{change.id} is {admission.state_of(change, context.now())}")
    if digest and len(digest) < _LEAST_DIGITS:
        no(f"{digest} is too short to name what was read", f"give {_LEAST_DIGITS} digits or more")
    if digest and not change.digest.startswith(digest):
        no(f"{change.id} is for {change.digest[:12]}, not for {digest[:12]}", "read it again")
    if permit.principal.is_single_user:
        no("a store of one user knows no second person", "`setpoint person add` makes people known")
    if who == change.author:
        no(f"{who} proposed {change.id}, and nobody approves their own change")
    if who in change.editors:
        no(f"{who} asked for the new values of {change.id}, and nobody approves their own change")
    if any(who in voice.identities for voice in change.voices):
        no(f"{who} has a voice on {change.id} already")
    giver = _speaks_for(context, change, permit.principal)
    if giver is None:
        what = f"{who} may not approve {change.id}: {who} holds none of the roles that it asks for there"
        gate.refuse(context, permit.principal, Right.APPROVE, change.subject, what)
    voice = Voice(
        by=who,
        account=permit.principal.account,
        at=context.now(),
        digest=change.digest,
        giver=giver or "",
        reason=reason,
    )
    approved = msgspec.structs.replace(change, voices=(*change.voices, voice))
    detail = {"digest": change.digest, "reason": reason, **({"for": giver} if giver else {})}
    done = keep_change(context, permit, kept, approved, "change.approved", detail)
    checkpoint_if_due(context)
    return done


def reject(context: Context, name: str, *, reason: str) -> Change:
    """End a change with a no; whoever could approve it may, and whoever did."""
    kept = find(context, name)
    permit = gate.require_voice(context)
    reason = words.require_reason(reason)
    who = permit.principal.name
    has_spoken = any(who in voice.identities for voice in kept.value.voices)
    may_speak = permit.principal.is_single_user or has_spoken
    if not may_speak and _speaks_for(context, kept.value, permit.principal) is None:
        what = f"{who} may not reject {kept.value.id}: {who} holds none of the roles that it asks for there"
        gate.refuse(context, permit.principal, Right.APPROVE, kept.value.subject, what)
    return _end(context, permit, kept, "rejected", reason)


def withdraw(context: Context, name: str, *, reason: str) -> Change:
    """Take one's own change back."""
    kept = find(context, name)
    permit = gate.require_somewhere(context, Right.PROPOSE)
    reason = words.require_reason(reason)
    if permit.principal.name != kept.value.author:
        what = f"only {kept.value.author} can withdraw {kept.value.id}"
        gate.refuse(context, permit.principal, Right.PROPOSE, kept.value.subject, what, next_step="reject it")
    return _end(context, permit, kept, "withdrawn", reason)


def _end(context: Context, permit: Permit, kept: Kept[Change], state: Any, reason: str) -> Change:
    change = kept.value
    if not change.is_open(context.now()):
        raise RefusedError(
            f"{change.id} is {admission.state_of(change, context.now())}", where=change.subject
        )
    ended = msgspec.structs.replace(
        change, state=state, ended_at=context.now(), ended_by=permit.actor, ended_why=reason
    )
    return keep_change(context, permit, kept, ended, f"change.{state}", {"reason": reason})


def _speaks_for(context: Context, change: Change, principal: Principal) -> str | None:
    """Answer for whom somebody would speak: themselves (empty), or who lent their voice; None for nobody.

    What their token does not hold they do not hold here.
    """
    electorate, who = electorate_of(context), principal.name
    if who in electorate.people:
        narrowed = msgspec.structs.replace(electorate.people[who], grants=principal.grants)
        electorate = msgspec.structs.replace(electorate, people={**electorate.people, who: narrowed})
    overdue = is_overdue(change, context.now())
    found: list[str] = []
    for need in needs_of(context, change):
        found += givers(who, need, electorate, is_overdue=overdue, is_narrowed=principal.is_narrowed)
    taken = {change.author, *change.editors, *(name for voice in change.voices for name in voice.identities)}
    return min((giver for giver in found if giver not in taken), default=None)

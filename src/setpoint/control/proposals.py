"""Proposals: changes from the moment they are proposed to the one they are spent, rejected or withdrawn.

A change is bound to what was proposed, byte for byte, and to the configuration it rests on: when either moves
on, it is withdrawn by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from setpoint.config.revision import canonical, content_hash
from setpoint.control import admission, gate, words
from setpoint.control.authors import editors_of
from setpoint.control.electorate import electorate_of
from setpoint.control.past import find_plan
from setpoint.control.standing import is_base_current
from setpoint.control.subject import policies_of
from setpoint.control.urgency import Asked, judge_override, moves_of
from setpoint.control.watch import last_seen
from setpoint.errors import ConflictError, InputError, NotFoundError, RefusedError
from setpoint.policy.approval import Change, is_overdue, stand
from setpoint.policy.person import Right
from setpoint.policy.verdict import Need, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.engines.plan import Plan
    from setpoint.policy.approval import ChangeKind, Standing
    from setpoint.store.registers import Kept

_LONGEST = timedelta(days=30)
_MIN_PREFIX = 4


def propose_plan(
    context: Context, made: Plan, *, reason: str, ticket: str = "", is_emergency: bool = False
) -> Change:
    """Ask for the approvals that a kept plan needs.

    Raises `RefusedError` when policy refuses it whatever anybody says, and when it needs no approval.
    """
    permit = gate.require(context, Right.PROPOSE, made.instance)
    configuration = context.head()[1]
    observation, catalog = last_seen(context, made.instance, configuration.instance(made.instance))
    if not is_base_current(context, made.revision, (f"instance:{made.instance}",)):
        raise RefusedError("the configuration was changed after the plan was made", where=made.instance)
    verdict = admission.judge_plan(
        context, made, observation, catalog, permit.principal, kind="propose", is_emergency=is_emergency
    )
    if verdict.outcome is Outcome.REFUSE:
        text = "; ".join(str(reason) for reason in verdict.refusals)
        gate.refuse(
            context,
            permit.principal,
            Right.PROPOSE,
            made.instance,
            f"policy refuses it: {text}",
            is_policy=True,
        )
    if verdict.outcome is Outcome.ALLOW:
        raise RefusedError(
            "this plan needs no approval", where=made.instance, next_step=f"setpoint apply {made.instance}"
        )
    change = Change(
        id=_new_id(),
        kind="plan",
        subject=made.instance,
        digest=made.hash,
        base=made.revision,
        author=permit.actor,
        reason=reason,
        ticket=ticket,
        is_emergency=is_emergency,
        editors=editors_of(context, made),
        proposed_at=context.now(),
        expires_at=_expiry(context.now(), verdict.needs),
        needs=verdict.needs,
    )
    return _open(context, permit, change)


def propose_payload(
    context: Context,
    permit: Permit,
    kind: ChangeKind,
    *,
    subject: str,
    payload: bytes,
    needs: Sequence[Need],
    reason: str,
    ticket: str = "",
) -> Change:
    """Ask for the approvals that a change of policy, waivers or people needs."""
    revision = context.head()[0]
    base = revision.id if revision is not None else ""
    text = payload.decode()
    change = Change(
        id=_new_id(),
        kind=kind,
        subject=subject,
        digest=payload_digest(kind, subject, text, base),
        base=base,
        author=permit.actor,
        reason=reason,
        ticket=ticket,
        payload=text,
        proposed_at=context.now(),
        expires_at=_expiry(context.now(), needs),
        needs=tuple(needs),
    )
    return _open(context, permit, msgspec.structs.replace(change, needs=localised(change, needs)))


def payload_digest(kind: str, subject: str, payload: str, base: str) -> str:
    """Answer what approvals of a change without a plan bind to."""
    return content_hash(canonical({"kind": kind, "subject": subject, "payload": payload, "base": base}))


def needs_of(context: Context, change: Change) -> tuple[Need, ...]:
    """Answer the approvals a change needs by the policies as they are now, its author applying it."""
    configuration = context.head()[1]
    if change.kind == "override":
        return _override_needs(context, change)
    if change.kind != "plan":
        asked = policies_of(configuration).needs_for(change.kind)
        return localised(change, asked)
    made = find_plan(context, change.digest)
    observation, catalog = last_seen(context, made.instance, configuration.instance(made.instance))
    verdict = admission.judge_plan(
        context,
        made,
        observation,
        catalog,
        gate.principal_named(context, change.author),
        kind="propose",
        change=change,
        is_emergency=change.is_emergency,
    )
    return verdict.needs if verdict.outcome is Outcome.ASK else change.needs


def _override_needs(context: Context, change: Change) -> tuple[Need, ...]:
    asked = msgspec.json.decode(change.payload, type=Asked)
    observation, catalog = last_seen(context, change.subject, context.head()[1].instance(change.subject))
    author = gate.principal_named(context, change.author)
    moves = moves_of(asked.settings, observation)
    verdict = judge_override(context, author, moves, asked.seconds, observation, catalog, change=change)
    return verdict.needs if verdict.outcome is Outcome.ASK else change.needs


def spend(context: Context, permit: Permit, effect: str) -> None:
    """Use up the change a permit rests on, so that it serves once; raise `ConflictError` for the second.

    Call it inside the transaction in which the effect is recorded.
    """
    if not permit.change:
        return
    kept = context.store.changes.get(permit.change)
    if kept.version != permit.version or kept.value.state != "open":
        message = f"{permit.change} was used or changed a moment ago"
        raise ConflictError(message, where=kept.value.subject, next_step="look at it again")
    spent = msgspec.structs.replace(
        kept.value, state="spent", ended_at=context.now(), ended_by=permit.actor, ended_why=effect
    )
    keep_change(
        context, permit, kept, spent, "change.spent", {"effect": effect, "approved_by": voices_of(spent)}
    )


def find(context: Context, name: str) -> Kept[Change]:
    """Answer a change by its id or the beginning of one, withdrawn first where its ground is gone."""
    everything = context.store.changes.all()
    found = [kept for key, kept in everything.items() if key == name]
    if not found and len(name) >= _MIN_PREFIX:
        found = [kept for key, kept in everything.items() if key.startswith(name)]
    if not found:
        raise NotFoundError(
            f"there is no change {name[:80]!a}", next_step="`setpoint change list` shows them"
        )
    if len(found) > 1:
        raise InputError(f"{name[:80]!a} fits several changes", next_step="give more of the id")
    return _kept_up(context, found[0])


def changes(context: Context, *, is_open_only: bool = False) -> tuple[Change, ...]:
    """Answer all changes, newest first, brought up to date."""
    kept = [_kept_up(context, each) for each in context.store.changes.all().values()]
    found = [each.value for each in kept if not is_open_only or each.value.is_open(context.now())]
    return tuple(sorted(found, key=lambda change: (change.proposed_at, change.id), reverse=True))


def standing_of(context: Context, change: Change) -> Standing:
    """Count a change's voices as of now."""
    needs = needs_of(context, change) if change.is_open(context.now()) else change.needs
    return stand(change, needs, electorate_of(context))


def voices_of(change: Change) -> list[str]:
    """Answer who approved, for audit rows."""
    return [f"{each.by} for {each.giver}" if each.giver else each.by for each in change.voices]


def localised(change: Change, needs: Sequence[Need]) -> tuple[Need, ...]:
    """Answer needs that no instance bounds, set on the instances that a change names where it names some."""
    names = instances_named(change)
    if not names:
        return tuple(needs)
    return tuple(msgspec.structs.replace(need, instance=name) for need in needs for name in names)


def instances_named(change: Change) -> tuple[str, ...]:
    """Answer the instances a waiver is confined to; none when it reaches further, or for other changes."""
    if change.kind != "waiver":
        return ()
    scope = msgspec.json.decode(change.payload).get("scope", {})
    return tuple(scope.get("instances", ())) if set(scope) == {"instances"} else ()


def _kept_up(context: Context, kept: Kept[Change]) -> Kept[Change]:
    """Bring a change up to date; where somebody else did so in this very moment, theirs is as good."""
    try:
        return _brought_up(context, kept)
    except ConflictError:
        return context.store.changes.get(kept.value.id)


def _brought_up(context: Context, kept: Kept[Change]) -> Kept[Change]:
    """Withdraw an open change whose ground is gone, and mark one that waited too long."""
    change, now = kept.value, context.now()
    if not change.is_open(now):
        return kept
    why = _ground_lost(context, change)
    if why:
        ended = msgspec.structs.replace(
            change, state="withdrawn", ended_at=now, ended_by="setpoint", ended_why=why
        )
        return _keep(context, "setpoint", kept, ended, "change.withdrawn", {"because": why})
    if is_overdue(change, now) and change.escalated_at is None:
        escalated = msgspec.structs.replace(change, escalated_at=now)
        to = sorted({role.value for need in change.needs for role in need.quorum.escalates_to})
        return _keep(context, "setpoint", kept, escalated, "change.escalated", {"to": to})
    return kept


def _ground_lost(context: Context, change: Change) -> str:
    if change.kind in ("plan", "override"):
        is_lost = not is_base_current(context, change.base, (f"instance:{change.subject}",))
        if is_lost or change.kind == "plan":
            return "the configuration or the policy it rests on was changed" if is_lost else ""
    if payload_digest(change.kind, change.subject, change.payload, change.base) != change.digest:
        return "its content is not what was proposed"
    if change.kind in ("waiver", "people") and not is_base_current(context, change.base, ()):
        return "the policy it was proposed under was changed"
    if change.kind == "policy":
        parts = tuple(msgspec.json.decode(change.payload))
        is_lost = not is_base_current(context, change.base, parts)
        return "the policy or the configuration it rests on was changed" if is_lost else ""
    if change.kind == "people":
        kept = context.store.people.find(change.subject.removeprefix("person:"))
        is_lost = (kept.version if kept is not None else 0) != msgspec.json.decode(change.payload)["version"]
        return "what is known of the person was changed" if is_lost else ""
    return ""


def _open(context: Context, permit: Permit, change: Change) -> Change:
    change = msgspec.structs.replace(
        change, reason=words.require_reason(change.reason), ticket=words.check_word(change.ticket, "ticket")
    )
    if permit.principal.is_single_user:
        what = "this needs approvals, and a store of one user knows no second person"
        next_step = "`setpoint person add` makes people known"
        gate.refuse(
            context, permit.principal, permit.right, change.subject, what, next_step=next_step, is_policy=True
        )
    other = admission.open_change(context, change.digest)
    if other is not None:
        raise RefusedError(f"{other.value.id} proposes the same already", where=change.subject)
    detail = {
        "digest": change.digest,
        "base": change.base,
        "reason": change.reason,
        "ticket": change.ticket,
        "needs": [f"{need.key}: {need.quorum}" for need in change.needs],
        **permit.detail(),
    }
    new = _Fresh(change)
    return _keep(context, permit.actor, new, change, "change.proposed", detail).value


@dataclass(frozen=True)
class _Fresh:
    """A change that no record holds yet."""

    value: Change
    version: int = 0


def _new_id() -> str:
    return f"c{uuid4().hex[:10]}"


def _expiry(now: datetime, needs: Sequence[Need]) -> datetime:
    seconds = min((need.quorum.expires_seconds for need in needs), default=_LONGEST.total_seconds())
    return now + min(timedelta(seconds=seconds), _LONGEST)


def keep_change(
    context: Context, permit: Permit, kept: Kept[Change], change: Change, action: str, detail: dict[str, Any]
) -> Change:
    """Keep the next state of a change, with its audit row."""
    return _keep(context, permit.actor, kept, change, action, {**detail, **permit.detail()}).value


def _keep(
    context: Context,
    actor: str,
    kept: Kept[Change] | _Fresh,
    change: Change,
    action: str,
    detail: dict[str, Any],
) -> Kept[Change]:
    return context.store.changes.put(
        change.id,
        change,
        version=kept.version,
        actor=actor,
        action=action,
        detail={**detail, "change": change.id},
        at=context.now(),
        subject=change.subject,
    )

"""Changing what governs: policies, waivers and people, at once where nobody is asked, else by a proposal.

What is proposed is kept whole (its payload) and carried out byte for byte as it was approved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.config.configuration import Configuration, Group, Instance, Settings
from setpoint.config.diff import diff_configurations
from setpoint.config.revision import canonical
from setpoint.control import admission, configure, gate, people, proposals, waivers
from setpoint.control.checks import check_document, check_parts
from setpoint.control.subject import policies_of
from setpoint.errors import InputError, RefusedError
from setpoint.policy.person import Person, Right
from setpoint.policy.waiver import Waiver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.config.revision import Revision
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.policy.approval import Change
    from setpoint.policy.verdict import Need
    from setpoint.store.registers import Kept

_PARTS: dict[str, Any] = {"fleet": Settings, "group": Group, "instance": Instance, "policy": str}


def put_policies(
    context: Context, texts: Mapping[str, str | None], *, reason: str, ticket: str = ""
) -> Revision | Change:
    """Put policy documents in force by name, or (None) take them out; answer the change where one is needed.

    Raises `InputErrors` with every fault of every document.
    """
    permit = gate.require(context, Right.EDIT_POLICY)
    before = context.head()[1]
    for name, text in texts.items():
        if text is not None:
            check_document(name, text)
        elif name not in before.policies:
            raise InputError(
                f"there is no policy {name[:80]!a}", next_step="`setpoint policy list` shows them"
            )
    kept = {name: text for name, text in {**before.policies, **texts}.items() if text is not None}
    after = msgspec.structs.replace(before, policies=kept)
    needs = policies_of(before).needs_for("policy")
    if permit.principal.is_single_user or not needs:
        return configure.commit(context, lambda _: after, reason=reason, ticket=ticket, permit=permit)[0]
    return _propose_parts(context, permit, before, after, needs, reason=reason, ticket=ticket)


def propose_edit(context: Context, after: Configuration, *, reason: str, ticket: str = "") -> Change:
    """Propose an edit of the configuration that touches policy, or what falls under which policy."""
    permit = gate.require_somewhere(context, Right.PROPOSE)
    before = context.head()[1]
    check_parts(before, after)
    needs = policies_of(before).needs_for("policy")
    return _propose_parts(context, permit, before, after, needs, reason=reason, ticket=ticket)


def add_waiver(context: Context, waiver: Waiver, *, ticket: str = "") -> Waiver | Change:
    """Accept a deviation; answer the change where approvals are asked for, as they are by default."""
    permit = gate.require_somewhere(context, Right.WAIVE)
    waivers.check(context, waiver)
    needs = policies_of(context.head()[1]).needs_for("waiver")
    if permit.principal.is_single_user or not needs:
        return waivers.grant(context, waiver, permit=permit)
    return proposals.propose_payload(
        context,
        permit,
        "waiver",
        subject=f"waiver:{waiver.id}",
        payload=canonical(waiver),
        needs=needs,
        reason=waiver.reason,
        ticket=ticket,
    )


def put_person(context: Context, person: Person, *, reason: str, ticket: str = "") -> Person | Change:
    """Add somebody, or change what they may do; answer the change where policy asks for approvals."""
    permit = gate.require(context, Right.MANAGE_PEOPLE)
    needs = policies_of(context.head()[1]).needs_for("people")
    if permit.principal.is_single_user or not needs:
        return people.put_person(context, person, reason=reason, permit=permit)
    people.check_person(context, person)
    kept = context.store.people.find(person.name)
    payload = {"person": person, "version": kept.version if kept is not None else 0}
    return proposals.propose_payload(
        context,
        permit,
        "people",
        subject=f"person:{person.name}",
        payload=canonical(payload),
        needs=needs,
        reason=reason,
        ticket=ticket,
    )


def carry_out(context: Context, name: str) -> str:
    """Do what an approved change of policy, waivers or people says; answer what was done, in words.

    Raises `RefusedError` for what is missing. A plan's change is spent by applying the plan.
    """
    kept = proposals.find(context, name)
    change = kept.value
    if change.kind == "plan":
        what = f"{change.id} is a plan for {change.subject}"
        raise RefusedError(
            what, next_step=f"`setpoint apply {change.subject} --plan {change.digest[:12]}` applies it"
        )
    if change.kind == "override":
        what = f"{change.id} is an override of {change.subject}"
        next_step = f"`setpoint override start {change.subject}` with the same settings and time starts it"
        raise RefusedError(what, next_step=next_step)
    permit = admission.admit_change(context, kept, proposals.needs_of(context, change), Right.PROPOSE)
    with context.store.transaction():
        done = _do(context, kept, permit)
        proposals.spend(context, permit, done)
    return done


def _do(context: Context, kept: Kept[Change], permit: Permit) -> str:
    change = kept.value
    if change.kind == "waiver":
        waiver = msgspec.json.decode(change.payload, type=Waiver)
        granted = waivers.grant(context, msgspec.structs.replace(waiver, change=change.id), permit=permit)
        return f"waiver {granted.id} is in force until {granted.ends_at.isoformat(timespec='minutes')}"
    if change.kind == "people":
        person = msgspec.convert(msgspec.json.decode(change.payload)["person"], type=Person)
        people.put_person(context, person, reason=change.reason, permit=permit)
        return f"{person.name} is as proposed"
    raw = msgspec.json.decode(change.payload, type=dict[str, msgspec.Raw])
    parts = {key: _part(key, value) for key, value in raw.items()}
    revision = configure.commit(
        context,
        lambda configuration: configure.with_parts(configuration, parts),
        reason=change.reason,
        ticket=change.ticket,
        permit=permit,
    )[0]
    return f"revision {revision.short_id}"


def _part(key: str, body: msgspec.Raw) -> Any:
    if bytes(body) == b"null":
        return None
    return msgspec.json.decode(body, type=_PARTS[key.partition(":")[0]])


def _propose_parts(
    context: Context,
    permit: Permit,
    before: Configuration,
    after: Configuration,
    needs: tuple[Need, ...],
    *,
    reason: str,
    ticket: str,
) -> Change:
    touched = sorted({edit.part for edit in diff_configurations(before, after)})
    if not touched:
        raise InputError("nothing would change")
    parts = {part: configure.part_of(after, part) for part in touched}
    subject = touched[0] if len(touched) == 1 else f"policy:{len(touched)} parts"
    return proposals.propose_payload(
        context,
        permit,
        "policy",
        subject=subject,
        payload=canonical(parts),
        needs=needs,
        reason=reason,
        ticket=ticket,
    )

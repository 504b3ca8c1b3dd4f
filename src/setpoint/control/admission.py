"""Admission: policy's word on an edit, a plan or an approved change, before it may go on.

What policy refuses is refused; where it asks for approvals, the voices of an approved change are counted as
they stand at that moment. Who passes gets a permit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from setpoint.config.diff import ABSENT, diff_configurations
from setpoint.control.authors import editors_of
from setpoint.control.electorate import electorate_of
from setpoint.control.gate import authenticate, principal_named, refuse, require, require_somewhere
from setpoint.control.permit import Permit
from setpoint.control.standing import is_base_current
from setpoint.control.subject import policies_of, subject_of
from setpoint.control.watch import catalog_of
from setpoint.engines.plan import StepKind
from setpoint.errors import ConflictError
from setpoint.policy.approval import stand
from setpoint.policy.intent import Intent, Move
from setpoint.policy.person import Right
from setpoint.policy.review import review
from setpoint.policy.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Configuration, Instance, SettingText
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.engines.plan import Plan
    from setpoint.policy.approval import Change, Standing
    from setpoint.policy.person import Principal
    from setpoint.policy.verdict import Need
    from setpoint.store.registers import Kept

_RIGHT_TO_ASK = {
    "policy": Right.PROPOSE,
    "waiver": Right.WAIVE,
    "people": Right.MANAGE_PEOPLE,
}
"""What the author of a change must still be trusted with when it is carried out."""

_TRUSTED = {
    "restart_command": "restart command",
    "agent_command": "agent command",
    "password": "place of a password",
}
"""What is run, and read, as Setpoint's own account."""

_GUARDED = (
    "engine",
    "group",
    "environment",
    "labels",
    "facts",
    "target",
    "password",
    "restart_command",
    "agent_command",
)
"""What decides which rules an instance falls under and how they come out, which server it stands for, and
what is run for it.
"""


def admit_edit(context: Context, before: Configuration, after: Configuration) -> Permit:
    """Let an edit of the configuration pass, or raise `NotPermittedError` or `RefusedError`.

    Policies themselves, and what decides which of them an instance falls under, change only by an approved
    change; settings that policy would refuse to apply are refused here already.
    """
    principal = authenticate(context, Right.EDIT, "fleet")
    if not principal.is_single_user:
        for what, place in _edits_out_of_reach(principal, before, after):
            refuse(context, principal, Right.EDIT, place, what)
        for what, place in _edits_of_trust(principal, before, after):
            next_step = (
                "an administrator sets it, or `setpoint change propose --document FILE` has it approved"
            )
            refuse(context, principal, Right.EDIT, place, what, next_step=next_step)
        for what, place in _edits_of_policy(context, before, after):
            next_step = "`setpoint change propose --document FILE` has an edit approved"
            refuse(context, principal, Right.EDIT_POLICY, place, what, next_step=next_step)
    reasons = [
        reason
        for name, moves in _setting_moves(before, after)
        for reason in _review_edit(context, principal, after, name, moves).refusals
    ]
    if reasons:
        text = "; ".join(str(reason) for reason in reasons[:20])
        refuse(context, principal, Right.EDIT, "fleet", f"policy refuses it: {text}", is_policy=True)
    return Permit(principal, Right.EDIT)


def judge_plan(
    context: Context,
    made: Plan,
    observation: Observation,
    catalog: Catalog,
    principal: Principal,
    *,
    kind: Literal["apply", "propose"] = "apply",
    change: Change | None = None,
    is_emergency: bool = False,
) -> Verdict:
    """Review a plan for an instance as it was just seen, to be applied now or only to be proposed."""
    configuration = context.head()[1]
    subject = subject_of(context, configuration, observation, catalog)
    intent = Intent(
        kind=kind,
        by=principal,
        subject=subject,
        moves=tuple(moves_of(context, made, observation, catalog)),
        needs_restart=bool(made.restarts) or any(step.kind is StepKind.RESTART for step in made.steps),
        author=change.author if change is not None else _own_author(context, made, principal),
        approvers=_approvers(change),
        is_emergency=is_emergency,
    )
    waivers = [kept.value for kept in context.store.waivers.all().values()]
    return review(intent, policies_of(configuration), waivers, context.now())


def admit_apply(
    context: Context, made: Plan, observation: Observation, catalog: Catalog, *, is_emergency: bool = False
) -> Permit:
    """Let a plan pass to its instance as it was just seen, or raise `NotPermittedError` or `RefusedError`."""
    permit = require(context, Right.APPLY, made.instance)
    if is_emergency:
        require(context, Right.BREAK_GLASS, made.instance)
    kept = open_change(context, made.hash)
    change = kept.value if kept is not None else None
    verdict = judge_plan(
        context, made, observation, catalog, permit.principal, change=change, is_emergency=is_emergency
    )
    return let_pass(context, permit, verdict, made.instance, kept, "plan")


def let_pass(
    context: Context, permit: Permit, verdict: Verdict, name: str, kept: Kept[Change] | None, noun: str
) -> Permit:
    """Let what was reviewed (a ``plan``, an ``override``) pass to an instance.

    Where approvals are asked for, those of the open change count. Raises `NotPermittedError` and
    `RefusedError`.
    """
    if verdict.outcome is Outcome.REFUSE:
        text = "; ".join(str(reason) for reason in verdict.refusals)
        what = f"policy refuses it: {text}"
        refuse(context, permit.principal, permit.right, name, what, is_policy=True)
    change = kept.value if kept is not None else None
    if verdict.outcome is Outcome.ASK:
        _check_standing(context, permit, name, change, verdict.needs, noun)
    return Permit(
        permit.principal,
        permit.right,
        verdict,
        change=change.id if change is not None else "",
        version=kept.version if kept is not None else 0,
        head=_head_id(context),
    )


def check_ground(context: Context, permit: Permit, name: str) -> None:
    """Raise `ConflictError` when policy, or what an instance is told, moved since a permit was given.

    An edit of other instances is none of its business: on a busy store there is always one.
    """
    if permit.head is not None and not is_base_current(context, permit.head, (f"instance:{name}",)):
        message = "the configuration was changed in this very moment"
        raise ConflictError(message, where=name, next_step="make a new plan and read it again")


def _head_id(context: Context) -> str:
    head = context.head()[0]
    return head.id if head is not None else ""


def admit_change(context: Context, kept: Kept[Change], needs: Sequence[Need], right: Right) -> Permit:
    """Let an approved change of policy, waivers or people pass, or raise `RefusedError`."""
    permit = require_somewhere(context, right)
    change, now = kept.value, context.now()
    if not change.is_open(now):
        refuse(
            context,
            permit.principal,
            right,
            change.subject,
            f"{change.id} is {state_of(change, context.now())}",
        )
    author = principal_named(context, change.author)
    if not any(author.granting(_RIGHT_TO_ASK[change.kind])):
        what = (
            f"{change.author}, who proposed {change.id}, may not {_RIGHT_TO_ASK[change.kind].value} any more"
        )
        refuse(context, permit.principal, right, change.subject, what, is_policy=True)
    standing = stand(change, needs, electorate_of(context))
    if not standing.is_complete:
        refuse(context, permit.principal, right, change.subject, _lacking(change, standing), is_policy=True)
    return Permit(permit.principal, right, change=change.id, version=kept.version)


def open_change(context: Context, digest: str) -> Kept[Change] | None:
    """Answer the change that was proposed for exactly this digest and is still open."""
    now = context.now()
    found = [
        kept
        for kept in context.store.changes.all().values()
        if kept.value.digest == digest and kept.value.is_open(now)
    ]
    return max(found, key=lambda kept: kept.value.proposed_at, default=None)


def moves_of(context: Context, made: Plan, observation: Observation, catalog: Catalog) -> Iterable[Move]:
    """Answer what a plan moves: each parameter once, from what runs to what its last step asks for."""
    journal = context.store.journal
    ours = {
        owned.parameter.lower(): owned
        for owned in journal.owned(made.instance)
        if journal.get(owned.apply_id).state == "new"
    }
    last = {step.parameter: step for step in made.steps if step.parameter}
    for parameter, step in last.items():
        observed = observation.setting(parameter)
        running = observed.value if observed is not None else None
        owned = ours.get(parameter.lower())
        is_restoring = (
            owned is not None
            and step.text is not None
            and owned.ours is not None
            and parameter not in made.released
            and catalog.is_same(parameter, owned.ours, step.text)
        )
        yield Move(parameter=parameter, before=running, after=step.text, is_restoring=is_restoring)


def state_of(change: Change, at: datetime) -> str:
    """Answer a change's state in a word, an open one that waited too long being expired."""
    return "expired" if change.state == "open" and change.is_expired(at) else change.state


def _own_author(context: Context, made: Plan, principal: Principal) -> str:
    """Answer the acting person's name where they gave what moves its new text, whichever part it stands in.

    What nobody had to propose has no other author.
    """
    return principal.name if principal.name in editors_of(context, made) else ""


def _approvers(change: Change | None) -> frozenset[str]:
    if change is None:
        return frozenset()
    return frozenset(name for voice in change.voices for name in voice.identities)


def _check_standing(
    context: Context, permit: Permit, name: str, change: Change | None, needs: Sequence[Need], noun: str
) -> None:
    asked = "; ".join(f"{need.key}: {need.quorum}" for need in needs)
    if change is None:
        what = f"this {noun} needs approvals ({asked})"
        verb = "change" if noun == "plan" else noun
        next_step = f"`setpoint {verb} propose {name}` asks for them"
        refuse(context, permit.principal, permit.right, name, what, next_step=next_step, is_policy=True)
    standing = stand(change, needs, electorate_of(context))
    if not standing.is_complete:
        refuse(context, permit.principal, permit.right, name, _lacking(change, standing), is_policy=True)


def _lacking(change: Change, standing: Standing) -> str:
    parts = [*standing.missing, *(f"does not count: {each}" for each in standing.uncounted)]
    return f"{change.id} lacks approvals: {'; '.join(parts)}"


def _edits_out_of_reach(
    principal: Principal, before: Configuration, after: Configuration
) -> Iterable[tuple[str, str]]:
    """Answer what an edit changes out of its author's scope; instances must be in it before and after."""
    grants = list(principal.granting(Right.EDIT))
    who = principal.name
    for part in sorted({edit.part for edit in diff_configurations(before, after)}):
        kind, _, name = part.partition(":")
        if kind == "fleet":
            is_in = any(grant.scope.fits_engine(name) for grant in grants)
        elif kind == "group":
            groups = [each for each in (before.groups.get(name), after.groups.get(name)) if each is not None]
            is_in = any(all(g.scope.fits_group(name, each.engine) for each in groups) for g in grants)
        elif kind == "instance":
            both = [each for each in (before.instances.get(name), after.instances.get(name)) if each]
            is_in = all(principal.may(Right.EDIT, name, each) for each in both)
        else:
            continue
        if not is_in:
            yield f"{who} may not edit {part}", part


def _edits_of_trust(
    principal: Principal, before: Configuration, after: Configuration
) -> Iterable[tuple[str, str]]:
    """Answer new commands to run and new secrets to read: both happen as Setpoint's own account.

    What stands in the configuration already, somebody trusted has put there; an administrator may do more.
    """
    if principal.may_everywhere(Right.MANAGE_PEOPLE):
        return
    for field, noun in _TRUSTED.items():
        known = {getattr(each, field) for each in before.instances.values()} | {""}
        for name in sorted(after.instances):
            old, new = before.instances.get(name), after.instances[name]
            if old is not new and getattr(new, field) not in known:
                yield f"{principal.name} may not bring in a {noun} that is not in use yet", f"instance:{name}"


def _edits_of_policy(
    context: Context, before: Configuration, after: Configuration
) -> Iterable[tuple[str, str]]:
    """Answer edits that change policy, or under which policy an instance falls."""
    for name in sorted(before.policies.keys() | after.policies.keys()):
        if before.policies.get(name) != after.policies.get(name):
            yield f"policy {name} changes only by an approved change", f"policy:{name}"
    policies = policies_of(before)
    for name in sorted(before.instances):
        old, new = before.instances[name], after.instances.get(name)
        if old is new or not policies.for_instance(name, old):
            continue
        if new is None:
            yield f"{name} is under policy and would be taken out", f"instance:{name}"
        elif any(getattr(old, field) != getattr(new, field) for field in _GUARDED):
            yield f"{name} is under policy, and this could take it out from under it", f"instance:{name}"
        elif new.mode == "enforce" and old.mode != "enforce":
            yield f"{name} is under policy, and would be changed by workers from now on", f"instance:{name}"
    yield from _doubles(context, before, after)


def _doubles(context: Context, before: Configuration, after: Configuration) -> Iterable[tuple[str, str]]:
    """Answer instances that an edit points at a server which another one stands for already.

    By name and port: two names of one host are two servers to whoever only reads the configuration.
    """
    moved = [
        name
        for name, each in after.instances.items()
        if each.target and (name not in before.instances or before.instances[name].target != each.target)
    ]
    if not (before.policies and moved):
        return
    servers: dict[tuple[str, str], set[str]] = {}
    for instances in (before.instances, after.instances):
        for name, each in instances.items():
            if each.target:
                servers.setdefault(_server(context, each), set()).add(name)
    for name in sorted(moved):
        others = sorted(servers[_server(context, after.instances[name])] - {name})
        if others:
            yield f"{name} has the target of {others[0]}", f"instance:{name}"


def _server(context: Context, instance: Instance) -> tuple[str, str]:
    return instance.engine, context.engine_of(instance).server_of(instance.target)


def _setting_moves(before: Configuration, after: Configuration) -> Iterable[tuple[str, list[Move]]]:
    """Answer the settings an edit changes, for each instance it reaches."""
    if not after.policies:
        return
    changed: dict[str, dict[str, tuple[SettingText, SettingText]]] = {}
    for edit in diff_configurations(before, after):
        if edit.field.startswith("settings.") and edit.new is not ABSENT and edit.new is not None:
            old: SettingText = None if edit.old is ABSENT else edit.old
            changed.setdefault(edit.part, {})[edit.field.removeprefix("settings.")] = (old, edit.new)
    if not changed:
        return
    for name, instance in after.instances.items():
        moves: dict[str, Move] = {}
        for part in (f"fleet:{instance.engine}", f"group:{instance.group}", f"instance:{name}"):
            for parameter, (old, new) in changed.get(part, {}).items():
                moves[parameter] = Move(parameter=parameter, before=old, after=new)
        if moves:
            yield name, list(moves.values())


def _review_edit(
    context: Context, principal: Principal, after: Configuration, name: str, moves: list[Move]
) -> Verdict:
    observation = context.store.snapshots.latest(name)
    if observation is None:
        return Verdict(outcome=Outcome.ALLOW, reasons=(), needs=())
    catalog = catalog_of(context, after.instance(name), observation)
    intent = Intent(
        kind="edit",
        by=principal,
        subject=subject_of(context, after, observation, catalog),
        moves=tuple(moves),
    )
    waivers = [kept.value for kept in context.store.waivers.all().values()]
    return review(intent, policies_of(after), waivers, context.now())

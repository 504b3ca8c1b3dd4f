"""The gate: the one place where somebody is let through to change something, or refused.

Whatever face a wish comes through, it ends here before it has an effect: the actor is authenticated at that
moment and their right is looked up; `setpoint.control.admission` then asks policy. A refusal says why and
leaves an audit row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from setpoint.control import identity
from setpoint.control.permit import Permit
from setpoint.errors import NotPermittedError, RefusedError, TamperedError
from setpoint.policy.person import Principal, Right

if TYPE_CHECKING:
    from setpoint.control.context import Context


def require(context: Context, right: Right, name: str | None = None) -> Permit:
    """Let somebody pass who has a right: over an instance, or over everything where none is named.

    Raises `NotPermittedError`.
    """
    principal = authenticate(context, right, name or "")
    if name is None:
        if not principal.may_everywhere(right):
            refuse(context, principal, right, "", f"{principal.name} may not {right.value}")
    else:
        instance = context.head()[1].instance(name)
        if not principal.may(right, name, instance):
            refuse(context, principal, right, name, f"{principal.name} may not {right.value} on {name}")
    return Permit(principal, right)


def require_somewhere(context: Context, right: Right) -> Permit:
    """Let somebody pass who has a right over anything at all; what exactly is looked at by the caller."""
    principal = authenticate(context, right, "")
    if not principal.is_single_user and not any(principal.granting(right)):
        refuse(context, principal, right, "", f"{principal.name} may not {right.value}")
    return Permit(principal, right)


def require_voice(context: Context) -> Permit:
    """Let somebody pass who may have a voice: by a role, as an owner, or lent to them.

    Whether they have one on a given change is for the change to say; a token without the role has none.
    """
    principal = authenticate(context, Right.APPROVE)
    if principal.is_narrowed and not any(principal.granting(Right.APPROVE)):
        refuse(context, principal, Right.APPROVE, "", f"{principal.name} may not {Right.APPROVE.value}")
    return Permit(principal, Right.APPROVE)


def refuse(
    context: Context,
    principal: Principal,
    right: Right,
    place: str,
    what: str,
    *,
    next_step: str = "",
    is_policy: bool = False,
) -> NoReturn:
    """Leave an audit row and raise: `RefusedError` where policy spoke, else `NotPermittedError`."""
    note_refusal(context, principal, right, place, what)
    if is_policy:
        raise RefusedError(what, where=place, next_step=next_step)
    raise NotPermittedError(
        what, where=place, next_step=next_step or "`setpoint whoami` shows what you may do; ask for the role"
    )


def note_refusal(context: Context, principal: Principal, right: Right, place: str, what: str) -> None:
    """Leave the audit row of a refusal; outside of any transaction that the refusal undoes."""
    detail: dict[str, Any] = {"right": right.value, "because": what[:2000], "account": principal.account}
    context.store.audit.append(principal.name, "gate.refused", place or "fleet", detail, context.now())


def principal_named(context: Context, name: str) -> Principal:
    """Answer somebody as policy sees them, without their being here."""
    kept = context.store.people.find(name)
    grants = kept.value.grants if kept is not None and kept.value.removed_at is None else ()
    return Principal(name=name, account="", grants=grants)


def authenticate(context: Context, right: Right, place: str = "") -> Principal:
    """Answer who acts, as of now; what they wanted to do is for the audit row of a refusal."""
    try:
        return identity.authenticate(context)
    except (NotPermittedError, TamperedError) as fault:
        account = context.credential.account if context.credential is not None else context.actor
        detail = {"right": right.value, "because": fault.what, "account": account}
        context.store.audit.append(account, "gate.refused", place or "fleet", detail, context.now())
        raise

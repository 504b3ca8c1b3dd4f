"""The gate: the one place where somebody is let through to change something, or refused.

Whatever face a wish comes through, it ends here before it has an effect: the actor is authenticated at that
moment and their right is looked up; `setpoint.control.admission` then asks policy. A refusal says why and
leaves an audit row, wherever on the way it comes from: whatever writes is `witnessed`.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from setpoint.control import identity
from setpoint.control.permit import Permit
from setpoint.errors import (
    ApplyError,
    GuardrailError,
    InputError,
    NotPermittedError,
    RefusedError,
    SetpointError,
    StoreUnavailableError,
    TamperedError,
    UnavailableError,
)
from setpoint.policy.person import Principal, Right
from setpoint.store.chain import printable

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from setpoint.config.override import Override
    from setpoint.control.context import Context
    from setpoint.store.chain import AuditRow

LATE = timedelta(minutes=5)
"""How far a host's clock may be behind the audit log."""

REFUSED = "gate.refused"
_MAX_BECAUSE = 2000
_MAX_PLACE = 200
_LOOKED_AT = (32, 512, 4096)
"""How many rows are looked at, and how many where all are refusals: who floods the log hides no time."""

_ANEW = ("person.", "token.")
"""What administrators do; from its row on the log's time counts anew."""


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


def permit_to_end(context: Context, override: Override) -> Permit:
    """Let an override be ended: that was let through when it was started, whoever does it now.

    Raises `NotFoundError` and `TamperedError` for one that this store does not keep as it is.
    """
    kept = context.store.overrides.get(override.id)
    who = Principal(name="setpoint", account=kept.value.account)
    return Permit(who, Right.BREAK_GLASS)


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
    fault = RefusedError(what, where=place, next_step=next_step)
    if not is_policy:
        advice = next_step or "`setpoint whoami` shows what you may do; ask for the role"
        fault = NotPermittedError(what, where=place, next_step=advice)
    _note(context, principal.name, principal.account, right, place, fault)
    raise fault


@contextmanager
def witnessed(context: Context, right: Right, place: str = "", *, actor: str = "") -> Generator[None]:
    """Let whatever is refused inside leave one audit row, outside of any transaction that it undoes.

    Whoever refuses and notes it in words of their own is believed, as long as that row is there still. An
    apply that failed or was taken back has rows of its own; so has nothing that only could not be reached.
    Looking (`Right.OBSERVE`) that fails for what was asked is no refusal.
    """
    try:
        yield
    except (ApplyError, GuardrailError):
        raise
    except (RefusedError, InputError) as fault:
        is_looking = right is Right.OBSERVE and isinstance(fault, InputError)
        if not (is_looking or _is_told(context, fault)):
            name, account = _whoever(context)
            _note(context, actor or name, account, right, place, fault)
        raise


def principal_named(context: Context, name: str) -> Principal:
    """Answer somebody as policy sees them, without their being here."""
    kept = context.store.people.find(name)
    grants = kept.value.grants if kept is not None and kept.value.removed_at is None else ()
    return Principal(name=name, account="", grants=grants)


def authenticate(context: Context, right: Right, place: str = "") -> Principal:
    """Answer who acts, as of now; what they wanted to do is for the audit row of a refusal.

    A host whose clock is behind the audit log could bring back what has expired, so nobody acts from there.
    Only who manages people may, with a token that counts by the log's time: a log that some other clock ran
    ahead of is brought back to the right time by a token that they issue or revoke.
    """
    try:
        principal = identity.authenticate(context)
        last = None if principal.is_single_user else _last_time(context)
        if last is None or context.now() >= last - LATE:
            return principal
        if right is not Right.MANAGE_PEOPLE:
            raise _late(context.now(), last)
        return identity.authenticate(replace(context, now=lambda: last))
    except StoreUnavailableError:
        raise
    except (RefusedError, InputError, UnavailableError) as fault:
        _note(context, *_whoever(context), right, place, fault)
        raise


def _last_time(context: Context) -> datetime | None:
    """Answer how late it is at least: the latest time of rows that somebody let through wrote lately.

    Refusals do not count, nor what Setpoint noted by itself: anybody could have those written, at any time.
    """
    rows: tuple[AuditRow, ...] = ()
    for limit in _LOOKED_AT:
        rows = context.store.audit.rows(limit=limit, newest_first=True)
        times: list[datetime] = []
        for row in rows:
            if row.action != REFUSED and row.actor != "setpoint":
                times.append(row.at)
            if row.action.startswith(_ANEW):
                break
        if times:
            return max(times)
    return max((row.at for row in rows), default=None)


def _late(now: datetime, last: datetime) -> NotPermittedError:
    when = last.isoformat(timespec="minutes")
    return NotPermittedError(
        f"this host's clock says {now.isoformat(timespec='minutes')} and is behind the audit log,"
        f" whose last rows are of {when}",
        next_step="put the clock right; if another clock ran ahead when those were written, an administrator"
        " issues or revokes a token, and the log's time counts anew from there",
    )


def _whoever(context: Context) -> tuple[str, str]:
    """Answer the name and the account of who acts, as far as that can be told."""
    account = context.credential.account if context.credential is not None else ""
    with suppress(SetpointError):
        found = identity.authenticate(context)
        return found.name, found.account
    return account or "nobody", account


def _is_told(context: Context, fault: SetpointError) -> bool:
    """Tell whether the row that was left of it is there; one inside a transaction went with that."""
    seq, digest = fault.row
    with suppress(TamperedError):
        return seq > 0 and any(
            row.hash == digest for row in context.store.audit.rows(after_seq=seq - 1, limit=1)
        )
    return True


def _note(context: Context, name: str, account: str, right: Right, place: str, fault: SetpointError) -> None:
    because = printable(fault.what[:_MAX_BECAUSE])
    detail = {"right": right.value, "because": because, "account": account}
    where = place[:_MAX_PLACE] or "fleet"
    with suppress(StoreUnavailableError):  # it is refused all the same, and whoever asks is told why
        row = context.store.audit.append(name, REFUSED, where, detail, context.now())
        fault.row = (row.seq, row.hash)

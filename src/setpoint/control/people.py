"""People: who there is, what they may do, their tokens, and voices lent; each change with its audit row."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

import msgspec

from setpoint.config.identifier import require_identifier
from setpoint.control import gate, words
from setpoint.control.identity import FIRST_PERSON, is_governed, store_keys, token_digest, token_text
from setpoint.control.subject import policies_of
from setpoint.errors import InputError, NotPermittedError, RefusedError
from setpoint.policy.person import Delegation, Person, Right, Role
from setpoint.policy.selector import ALL, Selector
from setpoint.policy.token import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.store.registers import Kept

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_DELEGATION = timedelta(days=92)
LONGEST_TOKEN = timedelta(days=366)

_MAX_ACCOUNTS = 100
_MAX_GRANTS = 100
_ACCOUNT = re.compile(r"(?:local|oidc):[!-~]{1,190}")


@dataclass(frozen=True, slots=True)
class Issued:
    """A token just issued. `text` is what its bearer keeps; it is told this once and kept nowhere."""

    token: Token
    text: str = field(repr=False)


def _telling(doer: Callable[Concatenate[Context, P], T]) -> Callable[Concatenate[Context, P], T]:
    """Let a refusal leave its audit row, outside of what is undone by it."""

    @wraps(doer)
    def told(context: Context, *positional: P.args, **named: P.kwargs) -> T:
        permit = cast("Permit", named["permit"])
        with gate.witnessed(context, permit.right, "people", actor=permit.actor):
            return doer(context, *positional, **named)

    return told


@_telling
def put_first(
    context: Context, person: Person, *, account: str, lasts: timedelta, reason: str, permit: Permit
) -> tuple[Person, Issued]:
    """Add the first person, who must be an administrator, with a token bound to the account they sit at.

    From then on the store is governed. Raises `RefusedError` when there are people already.
    """
    accounts = tuple(dict.fromkeys((*person.accounts, account)))
    first = msgspec.structs.replace(person, accounts=accounts)
    with context.store.transaction():
        if is_governed(context):
            raise RefusedError("there are people already", next_step="an administrator adds others")
        if not _is_administrator(person):
            raise RefusedError(
                "the first person must be an administrator, over everything", next_step="--role administrator"
            )
        _write_person(context, first, 0, FIRST_PERSON, reason, permit)
        issued = issue_token(context, first.name, lasts=lasts, account=account, reason=reason, permit=permit)
    return first, issued


@_telling
def put_person(context: Context, person: Person, *, reason: str, permit: Permit) -> Person:
    """Add somebody, or change what is known of them and what they may do.

    Raises:
        InputError: the name, an account or a text is not what it must be.
        RefusedError: an account is another person's, the last administrator would be gone, or nobody is
            known yet (`put_first` makes the first one).
    """
    with context.store.transaction():
        if not is_governed(context):
            raise RefusedError(
                "the first person comes with a token", next_step="`setpoint person add` makes both"
            )
        kept = context.store.people.find(person.name)
        if kept is not None and kept.value.removed_at is not None:
            raise RefusedError(
                f"{person.name} was removed; a name is not used twice", next_step="choose another"
            )
        if kept is not None:
            _check_administrators(context, person)
        version = kept.version if kept is not None else 0
        action = "person.change" if kept is not None else FIRST_PERSON
        _write_person(context, person, version, action, reason, permit)
    return person


@_telling
def remove_person(context: Context, name: str, *, reason: str, permit: Permit) -> Person:
    """Take somebody's rights, tokens and lent voices away; the name stays, and is not used again."""
    with context.store.transaction():
        kept = find_person(context, name)
        now = context.now()
        gone = msgspec.structs.replace(kept.value, grants=(), removed_at=now)
        _check_administrators(context, gone)
        for token in context.store.tokens.all().values():
            if token.value.person == name and token.value.revoked_at is None:
                _revoke(context, token, f"{name} was removed", permit)
        for lent in context.store.delegations.all().values():
            if name in (lent.value.giver, lent.value.to) and lent.value.is_in_force(now):
                _end(context, lent, f"{name} was removed", permit)
        _write_person(context, gone, kept.version, "person.remove", reason, permit)
    return gone


def find_person(context: Context, name: str) -> Kept[Person]:
    """Answer somebody who was not removed; raise `NotFoundError`, `RefusedError`."""
    kept = context.store.people.get(name)
    if kept.value.removed_at is not None:
        raise RefusedError(f"{name} was removed", next_step="`setpoint person list` shows who there is")
    return kept


def everybody(context: Context) -> tuple[Person, ...]:
    """Answer all people, by name, removed ones too."""
    return tuple(kept.value for kept in context.store.people.all().values())


@_telling
def issue_token(
    context: Context,
    name: str,
    *,
    lasts: timedelta,
    roles: tuple[Role, ...] = (),
    scope: Selector = ALL,
    account: str = "",
    reason: str,
    permit: Permit,
) -> Issued:
    """Issue a token for somebody; `roles`, `scope` and `account` (one of theirs) narrow it.

    Raises `InputError` for more than 366 days, and for roles and accounts that are not the person's;
    `RefusedError` for a token anybody could use as this person where policy guards who people are.
    """
    if not timedelta() < lasts <= LONGEST_TOKEN:
        raise InputError(f"a token lasts at most {LONGEST_TOKEN.days} days")
    person = find_person(context, name).value
    strange = [role.value for role in roles if role not in {grant.role for grant in person.grants}]
    if strange:
        raise InputError(
            f"{name} is no {' or '.join(strange)}", next_step="`setpoint person show` shows the roles"
        )
    if account and account not in person.accounts:
        raise InputError(
            f"{account!a} is no account of {name}", next_step="`setpoint person add --account` adds one"
        )
    _check_bearer(context, person, account)
    now, id_, secret = context.now(), secrets.token_hex(6), secrets.token_hex(32)
    token = Token(
        id=id_,
        person=name,
        digest=token_digest(store_keys(context.store), id_, secret),
        roles=roles,
        scope=scope,
        account=account,
        issued_at=now,
        expires_at=now + lasts,
    )
    detail: dict[str, Any] = {
        "person": name,
        "expires": token.expires_at,
        "roles": [role.value for role in roles],
        "scope": str(scope),
        "bound_to": account,
    }
    context.store.tokens.put(id_, token, version=0, **_row(context, "token.issue", reason, permit, detail))
    return Issued(token, token_text(id_, secret))


@_telling
def revoke_token(context: Context, id_: str, *, reason: str, permit: Permit) -> Token:
    """Make a token worthless from now on; raise `NotFoundError`, `RefusedError` when it is so already."""
    with context.store.transaction():
        kept = context.store.tokens.get(id_)
        if kept.value.revoked_at is not None:
            raise RefusedError(f"the token {id_} was revoked already")
        return _revoke(context, kept, reason, permit)


def tokens(context: Context, name: str = "") -> tuple[Token, ...]:
    """Answer the tokens ever issued (for one person), the newest first; none holds its secret."""
    found = [kept.value for kept in context.store.tokens.all().values() if name in ("", kept.value.person)]
    return tuple(sorted(found, key=lambda token: (token.issued_at, token.id), reverse=True))


@_telling
def delegate(
    context: Context, to: str, *, lasts: timedelta, scope: Selector = ALL, reason: str, permit: Permit
) -> Delegation:
    """Lend one's own voice to another person for a while (92 days at most).

    Raises `InputError`, and `RefusedError` for who has no voice, or came in with a narrowed token.
    """
    if not timedelta() < lasts <= LONGEST_DELEGATION:
        raise InputError(f"a voice is lent for at most {LONGEST_DELEGATION.days} days")
    principal = permit.principal
    if principal.is_single_user or not any(principal.granting(Right.APPROVE)):
        raise RefusedError(
            f"{principal.name} has no voice to lend", next_step="approvers and policy owners have one"
        )
    if principal.is_narrowed:
        raise RefusedError(
            "a narrowed token lends no voice", next_step="come in with a token that holds all roles"
        )
    if to == principal.name:
        raise InputError("one's own voice is one's own already")
    if find_person(context, to).value.is_service:
        raise RefusedError(f"{to} is a service, and only people approve")
    now = context.now()
    lent = Delegation(
        id=secrets.token_hex(6),
        giver=principal.name,
        to=to,
        scope=scope,
        reason=words.require_reason(reason),
        starts_at=now,
        ends_at=now + lasts,
    )
    detail = {"giver": lent.giver, "to": to, "scope": str(scope), "ends": lent.ends_at}
    row = _row(context, "delegation.begin", reason, permit, detail)
    context.store.delegations.put(lent.id, lent, version=0, **row)
    return lent


@_telling
def end_delegation(context: Context, id_: str, *, reason: str, permit: Permit) -> Delegation:
    """Take a lent voice back before its end: who gave it, who has it, or who manages people."""
    with context.store.transaction():
        kept = context.store.delegations.get(id_)
        lent, name = kept.value, permit.principal.name
        if name not in (lent.giver, lent.to) and not permit.principal.may_everywhere(Right.MANAGE_PEOPLE):
            raise NotPermittedError(
                f"the voice is {lent.giver}'s", next_step=f"{lent.giver} or {lent.to} end it"
            )
        if not lent.is_in_force(context.now()):
            raise RefusedError(f"the delegation {id_} has ended already")
        return _end(context, kept, reason, permit)


def delegations(context: Context) -> tuple[Delegation, ...]:
    """Answer every voice ever lent, the newest first."""
    found = [kept.value for kept in context.store.delegations.all().values()]
    return tuple(sorted(found, key=lambda lent: (lent.starts_at, lent.id), reverse=True))


def _check_bearer(context: Context, person: Person, account: str) -> None:
    """Where people change by approvals only, no administrator alone makes a token that passes for another."""
    is_guarded = bool(policies_of(context.head()[1]).needs_for("people"))
    if is_guarded and not account and not person.is_service:
        raise RefusedError(
            f"people change by approvals here, so a token of {person.name} must be bound to an account",
            next_step="name one of theirs with --account",
        )


def _revoke(context: Context, kept: Kept[Token], reason: str, permit: Permit) -> Token:
    why = words.require_reason(reason)
    gone = msgspec.structs.replace(kept.value, revoked_at=context.now(), revoked_why=why)
    row = _row(context, "token.revoke", reason, permit, {"person": gone.person})
    context.store.tokens.put(gone.id, gone, version=kept.version, **row)
    return gone


def _end(context: Context, kept: Kept[Delegation], reason: str, permit: Permit) -> Delegation:
    ended = msgspec.structs.replace(kept.value, ended_at=context.now())
    row = _row(context, "delegation.end", reason, permit, {"giver": ended.giver, "to": ended.to})
    context.store.delegations.put(ended.id, ended, version=kept.version, **row)
    return ended


def _write_person(
    context: Context, person: Person, version: int, action: str, reason: str, permit: Permit
) -> None:
    check_person(context, person)
    detail = {
        "shown": person.shown,
        "service": person.is_service,
        "accounts": list(person.accounts),
        "grants": [str(grant) for grant in person.grants],
    }
    row = _row(context, action, reason, permit, detail)
    context.store.people.put(person.name, person, version=version, **row)


def check_person(context: Context, person: Person) -> None:
    """Check what is to be known of somebody; raise `InputError`, `RefusedError` for another's account."""
    require_identifier(person.name, "name of a person")
    words.check_word(person.shown, "name shown")
    if len(person.accounts) > _MAX_ACCOUNTS or len(person.grants) > _MAX_GRANTS:
        what = f"a person has at most {_MAX_ACCOUNTS} accounts and {_MAX_GRANTS} roles"
        raise InputError(what, where=person.name)
    for account in person.accounts:
        if not _ACCOUNT.fullmatch(account):
            raise InputError(
                f"{account[:80]!a} is no account", next_step="local:USER@HOST or oidc:ISSUER#SUBJECT"
            )
    for other in everybody(context):
        shared = sorted(set(person.accounts) & set(other.accounts))
        if shared and other.name != person.name and other.removed_at is None:
            raise RefusedError(
                f"the account {shared[0]} is {other.name}'s", next_step="an account has one person"
            )


def _check_administrators(context: Context, changed: Person) -> None:
    """Refuse what would leave nobody who may manage people."""
    people = {person.name: person for person in everybody(context)}
    people[changed.name] = changed
    if not any(_is_administrator(person) for person in people.values()):
        raise RefusedError(
            f"{changed.name} is the last administrator", next_step="make somebody else an administrator first"
        )


def _is_administrator(person: Person) -> bool:
    has_grant = any(grant.role is Role.ADMINISTRATOR and grant.scope.is_all for grant in person.grants)
    return has_grant and person.removed_at is None


def _row(
    context: Context, action: str, reason: str, permit: Permit, detail: Mapping[str, Any]
) -> dict[str, Any]:
    """Answer what every version of a record says of who wrote it and why."""
    why = words.require_reason(reason)
    return {
        "actor": permit.actor,
        "action": action,
        "detail": {**detail, "reason": why, **permit.detail()},
        "at": context.now(),
    }

"""Identity: who acts. Read from the store at every call, so that what was taken away is gone at once.

A store in whose audit log no person was ever added has a single user: whoever can open it. From the first
person on, every write asks for a proof of who one is: a token, or what another `Authenticator` goes by.
"""

from __future__ import annotations

import hmac
import re
from hashlib import blake2b
from typing import TYPE_CHECKING

from setpoint.control.credential import Claim, Credential
from setpoint.errors import NotPermittedError
from setpoint.integrations.keys import keys_of
from setpoint.policy.person import Grant, Person, Principal, Role
from setpoint.policy.selector import Selector

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.control.context import Context
    from setpoint.integrations.keys import Keys
    from setpoint.policy.token import Token
    from setpoint.store import Store

FIRST_PERSON = "person.add"
"""The action that ends a store's single-user mode for good."""

_TOKEN = re.compile(r"sp_([0-9a-f]{12})_([0-9a-f]{64})")
_NOBODY = "single user"


def prove_by_token(store: Store, credential: Credential, at: datetime) -> Claim:
    """Look a token up and check its secret; only who knows the secret is told what else is wrong with it."""
    if not credential.token:
        raise _refusal(
            "no token was given", "hand one in with SETPOINT_TOKEN, or keep one with `token issue --save`"
        )
    match = _TOKEN.fullmatch(credential.token)
    if match is None:
        raise _refusal("what was given is no token", "a token begins with sp_ and is copied whole")
    id_, secret = match[1], match[2]
    kept = store.tokens.find(id_)
    digest = token_digest(store_keys(store), id_, secret)
    if kept is None:
        raise _refusal("this store does not know the token", "look whether it is for another store")
    if not hmac.compare_digest(digest, kept.value.digest):
        raise _refusal("the token's secret is wrong", "copy the token again, whole")
    _check_token(kept.value, credential.account, at)
    token = kept.value
    return Claim(token.account or f"token:{id_}", token.person, token.roles, token.scope)


def is_governed(context: Context) -> bool:
    """Tell whether the store ever knew a person; if not, it has a single user."""
    return context.store.audit.has(FIRST_PERSON) or bool(context.store.people.all())


def authenticate(context: Context) -> Principal:
    """Answer who acts and what they may do, as of now.

    Raises:
        NotPermittedError: nothing was proven, or whoever it was issued for is not among the people.
        TamperedError: a person or a token was changed behind the audit log's back.
    """
    credential = context.credential or Credential()
    if not is_governed(context):
        account = credential.account
        return Principal(name=context.actor or _NOBODY, account=account, is_single_user=True)
    claim = (credential.authenticator or prove_by_token)(context.store, credential, context.now())
    person = _person(context, claim)
    is_narrowed = bool(claim.roles) or not claim.scope.is_all
    return Principal(
        name=person.name,
        account=claim.account,
        grants=narrowed(person.grants, claim.roles, claim.scope) if is_narrowed else person.grants,
        is_narrowed=is_narrowed,
        held=person.grants,
    )


def narrowed(grants: tuple[Grant, ...], roles: tuple[Role, ...], scope: Selector) -> tuple[Grant, ...]:
    """Answer what is left of grants within some roles (none named: all) and a scope."""
    met = [(grant.role, meet(grant.scope, scope)) for grant in grants if not roles or grant.role in roles]
    return tuple(Grant(role=role, scope=within) for role, within in met if within is not None)


def meet(one: Selector, other: Selector) -> Selector | None:
    """Answer the selector that fits what both fit, None when nothing can fit both."""
    fields: dict[str, tuple[str, ...]] = {}
    for name in ("engines", "groups", "environments", "instances"):
        words = _common(getattr(one, name), getattr(other, name))
        if words is None:
            return None
        fields[name] = words
    labels: dict[str, tuple[str, ...]] = {}
    for name in sorted(one.labels.keys() | other.labels.keys()):
        words = _common(one.labels.get(name, ()), other.labels.get(name, ()))
        if words is None:
            return None
        labels[name] = words
    return Selector(**fields, labels=labels)


def token_text(id_: str, secret: str) -> str:
    """Write a token as its bearer keeps it."""
    return f"sp_{id_}_{secret}"


def token_digest(keys: Keys, id_: str, secret: str) -> str:
    """Answer the keyed BLAKE2b of a token, which is all that a store keeps of it."""
    text = f"{id_}:{secret}".encode()
    return blake2b(text, digest_size=32, key=keys.token_key(), person=b"setpoint-token").hexdigest()


def bundle_seal(keys: Keys, id_: str) -> str:
    """Answer the word a bundle's result is sealed with: keyed BLAKE2b of its id, kept nowhere else."""
    digest = blake2b(id_.encode(), digest_size=16, key=keys.token_key(), person=b"setpoint-bundle")
    return digest.hexdigest()


def store_keys(store: Store) -> Keys:
    """Say where a store's keys are."""
    return keys_of(store.file, store.id)


def _check_token(token: Token, account: str, now: datetime) -> None:
    if token.revoked_at is not None:
        raise _refusal(f"the token {token.id} was revoked", "ask an administrator for another")
    if now >= token.expires_at:
        when = token.expires_at.isoformat(timespec="minutes")
        raise _refusal(f"the token {token.id} expired at {when}", "ask an administrator for another")
    if token.account and token.account != account:
        raise _refusal(f"the token {token.id} belongs to another account", "use it where it was issued for")


def _person(context: Context, claim: Claim) -> Person:
    if claim.person:
        kept = context.store.people.find(claim.person)
        person = kept.value if kept is not None else None
        is_own = person is not None and (
            claim.account.startswith("token:") or claim.account in person.accounts
        )
    else:
        everybody = [each.value for each in context.store.people.all().values()]
        person = next((each for each in everybody if _is_theirs(claim.account, each)), None)
        is_own = person is not None
    if person is None or person.removed_at is not None:
        raise _refusal("whoever this proves to be is not among the people", "ask an administrator")
    if not is_own:
        raise _refusal("the account it belongs to is not theirs any more", "ask an administrator")
    return person


def _is_theirs(account: str, person: Person) -> bool:
    return bool(account) and account in person.accounts and person.removed_at is None


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...] | None:
    if not one or not other:
        return one or other
    return tuple(word for word in one if word in other) or None


def _refusal(what: str, next_step: str) -> NotPermittedError:
    return NotPermittedError(what, next_step=next_step)

"""`person` and `whoami`: who there is, what they may do, and who you are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import Duration, RoleWord, Scope
from setpoint.faces.cli.frame import Frame, Verbs, because, verb
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.token import FIRST_TOKEN_LASTS, issued_answer, why
from setpoint.faces.cli.wording import moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block
    from setpoint.policy.approval import Change
    from setpoint.policy.person import Delegation, Grant, Person, Principal, Role
    from setpoint.policy.selector import Selector

SINGLE_USER = "single user: nobody is known here, and whoever opens the store may do everything"
_ASKED = 1

_on = click.option(
    "--on", "scope", type=Scope(), default="all", show_default=True, help="Where, as environment=production."
)
_account = click.option(
    "--account",
    "accounts",
    metavar="ACCOUNT",
    multiple=True,
    help="How they come in: local:USER@HOST or oidc:ISSUER#SUBJECT; may be given again.",
)


@click.group("person", cls=Verbs)
def person() -> None:
    """Make people known, and say what they may do."""


@person.command("add")
@click.argument("name")
@click.option("--role", "roles", type=RoleWord(), multiple=True, help="A role; may be given again.")
@_on
@_account
@click.option("--shown", metavar="TEXT", default="", help="The name as people write it.")
@click.option("--service", "is_service", is_flag=True, help="A program; it never approves.")
@click.option(
    "--save/--no-save", "is_saved", default=True, help="Keep the first person's token as this user's own."
)
@because()
@click.pass_obj
def add(  # noqa: PLR0913 - each is an option of its own
    frame: Frame,
    *,
    name: str,
    roles: tuple[Role, ...],
    scope: Selector,
    accounts: tuple[str, ...],
    shown: str,
    is_service: bool,
    is_saved: bool,
    because: str,
    ticket: str,
) -> Answer:
    """Make somebody known under NAME; with a known NAME, accounts and roles are added.

    The first person must be an administrator, and is given a token for the account you sit at. From then on
    every change asks who makes it.
    """
    with frame.open() as setpoint:
        if not setpoint.governance.is_governed:
            first = _made(name, roles, scope, accounts, shown=shown, is_service=is_service)
            made, issued = setpoint.governance.people.put_first(
                first, lasts=FIRST_TOKEN_LASTS, reason=because
            )
            line = ("the store is governed from now on; ", Span(made.name, "strong"), " is its first person")
            return issued_answer(issued, is_saved=is_saved, page=[line, _person_table([made])])
        known = next((each for each in setpoint.governance.people.all() if each.name == name), None)
        new = _made(name, roles, scope, accounts, shown=shown, is_service=is_service, known=known)
        return _put(setpoint, new, because, ticket)


@person.command("list")
@click.option("--all", "is_all", is_flag=True, help="Those who were removed, too.")
@click.pass_obj
def list_(frame: Frame, *, is_all: bool) -> Answer:
    """List who there is and what they may do."""
    with frame.open() as setpoint:
        is_governed = setpoint.governance.is_governed
        found = [each for each in setpoint.governance.people.all() if is_all or each.removed_at is None]
    document = {"is_governed": is_governed, "people": [_person_document(each) for each in found]}
    return Answer(document, [_person_table(found)] if is_governed else [SINGLE_USER])


@person.command("show")
@click.argument("name")
@click.pass_obj
def show(frame: Frame, name: str) -> Answer:
    """Show one person: roles, accounts, tokens, and voices lent by and to them."""
    with frame.open() as setpoint:
        people = setpoint.governance.people
        found = next((each for each in people.all() if each.name == name), None) or people.get(name)
        tokens, now = people.tokens(name), setpoint.now()
        lent = [each for each in people.delegations() if name in (each.giver, each.to)]
    page: list[Block] = [_person_table([found])]
    page += [
        f"  token {each.id} until {moment_text(each.expires_at)}"
        for each in tokens
        if each.revoked_at is None
    ]
    page += [f"  {_lent_text(each)}" for each in lent if each.is_in_force(now)]
    document = {
        **_person_document(found),
        "tokens": [each.id for each in tokens],
        "delegations": [_lent_document(each) for each in lent],
    }
    return Answer(document, page)


@person.command("grant")
@click.argument("name")
@click.argument("role", type=RoleWord())
@_on
@because()
@click.pass_obj
def grant(frame: Frame, *, name: str, role: Role, scope: Selector, because: str, ticket: str) -> Answer:
    """Give the person NAME a ROLE."""
    with frame.open() as setpoint:
        known = setpoint.governance.people.get(name)
        return _put(setpoint, _made(name, (role,), scope, (), known=known), because, ticket)


@person.command("revoke")
@click.argument("name")
@click.argument("role", type=RoleWord())
@click.option("--on", "scope", type=Scope(), help="Only where it was given so.  [default: everywhere]")
@because()
@click.pass_obj
def revoke(
    frame: Frame, *, name: str, role: Role, scope: Selector | None, because: str, ticket: str
) -> Answer:
    """Take a ROLE from the person NAME."""
    import msgspec

    with frame.open() as setpoint:
        known = setpoint.governance.people.get(name)
        kept = tuple(
            each for each in known.grants if each.role is not role or scope not in (None, each.scope)
        )
        if kept == known.grants:
            raise InputError(f"{name} does not hold that", next_step=f"setpoint person show {name}")
        return _put(setpoint, msgspec.structs.replace(known, grants=kept), because, ticket)


@person.command("remove")
@click.argument("name")
@why
@click.pass_obj
def remove(frame: Frame, *, name: str, because: str) -> Answer:
    """Take all rights, tokens and lent voices of the person NAME away; the name is never used again."""
    with frame.open() as setpoint:
        gone = setpoint.governance.people.remove(name, reason=because)
    return Answer(_person_document(gone), [(Span(gone.name, "strong"), " is removed, tokens and all")])


@person.command("delegate")
@click.argument("to", metavar="PERSON", required=False)
@click.option(
    "--for", "lasts", type=Duration(), default="14d", show_default=True, help="How long; 92d at most."
)
@_on
@click.option("--end", "id_", metavar="ID", help="Instead: end what was lent before.")
@why
@click.pass_obj
def delegate(
    frame: Frame, *, to: str | None, lasts: timedelta, scope: Selector, id_: str | None, because: str
) -> Answer:
    """Lend your own voice in approvals to PERSON for a while, or end that."""
    if (to is None) == (id_ is None):
        raise click.UsageError("name either a person or, with --end, what was lent")
    with frame.open() as setpoint:
        people = setpoint.governance.people
        if id_ is not None:
            lent = people.end_delegation(id_, reason=because)
            return Answer(_lent_document(lent), [f"{lent.id} has ended"])
        lent = people.delegate(to or "", lasts=lasts, scope=scope, reason=because)
    return Answer(_lent_document(lent), [_lent_text(lent)])


@verb("whoami")
@click.pass_obj
def whoami(frame: Frame) -> Answer:
    """Show who you are and what you may do, as the next change would find it."""
    with frame.open() as setpoint:
        found = setpoint.governance.whoami()
    page: list[Block] = [(Span(found.name, "strong"), f", {found.account}" if found.account else "")]
    if found.is_single_user:
        page.append(Span(SINGLE_USER, "warn"))
    page += [f"  {each}" for each in found.grants]
    if found.is_narrowed:
        page.append(Span("narrowed by the token", "dim"))
    return Answer(_principal_document(found), page)


def _made(
    name: str,
    roles: Sequence[Role],
    scope: Selector,
    accounts: Sequence[str],
    *,
    shown: str = "",
    is_service: bool = False,
    known: Person | None = None,
) -> Person:
    """Answer the person that options speak of; a known one with roles and accounts added."""
    from setpoint.policy.person import Grant, Person

    before = known or Person(name=name, is_service=is_service)
    new = [Grant(role=role, scope=scope) for role in roles]
    return Person(
        name=name,
        shown=shown or before.shown,
        is_service=before.is_service,
        accounts=tuple(dict.fromkeys((*before.accounts, *accounts))),
        grants=(*before.grants, *(each for each in new if each not in before.grants)),
    )


def _put(setpoint: Setpoint, new: Person, reason: str, ticket: str) -> Answer:
    from setpoint.policy.person import Person

    made = setpoint.governance.people.put(new, reason=reason, ticket=ticket)
    if isinstance(made, Person):
        return Answer(_person_document(made), [_person_table([made])])
    return _asked_answer(made)


def _asked_answer(made: Change) -> Answer:
    page: list[Block] = [
        (Span("approvals are asked for first", "warn"), f": change {made.id}"),
        Span(f"next: setpoint change show {made.id}", "dim"),
    ]
    return Answer({"is_done": False, "change": made.id}, page, _ASKED)


def _person_table(people: Sequence[Person]) -> Table:
    rows = [
        (
            each.name,
            each.shown or "-",
            "removed" if each.removed_at is not None else "service" if each.is_service else "person",
            "; ".join(map(str, each.grants)) or "-",
            ", ".join(each.accounts) or "-",
        )
        for each in people
    ]
    return Table(("NAME", "SHOWN", "IS", "MAY", "COMES IN AS"), rows)


def _person_document(person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "shown": person.shown,
        "is_service": person.is_service,
        "accounts": list(person.accounts),
        "grants": [_grant_document(each) for each in person.grants],
        "removed_at": person.removed_at,
    }


def _principal_document(principal: Principal) -> dict[str, Any]:
    return {
        "name": principal.name,
        "account": principal.account,
        "is_single_user": principal.is_single_user,
        "is_narrowed": principal.is_narrowed,
        "grants": [_grant_document(each) for each in principal.grants],
    }


def _grant_document(grant: Grant) -> dict[str, str]:
    return {"role": grant.role.value, "scope": str(grant.scope)}


def _lent_document(lent: Delegation) -> dict[str, Any]:
    return {
        "id": lent.id,
        "giver": lent.giver,
        "to": lent.to,
        "scope": str(lent.scope),
        "reason": lent.reason,
        "starts_at": lent.starts_at,
        "ends_at": lent.ends_at,
        "ended_at": lent.ended_at,
    }


def _lent_text(lent: Delegation) -> str:
    until = moment_text(lent.ends_at)
    return f"{lent.id}: {lent.to} speaks for {lent.giver} on {lent.scope} until {until}: {lent.reason}"

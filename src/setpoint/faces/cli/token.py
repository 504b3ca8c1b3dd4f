"""`token`: what people and services come in with. A token's text is shown once, when it is issued."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from setpoint.faces.cli.arguments import Duration, RoleWord, Scope
from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from setpoint.control.people import Issued
    from setpoint.faces.cli.page import Block, Piece
    from setpoint.policy.person import Role
    from setpoint.policy.selector import Selector
    from setpoint.policy.token import Token

FIRST_TOKEN_LASTS = timedelta(days=90)

why = click.option("--because", metavar="REASON", required=True, help="Why; kept in the audit log.")


@click.group("token", cls=Verbs)
def token() -> None:
    """Issue, list and revoke tokens."""


@token.command("issue")
@click.argument("person")
@click.option(
    "--for", "lasts", type=Duration(), default="90d", show_default=True, help="How long; 366d at most."
)
@click.option("--role", "roles", type=RoleWord(), multiple=True, help="Only this role; may be given again.")
@click.option("--on", "scope", type=Scope(), default="all", show_default=True, help="Only there.")
@click.option("--account", metavar="ACCOUNT", default="", help="Only from this account of theirs.")
@click.option(
    "--save", "is_saved", is_flag=True, help="Keep it as this user's own token instead of showing it."
)
@why
@click.pass_obj
def issue(
    frame: Frame,
    *,
    person: str,
    lasts: timedelta,
    roles: tuple[Role, ...],
    scope: Selector,
    account: str,
    is_saved: bool,
    because: str,
) -> Answer:
    """Issue a token for PERSON and show it, this once."""
    with frame.open() as setpoint:
        issued = setpoint.governance.people.issue_token(
            person, lasts=lasts, roles=roles, scope=scope, account=account, reason=because
        )
    return issued_answer(issued, is_saved=is_saved, is_forced=is_saved)


@token.command("list")
@click.argument("person", required=False, default="")
@click.pass_obj
def list_(frame: Frame, *, person: str) -> Answer:
    """List the tokens there are (of one PERSON), and those that were."""
    with frame.open() as setpoint:
        found, now = setpoint.governance.people.tokens(person), setpoint.now()
    rows: list[tuple[Piece, ...]] = [
        (
            each.id,
            each.person,
            Span(state(each, now), "good" if state(each, now) == "in force" else "dim"),
            moment_text(each.expires_at),
            ", ".join(role.value for role in each.roles) or "all roles",
            str(each.scope),
            each.account or "anywhere",
        )
        for each in found
    ]
    head = ("TOKEN", "PERSON", "STATE", "UNTIL", "ROLES", "ON", "FROM")
    page: list[Block] = [Table(head, rows)] if rows else ["there are no tokens"]
    return Answer([_document(each) for each in found], page)


@token.command("revoke")
@click.argument("token_id", metavar="TOKEN")
@why
@click.pass_obj
def revoke(frame: Frame, *, token_id: str, because: str) -> Answer:
    """Make a token worthless from now on; TOKEN is its id, the part behind ``sp_``."""
    with frame.open() as setpoint:
        gone = setpoint.governance.people.revoke_token(token_id, reason=because)
    return Answer(_document(gone), [(Span(gone.id, "strong"), f" of {gone.person} is revoked")])


def issued_answer(
    issued: Issued, *, is_saved: bool, is_forced: bool = False, page: Sequence[Block] = ()
) -> Answer:
    """Show a token this once, or keep it as this user's own; another one kept there stays unless forced."""
    from setpoint.faces.wiring import keep_token, token_file

    made = issued.token
    lines: list[Block] = [*page, f"token {made.id} of {made.person}, until {moment_text(made.expires_at)}"]
    document: dict[str, Any] = _document(made)
    if is_saved and (is_forced or not token_file().exists()):
        document["kept_in"] = keep_token(issued.text)
        lines.append(f"kept in {document['kept_in']}, for this user alone")
    else:
        document["text"] = issued.text
        lines += [Span(issued.text, "strong"), Span("keep it now, it is not shown again", "warn")]
    return Answer(document, lines)


def state(token: Token, now: datetime) -> str:
    """Say in a word how a token stands."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if now >= token.expires_at else "in force"


def _document(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "person": token.person,
        "roles": [role.value for role in token.roles],
        "scope": str(token.scope),
        "account": token.account,
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "revoked_why": token.revoked_why,
    }

"""`notify`: channels that what happens is told over, and how far behind each of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.faces.cli.arguments import Scope
from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import counted, moment_text

if TYPE_CHECKING:
    from setpoint.control.notices.channels import Standing
    from setpoint.faces.cli.page import Block, Piece
    from setpoint.policy.selector import Selector

why = click.option("--because", metavar="REASON", required=True, help="Why; kept in the audit log.")


@click.group("notify", cls=Verbs)
def notify() -> None:
    """Tell others what happens: overrides, rollouts, approvals wanted, incidents."""


@notify.command("add")
@click.argument("name")
@click.argument("kind", metavar="webhook|file|log")
@click.argument("place", required=False, default="")
@click.option(
    "--secret",
    metavar="REFERENCE",
    default="",
    help="What a webhook's notices are signed with: env:NAME or file:/path, never the secret itself.",
)
@click.option(
    "--events",
    metavar="EVENT,...",
    default="*",
    show_default=True,
    help="What it listens to, as override.*,rollout.halted.",
)
@click.option("--on", "scope", type=Scope(), default="all", show_default=True, help="Only these instances.")
@why
@click.pass_obj
def add(
    frame: Frame,
    *,
    name: str,
    kind: str,
    place: str,
    secret: str,
    events: str,
    scope: Selector,
    because: str,
) -> Answer:
    """Add a channel, which is told everything from now on.

    PLACE is an https:// address (http:// on this machine only), or env:NAME or file:/path where the address
    itself is a secret; a file's whole path; nothing for the log. `setpoint run` delivers.
    """
    wanted = tuple(word.strip() for word in events.split(",") if word.strip())
    with frame.open() as setpoint:
        made = setpoint.notices.add(
            name, kind, place, secret=secret, events=wanted, scope=scope, reason=because
        )
        found = setpoint.notices.standing(made.id)
    page: list[Block] = [
        ("channel ", Span(made.id, "strong"), f": {', '.join(made.events)} to {found.shown}"),
        Span(f"next: setpoint notify test {made.id}", "dim"),
    ]
    return Answer(_document(found), page)


@notify.command("list")
@click.pass_obj
def list_(frame: Frame) -> Answer:
    """List the channels: what each listens to, how far behind it is, and what keeps it."""
    with frame.open() as setpoint:
        found = [setpoint.notices.standing(channel.id) for channel in setpoint.notices.all()]
    rows = [_row(each) for each in found]
    head = ("CHANNEL", "KIND", "TO", "EVENTS", "ON", "BEHIND", "REACHED", "STATE")
    page: list[Block] = [Table(head, rows)] if rows else ["there are no channels"]
    return Answer([_document(each) for each in found], page)


@notify.command("remove")
@click.argument("name")
@why
@click.pass_obj
def remove(frame: Frame, *, name: str, because: str) -> Answer:
    """Remove a channel; what it was not told yet it will not be told."""
    with frame.open() as setpoint:
        gone = setpoint.notices.remove(name, reason=because)
    return Answer({"name": gone.id}, [("the channel ", Span(gone.id, "strong"), " is removed")])


@notify.command("test")
@click.argument("name")
@click.pass_obj
def test(frame: Frame, *, name: str) -> Answer:
    """Send a channel one notice now; ends with 3 when it does not take it."""
    with frame.open() as setpoint:
        sent = setpoint.notices.test(name)
    page: list[Block] = [("the channel ", Span(name, "strong"), f" took the notice {sent.id}")]
    return Answer({"name": name, "notice": sent}, page)


def _row(found: Standing) -> tuple[Piece, ...]:
    channel = found.channel
    state = Span("well", "good")
    if found.failing_since is not None:
        state = Span(f"FAILING since {moment_text(found.failing_since)}: {found.fault}", "bad")
    behind = f"{'over ' if found.is_more else ''}{counted(found.behind, 'notice')}" if found.behind else "-"
    return (
        channel.id,
        channel.kind,
        found.shown,
        ", ".join(channel.events),
        str(channel.scope),
        Span(behind, "warn" if found.behind else "dim"),
        moment_text(found.reached_at) if found.reached_at is not None else "-",
        state,
    )


def _document(found: Standing) -> dict[str, Any]:
    channel = found.channel
    return {
        "name": channel.id,
        "kind": channel.kind,
        "to": found.shown,
        "signed_by": channel.secret,
        "events": channel.events,
        "scope": str(channel.scope),
        "by": channel.by,
        "at": channel.at,
        "because": channel.because,
        "behind": found.behind,
        "is_more": found.is_more,
        "reached_at": found.reached_at,
        "failing_since": found.failing_since,
        "fault": found.fault,
    }

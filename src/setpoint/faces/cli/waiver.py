"""`waiver`: deviations that somebody accepts, for a reason, until a date; and reminders before they end."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import Scope
from setpoint.faces.cli.frame import Frame, Verbs, because
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import counted, moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block, Piece, Tone
    from setpoint.policy.approval import Change
    from setpoint.policy.selector import Selector
    from setpoint.policy.waiver import Waiver

_ASKED = 1
_TONES: dict[str, Tone] = {"in force": "good", "ends soon": "warn", "not yet": "dim", "ended": "dim"}


@click.group("waiver", cls=Verbs)
def waiver() -> None:
    """Accept deviations, for a reason and until a date."""


@waiver.command("add")
@click.option("--parameter", metavar="PARAMETER", default="", help="The parameter that may stay as it is.")
@click.option(
    "--rule", metavar="POLICY/RULE", default="", help="The lock, limit or memory budget it is about."
)
@click.option("--scope", type=Scope(), required=True, help="Where, as instance=shop or environment=staging.")
@click.option("--owner", metavar="PERSON", required=True, help="Who answers for it.")
@click.option(
    "--until",
    metavar="DATE",
    required=True,
    help="When it ends: 2026-12-31 (that day included, UTC), 2026-12-31T18:00+01:00, or 30d from now.",
)
@because()
@click.pass_obj
def add(
    frame: Frame,
    *,
    parameter: str,
    rule: str,
    scope: Selector,
    owner: str,
    until: str,
    because: str,
    ticket: str,
) -> Answer:
    """Accept that a parameter, a rule or a parameter under a rule deviates.

    With --parameter alone it is no drift, nobody is advised to change it, and limits and compliance accept
    it; with --rule only that rule does. In a store with people this asks for approvals first, and ends
    with 1.
    """
    with frame.open() as setpoint:
        made = setpoint.governance.add_waiver(
            owner=owner,
            reason=because,
            scope=scope,
            ends_at=_moment(until, setpoint.now()),
            parameter=parameter,
            rule=rule,
            ticket=ticket,
        )
        return _granted(made, setpoint.now())


@waiver.command("list")
@click.option("--all", "is_all", is_flag=True, help="Those that ended, too.")
@click.pass_obj
def list_(frame: Frame, *, is_all: bool) -> Answer:
    """List the waivers in force, the one that ends first on top."""
    with frame.open() as setpoint:
        now = setpoint.now()
        found = [
            each for each in reversed(setpoint.governance.waivers()) if is_all or state(each, now) != "ended"
        ]
        remind(frame, setpoint)
    rows: list[tuple[Piece, ...]] = [
        (
            each.id,
            Span(state(each, now), _TONES[state(each, now)]),
            moment_text(_end(each)),
            each.owner,
            each.parameter or "-",
            each.rule or "-",
            str(each.scope),
            each.reason,
        )
        for each in found
    ]
    head = ("WAIVER", "STATE", "UNTIL", "OWNER", "PARAMETER", "RULE", "SCOPE", "WHY")
    page: list[Block] = [Table(head, rows)] if rows else ["nothing is waived"]
    return Answer([waiver_document(each, now) for each in found], page)


@waiver.command("show")
@click.argument("name", metavar="WAIVER")
@click.pass_obj
def show(frame: Frame, name: str) -> Answer:
    """Show one waiver, and the instances it reaches now."""
    with frame.open() as setpoint:
        now = setpoint.now()
        found = setpoint.governance.waiver(name)
        instances = setpoint.configuration().instances
        reached = sorted(key for key, each in instances.items() if found.scope.fits(key, each))
    told = [
        ("state", Span(state(found, now), _TONES[state(found, now)])),
        ("owner", found.owner),
        ("why", found.reason),
        ("parameter", found.parameter),
        ("rule", found.rule),
        ("scope", str(found.scope)),
        ("reaches", ", ".join(reached) or "no instance now"),
        ("from", moment_text(found.starts_at)),
        ("until", moment_text(found.ends_at)),
        ("ended", "" if found.ended_at is None else moment_text(found.ended_at)),
        ("approved by change", found.change),
    ]
    page: list[Block] = [Span(found.id, "strong"), Table(("", ""), [row for row in told if row[1]], 2)]
    return Answer({**waiver_document(found, now), "reaches": reached}, page)


@waiver.command("end")
@click.argument("name", metavar="WAIVER")
@because()
@click.pass_obj
def end(frame: Frame, name: str, *, because: str, ticket: str) -> Answer:
    """End a waiver before its time: what it covered counts again at once."""
    reason = f"{because} [{ticket}]" if ticket else because
    with frame.open() as setpoint:
        ended = setpoint.governance.end_waiver(name, reason=reason)
        now = setpoint.now()
    return Answer(waiver_document(ended, now), [("the waiver ", Span(ended.id, "strong"), " has ended")])


def remind(frame: Frame, setpoint: Setpoint, names: Sequence[str] | None = None) -> None:
    """Tell on stderr of waivers that end soon and reach these instances (None: any)."""
    for each in setpoint.governance.waivers_ending_soon(None if names is None else list(names)):
        left = each.ends_at - setpoint.now()
        when = counted(left.days, "day") if left.days else f"{left.total_seconds() / 3600:.0f} h"
        what = " under ".join(filter(None, (each.parameter, each.rule)))
        frame.say(
            f"reminder: the waiver {each.id} of {what} on {each.scope} ends in {when} (owner {each.owner})"
        )


def state(waiver: Waiver, now: datetime) -> str:
    """Answer how a waiver stands, in words."""
    from setpoint.policy.waiver import REMIND_BEFORE

    if now < waiver.starts_at and waiver.ended_at is None:
        return "not yet"
    if not waiver.is_in_force(now):
        return "ended"
    return "ends soon" if waiver.ends_at - now <= REMIND_BEFORE else "in force"


def waiver_document(waiver: Waiver, now: datetime) -> dict[str, Any]:
    """Answer a waiver for programs."""
    return {
        "id": waiver.id,
        "state": state(waiver, now),
        "owner": waiver.owner,
        "reason": waiver.reason,
        "scope": str(waiver.scope),
        "parameter": waiver.parameter,
        "rule": waiver.rule,
        "starts_at": waiver.starts_at,
        "ends_at": waiver.ends_at,
        "ended_at": waiver.ended_at,
        "change": waiver.change,
    }


def _granted(made: Waiver | Change, now: datetime) -> Answer:
    from setpoint.policy.waiver import Waiver

    if isinstance(made, Waiver):
        page: list[Block] = [("waiver ", Span(made.id, "strong"), f": {made.told}")]
        return Answer({"is_granted": True, "waiver": waiver_document(made, now), "change": ""}, page)
    asked = "; ".join(f"{need.key}: {need.quorum}" for need in made.needs)
    page = [
        ("approvals are asked for first: ", Span(asked, "warn")),
        Span(f"next: setpoint change show {made.id}", "dim"),
    ]
    return Answer({"is_granted": False, "waiver": None, "change": made.id, "needs": asked}, page, _ASKED)


def _end(waiver: Waiver) -> datetime:
    return min(waiver.ends_at, waiver.ended_at or waiver.ends_at)


def _moment(text: str, now: datetime) -> datetime:
    """Read when something ends: a moment, a day (its end), or a duration from now."""
    try:
        return _read_moment(text, now)
    except OverflowError:
        raise InputError(
            f"{text[:80]!r} lies outside of all calendars", next_step="give a nearer end"
        ) from None


def _read_moment(text: str, now: datetime) -> datetime:
    from setpoint.policy.document_values import parse_moment, parse_seconds

    with suppress(InputError):
        return now + timedelta(seconds=parse_seconds(text))
    with suppress(ValueError):
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    return parse_moment(text, "UTC")

"""`change`: proposing what needs approvals, and giving or refusing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import InstanceName, read_text
from setpoint.faces.cli.frame import Frame, Verbs, because
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.plan import plan_page
from setpoint.faces.cli.printer import tell_page
from setpoint.faces.cli.wording import moment_text

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block, Tone
    from setpoint.policy.approval import Change, Standing

_STATES: dict[str, Tone] = {
    "open": "strong",
    "rejected": "bad",
    "withdrawn": "dim",
    "spent": "good",
    "expired": "warn",
}


@click.group("change", cls=Verbs)
def change() -> None:
    """Propose what needs approvals; approve, reject and carry out."""


@change.command("propose")
@click.argument("name", type=InstanceName(), required=False)
@click.option(
    "--plan", "wanted", metavar="HASH", default="", help="A plan made before; else one is made now."
)
@click.option("--undo", "is_undo", is_flag=True, help="Propose to take back the last apply to NAME.")
@click.option(
    "--document", metavar="FILE", help="Propose a fleet document as the configuration (- for stdin)."
)
@click.option("--revert", "revision", metavar="REVISION", help="Propose an earlier revision's configuration.")
@click.option("--emergency", "is_emergency", is_flag=True, help="Ask as policy lets emergencies be asked.")
@because()
@click.pass_obj
def propose(frame: Frame, name: str | None, **wish: Any) -> Answer:
    """Ask for the approvals that the plan of the instance NAME needs, or an edit of what governs."""
    with frame.open() as setpoint:
        made = _propose(setpoint, name, **wish)
        return change_answer(made, setpoint.governance.change(made.id)[1])


@change.command("show")
@click.argument("change_id", metavar="CHANGE")
@click.pass_obj
def show(frame: Frame, change_id: str) -> Answer:
    """Show a change, what it would do, who spoke, and what is missing."""
    with frame.open() as setpoint:
        found, standing = setpoint.governance.change(change_id)
        answer = change_answer(found, standing)
        if found.kind == "plan":
            made = setpoint.find_plan(found.digest)
            rows = [
                (step.parameter, _text(step.prior.running if step.prior else None), _text(step.text))
                for step in made.steps
                if step.parameter
            ]
            more: list[Block] = [Table(("PARAMETER", "FROM", "TO"), rows)]
        else:
            more = [found.payload]
        return Answer(answer.document, [*answer.page, *more])


@change.command("list")
@click.option("--open", "is_open_only", is_flag=True, help="Only those that wait.")
@click.pass_obj
def list_changes(frame: Frame, *, is_open_only: bool) -> Answer:
    """List changes, newest first."""
    with frame.open() as setpoint:
        now = setpoint.now()
        found = setpoint.governance.changes(is_open_only=is_open_only)
    rows = [
        (
            each.id,
            Span(_state(each, now), _STATES[_state(each, now)]),
            each.kind,
            each.subject,
            each.author,
            ", ".join(voice.by for voice in each.voices) or "-",
            moment_text(each.proposed_at),
            ("OVERDUE " if each.escalated_at and each.state == "open" else "") + each.reason,
        )
        for each in found
    ]
    headings = ("CHANGE", "STATE", "KIND", "OF", "BY", "APPROVED BY", "PROPOSED", "WHY")
    page: list[Block] = (
        [Table(headings, rows)] if rows else ["no change waits" if is_open_only else "no changes"]
    )
    return Answer([change_document(each) for each in found], page)


@change.command("approve")
@click.argument("change_id", metavar="CHANGE")
@click.option("--plan", "digest", metavar="HASH", default="", help="What was read; another is not approved.")
@click.option("--because", metavar="REASON", default="", help="Why; kept with the approval.")
@click.pass_obj
def approve(frame: Frame, change_id: str, *, digest: str, because: str) -> Answer:
    """Approve a change as it is; nobody approves their own."""
    with frame.open() as setpoint:
        made = setpoint.governance.approve(change_id, reason=because, digest=digest)
        return change_answer(made, setpoint.governance.change(made.id)[1])


@change.command("reject")
@click.argument("change_id", metavar="CHANGE")
@click.option("--because", metavar="REASON", required=True, help="Why; the author reads it.")
@click.pass_obj
def reject(frame: Frame, change_id: str, *, because: str) -> Answer:
    """End a change with a no."""
    with frame.open() as setpoint:
        made = setpoint.governance.reject(change_id, reason=because)
        return change_answer(made, None)


@change.command("withdraw")
@click.argument("change_id", metavar="CHANGE")
@click.option("--because", metavar="REASON", required=True, help="Why.")
@click.pass_obj
def withdraw(frame: Frame, change_id: str, *, because: str) -> Answer:
    """Take your own change back."""
    with frame.open() as setpoint:
        made = setpoint.governance.withdraw(change_id, reason=because)
        return change_answer(made, None)


@change.command("apply")
@click.argument("change_id", metavar="CHANGE")
@click.pass_obj
def carry_out(frame: Frame, change_id: str) -> Answer:
    """Carry out an approved change of policy, waivers or people; a plan's is applied with `apply --plan`."""
    with frame.open() as setpoint:
        done = setpoint.governance.carry_out(change_id)
        found = setpoint.governance.change(change_id)[0]
    return Answer({**change_document(found), "done": done}, [(Span(found.id, "strong"), f": {done}")])


def _propose(
    setpoint: Setpoint,
    name: str | None,
    *,
    document: str | None,
    revision: str | None,
    because: str,
    ticket: str,
    **of_instance: Any,
) -> Change:
    """Propose by the one way that was named."""
    govern = setpoint.governance
    if sum(each is not None for each in (name, document, revision)) != 1:
        raise InputError("name an instance, or --document, or --revert", next_step="one of the three")
    if name is not None:
        return _propose_plan(setpoint, name, because=because, ticket=ticket, **of_instance)
    if any(of_instance.values()):
        raise InputError("--plan, --undo and --emergency go with an instance")
    if document is not None:
        text, source = read_text(document)
        return govern.propose_document(text, source, reason=because, ticket=ticket)
    return govern.propose_revert(str(revision), reason=because, ticket=ticket)


def _propose_plan(
    setpoint: Setpoint,
    name: str,
    *,
    wanted: str,
    is_undo: bool,
    is_emergency: bool,
    because: str,
    ticket: str,
) -> Change:
    if is_undo and wanted:
        raise InputError("--undo makes its own plan", next_step="leave --plan out")
    if is_undo:
        return setpoint.governance.propose_undo(name, reason=because, ticket=ticket)
    digest = _plan_of(setpoint, name, wanted)
    return setpoint.governance.propose(digest, reason=because, ticket=ticket, is_emergency=is_emergency)


def change_answer(made: Change, standing: Standing | None) -> Answer:
    """Show one change; ends with 0, for a proposal that waits is what was asked for."""
    page: list[Block] = [
        (
            Span(made.id, "strong"),
            f": {made.kind} of {made.subject}, ",
            Span(made.state, _STATES[made.state]),
        ),
        f"  by {made.author}: {made.reason}" + (f" ({made.ticket})" if made.ticket else ""),
        f"  {made.digest[:12]}, until {moment_text(made.expires_at)}",
    ]
    page += [
        f"  approved by {voice.by}" + (f" for {voice.giver}" if voice.giver else "") for voice in made.voices
    ]
    if made.ended_why:
        page.append(f"  {made.state} by {made.ended_by}: {made.ended_why}")
    if standing is not None and made.state == "open":
        page += [Span(f"  missing: {each}", "warn") for each in standing.missing]
        page += [Span(f"  does not count: {each}", "dim") for each in standing.uncounted]
        if standing.is_complete:
            page.append((Span("  approved", "good"), f"; next: {_next_step(made)}"))
        else:
            page.append(Span(f"  next: setpoint change approve {made.id}", "dim"))
    return Answer(change_document(made, standing), page)


def change_document(made: Change, standing: Standing | None = None) -> dict[str, Any]:
    """Answer a change for machines."""
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(made)
    if standing is not None:
        document["is_approved"] = standing.is_complete
        document["missing"] = list(standing.missing)
        document["uncounted"] = list(standing.uncounted)
    return document


def _next_step(made: Change) -> str:
    if made.kind == "plan":
        return f"setpoint apply {made.subject} --plan {made.digest[:12]}"
    if made.kind == "override":
        return f"setpoint override start {made.subject} with what was approved: {made.payload}"
    return f"setpoint change apply {made.id}"


def _plan_of(setpoint: Setpoint, name: str, wanted: str) -> str:
    """Answer the hash of the plan to propose: a kept one, or one made and shown now."""
    if wanted:
        made = setpoint.find_plan(wanted)
        if made.instance != name:
            raise InputError(f"the plan is for {made.instance}, not for {name}", where=wanted)
        return made.hash
    planned = setpoint.plan(name)
    tell_page(plan_page(planned))
    return planned.plan.hash


def _state(made: Change, now: datetime) -> str:
    return "expired" if made.state == "open" and made.is_expired(now) else made.state


def _text(value: object) -> str:
    if value is None:
        return "(the engine's own)"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]

"""`history`, `diff`, `blame` and `revert`: what was configured before, by whom and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import InstanceName
from setpoint.faces.cli.frame import Frame, because, verb
from setpoint.faces.cli.page import Answer, Table
from setpoint.faces.cli.wording import (
    committed,
    edit_documents,
    edit_table,
    revision_cells,
    revision_document,
    setting_text,
)

if TYPE_CHECKING:
    from setpoint.faces.cli.page import Block

_KINDS = ("fleet", "group", "instance", "policy")


@verb("history")
@click.option("--instance", type=InstanceName(), help="Only what changed this instance's own part.")
@click.option(
    "--part", metavar="PART", help="Only what changed fleet:ENGINE, group:NAME, instance:NAME or policy:NAME."
)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.pass_obj
def history(frame: Frame, *, instance: str | None, part: str | None, limit: int) -> Answer:
    """List the revisions of the configuration, newest first."""
    if instance is not None and part is not None:
        raise InputError("--instance and --part are given both", next_step="give one of them")
    wanted = f"instance:{instance}" if instance is not None else part or ""
    if wanted and (wanted.partition(":")[0] not in _KINDS or not wanted.partition(":")[2]):
        raise InputError(
            f"{wanted!r} is no part", next_step="fleet:ENGINE, group:NAME, instance:NAME or policy:NAME"
        )
    with frame.open() as setpoint:
        found = setpoint.history(limit=limit, part=wanted)
    page: list[Block] = [Table(("REVISION", "WHEN", "WHO", "WHY"), [revision_cells(each) for each in found])]
    return Answer([revision_document(each) for each in found], page if found else ["nothing was configured"])


@verb("diff")
@click.argument("old", metavar="[REVISION", required=False)
@click.argument("new", metavar="[REVISION]]", required=False)
@click.pass_obj
def diff(frame: Frame, old: str | None, new: str | None) -> Answer:
    """Show what differs between two revisions, field by field.

    With one, between it and the newest; with none, what the newest changed.
    """
    with frame.open() as setpoint:
        if old is None:
            edits = setpoint.edits_of(setpoint.revision("HEAD"))
        else:
            edits = setpoint.diff(old, new or "HEAD")
    return Answer(edit_documents(edits), [edit_table(edits)] if edits else ["no difference"])


@verb("blame")
@click.argument("words", metavar="[NAME] [PARAMETER]", nargs=-1, type=InstanceName())
@click.option("--group", metavar="GROUP", help="A group's settings instead of an instance's own.")
@click.option("--fleet", metavar="ENGINE", help="The settings of all instances of an engine.")
@click.pass_obj
def blame(frame: Frame, words: tuple[str, ...], *, group: str | None, fleet: str | None) -> Answer:
    """Show which revision gave each setting of one layer its value, who made it and why."""
    if group is not None and fleet is not None:
        raise InputError("--group and --fleet are given both", next_step="give one of them")
    rest = list(words)
    if group is None and fleet is None and not rest:
        raise InputError("no instance is named", next_step="name one, or give --group or --fleet")
    if group is not None:
        part = f"group:{group}"
    else:
        part = f"fleet:{fleet}" if fleet is not None else f"instance:{rest.pop(0)}"
    if len(rest) > 1:
        raise InputError(f"{', '.join(rest)}: more than one parameter is named", next_step="name one or none")
    with frame.open() as setpoint:
        if part.startswith("instance:"):
            setpoint.configuration().instance(part.removeprefix("instance:"))
        found = setpoint.blame(part, rest[0].lower() if rest else "")
    rows = [(each.parameter, setting_text(each.text), *revision_cells(each.revision)) for each in found]
    documents = [
        {
            "part": each.part,
            "parameter": each.parameter,
            "text": each.text,
            "revision": revision_document(each.revision),
        }
        for each in found
    ]
    return Answer(documents, [Table(("PARAMETER", "VALUE", "REVISION", "WHEN", "WHO", "WHY"), rows)])


@verb("revert")
@click.argument("revision")
@because()
@click.pass_obj
def revert(frame: Frame, revision: str, *, because: str, ticket: str) -> Answer:
    """Make the configuration of an earlier REVISION the current one again, as a new revision.

    The servers are not touched; `plan` and `apply` take them there.
    """
    with frame.open() as setpoint:
        made, edits = setpoint.revert(revision, reason=because, ticket=ticket)
    return committed(made, edits, next_step="setpoint plan INSTANCE")

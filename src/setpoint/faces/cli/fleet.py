"""`show`: the whole configuration as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from setpoint.faces.cli.frame import Frame, verb
from setpoint.faces.cli.page import Answer, Span, Table, Verbatim
from setpoint.faces.cli.wording import (
    counted,
    edit_documents,
    edit_table,
    moment_text,
    revision_document,
)

if TYPE_CHECKING:
    from setpoint.config.configuration import Configuration
    from setpoint.config.revision import Revision
    from setpoint.faces.cli.page import Block


@verb("show")
@click.argument("revision", default="HEAD")
@click.option("--yaml", "is_yaml", is_flag=True, help="The fleet document alone, which `import` reads.")
@click.pass_obj
def show(frame: Frame, revision: str, *, is_yaml: bool) -> Answer:
    """Show a REVISION of the configuration: an id, the beginning of one, HEAD or HEAD~2.

    Without --yaml: who made it, why, what it changed, and what there is.
    """
    with frame.open() as setpoint:
        if revision == "HEAD" and not setpoint.history(limit=1):
            found = None
            configuration = setpoint.configuration()
        else:
            found = setpoint.revision(revision)
            configuration = setpoint.configuration(found.id)
        text = setpoint.export_fleet(found.id if found else "HEAD")
        edits = setpoint.edits_of(found) if found else ()
    page: list[Block] = [Verbatim(text)] if is_yaml else [*_head(found), edit_table(edits, indent=2)]
    if not is_yaml:
        page.append(_size(configuration))
    document = {
        "revision": revision_document(found) if found else None,
        "edits": edit_documents(edits),
        "configuration": configuration,
    }
    return Answer({**document, "yaml": text} if is_yaml else document, page)


def _head(revision: Revision | None) -> list[Block]:
    if revision is None:
        return ["nothing was configured yet"]
    rows = [
        ("author", revision.author),
        ("at", moment_text(revision.at)),
        ("reason", revision.reason),
        ("ticket", revision.ticket or "-"),
        ("after", ", ".join(parent[:12] for parent in revision.parents) or "-"),
    ]
    return [("revision ", Span(revision.id, "strong")), Table(("", ""), rows, 2)]


def _size(configuration: Configuration) -> str:
    fleet = sum(map(len, configuration.fleet.values()))
    return ", ".join(
        (
            counted(len(configuration.instances), "instance"),
            counted(len(configuration.groups), "group"),
            counted(fleet, "fleet setting"),
        )
    )

"""`instance group`: the groups whose instances share settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from setpoint.faces.cli.arguments import TemplateVersion
from setpoint.faces.cli.frame import Frame, Verbs, because
from setpoint.faces.cli.page import Answer, Table
from setpoint.faces.cli.wording import committed

if TYPE_CHECKING:
    from setpoint.config.configuration import TemplateUse
    from setpoint.faces.cli.page import Block


@click.group("group", cls=Verbs)
def group() -> None:
    """Groups: instances of one engine that share settings and a template."""


@group.command("add")
@click.argument("name")
@click.option("--engine", required=True, metavar="ENGINE", help="The engine of its instances.")
@click.option("--template", type=TemplateVersion(), help="The template its instances are filled from.")
@because("registered")
@click.pass_obj
def add(
    frame: Frame, name: str, *, engine: str, template: TemplateUse | None, because: str, ticket: str
) -> Answer:
    """Make the group NAME."""
    from setpoint.config.configuration import Group
    from setpoint.errors import RefusedError

    with frame.open() as setpoint:
        before = setpoint.configuration()
        if name in before.groups:
            raise RefusedError(f"there is a group {name} already", next_step="choose another name")
        made = Group(engine=engine, template=template)
        revision = setpoint.put_group(name, made, reason=because, ticket=ticket)
        edits = setpoint.edits_since(before)
    return committed(
        revision, edits, next_step=f"setpoint instance set INSTANCE --group {name} --because ..."
    )


@group.command("list")
@click.pass_obj
def list_(frame: Frame) -> Answer:
    """List the groups."""
    with frame.open() as setpoint:
        configuration = setpoint.configuration()
    documents = [
        {
            "group": name,
            "engine": each.engine,
            "template": str(each.template or ""),
            "settings": each.settings,
            "instances": sorted(key for key, value in configuration.instances.items() if value.group == name),
        }
        for name, each in sorted(configuration.groups.items())
    ]
    rows = [
        (
            str(each["group"]),
            str(each["engine"]),
            str(each["template"] or "-"),
            str(len(each["settings"])),
            ", ".join(each["instances"]) or "-",
        )
        for each in documents
    ]
    page: list[Block] = [Table(("NAME", "ENGINE", "TEMPLATE", "SETTINGS", "INSTANCES"), rows)]
    return Answer(documents, page if rows else ["there is no group"])


@group.command("remove")
@click.argument("name")
@because()
@click.pass_obj
def remove(frame: Frame, name: str, *, because: str, ticket: str) -> Answer:
    """Remove the group NAME; it must have no instances any more."""
    with frame.open() as setpoint:
        before = setpoint.configuration()
        before.group(name)
        revision = setpoint.put_group(name, None, reason=because, ticket=ticket)
        edits = setpoint.edits_since(before)
    return committed(revision, edits)

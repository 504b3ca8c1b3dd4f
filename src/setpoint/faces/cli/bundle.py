"""`bundle`: signed scripts for instances that only files reach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import (
    Duration,
    InstanceName,
    assignments,
    check_place,
    read_text,
    write_file,
)
from setpoint.faces.cli.frame import Frame, Verbs, because
from setpoint.faces.cli.own_file import OwnFile
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import age_text, moment_text

if TYPE_CHECKING:
    from datetime import timedelta

    from setpoint.config.bundle import Issued, Sheet
    from setpoint.control.bundles.issuing import Bundle
    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block


@click.group("bundle", cls=Verbs)
def bundle() -> None:
    """Write signed scripts for instances that only files reach.

    A bundle runs with the engine's own client and nothing else. What it prints is carried back and read with
    `setpoint import`.
    """


def _output(function: Any) -> Any:
    text = "The file or folder to write to.  [default: this folder]"
    valid = click.option("--valid", type=Duration(), help="How long it may be run.  [default: 7d]")
    return click.option("-o", "--output", metavar="PATH", default=".", help=text)(valid(function))


@bundle.command("collect")
@click.argument("name", type=InstanceName())
@click.option("--version", metavar="VERSION", default="", help="Its version, before it was ever heard.")
@_output
@click.pass_obj
def collect(frame: Frame, name: str, *, version: str, output: str, valid: timedelta | None) -> Answer:
    """Write a script that looks at the instance NAME and changes nothing."""
    with frame.open() as setpoint:
        _check_output(setpoint, name, output)
        made = setpoint.bundles.collect(name, version=version, lasts=valid or _default_validity())
        return _written(made, output)


@bundle.command("export")
@click.argument("name", type=InstanceName())
@click.option("--plan", "wanted", metavar="HASH", help="The plan to carry out; else one is made.")
@click.option("--undo", "is_undo", is_flag=True, help="Take back the last apply instead.")
@click.option("--accept-risk", metavar="REASON", default="", help="Why the memory may be exceeded; audited.")
@click.option(
    "--emergency", metavar="REASON", default="", help="Act as policy lets emergencies act; audited."
)
@click.option(
    "--option-file", metavar="FILE", default="", help="A copy of theirs, to rewrite beside the script."
)
@_output
@click.pass_obj
def export(
    frame: Frame,
    name: str,
    *,
    wanted: str | None,
    is_undo: bool,
    option_file: str,
    output: str,
    valid: timedelta | None,
    **reasons: str,
) -> Answer:
    """Write a script that carries out a plan on the instance NAME, once it is let through.

    It checks over there that the instance is as the plan knows it, writes, verifies, and takes back what it
    began where a step fails. Without --plan one is made from what the instance last said. What no client
    writes stands in a copy of the option file FILE, which is otherwise as it was.
    """
    if is_undo and (wanted or option_file or any(reasons.values())):
        raise InputError("--undo goes with --output and --valid only", next_step="leave the others out")
    with frame.open() as setpoint:
        _check_output(setpoint, name, output)
        if is_undo:
            return _written(setpoint.bundles.export_back(name, lasts=valid or _default_validity()), output)
        made = setpoint.find_plan(wanted) if wanted else setpoint.plan(name).plan
        if made.instance != name:
            raise InputError(f"plan {made.hash[:12]} is for {made.instance}", where=name)
        own = OwnFile.read(option_file, output) if option_file else None
        if own is not None:
            own.rewritten = setpoint.bundles.rewrite_option_file(made, own.text, own.place)
        lasts = valid or _default_validity()
        return _written(setpoint.bundles.export(made, lasts=lasts, **reasons), output, own)


@bundle.command("override")
@click.argument("name", type=InstanceName())
@click.argument("texts", metavar="PARAMETER=VALUE...", nargs=-1, required=True)
@click.option("--for", "lasts", type=Duration(), required=True, help="How long, from now on.")
@click.option("--accept-risk", metavar="REASON", default="", help="Why the memory may be exceeded; audited.")
@click.option("-o", "--output", metavar="PATH", default=".", help="The file or folder to write to.")
@because()
@click.pass_obj
def override(
    frame: Frame,
    name: str,
    *,
    texts: tuple[str, ...],
    lasts: timedelta,
    accept_risk: str,
    output: str,
    because: str,
    ticket: str,
) -> Answer:
    """Write a script that sets something on the instance NAME for a while, in an emergency.

    What takes it back at the deadline is armed over there before anything is written: the server's own
    scheduler, else the client, which then stays until it is done.
    """
    from setpoint.control.overrides.wish import Wish

    wish = Wish(
        settings=dict(assignments(list(texts), "setting")),
        seconds=lasts.total_seconds(),
        because=because,
        ticket=ticket,
        accept_risk=accept_risk,
    )
    with frame.open() as setpoint:
        _check_output(setpoint, name, output)
        return _written(setpoint.bundles.export_temporary(name, wish), output)


@bundle.command("verify")
@click.argument("file")
@click.option("--public-key", "key_files", metavar="FILE", multiple=True, help="The public key of its store.")
@click.pass_obj
def verify(frame: Frame, file: str, *, key_files: tuple[str, ...]) -> Answer:
    """Check that the bundle FILE is as it was signed, and may be run still."""
    text, source = read_text(file)
    keys = [read_text(place)[0].encode() for place in key_files]
    with frame.open() as setpoint:
        sheet = setpoint.bundles.verify(text, source, public_keys=keys)
    return Answer(
        {"is_sound": True, "sheet": sheet},
        [(Span("sound", "good"), f": {_said(sheet)}, runs until {moment_text(sheet.expires_at)}")],
    )


@bundle.command("list")
@click.argument("name", type=InstanceName(), default="")
@click.pass_obj
def list_(frame: Frame, name: str) -> Answer:
    """List the bundles that were issued, of the instance NAME or of all, and what came of them."""
    with frame.open() as setpoint:
        found = setpoint.bundles.all(name)
        now = setpoint.now()
        if name:
            setpoint.configuration().instance(name)
    rows = [
        (
            each.sheet.id,
            each.sheet.instance,
            each.sheet.kind.value,
            age_text(now - each.sheet.issued_at),
            "expired" if each.state.value == "issued" and now > each.sheet.expires_at else each.state.value,
            each.told or "-",
        )
        for each in found
    ]
    page: list[Block] = [Table(("BUNDLE", "INSTANCE", "KIND", "ISSUED", "STATE", "TOLD"), rows)]
    return Answer(
        {"bundles": [issued_document(each) for each in found]}, page if rows else ["no bundle was issued"]
    )


@bundle.command("void")
@click.argument("id_", metavar="BUNDLE")
@because()
@click.pass_obj
def void(frame: Frame, id_: str, *, because: str, ticket: str) -> Answer:
    """Note that a BUNDLE will never be run, or that its result is lost: it is refused from then on."""
    reason = f"{because} [{ticket}]" if ticket else because
    with frame.open() as setpoint:
        done = setpoint.bundles.void(id_, because=reason)
    return Answer(issued_document(done), [f"bundle {id_} counts no more: {reason}"])


def issued_document(issued: Issued) -> dict[str, Any]:
    """Answer an issued bundle for programs."""
    return {
        "sheet": issued.sheet,
        "state": issued.state.value,
        "used_at": issued.used_at,
        "told": issued.told,
    }


def _default_validity() -> timedelta:
    from setpoint.faces.bundles import LASTS

    return LASTS


def _check_output(setpoint: Setpoint, name: str, output: str) -> None:
    """Refuse a place that cannot be written before a bundle is issued for it."""
    setpoint.configuration().instance(name)
    check_place(str(Path(output) / name) if Path(output).is_dir() else output)


def _written(made: Bundle, output: str, own: OwnFile | None = None) -> Answer:
    place = Path(output) / made.name if Path(output).is_dir() else Path(output)
    write_file(str(place), made.text.encode())
    page: list[Block] = [
        ("bundle ", Span(made.sheet.id, "strong"), f": {_said(made.sheet)}, written to {place}"),
        Span(
            f"next: read it, run it there as it says in its head; then setpoint import {place.stem}.out",
            "dim",
        ),
    ]
    fragment: Path | None = None
    if own is not None:
        fragment = own.write(place)
        page[1:1] = own.page(fragment)
    elif made.fragment:
        fragment = place.with_suffix(".cnf")
        write_file(str(fragment), made.fragment.encode())
        page.insert(1, f"what belongs into an option file over there: {fragment}")
    if made.is_restart_due:
        page.insert(1, Span("the instance must be restarted over there, before or after the script", "warn"))
    document = {
        "bundle": made.sheet.id,
        "file": str(place),
        "option_file": str(fragment) if fragment is not None else None,
        "notes": own.notes if own is not None else (),
        "needs_restart": made.is_restart_due,
        "sheet": made.sheet,
    }
    return Answer(document, page)


def _said(sheet: Sheet) -> str:
    return f"{sheet.kind.value} for {sheet.instance} ({sheet.engine} {sheet.version})"

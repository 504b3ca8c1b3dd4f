"""`compliance`: what policies demand, and what instances have, with evidence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import Duration, InstanceName, Scope, write_file
from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.page import Answer, Span, Verbatim
from setpoint.faces.cli.waiver import remind

if TYPE_CHECKING:
    from datetime import timedelta

    from setpoint.faces.cli.page import Block
    from setpoint.policy.compliance import Report
    from setpoint.policy.selector import Selector

_FAILS = 1


@click.group("compliance", cls=Verbs)
def compliance() -> None:
    """Report what holds, what fails and what is accepted."""


@compliance.command("report")
@click.argument("name", metavar="[INSTANCE]", required=False, type=InstanceName())
@click.option(
    "--scope", type=Scope(), help="Only instances within, as environment=production,label.tier=gold."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "csv", "html"]),
    default=None,
    help="How it is written.  [default: text]",
)
@click.option("--out", metavar="FILE", help="Write it there instead of to stdout.")
@click.option(
    "--stale-after",
    type=Duration(),
    default="24h",
    show_default=True,
    help="What was seen longer ago is unknown.",
)
@click.option("--record", "is_recorded", is_flag=True, help="Keep how it came out as a point of the trend.")
@click.pass_obj
def report(
    frame: Frame,
    name: str | None,
    *,
    scope: Selector | None,
    format_: str | None,
    out: str | None,
    stale_after: timedelta,
    is_recorded: bool,
) -> Answer:
    """Report which instances comply with the policies in force, from what was last seen of them.

    No instance is touched: look at them with `setpoint observe` first. Ends with 1 when anything fails.
    """
    form = _form(frame, format_)
    _check_place(out)
    with frame.open() as setpoint:
        meant = _meant(name, scope)
        if name is not None:
            setpoint.configuration().instance(name)
        made = setpoint.governance.compliance(meant, stale_after=stale_after, is_recorded=is_recorded)
        if not made.instances and not meant.is_all:
            raise InputError(
                f"no instance is within {meant}", next_step="`setpoint instance list` shows them"
            )
        remind(frame, setpoint, [each.name for each in made.instances])
    code = _FAILS if made.is_failing else 0
    return _written(made, form, out, code) if out is not None else _shown(frame, made, form, code)


def _form(frame: Frame, format_: str | None) -> str:
    """Answer how the report is written; ``--json`` is one way to ask for JSON."""
    if not frame.is_json:
        return format_ or "text"
    if format_ not in (None, "json"):
        raise InputError(f"--json and --format {format_} are given both", next_step="give one of them")
    return "json"


def _check_place(out: str | None) -> None:
    """Refuse a place that cannot be written before anything is looked at or recorded."""
    if out is None:
        return
    place = Path(out)
    if place.is_dir() or not place.parent.is_dir() or not os.access(place.parent, os.W_OK):
        raise InputError("cannot be written", where=out, next_step="name a file in a folder that there is")


def _meant(name: str | None, scope: Selector | None) -> Selector:
    from setpoint.policy.selector import ALL, Selector

    if name is not None and scope is not None:
        raise InputError("an instance is named beside --scope", next_step="give one of them")
    if name is not None:
        return Selector(instances=(name,))
    return scope or ALL


def _shown(frame: Frame, made: Report, form: str, code: int) -> Answer:
    from setpoint.faces.cli.compliance_document import report_document
    from setpoint.faces.cli.compliance_view import report_page

    if form == "json":
        frame.is_json = True
        return Answer(report_document(made), [], code)
    if form == "text":
        return Answer(None, report_page(made), code)
    return Answer(None, [Verbatim(_text(made, form))], code)


def _written(made: Report, form: str, place: str, code: int) -> Answer:
    from setpoint.faces.cli.compliance_document import report_head
    from setpoint.faces.cli.compliance_view import summary

    write_file(place, _body(made, form))
    page: list[Block] = [
        Span(summary(made), "bad" if made.is_failing else "good"),
        f"written to {place}",
    ]
    return Answer({"file": place, "format": form, **report_head(made)}, page, code)


def _body(made: Report, form: str) -> bytes:
    if form != "json":
        return _text(made, form).encode()
    import msgspec

    from setpoint.faces.cli.compliance_document import report_document

    return msgspec.json.format(msgspec.json.encode(report_document(made)), indent=2) + b"\n"


def _text(made: Report, form: str) -> str:
    if form == "csv":
        from setpoint.faces.cli.compliance_document import report_csv

        return report_csv(made)
    if form == "html":
        from setpoint.faces.cli.compliance_page import report_html

        return report_html(made)
    from setpoint.faces.cli.compliance_view import report_page
    from setpoint.faces.cli.printer import plain_text

    return plain_text(report_page(made))

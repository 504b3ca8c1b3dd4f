"""`override`: emergency settings that are on an instance within seconds and off it by their deadline."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import HeldError, InputError, SetpointError, UnavailableError
from setpoint.faces.cli.arguments import Duration, InstanceName, assignments, check_place, write_file
from setpoint.faces.cli.frame import Frame, Verbs, because
from setpoint.faces.cli.override_page import (
    LINK_HEAD,
    clash_lines,
    late_lines,
    left_text,
    link_rows,
    override_document,
    override_page,
    review_span,
    settings_text,
    span_text,
    state_span,
)
from setpoint.faces.cli.page import Answer, Span, Table, Verbatim
from setpoint.faces.cli.wording import counted, moment_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from setpoint.config.override import Override
    from setpoint.control.overrides.postmortem import PostMortem
    from setpoint.control.overrides.starting import Started
    from setpoint.control.overrides.wish import Wish
    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block, Piece
    from setpoint.policy.selector import Selector

_REFUSED = 1
_UNAVAILABLE = 3
_FORMS = ("text", "markdown", "html", "json")
_SUFFIXES = {"md": "markdown", "html": "html", "htm": "html", "json": "json"}


@click.group("override", cls=Verbs)
def override() -> None:
    """Set something for a while in an emergency; it ends by its deadline."""


def _wished(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add what an override is asked for with."""
    options = (
        click.argument("texts", metavar="PARAMETER=VALUE...", nargs=-1, required=True),
        click.option("--for", "lasts", type=Duration(), required=True, help="How long at most, as 30m."),
        because(),
        click.option(
            "--guard",
            "guards",
            metavar="FORMULA",
            multiple=True,
            help='What must hold meanwhile, as "lock_waiters < 50"; else it ends early. May be given again.',
        ),
        click.option(
            "--accept-risk",
            metavar="WHY",
            default="",
            help="Why it may take more memory than the host has; kept in the audit log.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@override.command("start")
@click.argument("where", metavar="INSTANCE|SELECTOR", type=InstanceName())
@_wished
@click.option(
    "--all-or-none", "is_all_or_none", is_flag=True, help="On every instance of the selector, or on none."
)
@click.pass_obj
def start(frame: Frame, where: str, *, is_all_or_none: bool, **wish: Any) -> Answer:
    """Set parameters of an instance, or of those a selector fits, until the deadline at most.

    The way back is armed before anything is touched, and what was set is read back. Ends with 0 when it
    started everywhere, with 1 when it was refused anywhere, with 3 when instances were only not reached.
    """
    begun = time.monotonic()
    made = _wish(**wish)
    with frame.open() as setpoint:
        started = setpoint.overrides.start(_where(setpoint, where), made, is_all_or_none=is_all_or_none)
        now = setpoint.now()
    return _started(started, now, time.monotonic() - begun)


@override.command("propose")
@click.argument("name", metavar="INSTANCE", type=InstanceName())
@_wished
@click.pass_obj
def propose(frame: Frame, name: str, **wish: Any) -> Answer:
    """Ask for the approvals that policy wants for an override; once given, start it as it was proposed."""
    from setpoint.faces.cli.change import change_answer

    made = _wish(**wish)
    with frame.open() as setpoint:
        asked = setpoint.overrides.propose(name, made)
        return change_answer(asked, setpoint.governance.change(asked.id)[1])


@override.command("extend")
@click.argument("override_id", metavar="OVERRIDE")
@click.option("--for", "lasts", type=Duration(), required=True, help="How much longer, as 15m.")
@click.option("--because", metavar="REASON", required=True, help="Why; kept with the override.")
@click.pass_obj
def extend(frame: Frame, override_id: str, *, lasts: timedelta, because: str) -> Answer:
    """Move the deadline of an override, as far as policy lets it."""
    with frame.open() as setpoint:
        found = setpoint.overrides.extend(override_id, seconds=lasts.total_seconds(), because=because)
        now = setpoint.now()
    told = f" lasts until {moment_text(found.deadline)} ({left_text(found, now)} left)"
    page: list[Block] = [(Span(found.id, "strong"), told), Table(LINK_HEAD, link_rows(found), 2)]
    return Answer(override_document(found, now), page)


@override.command("end")
@click.argument("override_id", metavar="OVERRIDE")
@click.option(
    "--because", metavar="REASON", default="ended by hand", show_default=True, help="Why; kept with it."
)
@click.pass_obj
def end(frame: Frame, override_id: str, *, because: str) -> Answer:
    """End an override now and put the instance back.

    Ends with 0 when the instance was read back without it, with 1 when a person's later change stands, with
    3 when the instance does not answer for now: putting it back is tried until it is done.
    """
    with frame.open() as setpoint:
        found, fault = _end(setpoint, override_id, because)
        now = setpoint.now()
    page: list[Block] = [(Span(found.id, "strong"), ": ", state_span(found, now))]
    page += [Span(line, "bad") for line in clash_lines(found)]
    if found.is_open:
        page.append((Span("not put back yet", "bad"), f": {fault}" if fault else ""))
        page.append(f"it is tried until it is done: setpoint override show {found.id}")
    code = _UNAVAILABLE if found.is_open else _REFUSED if found.clashes else 0
    return Answer(override_document(found, now), page, code)


@override.command("list")
@click.option("--all", "is_all", is_flag=True, help="Those that are over and reviewed, too.")
@click.option(
    "--instance", "name", metavar="NAME", type=InstanceName(), default="", help="Only of this instance."
)
@click.pass_obj
def list_(frame: Frame, *, is_all: bool, name: str) -> Answer:
    """List the overrides that are open or wait for a review, newest first."""
    with frame.open() as setpoint:
        if name:
            setpoint.configuration().instance(name)
        now = setpoint.now()
        found = [
            each
            for each in setpoint.overrides.all(instance=name)
            if is_all or each.is_open or each.review is None
        ]
        late = setpoint.overrides.late_reviews(name)
    rows: list[tuple[Piece, ...]] = [
        (
            each.id,
            state_span(each, now),
            settings_text(each),
            left_text(each, now),
            each.by,
            review_span(each, now),
            each.because,
        )
        for each in found
    ]
    head = ("OVERRIDE", "STATE", "SETS", "LEFT", "BY", "REVIEW", "WHY")
    page: list[Block] = [Table(head, rows)] if rows else ["no overrides" if is_all else "no override is open"]
    return Answer([override_document(each, now) for each in found], [*page, *late_lines(late, now)])


@override.command("show")
@click.argument("override_id", metavar="OVERRIDE")
@click.pass_obj
def show(frame: Frame, override_id: str) -> Answer:
    """Show an override: what it set, how long it lasts, what would end it, and whether all of that stands."""
    with frame.open() as setpoint:
        found, now = setpoint.overrides.get(override_id), setpoint.now()
    return Answer(override_document(found, now), override_page(found, now))


@override.command("review")
@click.argument("override_id", metavar="OVERRIDE")
@click.option("--conclusion", metavar="TEXT", required=True, help="What is made of it.")
@click.option(
    "--keep",
    metavar="PARAMETER",
    multiple=True,
    help="Should stay: is written into the instance's own settings, or asked for. May be given again.",
)
@click.option("--rule", metavar="TEXT", default="", help="A rule that should follow from it, in words.")
@click.pass_obj
def review(frame: Frame, override_id: str, *, conclusion: str, keep: tuple[str, ...], rule: str) -> Answer:
    """Write down what is made of an override that is over; nothing is applied by it."""
    with frame.open() as setpoint:
        made = setpoint.overrides.review(override_id, conclusion=conclusion, keep=keep, rule=rule)
        now, found = setpoint.now(), setpoint.overrides.look_back(made.id)
    return Answer(override_document(made, now), _reviewed(made, found))


@override.command("report")
@click.argument("override_id", metavar="OVERRIDE")
@click.option(
    "--format",
    "format_",
    type=click.Choice(_FORMS),
    default=None,
    help="How it is written.  [default: by the file's ending, else text]",
)
@click.option("--out", "--output", "out", metavar="FILE", help="Write it there instead of to stdout.")
@click.pass_obj
def report(frame: Frame, override_id: str, *, format_: str | None, out: str | None) -> Answer:
    """Write the post-mortem of an override: what happened, who and why, what it did, how it ended."""
    form = _form(frame, format_, out)
    if out is not None:
        check_place(out)
    with frame.open() as setpoint:
        found = setpoint.overrides.look_back(override_id)
    if out is None:
        return _shown(frame, found, form)
    write_file(out, _body(found, form))
    document = {"file": out, "format": form, "override": found.override.id, "is_final": found.is_final}
    return Answer(document, [f"written to {out}"])


def _end(setpoint: Setpoint, override_id: str, because: str) -> tuple[Override, SetpointError | None]:
    """End an override; where its instance cannot be put back for now, answer it as it is, and why."""
    try:
        return setpoint.overrides.end(override_id, because=because), None
    except (UnavailableError, HeldError) as fault:
        with suppress(SetpointError):
            found = setpoint.overrides.get(override_id)
            if found.is_open and not found.is_desired:
                return found, fault
        raise


def _where(setpoint: Setpoint, text: str) -> str | Selector:
    """Read an instance's name or a selector; a name goes first."""
    from setpoint.policy.selector import parse_selector

    if text in setpoint.configuration().instances or not ("=" in text or text == "all"):
        return text
    return parse_selector(text)


def _wish(
    *,
    texts: Sequence[str],
    lasts: timedelta,
    because: str,
    ticket: str,
    guards: tuple[str, ...],
    accept_risk: str,
) -> Wish:
    from setpoint.control.overrides.wish import Wish

    return Wish(
        settings=dict(assignments(texts, "setting")),
        seconds=lasts.total_seconds(),
        because=because,
        ticket=ticket,
        guards=guards,
        accept_risk=accept_risk,
    )


def _started(started: Sequence[Started], now: datetime, took_seconds: float) -> Answer:
    """Answer what was started where, and the worst of what was not."""
    page: list[Block] = []
    for each in started:
        page += _started_blocks(each, now)
    page.append(Span(f"{counted(len(started), 'instance')} in {span_text(took_seconds)}", "dim"))
    codes = {each.fault.exit_code for each in started if each.fault is not None}
    code = 0 if not codes else codes.pop() if len(codes) == 1 else _REFUSED
    document = {
        "is_started_everywhere": code == 0,
        "took_seconds": round(took_seconds, 3),
        "instances": [_started_document(each, now) for each in started],
    }
    return Answer(document, page, code)


def _started_blocks(each: Started, now: datetime) -> list[Block]:
    if each.fault is not None:
        hint = f" ({each.fault.next_step})" if each.fault.next_step else ""
        return [(Span(each.instance, "strong"), ": ", Span(f"not started: {each.fault.what}", "bad"), hint)]
    made = each.override
    if made is None:
        return [(Span(each.instance, "strong"), ": ", Span("not started: another instance refused", "warn"))]
    head: list[Block] = [
        (
            Span(made.instance, "strong"),
            f": {settings_text(made)} until {moment_text(made.deadline)} ({left_text(made, now)} left), ",
            Span(made.id, "strong"),
        )
    ]
    if made.active_at is None:
        head.append(Span("  not read back yet", "warn"))
    else:
        took = span_text((made.active_at - made.started_at).total_seconds())
        head.append((Span("  read back", "good"), f" {took} after it was asked for"))
    return [*head, Table(LINK_HEAD, link_rows(made), 2)]


def _started_document(each: Started, now: datetime) -> dict[str, Any]:
    fault = each.fault
    return {
        "instance": each.instance,
        "override": None if each.override is None else override_document(each.override, now),
        "fault": None
        if fault is None
        else {"what": fault.what, "next_step": fault.next_step, "exit_code": fault.exit_code},
    }


def _reviewed(made: Override, found: PostMortem) -> list[Block]:
    page: list[Block] = [("the override ", Span(made.id, "strong"), " is reviewed")]
    if found.is_reviewed_by_starter and found.has_others:
        page.append(Span("it was reviewed by who started it, although others are known", "warn"))
    kept = made.review
    if kept is not None and kept.change:
        page.append(f"to keep {', '.join(kept.keep)}: {kept.change}")
        kind, _, name = kept.change.partition(" ")
        step = f"plan {made.instance}" if kind == "revision" else f"change show {name}"
        page.append(Span(f"next: setpoint {step}", "dim"))
    return page


def _form(frame: Frame, format_: str | None, out: str | None) -> str:
    """Answer how the report is written; ``--json`` without a file is one way to ask for JSON."""
    if frame.is_json and out is None:
        if format_ not in (None, "json"):
            raise InputError(f"--json and --format {format_} are given both", next_step="give one of them")
        return "json"
    by_name = _SUFFIXES.get((out or "").rpartition(".")[2].lower(), "text")
    return format_ or by_name


def _shown(frame: Frame, found: PostMortem, form: str) -> Answer:
    from setpoint.faces.cli.postmortem_document import postmortem_document, postmortem_text
    from setpoint.faces.cli.postmortem_story import story_page

    if form == "json":
        frame.is_json = True
        return Answer(postmortem_document(found), [])
    if form == "text":
        return Answer(None, story_page(found))
    return Answer(None, [Verbatim(postmortem_text(found, form))])


def _body(found: PostMortem, form: str) -> bytes:
    from setpoint.faces.cli.postmortem_document import postmortem_text

    return postmortem_text(found, form).encode()

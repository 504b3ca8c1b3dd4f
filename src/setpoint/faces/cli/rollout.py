"""`rollout`: a change taken over many instances in waves, halted by itself where it does harm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import Duration, Scope, assignments
from setpoint.faces.cli.frame import Frame, Verbs, because
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.rollout_page import (
    draft_document,
    draft_page,
    list_row,
    rollout_document,
    rollout_page,
)
from setpoint.faces.cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from setpoint.control.rollouts.drafting import RolloutWish
    from setpoint.faces.api import Setpoint
    from setpoint.policy.rollout import Amount, Rollout
    from setpoint.policy.selector import Selector

_STOPPED = 1
_AMOUNT = re.compile(r"(\d{1,7})|(\d{1,3}(?:\.\d{1,4})?)%")
_MOST_SHARE = 100.0


@click.group("rollout", cls=Verbs)
def rollout() -> None:
    """Take a change over many instances in waves."""


def _ruled(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add the options that say how a rollout goes about it."""
    options = (
        click.option("--canary", metavar="N|P%", default="1", show_default=True, help="The first wave."),
        click.option(
            "--waves",
            metavar="N|P%,...",
            default="10%,50%,100%",
            show_default=True,
            help="How much of all is reached by the end of each later wave.",
        ),
        click.option(
            "--soak", type=Duration(), default="10m", show_default=True, help="How long each is watched."
        ),
        click.option(
            "--baseline", type=Duration(), default="1m", show_default=True, help="How long before, at first."
        ),
        click.option(
            "--tolerance", metavar="P%", default="5%", show_default=True, help="The loss that is borne."
        ),
        click.option(
            "--budget",
            metavar="N|P%",
            default="0",
            show_default=True,
            help="How many may fail or go back; one more halts it.",
        ),
        click.option(
            "--at-once", metavar="N", type=click.IntRange(1), default=10, show_default=True,
            help="How many are changed at the same time.",
        ),
        click.option("--site-label", metavar="LABEL", default="", help="The label that names the site."),
        click.option(
            "--site-limit", metavar="N", type=click.IntRange(0), default=0, help="How many of a site at once."
        ),
        click.option(
            "--unknown",
            type=click.Choice(["go on", "hold", "take back"]),
            default="go on",
            show_default=True,
            help="What follows where lag, backups, free disk or the canaries cannot be judged.",
        ),
        click.option("--may-restart", is_flag=True, help="Restart where that is needed, in its windows."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@rollout.command("start")
@click.argument("selector", metavar="SELECTOR", type=Scope())
@click.argument("texts", metavar="[PARAMETER=VALUE]...", nargs=-1)
@because()
@_ruled
@click.option("--dry-run", "is_dry", is_flag=True, help="Show the waves, and write nothing.")
@click.pass_obj
def start(
    frame: Frame,
    selector: Selector,
    texts: tuple[str, ...],
    *,
    is_dry: bool,
    because: str,
    ticket: str,
    **rules: Any,
) -> Answer:
    """Roll settings out over the instances that a selector fits; without any, what each has pending.

    Canaries first, then wave by wave, standbys before their primary. Settings go into each instance's own
    layer when its wave comes, and out again where it is taken back. Workers carry it out: `setpoint run`.
    """
    wish = _wish(selector, texts, because, ticket, **rules)
    with frame.open() as setpoint:
        if is_dry:
            drawn, draft = setpoint.rollouts.preview(wish)
            return Answer(draft_document(drawn, draft), draft_page(drawn, draft))
        return _shown(setpoint, setpoint.rollouts.start(wish))


@rollout.command("list")
@click.option("--all", "is_all", is_flag=True, help="Those that are over, too.")
@click.pass_obj
def list_(frame: Frame, *, is_all: bool) -> Answer:
    """List the rollouts with something left to do, the newest first."""
    with frame.open() as setpoint:
        found = [setpoint.rollouts.get(each.id) for each in setpoint.rollouts.all(is_open_only=not is_all)]
    head = ("ROLLOUT", "STATE", "WAVE", "DONE", "STARTED", "BY", "WHERE", "WHAT")
    page = [Table(head, [list_row(each) for each in found])] if found else [counted(0, "open rollout")]
    return Answer([rollout_document(each, is_brief=True) for each in found], page)


@rollout.command("show")
@click.argument("rollout_id", metavar="ROLLOUT")
@click.pass_obj
def show(frame: Frame, rollout_id: str) -> Answer:
    """Show a rollout wave by wave, and what stands in the way of which instance.

    Ends with 1 when it was halted or taken back.
    """
    with frame.open() as setpoint:
        view = setpoint.rollouts.get(rollout_id)
    is_stopped = view.rollout.state.value in ("halted", "taken back")
    return Answer(rollout_document(view), rollout_page(view), _STOPPED if is_stopped else 0)


@rollout.command("pause")
@click.argument("rollout_id", metavar="ROLLOUT")
@click.option("--because", metavar="REASON", required=True, help="Why; kept with the rollout.")
@click.pass_obj
def pause(frame: Frame, rollout_id: str, *, because: str) -> Answer:
    """Start nothing more for now; what was applied is watched still."""
    with frame.open() as setpoint:
        return _shown(setpoint, setpoint.rollouts.pause(rollout_id, because=because))


@rollout.command("resume")
@click.argument("rollout_id", metavar="ROLLOUT")
@click.option("--because", metavar="REASON", required=True, help="Why; kept in the audit log.")
@click.pass_obj
def resume(frame: Frame, rollout_id: str, *, because: str) -> Answer:
    """Go on with a paused rollout."""
    with frame.open() as setpoint:
        return _shown(setpoint, setpoint.rollouts.resume(rollout_id, because=because))


@rollout.command("halt")
@click.argument("rollout_id", metavar="ROLLOUT")
@click.option("--because", metavar="REASON", required=True, help="Why; kept with the rollout.")
@click.pass_obj
def halt(frame: Frame, rollout_id: str, *, because: str) -> Answer:
    """Start nothing more for good; what was applied stays."""
    with frame.open() as setpoint:
        return _shown(setpoint, setpoint.rollouts.halt(rollout_id, because=because))


@rollout.command("take-back")
@click.argument("rollout_id", metavar="ROLLOUT")
@click.option("--wave", metavar="N", type=click.IntRange(0), default=None, help="That wave alone, from 0.")
@click.option("--because", metavar="REASON", required=True, help="Why; kept with the rollout.")
@click.pass_obj
def take_back(frame: Frame, rollout_id: str, *, wave: int | None, because: str) -> Answer:
    """Take back what a rollout applied, and its settings; nothing more is started.

    What somebody else changed since is left alone, and told.
    """
    with frame.open() as setpoint:
        return _shown(setpoint, setpoint.rollouts.take_back(rollout_id, because=because, wave=wave))


def _shown(setpoint: Setpoint, found: Rollout) -> Answer:
    view = setpoint.rollouts.get(found.id)
    page = [
        (Span(found.id, "strong"), f" is {found.state.value}, {counted(found.size, 'instance')}"),
        f"workers carry it out: setpoint run; setpoint rollout show {found.id}",
    ]
    return Answer(rollout_document(view), page)


def _wish(selector: Selector, texts: tuple[str, ...], reason: str, ticket: str, **given: Any) -> RolloutWish:
    from setpoint.control.rollouts.drafting import RolloutWish
    from setpoint.policy.rollout import RolloutRules

    def seconds(span: timedelta) -> float:
        return span.total_seconds()

    rules = RolloutRules(
        canary=_amount(given["canary"], "--canary"),
        waves=tuple(_amount(each, "--waves") for each in given["waves"].split(",")),
        soak_seconds=seconds(given["soak"]),
        baseline_seconds=seconds(given["baseline"]),
        tolerance=_amount(given["tolerance"], "--tolerance", is_share=True).share,
        failures=_amount(given["budget"], "--budget"),
        at_once=given["at_once"],
        site_label=given["site_label"],
        site_at_once=given["site_limit"],
        unknown=given["unknown"],
        may_restart=given["may_restart"],
    )
    settings = assignments(texts, "setting")
    return RolloutWish(selector=selector, settings=settings, because=reason, rules=rules, ticket=ticket)


def _amount(text: str, option: str, *, is_share: bool = False) -> Amount:
    """Read ``5`` or ``10%``; raise `InputError`."""
    from setpoint.policy.rollout import Amount

    match = _AMOUNT.fullmatch(text.strip())
    if match is None or (is_share and not match[2]) or float(match[2] or 0) > _MOST_SHARE:
        form = "a share as 5%" if is_share else "a number of instances, or a share as 10%"
        raise InputError(f"{option}: {text[:80]!a} is no amount", next_step=f"write {form}")
    return Amount(count=int(match[1])) if match[1] else Amount(share=float(match[2]) / 100)

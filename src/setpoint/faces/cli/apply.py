"""`apply`: do what a plan says and read everything back, or take the last apply back."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import ApplyError, InputError, NotFoundError, RefusedError
from setpoint.faces.cli.arguments import InstanceName, read_text
from setpoint.faces.cli.drift import drift_document, drift_table
from setpoint.faces.cli.frame import Frame, verb
from setpoint.faces.cli.page import Answer, Span
from setpoint.faces.cli.plan import blocked_documents, plan_page, step_text
from setpoint.faces.cli.printer import tell_page
from setpoint.faces.cli.wording import counted, shown_value

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.config.drift import Drift
    from setpoint.engines.plan import Plan, Step
    from setpoint.engines.session import Verified
    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block

EXIT_INTERRUPTED = 130


class Stop:
    """The wish of a person at the keyboard, or of a service manager, to stop an apply at the next step."""

    def __init__(self, frame: Frame) -> None:
        """Begin without the wish."""
        self._frame = frame
        self._taken = 0
        self.is_wished = False

    def before_step(self, number: int, step: Step) -> None:
        """Tell the step; refuse it when a stop is wished, so that everything is taken back."""
        if self.is_wished:
            raise RefusedError("stopped on request")
        self._taken = number + 1
        self._frame.say(f"  {self._taken}. {step_text(step)}")

    @contextmanager
    def heeding(self, sentence: str) -> Generator[None]:
        """Take Ctrl-C and SIGTERM as the wish while it lasts, saying what happens next."""

        def wish(_signal: int, _frame: object) -> None:
            if not self.is_wished:
                self._frame.say(sentence)
            self.is_wished = True

        before = {each: signal.signal(each, wish) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


@verb("apply")
@click.argument("name", type=InstanceName())
@click.option("--plan", "wanted", metavar="HASH|FILE", help="The plan to apply; else one is made and shown.")
@click.option("--restart", "may_restart", is_flag=True, help="Restart the server where the plan needs it.")
@click.option("--yes", "is_agreed", is_flag=True, help="Do not ask.")
@click.option(
    "--partial", "is_partial", is_flag=True, help="Apply what can be, although settings are blocked."
)
@click.option("--accept-risk", metavar="REASON", default="", help="Why the memory may be exceeded; audited.")
@click.option(
    "--emergency", metavar="REASON", default="", help="Act as policy lets emergencies act; audited."
)
@click.option("--undo", "is_undo", is_flag=True, help="Take back the last apply, complete or interrupted.")
@click.pass_obj
def apply(
    frame: Frame,
    name: str,
    *,
    wanted: str | None,
    may_restart: bool,
    is_agreed: bool,
    is_partial: bool,
    is_undo: bool,
    **reasons: str,
) -> Answer:
    """Apply a plan to the instance NAME and read everything back.

    Without --plan one is made, shown and asked about. Parameters that need a restart are set and left waiting
    unless --restart is given. Ctrl-C takes everything back that was begun.
    """
    if is_undo and (wanted or is_partial or any(reasons.values())):
        raise InputError("--undo goes with --restart and --yes only", next_step="leave the others out")
    with frame.open() as setpoint:
        if is_undo:
            setpoint.configuration().instance(name)
            _agree(f"Take back the last apply to {name}?", is_agreed=is_agreed)
            return _undo(frame, setpoint, name, may_restart=may_restart)
        is_left_open = setpoint.is_left_open(name)
        made = _kept_plan(setpoint, name, wanted) if wanted is not None else _new_plan(setpoint, name)
        _check_blocked(made, is_partial=is_partial)
        if made.is_empty and not is_left_open:
            return _answer(made, None)
        if wanted is None:
            _agree(f"Apply this to {name}?", is_agreed=is_agreed)
        return _answer(made, _apply(frame, setpoint, made, may_restart=may_restart, reasons=reasons))


def _apply(
    frame: Frame, setpoint: Setpoint, made: Plan, *, may_restart: bool, reasons: dict[str, str]
) -> Verified:
    stop = Stop(frame)
    frame.say(f"applying {made.hash[:12]} to {made.instance}")
    with stop.heeding("stopping: what was begun is taken back"):
        try:
            verified = setpoint.apply(made, may_restart=may_restart, before_step=stop.before_step, **reasons)
        except ApplyError as fault:
            if not stop.is_wished:
                raise
            frame.say(f"interrupted: {fault}")
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    if stop.is_wished:
        frame.say("the wish to stop came after the last step: the plan was applied whole")
    return verified


def _undo(frame: Frame, setpoint: Setpoint, name: str, *, may_restart: bool) -> Answer:
    with Stop(frame).heeding("going on: an apply is taken back whole"):
        made, verified = setpoint.undo(name, may_restart=may_restart)
    document = {"instance": name, "undone": made.hash, **_verified_document(verified)}
    page: list[Block] = [
        (Span(name, "strong"), ": ", Span("taken back and read back", "good")),
        drift_table(_read_back(verified)),
    ]
    return Answer(document, page)


def _new_plan(setpoint: Setpoint, name: str) -> Plan:
    planned = setpoint.plan(name)
    tell_page(plan_page(planned))
    return planned.plan


def _kept_plan(setpoint: Setpoint, name: str, wanted: str) -> Plan:
    """Answer a plan that this store keeps, by its hash or by a file that holds it."""
    if _is_path(wanted):
        digest = _hash_of_file(wanted)
        try:
            made = setpoint.find_plan(digest)
        except NotFoundError:
            message = "this store keeps no such plan: it was made elsewhere, or changed after it was made"
            raise RefusedError(
                message, where=wanted, next_step="make a new one with `setpoint plan`"
            ) from None
    else:
        made = setpoint.find_plan(wanted)
    if made.instance != name:
        raise InputError(f"the plan is for {made.instance}, not for {name}", where=wanted)
    return made


def _is_path(wanted: str) -> bool:
    return (
        os.sep in wanted
        or wanted == "-"
        or not all(char in "0123456789abcdef" for char in wanted)
        or (Path(wanted).is_file())
    )


def _hash_of_file(place: str) -> str:
    import msgspec

    from setpoint.engines.plan import Plan

    text, source = read_text(place)
    try:
        return msgspec.json.decode(text, type=Plan).hash
    except msgspec.DecodeError as fault:
        raise InputError(
            f"is no plan: {fault}", where=source, next_step="`setpoint plan --out` writes one"
        ) from None


def _check_blocked(made: Plan, *, is_partial: bool) -> None:
    if made.blocked and not is_partial:
        what = "; ".join(f"{each.parameter}: {each.why}" for each in made.blocked)
        raise RefusedError(
            f"the plan cannot reach everything: {what}",
            where=made.instance,
            next_step="--partial applies the rest",
        )


def _agree(question: str, *, is_agreed: bool) -> None:
    """Ask; raise `RefusedError` on a no, and where nobody can be asked."""
    if is_agreed:
        return
    if not _is_someone_there():
        raise RefusedError("there is no terminal to ask at", next_step="--yes, or --plan HASH")
    if not click.confirm(question, err=True):
        raise RefusedError("not agreed; nothing was changed")


def _is_someone_there() -> bool:
    return sys.stdin.isatty()


def _answer(made: Plan, verified: Verified | None) -> Answer:
    document = {
        "instance": made.instance,
        "plan": made.hash,
        **_verified_document(verified),
        "blocked": blocked_documents(made),
    }
    page: list[Block] = []
    if verified is None:
        page.append((Span(made.instance, "strong"), ": nothing to do"))
    else:
        page.append((Span(made.instance, "strong"), ": ", Span("applied and read back", "good")))
        page.append(drift_table(_read_back(verified)))
        debt = _restart_debt(verified)
        if debt:
            page.append(
                Span(f"{counted(len(debt), 'parameter')} waiting for a restart: {', '.join(debt)}", "warn")
            )
    page += [Span(f"blocked: {each.parameter}: {each.why}", "bad") for each in made.blocked]
    return Answer(document, page, 1 if made.blocked else 0)


def _verified_document(verified: Verified | None) -> dict[str, Any]:
    drifts = _read_back(verified) if verified else ()
    return {
        "was_restarted": verified.was_restarted if verified else False,
        "parameters": [drift_document(each) for each in drifts],
        "restart_debt": _restart_debt(verified) if verified else [],
    }


def _read_back(verified: Verified) -> tuple[Drift, ...]:
    """Answer how each parameter reads back, with values as the engine shows them to people."""
    import msgspec

    return tuple(
        msgspec.structs.replace(each, observed=shown_value(verified.catalog, each.parameter, each.observed))
        for each in verified.drifts
    )


def _restart_debt(verified: Verified) -> list[str]:
    from setpoint.config.drift import DriftClass

    return [each.parameter for each in verified.drifts if each.drift_class is DriftClass.PENDING_RESTART]

"""`worker`: who keeps at it, and when each instance was last seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import age_text, moment_text

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.control.worker.health import Sight, WorkerState
    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block, Piece


@click.group("worker", cls=Verbs)
def worker() -> None:
    """Show the workers, and when each instance was last seen."""


@worker.command("list")
@click.option("--instances", "is_by_instance", is_flag=True, help="When each instance was last seen, too.")
@click.pass_obj
def list_(frame: Frame, *, is_by_instance: bool) -> Answer:
    """List the workers: alive, or silent since when; what they wait for, and what went wrong last."""
    with frame.open() as setpoint:
        now, states = setpoint.now(), setpoint.workers.all()
        silent = {state.id for state in states if setpoint.workers.is_silent(state)}
        seen = _seen(setpoint) if is_by_instance else {}
    rows = [_row(state, now, is_silent=state.id in silent) for state in states]
    page: list[Block] = [
        Table(("WORKER", "STATE", "SINCE", "LAG", "WAITING", "WENT WRONG LAST"), rows)
        if rows
        else "no worker is known: `setpoint run` starts one"
    ]
    if is_by_instance:
        lines = [(name, sight_text(sight, now)) for name, sight in seen.items()]
        page.append(Table(("INSTANCE", "SEEN"), lines))
    workers = [_document(state, is_silent=state.id in silent) for state in states]
    document: Any = workers
    if is_by_instance:
        document = {"workers": workers, "instances": [sight_document(n, s) for n, s in seen.items()]}
    return Answer(document, page)


def sight_text(sight: Sight | None, now: datetime) -> Piece:
    """Say when an instance was last seen, and since when it does not answer."""
    if sight is None:
        return Span("never looked at", "dim")
    seen = f"seen {age_text(now - sight.seen_at)}" if sight.seen_at is not None else "never seen"
    if sight.unreachable_since is None:
        return seen
    since = moment_text(sight.unreachable_since)
    return Span(f"{seen}, unreachable since {since}: {sight.fault}", "bad")


def sight_document(name: str, sight: Sight | None) -> dict[str, Any]:
    """Answer the same for programs."""
    return {
        "instance": name,
        "tried_at": sight.tried_at if sight is not None else None,
        "seen_at": sight.seen_at if sight is not None else None,
        "unreachable_since": sight.unreachable_since if sight is not None else None,
        "failures": sight.failures if sight is not None else 0,
        "fault": sight.fault if sight is not None else "",
    }


def _seen(setpoint: Setpoint) -> dict[str, Sight | None]:
    sights = setpoint.workers.sights()
    return {name: sights.get(name) for name in sorted(setpoint.configuration().instances)}


def _row(state: WorkerState, now: datetime, *, is_silent: bool) -> tuple[Piece, ...]:
    word = Span(f"silent since {moment_text(state.seen_at)}", "bad") if is_silent else Span("alive", "good")
    waiting = " ".join(f"{kind}={count}" for kind, count in sorted(state.queue_depth.items()))
    wrong = "; ".join(f"{what}: {said}" for what, said in sorted(state.detail.items()))
    since = age_text(now - state.started_at)
    return state.id, word, since, f"{state.lag_seconds:.1f} s", waiting or "-", wrong or "-"


def _document(state: WorkerState, *, is_silent: bool) -> dict[str, Any]:
    import msgspec

    return {**msgspec.structs.asdict(state), "is_silent": is_silent}

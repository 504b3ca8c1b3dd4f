"""`worker`: who keeps at it, and when each instance was last seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import age_text, counted, moment_text

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.control.worker.health import Sight, WorkerState
    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block, Piece


@click.group("worker", cls=Verbs)
def worker() -> None:
    """List the workers, and when each instance was last seen."""


@worker.command("list")
@click.option("--instances", "is_by_instance", is_flag=True, help="When each instance was last seen, too.")
@click.pass_obj
def list_(frame: Frame, *, is_by_instance: bool) -> Answer:
    """List the workers: alive, or silent since when; what they wait for, and what went wrong last."""
    with frame.open() as setpoint:
        now, states = setpoint.now(), setpoint.workers.all()
        silent = {state.id for state in states if setpoint.workers.is_silent(state)}
        seen = seen_by_name(setpoint) if is_by_instance else {}
    rows = [_row(state, now, is_silent=state.id in silent) for state in states]
    page: list[Block] = [
        Table(("WORKER", "STATE", "SINCE", "LAG", "WAITING", "WENT WRONG LAST"), rows)
        if rows
        else "no worker is known: `setpoint run` starts one"
    ]
    if is_by_instance:
        lines = [(name, each.text(now)) for name, each in seen.items()]
        page.append(Table(("INSTANCE", "SEEN"), lines))
    workers = [_document(state, is_silent=state.id in silent) for state in states]
    document: Any = workers
    if is_by_instance:
        document = {
            "workers": workers,
            "instances": [{"instance": name, **each.document()} for name, each in seen.items()],
        }
    return Answer(document, page)


@dataclass(frozen=True, slots=True)
class Seen:
    """When an instance was last seen, and what became of the last attempt of a worker."""

    at: datetime | None
    sight: Sight | None

    def text(self, now: datetime) -> Piece:
        """Say when it was last seen, and since when it does not answer."""
        seen = f"seen {age_text(now - self.at)}" if self.at is not None else "never seen"
        if self.sight is None or self.sight.unreachable_since is None:
            return seen
        return Span(f"{seen}, {unreachable_text(self.sight)}", "bad")

    def document(self) -> dict[str, Any]:
        """Answer the same for programs."""
        sight = self.sight
        return {
            "seen_at": self.at,
            "tried_at": sight.tried_at if sight is not None else None,
            "unreachable_since": sight.unreachable_since if sight is not None else None,
            "failures": sight.failures if sight is not None else 0,
            "fault": sight.fault if sight is not None else "",
        }


def unreachable_text(sight: Sight) -> str:
    """Say since when an instance does not answer, and why."""
    since = moment_text(sight.unreachable_since) if sight.unreachable_since is not None else "never"
    return f"unreachable since {since} ({counted(sight.failures, 'attempt')}): {sight.fault}"


def seen_by_name(setpoint: Setpoint) -> dict[str, Seen]:
    """Answer for every registered instance when it was last seen, sorted by name."""
    sights, last = setpoint.workers.sights(), setpoint.workers.last_seen()
    names = sorted(setpoint.configuration().instances)
    return {name: Seen(last.get(name), sights.get(name)) for name in names}


def _row(state: WorkerState, now: datetime, *, is_silent: bool) -> tuple[Piece, ...]:
    word = Span(f"silent since {moment_text(state.seen_at)}", "bad") if is_silent else Span("alive", "good")
    waiting = " ".join(f"{kind}={count}" for kind, count in sorted(state.queue_depth.items()))
    wrong = "; ".join(f"{what}: {said}" for what, said in sorted(state.detail.items()))
    since = age_text(now - state.started_at)
    return state.id, word, since, f"{state.lag_seconds:.1f} s", waiting or "-", wrong or "-"


def _document(state: WorkerState, *, is_silent: bool) -> dict[str, Any]:
    import msgspec

    return {**msgspec.structs.asdict(state), "is_silent": is_silent}

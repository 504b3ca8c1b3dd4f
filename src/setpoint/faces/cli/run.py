"""`run`: a worker in the foreground, or several under a supervisor."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import Duration, check_place
from setpoint.faces.cli.frame import Frame, verb
from setpoint.faces.cli.page import Answer, Table
from setpoint.faces.cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import timedelta

    from setpoint.control.crew import Crew
    from setpoint.control.worker.inprocess import InProcessDispatch
    from setpoint.faces.api import Setpoint

_MOST_WORKERS = 64
_THREADS = 8
"""How many tasks a worker process does at once where there are several: they wait for instances mostly."""

_SHORTEST_INTERVAL_SECONDS = 1.0
_LONGEST_INTERVAL_SECONDS = 86_400.0
_ONCE_SECONDS = 600.0
_PROGRAM = "from setpoint.faces.cli import main; main()"


@verb("run")
@click.option(
    "--workers",
    type=click.IntRange(1, _MOST_WORKERS),
    default=4,
    show_default=True,
    help="Threads of one process beside a file; processes beside a PostgreSQL store.",
)
@click.option(
    "--interval",
    type=Duration(),
    default="60s",
    show_default=True,
    help="How often each instance is observed.",
)
@click.option("--once", "is_once", is_flag=True, help="Look at everything once, do what is due, and end.")
@click.option("--for", "lasts", type=Duration(), help="End after so long, such as 10m.  [default: never]")
@click.option(
    "--metrics-file", metavar="FILE", help="Written anew every few seconds, as Prometheus collects it."
)
@click.option("--alone", "is_alone", is_flag=True, help="One process, whose tasks nobody else is handed.")
@click.option(
    "--supervised",
    "is_supervised",
    is_flag=True,
    hidden=True,
    help="Set by the process that keeps several workers alive: end when it does.",
)
@click.pass_obj
def run(
    frame: Frame,
    *,
    workers: int,
    interval: timedelta,
    is_once: bool,
    lasts: timedelta | None,
    metrics_file: str | None,
    is_alone: bool,
    is_supervised: bool,
) -> Answer:
    """Run workers: observe the fleet, end overrides, carry rollouts on, send notices.

    Runs in the foreground until it is told to end (Ctrl-C, SIGTERM), and then finishes what is in hand. Any
    number of workers may share a store; when one dies the others do its work.
    """
    from setpoint.faces.wiring import is_server

    _check_interval(interval)
    # It tells of each query that the end of a worker interrupts.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    if metrics_file is not None:
        check_place(metrics_file)
    frame.standing = "what was in hand was finished, or is taken over by the next worker"
    is_ending = threading.Event()
    with _told_to_end(is_ending, is_supervised=is_supervised), _ended_after(is_ending, lasts):
        if is_server(frame.store) and workers > 1 and not (is_once or is_alone or is_supervised):
            return _supervise(frame, workers, interval, metrics_file, is_ending)
        threads = _THREADS if is_supervised else workers
        place = Path(metrics_file) if metrics_file is not None else None
        return _work(frame, threads, interval, place, is_ending, is_alone=is_alone, is_once=is_once)


def _work(
    frame: Frame,
    threads: int,
    interval: timedelta,
    metrics_file: Path | None,
    is_ending: threading.Event,
    *,
    is_alone: bool,
    is_once: bool,
) -> Answer:
    """Be one worker."""
    from setpoint.control.worker.inprocess import InProcessDispatch
    from setpoint.faces import wiring

    began = time.monotonic()
    alone = InProcessDispatch(threads) if is_once else None
    dispatch = alone or wiring.make_dispatch(frame.store, threads, is_alone=is_alone)
    setpoint = _opened(frame, is_ending, is_once=is_once)
    if setpoint is None:
        return Answer({"worker": "", "seconds": time.monotonic() - began}, ["the store was never there"], 3)
    with setpoint:
        crew = setpoint.workers.crew(
            dispatch, interval_seconds=interval.total_seconds(), metrics_file=metrics_file
        )
        frame.say(f"worker {crew.health.id} on {setpoint.where}")
        if alone is not None:
            _once(crew, alone)
        else:
            crew.worker.start()
            while not is_ending.wait(1.0):  # a signal that another thread was handed is heard between
                pass
            frame.say("ending: what is in hand is finished first")
        crew.worker.stop()
    return _answer(crew, time.monotonic() - began, is_once=is_once)


def _once(crew: Crew, dispatch: InProcessDispatch) -> None:
    """Look at everything once, and wait for all that follows from it."""
    crew.look_at_all()
    crew.worker.once()
    dispatch.wait_until_idle(_ONCE_SECONDS)


def _opened(frame: Frame, is_ending: threading.Event, *, is_once: bool) -> Setpoint | None:
    """Open the store; one that is away is waited for, unless it is a file that never was there.

    Meanwhile what has to end ends by what lies in the spool of this host.
    """
    from setpoint.control.worker.worker import await_store
    from setpoint.faces import wiring

    where = frame.store or wiring.default_store()
    is_absent_file = not wiring.is_server(where) and not Path(where.removeprefix("sqlite:///")).exists()
    spooler = wiring.spooler_of(where)
    if is_once or (is_absent_file and not spooler.has_orders):
        return frame.open()
    try:
        return await_store(frame.open, is_ending, before_store=spooler.poll_alone, tell=frame.say)
    finally:
        spooler.stop()


def _supervise(
    frame: Frame, workers: int, interval: timedelta, metrics_file: str | None, is_ending: threading.Event
) -> Answer:
    """Keep several workers alive, each a process of its own."""
    from setpoint.control.worker.supervisor import Supervisor
    from setpoint.faces import wiring

    wiring.make_dispatch(frame.store, 1)  # says now what each of them would say
    began = time.monotonic()
    # The store's place may hold a password: it goes where other users cannot read it.
    environment = {**os.environ, wiring.STORE_VARIABLE: frame.store or wiring.default_store()}

    def command(number: int) -> list[str]:
        words = ["run", "--supervised", "--interval", f"{interval.total_seconds():g}s"]
        if frame.token_file:
            words += ["--token-file", frame.token_file]
        if metrics_file is not None:
            place = Path(metrics_file)
            words += ["--metrics-file", str(place.with_name(f"{place.stem}-{number}{place.suffix}"))]
        return [sys.executable, "-c", _PROGRAM, *words]

    supervisor = Supervisor(command, workers, environment=environment, tell=frame.say)
    supervisor.run(is_ending)
    document = {"workers": workers, "starts": supervisor.starts, "seconds": time.monotonic() - began}
    return Answer(document, [f"{counted(workers, 'worker')} ended in good order"])


def _answer(crew: Crew, seconds: float, *, is_once: bool) -> Answer:
    counts = sorted(crew.health.counts.items())
    document: dict[str, Any] = {
        "worker": crew.health.id,
        "seconds": round(seconds, 3),
        "work": [
            {"kind": noun, "name": name, "outcome": outcome, "count": count}
            for (noun, name, outcome), count in counts
        ],
        "faults": crew.health.faults,
    }
    rows = [(noun, name, outcome, str(count)) for (noun, name, outcome), count in counts]
    page = [f"worker {crew.health.id} ended in good order", Table(("KIND", "NAME", "OUTCOME", "COUNT"), rows)]
    return Answer(document, page, 3 if is_once and crew.health.faults else 0)


def _check_interval(interval: timedelta) -> None:
    if not _SHORTEST_INTERVAL_SECONDS <= interval.total_seconds() <= _LONGEST_INTERVAL_SECONDS:
        raise InputError(f"--interval {interval.total_seconds():g}s is no interval", next_step="1s to 24h")


@contextmanager
def _told_to_end(is_ending: threading.Event, *, is_supervised: bool) -> Generator[None]:
    """Take SIGINT and SIGTERM, and the end of a supervisor, as the word to end; a second one ends at once."""
    if is_supervised:
        threading.Thread(target=_watch_supervisor, args=[is_ending], daemon=True).start()
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: object) -> None:
        if is_ending.is_set():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        is_ending.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch_supervisor(is_ending: threading.Event) -> None:
    """End when the supervisor is gone: in good order, or without when that takes longer than its patience."""
    from setpoint.control.worker.supervisor import GRACE_SECONDS

    while os.read(sys.stdin.fileno(), 4096):
        pass
    is_ending.set()
    time.sleep(GRACE_SECONDS)
    sys.stderr.write("what was in hand did not end; the next worker takes it over. What stood where:\n")
    faulthandler.dump_traceback()
    os._exit(1)


@contextmanager
def _ended_after(is_ending: threading.Event, lasts: timedelta | None) -> Generator[None]:
    """Give the word to end after some time."""
    if lasts is None:
        yield
        return
    timer = threading.Timer(lasts.total_seconds(), is_ending.set)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

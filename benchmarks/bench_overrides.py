"""Overrides: how long from the decision to the verified effect, and how late a thousand of them end.

A thousand overrides end within one minute, forty of them on real PostgreSQL servers and the others on
simulated instances, under one worker with everything healthy. Their own switches are armed and stand, so that
it is the worker that ends each.

    .venv/bin/python benchmarks/bench_overrides.py [--overrides 1000] [--servers 8] [--seconds 60]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from figures import Figures, percentile

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.config.override import LinkKind, Override, OverrideState
from setpoint.control.clock import utc_now
from setpoint.control.overrides.starting import start
from setpoint.control.overrides.wish import Wish
from setpoint.control.worker.reconciler import Reconciler
from setpoint.engines.simulated.server import set_clock
from setpoint.lab.binaries import cache_folder, find_binaries
from setpoint.lab.launch import PrivatePostgres

TEXTS = {
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.5",
    "log_min_duration_statement": "250ms",
    "effective_io_concurrency": "64",
}
LATE_TARGET_SECONDS = 1.0
START_TARGET_SECONDS = 2.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overrides", type=int, default=1000)
    parser.add_argument("--servers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0, help="the span in which they end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = folder
        setpoint = stack.enter_context(Setpoint.create(str(Path(folder) / "store.db"), actor="bench"))
        wishes = prepare(setpoint, stack, options)
        started = begin(setpoint, wishes, options)
        ended, cpu = run(setpoint)
    late = sorted(each.late_seconds for each in ended)
    reconciled = sum(each.ended_by is LinkKind.RECONCILER for each in ended)
    assert all(each.state is OverrideState.ENDED for each in ended)
    assert len(ended) == options.overrides
    table = Figures("Overrides")
    what = "start, from decision to verified effect"
    table.add(f"{what}: median", percentile(started, 0.5), "s", target=START_TARGET_SECONDS)
    table.add(f"{what}: p99", percentile(started, 0.99), "s", target=START_TARGET_SECONDS)
    table.add("lateness: median", percentile(late, 0.5), "s")
    table.add("lateness: p99", percentile(late, 0.99), "s", target=LATE_TARGET_SECONDS)
    table.add("lateness: worst", late[-1], "s")
    table.add("ended by the worker", reconciled, "")
    table.add("CPU per ending, the whole process", cpu / len(ended) * 1000, "ms")
    table.end()


def prepare(setpoint: Setpoint, stack: ExitStack, options: argparse.Namespace) -> list[tuple[str, str, str]]:
    """Register instances; answer what is overridden where."""
    binaries = find_binaries().newest(18)
    wishes: list[tuple[str, str, str]] = []
    for number in range(options.servers if binaries is not None else 0):
        server = stack.enter_context(PrivatePostgres(binaries, templates=cache_folder() / "templates"))
        name = f"real-{number}"
        setpoint.add_instance(
            name, Instance(engine="postgresql", target=server.dsn_for(user="postgres")), reason="bench"
        )
        wishes += [(name, parameter, text) for parameter, text in TEXTS.items()]
    many = options.overrides - len(wishes)
    lines = ["setpoint: 1", "instances:"]
    known = setpoint.configuration().instances
    lines += [f"  {name}: {{engine: postgresql, target: '{each.target}'}}" for name, each in known.items()]
    for number in range(many):
        address = f"memory:bench-{number}"
        set_clock(address, lambda: utc_now() - timedelta(hours=1))
        lines.append(f"  sim-{number}: {{engine: simulated, target: '{address}'}}")
        wishes.append((f"sim-{number}", "sort_memory", "8192"))
    setpoint.import_fleet("\n".join(lines) + "\n", "bench", reason="bench")
    return wishes


def begin(setpoint: Setpoint, wishes: list[tuple[str, str, str]], options: argparse.Namespace) -> list[float]:
    """Start every override, so that their ends are spread evenly over the span; answer how long each took."""
    context, taken = setpoint._context, []  # noqa: SLF001 - below the front there is less to measure beside
    first: datetime | None = None
    for number, (name, parameter, text) in enumerate(wishes):
        before = time.perf_counter()
        if first is None:
            first = context.now() + timedelta(seconds=30 + 0.15 * len(wishes))
        end = first + timedelta(seconds=options.seconds * number / len(wishes))
        wish = Wish(
            settings={parameter: text}, seconds=(end - context.now()).total_seconds(), because="bench"
        )
        (answer,) = start(context, [name], wish)
        if answer.fault is not None:
            raise answer.fault
        taken.append(time.perf_counter() - before)
    return sorted(taken)


def run(setpoint: Setpoint) -> tuple[list[Override], float]:
    """Let a worker reconcile until all are over; answer them and the CPU it took from the first end on."""
    context, reconciler, is_over = setpoint._context, Reconciler(), threading.Event()  # noqa: SLF001
    before: float | None = None
    while not is_over.is_set():
        pause = reconciler.poll(context)
        if before is None and reconciler.is_ending:
            before = time.process_time()
        if not reconciler.has_open:
            is_over.set()
        is_over.wait(pause)
    cpu = time.process_time() - (before or 0.0)
    reconciler.stop()
    return [kept.value for kept in context.store.overrides.all().values()], cpu


if __name__ == "__main__":
    main()

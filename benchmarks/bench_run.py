"""One worker process over a fleet: is everything observed in its interval, and for how much of a core?

The worker is a real ``setpoint run``, which reads simulated servers from their files and real PostgreSQL over
TCP. CPU is what the kernel counts for that one process; that of the PostgreSQL servers is told apart, as it
is theirs.

    .venv/bin/python benchmarks/bench_run.py [--seconds 180] [--instances 1000] [--servers 8] [--postgresql]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from figures import Figures, percentile

from setpoint import Setpoint
from setpoint.config.configuration import Configuration, Instance
from setpoint.config.fleet_document import write_fleet
from setpoint.lab.binaries import cache_folder, choose_binaries
from setpoint.lab.launch import PrivatePostgres
from setpoint.policy.starters import starter_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

INTERVAL_SECONDS = 60.0
LATE_SECONDS = 3.0
"""How much later than a full interval an instance may be seen again: due tasks are handed out every two."""

SHARE_OF_CORE = 0.4
POLICIES = ("production", "postgresql-safety")
_SETTINGS = {
    "simulated": {"cache_size": "256MB", "sort_memory": "8MB"},
    "postgresql": {"work_mem": "4MB", "random_page_cost": "1.1"},
}
_PROGRAM = "from setpoint.faces.cli import main; main()"
_TICKS = os.sysconf("SC_CLK_TCK")


def fleet(folder: Path, simulated: int, servers: Sequence[PrivatePostgres]) -> Configuration:
    """Make a fleet in production, with settings of its own and policies over it."""
    targets = {f"sim-{number:04}": f"file:{folder}/sim-{number:04}.json" for number in range(simulated)}
    targets |= {f"pg-{number}": server.dsn_for(user="postgres") for number, server in enumerate(servers)}
    instances = {name: _instance(target) for name, target in targets.items()}
    return Configuration(instances=instances, policies={name: starter_text(name) for name in POLICIES})


def _instance(target: str) -> Instance:
    engine = "simulated" if target.startswith("file:") else "postgresql"
    return Instance(
        engine=engine,
        target=target,
        environment="production",
        labels={"owner": "lin"},
        settings=_SETTINGS[engine],
    )


def cpu_seconds(pid: int, *, is_with_children: bool) -> float:
    """Answer what the kernel counted for a process so far, and for its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if is_with_children else 13])) / _TICKS


def resident_mb(pid: int) -> float:
    """Answer the memory that a process has at hand."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2


def gaps(setpoint: Setpoint, names: Sequence[str], began: datetime, ended: datetime) -> Iterator[float]:
    """Answer the seconds between any two observations of each instance, from the first one of each on."""
    history = setpoint._context.store.snapshots.history  # noqa: SLF001 - looks behind the front
    for name in names:
        times = sorted(seen.at for seen in history(name) if began <= seen.at <= ended)
        yield from ((later - earlier).total_seconds() for earlier, later in pairwise([*times, ended]))


def measure(
    where: str, configuration: Configuration, servers: Sequence[PrivatePostgres], seconds: float
) -> Figures:
    """Run the worker and judge what it did."""
    real, all_ = len(servers), len(configuration.instances)
    kind = "PostgreSQL" if where.startswith("postgresql:") else "SQLite"
    figures = Figures(
        f"One worker, {all_ - real} + {real} instances every {INTERVAL_SECONDS:g} s, store on {kind}"
    )
    with Setpoint.create(where, actor="bench") as setpoint:
        setpoint.import_fleet(write_fleet(configuration), "bench", reason="the fleet of the benchmark")
        names = sorted(configuration.instances)
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, "run", "--alone", "--interval", f"{INTERVAL_SECONDS:g}s"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "SETPOINT_STORE": where, "SETPOINT_ACTOR": "bench"},
        )
        try:
            while not setpoint.workers.all():
                time.sleep(0.2)
            # The first round is not measured: it brings what is kept after it, such as catalogs.
            first = setpoint.now()
            time.sleep(INTERVAL_SECONDS + LATE_SECONDS)
            unseen = set(names) - set(setpoint.workers.last_seen())
            before = _cpu(process, servers)
            began = time.monotonic()
            time.sleep(seconds)
            spent = [after - earlier for after, earlier in zip(_cpu(process, servers), before, strict=True)]
            took, memory, ended = time.monotonic() - began, resident_mb(process.pid), setpoint.now()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        found = list(gaps(setpoint, names, first, ended))
        faults = [name for name, sight in setpoint.workers.sights().items() if sight.failures]
    looks = len(found)
    figures.add("not seen in the first interval", len(unseen), "", target=0)
    figures.add("not reached", len(faults), "", target=0)
    figures.add("longest between two looks", max(found), "s", target=INTERVAL_SECONDS + LATE_SECONDS)
    figures.add("between two looks, p99", percentile(found, 0.99), "s")
    figures.add("one core: the worker", spent[0] / took * 100, "%", target=SHARE_OF_CORE * 100)
    figures.add("one core: the PostgreSQL servers", spent[1] / took * 100, "%")
    figures.add("CPU of one look, all told", spent[0] / (all_ * took / INTERVAL_SECONDS) * 1000, "ms")
    figures.add("memory of the worker", memory, "MB")
    figures.add(f"load of the machine ({looks} looks)", os.getloadavg()[0], "")
    return figures


def _cpu(process: subprocess.Popen[bytes], servers: Sequence[PrivatePostgres]) -> tuple[float, float]:
    theirs = sum(cpu_seconds(server.pid or 0, is_with_children=True) for server in servers)
    return cpu_seconds(process.pid, is_with_children=False), theirs


def main() -> None:
    """Print the figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="how long it is measured")
    parser.add_argument("--instances", type=int, default=1000, help="simulated ones")
    parser.add_argument("--servers", type=int, default=8, help="real ones")
    parser.add_argument("--postgresql", action="store_true", help="have the store on PostgreSQL, not SQLite")
    asked = parser.parse_args()
    build, templates = choose_binaries(18), cache_folder() / "templates"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(folder)
        servers = [
            stack.enter_context(PrivatePostgres(build, templates=templates)) for _ in range(asked.servers)
        ]
        where = f"{folder}/bench.db"
        if asked.postgresql:
            store = stack.enter_context(PrivatePostgres(build, templates=templates))
            with psycopg.connect(store.dsn, autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench")
            where = f"postgresql://{store.user}@{store.host}:{store.port}/bench"
        figures = measure(where, fleet(folder, asked.instances, servers), servers, asked.seconds)
    figures.end()


if __name__ == "__main__":
    main()

"""Four workers on PostgreSQL, two of them killed at random: is everything observed, and nothing done twice?

Prints how long an instance went unobserved at most, and how many observations and applies overlapped. What
else is to go on meanwhile (a rollout) is a function in `MEANWHILE`, called with the front and the fleet's
names once the workers run.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from figures import Figures

from setpoint import Setpoint
from setpoint.config.configuration import Configuration, Instance
from setpoint.config.fleet_document import write_fleet
from setpoint.lab.binaries import choose_binaries
from setpoint.lab.launch import PrivatePostgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

WORKERS = 4
KILLED = 2
INSTANCES = 100
ENFORCED = 20
INTERVAL_SECONDS = 10.0
SETTLING_SECONDS = 20.0
_PROGRAM = "from setpoint.faces.cli import main; main()"

MEANWHILE: list[Callable[[Setpoint, Sequence[str]], object]] = []


def fleet(folder: Path) -> Configuration:
    """Make a fleet of simulated instances, some of which are kept as they should be."""
    instances = {
        f"db-{number:03}": Instance(
            engine="simulated",
            target=f"file:{folder}/db-{number:03}.json",
            mode="enforce" if number < ENFORCED else "observe",
            settings={"sort_memory": "8MB"} if number < ENFORCED else {},
        )
        for number in range(INSTANCES)
    }
    return Configuration(instances=instances)


def start(where: str) -> subprocess.Popen[bytes]:
    """Start the workers under their supervisor."""
    words = ["run", "--workers", str(WORKERS), "--interval", f"{INTERVAL_SECONDS:g}s"]
    environment = {**os.environ, "SETPOINT_STORE": where, "SETPOINT_ACTOR": "bench"}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words], stdin=subprocess.DEVNULL, env=environment
    )


def kill_some(setpoint: Setpoint, seconds: float) -> int:
    """Let time pass, and kill workers at random moments of it; answer how many were killed."""
    chance = random.Random(4)
    moments = sorted(chance.uniform(0.1, 0.8) * seconds for _ in range(KILLED))
    dead: set[str] = set()
    began, killed = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        while killed < len(moments) and moments[killed] <= passed:
            living = [state for state in setpoint.workers.all() if state.id not in dead]
            victim = chance.choice(living)
            print(f"killing {victim.id}")
            os.kill(victim.pid, signal.SIGKILL)
            dead.add(victim.id)
            killed += 1
        time.sleep(0.2)
    return killed


def gaps(setpoint: Setpoint, names: Sequence[str], began: datetime, ended: datetime) -> Iterator[float]:
    """Answer for how many seconds each instance was not observed, again and again."""
    history = setpoint._context.store.snapshots.history  # noqa: SLF001 - the benchmark looks behind the front
    for name in names:
        times = sorted(seen.at for seen in history(name) if began <= seen.at <= ended)
        yield from ((later - earlier).total_seconds() for earlier, later in pairwise([began, *times, ended]))


def overlaps(where: str) -> int:
    """Count the applies to one instance that were at work at once with another."""
    query = (
        "SELECT count(*) FROM apply one JOIN apply other"
        " ON other.instance = one.instance AND other.id <> one.id"
        " AND other.started_at >= one.started_at"
        " AND other.started_at < coalesce(one.ended_at, 'infinity')"
    )
    with psycopg.connect(where) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row is not None else 0


def measure(where: str, folder: Path, seconds: float, figures: Figures) -> None:
    """Run the workers, kill some, and judge what the store says."""
    with Setpoint.create(where, actor="bench") as setpoint:
        configuration = fleet(folder)
        setpoint.import_fleet(write_fleet(configuration), "bench", reason="the fleet of the benchmark")
        names = sorted(configuration.instances)
        process = start(where)
        try:
            while len(setpoint.workers.all()) < WORKERS:
                time.sleep(0.2)
            for begin in MEANWHILE:
                begin(setpoint, names)
            time.sleep(SETTLING_SECONDS)
            began = setpoint.now()
            killed = kill_some(setpoint, seconds)
            ended = setpoint.now()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
        longest = max(gaps(setpoint, names, began, ended))
        what = f"longest unobserved, {killed} of {WORKERS} workers killed"
        figures.add(what, longest, "s", target=3 * INTERVAL_SECONDS)
        figures.add("applies that overlapped", overlaps(where), "", target=0)
        figures.add("enforced instances not as desired", _wrong(setpoint, names[:ENFORCED]), "", target=0)


def _wrong(setpoint: Setpoint, names: Sequence[str]) -> int:
    return sum(any(each.is_deviation for each in setpoint.drift(name)[1]) for name in names)


def main() -> None:
    """Print the figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long workers are watched")
    asked = parser.parse_args()
    figures = Figures(f"{WORKERS} workers, {INSTANCES} instances, {INTERVAL_SECONDS:g} s interval")
    with tempfile.TemporaryDirectory() as folder, PrivatePostgres(choose_binaries(18)) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE DATABASE workers")
            info = connection.info
            where = f"postgresql://{info.user}@/workers?host={info.host}&port={info.port}"
        measure(where, Path(folder), asked.seconds, figures)
    figures.end()


if __name__ == "__main__":
    main()

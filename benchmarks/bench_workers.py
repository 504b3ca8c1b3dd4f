"""Four workers on PostgreSQL, any two killed again and again: is everything observed, nothing done twice?

Meanwhile two rollouts go over the fleet, and somebody changes instances by hand that are kept as they should
be. Prints how long an instance went unobserved at most, what overlapped by the audit log and by the servers'
own logs, and whether the rollouts completed.

    .venv/bin/python benchmarks/bench_workers.py [--seconds 60] [--instances 100] [--servers 3]
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
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from figures import Figures
from overlap import SERVER_CONF, overlaps, spans_of_audit, spans_of_log

from setpoint import Setpoint
from setpoint.config.configuration import Configuration, Instance
from setpoint.config.fleet_document import write_fleet
from setpoint.control.rollouts.drafting import RolloutWish
from setpoint.engines.simulated.driver import keep, server_at
from setpoint.errors import RefusedError
from setpoint.lab.binaries import cache_folder, choose_binaries
from setpoint.lab.launch import PrivatePostgres
from setpoint.policy.rollout import Amount, RolloutRules
from setpoint.policy.selector import parse_selector

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from datetime import datetime

    from setpoint.policy.rollout import Rollout

WORKERS = 4
KILLED_AT_ONCE = 2
INTERVAL_SECONDS = 10.0
SHARE_ENFORCED = 0.2
LONGEST_ROLLOUT_SECONDS = 240.0
"""How long rollouts may go on after the last kill: a target whose worker died waits for its lease."""

_PROGRAM = "from setpoint.faces.cli import main; main()"
_PERSON = "a person"
_KEPT = {"simulated": {"sort_memory": "8MB"}, "postgresql": {"work_mem": "8MB"}}
_ROLLED_OUT = {
    "simulated": ("checkpoint_interval", ("600", "900")),
    "postgresql": ("checkpoint_timeout", ("10min", "15min")),
}
"""What is rolled out, one text after the other."""


@dataclass
class Fleet:
    """The instances, of which the servers are real; some are kept as they should be."""

    folder: Path
    simulated: int
    servers: Sequence[PrivatePostgres]

    def configuration(self) -> Configuration:
        """Answer the fleet's configuration."""
        enforced = max(round(self.simulated * SHARE_ENFORCED), 1)
        instances = {
            f"db-{number:03}": _instance(
                "simulated", f"file:{self.folder}/db-{number:03}.json", number < enforced
            )
            for number in range(self.simulated)
        }
        real = {
            f"pg-{number}": _instance("postgresql", server.dsn_for(user="postgres"), is_enforced=True)
            for number, server in enumerate(self.servers)
        }
        return Configuration(instances={**instances, **real})

    def change_by_hand(self, chance: random.Random) -> None:
        """Do what somebody does who knows nothing of the layers."""
        number = chance.randrange(max(round(self.simulated * SHARE_ENFORCED), 1))
        address = f"file:{self.folder}/db-{number:03}.json"
        server = server_at(address)
        server.persisted["sort_memory"] = server.running["sort_memory"] = "2048"
        keep(address, server)
        for each in self.servers:
            with psycopg.connect(each.dsn, autocommit=True, application_name=_PERSON) as connection:
                connection.execute("ALTER SYSTEM SET work_mem = '2MB'")
                connection.execute("SELECT pg_reload_conf()")


def _instance(engine: str, target: str, is_enforced: bool) -> Instance:  # noqa: FBT001 - two of a kind
    mode = "enforce" if is_enforced else "observe"
    return Instance(engine=engine, target=target, mode=mode, settings=_KEPT[engine] if is_enforced else {})


@dataclass
class Killing:
    """Kills any two workers again and again, and remembers when each died."""

    setpoint: Setpoint
    tell: bool = True
    died: dict[int, datetime] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set, init=False)
    _chance: random.Random = field(default_factory=lambda: random.Random(4), init=False)

    def go_on(self, seconds: float, fleet: Fleet, rollouts: Rollouts) -> None:
        """Let time pass; the last kill comes while there is time to see what follows from it."""
        began = time.monotonic()
        pause = min(max(seconds / 8, 4.0), 20.0)
        next_kill = began + pause / 2
        while (here := time.monotonic()) < began + seconds:
            if here >= next_kill and here < began + 0.8 * seconds:
                self._kill()
                fleet.change_by_hand(self._chance)
                next_kill = here + self._chance.uniform(0.6, 1.4) * pause
            if here < began + 0.5 * seconds:
                rollouts.go_on()
            time.sleep(0.5)

    def _kill(self) -> None:
        """Kill so many that two are left, two at most."""
        living = [
            state
            for state in self.setpoint.workers.all()
            if state.id not in self._gone and not self.setpoint.workers.is_silent(state)
        ]
        count = max(min(KILLED_AT_ONCE, len(living) - (WORKERS - KILLED_AT_ONCE)), 0)
        for victim in self._chance.sample(living, count):
            self.died[victim.pid] = self.setpoint.now()
            os.kill(victim.pid, signal.SIGKILL)
            self._gone.add(victim.id)
        if self.tell:
            print(f"    killed {count} of {len(living)}, load {os.getloadavg()[0]:.1f}", flush=True)


@dataclass(frozen=True)
class Found:
    """What a run came to."""

    kills: int
    longest_gap_seconds: float
    by_audit: list[str]
    by_servers: list[str]
    applies: int
    sessions: int
    wrong: list[str]
    rollouts: list[tuple[Rollout, dict[str, int]]]
    rollout_seconds: float
    """When the last rollout was over, from the start of the first."""

    @property
    def not_kept(self) -> int:
        """How many targets of the rollouts did not come to where they should."""
        return sum(each.size - states.get("kept", 0) for each, states in self.rollouts)


@contextmanager
def workers(
    where: str, interval_seconds: float, *, is_loud: bool = True
) -> Generator[subprocess.Popen[bytes]]:
    """Have four workers under their supervisor, which end in good order."""
    words = ["run", "--workers", str(WORKERS), "--interval", f"{interval_seconds:g}s"]
    environment = {
        **os.environ,
        "SETPOINT_STORE": where,
        "SETPOINT_ACTOR": "bench",
        "PYTHONFAULTHANDLER": "1",
    }
    out = None if is_loud else subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words],
        stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


@dataclass
class Rollouts:
    """Takes a change over each engine's instances, in waves whose soak fits into the run, again and again."""

    setpoint: Setpoint
    fleet: Fleet
    seconds: float
    ids: list[str] = field(default_factory=list, init=False)
    _round: int = field(default=0, init=False)

    def start(self) -> None:
        """Start one over each engine."""
        rules = RolloutRules(
            canary=Amount(count=2),
            waves=(Amount(share=0.25), Amount(share=0.6), Amount(share=1.0)),
            baseline_seconds=2.0,
            soak_seconds=min(max(self.seconds / 12, 1.0), 30.0),
            sample_seconds=5.0,
        )
        for engine in ("simulated", "postgresql") if self.fleet.servers else ("simulated",):
            name, texts = _ROLLED_OUT[engine]
            wish = RolloutWish(
                selector=parse_selector(f"engine={engine}"),
                because="the benchmark",
                settings={name: texts[self._round % len(texts)]},
                rules=rules,
            )
            self.ids.append(self.setpoint.rollouts.start(wish).id)
        self._round += 1

    def go_on(self) -> None:
        """Start others when the last ones are over, unless somebody's changes stand against it just now."""
        if self.setpoint.rollouts.all(is_open_only=True):
            return
        with suppress(RefusedError):
            self.start()

    def outcomes(self) -> list[tuple[Rollout, dict[str, int]]]:
        """Answer each rollout, and how many of its targets came to which state."""
        views = [self.setpoint.rollouts.get(each) for each in self.ids]
        return [(view.rollout, Counter(each.state.value for each in view.targets)) for view in views]


def run(
    where: str,
    fleet: Fleet,
    seconds: float,
    *,
    interval_seconds: float = INTERVAL_SECONDS,
    is_loud: bool = True,
) -> Found:
    """Run the workers, kill some, and judge what the store and the servers say."""
    with Setpoint.create(where, actor="bench") as setpoint:
        configuration = fleet.configuration()
        setpoint.import_fleet(write_fleet(configuration), "bench", reason="the fleet of the benchmark")
        names = sorted(configuration.instances)
        killing = Killing(setpoint, is_loud)
        with workers(where, interval_seconds, is_loud=is_loud):
            _await(lambda: len(setpoint.workers.all()) >= WORKERS, "all workers are up")
            _await(
                lambda: not wrong(setpoint, names), "everything was seen, and is as it should be", pause=1.0
            )
            began, clock = setpoint.now(), time.monotonic()
            rollouts = Rollouts(setpoint, fleet, seconds)
            rollouts.start()
            killing.go_on(seconds, fleet, rollouts)
            _await(lambda: not setpoint.rollouts.all(is_open_only=True), "the rollouts are over", pause=1.0)
            took, ended = time.monotonic() - clock, setpoint.now()
            _await(lambda: not wrong(setpoint, names), "what was changed by hand was put right", pause=1.0)
        rows = setpoint._context.store.audit.rows(action="apply.")  # noqa: SLF001 - looks behind the front
        by_audit = spans_of_audit(rows, killing.died, ended)
        by_servers = {str(each.port): spans_of_log(each.log_path, but=_PERSON) for each in fleet.servers}
        return Found(
            kills=len(killing.died),
            longest_gap_seconds=max(gaps(setpoint, names, began, ended)),
            by_audit=[f"{name}: {pair}" for name, spans in by_audit.items() for pair in overlaps(spans)],
            by_servers=[f"{name}: {pair}" for name, spans in by_servers.items() for pair in overlaps(spans)],
            applies=sum(map(len, by_audit.values())),
            sessions=sum(map(len, by_servers.values())),
            wrong=wrong(setpoint, names),
            rollouts=rollouts.outcomes(),
            rollout_seconds=took,
        )


def gaps(setpoint: Setpoint, names: Sequence[str], began: datetime, ended: datetime) -> Iterator[float]:
    """Answer for how many seconds each instance was not observed, again and again."""
    history = setpoint._context.store.snapshots.history  # noqa: SLF001 - looks behind the front
    for name in names:
        times = sorted(seen.at for seen in history(name) if began <= seen.at <= ended)
        yield from ((later - earlier).total_seconds() for earlier, later in pairwise([began, *times, ended]))


def wrong(setpoint: Setpoint, names: Sequence[str]) -> list[str]:
    """Answer the instances that were never seen, else those that are kept and are not as they should be."""
    seen, known = setpoint.workers.last_seen(), setpoint.configuration().instances
    unseen = [name for name in names if name not in seen]
    kept = [name for name in names if known[name].mode == "enforce"]
    return unseen or [name for name in kept if any(each.is_deviation for each in setpoint.drift(name)[1])]


def _await(is_so: Callable[[], object], what: str, *, pause: float = 0.2) -> None:
    deadline = time.monotonic() + LONGEST_ROLLOUT_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"never: {what}")
        time.sleep(pause)


def report(figures: Figures, found: Found, interval_seconds: float) -> None:
    """Print the figures beside their targets."""
    for each, states in found.rollouts:
        print(f"    rollout over {each.selector}: {each.state.value} {each.why}, {dict(states)}")
    for each in (*found.by_audit, *found.by_servers, *found.wrong):
        print(f"    {each}")
    what = f"longest unobserved, {found.kills} workers killed"
    figures.add(what, found.longest_gap_seconds, "s", target=3 * interval_seconds)
    figures.add(
        f"of {found.applies} applies, overlapping by the audit log", len(found.by_audit), "", target=0
    )
    what = f"of {found.sessions} sessions that wrote, overlapping on servers"
    figures.add(what, len(found.by_servers), "", target=0)
    figures.add("kept instances not as they should be", len(found.wrong), "", target=0)
    figures.add("targets of the rollouts that are not kept", found.not_kept, "", target=0)
    figures.add("the rollouts were over after", found.rollout_seconds, "s")
    figures.add("load of the machine at the end", os.getloadavg()[0], "")


@contextmanager
def stage(simulated: int, servers: int) -> Generator[tuple[str, Fleet]]:
    """Answer a store on a server of its own, and the fleet."""
    build, templates = choose_binaries(18), cache_folder() / "templates"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(PrivatePostgres(build, templates=templates))
        real = [
            stack.enter_context(PrivatePostgres(build, conf=SERVER_CONF, templates=templates))
            for _ in range(servers)
        ]
        with psycopg.connect(store.dsn, autocommit=True) as connection:
            connection.execute("CREATE DATABASE workers")
        yield f"postgresql://{store.user}@{store.host}:{store.port}/workers", Fleet(folder, simulated, real)


def main() -> None:
    """Print the figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long workers are killed and watched")
    parser.add_argument("--instances", type=int, default=100, help="simulated ones")
    parser.add_argument("--servers", type=int, default=3, help="real ones")
    asked = parser.parse_args()
    figures = Figures(
        f"{WORKERS} workers, {asked.instances} + {asked.servers} instances, every {INTERVAL_SECONDS:g} s"
    )
    with stage(asked.instances, asked.servers) as (where, fleet):
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(fleet.folder)
        report(figures, run(where, fleet, asked.seconds), INTERVAL_SECONDS)
    figures.end()


if __name__ == "__main__":
    main()

"""Random sequences of faults around overrides of a real PostgreSQL, and the laws that each of them keeps.

A slot has a server of its own, a store, and a network between each of them and everybody; sequences run in it
one after another. What the overrides do is measured on the server itself, past the network: what its file of
persisted settings says, and what runs.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg
from tests.chaos.nursery import Child, Nursery
from tests.chaos.proxy import Proxy

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.config.override import Override
from setpoint.control.clock import elapsed_seconds
from setpoint.control.overrides.ending import END_LEASE_SECONDS
from setpoint.control.worker.reconciler import POLL_SECONDS
from setpoint.errors import SetpointError
from setpoint.lab.launch import PrivatePostgres

LAW_SECONDS = END_LEASE_SECONDS + POLL_SECONDS
"""How late an override may end at most, from when a worker, the instance and the network to it are there."""

START_LEASE_SECONDS = 5.0
"""Shorter than it is in earnest, so that a start that died is over in a sequence's time."""

PARAMETERS = (
    "from_collapse_limit",
    "join_collapse_limit",
    "default_statistics_target",
    "geqo_threshold",
    "vacuum_cost_limit",
    "bgwriter_lru_maxpages",
)
JUMP_SECONDS = 3600
SAMPLE_SECONDS = 0.1
SETTLED_SECONDS = 90.0
_LINE = re.compile(r"^(\w+) = '(.*)'$", re.MULTILINE)
_WRITER_LOCK = 0x5E7_0001


@dataclass
class Result:
    """What became of one sequence."""

    seed: int
    kind: str
    major: int
    seconds: float = 0.0
    overrides: int = 0
    reached: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """How many ended by which link, and why where it was none."""
    people: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    late_seconds: list[float] = field(default_factory=list)
    """For each override that reached the instance: its end after its deadline, as seen there."""
    quiet_seconds: list[float] = field(default_factory=list)
    """The same, told from when worker, instance and network were there again."""
    rows: int = 0
    violations: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)


class Monitor(threading.Thread):
    """Looks at the server itself again and again: when each value was last seen, persisted or running."""

    def __init__(self, server: PrivatePostgres) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._is_ending = threading.Event()
        self._connection: psycopg.Connection | None = None
        self.seen: dict[tuple[str, str], tuple[float, float]] = {}
        """By parameter and text: when it was first seen, and when the look after the last sight was."""
        self._standing: set[tuple[str, str]] = set()

    def run(self) -> None:
        while not self._is_ending.wait(SAMPLE_SECONDS):
            here = elapsed_seconds()
            found = set(self.persisted().items()) | self._running()
            for pair in found | self._standing:
                first, _ = self.seen.get(pair, (here, here))
                self.seen[pair] = (first, elapsed_seconds())
            self._standing = found
        if self._connection is not None:
            self._connection.close()

    def end(self) -> None:
        self._is_ending.set()
        self.join()

    def persisted(self) -> dict[str, str]:
        try:
            text = (self._server.data_dir / "postgresql.auto.conf").read_text()
        except OSError:
            return {}
        return dict(_LINE.findall(text))

    def _running(self) -> set[tuple[str, str]]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._server.dsn, autocommit=True, connect_timeout=1)
            wanted = ", ".join(f"current_setting('{name}')" for name in PARAMETERS)
            row = self._connection.execute(f"SELECT {wanted}".encode()).fetchone() or ()
            return set(zip(PARAMETERS, row, strict=True))
        except psycopg.Error:
            self._connection = None
            return set()


class Slot:
    """A server, a store, and the networks to them; sequences follow each other in it."""

    def __init__(
        self,
        launch: Callable[[int], PrivatePostgres],
        folder: Path,
        nursery: Nursery,
        *,
        kind: str,
        major: int,
        store_major: int,
    ) -> None:
        self.folder, self.nursery, self.kind, self.major = folder, nursery, kind, major
        self._launch, self._store_major = launch, store_major
        self._stack = ExitStack()
        self.store_server: PrivatePostgres | None = None
        self._count = 0

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server = self._stack.enter_context(self._launch(self.major))
        self.network = self._stack.enter_context(Proxy(self.server.port))
        self.target = f"host={self.network.host} port={self.network.port} user=postgres dbname=postgres"
        if self.kind == "postgresql":
            self.store_server = self._stack.enter_context(self._launch(self._store_major))
            self.store_network = self._stack.enter_context(Proxy(self.store_server.port))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def new_store(self) -> tuple[str, str, Path]:
        """Make a store; answer where it is through the network, where past it, and a folder."""
        self._count += 1
        folder = self.folder / f"{self._count}"
        folder.mkdir()
        if self.store_server is None:
            reached = past = str(folder / "store.db")
        else:
            name = f"store_{self._count}"
            with psycopg.connect(self.store_server.dsn, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            reached, past = (
                f"postgresql://postgres@127.0.0.1:{port}/{name}"
                for port in (self.store_network.port, self.store_server.port)
            )
        with making, Setpoint.create(past, actor="ada") as setpoint:
            instance = Instance(engine="postgresql", target=self.target)
            setpoint.add_instance("shop", instance, reason="registered")
        return reached, past, folder

    def clean(self) -> None:
        """Bring server and networks back to their beginnings."""
        self.network.be("pass")
        if self.store_server is not None:
            self.store_network.be("pass")
            # A server that is stopped in the middle has all of these databases to recover otherwise.
            with psycopg.connect(self.store_server.dsn, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
        with psycopg.connect(self.server.dsn, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM RESET ALL")
            connection.execute("SELECT pg_reload_conf()")


making = threading.Lock()
"""A schema is made by one thread at a time."""


class Sequence:
    """One seed's sequence in a slot."""

    def __init__(self, slot: Slot, seed: int) -> None:
        self.slot = slot
        self.random = random.Random(seed)  # noqa: S311 - no secret is made of it
        self.result = Result(seed, slot.kind, slot.major)
        self.store, self.store_within, self.folder = slot.new_store()
        self.is_unguarded = self.random.random() < 0.5
        self._began = elapsed_seconds()
        self._workers: list[Child] = []
        self._stopped: list[Child] = []
        self._others: list[Child] = []
        self._started: list[tuple[str, str, Child]] = []
        self._people: dict[str, str] = {}
        self._away: list[tuple[float, float]] = []
        self._heads: dict[int, str] = {}
        self._next = 0
        self._idle_since: float | None = None
        self._heals: list[tuple[float, Callable[[], None]]] = []

    def play(self) -> Result:
        """Play it to its quiet end and judge it."""
        began = time.monotonic()
        self.slot.clean()
        monitor = Monitor(self.slot.server)
        for name in self.random.sample(PARAMETERS, 2):
            self._edit(name)
        monitor.start()
        try:
            self._work(2 if self.random.random() < 0.5 else 1)
            self._act()
            self._calm()
            self._settle()
        finally:
            for child in (*self._workers, *self._others):
                child.let_go()
            monitor.end()
        self._judge(monitor)
        self.result.seconds = time.monotonic() - began
        return self.result

    def _note(self, what: str) -> None:
        self.result.story.append(f"{elapsed_seconds() - self._began:6.2f} {what}")

    def _order(self, **more: object) -> dict:
        common = {
            "store": self.store,
            "state": str(self.folder / "host"),
            "clock": str(self.folder / "offset"),
        }
        return {**common, "is_unguarded": self.is_unguarded, "start_lease": START_LEASE_SECONDS, **more}

    def _work(self, count: int, *, is_waited_for: bool = True, **more: object) -> None:
        for _ in range(count):
            self._workers.append(self.slot.nursery.have("work", **self._order(**more)))
        if is_waited_for:
            until = time.monotonic() + 20
            while time.monotonic() < until and not all(
                each.answer for each in self._workers if each.is_alive
            ):
                time.sleep(0.02)

    # ---------------------------------------------------------------------- what happens

    def _act(self) -> None:
        """Start overrides, and have faults come between."""
        choose = self.random
        moments: list[tuple[float, Callable[[], None]]] = []
        moments += [(choose.uniform(0.0, 1.0), self._start) for _ in range(choose.randint(1, 3))]
        moments += [(choose.uniform(0.0, 4.0), self._fault) for _ in range(choose.randint(1, 3))]
        if self.random.random() < 0.5:
            moments.append((self.random.uniform(0.3, 4.5), self._person))
        if self.random.random() < 0.3:
            moments.append((self.random.uniform(1.0, 3.0), self._extend))
        if self.random.random() < 0.2:
            moments.append((self.random.uniform(1.0, 3.0), self._end))
        begun = time.monotonic()
        todo = sorted(moments, key=lambda each: each[0])
        if self.random.random() < 0.8:
            # Most faults find an override in force.
            todo.pop([what for _, what in todo].index(self._start))
            self._start(is_hale=True)
            with suppress(AssertionError):
                self._started[0][2].wait(5.0)
            begun = time.monotonic()
        while todo or self._heals:
            todo_at = begun + todo[0][0] if todo else float("inf")
            heal_at = min((at for at, _ in self._heals), default=float("inf"))
            time.sleep(max(0.0, min(todo_at, heal_at) - time.monotonic()))
            if heal_at <= todo_at:
                self._heal_due()
            else:
                todo.pop(0)[1]()
            self._look_at_workers()
            self._look_at_head()

    def _heal_due(self) -> None:
        now = time.monotonic()
        due = [each for each in self._heals if each[0] <= now]
        self._heals = [each for each in self._heals if each[0] > now]
        for _, heal in due:
            heal()

    def _later(self, seconds: float, heal: Callable[[], None]) -> None:
        self._heals.append((time.monotonic() + seconds, heal))

    def _start(self, *, is_hale: bool = False) -> None:
        self._next += 1
        name = self.random.choice(PARAMETERS)
        value = str(100 + self._next)
        more: dict[str, object] = {}
        if not is_hale and self.random.random() < 0.4:
            how = self.random.choice(["kill", "kill", "stop"])
            more = {"death": self.random.randint(1, 45), "how": how}
            self.result.faults[
                f"starter {how}ed somewhere" if how == "kill" else "starter stopped somewhere"
            ] += 1
        order = self._order(
            instance="shop", settings={name: value}, seconds=self.random.uniform(1.0, 4.0), **more
        )
        child = self.slot.nursery.have("start", **order)
        self._others.append(child)
        self._started.append((name, value, child))
        if more.get("how") == "stop":
            self._later(self.random.uniform(2.0, 8.0), child.go_on)
        self._note(f"start {name}={value} for {order['seconds']:.1f} s {more or ''}")

    def _extend(self) -> None:
        self._with_one("extend", seconds=self.random.uniform(1.0, 2.0))

    def _end(self) -> None:
        self._with_one("end")

    def _with_one(self, do: str, **more: object) -> None:
        ids = [child.answer["id"] for _, _, child in self._started if child.answer and "id" in child.answer]
        if ids:
            if self.random.random() < 0.3:
                more["death"] = self.random.randint(1, 30)
                self.result.faults[f"who {do}s killed somewhere"] += 1
            self._others.append(self.slot.nursery.have(do, **self._order(id=self.random.choice(ids), **more)))
            self._note(f"{do} {more}")

    def _person(self) -> None:
        """A person persists a text, rather of a parameter that is overridden."""
        names = [name for name, _, _ in self._started] or list(PARAMETERS)
        self._edit(self.random.choice(names))

    def _edit(self, name: str) -> None:
        self._next += 1
        text = str(500 + self._next)
        with (
            suppress(psycopg.Error),
            psycopg.connect(self.slot.server.dsn, autocommit=True, connect_timeout=2) as connection,
        ):
            connection.execute(f"ALTER SYSTEM SET {name} = {text}".encode())
            self._people[name] = text
            self.result.people += 1
            self._note(f"a person sets {name}={text}")
            connection.execute("SELECT pg_reload_conf()")

    # ---------------------------------------------------------------------- faults

    def _fault(self) -> None:
        faults = [
            (3, self._kill_worker),
            (3, self._stop_worker),
            (2, self._dying_worker),
            (2, self._slow_network),
            (2, self._network_hole),
            (2, self._network_reset),
            (3, self._network_cut),
            (2, self._target_away),
            (1, self._target_restarted),
            (3, self._store_away),
            (1, self._clock_jump),
            (1, self._guard_killed),
        ]
        fault = self.random.choices([each for _, each in faults], [weight for weight, _ in faults])[0]
        name = fault.__name__.strip("_").replace("_", " ")
        self._note(name)
        self.result.faults[name] += 1
        fault()

    def _look_at_workers(self) -> None:
        """Keep from when to when no worker was up."""
        here = elapsed_seconds()
        is_worked = any(each.answer and not each.is_stopped for each in self._running)
        if not is_worked and self._idle_since is None:
            self._idle_since = here
        elif is_worked and self._idle_since is not None:
            self._away.append((self._idle_since, here))
            self._idle_since = None

    @property
    def _running(self) -> list[Child]:
        return [each for each in self._workers if each.is_alive and each not in self._stopped]

    def _kill_worker(self) -> None:
        if self._running:
            self.random.choice(self._running).kill()
            self._absent()
        self._later(self.random.uniform(0.0, 2.0), lambda: self._work(1, is_waited_for=False))

    def _dying_worker(self) -> None:
        """Have a worker that kills or stops itself at some point of an ending."""
        how = self.random.choice(["kill", "stop"])
        self._work(1, is_waited_for=False, death=self.random.randint(8, 60), how=how)
        worker = self._workers[-1]
        self._later(self.random.uniform(2.0, 7.0), worker.go_on)

    def _stop_worker(self) -> None:
        if self._running:
            worker = self.random.choice(self._running)
            worker.stop()
            self._stopped.append(worker)
            self._absent()

            def go_on() -> None:
                worker.go_on()
                self._stopped.remove(worker)
                self._look_at_workers()

            self._later(self.random.uniform(0.5, 6.0), go_on)

    def _absent(self) -> None:
        """A worker that was at work may have had a lease; from here on another one has to wait for it."""
        here = elapsed_seconds()
        self._away.append((here, here))
        self._look_at_workers()

    def _bad(self, network: Proxy, mode: str, amount: float, seconds: float, *, is_target: bool) -> None:
        network.be(mode, amount)
        here = elapsed_seconds()

        def heal() -> None:
            network.be("pass")
            if is_target:
                self._away.append((here, elapsed_seconds()))

        self._later(seconds, heal)

    def _slow_network(self) -> None:
        self._bad(self.slot.network, "delay", 0.15, self.random.uniform(0.5, 2.0), is_target=True)

    def _network_hole(self) -> None:
        seconds = self.random.choice([0.5, 2.0, 6.5])
        self._bad(self.slot.network, "hole", 0, seconds, is_target=True)

    def _network_reset(self) -> None:
        self._bad(self.slot.network, "reset", 0, self.random.uniform(0.2, 2.0), is_target=True)

    def _network_cut(self) -> None:
        """Cut it within the next statements, after any byte."""
        amount = self.random.choice([self.random.randint(1, 400), self.random.randint(1, 60_000)])
        self._bad(self.slot.network, "cut", amount, 2.5, is_target=True)

    def _target_away(self) -> None:
        here = elapsed_seconds()
        self.slot.server.stop("immediate")

        def back() -> None:
            self.slot.server.start()
            self._away.append((here, elapsed_seconds()))

        self._later(self.random.uniform(0.2, 2.5), back)

    def _target_restarted(self) -> None:
        here = elapsed_seconds()
        if self.slot.server.is_running:
            self.slot.server.restart(self.random.choice(["fast", "immediate"]))
        self._away.append((here, elapsed_seconds()))

    def _store_away(self) -> None:
        seconds = self.random.uniform(0.5, 3.5)
        if self.slot.store_server is not None:
            how = self.random.choice(["stop", "hole", "reset", "locked"])
            if how == "stop":
                self.slot.store_server.stop("immediate")
                self._later(seconds, self.slot.store_server.start)
            elif how == "locked":
                with suppress(psycopg.Error):
                    held = psycopg.connect(self.store_within, autocommit=True, connect_timeout=2)
                    held.execute("SELECT pg_advisory_lock(%s)", [_WRITER_LOCK])
                    self._later(seconds, held.close)
            else:
                self._bad(self.slot.store_network, how, 0, seconds, is_target=False)
        else:
            how = self.random.choice(["locked", "moved"])
            if how == "locked":
                with suppress(sqlite3.Error):
                    file = sqlite3.connect(
                        self.store, isolation_level=None, check_same_thread=False, timeout=1
                    )
                    file.execute("BEGIN IMMEDIATE")
                    self._later(seconds, file.close)
            else:
                self._later(seconds, self._moved_away())
        self._note(f"  {how} for {seconds:.1f} s")
        self.result.faults[f"store {how}"] += 1

    def _moved_away(self) -> Callable[[], None]:
        place, away = Path(self.store), self.folder / "away"
        away.mkdir(exist_ok=True)
        if not (away / place.name).exists():
            for path in self.folder.glob(f"{place.name}*"):
                path.rename(away / path.name)

        def back() -> None:
            if (away / place.name).exists():
                for path in self.folder.glob(f"{place.name}*"):
                    path.unlink()
            for path in away.glob(f"{place.name}*"):
                path.rename(self.folder / path.name)

        return back

    def _clock_jump(self) -> None:
        offset = self.random.choice([JUMP_SECONDS, -JUMP_SECONDS])
        (self.folder / "offset").write_text(str(offset))
        self._note(f"  by {offset} s")

    def _guard_killed(self) -> None:
        for folder in self.folder.glob("host/setpoint/*/guardian"):
            for pid in guards_of(folder):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # ---------------------------------------------------------------------- its quiet end

    def _calm(self) -> None:
        """End every fault; from here on a worker, the instance, the store and the network are there."""
        for child in (*self._workers, *self._others):
            child.go_on()
        if not self._running:
            self._look_at_workers()
            self._work(1)
        self._look_at_workers()
        self._note("calm")

    def _settle(self) -> None:
        """Wait until nobody has anything left to do."""
        until = time.monotonic() + SETTLED_SECONDS
        while time.monotonic() < until:
            for child in (*self._workers, *self._others):
                child.go_on()  # it may have come to the point where it stops only now
            if not self._running:
                self._absent()
                self._work(1)
            self._look_at_workers()
            if any(child.is_alive for child in self._others):
                time.sleep(0.1)
                continue
            try:
                with Setpoint.open(self.store_within, actor="ada") as setpoint:
                    if not setpoint.overrides.all(is_open_only=True):
                        break
            except SetpointError:
                pass
            time.sleep(0.2)
        else:
            self.result.violations.append("an override is open still")
        for child in self._others:
            self._note(f"  told: {child.answer} {child.trail[-1:]}")
        self._note("settled")
        time.sleep(2 * SAMPLE_SECONDS)

    def _look_at_head(self) -> None:
        """Remember where the audit log was, so that nothing of it can be lost unseen."""
        if self.slot.kind == "sqlite":
            with suppress(sqlite3.Error):
                file = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=0.05)
                try:
                    self._heads.update(file.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"))
                finally:
                    file.close()
        else:
            with suppress(psycopg.Error), psycopg.connect(self.store_within, connect_timeout=1) as connection:
                connection.execute("SET LOCAL statement_timeout = 300")
                found = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchall()
                self._heads.update(dict(found))

    # ---------------------------------------------------------------------- the laws

    def _judge(self, monitor: Monitor) -> None:
        with Setpoint.open(self.store_within, actor="ada") as setpoint:
            found = setpoint.overrides.all()
            self.result.overrides = len(found)
            for override in found:
                self._judge_end(override, monitor)
            self._judge_record(setpoint)
        persisted = monitor.persisted()
        for name in PARAMETERS:
            if persisted.get(name) != self._people.get(name):
                what = f"{name} is {persisted.get(name)}, and a person's was {self._people.get(name)}"
                self.result.violations.append(what)

    def _judge_end(self, override: Override, monitor: Monitor) -> None:
        link = override.ended_by.value if override.ended_by is not None else override.state.value
        self.result.ends[link] += 1
        deadline = override.deadline_moment.seconds
        for held in override.held:
            seen = monitor.seen.get((held.parameter, str(held.ours)))
            if seen is None:
                continue
            self.result.reached += 1
            last = seen[1]
            free = deadline
            for began, ended in sorted(self._away):
                if ended > free and began < free + LAW_SECONDS:
                    free = ended
            self.result.late_seconds.append(last - deadline)
            self.result.quiet_seconds.append(last - free)
            if last - free > LAW_SECONDS:
                late = f"{override.id} stood {last - deadline:.1f} s after its deadline"
                self.result.violations.append(f"{late}, {last - free:.1f} s with all there")

    def _judge_record(self, setpoint: Setpoint) -> None:
        store, violations = setpoint._context.store, self.result.violations
        if not setpoint.verify_audit().is_intact:
            violations.append(f"the audit log is not intact: {setpoint.verify_audit()}")
        violations += [f"journal: {fault}" for fault in store.journal.verify().faults]
        violations += [f"records: {fault}" for fault in store.verify_records().faults]
        rows = store.audit.rows()
        self.result.rows = len(rows)
        hashes = {row.seq: row.hash for row in rows}
        lost = [seq for seq, hash_ in self._heads.items() if hashes.get(seq) != hash_]
        if lost:
            violations.append(f"audit rows were lost: {lost}")
        told = {(row.action, row.detail.get("override")) for row in rows}
        for _, _, child in self._started:
            if child.answer and "id" in child.answer:
                for action in ("override.started", "override.active"):
                    if (action, child.answer["id"]) not in told:
                        violations.append(f"{action} of {child.answer['id']} was acknowledged, and is lost")
        for owned in store.journal.owned("shop"):
            violations.append(f"{owned.parameter} is said to be ours still")


def guards_of(folder: Path) -> Iterator[int]:
    """Answer the processes that guard a folder."""
    words = ["-m", "setpoint.control.overrides.guardian", str(folder)]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (entry / "cmdline").read_bytes().decode().split("\0")[1:4] == words:
                    yield int(entry.name)


@contextmanager
def slots(
    launch: Callable[[int], PrivatePostgres], folder: Path, majors: list[int], count: int
) -> Iterator[list[Slot]]:
    """Open slots, every other one with a store of its own on a server."""
    with ExitStack() as stack:
        nursery_folder = folder / "nursery"
        nursery_folder.mkdir(parents=True)
        nursery = stack.enter_context(Nursery(nursery_folder))
        made = [
            Slot(
                launch,
                folder / f"slot-{number}",
                nursery,
                kind=("sqlite", "postgresql")[number % 2],
                major=majors[number // 2 % len(majors)],
                store_major=majors[-1],
            )
            for number in range(count)
        ]
        for slot in made:
            stack.push(slot)
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(Slot.__enter__, made))
        yield made


def play_all(chosen: list[Slot], seeds: list[int], tell: Callable[[Result], None]) -> None:
    """Play each seed in the next slot that is free."""
    waiting = list(reversed(seeds))
    lock = threading.Lock()

    def keep_on(slot: Slot) -> None:
        while True:
            with lock:
                if not waiting:
                    return
                seed = waiting.pop()
            sequence = Sequence(slot, seed)
            try:
                result = sequence.play()
            except Exception as fault:
                result = sequence.result
                what = fault.what if isinstance(fault, SetpointError) else str(fault)
                result.violations.append(f"it broke: {type(fault).__name__}: {what.partition(chr(10))[0]}")
                raise
            finally:
                with lock:
                    tell(sequence.result)

    threads = [threading.Thread(target=keep_on, args=(slot,)) for slot in chosen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

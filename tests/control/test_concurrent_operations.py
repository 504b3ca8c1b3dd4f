"""Many people at once on one store: nobody waits for ever, nothing is lost, and every no has a name."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import pytest
from tests.control.town import ROLES, START, Town, found

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.control.clock import SteadyClock, boot_moment
from setpoint.control.configure import commit, with_parts
from setpoint.control.overrides import ending, extending, starting
from setpoint.control.overrides.wish import Wish
from setpoint.control.worker.reconciler import Reconciler
from setpoint.engines.simulated.driver import forget, keep, server_at
from setpoint.errors import (
    ApplyError,
    ConflictError,
    HeldError,
    NotFoundError,
    RefusedError,
    SetpointError,
    StalePlanError,
    UnreachableError,
)
from setpoint.store.records import WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLICY = """
policy: house
approvals: {durability: 1}
locks:
  - {id: careful, classes: [durability], outcome: ask}
"""
EXPECTED = {ConflictError, HeldError, StalePlanError, RefusedError, NotFoundError}
"""What people may be told when they get in each other's way, each naming what to do next."""
GREETINGS = ("hi", "welcome", "hello")
SIZES = ("8MB", "16MB", "32MB")
OURS = {"sort_memory": "65536", "page_cost": "3.5"}
"""Texts that nothing but an override asks for."""
TAKEN_OVER = "the connection was ended by somebody else"
_NUMBERS = count(1)


@dataclass
class Crowd:
    """Threads that act as different people on the instances of one store."""

    town: Town
    names: tuple[str, ...]
    told: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    unexpected: list[BaseException] = field(default_factory=list)
    edits: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Instance and greeting, by the revision that brought them."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def act(self, number: int, times: int) -> None:
        """What one thread does: a number of deeds, one after another."""
        dice = Random(number)  # noqa: S311 - dice of a test
        deeds = (self.edit, self.edit, self.apply, self.propose, self.override, self.override)
        for _ in range(times):
            deed = dice.choice(deeds)
            try:
                deed(dice)
            except SetpointError as fault:
                self.note(deed.__name__, fault)
            except BaseException as fault:  # noqa: BLE001 - whatever it is, the test has to see it
                self.unexpected.append(fault)

    def note(self, deed: str, fault: SetpointError) -> None:
        with self.lock:
            self.told[f"{deed}: {type(fault).__name__}"] += 1
        # An ending waits for an apply at work for a few seconds, and then takes the instance from it.
        is_taken_over = isinstance(fault, (ApplyError, UnreachableError)) and TAKEN_OVER in fault.what
        if not (type(fault) in EXPECTED or is_taken_over) or not fault.what:
            self.unexpected.append(fault)

    def count(self, what: str) -> None:
        with self.lock:
            self.done[what] += 1

    def edit(self, dice: Random) -> None:
        name, text = dice.choice(self.names), dice.choice(GREETINGS)
        settings = {"connection_greeting": text}
        revision, edits = self.town.lin.change_settings(f"instance:{name}", settings, reason="a wish")
        if edits:  # else it was so already, and the revision is somebody else's
            with self.lock:
                self.edits[revision.id] = (name, text)
        self.count("edit")

    def apply(self, dice: Random) -> None:
        name = dice.choice(self.names)
        settings = {"sort_memory": dice.choice(SIZES)}
        self.town.olga.change_settings(f"instance:{name}", settings, reason="a wish")
        self.town.olga.apply(self.town.olga.plan(name).plan)
        self.count("apply")

    def propose(self, dice: Random) -> None:
        """Ask for what needs an approval, get one, and have two apply it: one of them does at most."""
        name, town = dice.choice(self.names), self.town
        text = "off" if server_at(address(name)).running["durable"] == "on" else "on"
        town.lin.change_settings(f"instance:{name}", {"durable": text}, reason="a wish")
        made = town.lin.plan(name).plan
        change = town.lin.governance.propose(made.hash, reason="it must be")
        dice.choice((town.mara, town.otto)).governance.approve(change.id)
        self.count("approve")
        applied = [each for each in (town.olga, town.lin) if self.is_applied(each, made)]
        assert len(applied) <= 1, f"{made.hash} was applied twice"

    def is_applied(self, front: Setpoint, made: Any) -> bool:
        try:
            front.apply(made)
        except SetpointError as fault:
            self.note("apply approved", fault)
            return False
        self.count("apply approved")
        return True

    def override(self, dice: Random) -> None:
        context = self.town.emil._context
        names = dice.sample(self.names, dice.choice((1, 1, 3)))
        parameter = dice.choice(sorted(OURS))
        ends = dice.choice(("", "extend", "end"))
        # What somebody is to come back to must be there still, however long the others keep them waiting.
        seconds = dice.uniform(60.0, 90.0) if ends else dice.uniform(1.0, 3.0)
        wish = Wish(settings={parameter: OURS[parameter]}, seconds=seconds, because="the queue is full")
        for each in starting.start(context, names, wish, is_all_or_none=dice.random() < 0.3):
            if each.fault is not None:
                self.note("override", each.fault)
                continue
            self.count("override")
            if ends == "extend":
                try:
                    extending.extend(context, each.override.id, seconds=1.0, because="not yet")
                    self.count("extend")
                except SetpointError as fault:
                    self.note("extend", fault)
            if ends:
                ending.end(self.town.lin._context, each.override.id, because="it is over")
                self.count("end")


class Worker:
    """A reconciler in a thread of its own, with signs of life."""

    def __init__(self, town: Town) -> None:
        self._context = town.founder._context
        self._reconciler = Reconciler()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.faults: list[BaseException] = []

    def __enter__(self) -> Self:
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(60)
        self._reconciler.stop()

    def _beat(self) -> None:
        now = self._context.now()
        state = WorkerState(id="w", host="here", pid=1, started_at=now, seen_at=now)
        self._context.store.workers.beat(state)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._beat()
                self._stopped.wait(self._reconciler.poll(self._context))
            except BaseException as fault:  # noqa: BLE001 - whatever it is, the test has to see it
                self.faults.append(fault)
                return


def address(name: str) -> str:
    return f"memory:concurrent-{name}"


@contextmanager
def crowd(where: str, instances: int) -> Iterator[Crowd]:
    names = tuple(f"i{number}" for number in range(instances))
    for name in names:
        forget(address(name))
        server = server_at(address(name))
        server.scheduler = "none"
        keep(address(name), server)
    with Setpoint.create(where, actor="founder", token="") as made:
        made.governance.put_policy("house", POLICY, reason="begins")
        context = made._context
        parts = {f"instance:{name}": Instance(engine="simulated", target=address(name)) for name in names}
        commit(context, lambda before: with_parts(before, parts), reason="registered")
        roles = {**ROLES, "olga": ROLES["lin"]}
        town = found(made, roles)
        clock: Callable[[], datetime] = SteadyClock(lambda: START)
        steady = replace(town.founder._context, now=clock, wait=time.sleep, moment=boot_moment)
        town.founder = Setpoint(steady)
        yield Crowd(town, names)
    for name in names:
        forget(address(name))


def bring_together(where: str, *, threads: int, instances: int, times: int, seconds: float) -> Crowd:
    with crowd(where, instances) as people:
        store = people.town.founder._context.store
        with Worker(people.town) as worker:
            running = [
                threading.Thread(target=people.act, args=(number, times), daemon=True)
                for number in range(threads)
            ]
            for each in running:
                each.start()
            until = time.monotonic() + seconds
            for each in running:
                each.join(max(0.0, until - time.monotonic()))
            assert not any(each.is_alive() for each in running), "somebody waits for ever"
            while any(kept.value.is_open for kept in store.overrides.all().values()):
                assert time.monotonic() < until, "an override is not over"
                assert not worker.faults, worker.faults
                time.sleep(0.2)
        assert not worker.faults, worker.faults
        check(people)
        return people


def check(people: Crowd) -> None:
    """What must be so once everybody is done."""
    assert not people.unexpected, people.unexpected[:5]
    context = people.town.founder._context
    expected: dict[str, str] = {}
    committed = [row.detail["revision"] for row in context.store.audit.rows(action="configuration.commit")]
    assert people.edits.keys() <= set(committed), "an edit was lost"
    for revision in committed:
        if revision in people.edits:
            name, text = people.edits[revision]
            expected[name] = text
    instances = context.head()[1].instances
    assert {name: instances[name].settings["connection_greeting"] for name in expected} == expected
    for name in people.names:
        stands = server_at(address(name)).persisted
        left = {key: text for key, text in OURS.items() if stands.get(key) == text}
        assert not left, f"{left} stands on {name}"
        assert context.store.journal.unfinished(name) is None
    assert people.town.lin.verify_audit().is_intact


def test_a_few_at_once(tmp_path):
    people = bring_together(str(tmp_path / "store.db"), threads=12, instances=8, times=3, seconds=120)
    assert people.done["override"]
    assert people.done["edit"]


@pytest.mark.live
def test_a_few_at_once_on_postgresql(postgresql):
    people = bring_together(_database(postgresql), threads=12, instances=8, times=3, seconds=120)
    assert people.done["override"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_threads_on_three_hundred_instances(tmp_path):
    people = bring_together(str(tmp_path / "store.db"), threads=200, instances=300, times=5, seconds=1500)
    for deed in ("edit", "apply", "approve", "apply approved", "override", "extend", "end"):
        assert people.done[deed], people.done


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.timeout(1800)
def test_sixty_threads_on_postgresql(postgresql):
    people = bring_together(_database(postgresql), threads=60, instances=60, times=5, seconds=1500)
    assert people.done["override"], people.done


def _database(server: Any) -> str:
    import psycopg

    name = f"concurrent_{next(_NUMBERS)}_{uuid4().hex[:6]}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        info = connection.info
        return f"postgresql://{info.user}@/{name}?host={info.host}&port={info.port}"

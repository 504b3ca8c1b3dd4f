"""The kill tests of workflow engines, for overrides: whatever dies, stops or is away, an override ends.

All run side by side, on a store of each kind; the guard process is out of the way but where it is what is
tested, as it would hide what the workers do. The lease is short, so that a run is.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from tests.chaos.nursery import Child, Nursery
from tests.chaos.proxy import Proxy
from tests.chaos.site import OURS, Site, await_that
from tests.fix_postgresql import MAJORS

from setpoint.config.override import LinkKind, LinkState, Override, OverrideState
from setpoint.control.overrides.spool import Spool
from setpoint.control.worker.reconciler import POLL_SECONDS
from setpoint.errors import StoreUnavailableError
from setpoint.lab.launch import PrivatePostgres

LEASE_SECONDS = 2.0
LAW_SECONDS = LEASE_SECONDS + POLL_SECONDS
WORK_SECONDS = 3.0
"""What ending an override may take on a machine that does all of this at once."""

THEIRS = "7000"
JUMP_SECONDS = 3600
MIDDLE = "before run reset"
"""Where an ending has written down what it will do, and not done it."""

_NUMBERS = count(1)


@dataclass
class Stage:
    """One scenario's own store, instances, and processes."""

    kind: str
    site: Site
    nursery: Nursery
    server: PrivatePostgres | None
    stack: ExitStack
    place: Path = field(init=False)

    def __post_init__(self) -> None:
        self.place = self.site.folder / "host"

    def order(self, **more: object) -> dict:
        offset = self.site.folder / "offset"
        common = {"store": self.site.store, "state": str(self.place), "clock": str(offset)}
        return {**common, "lease": LEASE_SECONDS, "is_unguarded": True, **more}

    def worker(self, **more: object) -> Child:
        return self.nursery.work(**self.order(**more))

    def start(self, seconds: float, name: str = "shop", **more: object) -> str:
        settings = {"sort_memory": OURS}
        child = self.nursery.have(
            "start", **self.order(instance=name, settings=settings, seconds=seconds, **more)
        )
        child.wait()
        assert child.answer, child.log
        assert "id" in child.answer, child.answer
        return child.answer["id"]

    def jump(self, seconds: float) -> None:
        (self.site.folder / "offset").write_text(str(seconds))

    def await_end(self, id_: str) -> Override:
        await_that(lambda: not self.site.now(id_).is_open, f"{id_} is over")
        return self.site.now(id_)

    def demand_law(self, id_: str, name: str = "shop", *, later: float = 0.0) -> Override:
        """It is over, once, in time; nothing of it stands; the record is whole and says so."""
        over = self.await_end(id_)
        assert over.state is OverrideState.ENDED
        assert self.site.persisted(name) is None
        assert self.site.running(name) != OURS
        assert over.late_seconds <= LAW_SECONDS + WORK_SECONDS + later
        self.demand_record(name)
        return over

    def demand_record(self, name: str = "shop") -> None:
        assert self.site.actions(name).count("ended") == 1
        store = self.site.setpoint._context.store
        assert self.site.setpoint.verify_audit().is_intact
        assert not store.journal.verify().faults
        assert not store.verify_records().faults
        assert not store.journal.owned(name)
        assert store.journal.unfinished(name) is None


def worker_back_after_the_deadline(stage: Stage) -> None:
    """K1, K4, K6: the only worker is killed; another process comes when it is too late already."""
    worker = stage.worker()
    id_ = stage.start(1.0)
    worker.kill()
    override = stage.site.now(id_)
    await_that(lambda: stage.site.host().now() > override.deadline, "the deadline")
    assert stage.site.persisted() == OURS
    stage.worker()
    stage.demand_law(id_)


def killed_after_the_effect(stage: Stage) -> None:
    """K2: the effect is there and nobody wrote so; what comes next finds it done."""
    victim = stage.worker(at="after run reload")
    id_ = stage.start(1.0)
    victim.wait()
    assert stage.site.persisted() is None
    assert stage.site.now(id_).state is OverrideState.ENDING
    stage.worker()
    stage.demand_law(id_)


def only_worker_dead_another_live(stage: Stage) -> None:
    """K3: whoever was there when it was started is gone; who is there ends it."""
    first, _ = stage.worker(), stage.worker()
    id_ = stage.start(1.5)
    first.kill()
    stage.demand_law(id_)


def worker_restarted_before_the_deadline(stage: Stage) -> None:
    """K5, K6: nothing is bound to the process, or the version, that began it."""
    first = stage.worker()
    id_ = stage.start(2.0)
    first.kill()
    stage.worker()
    over = stage.demand_law(id_)
    assert over.ended_by is LinkKind.RECONCILER


def stopped_in_the_middle_and_taken_over(stage: Stage) -> None:
    """K7, K7z: a worker stopped in the middle of an ending is taken over, and changes nothing afterwards."""
    zombie = stage.worker(at=MIDDLE, how="stop")
    id_ = stage.start(1.0)
    await_that(lambda: zombie.is_stopped, "it stands in the middle")
    stage.worker()
    stage.demand_law(id_)
    stage.site.set_by_hand(THEIRS)
    before = stage.site.actions()
    passed = len(zombie.trail)
    zombie.go_on()
    await_that(lambda: "after release" in zombie.trail[passed:], "it found that it was taken over")
    zombie.send(signal.SIGTERM)
    zombie.wait()
    assert stage.site.persisted() == THEIRS
    assert stage.site.actions() == before
    stage.demand_record()


def stopped_with_a_person_coming_before_anybody(stage: Stage) -> None:
    """A person changes it while the only worker stands right before its statement; then that goes on."""
    zombie = stage.worker(at=MIDDLE, how="stop")
    id_ = stage.start(1.0)
    await_that(lambda: zombie.is_stopped, "it stands in the middle")
    stage.site.set_by_hand(THEIRS)
    other = stage.worker()
    stage.await_end(id_)
    zombie.go_on()
    zombie.send(signal.SIGTERM)
    zombie.wait()
    other.kill()
    assert stage.site.now(id_).state is OverrideState.CONFLICT
    assert stage.site.persisted() == THEIRS


def store_away_across_the_deadline(stage: Stage) -> None:
    """K8: the store is away when it is due; the spool ends it, and the store learns of it when it is back."""
    stage.worker()
    id_ = stage.start(1.5)
    override = stage.site.now(id_)
    stage.site.setpoint.close()
    bring_back = _take_away(stage)
    await_that(lambda: stage.site.persisted() is None, "the spool ended it")
    late = (stage.site.host().now() - override.deadline).total_seconds()
    assert late <= LAW_SECONDS + WORK_SECONDS
    bring_back()

    def is_told() -> bool:
        try:
            return not stage.site.now(id_).is_open
        except StoreUnavailableError:
            return False

    await_that(is_told, "the store was told")
    over = stage.site.now(id_)
    # Who has a file open goes on with it, wherever it was moved.
    assert over.ended_by in (
        {LinkKind.SPOOL} if stage.kind == "postgresql" else {LinkKind.SPOOL, LinkKind.RECONCILER}
    )
    assert over.late_seconds <= LAW_SECONDS + WORK_SECONDS
    stage.demand_record()


def store_away_for_long_and_back(stage: Stage) -> None:
    """K8: a store that was away for long finds its workers at once when it is back, not in half a minute."""
    stage.worker()
    stage.worker()
    id_ = stage.start(14.0)
    stage.site.setpoint.close()
    bring_back = _take_away(stage)
    spool = Spool(next(stage.place.glob("setpoint/*/spool")))
    await_that(lambda: bool(spool.orders()), "the order is kept")
    await_that(lambda: stage.site.persisted() is None, "the spool ended it")
    bring_back()
    await_that(
        lambda: not _looked_at(stage, id_).is_open, "the store was told", seconds=LAW_SECONDS + WORK_SECONDS
    )
    stage.demand_record()


def store_that_cannot_be_written(stage: Stage) -> None:
    """The rows can be read but not written, as with a full disk or a writer that hangs: the spool ends it."""
    stage.worker()
    id_ = stage.start(2.0)
    let_go = _keep_writers_out(stage)
    try:
        await_that(lambda: stage.site.persisted() is None, "it is off")
    finally:
        let_go()
    stage.await_end(id_)
    stage.demand_record()


def _keep_writers_out(stage: Stage) -> Callable[[], None]:
    if stage.kind == "postgresql":
        held = psycopg.connect(stage.site.store, autocommit=True)
        held.execute("SELECT pg_advisory_lock(%s)", [0x5E7_0001])
        return held.close
    file = sqlite3.connect(stage.site.store, isolation_level=None, check_same_thread=False)
    file.execute("BEGIN IMMEDIATE")
    return file.close


def _looked_at(stage: Stage, id_: str) -> Override:
    while True:
        try:
            return stage.site.now(id_)
        except StoreUnavailableError:
            continue


def killed_in_one_while_another_is_due(stage: Stage) -> None:
    """K9: a worker killed inside one instance's work holds up no other instance."""
    victim = stage.worker(at=MIDDLE)
    blocked = stage.start(1.0)
    free = stage.start(2.0, "store")
    victim.wait()
    stage.worker()
    over = stage.await_end(free)
    assert over.state is OverrideState.ENDED
    assert over.late_seconds < LEASE_SECONDS
    stage.demand_law(blocked)
    stage.demand_record("store")


def claimant_killed_in_the_middle(stage: Stage) -> None:
    """L1: who dies with the claim in hand is waited for as long as the lease lasts, and no longer."""
    victim = stage.worker(at=MIDDLE)
    id_ = stage.start(1.0)
    victim.wait()
    assert (
        f"process {victim.pid} "
        in stage.site.setpoint._context.store.leases.holder_of(f"override:{id_}").holder
    )
    stage.worker()
    stage.demand_law(id_)


def starter_killed_with_the_effect_there(stage: Stage) -> None:
    """Whoever starts it dies before it is written down that it is active: it is ended as cut short."""
    stage.worker()
    settings = {"sort_memory": OURS}
    order = stage.order(instance="shop", settings=settings, seconds=60.0, at="after run reload")
    stage.nursery.have("start", **order).wait()
    assert stage.site.persisted() == OURS
    (kept,) = stage.site.setpoint._context.store.overrides.all().values()
    stage.demand_law(kept.value.id)


def starter_stopped_and_gone_on_late(stage: Stage) -> None:
    """Whoever starts it is stopped before the statement, ended by others, and goes on: it stays off."""
    stage.worker()
    settings = {"sort_memory": OURS}
    order = stage.order(instance="shop", settings=settings, seconds=1.0, at="before run set", how="stop")
    starter = stage.nursery.have("start", **order)
    await_that(lambda: starter.is_stopped, "it stands before its statement")
    (kept,) = stage.site.setpoint._context.store.overrides.all().values()
    over = stage.await_end(kept.value.id)
    assert over.state is OverrideState.ENDED
    starter.go_on()
    starter.wait()
    assert stage.site.persisted() is None
    assert starter.answer
    assert "fault" in starter.answer
    stage.demand_record()


def clock_put_forward(stage: Stage) -> None:
    """The clocks of host and store jump an hour ahead: it ends neither early nor late."""
    _jump(stage, JUMP_SECONDS)


def clock_put_back(stage: Stage) -> None:
    """The clocks of host and store jump an hour back."""
    _jump(stage, -JUMP_SECONDS)


def _jump(stage: Stage, seconds: float) -> None:
    first = stage.worker()
    id_ = stage.start(3.0)
    due = stage.site.now(id_).deadline_moment
    stage.jump(seconds)
    # One process that has seen the jump, and one that began after it.
    stage.worker()
    first.kill()
    await_that(lambda: stage.site.persisted() is None, "it is off", seconds=3 + LAW_SECONDS + WORK_SECONDS)
    assert stage.site.host().moment().seconds >= due.seconds
    stage.await_end(id_)
    stage.demand_record()


def whole_control_plane_dead_but_the_guard(stage: Stage) -> None:
    """Starter and worker are dead: the guard process ends it, and the next worker tells the store."""
    worker = stage.worker()
    # A guard process takes a while to stand on a busy machine, longer than the short lease of these tests.
    id_ = stage.start(8.0, is_unguarded=False, start_lease=30.0)
    armed = {link.kind for link in stage.site.now(id_).links if link.state is LinkState.ARMED}
    assert LinkKind.GUARD_PROCESS in armed
    worker.kill()
    await_that(lambda: stage.site.persisted() is None, "the guard process ended it")
    stage.worker()
    over = stage.demand_law(id_)
    assert over.ended_by is LinkKind.GUARD_PROCESS


def disk_full_with_a_worker(stage: Stage) -> None:
    """No order can be kept: that is to be seen, and the reconciler, which needs none, ends it."""
    stage.worker(is_disk_full=True)
    id_ = stage.start(1.5, is_disk_full=True, is_unguarded=False)
    states = {link.kind: link.state for link in stage.site.now(id_).links}
    assert states[LinkKind.SPOOL] is LinkState.FAILED
    assert states[LinkKind.GUARD_PROCESS] is LinkState.FAILED
    over = stage.demand_law(id_)
    assert over.ended_by is LinkKind.RECONCILER


def disk_full_with_nobody(stage: Stage) -> None:
    """No order can be kept and no worker is there: it is refused, and nothing was touched."""
    settings = {"sort_memory": OURS}
    order = stage.order(
        instance="shop", settings=settings, seconds=5.0, is_disk_full=True, is_unguarded=False
    )
    child = stage.nursery.have("start", **order)
    child.wait()
    assert child.answer
    assert child.answer["kind"] == "RefusedError"
    assert stage.site.persisted() is None
    assert not any(each.is_open for each in stage.site.setpoint.overrides.all())


def store_whose_connections_hang(stage: Stage) -> None:
    """What a router forgot hangs for ever, while new connections work: the store is told all the same."""
    if stage.kind == "sqlite":
        pytest.skip("a file has no network")
    network = stage.stack.enter_context(Proxy(stage.server.port))
    through = stage.site.store.replace(f":{stage.server.port}/", f":{network.port}/")
    stage.worker(store=through)
    id_ = stage.start(2.0, store=through)
    network.be("lost")
    await_that(lambda: stage.site.persisted() is None, "it is off")
    # Each such connection is given up after half a minute, and a worker may come to more than one of them.
    await_that(lambda: not stage.site.now(id_).is_open, "the store was told", seconds=120)


def extended_and_killed_between(stage: Stage) -> None:
    """Whoever extends dies once the later deadline is written: it ends at the later one."""
    stage.worker()
    id_ = stage.start(2.0)
    due = stage.site.now(id_).deadline
    stage.nursery.have("extend", **stage.order(id=id_, seconds=1.5, at="before spool put")).wait()
    assert stage.site.now(id_).deadline > due
    over = stage.demand_law(id_)
    assert over.ended_at >= over.deadline


def _take_away(stage: Stage) -> Callable[[], None]:
    """Take the store away: stop its server, or move its files; answer how it comes back."""
    if stage.kind == "postgresql":
        stage.server.stop("immediate")
        return stage.server.start
    away = stage.site.folder / "away"
    away.mkdir()
    names = [path.name for path in stage.site.folder.glob("store.db*")]
    for name in names:
        (stage.site.folder / name).rename(away / name)

    def bring_back() -> None:
        for path in stage.site.folder.glob("store.db*"):
            path.unlink()
        for name in names:
            (away / name).rename(stage.site.folder / name)

    return bring_back


SCENARIOS = [
    worker_back_after_the_deadline,
    killed_after_the_effect,
    only_worker_dead_another_live,
    worker_restarted_before_the_deadline,
    stopped_in_the_middle_and_taken_over,
    stopped_with_a_person_coming_before_anybody,
    store_away_across_the_deadline,
    store_away_for_long_and_back,
    store_that_cannot_be_written,
    killed_in_one_while_another_is_due,
    claimant_killed_in_the_middle,
    starter_killed_with_the_effect_there,
    starter_stopped_and_gone_on_late,
    clock_put_forward,
    clock_put_back,
    whole_control_plane_dead_but_the_guard,
    disk_full_with_a_worker,
    disk_full_with_nobody,
    store_whose_connections_hang,
    extended_and_killed_between,
]
OWN_SERVER = {store_away_across_the_deadline, store_away_for_long_and_back}
AT_ONCE = 10


@pytest.fixture(scope="module")
def nursery(tmp_path_factory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def told(request, tmp_path_factory, nursery, _launch) -> Iterator[dict[str, Future[None]]]:
    """Every scenario, under way; each in a place of its own."""
    kind, making = request.param, threading.Lock()
    with ExitStack() as stack:
        server = stack.enter_context(_launch(MAJORS[-1])) if kind == "postgresql" else None
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))

        def play(scenario: Callable[[Stage], None]) -> None:
            folder = tmp_path_factory.mktemp(scenario.__name__)
            with ExitStack() as own:
                here = own.enter_context(_launch(MAJORS[-1])) if server and scenario in OWN_SERVER else server
                store = _database(here) if here is not None else str(folder / "store.db")
                with making:  # a schema is made by one thread at a time
                    site = Site(folder, "shop", "store", store=store)
                own.callback(site.setpoint.close)
                scenario(Stage(kind, site, nursery, here, own))

        chosen = {
            item.callspec.params["scenario"] for item in request.session.items if _is_here(item, request)
        }
        yield {each.__name__: pool.submit(play, each) for each in SCENARIOS if each in chosen}


def _is_here(item: pytest.Item, request: pytest.FixtureRequest) -> bool:
    return item.path == request.path and "scenario" in getattr(getattr(item, "callspec", None), "params", {})


def _database(server: PrivatePostgres) -> str:
    name = f"store_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"postgresql://{server.user}@{server.host}:{server.port}/{name}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_it_ends(told, scenario):
    told[scenario.__name__].result(120)

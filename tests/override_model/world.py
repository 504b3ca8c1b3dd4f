"""The world the machine plays in: a store over three simulated instances, clocks moved by hand, and fates.

Everything runs in one thread. A process that is killed is one whose every later call to the store or to an
instance fails with what no `except` of the product catches; one that is stopped goes on after others have
done what they would.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from setpoint import Setpoint
from setpoint.config.configuration import Group, Instance
from setpoint.config.override import LinkKind, LinkState, Moment
from setpoint.control import clock
from setpoint.control.context import Context
from setpoint.control.overrides import chain, holding, reverting, starting
from setpoint.control.overrides.reverting import Reverting
from setpoint.control.overrides.spool import Spool
from setpoint.control.worker import reconciler
from setpoint.control.worker.reconciler import Reconciler
from setpoint.engines import ending as engine_ending
from setpoint.engines import session
from setpoint.engines.order import Armed
from setpoint.engines.simulated import server as simulated
from setpoint.engines.simulated.driver import SimulatedDriver
from setpoint.errors import SetpointError, StoreUnavailableError
from setpoint.store import Store
from setpoint.store.database import Database
from setpoint.store.leases import Leases
from setpoint.store.records import WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
NAMES: tuple[str, ...] = ("bank", "blog", "shop")
GUARD_GRACE_SECONDS = 1.0


class Killed(BaseException):
    """What ends a process ends it here: nothing of the product may catch it."""


@dataclass
class Clocks:
    """Seconds that nobody can set, and how far the host's time of day is off."""

    seconds: float = 0.0
    offset: float = 0.0

    def host(self) -> datetime:
        """The time of day, as whoever asks the host now is told."""
        return START + timedelta(seconds=self.seconds + self.offset)

    def steady(self) -> Callable[[], datetime]:
        """A clock that is anchored now, and that no jump moves."""
        anchor = self.offset
        return lambda: START + timedelta(seconds=self.seconds + anchor)

    def moment(self) -> Moment:
        return Moment(boot="this boot", seconds=self.seconds)

    def moment_seconds(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Fate:
    """What strikes at the n-th call to the store or to an instance; nothing when that never comes."""

    left: int = 0
    strike: Callable[[], None] | None = None
    is_dead: bool = False
    is_store_away: bool = False
    has_struck: bool = False

    def pass_point(self, *, is_store: bool = False) -> None:
        if self.is_dead:
            raise Killed
        if self.left > 0:
            self.left -= 1
            if not self.left and self.strike is not None:
                self.has_struck = True
                self.strike()
        if is_store and self.is_store_away:
            raise StoreUnavailableError("it is away")

    def kill(self) -> None:
        self.is_dead = True
        raise Killed


class Inline:
    """A pool without threads: what is submitted was done, and who is killed in it is killed."""

    def __init__(self, *_: object) -> None:
        """Take what a pool is made with."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is in hand."""

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except SetpointError as fault:
            future.set_exception(fault)
        return future

    def map(self, work: Callable[..., Any], items: Any) -> list[Any]:
        return [work(each) for each in items]


class Later(Inline):
    """A pool that begins nothing before it is told to."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        self._waiting.append((work, arguments))
        return Future()

    def run(self) -> None:
        for work, arguments in self._waiting:
            work(*arguments)


class Process:
    """A worker: a reconciler of its own, a clock anchored when it began, and signs of life."""

    def __init__(self, stage: Stage, number: int) -> None:
        self.id = f"worker-{number}"
        self.context = stage.process()
        self.reconciler = Reconciler()
        self.since = stage.clocks.seconds

    def poll(self) -> None:
        now = self.context.now()
        state = WorkerState(id=self.id, host=socket.gethostname(), pid=1, started_at=now, seen_at=now)
        try:
            self.context.store.workers.beat(state)
        except SetpointError:
            return
        self.reconciler.poll(self.context)


class Guardians:
    """A guard process in this one: it takes orders on where it lives, and acts on them when it is told to."""

    def __init__(self) -> None:
        self.is_alive = True

    def arm(self, folder: Path, order: Any, *, timeout_seconds: float) -> Armed:
        Spool(folder).put(order)
        return self.look(folder, order) if timeout_seconds else Armed(state=LinkState.FAILED)

    def look(self, folder: Path, order: Any) -> Armed:
        is_held = self.is_alive and Spool(folder).order(order.override) == order
        return Armed(state=LinkState.ARMED if is_held else LinkState.FAILED, detail="beside")

    def disarm(self, folder: Path, override_id: str) -> Armed:
        Spool(folder).remove(override_id)
        return Armed(state=LinkState.DISARMED)


@dataclass
class Stage:
    """A copy of a prepared store, three servers of its own, and the doors that fates stand at."""

    told: Callable[[str, str, str | None, bool], None]
    """Called for each entry that we wrote: instance, parameter, text, and whether the target's switch did."""
    seen: Callable[[str], None]
    """Called with an instance that was just observed by us."""
    clocks: Clocks = field(default_factory=Clocks)
    fate: Fate = field(default_factory=Fate)
    guardians: Guardians = field(default_factory=Guardians)

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=_fast_folder()))
        shutil.copytree(_prepared(), self.folder / "store")
        self.store = Store.open(self.folder / "store" / "store.db")
        self.store.leases = Leases(
            self.store._database,
            now=lambda _: self.clocks.host(),
            monotonic=lambda: self.clocks.seconds,
        )
        for name in NAMES:
            simulated.forget(address(name))
            simulated.set_clock(address(name), self.clocks.steady())
            server = simulated.server_at(address(name))
            server.scheduler = "on" if name == "shop" else "none"
            simulated.keep(address(name), server)
        self._undo: list[Callable[[], None]] = []
        self._stand()

    def close(self) -> None:
        for undo in reversed(self._undo):
            undo()
        self.store.close()
        shutil.rmtree(self.folder)

    def process(self) -> Context:
        """What a process that begins now is handed."""
        return Context(
            store=self.store,
            actor="ada",
            read_secret=lambda _: None,
            now=self.clocks.steady(),
            wait=self.clocks.wait,
            moment=self.clocks.moment,
            timeout_seconds=0.5,
            state=self.folder / "state",
        )

    def front(self) -> Setpoint:
        return Setpoint(self.process())

    def server(self, name: str) -> simulated.Server:
        return simulated.server_at(address(name))

    def peek(self, name: str) -> simulated.Server:
        """A server as it is, its scheduler not asked."""
        return simulated._servers[address(name)]

    def spooled(self, folder: str, link: LinkKind, grace_seconds: float) -> list[str]:
        """Have a spool's orders that are due ended; answer which."""
        keeper = Reverting(
            Spool(self.folder / "state" / folder), link, grace_seconds=grace_seconds, clock=self.clocks.host
        )
        pool = Later()
        keeper._pool = pool  # pyright: ignore[reportAttributeAccessIssue]
        due = [
            order
            for order in keeper.spool.orders()
            if clock.seconds_left(order.deadline, order.deadline_moment, START, self.clocks.moment())
            + grace_seconds
            <= 0
        ]
        keeper.poll(self.clocks.moment(), read_secret=lambda _: None, holder=link.value)
        pool.run()
        return [order.override for order in due]

    def _patch(self, owner: Any, name: str, value: Any) -> None:
        before = getattr(owner, name)
        self._undo.append(lambda: setattr(owner, name, before))
        setattr(owner, name, value)

    def _stand(self) -> None:
        """Put ourselves between the product and everything outside it, and in the place of its clocks."""
        elapsed = self.clocks.moment_seconds
        self._stand_at_the_servers()
        self._stand_at_the_store()
        self._patch(starting, "ThreadPoolExecutor", Inline)
        self._patch(reconciler, "ThreadPoolExecutor", Inline)
        self._patch(reconciler, "time", SimpleNamespace(monotonic=elapsed))
        self._patch(reverting, "elapsed_seconds", elapsed)
        self._patch(reverting, "utc_now", self.clocks.host)
        self._patch(holding, "START_PATIENCE_SECONDS", -1.0)
        self._patch(holding, "END_PATIENCE_SECONDS", -1.0)
        self._patch(session, "_SETTLE_SECONDS", -1.0)
        self._patch(engine_ending, "_SETTLE_SECONDS", -1.0)
        self._patch(chain, "guardian", self.guardians)

    def _stand_at_the_servers(self) -> None:
        run, lock, put_back = SimulatedDriver.run, SimulatedDriver.lock, simulated._put_back
        fate = self.fate

        def running(driver: SimulatedDriver, request: Any) -> Any:
            fate.pass_point()
            answer = run(driver, request)
            verb, _, rest = request.text.partition(" ")
            parameter, _, text = rest.partition(" ")
            if verb in ("set", "reset"):
                self.told(driver._target.instance, parameter, text if verb == "set" else None, False)
            elif verb == "observe":
                self.seen(driver._target.instance)
            fate.pass_point()
            return answer

        def locking(driver: SimulatedDriver, holder: str, *, is_preempting: bool = False) -> None:
            fate.pass_point()
            lock(driver, holder, is_preempting=is_preempting)

        def putting_back(server: simulated.Server, back: Any, catalog: Any) -> None:
            before = server.persisted.get(back.parameter)
            put_back(server, back, catalog)
            after = server.persisted.get(back.parameter)
            name = next(name for name in NAMES if self.peek(name) is server)
            if before != after:
                self.told(name, back.parameter, after, True)

        self._patch(SimulatedDriver, "run", running)
        self._patch(SimulatedDriver, "lock", locking)
        self._patch(simulated, "_put_back", putting_back)

    def _stand_at_the_store(self) -> None:
        write, read, fate = Database.write, Database.read, self.fate

        @contextmanager
        def writing(database: Database) -> Generator[Any]:
            if database.is_writing:
                with write(database) as connection:
                    yield connection
                return
            fate.pass_point(is_store=True)
            with write(database) as connection:
                yield connection
            fate.pass_point()

        @contextmanager
        def reading(database: Database) -> Generator[Any]:
            if fate.is_dead:
                raise Killed
            if fate.is_store_away:
                raise StoreUnavailableError("it is away")
            with read(database) as connection:
                yield connection

        self._patch(Database, "write", writing)
        self._patch(Database, "read", reading)


def address(name: str) -> str:
    return f"memory:override-model-{name}"


def instance(name: str) -> Instance:
    return Instance(engine="simulated", target=address(name), group="core" if name != "blog" else "")


@cache
def _prepared() -> Path:
    """Make the store once, with its instances."""
    folder = Path(tempfile.mkdtemp(dir=_fast_folder())) / "store"
    folder.mkdir()
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    with Store.create(folder / "store.db") as store:
        context = Context(store=store, actor="ada", read_secret=lambda _: None, now=lambda: START)
        front = Setpoint(context)
        front.put_group("core", Group(engine="simulated"), reason="the start")
        for name in NAMES:
            front.add_instance(name, instance(name), reason="the start")
    return folder


def _fast_folder() -> str | None:
    memory = Path("/dev/shm")  # noqa: S108 - a folder in memory where there is one: commits sync to it at once
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None

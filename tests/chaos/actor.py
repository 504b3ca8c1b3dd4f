"""A nursery of processes: each order on its input is carried out by a child, which may die or stop anywhere.

A child is a worker, or does one thing: start, extend or end an override. At a point that its order names it
kills or stops itself. A point lies before and after each call that writes something down, takes or gives
back a lease or a lock, talks to an instance, or sees to the spool or the guard process; each point that was
passed is written to a file first, which is how a test knows what happened without asking the store.
"""

from __future__ import annotations

import ctypes
import errno
import faulthandler
import json
import os
import signal
import sys
import threading
import traceback
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path

from setpoint import Setpoint
from setpoint.config.override import LinkState
from setpoint.control import clock
from setpoint.control.overrides import chain, ending, guardian, spool, starting
from setpoint.control.overrides.spool import Spool
from setpoint.control.overrides.wish import Wish
from setpoint.control.worker.health import Health, Heartbeat
from setpoint.control.worker.inprocess import InProcessDispatch
from setpoint.control.worker.reconciler import Reconciler
from setpoint.control.worker.spooling import Spooler
from setpoint.control.worker.worker import Worker, await_store
from setpoint.engines.mysql.driver import MysqlDriver
from setpoint.engines.order import Armed
from setpoint.engines.postgresql.driver import PostgresDriver
from setpoint.engines.simulated.driver import SimulatedDriver
from setpoint.errors import SetpointError
from setpoint.faces import wiring
from setpoint.store import Store, database
from setpoint.store.journal import Journal
from setpoint.store.leases import Leases
from setpoint.store.registers import Register

CALLS = {
    Register: ("put",),
    Leases: ("claim", "release"),
    Journal: ("begin", "intend", "done", "finish"),
    MysqlDriver: ("run", "lock"),
    PostgresDriver: ("run", "lock"),
    SimulatedDriver: ("run", "lock"),
    Spool: ("put", "remove", "note"),
    guardian: ("arm", "disarm"),
}
PR_SET_PDEATHSIG = 1
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Life:
    """Counts points, writes each down, and at one of them kills or stops its own process."""

    def __init__(self, order: dict) -> None:
        self.trail = Path(order["trail"])
        self.death = order.get("death", 0)
        self.at = order.get("at", "")
        self.signal = SIGNALS[order.get("how", "kill")]
        self.passed = 0

    def pass_point(self, name: str) -> None:
        with self.trail.open("a") as trail:
            trail.write(f"{name}\n")
        self.passed += 1
        if self.passed == self.death or (self.at and name.startswith(self.at)):
            self.at, self.death = "", 0
            # To this very thread, so that not even a moment of what follows is done.
            signal.pthread_kill(threading.get_ident(), self.signal)

    def watch(self, owner: object, name: str) -> None:
        inner = getattr(owner, name)

        @wraps(inner)
        def call(*args, **options):
            what = _named(owner, name, args, options)
            self.pass_point(f"before {what}")
            answer = inner(*args, **options)
            self.pass_point(f"after {what}")
            return answer

        setattr(owner, name, call)


def _named(owner: object, name: str, args: tuple, options: dict) -> str:
    """Say which call it is: of a statement its beginning, of a record the action."""
    if name == "run":
        return f"run {' '.join(args[1].text.split()[:3])}"
    if owner is Register:
        return f"put {options['action']}"
    if owner in (Spool, guardian):
        return f"{'spool' if owner is Spool else 'guardian'} {name}"
    return name


class Shifted(datetime):
    """The host's clock, off by what a file says."""

    file: Path

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + cls.offset()

    @classmethod
    def offset(cls) -> timedelta:
        try:
            return timedelta(seconds=float(cls.file.read_text()))
        except (OSError, ValueError):
            return timedelta()


def shift_clocks(file: str) -> None:
    """Have the host's and the store's clocks go by what a file says; what counts a boot stays."""
    Shifted.file = Path(file)
    setattr(clock, "datetime", Shifted)  # noqa: B010 - what every reader of the host's clock goes through
    inner = database.Database.clock

    def shifted(self, connection):
        return inner(self, connection) + Shifted.offset()

    database.Database.clock = shifted


def fill_disk() -> None:
    """Leave no room for a file of the spool, or of the guard process."""

    def write(path: Path, body: bytes) -> None:
        del body
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    spool._write_durably = write


def prepare(order: dict) -> None:
    os.environ["XDG_STATE_HOME"] = order["state"]
    if order.get("lease"):
        starting.START_LEASE_SECONDS = ending.END_LEASE_SECONDS = order["lease"]
    if order.get("start_lease"):
        starting.START_LEASE_SECONDS = order["start_lease"]
    if order.get("clock"):
        shift_clocks(order["clock"])
    if order.get("is_unguarded"):
        guardian.arm = lambda *_, **__: Armed(state=LinkState.FAILED, detail="no guard process today")
    if order.get("is_disk_full"):
        fill_disk()
    if order.get("trail"):
        life = Life(order)
        for owner, names in CALLS.items():
            for name in names:
                life.watch(owner, name)


def be_worker(order: dict) -> None:
    """Be a worker until killed, or told to end."""
    is_ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_ending.set())
    spooler = wiring.spooler_of(order["store"])
    setpoint = await_store(lambda: open_store(order), is_ending, before_store=spooler.poll_alone)
    spooler.stop()
    if setpoint is None:
        return
    context = setpoint._context
    dispatch = InProcessDispatch(1)
    health = Health(context.now())
    beat = Heartbeat(health, dispatch, lambda _: 0.0)
    beat.poll(context)
    spooling = Spooler(chain.spool_folder(context) or Path(), context.read_secret)
    worker = Worker(context, (Reconciler(), spooling, beat), dispatch, health)
    worker.start()
    tell(order, {"is_up": True})
    while not is_ending.wait(1.0):
        pass  # a signal that another thread was handed is heard only when this one wakes
    worker.stop()


def open_store(order: dict) -> Setpoint:
    return Setpoint(Setpoint.open(order["store"], actor=order.get("actor", "ada"))._context)


def do(order: dict) -> None:
    setpoint = open_store(order)
    overrides = setpoint.overrides
    match order["do"]:
        case "start":
            wish = Wish(settings=order["settings"], seconds=order["seconds"], because="the queue is full")
            done = overrides.start(order["instance"], wish)[0].override
        case "extend":
            done = overrides.extend(order["id"], seconds=order["seconds"], because="a while longer")
        case "end":
            done = overrides.end(order["id"], because="enough")
        case unknown:
            raise AssertionError(unknown)
    tell(order, {"id": done.id, "state": done.state.value, "deadline": done.deadline.isoformat()})


def tell(order: dict, answer: dict) -> None:
    beside = Path(f"{order['answer']}.part")
    beside.write_text(json.dumps(answer))
    beside.replace(order["answer"])


def live(order: dict) -> int:
    prepare(order)
    try:
        (be_worker if order["do"] == "work" else do)(order)
    except SetpointError as fault:
        tell(order, {"fault": str(fault), "kind": type(fault).__name__})
        return 1
    return 0


def die_with_parent() -> None:
    """Have the kernel kill this process when the nursery is gone, however that died."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main_loop() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            die_with_parent()
            os.setsid()
            number = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            null = os.open(os.devnull, os.O_RDONLY)
            for target, source in ((0, null), (1, number), (2, number)):
                os.dup2(source, target)
            faulthandler.register(signal.SIGUSR1)
            status = 70
            try:
                status = live(order)
            except BaseException:  # noqa: BLE001 - whatever it is, it must be shown
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    Store.open  # noqa: B018 - imported with all it needs before the first fork
    main_loop()

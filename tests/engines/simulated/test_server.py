"""The simulated server as several processes meet it: nothing is lost, and its scheduler acts by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from setpoint.config.override import LinkState
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.engines.session import drive
from setpoint.engines.simulated import ENGINE
from setpoint.engines.simulated.driver import (
    SimulatedDriver,
    forget,
    keep,
    restart,
    server_at,
    set_clock,
)
from setpoint.errors import HeldError, UnreachableError

AT = datetime(2026, 1, 1, tzinfo=UTC)
HOLD = """
import sys
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.engines.simulated.driver import SimulatedDriver
driver = SimulatedDriver(Target(instance="sim", address=sys.argv[1], secret=lambda: None))
driver.lock("ada")
print("at work", flush=True)
sys.stdin.readline()
try:
    driver.run(Request(text="set durable off", is_read_only=False))
except Exception as fault:
    print(type(fault).__name__, flush=True)
"""


@pytest.fixture(params=["memory", "file"])
def address(request, tmp_path: Path):
    made = f"memory:{uuid4()}" if request.param == "memory" else f"file:{tmp_path / 'server.json'}"
    yield made
    forget(made)


@pytest.fixture
def held(tmp_path: Path):
    """A server in a file whose lock another process has."""
    address = f"file:{tmp_path / 'server.json'}"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        yield address, holder
        holder.kill()


def connect(address: str) -> SimulatedDriver:
    return SimulatedDriver(Target(instance="sim", address=address, secret=lambda: None, timeout_seconds=30.0))


def write(address: str, *texts: str) -> None:
    with closing(connect(address)) as driver:
        for text in texts:
            driver.run(Request(text=text, is_read_only=False))


def order(seconds: float, *backs: Back) -> Order:
    return Order(
        override="o1",
        instance="sim",
        engine="simulated",
        target="",
        backs=backs or (Back(parameter="sort_memory", ours="16MB", back=None),),
        deadline=AT + timedelta(seconds=seconds),
        written_at=AT,
    )


def do(address: str, verb, given: Order):
    with closing(connect(address)) as driver:
        return drive(verb(given), driver)


def test_changes_made_at_once_are_all_kept(address):
    names = {"durable": "off", "page_cost": "2.0", "sort_memory": "8MB", "compression": "fast"}

    def change(name: str, text: str) -> None:
        for _ in range(10):
            write(address, f"reset {name}", f"set {name} {text}")

    threads = [threading.Thread(target=change, args=each) for each in names.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server_at(address).persisted == names


def test_a_process_that_is_stopped_loses_the_lock_and_writes_nothing_when_it_goes_on(held):
    address, holder = held
    holder.send_signal(signal.SIGSTOP)
    with closing(connect(address)) as driver:
        with pytest.raises(HeldError, match="ada is applying"):
            driver.lock("grace")
        driver.lock("grace", is_preempting=True)
        holder.send_signal(signal.SIGCONT)
        holder.stdin.write("go on\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == f"{UnreachableError.__name__}\n"
    assert server_at(address).persisted == {}


def test_the_lock_of_a_process_that_died_is_free(held):
    address, holder = held
    holder.kill()
    holder.wait()
    with closing(connect(address)) as driver:
        driver.lock("grace")


def test_a_server_that_somebody_does_not_let_go_of_does_not_answer(tmp_path):
    import fcntl

    address = f"file:{tmp_path / 'server.json'}"
    write(address, "set durable off")
    with (tmp_path / "server.mutex").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        target = Target(instance="sim", address=address, secret=lambda: None, timeout_seconds=0.05)
        with pytest.raises(UnreachableError, match="no answer"):
            SimulatedDriver(target)


def test_the_scheduler_acts_at_the_deadline_with_nobody_else_at_work():
    address, times = f"memory:{uuid4()}", [AT]
    set_clock(address, lambda: times[-1])
    write(address, "set sort_memory 16MB", "set durable off", "set page_cost 2.0", "reload")
    given = order(
        30,
        Back(parameter="sort_memory", ours="16MB", back="8MB"),
        Back(parameter="durable", ours="off", back=None),
        Back(parameter="page_cost", ours="3.0", back=None),
    )
    assert do(address, ENGINE.switch().arm, given).state is LinkState.ARMED
    times.append(AT + timedelta(seconds=29))
    assert server_at(address).persisted["sort_memory"] == "16MB"
    times.append(AT + timedelta(seconds=30))
    server = server_at(address)
    assert server.persisted == {"sort_memory": "8MB", "page_cost": "2.0"}
    assert (server.running["sort_memory"], server.running["durable"]) == ("8192", "on")
    assert do(address, ENGINE.switch().look, given).state is LinkState.DISARMED
    forget(address)


def test_a_server_that_was_down_acts_when_it_is_back(address):
    write(address, "set sort_memory 16MB", "reload")
    do(address, ENGINE.switch().arm, order(10**9))
    server = server_at(address)
    server.is_up = False
    server.jobs["setpoint-o1"].at = AT
    keep(address, server)
    assert server_at(address).persisted == {"sort_memory": "16MB"}
    restart(address)
    assert server_at(address).persisted == {}


@pytest.mark.parametrize(("scheduler", "state"), [("off", LinkState.FAILED), ("none", LinkState.ABSENT)])
def test_a_scheduler_that_is_off_or_not_there_is_told_and_not_turned_on(address, scheduler, state):
    server = server_at(address)
    server.scheduler = scheduler
    keep(address, server)
    armed = do(address, ENGINE.switch().arm, order(60))
    assert armed.state is state
    assert armed.detail
    assert server_at(address).scheduler == scheduler
    assert server_at(address).jobs == {}

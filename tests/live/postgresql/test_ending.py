"""Overrides end on real servers: the instance is taken from who stopped, and put back with all else dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from tests.control.overrides.ordering import wait_until

from setpoint.config.override import LinkKind, LinkState
from setpoint.control.clock import boot_moment, moment_after
from setpoint.control.overrides import guardian
from setpoint.control.overrides.spool import Spool
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.driver import PostgresDriver
from setpoint.engines.session import drive
from setpoint.errors import NotPermittedError, UnreachableError

HOLD = """
import sys
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.engines.postgresql import ENGINE
driver = ENGINE.connect(
    Target(instance="pg", address=sys.argv[1], secret=lambda: None), is_read_only=False
)
driver.lock("apply by ada")
print("at work", flush=True)
sys.stdin.readline()
try:
    driver.run(Request(text="ALTER SYSTEM SET work_mem = '64MB'", is_read_only=False))
except Exception as fault:
    print(type(fault).__name__, flush=True)
else:
    print("written", flush=True)
"""
ARM = """
import sys, time
from pathlib import Path
import msgspec
from setpoint.control.overrides import guardian
from setpoint.engines.order import Order
order = msgspec.json.decode(sys.argv[2], type=Order)
print(guardian.arm(Path(sys.argv[1]), order).state.value, flush=True)
time.sleep(600)
"""


@pytest.fixture
def server(postgresql):
    yield postgresql
    if not postgresql.is_running:
        postgresql.start()
    write(postgresql, "ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")


@pytest.fixture
def folder(tmp_path: Path):
    made = tmp_path / "guardian"
    yield made
    for order in Spool(made).orders():
        guardian.disarm(made, order.override)


def write(server, *statements: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def is_back(server) -> bool:
    try:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            running = connection.execute("SHOW work_mem").fetchone()
            entries = connection.execute(
                "SELECT setting FROM pg_file_settings WHERE name = 'work_mem'"
            ).fetchall()
    except psycopg.OperationalError:
        return False
    return running == ("4MB",) and not entries


def override(server, seconds: float, *, password: str = "", target: str = "") -> Order:
    write(server, "ALTER SYSTEM SET work_mem = '48MB'", "SELECT pg_reload_conf()")
    now = datetime.now(UTC)
    return Order(
        override="o1",
        instance="pg",
        engine="postgresql",
        target=target or server.dsn,
        password=password,
        backs=(Back(parameter="work_mem", ours="48MB", back=None),),
        deadline=now + timedelta(seconds=seconds),
        deadline_moment=moment_after(boot_moment(), seconds),
        written_at=now,
    )


def connect(address: str):
    return ENGINE.connect(Target(instance="pg", address=address, secret=lambda: None), is_read_only=False)


def test_a_holder_that_is_stopped_loses_the_lock_and_writes_nothing_when_it_goes_on(server):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, server.dsn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdin
        assert holder.stdout.readline() == "at work\n"
        os.kill(holder.pid, signal.SIGSTOP)
        with closing(connect(server.dsn)) as driver:
            driver.lock("ending", is_preempting=True)
            os.kill(holder.pid, signal.SIGCONT)
            holder.stdin.write("go on\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == f"{UnreachableError.__name__}\n"
        assert holder.wait(30) == 0
    assert is_back(server)


def test_a_statement_that_is_under_way_is_ended_with_its_session(server):
    with closing(connect(server.dsn)) as first, closing(connect(server.dsn)) as second:
        first.lock("apply by ada")
        pid = first.run(Request(text="SELECT pg_backend_pid()")).rows[0][0]
        assert isinstance(first, PostgresDriver)
        first._connection.send_query(b"SELECT pg_sleep(600)")
        second.lock("ending", is_preempting=True)
        found = second.run(Request(text=f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"))
        assert found.rows == (("0",),)


def test_a_login_that_may_not_end_the_holder_is_told(server):
    write(server, "CREATE ROLE lesser LOGIN")
    with closing(connect(server.dsn)) as first, closing(connect(server.dsn_for(user="lesser"))) as second:
        first.lock("apply by ada")
        with pytest.raises(NotPermittedError):
            second.lock("ending", is_preempting=True)
    write(server, "DROP ROLE lesser")


def test_a_server_without_pg_cron_says_so(server):
    switch = ENGINE.switch()
    order = override(server, 60)
    with closing(connect(server.dsn)) as driver:
        for verb in (switch.arm, switch.look, switch.disarm):
            armed = drive(verb(order), driver)
            assert (armed.state, armed.detail) == (LinkState.ABSENT, "pg_cron is not loaded")


def test_with_everything_else_dead_the_guard_process_ends_it(server, folder):
    import msgspec

    order = override(server, 2)
    words = [sys.executable, "-c", ARM, str(folder), msgspec.json.encode(order).decode()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as starter:
        assert starter.stdout
        assert starter.stdout.readline() == "armed\n"
        os.killpg(starter.pid, signal.SIGKILL)
    wait_until(lambda: is_back(server))
    wait_until(Spool(folder).outcomes)
    outcome = Spool(folder).outcomes()["o1"]
    assert (outcome.link, outcome.was_touched) == (LinkKind.GUARD_PROCESS, True)
    assert outcome.at >= order.deadline


def test_the_guard_process_takes_the_instance_from_one_that_is_stopped(server, folder):
    order = override(server, 0.5)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, server.dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdin
        holder.stdout.readline()
        os.kill(holder.pid, signal.SIGSTOP)
        assert guardian.arm(folder, order).state is LinkState.ARMED
        wait_until(lambda: is_back(server))
        os.kill(holder.pid, signal.SIGCONT)
        holder.stdin.close()
        assert holder.stdout.readline() == f"{UnreachableError.__name__}\n"
    assert is_back(server)


def test_the_guard_process_and_the_server_restart_across_the_deadline(server, folder):
    order = override(server, 1)
    assert guardian.arm(folder, order).state is LinkState.ARMED
    number = int(guardian.look(folder, order).detail.split()[1])
    server.stop("immediate")
    os.kill(number, signal.SIGKILL)
    wait_until(lambda: guardian.look(folder, order).state is LinkState.FAILED)
    assert guardian.revive(folder)
    wait_until(Spool(folder).troubles)
    server.start()
    wait_until(lambda: is_back(server))
    wait_until(Spool(folder).outcomes)


def test_the_guard_process_leaves_a_persons_later_change(server, folder):
    order = override(server, 0.5)
    assert guardian.arm(folder, order).state is LinkState.ARMED
    write(server, "ALTER SYSTEM SET work_mem = '32MB'", "SELECT pg_reload_conf()")
    wait_until(Spool(folder).outcomes)
    assert [each.found for each in Spool(folder).outcomes()["o1"].clashes] == ["32MB"]
    with psycopg.connect(server.dsn) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("32MB",)


def test_a_password_is_read_by_the_guard_process_and_written_nowhere(server, folder, monkeypatch, tmp_path):
    write(server, "CREATE ROLE ender SUPERUSER LOGIN PASSWORD 'hush-hush'")
    hba = server.data_dir / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text("host all ender all scram-sha-256\nlocal all ender scram-sha-256\n" + before)
    write(server, "SELECT pg_reload_conf()")
    try:
        monkeypatch.setenv("ENDER_PASSWORD", "hush-hush")
        order = override(server, 1, password="env:ENDER_PASSWORD", target=server.dsn_for(user="ender"))
        armed = guardian.arm(folder, order)
        assert armed.state is LinkState.ARMED, armed.detail
        wait_until(lambda: is_back(server))
        written = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert not any(b"hush-hush" in body for body in written)
    finally:
        hba.write_text(before)
        write(server, "SELECT pg_reload_conf()", "DROP ROLE ender")

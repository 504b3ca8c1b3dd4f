"""Overrides end on real servers: the instance is taken from who stopped, and put back with all else dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pymysql
import pytest
from tests.chaos.site import await_that
from tests.chaos.site_mysql import ENGINES, OURS, PARAMETER, THEIRS, MysqlSite, clear, set_by_hand
from tests.live.mysql.scene import agent_command, by_hand, running

from setpoint.config.configuration import Instance
from setpoint.config.override import LinkKind, LinkState
from setpoint.control.clock import boot_moment, moment_after
from setpoint.control.overrides import guardian
from setpoint.control.overrides.spool import Spool
from setpoint.engines.mysql.driver import MysqlDriver
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.errors import NotPermittedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

HOLD = """
import sys
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.engines.registry import get_engine
target = Target(instance="db", address=sys.argv[2], secret=lambda: None)
driver = get_engine(sys.argv[1]).connect(target, is_read_only=False)
driver.lock("apply by ada")
print("at work", flush=True)
sys.stdin.readline()
try:
    driver.run(Request(text="SET GLOBAL sort_buffer_size = 65536", is_read_only=False))
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
def server(mysql_family_each):
    clear(mysql_family_each)
    yield mysql_family_each
    if not mysql_family_each.is_running:
        mysql_family_each.start()
    clear(mysql_family_each)


@pytest.fixture
def folder(tmp_path: Path):
    made = tmp_path / "guardian"
    yield made
    for order in Spool(made).orders():
        guardian.disarm(made, order.override)


@pytest.fixture
def before(server) -> str:
    return running(server, PARAMETER)


def holder_of(server) -> subprocess.Popen[str]:
    """Start a process that holds the apply lock and writes once it is told to."""
    words = [sys.executable, "-c", HOLD, server.binaries.kind, server.dsn]
    started = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "at work\n"
    return started


def is_back(server, before: str) -> bool:
    with suppress(pymysql.OperationalError):
        kept = ()
        if server.binaries.kind == "mysql":
            kept = by_hand(server, "SELECT * FROM performance_schema.persisted_variables")
        return running(server, PARAMETER) == before and not kept
    return False


def override(server, seconds: float, *, password: str = "", target: str = "") -> Order:
    """Override it by hand; answer the order that puts it back."""
    before = running(server, PARAMETER)
    set_by_hand(server, PARAMETER, OURS)
    now = datetime.now(UTC)
    is_kept = server.binaries.kind == "mysql"
    back = Back(parameter=PARAMETER, ours=OURS, back=None if is_kept else before, running=before)
    return Order(
        override="o1",
        instance="db",
        engine=server.binaries.kind,
        target=target or server.dsn,
        password=password,
        backs=(back,),
        deadline=now + timedelta(seconds=seconds),
        deadline_moment=moment_after(boot_moment(), seconds),
        written_at=now,
    )


def connect(server, *, user: str = "root"):
    target = Target(instance="db", address=server.dsn_for(user=user), secret=lambda: None)
    return ENGINES[server.binaries.kind].connect(target, is_read_only=False)


def test_a_holder_that_is_stopped_loses_the_lock_and_writes_nothing_when_it_goes_on(server, before):
    with holder_of(server) as holder:
        os.kill(holder.pid, signal.SIGSTOP)
        with closing(connect(server)) as driver:
            driver.lock("ending", is_preempting=True)
            os.kill(holder.pid, signal.SIGCONT)
            holder.stdin.write("go on\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == f"{UnreachableError.__name__}\n"
        assert holder.wait(30) == 0
    assert running(server, PARAMETER) == before


def test_a_statement_that_is_under_way_is_ended_with_its_session(server):
    with closing(connect(server)) as first, closing(connect(server)) as second:
        first.lock("apply by ada")
        number = first.run(Request(text="SELECT CONNECTION_ID()")).rows[0][0]
        assert isinstance(first, MysqlDriver)
        send: Callable[[int, str], None] = first._connection._execute_command  # type: ignore[attr-defined]
        send(3, "SELECT SLEEP(600)")
        asked = f"SELECT info FROM information_schema.processlist WHERE id = {number}"
        await_that(lambda: "SLEEP" in str(by_hand(server, asked)), "it is under way")
        second.lock("ending", is_preempting=True)
        await_that(lambda: by_hand(server, asked) == (), "its session is over")


def test_a_login_that_may_not_end_the_holder_is_told(server):
    by_hand(server, "CREATE USER lesser@localhost")
    try:
        with closing(connect(server)) as first, closing(connect(server, user="lesser")) as second:
            first.lock("apply by ada")
            with pytest.raises(NotPermittedError, match="not owner of thread"):
                second.lock("ending", is_preempting=True)
    finally:
        by_hand(server, "DROP USER lesser@localhost")


def test_with_everything_else_dead_the_guard_process_ends_it(server, folder, before):
    order = override(server, 2)
    words = [sys.executable, "-c", ARM, str(folder), msgspec.json.encode(order).decode()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as starter:
        assert starter.stdout.readline() == "armed\n"
        os.killpg(starter.pid, signal.SIGKILL)
    await_that(lambda: is_back(server, before), "it is back")
    await_that(Spool(folder).outcomes, "it was told")
    outcome = Spool(folder).outcomes()["o1"]
    assert (outcome.link, outcome.was_touched) == (LinkKind.GUARD_PROCESS, True)
    assert outcome.at >= order.deadline


@pytest.mark.slow
def test_the_guard_process_takes_the_instance_from_one_that_is_stopped(server, folder, before):
    order = override(server, 0.5)
    with holder_of(server) as holder:
        os.kill(holder.pid, signal.SIGSTOP)
        assert guardian.arm(folder, order).state is LinkState.ARMED
        await_that(lambda: is_back(server, before), "it is back")
        os.kill(holder.pid, signal.SIGCONT)
        holder.stdin.close()
        assert holder.stdout.readline() == f"{UnreachableError.__name__}\n"
    assert is_back(server, before)


@pytest.mark.slow
def test_the_guard_process_and_the_server_restart_across_the_deadline(server, folder, before):
    order = override(server, 1)
    assert guardian.arm(folder, order).state is LinkState.ARMED
    number = int(guardian.look(folder, order).detail.split()[1])
    server.stop("immediate")
    os.kill(number, signal.SIGKILL)
    await_that(lambda: guardian.look(folder, order).state is LinkState.FAILED, "it is dead")
    assert guardian.revive(folder)
    await_that(Spool(folder).troubles, "it tried in vain")
    server.start()
    await_that(lambda: is_back(server, before), "it is back")
    await_that(Spool(folder).outcomes, "it was told")


def test_the_guard_process_leaves_a_persons_later_change(server, folder):
    order = override(server, 0.5)
    assert guardian.arm(folder, order).state is LinkState.ARMED
    set_by_hand(server, PARAMETER, THEIRS)
    await_that(Spool(folder).outcomes, "it was told")
    assert [each.found for each in Spool(folder).outcomes()["o1"].clashes] == [THEIRS]
    assert running(server, PARAMETER) == THEIRS


def test_a_password_is_read_by_the_guard_process_and_written_nowhere(server, folder, before, monkeypatch):
    by_hand(
        server,
        "CREATE USER ender@localhost IDENTIFIED BY 'hush-hush'",
        "GRANT ALL ON *.* TO ender@localhost",
    )
    try:
        monkeypatch.setenv("ENDER_PASSWORD", "hush-hush")
        order = override(server, 1, password="env:ENDER_PASSWORD", target=server.dsn_for(user="ender"))
        armed = guardian.arm(folder, order)
        assert armed.state is LinkState.ARMED, armed.detail
        await_that(lambda: is_back(server, before), "it is back")
        written = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert not any(b"hush-hush" in body for body in written)
    finally:
        by_hand(server, "DROP USER ender@localhost")


LINE = "1048576"
"""What the managed file says."""


@pytest.fixture
def managed(mariadb_each, tmp_path):
    """A site whose parameter has a line in the managed file, which runs; and its host."""
    site = MysqlSite(tmp_path, mariadb_each)
    instance = Instance(engine="mariadb", target=mariadb_each.dsn, agent_command=agent_command(mariadb_each))
    site.setpoint.change_instance("shop", instance, reason="it has an agent")
    site.setpoint.change_settings("instance:shop", {PARAMETER: LINE}, reason="wanted")
    site.setpoint.apply(site.setpoint.plan("shop").plan)
    host = site.host()
    yield site, host
    for order in Spool(host.state / "guardian").orders():
        guardian.disarm(host.state / "guardian", order.override)
    site.setpoint.close()
    mariadb_each.fragment_path.unlink()
    if not mariadb_each.is_running:
        mariadb_each.start()
    clear(mariadb_each)


def links(override) -> dict[LinkKind, LinkState]:
    return {link.kind: link.state for link in override.links}


def test_a_restart_ends_an_override_over_a_line_in_the_managed_file_and_the_chain_says_so(managed):
    site, host = managed
    override = site.start(host, seconds=3600.0)
    assert links(override)[LinkKind.RUNTIME_ONLY] is LinkState.ARMED
    assert running(site.server, PARAMETER) == OURS
    site.server.stop("immediate")
    site.server.start()
    assert running(site.server, PARAMETER) == LINE


@pytest.mark.parametrize("line", [THEIRS, OURS], ids=["another", "the override's own"])
def test_a_restart_that_would_bring_another_value_than_ran_is_no_link(managed, line):
    """What runs was set by hand, and the file says something else: a restart is not the way back."""
    site, host = managed
    site.setpoint.change_settings("instance:shop", {PARAMETER: line}, reason="wanted")
    site.setpoint.apply(site.setpoint.plan("shop").plan)
    by_hand(site.server, f"SET GLOBAL {PARAMETER} = 2097152")
    override = site.start(host, seconds=3600.0, **{PARAMETER: "3145728" if line == THEIRS else OURS})
    assert LinkKind.RUNTIME_ONLY not in links(override)
    site.server.stop("immediate")
    site.server.start()
    assert running(site.server, PARAMETER) == line

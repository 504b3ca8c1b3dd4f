"""The driver against a database that answers, refuses, hangs and ends its session."""

from __future__ import annotations

import gc
import socket
import threading
from contextlib import closing

import oracledb
import pytest
from tests.engines.oracle.client import client_error, error

from setpoint.engines.oracle import ENGINE
from setpoint.engines.oracle.driver import OracleDriver
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.errors import (
    ApplyError,
    HeldError,
    InputError,
    NotPermittedError,
    RefusedError,
    UnavailableError,
    UnreachableError,
)

SET = Request(text="ALTER SYSTEM SET open_cursors = 500 SCOPE=BOTH SID='*'", is_read_only=False)


def target(address, *, timeout_seconds=1.0):
    return Target(instance="ora", address=address, secret=lambda: "tiger", timeout_seconds=timeout_seconds)


def raising(fault):
    def connect(**_):
        raise fault

    return connect


def test_an_observation_is_one_statement_with_its_mark(stage):
    with closing(stage.connect(is_read_only=True)) as driver:
        said = []
        execute = driver._connection.execute
        driver._connection.execute = lambda text, binds: said.append(text) or execute(text, binds)
        reply = driver.run(ENGINE.observe(driver.version))
    assert len(said) == 1
    assert said[0].startswith("SELECT /* setpoint:observe */")
    assert reply.fallback == 0


def test_a_call_is_limited_to_half_of_the_targets_time(stage):
    with closing(stage.connect()) as driver:
        driver.run(ENGINE.entry("open_cursors"))
        assert driver._connection.call_timeout == 500


def test_a_reader_does_not_write(stage):
    with (
        closing(stage.connect(is_read_only=True)) as driver,
        pytest.raises(RefusedError, match="for reading"),
    ):
        driver.run(SET)
    assert stage.setting("open_cursors").value == "50"


def test_a_login_that_sees_less_is_asked_less_and_that_is_remembered(stage):
    stage.database.unseen = {"v$osstat"}
    with closing(stage.connect(is_read_only=True)) as driver:
        assert driver.run(ENGINE.observe(driver.version)).fallback == 2
        stage.database.unseen = set()
        assert driver.run(ENGINE.observe(driver.version)).fallback == 2
    stage.database.unseen = {"v$system_parameter"}
    with pytest.raises(NotPermittedError, match="ORA-00942"):
        stage.look()


def test_a_call_that_hangs_is_told_and_its_connection_given_up(stage):
    with closing(stage.connect()) as driver:
        driver._connection.hangs = True
        with pytest.raises(UnreachableError, match="call timeout"):
            driver.run(SET)
        with pytest.raises(UnreachableError, match="closed"):
            driver.run(SET)
        driver.reconnect(1.0)
        driver.run(SET)
    assert stage.setting("open_cursors").value == "500"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_login_that_is_never_answered_ends_in_time(stage, monkeypatch):
    monkeypatch.undo()
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        with pytest.raises(UnreachableError, match="while connecting"):
            OracleDriver(
                target(f"host=127.0.0.1 port={port} service=x user=u", timeout_seconds=0.3), is_read_only=True
            )
        mute.accept()[0].close()
    # The thread that asked ends with its socket, which the client leaves to the collector.
    for thread in threading.enumerate():
        if thread.name == "setpoint-oracle-login":
            thread.join(10)
    gc.collect()


def test_a_port_where_nobody_listens_is_unreachable(stage, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(UnreachableError, match="DPY-6005"):
        OracleDriver(target("host=127.0.0.1 port=1 service=x user=u"), is_read_only=True)


def test_a_login_that_comes_too_late_is_closed(stage, monkeypatch):
    may_answer, was_closed = threading.Event(), threading.Event()

    class Late:
        def close(self):
            was_closed.set()

    def connect(**_):
        may_answer.wait(10)
        return Late()

    monkeypatch.setattr(oracledb, "connect", connect)
    with pytest.raises(UnreachableError, match="while connecting"):
        OracleDriver(target(stage.target.address, timeout_seconds=0.05), is_read_only=True)
    may_answer.set()
    assert was_closed.wait(10)


@pytest.mark.parametrize("code", [1017, 12514, 12541, 28000, 1034, 1033])
def test_whoever_is_not_let_in_is_told_so_without_the_password(stage, monkeypatch, code):
    monkeypatch.setattr(oracledb, "connect", raising(error(code, "no entry for tiger")))
    with pytest.raises(UnreachableError) as caught:
        stage.connect()
    assert f"ORA-{code:05}" in str(caught.value)
    assert "tiger" not in str(caught.value)
    assert "http" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1031, NotPermittedError),
        (942, NotPermittedError),
        (2095, RefusedError),
        (2097, RefusedError),
        (32017, RefusedError),
        (54, UnavailableError),
        (3113, UnreachableError),
        (1089, UnreachableError),
        (28, UnreachableError),
    ],
)
def test_errors_are_told_apart_by_what_to_do_next(stage, code, kind):
    with closing(stage.connect()) as driver:

        def execute(_text, _binds):
            raise error(code, "words of the server")

        driver._connection.execute = execute
        with pytest.raises(kind, match="words of the server") as caught:
            driver.run(SET)
    assert type(caught.value) is kind


def test_a_client_that_lost_its_connection_is_unreachable(stage):
    with closing(stage.connect()) as driver:

        def execute(_text, _binds):
            raise client_error(4011, "the database or network closed the connection")

        driver._connection.execute = execute
        with pytest.raises(UnreachableError, match="DPY-4011"):
            driver.run(SET)


def test_a_session_killed_in_mid_change_leaves_the_old_state(stage):
    plan = stage.plan({"open_cursors": "500", "undo_retention": "1200"})
    with closing(stage.connect()) as driver:
        application, run = stage.application(driver, plan), driver.run
        written = []

        def killed_after_the_first(request):
            reply = run(request)
            if not request.is_read_only and not written:
                written.append(request)
                stage.database.kill(driver._connection.sid)
            return reply

        driver.run = killed_after_the_first
        with pytest.raises(ApplyError) as caught:
            application.run()
    assert caught.value.state == "old"
    assert stage.setting("open_cursors").value == "50"
    assert stage.setting("open_cursors").entry is None


def test_an_entry_is_written_only_where_it_is_what_was_looked_at(stage):
    with closing(stage.connect()) as driver:
        driver.run(ENGINE.unless_moved(SET, "open_cursors", None))
        for seen in (None, "50", "0500"):
            with pytest.raises(UnavailableError, match="changed in this very moment"):
                driver.run(ENGINE.unless_moved(SET, "open_cursors", seen))
        driver.run(ENGINE.unless_moved(SET, "open_cursors", "500"))


def test_an_empty_entry_is_told_from_none(stage):
    def entry():
        with closing(stage.connect()) as driver:
            return ENGINE.read_entry("fal_client", driver.run(ENGINE.entry("fal_client")))

    assert entry() is None
    stage.database.meddle("fal_client", "")
    assert entry() == ""
    assert stage.setting("fal_client").entry.text == ""


def test_without_dbms_lock_nothing_is_applied_and_the_grant_is_named(stage):
    stage.database.packages.remove("DBMS_LOCK")
    with pytest.raises(NotPermittedError, match="DBMS_LOCK") as caught:
        stage.apply({"open_cursors": "500"})
    assert "grant EXECUTE on DBMS_LOCK" in caught.value.next_step


def test_a_long_holder_is_named_as_far_as_the_server_keeps_it(stage):
    with closing(stage.connect()) as first, closing(stage.connect()) as second:
        first.lock("grüße " * 20)
        with pytest.raises(HeldError, match="grüße"):
            second.lock("ada")


def test_a_holder_that_cannot_be_seen_cannot_be_preempted(stage):
    with closing(stage.connect()) as first, closing(stage.connect()) as second:
        first.lock("ada")
        stage.database.unseen = {"gv$session"}
        with pytest.raises(HeldError, match="may not see"):
            second.lock("grace")
        with pytest.raises(NotPermittedError, match="which session"):
            second.lock("grace", is_preempting=True)


def test_preemption_without_the_right_to_kill_is_told(stage):
    with closing(stage.connect()) as first, closing(stage.connect()) as second:
        first.lock("ada")
        stage.database.privileges = set()
        with pytest.raises(NotPermittedError, match="ORA-01031"):
            second.lock("grace", is_preempting=True)


def test_a_server_that_is_down_is_waited_for(stage):
    with closing(stage.connect()) as driver:
        stage.database.is_up = False
        with pytest.raises(UnreachableError, match="ORA-01034"):
            driver.reconnect(0.3)
        threading.Timer(0.2, stage.database.start).start()
        driver.reconnect(5.0)
        driver.run(SET)


@pytest.mark.parametrize(
    "address",
    ["", "host=a", "host=a service=b dsn=c", "host=a service=b port=x", "host=a service=b port=70000",
     "host=a service=b mode=root", "host=a service=b protocol=ipc", "host=a service=b password=tiger",
     "dsn=scott/tiger@db/x", "host=a service='b", "hello"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_being_quoted(address):
    with pytest.raises(InputError) as caught:
        ENGINE.connect(target(address), is_read_only=True)
    assert "tiger" not in str(caught.value)
    assert "host=..." in caught.value.next_step


def test_an_address_can_be_a_descriptor_and_the_login_a_dba(stage):
    stage.listener.services["(DESCRIPTION=(ADDRESS=x))"] = (stage.database, 0)
    driver = ENGINE.connect(target("dsn='(DESCRIPTION=(ADDRESS=x))' user=sys mode=sysdba"), is_read_only=True)
    driver.close()
    asked = stage.listener.asked[-1]
    assert asked["mode"] is oracledb.AUTH_MODE_SYSDBA
    assert "host" not in asked


def test_one_server_has_one_name_however_it_is_addressed():
    one = ENGINE.server_of("host=DB1.example. service=Sales user=ada")
    assert one == "db1.example:1521/sales"
    assert ENGINE.server_of("dsn=db1.example/sales user=grace") == one
    assert ENGINE.server_of("host=db1.example port=1521 service=sales sid=Orcl1") == f"{one}/orcl1"
    assert ENGINE.server_of("dsn=SALES") == "sales"
    assert ENGINE.server_of("not  an address") == "not an address"


def test_a_driver_shows_no_secrets(stage):
    with closing(stage.connect()) as driver:
        assert repr(driver) == "OracleDriver('ora')"

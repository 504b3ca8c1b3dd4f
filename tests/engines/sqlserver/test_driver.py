"""The connection: what it answers, what it makes of the server's errors, and when it gives up."""

from __future__ import annotations

import socket
from contextlib import closing

import pymssql
import pytest
from tests.engines.sqlserver.estate import ADMIN
from tests.engines.sqlserver.stage import apply, plan_for, target_of, values
from tests.engines.sqlserver.wire import PASSWORD

from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.engines.sqlserver import ENGINE
from setpoint.errors import (
    HeldError,
    InputError,
    NotPermittedError,
    RefusedError,
    StalePlanError,
    UnreachableError,
)

READING = Request(text="SELECT 1;")


@pytest.fixture
def driver(server):
    with closing(ENGINE.connect(target_of(server), is_read_only=False)) as connected:
        yield connected


def test_the_version_is_known_from_connecting(driver):
    assert str(driver.version) == "16.0.4135.4"
    assert repr(driver) == "SqlServerDriver('ms')"


def test_rows_of_all_result_sets_answer_in_turn(driver):
    reply = driver.run(Request(text="SELECT N'a', 1; SELECT N'ü€', NULL; SET NOCOUNT ON; SELECT N'', -5;"))
    assert reply.rows == (("a", 1), ("ü€", None), ("", -5))


def test_a_wrong_password_is_told_and_never_shown(server):
    target = Target(instance="ms", address=server.address, secret=lambda: "wrong horse")
    with pytest.raises(UnreachableError, match=r"Login failed for user 'sa'|refused") as caught:
        ENGINE.connect(target, is_read_only=True)
    assert "wrong horse" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_login_that_nobody_knows_is_told(server):
    with pytest.raises(UnreachableError, match=r"Login failed|refused"):
        ENGINE.connect(target_of(server, user="nobody"), is_read_only=True)


def test_a_server_that_is_not_there_is_told(server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"host=127.0.0.1 port={free.getsockname()[1]} user=sa"
    with pytest.raises(UnreachableError) as caught:
        ENGINE.connect(Target(instance="ms", address=address, secret=lambda: PASSWORD), is_read_only=True)
    assert "Unable to connect" in str(caught.value)
    assert "Login failed" not in str(caught.value)


@pytest.mark.parametrize("encryption", ["off", "request", "require"])
def test_the_connection_is_encrypted_as_the_target_says(server, encryption):
    address = f"{server.address} encryption={encryption}"
    target = Target(instance="ms", address=address, secret=lambda: PASSWORD)
    with closing(ENGINE.connect(target, is_read_only=True)) as driver:
        assert driver.run(READING).rows == ((1,),)
        [client] = server.clients
        assert client.session_encrypted == (encryption == "require")


@pytest.mark.parametrize(
    "address",
    ["", "db1", "host=", "host=a port=x", "host=a port=0", "host=a port=99999", "host=a hots=b",
     "host=a host=b", "host='a", "host=a password=hush", "host=a encryption=none"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(address):
    with pytest.raises(InputError) as caught:
        ENGINE.connect(Target(instance="ms", address=address, secret=lambda: None), is_read_only=True)
    assert "hush" not in str(caught.value)


def test_a_server_that_accepts_and_says_nothing_ends_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"host=127.0.0.1 port={silent.getsockname()[1]} user=sa"
        target = Target(instance="ms", address=address, secret=lambda: PASSWORD, timeout_seconds=0.3)
        with pytest.raises(UnreachableError, match=r"no answer within 0.3 s while connecting"):
            ENGINE.connect(target, is_read_only=True)


def test_a_server_that_hangs_ends_the_request_in_time_and_the_connection_is_gone(server):
    with closing(ENGINE.connect(target_of(server, timeout_seconds=0.3), is_read_only=True)) as driver:
        server.is_hanging = True
        with pytest.raises(UnreachableError, match=r"no answer within 0.3 s"):
            driver.run(READING)
        with pytest.raises(UnreachableError, match="connection is closed"):
            driver.run(READING)
        server.is_hanging = False
        driver.reconnect(5)
        assert driver.run(READING).rows == ((1,),)


def test_a_short_timeout_does_not_cut_another_targets_requests_short(server, monkeypatch):
    """The library has one timeout for the whole process, whichever connection set it last."""
    asked = []

    def connect(**how):
        asked.append((how["timeout"], how["login_timeout"]))
        return original(**how)

    original = pymssql.connect
    monkeypatch.setattr(pymssql, "connect", connect)
    for seconds in (29.5, 1):
        ENGINE.connect(target_of(server, timeout_seconds=seconds), is_read_only=True).close()
    assert asked == [(30, 30), (30, 30)]


def test_a_connection_lost_before_the_answer_is_told_and_can_be_made_again(server, driver):
    server.is_dropping = True
    with pytest.raises(UnreachableError):
        driver.run(READING)
    driver.reconnect(5)
    assert driver.run(READING).rows == ((1,),)


def test_reconnecting_gives_up_when_the_time_is_over(server, driver):
    server.shutdown()
    server.server_close()
    server.end_connections()
    with pytest.raises(UnreachableError):
        driver.reconnect(0.5)


def test_a_connection_for_reading_writes_nothing(server):
    stood = values(server)
    with (
        closing(ENGINE.connect(target_of(server), is_read_only=True)) as driver,
        pytest.raises(RefusedError, match="opened for reading"),
    ):
        driver.run(Request(text="EXEC sp_configure 'nested triggers', 0;", is_read_only=False))
    assert values(server) == stood
    assert not any("nested" in text for text in server.batches)


def test_lesser_texts_are_tried_where_the_login_may_not_and_remembered(server, driver):
    server.add_login("sa", ADMIN - {"ALTER SETTINGS"})
    with closing(ENGINE.connect(target_of(server), is_read_only=False)) as lesser:
        request = Request(text="RECONFIGURE;", is_read_only=False, fallbacks=("SELECT 2;",))
        assert (lesser.run(request).rows, lesser.run(request).fallback) == (((2,),), 1)
        assert sum(text == "RECONFIGURE;" for text in server.batches) == 1
        with pytest.raises(NotPermittedError, match="RECONFIGURE"):
            lesser.run(Request(text="RECONFIGURE;", is_read_only=False))


def test_reconfigure_inside_a_transaction_is_refused_with_what_to_do(driver):
    driver.run(Request(text="BEGIN TRANSACTION;", is_read_only=False))
    with pytest.raises(RefusedError, match="inside a user transaction") as caught:
        driver.run(Request(text="RECONFIGURE;", is_read_only=False))
    assert "end the transaction" in caught.value.next_step


def test_a_guard_that_finds_another_entry_keeps_the_batch_from_running(server, driver):
    request = Request(text="EXEC sp_configure 'nested triggers', 0;", is_read_only=False)
    guarded = ENGINE.unless_moved(request, "nested_triggers", "0")
    with pytest.raises(StalePlanError, match="changed in this very moment"):
        driver.run(guarded)
    assert values(server)["nested triggers"] == (1, 1)
    driver.run(ENGINE.unless_moved(request, "nested_triggers", "1"))
    assert values(server)["nested triggers"] == (0, 1)


def test_whoever_holds_the_instance_is_named(server, driver):
    driver.lock("apply by ada")
    driver.lock("apply by ada")
    with (
        closing(ENGINE.connect(target_of(server), is_read_only=False)) as second,
        pytest.raises(HeldError, match="being changed by apply by ada"),
    ):
        second.lock("apply by grace")


def test_a_holder_that_may_not_be_seen_may_not_be_ended_either(server, driver):
    server.add_login("lesser", frozenset({"VIEW SERVER STATE"}))
    driver.lock("apply by ada")
    with closing(ENGINE.connect(target_of(server, user="lesser"), is_read_only=False)) as second:
        with pytest.raises(NotPermittedError, match="KILL"):
            second.lock("ending", is_preempting=True)
        driver.run(READING)


def test_a_holder_is_not_seen_without_the_right_to(server, driver):
    server.add_login("lesser", frozenset({"ALTER ANY CONNECTION"}))
    driver.lock("apply by ada")
    with closing(ENGINE.connect(target_of(server, user="lesser"), is_read_only=False)) as second:
        with pytest.raises(HeldError, match="grant VIEW SERVER STATE"):
            second.lock("ending")
        with pytest.raises(NotPermittedError, match="VIEW SERVER STATE"):
            second.lock("ending", is_preempting=True)


def test_an_interrupt_while_waiting_leaves_no_half_used_connection(server, driver, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("setpoint.engines.sqlserver.driver._Call.is_done_within", interrupt)
        with pytest.raises(KeyboardInterrupt):
            driver.run(READING)
    with pytest.raises(UnreachableError, match="closed"):
        driver.run(READING)
    driver.reconnect(5)
    assert driver.run(READING).rows == ((1,),)


def test_the_lock_goes_with_the_connection(server, driver):
    driver.lock("apply by ada")
    server.end_connections()
    driver.reconnect(5)
    driver.lock("apply by ada")


def test_a_change_over_a_connection_that_drops_ends_in_the_old_state(server):
    stood = values(server)
    plan = plan_for(server, {"nested_triggers": "off"})
    original = server.estate.answer
    fuse = iter([True])

    def answer(session, text):
        rows = original(session, text)
        if "sp_configure" in text and next(fuse, False):
            server.is_dropping = True
        return rows

    server.estate.answer = answer
    with pytest.raises(RefusedError, match="everything was taken back"):
        apply(server, plan)
    assert values(server) == stood

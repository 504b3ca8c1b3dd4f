"""The driver against servers that answer, refuse, hang and go away."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from setpoint.engines import session
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.driver import PostgresDriver
from setpoint.errors import (
    HeldError,
    InputError,
    NotPermittedError,
    RefusedError,
    UnavailableError,
    UnreachableError,
)


def connect(address, *, secret=None, timeout_seconds=5.0, is_read_only=True):
    target = Target(instance="pg", address=address, secret=lambda: secret, timeout_seconds=timeout_seconds)
    return PostgresDriver(target, is_read_only=is_read_only)


@pytest.fixture
def driver(postgresql):
    driver = connect(postgresql.dsn, is_read_only=False)
    yield driver
    driver.close()


@pytest.fixture
def mute():
    """A port that accepts and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def relay(postgresql):
    """A relay to the server that can stop passing on what the server says."""
    info = conninfo_to_dict(postgresql.dsn)
    host, port = str(info["host"]), int(info["port"] or 0)
    is_mute = threading.Event()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    open_sockets = [listener]

    def pump(source, sink, *, may_mute):
        try:
            while data := source.recv(65536):
                if not (may_mute and is_mute.is_set()):
                    sink.sendall(data)
        except OSError:
            pass

    def serve():
        try:
            client, _ = listener.accept()
        except OSError:
            return
        if host.startswith("/"):
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(f"{host}/.s.PGSQL.{port}")
        else:
            upstream = socket.create_connection((host, port))
        open_sockets.extend([client, upstream])
        threading.Thread(
            target=pump, args=(client, upstream), kwargs={"may_mute": False}, daemon=True
        ).start()
        pump(upstream, client, may_mute=True)

    threading.Thread(target=serve, daemon=True).start()
    yield (
        f"host=127.0.0.1 port={listener.getsockname()[1]} user=postgres dbname=postgres sslmode=disable",
        is_mute,
    )
    for one in open_sockets:
        one.close()


def test_the_last_statement_with_rows_answers(driver):
    reply = driver.run(Request(text="SELECT 1; SELECT 2, NULL; SET work_mem = '1MB'"))
    assert reply.rows == (("2", None),)
    assert driver.run(Request(text="SET work_mem = '1MB'")).rows == ()


def test_a_reader_does_not_write(postgresql):
    driver = connect(postgresql.dsn)
    with pytest.raises(RefusedError, match="opened for reading"):
        driver.run(Request(text="ALTER SYSTEM SET work_mem = '1MB'", is_read_only=False))
    driver.close()


def test_a_refused_statement_leaves_the_connection_usable(driver):
    with pytest.raises(RefusedError, match="division by zero"):
        driver.run(Request(text="BEGIN; SELECT 1/0; COMMIT"))
    assert driver.run(Request(text="SELECT 1")).rows == (("1",),)


def test_an_entry_is_written_only_where_it_is_what_was_looked_at(postgresql, driver):
    def write(text, entry):
        driver.run(ENGINE.unless_moved(Request(text=text, is_read_only=False), "work_mem", entry))

    def entry():
        return ENGINE.read_entry("work_mem", driver.run(ENGINE.entry("work_mem")))

    write("ALTER SYSTEM SET work_mem = '9MB'", None)
    write("ALTER SYSTEM SET work_mem = '10MB'", "9MB")
    for seen in (None, "9MB", "10 MB"):
        with pytest.raises(UnreachableError):
            write("ALTER SYSTEM RESET work_mem", seen)
        driver.reconnect(5.0)
        assert entry() == "10MB"
    with pytest.raises(RefusedError):
        write("ALTER SYSTEM SET work_mem = 'much'", "10MB")
    write("ALTER SYSTEM RESET work_mem", "10MB")
    assert entry() is None


def test_a_missing_right_falls_back_and_is_remembered(postgresql):
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS plain")
        connection.execute("CREATE ROLE plain LOGIN")
    driver = connect(postgresql.dsn_for(user="plain"))
    request = Request(
        text="BEGIN; SELECT pg_reload_conf(); COMMIT",
        fallbacks=("SELECT rolpassword FROM pg_authid", "SELECT 'lesser'"),
    )
    assert driver.run(request).fallback == 2
    assert driver.run(request).rows == (("lesser",),)
    with pytest.raises(NotPermittedError):
        driver.run(Request(text="SELECT pg_reload_conf()"))
    driver.close()


def test_the_second_apply_is_told_who_holds_the_lock(postgresql, driver):
    driver.lock("apply by Zoë")
    driver.lock("apply by Zoë")
    other = connect(postgresql.dsn)
    with pytest.raises(HeldError, match=r"pg is being changed by setpoint: apply by Zo\?"):
        other.lock("apply by grace")
    driver.close()
    other.lock("apply by grace")
    other.close()
    other.close()


def test_a_closed_connection_says_so(driver):
    driver.close()
    with pytest.raises(UnreachableError, match="closed"):
        driver.run(Request(text="SELECT 1"))
    driver.reconnect(5)
    assert driver.run(Request(text="SELECT 1")).rows == (("1",),)


def test_a_connection_cut_in_the_middle_is_unreachable(postgresql, driver):
    pid = driver.run(Request(text="SELECT pg_backend_pid()")).rows[0][0]
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(UnreachableError):
        driver.run(Request(text="SELECT pg_sleep(3)"))
    driver.reconnect(5)
    assert driver.run(Request(text="SELECT 1")).rows == (("1",),)


def test_reconnecting_gives_up_in_time(postgresql):
    driver = connect(postgresql.dsn)
    postgresql.stop()
    try:
        with pytest.raises(UnreachableError):
            driver.reconnect(0.5)
    finally:
        postgresql.start()
    driver.reconnect(5)
    assert driver.version.major == postgresql.binaries.major
    driver.close()


def test_a_server_that_never_answers_ends_within_the_timeout(mute):
    began = time.monotonic()
    with pytest.raises(UnreachableError, match=r"no answer within 0\.3 s while connecting"):
        connect(f"host=127.0.0.1 port={mute} user=x sslmode=disable", timeout_seconds=0.3)
    assert time.monotonic() - began < 5


def test_a_network_that_swallows_answers_ends_within_the_timeout(relay):
    address, is_mute = relay
    driver = connect(address, timeout_seconds=0.5)
    driver.lock("apply by ada")
    is_mute.set()
    with pytest.raises(UnreachableError, match="waiting for the answer"):
        driver.run(Request(text="SELECT 1"))
    driver.close()


def test_a_statement_timeout_of_the_server_is_temporary(driver):
    with pytest.raises(UnavailableError, match="statement timeout"):
        driver.run(Request(text="SET statement_timeout = 20; SELECT pg_sleep(2)"))


def test_a_refused_port_is_unreachable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(UnreachableError) as caught:
            connect(f"host=127.0.0.1 port={port} user=x", secret="hush-hush")
    assert "hush-hush" not in str(caught.value)


def test_a_wrong_password_is_unreachable_and_not_shown(start_postgresql):
    server = start_postgresql()
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
    hba = server.data_dir / "pg_hba.conf"
    hba.write_text("host all locked all scram-sha-256\nlocal all locked scram-sha-256\n" + hba.read_text())
    server.restart()
    with pytest.raises(UnreachableError, match="password authentication failed") as caught:
        connect(server.dsn_for(user="locked"), secret="wrong-hush")
    assert "wrong-hush" not in str(caught.value)
    driver = connect(server.dsn_for(user="locked"), secret="right")
    driver.close()


@pytest.mark.parametrize("address", ["host=x password='hush", "postgresql://[hush", "nonsense=hush"])
def test_an_address_that_is_none_is_bad_input_and_not_shown(address):
    with pytest.raises(InputError) as caught:
        connect(address)
    assert "hush" not in str(caught.value)


def test_an_observation_is_one_message_and_leaves_no_trace(postgresql, driver):
    sent = []
    exchange = driver._exchange
    driver._exchange = lambda text, *words, **named: sent.append(text) or exchange(text, *words, **named)
    observation, _ = session.observe(ENGINE, driver, "pg", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert len(sent) == 1
    assert observation.settings["application_name"].value == ""
    assert observation.settings["statement_timeout"].value == "0"
    assert driver.run(Request(text="SHOW statement_timeout")).rows == (("0",),)

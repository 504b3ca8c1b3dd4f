"""The driver against servers that answer, refuse, hang and go away."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.chaos.proxy import Proxy
from tests.chaos.site import await_that
from tests.chaos.site_mysql import ENGINES, PARAMETER, clear, set_by_hand
from tests.live.mysql.scene import by_hand, target_of

from setpoint.engines import session
from setpoint.engines.mysql.driver import MysqlDriver, read_version
from setpoint.engines.plan import Plan, Request
from setpoint.engines.planner import fingerprint
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


def connect(address, *, secret=None, timeout_seconds=5.0, is_read_only=True):
    target = Target(instance="db", address=address, secret=lambda: secret, timeout_seconds=timeout_seconds)
    return MysqlDriver(target, is_read_only=is_read_only)


@pytest.fixture
def server(mysql_family_each):
    yield mysql_family_each
    if not mysql_family_each.is_running:
        mysql_family_each.start()
    clear(mysql_family_each)


@pytest.fixture
def engine(server):
    return ENGINES[server.binaries.kind]


@pytest.fixture
def driver(server):
    with closing(connect(server.dsn, is_read_only=False)) as made:
        yield made


@pytest.fixture
def mute():
    """A port that accepts and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_last_statement_with_rows_answers(driver):
    assert driver.run(Request(text="SELECT 1; SELECT 2, NULL; SET @x = 1")).rows == ((2, None),)
    assert driver.run(Request(text="SET @x = 1")).rows == ()


def test_a_reader_does_not_write(server):
    with closing(connect(server.dsn)) as reader, pytest.raises(RefusedError, match="opened for reading"):
        reader.run(Request(text=f"SET GLOBAL {PARAMETER} = DEFAULT", is_read_only=False))


def test_what_fails_in_the_middle_of_a_message_leaves_the_connection_usable(driver):
    with pytest.raises(RefusedError, match="nonsense"):
        driver.run(Request(text="SELECT 1; SELECT nonsense; SET GLOBAL max_connections = 77"))
    assert driver.run(Request(text="SELECT 2, @@GLOBAL.max_connections")).rows == ((2, 151),)


def test_a_value_that_the_server_would_cut_is_refused(driver):
    with pytest.raises(RefusedError, match="max_connect_errors"):
        driver.run(Request(text="SET GLOBAL max_connect_errors = 0", is_read_only=False))


def test_an_entry_is_written_only_where_it_is_what_was_looked_at(server, engine, driver):
    verb = "GLOBAL" if engine.name == "mariadb" else "PERSIST"

    def write(text, entry):
        request = Request(text=f"SET {verb} {PARAMETER} = {text}", is_read_only=False)
        driver.run(engine.unless_moved(request, PARAMETER, entry))

    def entry():
        return engine.read_entry(PARAMETER, driver.run(engine.entry(PARAMETER)))

    write(300000, entry())
    write(400000, "300000")
    set_by_hand(server, PARAMETER, "500000")
    for seen in (None, "400000", "500000.0"):
        with pytest.raises(RefusedError, match="changed in this very moment"):
            write(600000, seen)
        assert entry() == "500000"
    with pytest.raises(RefusedError, match="refused"):
        write("'much'", "500000")
    assert entry() == "500000"


def test_a_missing_right_falls_back_and_is_remembered(server):
    by_hand(server, "CREATE USER IF NOT EXISTS plain@localhost")
    request = Request(text="SELECT * FROM mysql.user", fallbacks=("SHOW BINARY LOGS", "SELECT 'lesser'"))
    with closing(connect(server.dsn_for(user="plain"))) as driver:
        assert driver.run(request).fallback == 2
        assert driver.run(request).rows == (("lesser",),)
        with pytest.raises(NotPermittedError):
            driver.run(Request(text="SELECT * FROM mysql.user"))
    by_hand(server, "DROP USER plain@localhost")


def test_the_second_apply_is_told_who_holds_the_lock(server, driver):
    driver.lock("apply by Zoë")
    driver.lock("apply by Zoë")
    with closing(connect(server.dsn)) as other:
        with pytest.raises(HeldError, match=r"db is being changed by apply by Zo\?"):
            other.lock("apply by grace")
        driver.close()
        other.lock("apply by grace")


def test_a_connection_that_was_ended_is_unreachable_and_its_lock_free(server, driver):
    driver.lock("apply by ada")
    number = driver.run(Request(text="SELECT CONNECTION_ID()")).rows[0][0]
    by_hand(server, f"KILL CONNECTION {number}")
    with pytest.raises(UnreachableError):
        driver.run(Request(text="SELECT SLEEP(3)"))
    with pytest.raises(UnreachableError):
        driver.run(Request(text="SELECT 1"))
    with closing(connect(server.dsn)) as other:
        await_that(lambda: other._cell(f"SELECT IS_FREE_LOCK('{'setpoint.apply'}')") == 1, "it is free")
    driver.reconnect(5)
    assert driver.run(Request(text="SELECT 1")).rows == ((1,),)


class Keep:
    """A journal that has something happen before a step's statement."""

    def __init__(self, meanwhile):
        self.meanwhile = meanwhile

    def intend(self, number, step):
        if number == 1:
            self.meanwhile()

    def done(self, number): ...

    def check(self): ...


def test_a_connection_killed_in_mid_change_has_everything_taken_back(server, engine, driver):
    target = target_of(server, has_agent=False)
    observation, catalog = session.observe(engine, driver, "db", at=datetime.now(UTC))
    wanted = {PARAMETER: "300000", "max_connections": "173"}
    made = engine.steps(wanted, (), observation, catalog, {}, wanted)
    assert {step.parameter for step in made.steps} == wanted.keys()
    plan = Plan(
        instance="db",
        engine=engine.name,
        revision="",
        observed_at=observation.at,
        fingerprint=fingerprint(observation, catalog),
        steps=made.steps,
        expected=dict(wanted),
    )
    number = driver.run(Request(text="SELECT CONNECTION_ID()")).rows[0][0]
    application = session.Application(
        engine=engine,
        driver=driver,
        plan=plan,
        journal=Keep(lambda: by_hand(server, f"KILL CONNECTION {number}")),
        now=lambda: datetime.now(UTC),
        holder="ada",
    )
    with pytest.raises(ApplyError, match="everything was taken back") as caught:
        application.run()
    assert caught.value.state == "old"
    with closing(engine.connect(target, is_read_only=True)) as reader:
        after, _ = session.observe(engine, reader, "db", at=datetime.now(UTC))
    for name in wanted:
        assert after.settings[name].value == observation.settings[name].value
        assert after.settings[name].entry == observation.settings[name].entry


def test_reconnecting_gives_up_in_time(server):
    driver = connect(server.dsn)
    server.stop()
    with pytest.raises(UnreachableError):
        driver.reconnect(0.5)
    server.start()
    driver.reconnect(5)
    assert driver.version.parts[:2] == server.binaries.version[:2]
    driver.close()


def test_a_server_that_never_answers_ends_within_the_timeout(mute):
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="timed out"):
        connect(f"host=127.0.0.1 port={mute} user=x", timeout_seconds=0.3)
    assert time.monotonic() - began < 5


def test_a_server_that_is_stopped_ends_a_request_within_the_timeout(server):
    """Its kernel goes on accepting and acknowledging; nothing answers."""
    driver = connect(server.dsn, timeout_seconds=0.5)
    number = int(Path(by_hand(server, "SELECT @@pid_file")[0][0]).read_text())
    os.kill(number, signal.SIGSTOP)
    try:
        with pytest.raises(UnreachableError, match=r"no answer within 0\.5 s"):
            driver.run(Request(text="SELECT 1"))
        with pytest.raises(UnreachableError):
            driver.reconnect(0.5)
    finally:
        os.kill(number, signal.SIGCONT)
    driver.reconnect(5)
    assert driver.run(Request(text="SELECT 1")).rows == ((1,),)
    driver.close()


def test_a_network_that_swallows_answers_ends_within_the_timeout(server):
    with Proxy(server.port) as network:
        driver = connect(f"host=127.0.0.1 port={network.port} user=root", timeout_seconds=0.5)
        driver.lock("apply by ada")
        network.be("lost")
        with pytest.raises(UnreachableError, match=r"no answer within 0\.5 s"):
            driver.run(Request(text="SELECT 1"))
        driver.close()


def test_a_statement_timeout_of_the_server_is_temporary(server, driver):
    endless = "COUNT(*) FROM information_schema.collations a, information_schema.collations b, "
    endless += "information_schema.collations c, information_schema.collations d"
    text = f"SELECT /*+ MAX_EXECUTION_TIME(20) */ {endless}"
    if server.binaries.kind == "mariadb":
        text = f"SET STATEMENT max_statement_time = 0.02 FOR SELECT {endless}"
    with pytest.raises(UnavailableError):
        driver.run(Request(text=text))
    assert driver.run(Request(text="SELECT 1")).rows == ((1,),)


def test_a_refused_port_is_unreachable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(UnreachableError) as caught:
            connect(f"host=127.0.0.1 port={port} user=x", secret="hush-hush")
    assert "hush-hush" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["wrong-hush", "hüsh-€-hush"])
def test_a_wrong_password_is_unreachable_and_not_shown(server, wrong):
    by_hand(server, "CREATE USER IF NOT EXISTS locked@localhost IDENTIFIED BY 'right'")
    with pytest.raises(UnreachableError, match="Access denied") as caught:
        connect(server.dsn_for(user="locked"), secret=wrong)
    assert wrong not in str(caught.value)
    connect(server.dsn_for(user="locked"), secret="right").close()
    by_hand(server, "DROP USER locked@localhost")


def test_a_password_of_any_letters_logs_in(server):
    by_hand(server, "SET NAMES utf8mb4", "CREATE USER u@localhost IDENTIFIED BY 'hüsh-€-hush'")
    connect(server.dsn_for(user="u"), secret="hüsh-€-hush").close()
    by_hand(server, "DROP USER u@localhost")


def test_a_login_that_is_none_is_told(server):
    with pytest.raises(UnreachableError, match="Access denied"):
        connect(server.dsn_for(user="nobody_here"), secret="x")
    with pytest.raises(UnreachableError, match="Unknown database"):
        connect(server.dsn_for(database="not_here"))


def test_too_many_connections_are_unreachable_and_over_when_they_are(server):
    by_hand(server, "CREATE USER IF NOT EXISTS plain@localhost", "SET GLOBAL max_connections = 10")
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(closing(connect(server.dsn_for(user="plain"))))
        with pytest.raises(UnreachableError, match="Too many connections"):
            connect(server.dsn_for(user="plain"))
    await_that(lambda: can_connect(server), "there is room again")
    by_hand(server, "SET GLOBAL max_connections = DEFAULT", "DROP USER plain@localhost")


def can_connect(server) -> bool:
    try:
        connect(server.dsn_for(user="plain")).close()
    except UnreachableError:
        return False
    return True


def test_tls_that_is_required_is_had_or_the_login_is_not_even_sent(server):
    has_tls = by_hand(server, "SHOW GLOBAL VARIABLES LIKE 'have_ssl'") == (("have_ssl", "YES"),)
    has_tls = has_tls or server.binaries.kind == "mysql"
    address = f"{server.dsn} ssl=required"
    if not has_tls:
        with pytest.raises(UnreachableError, match="SSL is required"):
            connect(address)
        return
    with closing(connect(address)) as driver:
        assert driver.run(Request(text="SHOW SESSION STATUS LIKE 'Ssl_cipher'")).rows[0][1]


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(server, tmp_path):
    if server.binaries.kind == "mariadb" and server.binaries.version < (11, 4):
        pytest.skip("it has no TLS unless a certificate is made for it")
    authority = tmp_path / "ca.pem"
    made = server.data_dir / "ca.pem"
    authority.write_text(made.read_text() if made.exists() else "")
    with pytest.raises(UnreachableError):
        connect(f"{server.dsn} ssl_ca={authority}")


@pytest.mark.parametrize("address", ["host=x password=hush", "mysql://u:hush@x", "host='hush", "port=hush"])
def test_an_address_that_is_none_is_bad_input_and_not_shown(address):
    with pytest.raises(InputError) as caught:
        connect(address)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("5.5.5-10.11.19-MariaDB-0+deb12u1-log", (10, 11, 19)),
        ("11.8.9-MariaDB-ubu2404", (11, 8, 9)),
        ("9.7.4-2", (9, 7, 4)),
        ("5.7.44-48-log", (5, 7, 44)),
        ("5.5.5-10.5.29-MariaDB", (10, 5, 29)),
    ],
)
def test_a_version_is_read_as_the_server_means_it(told, version):
    assert read_version(told).parts == version


def test_an_observation_is_one_message_and_leaves_no_trace(server, engine, driver):
    sent = []
    exchange = driver._exchange
    driver._exchange = lambda text, **named: sent.append(text) or exchange(text, **named)
    asked = "SELECT @@SESSION.sql_mode, @@SESSION.group_concat_max_len, @@SESSION.time_zone"
    before = exchange(asked)
    observation, _ = session.observe(engine, driver, "db", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert len(sent) == 1
    assert exchange(asked) == before
    assert observation.settings["max_connections"].value == "151"

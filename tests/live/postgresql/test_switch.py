"""pg_cron on a real server puts overrides back with nobody else alive, and only what is still ours."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.control.overrides.ordering import wait_until

from setpoint.config.override import LinkState
from setpoint.engines.order import Back, Order
from setpoint.engines.port import Target
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.session import drive
from setpoint.lab.binaries import PostgresBinaries, cache_folder, read_version
from setpoint.lab.launch import PrivatePostgres

pytestmark = [pytest.mark.live, pytest.mark.slow]

TREE = cache_folder() / "engines" / "pg_cron-15"
PATIENCE_SECONDS = 200.0
SWITCH = ENGINE.switch()


def start(**conf: str) -> PrivatePostgres:
    if not TREE.is_dir():
        note = TREE.with_suffix(".absent")
        why = (
            note.read_text()
            if note.is_file()
            else "not fetched; run: python tools/engines.py fetch pg_cron-15"
        )
        pytest.skip(f"no server with pg_cron is here: {why}")
    build = PostgresBinaries(TREE / "bin", read_version(TREE / "bin"))
    return PrivatePostgres(build, conf={"shared_preload_libraries": "pg_cron", **conf})


@pytest.fixture(scope="module")
def server():
    with start() as made:
        yield made


@pytest.fixture(scope="module")
def created(server):
    write(server, "CREATE EXTENSION pg_cron")
    return server


def write(server, *statements: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def ask(server, statement: str):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def persisted(server) -> dict[str, str]:
    return dict(
        ask(
            server,
            "SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%postgresql.auto.conf'",
        )
    )


def order(override: str, seconds: float, *backs: Back) -> Order:
    now = datetime.now(UTC)
    return Order(
        override=override,
        instance="pg",
        engine="postgresql",
        target="",
        backs=backs,
        deadline=now + timedelta(seconds=seconds),
        written_at=now,
    )


def do(server, verb, given: Order, *, is_read_only: bool = False, dsn: str = ""):
    target = Target(instance="pg", address=dsn or server.dsn, secret=lambda: None)
    with closing(ENGINE.connect(target, is_read_only=is_read_only)) as driver:
        return drive(verb(given), driver)


def test_why_it_is_absent_is_said_in_words(server):
    given = order("none", 60, Back(parameter="work_mem", ours="48MB", back=None))
    before = do(server, SWITCH.arm, given)
    if not ask(server, "SELECT FROM pg_extension WHERE extname = 'pg_cron'"):
        assert before.state is LinkState.ABSENT
        assert before.detail == "pg_cron is loaded, and its extension was not created"
    elsewhere = do(server, SWITCH.look, given, dsn=server.dsn_for(database="template1"))
    assert elsewhere.state is LinkState.ABSENT
    assert elsewhere.detail == "pg_cron has its jobs in postgres, the target names template1"


def test_a_login_that_may_not_use_it_is_told(created):
    write(created, "CREATE ROLE lesser LOGIN")
    given = order("lesser", 60, Back(parameter="work_mem", ours="48MB", back=None))
    armed = do(created, SWITCH.arm, given, dsn=created.dsn_for(user="lesser"))
    assert (armed.state, armed.detail) == (LinkState.FAILED, "this login may not use the schema cron")


def test_it_is_seen_only_where_it_would_act(created):
    given = order("seen", 3600, Back(parameter="work_mem", ours="48MB", back=None))
    assert do(created, SWITCH.look, given).state is LinkState.DISARMED
    assert do(created, SWITCH.arm, given).state is LinkState.ARMED
    assert do(created, SWITCH.look, given, is_read_only=True).state is LinkState.ARMED
    later = order("seen", 7200, *given.backs)
    assert do(created, SWITCH.look, later).state is LinkState.FAILED
    assert do(created, SWITCH.arm, later).state is LinkState.ARMED
    write(created, "SELECT cron.alter_job(jobid, active := false) FROM cron.job")
    assert do(created, SWITCH.look, later).detail == "its job was turned off"
    assert do(created, SWITCH.disarm, later).state is LinkState.DISARMED
    assert do(created, SWITCH.disarm, later).state is LinkState.DISARMED
    assert ask(created, "SELECT FROM cron.job") == []


def test_where_jobs_cannot_watch_each_other_it_is_not_armed():
    with start(**{"cron.use_background_workers": "on"}) as server:
        write(server, "CREATE EXTENSION pg_cron")
        given = order("workers", 60, Back(parameter="work_mem", ours="48MB", back=None))
        armed = do(server, SWITCH.arm, given)
        assert armed.state is LinkState.FAILED
        assert "background workers" in armed.detail


def test_with_nobody_else_alive_it_acts_after_the_deadline_on_what_is_ours_alone():
    """Four at once, as the scheduler begins jobs with the minute."""
    with start() as server:
        write(server, "CREATE EXTENSION pg_cron")
        ours = order(
            "ours",
            5,
            Back(parameter="work_mem", ours="48MB", back=None),
            Back(parameter="search_path", ours=("a b", "public"), back=("it's", "public")),
        )
        theirs = order("theirs", 5, Back(parameter="maintenance_work_mem", ours="96MB", back="80MB"))
        late = order("late", 5, Back(parameter="temp_buffers", ours="16MB", back=None))
        gone = order("gone", 5, Back(parameter="autovacuum_work_mem", ours="32MB", back=None))
        for each in (ours, theirs, late, gone):
            assert do(server, SWITCH.arm, each).state is LinkState.ARMED
        write(
            server,
            "ALTER SYSTEM SET work_mem = '48MB'",
            "ALTER SYSTEM SET search_path = 'a b', 'public'",
            "ALTER SYSTEM SET maintenance_work_mem = '97MB'",
            "ALTER SYSTEM SET temp_buffers = '16MB'",
            "ALTER SYSTEM SET autovacuum_work_mem = '32MB'",
            "SELECT pg_reload_conf()",
        )
        assert do(server, SWITCH.disarm, gone).state is LinkState.DISARMED
        # Somebody changes it when the switch has already scheduled what would put it back.
        wait_until(
            lambda: ask(server, "SELECT FROM cron.job WHERE jobname = 'setpoint:late:1'"),
            patience_seconds=PATIENCE_SECONDS,
        )
        assert datetime.now(UTC) >= late.deadline
        write(server, "ALTER SYSTEM SET temp_buffers = '24MB'")
        wait_until(lambda: not ask(server, "SELECT FROM cron.job"), patience_seconds=PATIENCE_SECONDS)
        assert persisted(server) == {
            "search_path": '"it\'s", public',
            "maintenance_work_mem": "97MB",
            "temp_buffers": "24MB",
            "autovacuum_work_mem": "32MB",
        }
        wait_until(lambda: ask(server, "SHOW work_mem") == [("4MB",)])
        assert do(server, SWITCH.look, ours).state is LinkState.DISARMED

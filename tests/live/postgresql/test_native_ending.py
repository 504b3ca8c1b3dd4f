"""Temporary changes in a script for psql end with nobody connected."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest
from tests.control.overrides.ordering import wait_until
from tests.live.postgresql.native_client import (
    NASTY,
    NATIVE,
    NONSENSE,
    Client,
    apply,
    job,
    order_of,
    persisted,
    plan_steps,
    restored,
    shown,
    states,
    write,
)

from setpoint.config.override import LinkState
from setpoint.engines.frames import read_frames
from setpoint.engines.order import Back
from setpoint.engines.port import Release, Target
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.session import drive
from setpoint.lab.binaries import PostgresBinaries, cache_folder, find_binaries, read_version
from setpoint.lab.launch import PrivatePostgres


@pytest.fixture
def client(postgresql_each, tmp_path):
    with restored(postgresql_each):
        yield Client(postgresql_each, tmp_path)


def test_a_temporary_change_ends_by_itself_while_the_client_stays(client):
    write(client.server, "ALTER SYSTEM SET maintenance_work_mem = '80MB'", "SELECT pg_reload_conf()")
    wait_until(lambda: shown(client.server, "maintenance_work_mem") == "80MB")
    steps = plan_steps(client.server, {"maintenance_work_mem": "99MB", "work_mem": "48MB"})
    order = order_of(
        4,
        Back(parameter="maintenance_work_mem", ours="99MB", back="80MB"),
        Back(parameter="work_mem", ours="48MB"),
    )
    whole = job()
    parts = NATIVE.opening(whole) + NATIVE.applying(whole, steps, order) + NATIVE.closing(whole)
    with client.start(parts) as process:
        wait_until(lambda: shown(client.server, "work_mem") == "48MB")
        assert datetime.now(UTC) < order.deadline
        process.communicate(timeout=60)
    told = read_frames(client.output, "out")
    assert datetime.now(UTC) >= order.deadline
    assert told.armed["state"] == "absent"
    assert "this client stays until" in told.armed["detail"]
    assert states(told)[-2:] == [(2, "back done"), (1, "back done")]
    assert told.end == "done"
    assert persisted(client.server) == {"maintenance_work_mem": "80MB"}
    assert shown(client.server, "maintenance_work_mem") == "80MB"
    assert shown(client.server, "work_mem") == "4MB"


def test_at_the_deadline_a_persons_later_change_stands(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    order = order_of(3, Back(parameter="work_mem", ours="48MB"))
    whole = job()
    parts = NATIVE.opening(whole) + NATIVE.applying(whole, steps, order) + NATIVE.closing(whole)
    with client.start(parts) as process:
        wait_until(lambda: shown(client.server, "work_mem") == "48MB")
        write(client.server, "ALTER SYSTEM SET work_mem = '64MB'")
        process.communicate(timeout=60)
    told = read_frames(client.output, "out")
    assert (states(told)[-1], told.end) == ((1, "back left"), "done")
    assert persisted(client.server) == {"work_mem": "64MB"}


def test_where_nothing_can_be_armed_nothing_is_written(client):
    steps = plan_steps(client.server, {"max_connections": "77"})
    told = apply(client, steps, order_of(60, Back(parameter="max_connections", ours="77")))
    assert (told.refused, told.armed["state"], told.steps) == ("right", "failed", [])
    assert persisted(client.server) == {}


def test_a_change_whose_end_has_passed_is_not_begun(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    told = apply(client, steps, order_of(-1, Back(parameter="work_mem", ours="48MB")))
    assert (told.refused, told.armed, told.steps) == ("expired", None, [])
    assert persisted(client.server) == {}


def test_a_temporary_change_that_fails_is_taken_back_at_once(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    told = apply(client, (*steps[:1], NONSENSE), order_of(3600, Back(parameter="work_mem", ours="48MB")))
    assert (states(told)[-1], told.end) == ((1, "back done"), "failed")
    assert persisted(client.server) == {}


@pytest.mark.parametrize(
    "setting",
    [
        "standard_conforming_strings = off",
        "statement_timeout = '2s'",
        "default_transaction_read_only = on",
        "search_path = 'public'",
        "DateStyle = 'German'",
        "IntervalStyle = 'sql_standard'",
        "client_min_messages = 'debug1'",
        "default_transaction_isolation = 'serializable'",
        "bytea_output = 'escape'",
        "extra_float_digits = -5",
    ],
)
def test_a_role_with_settings_of_its_own_applies_and_stays(client, setting):
    steps = plan_steps(client.server, {"work_mem": "48MB", "log_line_prefix": NASTY})
    write(
        client.server,
        "DROP ROLE IF EXISTS peculiar",
        "CREATE ROLE peculiar LOGIN SUPERUSER",
        f"ALTER ROLE peculiar SET {setting}",
    )
    client.user = "peculiar"
    backs = (Back(parameter="work_mem", ours="48MB"), Back(parameter="log_line_prefix", ours=NASTY))
    told = apply(client, steps, order_of(2, *backs))
    assert told.end == "done"
    assert [state for _, state in states(told)] == [*["begun", "done"] * 3, "back done", "back done"]
    assert persisted(client.server) == {}


def test_another_script_may_end_it_earlier(client, tmp_path_factory):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    order = order_of(8, Back(parameter="work_mem", ours="48MB"))
    whole = job()
    parts = NATIVE.opening(whole) + NATIVE.applying(whole, steps, order) + NATIVE.closing(whole)
    with client.start(parts) as process:
        wait_until(lambda: "step 2 done" in client.output)
        released = Release(parameter="work_mem", ours="48MB", restore=None)
        earlier = Client(client.server, tmp_path_factory.mktemp("earlier"))
        assert apply(earlier, plan_steps(client.server, {}, (released,))).end == "done"
        assert datetime.now(UTC) < order.deadline
        assert persisted(client.server) == {}
        process.communicate(timeout=60)
    told = read_frames(client.output, "out")
    assert (states(told)[-1], told.end) == ((1, "back done"), "done")


def test_what_cannot_be_read_at_the_deadline_is_not_called_back(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    order = order_of(4, Back(parameter="work_mem", ours="48MB"))
    whole = job()
    parts = NATIVE.opening(whole) + NATIVE.applying(whole, steps, order) + NATIVE.closing(whole)
    main = client.server.data_dir / "postgresql.conf"
    with client.start(parts) as process:
        wait_until(lambda: "step 2 done" in client.output)
        stood = main.read_text()
        main.write_text(f"{stood}work_mem = = 5\n")
        process.communicate(timeout=60)
    main.write_text(stood)
    assert states(read_frames(client.output, "out"))[-1] == (1, "back left")


# ---------------------------------------------------------------------------------------------------- pg_cron


@pytest.fixture(scope="module")
def with_cron():
    tree = cache_folder() / "engines" / "pg_cron-15"
    if not tree.is_dir():
        pytest.skip("no server with pg_cron is here; run: python tools/engines.py fetch pg_cron-15")
    build = PostgresBinaries(tree / "bin", read_version(tree / "bin"), find_binaries().found[0].lenders)
    with PrivatePostgres(build, conf={"shared_preload_libraries": "pg_cron"}) as server:
        write(server, "CREATE EXTENSION pg_cron")
        yield server


def jobs(server) -> int:
    with psycopg.connect(server.dsn) as connection:
        return len(connection.execute("SELECT FROM cron.job").fetchall())


@pytest.mark.live
@pytest.mark.slow
def test_where_pg_cron_is_it_is_armed_and_acts_with_nobody_connected(with_cron, tmp_path):
    client = Client(with_cron, tmp_path)
    steps = plan_steps(with_cron, {"log_line_prefix": NASTY, "max_connections": "77"})
    backs = (
        Back(parameter="log_line_prefix", ours=NASTY, back="it's :x"),
        Back(parameter="max_connections", ours="77"),
    )
    order = order_of(5, *backs)
    told = apply(client, steps, order)
    assert (told.armed["state"], told.end) == ("armed", "done")
    target = Target(instance="pg", address=with_cron.dsn, secret=lambda: None)
    with closing(ENGINE.connect(target, is_read_only=True)) as driver:
        assert drive(ENGINE.switch().look(order), driver).state is LinkState.ARMED
    assert persisted(with_cron)["log_line_prefix"] == NASTY
    wait_until(lambda: jobs(with_cron) == 0, patience_seconds=200)
    assert persisted(with_cron) == {"log_line_prefix": "it's :x"}


@pytest.mark.live
def test_what_fails_is_disarmed(with_cron, tmp_path):
    client = Client(with_cron, tmp_path)
    before = jobs(with_cron)
    steps = plan_steps(with_cron, {"work_mem": "48MB"})
    told = apply(client, (steps[0], NONSENSE), order_of(3600, Back(parameter="work_mem", ours="48MB")))
    assert (told.armed["state"], told.end) == ("armed", "failed")
    assert states(told)[-1] == (1, "back done")
    assert jobs(with_cron) == before


@pytest.mark.live
def test_a_login_that_may_not_use_pg_cron_stays_itself(with_cron, tmp_path):
    steps = plan_steps(with_cron, {"work_mem": "48MB"})
    write(
        with_cron,
        "DROP ROLE IF EXISTS fitting",
        "CREATE ROLE fitting LOGIN",
        "GRANT ALTER SYSTEM ON PARAMETER work_mem TO fitting",
        "GRANT EXECUTE ON FUNCTION pg_reload_conf(), pg_show_all_file_settings() TO fitting",
        "GRANT SELECT ON pg_file_settings TO fitting",
    )
    client = Client(with_cron, tmp_path, user="fitting")
    told = apply(client, steps, order_of(2, Back(parameter="work_mem", ours="48MB")))
    assert told.armed["detail"].startswith("this login may not use the schema cron; this client stays")
    assert (states(told)[-1], told.end) == ((1, "back done"), "done")

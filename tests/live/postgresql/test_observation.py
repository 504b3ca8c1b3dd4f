"""What the instance's own value is, and where it comes from, on real servers in odd states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.fix_postgresql import MAJORS, skip_without_module

from setpoint.config.drift import DriftClass, judge
from setpoint.config.observation import OriginKind
from setpoint.engines import session
from setpoint.engines.port import Target
from setpoint.engines.postgresql import ENGINE

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def server(start_postgresql, major):
    return start_postgresql(major)


@pytest.fixture(params=MAJORS, ids=lambda major: f"pg{major}")
def major(request):
    return request.param


def look(dsn):
    driver = ENGINE.connect(Target(instance="pg", address=dsn, secret=lambda: None), is_read_only=True)
    try:
        return session.observe(ENGINE, driver, "pg", at=AT)
    finally:
        driver.close()


def run(server, *statements, user="postgres"):
    with psycopg.connect(server.dsn_for(user=user), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def reload(server):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        loaded = connection.execute("SELECT pg_conf_load_time()").fetchone()
        connection.execute("SELECT pg_reload_conf()")
        for _ in range(1000):
            if connection.execute("SELECT pg_conf_load_time() FROM pg_sleep(0.01)").fetchone() != loaded:
                return
    pytest.fail("the server did not reload")


def append(server, text, file="postgresql.conf"):
    path = server.data_dir / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as conf:
        conf.write(text)


def test_overrides_of_the_login_are_never_the_instances_value(server):
    run(
        server,
        "ALTER SYSTEM SET work_mem = '8MB'",
        "CREATE ROLE app LOGIN SUPERUSER",
        "CREATE ROLE plain LOGIN",
        "ALTER ROLE app SET work_mem = '32MB'",
        "ALTER ROLE plain SET work_mem = '32MB'",
        "ALTER DATABASE postgres SET work_mem = '16MB'",
        "ALTER ROLE ALL SET work_mem = '12MB'",
        "ALTER ROLE app IN DATABASE postgres SET work_mem = '64MB'",
        "ALTER ROLE app SET statement_timeout = '1h'",
        "ALTER ROLE app SET TimeZone = 'Asia/Tokyo'",
    )
    reload(server)
    observation, catalog = look(server.dsn_for(user="app"))
    setting = observation.settings["work_mem"]
    assert setting.value == "8192"
    assert setting.is_inferred
    assert setting.in_force.kind is OriginKind.PERSISTED
    assert setting.entry.text == "8MB"
    assert [(o.kind, o.scope, o.text) for o in setting.overrides] == [
        (OriginKind.GLOBAL, "all roles", "12MB"),
        (OriginKind.DATABASE, "database postgres", "16MB"),
        (OriginKind.ROLE, "role app", "32MB"),
        (OriginKind.ROLE, "role plain", "32MB"),
        (OriginKind.ROLE_IN_DATABASE, "role app in database postgres", "64MB"),
    ]
    assert observation.settings["statement_timeout"].value == "0"
    assert catalog.is_same("TimeZone", observation.settings["TimeZone"].value or "", "Etc/UTC")
    assert judge("work_mem", "8MB", setting, catalog).drift_class is DriftClass.SHADOWED

    blind, _ = look(server.dsn_for(user="plain"))
    assert blind.settings["work_mem"].value is None
    assert blind.settings["maintenance_work_mem"].value == "65536"
    assert any("work_mem" in sentence for sentence in blind.unseen)
    assert blind.facts.ram_bytes is None
    assert blind.alterable == ()
    assert "conn.active" not in blind.metrics


def test_an_include_tree_shows_every_entry_in_order(server):
    append(server, "work_mem = 5MB\ninclude_dir = 'conf.d'\ninclude_if_exists 'none.conf'\n")
    append(server, "work_mem 6MB\nWORK_MEM '7MB'\n", "conf.d/10-first.conf")
    append(server, "work_mem = 9MB # the last\nthis_class.setting = 'it''s'\n", "conf.d/20-second.conf")
    reload(server)
    observation, _ = look(server.dsn)
    setting = observation.settings["work_mem"]
    assert setting.value == "9216"
    assert not setting.is_inferred
    assert [o.text for o in setting.origins if o.kind is OriginKind.FILE] == ["5MB", "6MB", "7MB", "9MB"]
    assert setting.in_force.file.endswith("conf.d/20-second.conf")
    assert setting.in_force.line == 1
    assert observation.settings["this_class.setting"].origins[0].text == "it's"
    assert observation.settings["this_class.setting"].value is None

    run(server, "ALTER SYSTEM SET work_mem = '11MB'")
    unloaded, catalog = look(server.dsn)
    assert unloaded.settings["work_mem"].value == "9216"
    assert unloaded.settings["work_mem"].in_force.file.endswith("20-second.conf")
    assert judge("work_mem", "11MB", unloaded.settings["work_mem"], catalog).drift_class is DriftClass.DRIFTED
    reload(server)
    shadowed, _ = look(server.dsn)
    assert shadowed.settings["work_mem"].value == "11264"
    assert shadowed.settings["work_mem"].in_force.kind is OriginKind.PERSISTED


def test_a_syntax_error_is_told_with_its_line_and_hides_nothing(server):
    run(server, "ALTER SYSTEM SET work_mem = '11MB'")
    reload(server)
    lines = len((server.data_dir / "postgresql.conf").read_text().splitlines())
    append(server, "autovacuum_naptime = 0.5min\n")
    reload_is_refused = server
    run(reload_is_refused, "SELECT pg_reload_conf()")
    observation, catalog = look(server.dsn)
    assert [(f.file.rpartition("/")[2], f.line) for f in observation.file_faults] == [
        ("postgresql.conf", lines + 1)
    ]
    assert observation.settings["work_mem"].value == "11264"
    assert observation.settings["work_mem"].entry.text == "11MB"
    made = ENGINE.steps({"work_mem": "13MB"}, (), observation, catalog, {})
    assert not made.steps
    assert "loads no file" in made.blocked[0].why


def test_unknown_names_and_bad_values_in_files(server):
    append(server, "work_mem = nonsense\n")
    run(server, "SELECT pg_reload_conf()")
    observation, catalog = look(server.dsn)
    assert [f.message for f in observation.file_faults] == ["work_mem cannot be 'nonsense'"]
    assert observation.settings["work_mem"].value == "4096"
    restart = ENGINE.steps({"max_connections": "50"}, (), observation, catalog, {})
    assert "would not start" in restart.blocked[0].why
    reload_only = ENGINE.steps({"random_page_cost": "1.1"}, (), observation, catalog, {})
    assert not reload_only.blocked

    append(server, "no_such_thing = 1\n")
    observation, catalog = look(server.dsn)
    assert {f.message for f in observation.file_faults} >= {
        "unrecognized configuration parameter: no_such_thing"
    }
    made = ENGINE.steps({"random_page_cost": "1.1"}, (), observation, catalog, {})
    assert "loads no file" in made.blocked[0].why


def test_what_waits_for_a_restart_is_told_with_its_place(server):
    run(server, "ALTER SYSTEM SET max_connections = '77'")
    unloaded, _ = look(server.dsn)
    assert unloaded.settings["max_connections"].pending == "77"
    reload(server)
    observation, catalog = look(server.dsn)
    setting = observation.settings["max_connections"]
    assert (setting.value, setting.pending) == ("100", "77")
    assert "postgresql.auto.conf:3 says 77" in setting.pending_reason
    assert not observation.file_faults
    assert judge("max_connections", "77", setting, catalog).drift_class is DriftClass.PENDING_RESTART

    server.restart()
    run(server, "ALTER SYSTEM RESET max_connections")
    reload(server)
    observation, catalog = look(server.dsn)
    setting = observation.settings["max_connections"]
    assert (setting.value, setting.pending) == ("77", "100")
    assert setting.entry is None
    assert judge("max_connections", "77", setting, catalog).drift_class is DriftClass.DRIFTED


def test_an_entry_taken_out_leaves_the_default_waiting(server):
    path = server.data_dir / "postgresql.conf"
    append(server, "max_prepared_transactions = 7\n")
    server.restart()
    path.write_text(path.read_text().replace("max_prepared_transactions = 7\n", ""))
    reload(server)
    observation, _ = look(server.dsn)
    setting = observation.settings["max_prepared_transactions"]
    assert (setting.value, setting.pending) == ("7", "0")
    assert "taken out" in setting.pending_reason
    assert not observation.file_faults


def test_a_clamped_value_is_normalised(server):
    run(server, "ALTER SYSTEM SET autovacuum_work_mem = '16kB'", "ALTER SYSTEM SET wal_buffers = '8kB'")
    server.restart()
    observation, catalog = look(server.dsn)
    for name, text in {"autovacuum_work_mem": "16kB", "wal_buffers": "8kB"}.items():
        setting = observation.settings[name]
        assert judge(name, text, setting, catalog).drift_class is DriftClass.NORMALISED, name
        assert setting.in_force.kind is OriginKind.PERSISTED
    assert not ENGINE.steps({"wal_buffers": "8kB"}, (), observation, catalog, {}).steps


def test_the_command_line_wins_and_blocks(start_postgresql, major):
    server = start_postgresql(major)
    options = (server.data_dir / "postmaster.opts").read_text()
    given = next(name for name in ("port", "listen_addresses") if f"{name}=" in options or "-p" in options)
    observation, catalog = look(server.dsn)
    setting = observation.settings[given]
    if setting.in_force.kind is not OriginKind.COMMAND_LINE:
        pytest.skip("this launcher gives nothing on the command line")
    made = ENGINE.steps({given: "5999"}, (), observation, catalog, {})
    assert "command line" in made.blocked[0].why


def test_lists_are_split_and_kept(server):
    run(
        server,
        "ALTER SYSTEM SET search_path = 'a b', 'C', '$user'",
        "ALTER SYSTEM SET listen_addresses = 'localhost, 127.0.0.1'",
    )
    reload(server)
    observation, catalog = look(server.dsn)
    shown = observation.settings["search_path"].value or ""
    assert catalog.parse("search_path", shown) == ("a b", "C", "$user")
    assert not ENGINE.steps({"search_path": ("a b", "C", "$user")}, (), observation, catalog, {}).steps
    assert not ENGINE.steps({"search_path": '"a b", C, $user'}, (), observation, catalog, {}).steps


def test_facts_metrics_and_cost(server):
    observation, catalog = look(server.dsn)
    facts = observation.facts
    assert facts.version.split(".")[0] == str(server.binaries.major)
    assert facts.role == "primary"
    assert facts.is_superuser
    assert facts.ram_bytes > 2**28
    assert facts.vcpu > 0
    assert facts.data_directory == str(server.data_dir)
    assert observation.alterable is None
    assert observation.unseen == ()
    assert observation.cost_ms > 0
    assert observation.metrics["conn.limit"] == 100
    assert "txn.commit" in observation.metrics
    assert "repl.lag_s" not in observation.metrics
    assert observation.metrics_since <= datetime.now(UTC) + timedelta(seconds=5)
    assert catalog.version.startswith(str(server.binaries.major))


def test_statement_statistics_are_read_where_they_are(start_postgresql, postgresql_binaries, major):
    skip_without_module(postgresql_binaries, major, "pg_stat_statements")
    server = start_postgresql(major, conf={"shared_preload_libraries": "pg_stat_statements"})
    assert "stmt.calls" not in look(server.dsn)[0].metrics
    run(
        server,
        'CREATE SCHEMA "odd place"',
        'CREATE EXTENSION pg_stat_statements SCHEMA "odd place"',
        "SELECT 1",
    )
    metrics = look(server.dsn)[0].metrics
    assert metrics["stmt.calls"] >= 1
    assert "stmt.plan_seconds" not in metrics


def test_a_reload_is_seen_in_what_is_fixed_at_login(server):
    driver = ENGINE.connect(Target(instance="pg", address=server.dsn, secret=lambda: None), is_read_only=True)
    run(server, "ALTER SYSTEM SET log_disconnections = on")
    reload(server)
    observation, _ = session.observe(ENGINE, driver, "pg", at=AT)
    driver.close()
    assert observation.settings["log_disconnections"].value == "on"
    assert observation.settings["log_disconnections"].is_inferred


def test_a_login_without_any_language_still_observes(server):
    run(server, "CREATE ROLE plain LOGIN", "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
    observation, _ = look(server.dsn_for(user="plain"))
    assert observation.settings["max_connections"].value == "100"
    assert observation.facts.ram_bytes is None

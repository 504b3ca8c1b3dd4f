"""Applying on real servers where something stands in the way."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest
from msgspec.structs import replace
from tests.fix_postgresql import MAJORS

from setpoint.config.layers import Layer, LayerKind
from setpoint.config.resolve import resolve
from setpoint.engines.plan import Request, StepKind
from setpoint.engines.planner import make_plan
from setpoint.engines.port import Target
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.session import Application, observe
from setpoint.errors import ApplyError, LabError, NotPermittedError

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=MAJORS, ids=lambda major: f"pg{major}")
def server(request, start_postgresql):
    return start_postgresql(request.param)


class Memory:
    def intend(self, number, step):
        pass

    def done(self, number):
        pass

    def check(self):
        pass


def connect(server, user="postgres"):
    target = Target(instance="pg", address=server.dsn_for(user=user), secret=lambda: None)
    return closing(ENGINE.connect(target, is_read_only=False))


def plan_for(driver, desired):
    observation, catalog = observe(ENGINE, driver, "pg", at=AT)
    layer = Layer(LayerKind.INSTANCE, "pg", desired)
    return make_plan(ENGINE, resolve([layer], AT), observation, catalog, revision="r")


def application(driver, plan, restart=None):
    return Application(
        engine=ENGINE,
        driver=driver,
        plan=plan,
        journal=Memory(),
        now=lambda: AT,
        holder="apply by ada",
        restart=restart,
    )


def test_every_kind_of_value_is_applied_and_reads_back(server):
    desired = {
        "work_mem": "64MB",
        "random_page_cost": "1.1",
        "checkpoint_timeout": "15min",
        "autovacuum_vacuum_cost_delay": "1.5ms",
        "enable_sort": "off",
        "wal_compression": "TRUE",
        "search_path": ("a b", "$user", "it's"),
        "log_destination": "csvlog, stderr",
        "log_line_prefix": r"%m \ 'quoted' ",
        "TimeZone": "asia/tokyo",
        "log_disconnections": "yes",
        "max_connections": "60",
        "shared_preload_libraries": ("plpgsql",),
        "unix_socket_permissions": "0700",
        "max_wal_senders": "0",
        "wal_level": "minimal",
    }
    with connect(server) as driver:
        plan = plan_for(driver, desired)
        assert not plan.blocked
        verified = application(driver, plan, server.restart).run()
        assert verified.was_restarted
        assert not [d for d in verified.drifts if d.is_deviation]
        assert plan_for(driver, desired).is_empty
        undone = application(driver, plan, server.restart).undo(range(len(plan.steps)))
        assert not [d for d in undone.drifts if d.is_deviation]
        assert undone.observation.settings["wal_level"].value == "replica"


def test_a_server_that_does_not_start_gets_its_old_files_back(server):
    """What no check could foresee: the new value is fine by the catalog, and the host does not have it."""
    with connect(server) as driver:
        plan = plan_for(driver, {"shared_buffers": "60GB", "work_mem": "5MB"})
        poison = Request(text="ALTER SYSTEM SET shared_buffers = '4TB'", is_read_only=False)
        steps = tuple(replace(s, do=(poison,)) if s.parameter == "shared_buffers" else s for s in plan.steps)

        def restart():
            try:
                server.restart()
            except LabError:
                server.start()

        with pytest.raises(ApplyError) as caught:
            application(driver, replace(plan, steps=steps), restart).run()
        assert caught.value.state == "old"
        after, _ = observe(ENGINE, driver, "pg", at=AT)
        assert after.settings["shared_buffers"].value == "16384"
        assert after.settings["work_mem"].value == "4096"
        assert after.settings["work_mem"].entry is None


def test_a_login_without_rights_is_told_and_changes_nothing(server):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
    for user in ("plain", "watcher"):
        with connect(server, user) as driver:
            plan = plan_for(driver, {"work_mem": "64MB"})
            assert plan.is_empty
            assert "this login may not" in plan.blocked[0].why
            assert plan.operator_steps[0].startswith("as a superuser: ALTER SYSTEM SET work_mem = '64MB'")
            with pytest.raises(NotPermittedError):
                driver.run(Request(text="ALTER SYSTEM SET work_mem = '64MB'", is_read_only=False))


@pytest.mark.postgresql(">= 15")
def test_a_login_with_the_right_on_one_parameter_changes_that_one(postgresql_each):
    with psycopg.connect(postgresql_each.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE tuner LOGIN IN ROLE pg_monitor")
        connection.execute("GRANT ALTER SYSTEM ON PARAMETER work_mem TO tuner")
        connection.execute("GRANT EXECUTE ON FUNCTION pg_reload_conf(), pg_show_all_file_settings() TO tuner")
        connection.execute("GRANT SELECT ON pg_file_settings TO tuner")
    with connect(postgresql_each, "tuner") as driver:
        plan = plan_for(driver, {"work_mem": "64MB", "jit": "off"})
        assert [b.parameter for b in plan.blocked] == ["jit"]
        verified = application(driver, plan).run()
        assert verified.observation.settings["work_mem"].value == "65536"
        application(driver, plan).undo(range(len(plan.steps)))


@pytest.mark.postgresql(">= 17")
def test_files_kept_by_something_else_are_left_alone(postgresql_each):
    conf = postgresql_each.data_dir / "postgresql.conf"
    with conf.open("a") as file:
        file.write("allow_alter_system = off\n")
    postgresql_each.restart()
    with connect(postgresql_each) as driver:
        plan = plan_for(driver, {"work_mem": "64MB"})
        assert [step.kind for step in plan.steps if step.kind is StepKind.SET] == []
        assert "allow_alter_system is off" in plan.blocked[0].why
        assert "work_mem = 64MB" in plan.operator_steps[0]

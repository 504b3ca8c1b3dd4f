"""What an observation of MySQL or MariaDB makes of what the server tells."""

from __future__ import annotations

import pytest
from tests.engines.mysql.answers import NOW, UPTIME, answer, seen, variable

from setpoint.catalog import Context, Kind
from setpoint.config.drift import DriftClass, judge
from setpoint.config.observation import OriginKind
from setpoint.engines.mysql.dialect.option_fragment import render_fragment
from setpoint.engines.port import Reply
from setpoint.engines.registry import get_engine
from setpoint.errors import UnavailableError

BEFORE_START, AFTER_START = NOW - 2 * UPTIME, NOW - UPTIME / 2


def in_force(observation, name):
    (deciding,) = [origin for origin in observation.settings[name].origins if origin.is_in_force]
    return deciding


def test_a_value_kept_and_running_is_the_entry_in_force():
    row = variable("max_connections", "171", source="DYNAMIC", persisted="171", set_at=NOW, set_user="u")
    observation, _ = seen(answer(row))
    setting = observation.settings["max_connections"]
    assert setting.entry.text == "171"
    assert in_force(observation, "max_connections").kind is OriginKind.PERSISTED
    assert setting.pending is None


def test_what_was_set_while_running_over_a_kept_value_is_told_with_who_and_when():
    row = variable(
        "max_connections", "99", source="DYNAMIC", persisted="171", set_at=NOW, set_user="eve", set_host="h"
    )
    observation, catalog = seen(answer(row))
    deciding = in_force(observation, "max_connections")
    assert deciding.kind is OriginKind.RUNTIME
    assert "eve@h at 2026-01-01T00:00:00" in deciding.scope
    assert observation.settings["max_connections"].entry.text == "171"
    drift = judge("max_connections", "171", observation.settings["max_connections"], catalog)
    assert drift.drift_class is DriftClass.DRIFTED
    assert "eve" in drift.explanation


def test_a_session_that_set_its_own_value_does_not_hide_the_default():
    row = variable("max_connections", "151", source="DYNAMIC", set_at=NOW, set_user="app", default="151")
    observation, _ = seen(answer(row))
    assert in_force(observation, "max_connections").kind is OriginKind.DEFAULT


@pytest.mark.parametrize(
    ("set_at", "pending"),
    [(AFTER_START, "64"), (BEFORE_START, None)],
    ids=["written since", "loaded and cut"],
)
def test_a_kept_value_that_does_not_run_waits_or_was_cut_at_the_start(set_at, pending):
    row = variable("innodb_read_io_threads", "4", source="PERSISTED", persisted="64", set_at=set_at)
    observation, catalog = seen(answer(row))
    setting = observation.settings["innodb_read_io_threads"]
    assert catalog.get("innodb_read_io_threads").context is Context.RESTART
    assert setting.pending == pending
    wanted = DriftClass.PENDING_RESTART if pending else DriftClass.NORMALISED
    assert judge("innodb_read_io_threads", "64", setting, catalog).drift_class is wanted


@pytest.mark.parametrize(
    ("changed_at", "pending"),
    [(AFTER_START, "64"), (BEFORE_START, None), (NOW - UPTIME, None), (None, None)],
    ids=["changed since", "loaded and cut", "changed in the second of the start", "not told"],
)
def test_a_line_that_does_not_run_waits_or_was_cut_at_the_start(changed_at, pending):
    path, name = "/etc/zz.cnf", "innodb_read_io_threads"
    row = variable(
        name, "4", source="CONFIG", path=path, is_read_only="YES", has_option="REQUIRED", default="4"
    )
    text = render_fragment({name: "64"})
    agent = {
        "fragment": {"path": path, "text": text, "fault": ""},
        "roots": [path],
        "files": [{"path": path, "text": text, "fault": "", "changed_at": changed_at}],
    }
    observation, catalog = seen(answer(row), engine="mariadb", version="10.11.19", agent=agent)
    setting = observation.settings[name]
    assert setting.pending == pending
    wanted = DriftClass.PENDING_RESTART if pending else DriftClass.NORMALISED
    assert judge(name, "64", setting, catalog).drift_class is wanted


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        (None, ""),
        ({"fault": "no such program"}, "gave no answer: no such program"),
        ({"roots": 7}, "makes no sense"),
        ({}, "names no file"),
        (
            {"fragment": {"path": "/zz.cnf", "fault": "edited by hand"}},
            "/zz.cnf cannot be used: edited by hand",
        ),
        ({"fragment": {"path": "/zz.cnf", "fault": ""}}, ""),
    ],
)
def test_an_agent_that_cannot_write_is_told_with_its_reason(agent, why):
    observation, _ = seen(answer(variable("max_connections", "151")), agent=agent)
    assert bool(observation.agent_fault) == bool(why)
    assert why in observation.agent_fault
    assert (observation.agent_fault in "; ".join(observation.unseen)) or not why


def test_mariadb_has_what_runs_for_its_entry():
    row = variable(
        "max_connections", "171", source="SQL", is_read_only="NO", default="151", has_option="REQUIRED"
    )
    observation, _ = seen(answer(row), engine="mariadb", version="10.11.19")
    setting = observation.settings["max_connections"]
    assert setting.is_passing
    assert setting.entry.text == "171"
    unchanged = variable("max_connections", "151", source="COMPILE-TIME", is_read_only="NO", default="151")
    setting = seen(answer(unchanged), engine="mariadb", version="10.11.19")[0].settings["max_connections"]
    assert setting.entry.text == "151"
    assert [origin.kind for origin in setting.origins] == [OriginKind.DEFAULT]


def test_types_units_and_words_are_read_from_what_the_server_tells():
    rows = (
        variable("sort_buffer_size", "262144", scope="SESSION", block="1024", low="1024"),
        variable("wait_timeout", "28800", scope="SESSION"),
        variable("read_only", "OFF", data_type="boolean"),
        variable("binlog_format", "ROW", data_type="enum", words="MIXED,STATEMENT,ROW"),
        variable("sql_mode", "ANSI_QUOTES", data_type="set", scope="SESSION"),
        variable("optimizer_switch", "mrr=on,mrr_cost_based=off", data_type="set", scope="SESSION"),
        variable("version", "9.7.4", data_type="string"),
        variable("validate_password.length", "8"),
    )
    _, catalog = seen(answer(*rows))
    kinds = {parameter.name: parameter.kind for parameter in catalog.parameters}
    assert kinds == {
        "sort_buffer_size": Kind.SIZE,
        "wait_timeout": Kind.DURATION,
        "read_only": Kind.BOOL,
        "binlog_format": Kind.ENUM,
        "sql_mode": Kind.FLAGS,
        "optimizer_switch": Kind.SWITCHES,
        "version": Kind.STRING,
        "validate_password.length": Kind.INTEGER,
    }
    assert catalog.get("sort_buffer_size").context is Context.RECONNECT
    assert catalog.get("version").context is Context.FIXED
    assert catalog.get("validate_password.length").extension == "validate_password"
    assert catalog.is_same("sort_buffer_size", "256K", "262144")
    assert catalog.is_same("binlog_format", "2", "ROW")
    assert catalog.is_same("optimizer_switch", "mrr=on", "mrr=on,mrr_cost_based=off")
    assert not catalog.is_same("optimizer_switch", "mrr=off", "mrr=on,mrr_cost_based=off")


def test_a_password_among_the_variables_is_never_seen():
    rows = (
        variable("report_password", "hunter2", data_type="string"),
        variable("wsrep_sst_auth", "root:hunter2", data_type="string"),
        variable("group_replication_x", "password=hunter2 host=a", data_type="string"),
    )
    observation, _ = seen(answer(*rows))
    assert "hunter2" not in repr(observation)


def test_members_of_clusters_say_so():
    status = {
        "wsrep_cluster_size": "3",
        "wsrep_cluster_status": "Primary",
        "wsrep_local_state_comment": "Synced",
    }
    row = variable("wsrep_on", "ON", data_type="boolean")
    facts = seen(answer(row, status=status), engine="mariadb", version="10.11.19")[0].facts
    assert (facts.role, facts.cluster) == ("primary", "Galera, 3 members, Primary, Synced")
    facts = seen(answer(row), engine="mariadb", version="10.11.19")[0].facts
    assert "not connected" in facts.cluster
    facts = seen(answer(group_role="SECONDARY, ONLINE"))[0].facts
    assert (facts.role, facts.cluster) == ("standby", "group replication, SECONDARY, ONLINE")


@pytest.mark.parametrize(
    ("rows", "told", "role"),
    [
        ((), {"replica": "on"}, "standby"),
        ((), {"replica": "stopped"}, "standby"),
        ((), {"status": {"slave_running": "ON"}}, "standby"),
        (
            (
                variable("gtid_slave_pos", "0-1-7", data_type="string"),
                variable("read_only", "ON", data_type="boolean"),
            ),
            {},
            "standby",
        ),
        ((variable("gtid_slave_pos", "0-1-7", data_type="string"),), {}, "primary"),
        ((), {}, "primary"),
    ],
)
def test_roles_are_told_by_replication_and_not_by_being_read_only(rows, told, role):
    assert seen(answer(*rows, **told), engine="mariadb", version="10.11.19")[0].facts.role == role


def test_a_managed_service_is_known_by_its_signs():
    row = variable("basedir", "/rdsdbbin/mysql-8.0.39/", data_type="string")
    facts = seen(answer(row), version="8.0.39")[0].facts
    assert facts.is_managed_service
    assert facts.sources["is_managed_service"] == "Amazon RDS"


def test_an_answer_that_is_none_is_refused():
    engine = get_engine("mysql")
    with pytest.raises(UnavailableError, match="not an observation"):
        seen("{}")
    with pytest.raises(UnavailableError):
        engine.read_entry("max_connections", Reply())


def test_metrics_are_the_servers_counters_and_this_session_is_none_of_the_connections():
    status = {"threads_connected": "5", "handler_commit": "70", "rows_read": "9", "innodb_rows_read": "8"}
    metrics = seen(answer(variable("max_connections", "151"), status=status))[0].metrics
    assert metrics == {"conn.limit": 151, "conn.total": 4, "rows.read": 8, "txn.commit": 70}

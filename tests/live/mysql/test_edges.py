"""What a DBA will put in Setpoint's way on MySQL and MariaDB, each handled and told."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping

import pytest
from tests.live.mysql.scene import agent_command, by_hand, running

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.config.drift import DriftClass
from setpoint.config.observation import OriginKind
from setpoint.errors import ApplyError

pytestmark = pytest.mark.live
NAME = "db"
PART = f"instance:{NAME}"
CONF = "[mysqld]\nmax_connections = 120\n\n[mysqld-5.1]\nmax_connections = 55\n"


@pytest.fixture
def server(mysql_family_each, request, start_mariadb, start_mysql):
    """A server of its own for each test, of each kind and series chosen."""
    binaries = mysql_family_each.binaries
    start = start_mariadb if binaries.kind == "mariadb" else start_mysql
    marker = request.node.get_closest_marker("conf")
    return start(".".join(map(str, binaries.series)), conf=marker.args[0] if marker else "")


@pytest.fixture
def mysql_only(server):
    if server.binaries.kind != "mysql":
        pytest.skip("MariaDB keeps nothing itself")


@pytest.fixture
def mariadb_only(server):
    if server.binaries.kind != "mariadb":
        pytest.skip("MySQL keeps values itself")


@pytest.fixture
def setpoint(tmp_path, server):
    with Setpoint.create(str(tmp_path / "store.db"), actor="ada") as made:
        made.add_instance(NAME, instance_of(server), reason="registered")
        yield made


def instance_of(server, *, user: str = "root", agent: str = "") -> Instance:
    command = shlex.join(server.restart_command)
    target = server.dsn_for(user=user)
    return Instance(engine=server.binaries.kind, target=target, restart_command=command, agent_command=agent)


def use(setpoint, server, **how: str) -> None:
    setpoint.change_instance(NAME, instance_of(server, **how), reason="another way in")


def ask(setpoint, **settings: str):
    setpoint.change_settings(PART, settings, reason="wanted")
    return setpoint.plan(NAME).plan


def origins(setpoint, name: str):
    return setpoint.observe(NAME)[0].settings[name].origins


def drift_of(setpoint, name: str):
    return next(drift for drift in setpoint.drift(NAME)[1] if drift.parameter == name)


def blocked(plan) -> Mapping[str, str]:
    return {each.parameter: each.why for each in plan.blocked}


@pytest.mark.conf(CONF)
def test_a_group_of_another_version_is_told_and_not_taken_for_the_value(setpoint, server):
    use(setpoint, server, agent=agent_command(server))
    found = origins(setpoint, "max_connections")
    assert running(server, "max_connections") == "120"
    (unread,) = [each for each in found if each.fault]
    lines = server.option_file.read_text().splitlines()
    assert (unread.text, lines[unread.line - 1]) == ("55", "max_connections = 55")
    assert "mysqld-5.1 is not read by" in unread.fault
    (deciding,) = [each for each in found if each.is_in_force]
    assert (deciding.kind, deciding.text) == (OriginKind.FILE, "120")
    assert lines[deciding.line - 1] == "max_connections = 120"


@pytest.mark.conf(CONF)
def test_a_kept_value_that_shadows_the_option_file_is_shown_with_both(setpoint, server, mysql_only):
    use(setpoint, server, agent=agent_command(server))
    by_hand(server, "SET PERSIST max_connections = 150")
    server.restart()
    found = origins(setpoint, "max_connections")
    assert [(each.kind, each.text) for each in found if not each.fault][-2:] == [
        (OriginKind.FILE, "120"),
        (OriginKind.PERSISTED, "150"),
    ]
    assert [each.text for each in found if each.is_in_force] == ["150"]
    plan = ask(setpoint, max_connections="120")
    setpoint.apply(plan)
    assert drift_of(setpoint, "max_connections").drift_class is DriftClass.IN_SYNC
    setpoint.undo(NAME)
    assert running(server, "max_connections") == "150"


def test_what_only_a_file_gives_is_handed_to_the_operator_without_an_agent(setpoint, server):
    name = "innodb_buffer_pool_load_at_startup"
    plan = ask(setpoint, **{name: "OFF"})
    assert "from an option file alone" in blocked(plan)[name]
    assert any(f"[mysqld]: {name} = OFF" in step for step in plan.operator_steps)
    assert any("restart the server" in step for step in plan.operator_steps)


def test_what_only_a_file_gives_is_written_by_the_agent_and_waits_for_a_restart(setpoint, server):
    use(setpoint, server, agent=agent_command(server))
    name = "innodb_buffer_pool_load_at_startup"
    plan = ask(setpoint, **{name: "OFF"})
    assert plan.restarts == (name,)
    setpoint.apply(plan)
    assert drift_of(setpoint, name).drift_class is DriftClass.PENDING_RESTART
    assert "OFF" in server.fragment_path.read_text()
    setpoint.apply(setpoint.plan(NAME).plan, may_restart=True)
    assert drift_of(setpoint, name).drift_class is DriftClass.IN_SYNC
    assert running(server, name) == "0"
    setpoint.undo(NAME, may_restart=True)
    assert running(server, name) == "1"
    assert name not in server.fragment_path.read_text()


def make_younger(path) -> None:
    """Date a file after the start of its server, which is known to the second."""
    moment = time.time() + 2
    os.utime(path, (moment, moment))


def test_what_is_written_once_more_since_the_start_waits_and_is_not_what_the_server_made_of_it(
    setpoint, server
):
    use(setpoint, server, agent=agent_command(server))
    name = "innodb_buffer_pool_load_at_startup"
    setpoint.apply(ask(setpoint, **{name: "OFF"}), may_restart=True)
    assert running(server, name) == "0"
    setpoint.apply(ask(setpoint, **{name: "ON"}))
    make_younger(server.fragment_path)
    drift = drift_of(setpoint, name)
    assert drift.drift_class is DriftClass.PENDING_RESTART
    assert str(server.fragment_path) in drift.explanation
    plan = setpoint.plan(NAME).plan
    assert plan.restarts == (name,)
    setpoint.apply(plan, may_restart=True)
    assert running(server, name) == "1"
    assert drift_of(setpoint, name).drift_class is DriftClass.IN_SYNC


def test_a_line_older_than_the_start_is_what_the_server_made_of_it(setpoint, server):
    use(setpoint, server, agent=agent_command(server))
    file, name = server.conf_dir / "a.cnf", "innodb_sort_buffer_size"
    file.write_text(f"[mysqld]\n{name} = 1\n")
    server.restart()
    setting = setpoint.observe(NAME)[0].settings[name]
    assert (setting.value, setting.pending, setting.in_force.text) == ("65536", None, "1")
    file.write_text(f"[mysqld]\n{name} = 131072\n")
    make_younger(file)
    setting = setpoint.observe(NAME)[0].settings[name]
    assert (setting.value, setting.pending) == ("65536", "131072")
    assert "changed since" in setting.in_force.fault


def test_a_dynamic_variable_whose_line_was_changed_since_runs_what_the_line_was(setpoint, server):
    use(setpoint, server, agent=agent_command(server))
    file = server.conf_dir / "a.cnf"
    file.write_text("[mysqld]\nmax_connections = 120\n")
    server.restart()
    file.write_text("[mysqld]\nmax_connections = 130\n")
    make_younger(file)
    setpoint.change_settings(PART, {"max_connections": "130"}, reason="wanted")
    setpoint.observe(NAME)
    assert drift_of(setpoint, "max_connections").drift_class is DriftClass.DRIFTED
    setpoint.apply(setpoint.plan(NAME).plan)
    assert running(server, "max_connections") == "130"


def test_what_is_kept_for_the_start_alone_waits_and_comes_back(setpoint, server, mysql_only):
    plan = ask(setpoint, innodb_read_io_threads="7")
    assert plan.restarts == ("innodb_read_io_threads",)
    setpoint.apply(plan, may_restart=True)
    assert running(server, "innodb_read_io_threads") == "7"
    setpoint.undo(NAME, may_restart=True)
    assert by_hand(server, "SELECT COUNT(*) FROM performance_schema.persisted_variables") == ((0,),)


def test_what_runs_is_made_to_last_by_the_agent(setpoint, server, mariadb_only):
    use(setpoint, server, agent=agent_command(server))
    setpoint.apply(ask(setpoint, max_connections="171"))
    server.restart()
    assert running(server, "max_connections") == "171"
    assert drift_of(setpoint, "max_connections").drift_class is DriftClass.IN_SYNC
    assert setpoint.plan(NAME).plan.is_empty


def test_a_variable_whose_option_has_another_name_is_written_down_under_that(setpoint, server, mariadb_only):
    use(setpoint, server, agent=agent_command(server))
    setpoint.apply(ask(setpoint, tx_isolation="READ-COMMITTED"))
    assert "transaction_isolation" in server.fragment_path.read_text()
    server.restart()
    assert drift_of(setpoint, "tx_isolation").drift_class is DriftClass.IN_SYNC
    setpoint.undo(NAME)
    assert "transaction_isolation" not in server.fragment_path.read_text()


def test_without_an_agent_the_operator_is_told_what_to_write_down(setpoint, server, mariadb_only):
    plan = ask(setpoint, max_connections="171")
    assert any("max_connections = 171" in step for step in plan.operator_steps)
    setpoint.apply(plan)
    server.restart()
    drift = drift_of(setpoint, "max_connections")
    assert drift.drift_class is DriftClass.DRIFTED
    assert drift.observed == "151"


def test_a_fragment_edited_by_hand_is_not_written_over(setpoint, server):
    use(setpoint, server, agent=agent_command(server))
    name = "innodb_buffer_pool_load_at_startup"
    setpoint.apply(ask(setpoint, **{name: "OFF"}))
    text = server.fragment_path.read_text()
    server.fragment_path.write_text(text.replace("OFF", "ON"))
    observation, _ = setpoint.observe(NAME)
    assert any("edited by hand" in said or "checksum" in said for said in observation.unseen), (
        observation.unseen
    )
    assert setpoint.plan(NAME).plan.blocked


def test_an_option_file_that_a_server_ignores_is_told(setpoint, server):
    use(setpoint, server, agent=agent_command(server))
    open_to_all = server.conf_dir / "open.cnf"
    open_to_all.write_text("[mysqld]\nmax_connections = 99\n")
    open_to_all.chmod(0o666)
    observation, _ = setpoint.observe(NAME)
    assert any("open.cnf" in said and "ignore" in said for said in observation.unseen), observation.unseen
    assert "99" not in {each.text for each in observation.settings["max_connections"].origins}


def test_an_include_that_leads_nowhere_is_told_with_its_line(setpoint, server):
    use(setpoint, server, agent=agent_command(server))
    (server.conf_dir / "a.cnf").write_text("[mysqld]\n!include /no/such/file.cnf\n")
    observation, _ = setpoint.observe(NAME)
    assert any(f.line == 2 and "/no/such/file.cnf" in f.message for f in observation.file_faults) or any(
        "/no/such/file.cnf" in said for said in observation.unseen
    ), (observation.file_faults, observation.unseen)


def test_a_login_that_may_only_read_sees_everything_it_can_and_changes_nothing(setpoint, server):
    by_hand(server, "CREATE USER reader@'%' IDENTIFIED BY ''")
    use(setpoint, server, user="reader")
    observation, catalog = setpoint.observe(NAME)
    assert len(observation.settings) == len(catalog.parameters)
    assert observation.alterable == ()
    assert observation.unseen
    plan = ask(setpoint, max_connections="171")
    assert blocked(plan) == {"max_connections": "this login may not change it"}
    assert any("as an administrator: SET" in step for step in plan.operator_steps)
    assert running(server, "max_connections") == "151"


def test_a_login_with_part_of_the_rights_is_told_apart_parameter_by_parameter(setpoint, server):
    right = "CONNECTION ADMIN" if server.binaries.kind == "mariadb" else "SYSTEM_VARIABLES_ADMIN"
    by_hand(server, "CREATE USER part@'%' IDENTIFIED BY ''", f"GRANT {right} ON *.* TO part@'%'")
    use(setpoint, server, user="part")
    other = "innodb_io_capacity" if server.binaries.kind == "mariadb" else "innodb_read_io_threads"
    plan = ask(setpoint, max_connections="171", **{other: "300" if "io_cap" in other else "7"})
    assert set(blocked(plan)) == {other}
    setpoint.apply(plan)
    assert running(server, "max_connections") == "171"


def test_a_server_that_is_read_only_is_changed_all_the_same(setpoint, server):
    name = "read_only" if server.binaries.kind == "mariadb" else "super_read_only"
    by_hand(server, f"SET GLOBAL {name} = ON")
    setpoint.apply(ask(setpoint, max_connections="171"))
    assert running(server, "max_connections") == "171"
    assert drift_of(setpoint, "max_connections").drift_class is DriftClass.IN_SYNC


def test_turning_super_read_only_on_and_back_leaves_read_only_as_it_was(setpoint, server, mysql_only):
    setpoint.apply(ask(setpoint, super_read_only="ON"))
    assert running(server, "read_only") == "1"
    setpoint.undo(NAME)
    assert (running(server, "super_read_only"), running(server, "read_only")) == ("0", "0")


def test_a_value_out_of_range_is_refused_before_the_server_could_cut_it(setpoint, server):
    plan = ask(setpoint, innodb_flush_log_at_trx_commit="9", max_connections="200000")
    assert set(blocked(plan)) == {"innodb_flush_log_at_trx_commit", "max_connections"}
    assert "out of range" in blocked(plan)["innodb_flush_log_at_trx_commit"]
    assert plan.is_empty


def test_a_value_cut_at_the_start_is_told_apart_from_drift_and_from_success(setpoint, server):
    """More tables than the process may open files: the server starts, with fewer."""
    use(setpoint, server, agent=agent_command(server))
    (server.conf_dir / "a.cnf").write_text("[mysqld]\ninnodb_flush_log_at_trx_commit = 9\n")
    server.restart()
    taken = running(server, "innodb_flush_log_at_trx_commit")
    assert taken in ("2", "3")
    (deciding,) = [each for each in origins(setpoint, "innodb_flush_log_at_trx_commit") if each.is_in_force]
    assert (deciding.text, deciding.line) == ("9", 2)
    setpoint.change_settings(PART, {"innodb_flush_log_at_trx_commit": "1"}, reason="wanted")
    assert drift_of(setpoint, "innodb_flush_log_at_trx_commit").drift_class is DriftClass.DRIFTED


def test_flags_are_compared_and_told_one_by_one(setpoint, server):
    setpoint.observe(NAME)
    setpoint.change_settings(PART, {"optimizer_switch": "mrr_cost_based=off"}, reason="wanted")
    before = running(server, "optimizer_switch")
    drift = drift_of(setpoint, "optimizer_switch")
    state = "mrr_cost_based=on" if "mrr_cost_based=on" in before else ""
    if state:
        assert drift.drift_class is DriftClass.DRIFTED
        assert state in drift.explanation
        assert "index_merge=" not in drift.explanation
    setpoint.apply(setpoint.plan(NAME).plan)
    after = running(server, "optimizer_switch")
    assert set(after.split(",")) - set(before.split(",")) <= {"mrr_cost_based=off"}
    assert drift_of(setpoint, "optimizer_switch").drift_class is DriftClass.IN_SYNC


def test_a_word_for_several_modes_means_them(setpoint, server):
    setpoint.apply(ask(setpoint, sql_mode="TRADITIONAL"))
    assert drift_of(setpoint, "sql_mode").drift_class is DriftClass.IN_SYNC
    assert "STRICT_ALL_TABLES" in running(server, "sql_mode")
    assert setpoint.plan(NAME).plan.is_empty


def test_who_set_a_value_while_running_is_told_where_the_server_knows(setpoint, server, mysql_only):
    by_hand(server, "SET GLOBAL max_connections = 77")
    (deciding,) = [each for each in origins(setpoint, "max_connections") if each.is_in_force]
    assert deciding.kind is OriginKind.RUNTIME
    assert "root@" in deciding.scope


def test_a_refusal_of_the_server_leaves_the_old_state(setpoint, server):
    """Two variables, the second of which the server does not take for a reason no catalog knows."""
    name = "default_storage_engine"
    with pytest.raises(ApplyError) as refused:
        setpoint.apply(ask(setpoint, max_connections="171", **{name: "NoSuchEngine"}))
    assert refused.value.state == "old"
    assert running(server, "max_connections") == "151"


def test_names_are_taken_as_option_files_write_them(setpoint, server):
    setpoint.apply(ask(setpoint, **{"Max-Connections": "171", "loose-innodb-io-capacity": "300"}))
    assert (running(server, "max_connections"), running(server, "innodb_io_capacity")) == ("171", "300")
    assert drift_of(setpoint, "max_connections").drift_class is DriftClass.IN_SYNC
    assert setpoint.plan(NAME).plan.is_empty


def test_a_replica_is_known_as_one(mariadb_pair, tmp_path):
    with Setpoint.create(str(tmp_path / "store.db"), actor="ada") as setpoint:
        for name, server in (("first", mariadb_pair.primary), ("second", mariadb_pair.replica)):
            setpoint.add_instance(name, instance_of(server), reason="registered")
        roles = {name: setpoint.observe(name)[0].facts.role for name in ("first", "second")}
        assert roles == {"first": "primary", "second": "standby"}
        assert setpoint.observe("first")[0].metrics["repl.standbys"] == 1


SILENT = {
    "/no/such/agent --fragment x": "did not run to its end",
    "false": "ended with 1",
    "echo hello": "makes no sense",
    "echo {}": "names no file",
}


@pytest.mark.parametrize("command", SILENT)
def test_an_agent_that_gives_no_answer_spoils_no_observation_and_every_plan_tells_it(
    setpoint, server, command
):
    use(setpoint, server, agent=command)
    observation, _ = setpoint.observe(NAME)
    assert SILENT[command] in observation.agent_fault
    assert any(SILENT[command] in said for said in observation.unseen)
    plan = ask(setpoint, innodb_buffer_pool_load_at_startup="OFF", max_connections="171")
    assert [said for said in plan.warnings if SILENT[command] in said]
    (why,) = blocked(plan).values()
    assert SILENT[command] in why
    assert "mend the agent" in plan.blocked[0].next_step
    setpoint.apply(plan)
    assert running(server, "max_connections") == "171"
    assert [said for said in setpoint.plan(NAME).plan.warnings if SILENT[command] in said]


def test_a_file_that_cannot_be_written_is_why_its_steps_are_blocked(setpoint, server):
    server.fragment_path.write_text("[mysqld]\n")
    use(setpoint, server, agent=agent_command(server))
    plan = ask(setpoint, innodb_buffer_pool_load_at_startup="OFF")
    assert "not written by Setpoint" in blocked(plan)["innodb_buffer_pool_load_at_startup"]
    assert any("not written by Setpoint" in said for said in plan.warnings)

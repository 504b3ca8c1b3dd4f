"""The steps that change MySQL and MariaDB, each with its way back; and what is refused beforehand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.engines.mysql.answers import answer, seen, variable

from setpoint.engines.plan import Request, StepKind
from setpoint.engines.port import Release
from setpoint.engines.registry import get_engine

FRAGMENT = "/etc/mysql/conf.d/zz.cnf"
AGENT = {
    "fragment": {"path": FRAGMENT, "text": None, "fault": ""},
    "roots": ["/etc/my.cnf"],
    "files": [{"path": "/etc/my.cnf", "text": "[mysqld]\nmax_connections = 120\n", "fault": ""}],
}
ROWS = (
    variable("max_connections", "120", source="EXPLICIT", path="/etc/my.cnf"),
    variable("max_user_connections", "0", low="0"),
    variable("innodb_read_io_threads", "4"),
    variable("innodb_buffer_pool_load_at_startup", "ON", data_type="boolean"),
    variable("super_read_only", "OFF", data_type="boolean"),
    variable("read_only", "OFF", data_type="boolean"),
    variable("report_password", "hunter2", data_type="string"),
    variable("innodb_io_capacity", "200"),
    variable("innodb_io_capacity_max", "400"),
    variable("optimizer_switch", "mrr=on,semijoin=on", data_type="set", scope="SESSION"),
)
MARIADB_ROWS = (
    variable(
        "max_connections",
        "120",
        source="CONFIG",
        path="/etc/my.cnf",
        is_read_only="NO",
        has_option="REQUIRED",
    ),
    variable("thread_stack", "299008", is_read_only="YES", has_option="REQUIRED", high="9999999", low="1"),
)


def made(desired, *, engine="mysql", rows=ROWS, agent=None, releases=(), passing=(), **server):
    version = "9.7.4" if engine == "mysql" else "10.11.19"
    observation, catalog = seen(answer(*rows, **server), engine=engine, version=version, agent=agent)
    return get_engine(engine).steps(desired, releases, observation, catalog, {}, passing)


def texts(requests) -> list[Any]:
    return [request.text or json.loads(request.agent) for request in requests]


def test_a_dynamic_variable_is_kept_and_goes_back_to_what_ran():
    (step,) = made({"max_connections": "171"}).steps
    assert texts(step.do) == ["SET PERSIST max_connections = 171"]
    assert texts(step.undo) == ["SET GLOBAL max_connections = 120; RESET PERSIST IF EXISTS `max_connections`"]
    assert step.prior.persisted is None


def test_one_of_the_start_is_kept_for_it_and_asks_for_a_restart():
    step, restart = made({"innodb_read_io_threads": "8"}).steps
    assert texts(step.do) == ["SET PERSIST_ONLY innodb_read_io_threads = 8"]
    assert texts(step.undo) == ["RESET PERSIST IF EXISTS `innodb_read_io_threads`"]
    assert restart.kind is StepKind.RESTART


def test_one_of_files_alone_goes_to_the_agent_or_to_a_person():
    name = "innodb_buffer_pool_load_at_startup"
    blocked = made({name: "OFF"})
    assert not blocked.steps
    assert "option file alone" in blocked.blocked[0].why
    assert any(
        "[mysqld]: innodb_buffer_pool_load_at_startup = OFF" in step for step in blocked.operator_steps
    )
    step, restart = made({name: "OFF"}, agent=AGENT).steps
    assert texts(step.do) == [{"do": "write", "expect": {name: None}, "set": {name: "OFF"}}]
    assert texts(step.undo) == [{"do": "write", "expect": {name: "OFF"}, "unset": [name]}]
    assert restart.kind is StepKind.RESTART


def test_without_its_agent_only_what_runs_is_changed_and_the_plan_warns():
    name = "innodb_buffer_pool_load_at_startup"
    told = made({name: "OFF", "max_connections": "171"}, agent={"fault": "timed out"})
    assert [step.parameter for step in told.steps] == ["max_connections"]
    (block,) = told.blocked
    assert (block.parameter, "timed out" in block.why) == (name, True)
    assert [said for said in told.warnings if "timed out" in said]
    assert [said for said in made({}, agent={"fault": "timed out"}).warnings if "timed out" in said]
    assert not made({"max_connections": "171"}).warnings


def test_mariadb_runs_a_value_and_has_the_agent_write_it_down():
    (step,) = made({"max_connections": "171"}, engine="mariadb", rows=MARIADB_ROWS, agent=AGENT).steps
    assert texts(step.do) == [
        "SET GLOBAL max_connections = 171",
        {"do": "write", "expect": {"max_connections": None}, "set": {"max_connections": "171"}},
    ]
    assert texts(step.undo) == [
        "SET GLOBAL max_connections = 120",
        {"do": "write", "expect": {"max_connections": "171"}, "unset": ["max_connections"]},
    ]
    assert not step.is_passing


def test_mariadb_writes_nothing_down_of_an_override():
    ours = {"max_connections": "171"}
    (step,) = made(ours, engine="mariadb", rows=MARIADB_ROWS, agent=AGENT, passing={"max_connections"}).steps
    assert texts(step.do) == ["SET GLOBAL max_connections = 171"]
    assert step.is_passing


def test_mariadb_without_an_agent_says_what_a_restart_would_lose():
    found = made({"max_connections": "171"}, engine="mariadb", rows=MARIADB_ROWS)
    assert texts(found.steps[0].do) == ["SET GLOBAL max_connections = 171"]
    assert any("so that a restart keeps it: max_connections = 171" in step for step in found.operator_steps)


def test_a_release_puts_back_what_ran_where_nothing_else_tells():
    kept = variable("max_connections", "171", source="DYNAMIC", persisted="171")
    ours = Release(parameter="max_connections", ours="171", restore=None, running="120")
    (step,) = made({}, rows=(kept,), releases=[ours]).steps
    assert texts(step.do) == ["SET GLOBAL max_connections = 120; RESET PERSIST IF EXISTS `max_connections`"]
    theirs = Release(parameter="max_connections", ours="99", restore=None)
    found = made({}, rows=(kept,), releases=[theirs])
    assert not found.steps
    assert "left alone" in found.warnings[0]


def test_turning_off_what_super_read_only_turned_on_is_part_of_the_way_back():
    (step,) = made({"super_read_only": "ON"}).steps
    assert texts(step.undo)[-1] == "SET GLOBAL read_only = 'OFF'"


def test_a_flag_that_is_asked_for_leaves_the_others():
    (step,) = made({"optimizer_switch": "mrr=off"}).steps
    assert texts(step.do) == ["SET PERSIST optimizer_switch = 'mrr=off,semijoin=on'"]


def test_room_is_made_before_it_is_used_and_given_back_after():
    up = made({"innodb_io_capacity": "900", "innodb_io_capacity_max": "1800"}).steps
    assert [step.parameter for step in up] == ["innodb_io_capacity_max", "innodb_io_capacity"]
    down = made({"innodb_io_capacity": "100", "innodb_io_capacity_max": "300"}).steps
    assert [step.parameter for step in down] == ["innodb_io_capacity", "innodb_io_capacity_max"]


@pytest.mark.parametrize(
    ("desired", "why"),
    [
        ({"no_such_variable": "1"}, "no such variable"),
        ({"max_connections": "0"}, "out of range"),
        ({"max_connections": "many"}, "not a whole number"),
        ({"report_password": "x"}, "holds a secret"),
        ({"innodb_io_capacity": "900"}, "would be above innodb_io_capacity_max"),
        ({"max_user_connections": "500"}, "would be above max_connections"),
    ],
)
def test_what_would_go_wrong_is_refused_beforehand(desired, why):
    found = made(desired)
    assert not found.steps
    assert why in found.blocked[0].why


def test_a_login_without_the_right_is_told_what_an_administrator_would_run():
    found = made({"max_connections": "171"}, privileges=["SELECT"])
    assert found.blocked[0].why == "this login may not change it"
    assert found.blocked[0].next_step.startswith("grant SYSTEM_VARIABLES_ADMIN, or SUPER, or let ")
    assert found.operator_steps == ("as an administrator: SET PERSIST max_connections = 171",)


def test_a_managed_service_is_changed_in_its_own_settings():
    rows = (*ROWS, variable("basedir", "/rdsdbbin/mysql/", data_type="string"))
    found = made({"max_connections": "171"}, rows=rows)
    assert "Amazon RDS keeps its configuration itself" in found.blocked[0].why
    assert found.operator_steps == ("in the parameter group of Amazon RDS: max_connections = 171",)


def test_what_is_so_already_needs_no_step():
    assert not made({"max_connections": "120"}).steps
    assert not made({"optimizer_switch": "semijoin=on"}).steps
    kept = variable("max_connections", "171", source="DYNAMIC", persisted="171")
    assert not made({"max_connections": "171"}, rows=(kept,)).steps


def test_what_runs_and_is_not_kept_is_kept():
    row = variable("max_connections", "171", source="DYNAMIC", persisted="99", set_at=0.0, set_user="u")
    (step,) = made({"max_connections": "171"}, rows=(row,)).steps
    assert texts(step.do) == ["SET PERSIST max_connections = 171"]


CHARACTER_SETS = tuple(
    variable(name, text, data_type="string", is_read_only="NO", has_option="REQUIRED")
    for name, text in {"character_set_server": "utf8mb4", "collation_server": "utf8mb4_bin"}.items()
)


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_character_set_goes_back_with_the_collation_it_took_along(engine):
    found = made({"character_set_server": "latin1"}, engine=engine, rows=CHARACTER_SETS)
    assert texts(found.steps[0].undo)[-1] == "SET GLOBAL collation_server = 'utf8mb4_bin'"
    assert any("takes collation_server with it (utf8mb4_bin now)" in said for said in found.warnings)


def test_on_mariadb_a_collation_is_set_for_its_character_set_too_and_both_are_written_down():
    both = {"character_set_server": "latin1", "collation_server": "latin1_bin"}
    first, second = made(both, engine="mariadb", rows=CHARACTER_SETS, agent=AGENT).steps
    assert (first.parameter, first.do, first.undo) == ("character_set_server", (), ())
    assert texts(second.do)[0] == "SET GLOBAL collation_server = 'latin1_bin'"
    assert {name for line in texts(second.do)[1:] for name in line["set"]} == both.keys()
    assert texts(second.undo)[0] == "SET GLOBAL collation_server = 'utf8mb4_bin'"


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_an_override_of_a_character_set_alone_is_refused_where_its_collation_would_be_lost(engine):
    ours = {"character_set_server": "latin1"}
    (refused,) = made(ours, engine=engine, rows=CHARACTER_SETS, passing=set(ours)).blocked
    assert "not utf8mb4_bin" in refused.why
    assert "override collation_server with it" in refused.next_step
    both = {**ours, "collation_server": "latin1_bin"}
    assert not made(both, engine=engine, rows=CHARACTER_SETS, passing=set(both)).blocked


@pytest.mark.parametrize(("line", "is_passing"), [("120", True), ("130", False), ("171", False)])
def test_an_override_over_a_line_is_passing_where_the_line_is_what_it_goes_back_to(line, is_passing):
    body = f"[mysqld]\nmax_connections = {line}\n"
    agent = {**AGENT, "files": [{"path": "/etc/my.cnf", "text": body, "fault": ""}]}
    row = variable("max_connections", "120", source="SQL", is_read_only="NO", has_option="REQUIRED")
    ours = {"max_connections": "171"}
    (step,) = made(ours, engine="mariadb", rows=(row,), agent=agent, passing=set(ours)).steps
    assert step.is_passing is is_passing


@pytest.mark.parametrize(
    ("statement", "is_looking"),
    [
        ("SET GLOBAL a = 1; RESET PERSIST IF EXISTS `a`", True),
        ("SET PERSIST a = 1", True),
        ("SET PERSIST_ONLY a = 1", True),
        ("RESET PERSIST IF EXISTS `a`", False),
    ],
)
def test_a_statement_that_sets_looks_itself(statement, is_looking):
    request = Request(text=statement, is_read_only=False)
    guarded = get_engine("mysql").unless_moved(request, "a", "0")
    assert len(guarded.ahead) == 1
    assert (guarded.text != statement) is is_looking
    assert guarded.text.endswith(statement.removeprefix("SET "))

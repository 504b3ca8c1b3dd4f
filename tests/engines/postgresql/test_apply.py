"""Steps: what is done, in which order, and what is refused before anything is touched."""

from __future__ import annotations

import pytest
from tests.engines.postgresql.replies import AUTO, CONF, entry, observe

from setpoint.catalog import Context
from setpoint.engines.plan import StepKind
from setpoint.engines.port import Release
from setpoint.engines.postgresql import ENGINE

FROM_AUTO = {"source": "configuration file", "sourcefile": AUTO, "sourceline": 3}


def steps(desired, *, releases=(), major=18, reasons=None, **options):
    observation, catalog = observe(major, **options)
    return ENGINE.steps(desired, releases, observation, catalog, reasons or {})


def statements(made):
    return [request.text for step in made.steps for request in step.do]


def blocked(made):
    return {one.parameter: one.why for one in made.blocked}


def test_a_change_is_persisted_loaded_and_can_be_taken_back():
    made = steps({"work_mem": "64MB"}, reasons={"work_mem": "group shop"})
    step = made.steps[0]
    assert statements(made) == ["ALTER SYSTEM SET work_mem = '64MB'", "SELECT pg_reload_conf()"]
    assert [request.text for request in step.undo] == ["ALTER SYSTEM RESET work_mem"]
    assert (step.context, step.prior.running, step.prior.persisted) == (Context.IMMEDIATE, "4096", None)
    assert step.reason == "group shop"
    assert not any(request.is_read_only for step in made.steps for request in step.do)


def test_the_way_back_restores_what_was_persisted():
    made = steps(
        {"work_mem": "64MB"},
        rows={"work_mem": {"setting": "8192", **FROM_AUTO}},
        files=[entry("work_mem", "8MB", 3, AUTO)],
    )
    assert made.steps[0].undo[0].text == "ALTER SYSTEM SET work_mem = '8MB'"
    assert made.steps[0].prior.persisted == "8MB"


@pytest.mark.parametrize("text", ["4MB", "4096kB", "4096", "0x1000"])
def test_what_is_so_already_makes_no_step(text):
    made = steps({"work_mem": text, "jit": None})
    assert (made.steps, made.blocked, made.warnings) == ((), (), ())


def test_a_file_that_says_otherwise_now_is_overruled():
    made = steps({"work_mem": "4MB"}, files=[entry("work_mem", "9MB")])
    assert statements(made)[0] == "ALTER SYSTEM SET work_mem = '4MB'"


def test_a_waiting_change_of_somebody_else_is_overruled_without_a_restart():
    made = steps(
        {"max_connections": "100"},
        rows={"max_connections": {"pending_restart": True}},
        files=[entry("max_connections", "200", 3, AUTO, error="no")],
    )
    assert [step.kind for step in made.steps] == [StepKind.SET, StepKind.RELOAD]


def test_our_own_waiting_change_asks_for_its_restart_again():
    made = steps(
        {"max_connections": "200"},
        rows={"max_connections": {"pending_restart": True}},
        files=[entry("max_connections", "200", 3, AUTO, error="no")],
    )
    assert [step.kind for step in made.steps] == [StepKind.SET, StepKind.RELOAD, StepKind.RESTART]
    assert "max_connections" in made.steps[-1].reason


def test_a_normalised_value_is_left_alone():
    made = steps(
        {"wal_buffers": "8kB"},
        rows={"wal_buffers": {"setting": "4", **FROM_AUTO}},
        files=[entry("wal_buffers", "8kB", 3, AUTO)],
    )
    assert made.steps == ()


def test_room_is_made_before_it_is_taken_and_given_back_after():
    up = steps(
        {
            "superuser_reserved_connections": "150",
            "max_connections": "300",
            "wal_level": "logical",
            "a.b": "x",
        }
    )
    assert [s.parameter for s in up.steps] == [
        "max_connections",
        "wal_level",
        "superuser_reserved_connections",
        "",
        "",
    ]
    rows = {"max_connections": {"setting": "300"}, "superuser_reserved_connections": {"setting": "150"}}
    down = steps({"superuser_reserved_connections": "3", "max_connections": "50"}, rows=rows)
    assert [s.parameter for s in down.steps][:2] == ["superuser_reserved_connections", "max_connections"]


@pytest.mark.parametrize(
    ("desired", "why"),
    [
        ({"no_such": "1"}, "no such parameter"),
        ({"no.such": "1"}, "no such parameter"),
        ({"block_size": "4096"}, "fixed"),
        ({"work_mem": "1kB"}, "out of range"),
        ({"wal_compression": "zip"}, "not accepted"),
        ({"log_line_prefix": "a\nb"}, "line break"),
        ({"config_file": "/x"}, "ALTER SYSTEM does not take it"),
        ({"work_mem": ("1", "2")}, "not a list"),
    ],
)
def test_what_this_server_does_not_take_is_blocked(desired, why):
    made = steps(desired)
    assert made.steps == ()
    assert why in blocked(made)[next(iter(desired))]
    assert made.blocked[0].next_step


def test_an_empty_library_list_cannot_be_written():
    rows = {"shared_preload_libraries": {"setting": "x"}, "search_path": {"setting": "x"}}
    made = steps({"shared_preload_libraries": "", "search_path": ()}, rows=rows)
    assert "empty list" in blocked(made)["shared_preload_libraries"]
    assert statements(made)[0] == "ALTER SYSTEM SET search_path = ''"


def test_combinations_that_would_not_start_are_blocked():
    made = steps({"max_connections": "10", "superuser_reserved_connections": "12", "work_mem": "9MB"})
    assert blocked(made).keys() == {"max_connections", "superuser_reserved_connections"}
    assert [s.parameter for s in made.steps if s.parameter] == ["work_mem"]
    assert "max_wal_senders" in blocked(steps({"wal_level": "minimal"}))["wal_level"]
    allowed = steps({"wal_level": "minimal", "max_wal_senders": "0"})
    assert [s.parameter for s in allowed.steps][:2] == ["max_wal_senders", "wal_level"]


def test_a_combination_with_an_unreadable_neighbour_is_left_to_the_server():
    made = steps({"max_connections": "90"}, rows={"superuser_reserved_connections": {"setting": "odd"}})
    assert not made.blocked


def test_the_command_line_blocks():
    rows = {"work_mem": {"setting": "1024", "source": "command line"}}
    made = steps({"work_mem": "9MB"}, rows=rows)
    assert "command line sets it to 1024" in blocked(made)["work_mem"]
    assert steps({"work_mem": "1MB"}, rows=rows, files=[entry("work_mem", "3MB")]).blocked == ()


def test_a_broken_file_blocks_all_and_a_bad_value_blocks_restarts():
    broken = steps({"work_mem": "9MB"}, files=[[CONF, 7, None, None, False, "syntax error"]])
    assert f"{CONF}:7 stands: syntax error" in blocked(broken)["work_mem"]
    bad = steps({"work_mem": "9MB", "max_connections": "50"}, files=[entry("jit", "maybe", 4, error="no")])
    assert blocked(bad).keys() == {"max_connections"}
    assert [s.parameter for s in bad.steps if s.parameter] == ["work_mem"]


def test_a_standby_is_lowered_after_its_primary():
    made = steps({"max_connections": "50", "max_wal_senders": "20"}, server={"is_standby": True})
    assert blocked(made).keys() == {"max_connections"}
    assert "primary" in made.blocked[0].next_step


def test_a_primary_is_raised_after_its_standbys():
    made = steps({"max_connections": "500"}, metrics={"repl.standbys": 2})
    assert any("on the standbys first" in warning for warning in made.warnings)
    assert not steps({"work_mem": "9MB"}, metrics={"repl.standbys": 2}).warnings


def test_a_managed_service_gets_operator_steps():
    made = steps(
        {"work_mem": "64MB", "max_connections": "200", "random_page_cost": "1.1", "search_path": ("a", "b")},
        server={"service_roles": ["rdsadmin"], "is_superuser": False},
    )
    assert made.steps == ()
    assert "Amazon RDS does not allow ALTER SYSTEM" in blocked(made)["work_mem"]
    assert made.operator_steps == (
        "in the settings of Amazon RDS: max_connections = 200",
        "in the settings of Amazon RDS: random_page_cost = 1.1",
        "in the settings of Amazon RDS: search_path = a, b",
        "in the settings of Amazon RDS: work_mem = 65536 (64MB in units of kB)",
        "restart the server, for max_connections",
    )


def test_files_kept_by_something_else_get_operator_steps():
    made = steps({"work_mem": "64MB"}, rows={"allow_alter_system": {"setting": "off"}})
    assert "allow_alter_system" in blocked(made)["work_mem"]
    assert made.operator_steps[0].endswith("work_mem = 64MB")


def test_a_login_without_rights_gets_the_superusers_statement():
    made = steps(
        {"work_mem": "64MB", "jit": "off"},
        rows={"jit": {"is_alterable": True}},
        server={"is_superuser": False},
        releases=[Release(parameter="cursor_tuple_fraction", ours="0.5", restore=None)],
        files=[entry("cursor_tuple_fraction", "0.5", 3, AUTO)],
    )
    assert blocked(made).keys() == {"work_mem", "cursor_tuple_fraction"}
    assert made.operator_steps == (
        "as a superuser: ALTER SYSTEM SET work_mem = '64MB'; then SELECT pg_reload_conf()",
        "as a superuser: ALTER SYSTEM RESET cursor_tuple_fraction; then SELECT pg_reload_conf()",
    )
    assert statements(made)[0] == "ALTER SYSTEM SET jit = 'off'"


OURS = {"rows": {"work_mem": {"setting": "9216", **FROM_AUTO}}, "files": [entry("work_mem", "9MB", 3, AUTO)]}


def test_a_release_resets_what_is_ours():
    made = steps({}, releases=[Release(parameter="work_mem", ours="9216kB", restore=None)], **OURS)
    assert made.steps[0].kind is StepKind.RESET
    assert statements(made)[0] == "ALTER SYSTEM RESET work_mem"
    assert made.steps[0].undo[0].text == "ALTER SYSTEM SET work_mem = '9MB'"


def test_a_release_restores_what_stood_before():
    made = steps({}, releases=[Release(parameter="work_mem", ours="9MB", restore="5MB")], **OURS)
    assert statements(made)[0] == "ALTER SYSTEM SET work_mem = '5MB'"


def test_a_release_leaves_others_alone_and_says_so():
    made = steps({}, releases=[Release(parameter="work_mem", ours="10MB", restore=None)], **OURS)
    assert made.steps == ()
    assert made.warnings == (
        "work_mem is no longer managed and is left alone: somebody persisted 9MB where we had 10MB",
    )


def test_releases_with_nothing_to_do():
    releases = [
        Release(parameter="jit", ours="off", restore=None),
        Release(parameter="gone", ours="1", restore=None),
        Release(parameter="Work_Mem", ours="9MB", restore=None),
    ]
    made = steps({"work_mem": "9MB"}, releases=releases, **OURS)
    assert made.steps == ()
    assert made.warnings == ("gone is no longer managed; this server does not know it any more",)


def test_a_release_of_a_restart_parameter_restarts_only_when_the_value_moves():
    files = [entry("max_connections", "150", 3, AUTO)]
    release = [Release(parameter="max_connections", ours="150", restore=None)]
    moving = steps(
        {}, releases=release, files=files, rows={"max_connections": {"setting": "150", **FROM_AUTO}}
    )
    assert [step.kind for step in moving.steps] == [StepKind.RESET, StepKind.RELOAD, StepKind.RESTART]
    below = [entry("max_connections", "150", 1), *files]
    staying = steps(
        {}, releases=release, files=below, rows={"max_connections": {"setting": "150", **FROM_AUTO}}
    )
    assert [step.kind for step in staying.steps] == [StepKind.RESET, StepKind.RELOAD]


def test_readers_are_told_what_else_a_plan_brings_in():
    made = steps(
        {"max_connections": "150", "log_disconnections": "on", "random_page_cost": "1.1"},
        rows={"max_worker_processes": {"pending_restart": True}},
        files=[
            entry("work_mem", "9MB", 5),
            entry("max_worker_processes", "20", 6, error="no"),
            entry("jit", "on", 7),
        ],
        overrides=[["shop", None, "random_page_cost=4"], [None, "app", "random_page_cost=1.1"]],
    )
    told = "\n".join(made.warnings)
    assert f"the reload also brings in work_mem = 9MB (file {CONF}:5)" in told
    assert "the restart also brings in max_worker_processes = 20" in told
    assert "log_disconnections takes effect in sessions that begin after the reload" in told
    assert "random_page_cost stays 4 for sessions of database shop" in told
    assert len(made.warnings) == 4


def test_an_unreadable_running_value_is_set_all_the_same():
    made = steps({"max_connections": "150"}, rows={"max_connections": {"setting": "odd"}})
    assert [step.kind for step in made.steps] == [StepKind.SET, StepKind.RELOAD, StepKind.RESTART]

"""Changes, made and taken back over the wire; and what a plan says instead where it cannot make them."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysqlbridge.information_schema import CONFIGURATIONS
from tests.engines.sqlserver.estate import ADMIN, Estate
from tests.engines.sqlserver.stage import (
    Kept,
    application,
    apply,
    look,
    meddle,
    option,
    plan_for,
    target_of,
    undo,
    values,
)
from tests.engines.sqlserver.wire import WireServer

from setpoint.catalog import Context, Kind
from setpoint.config.drift import DriftClass, judge
from setpoint.engines.plan import Request, StepKind
from setpoint.engines.port import Release
from setpoint.engines.sqlserver import ENGINE
from setpoint.errors import ApplyError, NotPermittedError, RefusedError, SetpointError

SHOW = "show advanced options"
NAMES = sorted(ENGINE.grammar.fold_name(row[1]) for row in CONFIGURATIONS)
FIXED = {"allow_updates", "version_high_part_of_sql_server", "version_low_part_of_sql_server"}


@pytest.fixture(scope="module")
def lasting():
    with WireServer(Estate()) as running:
        yield running
        running.shutdown()
        running.end_connections()


@pytest.mark.parametrize("name", [*(each for each in NAMES if each not in FIXED), "scoped.maxdop"])
@settings(max_examples=2, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_every_option_is_set_read_back_and_taken_back(lasting, name, data):
    before, catalog = look(lasting)
    stood = values(lasting), dict(lasting.estate.scoped)
    parameter = catalog.get(name)
    text = data.draw(texts_of(parameter, before.settings[name].value))
    plan = plan_for(lasting, {name: text})
    assert not plan.blocked
    assert [step.parameter for step in plan.steps if step.parameter] == [name]
    kept = apply(lasting, plan)
    after, _ = look(lasting)
    drift = judge(name, text, after.settings[name], catalog)
    wanted = DriftClass.PENDING_RESTART if parameter.context is Context.RESTART else DriftClass.IN_SYNC
    assert drift.drift_class is wanted
    again = plan_for(lasting, {name: text})
    assert not any(step.do for step in again.steps)
    assert again.restarts == ((name,) if wanted is DriftClass.PENDING_RESTART else ())
    undo(lasting, plan, kept.intended)
    assert (values(lasting), lasting.estate.scoped) == stood


def texts_of(parameter, running):
    """Draw a text that the option takes, other than the one it has."""
    if parameter.kind is Kind.BOOL:
        return st.just("off" if running == "1" else "on")
    low, high = parameter.min, parameter.max
    least = int(parameter.build.split()[2]) if parameter.build else low
    if parameter.name == "max_server_memory_mb":
        low = 1024
    if parameter.name == "min_server_memory_mb":
        low, high = 17, 10_000
    return st.integers(max(low, least), high).filter(lambda number: str(number) != running).map(str)


def test_advanced_options_are_hidden_again_after_a_change(server):
    apply(server, plan_for(server, {"max_worker_threads": "512"}))
    assert values(server)[SHOW] == (0, 0)
    assert values(server)["max worker threads"] == (512, 512)


def test_advanced_options_that_are_shown_stay_so(server):
    meddle(server, "show_advanced_options", "1")
    apply(server, plan_for(server, {"max_worker_threads": "512"}))
    assert values(server)[SHOW] == (1, 1)


def test_advanced_options_are_hidden_again_after_a_value_was_refused(server):
    [step] = [step for step in plan_for(server, {"max_worker_threads": "512"}).steps if step.parameter]
    stood = values(server)
    request = Request(text=step.do[0].text.replace("512", "99999999"), is_read_only=False)
    with (
        closing(ENGINE.connect(target_of(server), is_read_only=False)) as driver,
        pytest.raises(RefusedError, match="not a valid value"),
    ):
        driver.run(request)
    assert values(server) == stood


def test_advanced_options_are_hidden_again_where_reconfigure_refuses_the_value(server):
    [step] = [step for step in plan_for(server, {"recovery_interval_min": "30"}).steps if step.parameter]
    stood = values(server)
    request = Request(text=step.do[0].text.replace("30", "90"), is_read_only=False)
    with (
        closing(ENGINE.connect(target_of(server), is_read_only=False)) as driver,
        pytest.raises(RefusedError, match="not recommended"),
    ):
        driver.run(request)
    assert values(server) == stood


def test_show_advanced_options_can_be_managed_itself_beside_others(server):
    plan = plan_for(server, {"show_advanced_options": "on", "max_worker_threads": "512", "locks": "6000"})
    assert next(step.parameter for step in plan.steps) == "show_advanced_options"
    kept = apply(server, plan)
    assert values(server)[SHOW] == (1, 1)
    undo(server, plan, kept.intended)
    assert values(server)[SHOW] == (0, 0)
    assert values(server)["max worker threads"] == (0, 0)


@pytest.mark.parametrize("count", range(24))
def test_a_session_lost_at_any_statement_leaves_the_old_state_or_the_new(server, count):
    """The connection is lost between two statements of a batch; whoever applies comes again."""
    stood = values(server)
    plan = plan_for(server, {"max_worker_threads": "512", "nested_triggers": "off"})
    wanted = {"max worker threads": (512, 512), "nested triggers": (0, 0)}
    with closing(ENGINE.connect(target_of(server), is_read_only=False)) as driver:
        work = application(driver, plan, Kept())
        work.check()
        server.estate.fuse = count
        state = "new"
        try:
            work.run()
        except ApplyError as fault:
            state = fault.state
    assert state in {"old", "new"}
    assert values(server) == (stood if state == "old" else stood | wanted)
    server.estate.fuse = None


@pytest.mark.parametrize("count", range(14))
def test_a_process_that_dies_at_any_statement_is_put_right_by_undoing_its_journal(server, count):
    stood = values(server)
    plan = plan_for(server, {"max_worker_threads": "512"})
    with closing(ENGINE.connect(target_of(server), is_read_only=False)) as driver:
        server.estate.fuse = count
        try:
            driver.run(plan.steps[0].do[0])
        except SetpointError:
            server.estate.fuse = None
    server.estate.fuse = None
    undo(server, plan, [0])
    assert values(server) == stood


def test_what_waits_for_reconfigure_is_told_from_what_waits_for_a_restart(server):
    option(server, "cost_threshold_for_parallelism").value = 50
    option(server, "fill_factor_percent").value = 80
    observation, catalog = look(server)
    waiting = observation.settings["cost_threshold_for_parallelism"]
    assert waiting.pending is None
    assert waiting.value == "5"
    drift = judge("cost_threshold_for_parallelism", "50", waiting, catalog)
    assert drift.drift_class is DriftClass.DRIFTED
    assert "RECONFIGURE was not run" in drift.explanation
    restarting = observation.settings["fill_factor_percent"]
    assert (restarting.value, restarting.pending) == ("0", "80")
    drift = judge("fill_factor_percent", "80", restarting, catalog)
    assert drift.drift_class is DriftClass.PENDING_RESTART
    assert "RECONFIGURE" not in drift.explanation


def test_a_value_that_waits_for_reconfigure_is_no_restart_and_its_plan_writes_nothing(server):
    option(server, "cost_threshold_for_parallelism").value = 50
    plan = plan_for(server, {"cost_threshold_for_parallelism": "50"})
    assert [(step.kind, bool(step.do)) for step in plan.steps] == [
        (StepKind.SET, False),
        (StepKind.RELOAD, True),
    ]
    assert plan.restarts == ()
    apply(server, plan)
    assert values(server)["cost threshold for parallelism"] == (50, 50)


def test_what_only_waits_for_a_restart_is_restarted_and_nothing_else(server):
    option(server, "fill_factor_percent").value = 80
    option(server, "xp_cmdshell").value = 1
    plan = plan_for(server, {"fill_factor_percent": "80"})
    assert [step.kind for step in plan.steps] == [StepKind.SET, StepKind.RESTART]
    assert not any(step.do for step in plan.steps)
    with closing(ENGINE.connect(target_of(server), is_read_only=False)) as driver:
        application(driver, plan, Kept(), server.restart).run()
    assert values(server)["fill factor (%)"] == (80, 80)


def test_a_running_value_that_reconfigure_would_take_away_is_drift(server):
    option(server, "cost_threshold_for_parallelism").value = 50
    observation, catalog = look(server)
    drift = judge(
        "cost_threshold_for_parallelism", "5", observation.settings["cost_threshold_for_parallelism"], catalog
    )
    assert drift.is_deviation
    plan = plan_for(server, {"cost_threshold_for_parallelism": "5"})
    apply(server, plan)
    assert values(server)["cost threshold for parallelism"] == (5, 5)


def test_sixteen_megabytes_in_use_where_none_are_configured_is_no_drift(server):
    observation, catalog = look(server)
    observed = observation.settings["min_server_memory_mb"]
    assert (observed.value, observed.pending) == ("16", None)
    assert not judge("min_server_memory_mb", "0", observed, catalog).is_deviation
    assert plan_for(server, {"min_server_memory_mb": "0"}).is_empty


def test_what_else_reconfigure_and_a_restart_bring_in_is_told(server):
    option(server, "xp_cmdshell").value = 1
    option(server, "priority_boost").value = 1
    plan = plan_for(server, {"cost_threshold_for_parallelism": "50"})
    assert "RECONFIGURE also brings in xp_cmdshell = 1, which somebody has written" in plan.warnings
    plan = plan_for(server, {"fill_factor_percent": "80"})
    assert any("the restart also brings in priority_boost = 1" in each for each in plan.warnings)


def test_a_value_beyond_the_recommended_is_warned_of_and_takes_an_override(server):
    plan = plan_for(server, {"recovery_interval_min": "90"})
    assert any("WITH OVERRIDE" in each for each in plan.warnings)
    kept = apply(server, plan)
    assert values(server)["recovery interval (min)"] == (90, 90)
    undo(server, plan, kept.intended)
    assert values(server)["recovery interval (min)"] == (0, 0)


def test_memory_bounds_move_in_an_order_that_the_server_takes(server):
    meddle(server, "show_advanced_options", "1")
    meddle(server, "max_server_memory_mb", "2048")
    up = plan_for(server, {"min_server_memory_mb": "4GB", "max_server_memory_mb": "8GB"})
    assert [step.parameter for step in up.steps if step.parameter] == [
        "max_server_memory_mb",
        "min_server_memory_mb",
    ]
    apply(server, up)
    down = plan_for(server, {"min_server_memory_mb": "1GB", "max_server_memory_mb": "2GB"})
    assert down.steps[0].parameter == "min_server_memory_mb"
    apply(server, down)
    assert values(server)["max server memory (MB)"] == (2048, 2048)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("no_such_option", "1", "no such parameter"),
        ("scoped.no_such", "1", "no such parameter"),
        ("allow_updates", "on", "RECONFIGURE fails"),
        ("max_worker_threads", "70", "out of range"),
        ("max_worker_threads", "70000", "out of range"),
        ("max_server_memory_mb", "1.5MB", "not a whole number of MB"),
        ("max_server_memory_mb", "5 min", "no unit of it"),
        ("cost_threshold_for_parallelism", "much", "not a number"),
        ("xp_cmdshell", "perhaps", "not a boolean"),
        ("scoped.elevate_online", "NEVER", "not accepted"),
    ],
)
def test_what_the_server_would_refuse_is_blocked(server, name, text, why):
    plan = plan_for(server, {name: text})
    assert plan.is_empty
    [blocked] = plan.blocked
    assert why in blocked.why
    assert blocked.next_step


def test_the_vendors_spelling_of_a_name_is_understood(server):
    plan = plan_for(server, {"Cost Threshold for Parallelism": "50"})
    assert [step.parameter for step in plan.steps if step.parameter] == ["cost_threshold_for_parallelism"]


def test_bounds_that_cross_are_blocked_together(server):
    plan = plan_for(server, {"min_server_memory_mb": "4GB", "max_server_memory_mb": "2GB"})
    assert {each.parameter for each in plan.blocked} == {"min_server_memory_mb", "max_server_memory_mb"}


def test_without_the_right_the_plan_says_who_must_do_what(server):
    server.add_login("reader", frozenset({"VIEW SERVER STATE"}))
    plan = plan_for(server, {"max_worker_threads": "512", "scoped.maxdop": "4"}, user="reader")
    assert plan.is_empty
    assert {each.next_step.split(",")[0] for each in plan.blocked} == {
        "grant ALTER SETTINGS",
        "grant ALTER ANY DATABASE SCOPED CONFIGURATION in it",
    }
    assert any("EXEC sp_configure 'max worker threads', 512; RECONFIGURE" in s for s in plan.operator_steps)
    assert any("SET MAXDOP = 4" in step for step in plan.operator_steps)


def test_a_right_that_is_lacking_after_all_takes_everything_back(server):
    plan = plan_for(server, {"nested_triggers": "off"})
    server.add_login("sa", ADMIN - {"ALTER SETTINGS"})
    stood = values(server)
    with (
        closing(ENGINE.connect(target_of(server), is_read_only=False)) as driver,
        pytest.raises(NotPermittedError),
    ):
        driver.run(plan.steps[0].do[0])
    assert values(server) == stood


def test_azure_sql_database_has_no_options_to_set(server):
    server.estate.edition = 5
    server.estate.version = "12.0.2000.8"
    plan = plan_for(server, {"max_worker_threads": "512", "scoped.maxdop": "4"})
    assert [step.parameter for step in plan.steps] == ["scoped.maxdop"]
    assert [each.parameter for each in plan.blocked] == ["max_worker_threads"]
    assert "no sp_configure" in plan.blocked[0].why
    apply(server, plan)
    assert server.estate.scoped["MAXDOP"] == "4"


def test_a_managed_instance_refuses_some_options(server):
    server.estate.edition = 8
    plan = plan_for(server, {"max_worker_threads": "512", "priority_boost": "on"})
    assert [each.parameter for each in plan.blocked] == ["priority_boost"]
    assert [step.parameter for step in plan.steps if step.parameter] == ["max_worker_threads"]


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("scoped.maxdop", "4", ("MAXDOP", "4")),
        ("scoped.legacy_cardinality_estimation", "on", ("LEGACY_CARDINALITY_ESTIMATION", "1")),
        ("scoped.elevate_online", "when_supported", ("ELEVATE_ONLINE", "WHEN_SUPPORTED")),
        ("scoped.paused_resumable_index_abort_duration_minutes", "2h",
         ("PAUSED_RESUMABLE_INDEX_ABORT_DURATION_MINUTES", "120")),
    ],
)  # fmt: skip
def test_a_databases_own_configuration_is_set_and_taken_back(server, name, text, kept):
    stood = dict(server.estate.scoped)
    plan = plan_for(server, {name: text})
    assert [step.kind for step in plan.steps] == [StepKind.SET]
    done = apply(server, plan)
    assert server.estate.scoped == stood | {kept[0]: kept[1]}
    undo(server, plan, done.intended)
    assert server.estate.scoped == stood


def test_a_database_that_speaks_for_itself_shadows_the_instances_parallelism(server):
    server.estate.scoped["MAXDOP"] = "2"
    observation, catalog = look(server)
    observed = observation.settings["max_degree_of_parallelism"]
    drift = judge("max_degree_of_parallelism", observed.value, observed, catalog)
    assert drift.drift_class is DriftClass.SHADOWED
    assert "2 (database shop)" in drift.explanation
    plan = plan_for(server, {"max_degree_of_parallelism": "4"})
    assert "max_degree_of_parallelism stays 2 for sessions in database shop" in plan.warnings


def test_a_release_without_a_former_value_goes_back_to_the_default(server):
    meddle(server, "cost_threshold_for_parallelism", "50")
    observation, catalog = look(server)
    release = Release(parameter="cost_threshold_for_parallelism", ours="50", restore=None)
    made = ENGINE.steps({}, [release], observation, catalog, {})
    assert [step.text for step in made.steps if step.parameter] == ["5"]


def test_a_change_that_clears_the_plan_cache_is_warned_of(server):
    plan = plan_for(server, {"cost_threshold_for_parallelism": "50", "nested_triggers": "off"})
    [warning] = [each for each in plan.warnings if "plan cache" in each]
    assert "cost_threshold_for_parallelism" in warning
    assert "nested_triggers" not in warning


def test_options_that_do_nothing_or_are_advised_against_are_warned_of(server):
    plan = plan_for(server, {"priority_boost": "on", "open_objects": "5"})
    assert any("not supported any more" in each for each in plan.warnings)
    assert any("no effect" in each for each in plan.warnings)

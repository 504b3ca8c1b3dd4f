"""The switch: a job of the Agent, as far as the server of these tests behaves like one."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from tests.engines.sqlserver.estate import ADMIN
from tests.engines.sqlserver.stage import meddle, option, target_of, values

from setpoint.config.override import LinkState
from setpoint.engines.order import Back, Order
from setpoint.engines.session import drive
from setpoint.engines.sqlserver import ENGINE

COST = Back(parameter="cost_threshold_for_parallelism", ours="50", back="5")


def order_of(server, *backs, minutes=10.0, override="night-1"):
    return Order(
        override=override,
        instance="ms",
        engine="sqlserver",
        target=server.address,
        backs=backs,
        deadline=datetime.now(UTC) + timedelta(minutes=minutes),
        written_at=datetime.now(UTC),
    )


def ask(server, verb, order, user="sa"):
    with closing(ENGINE.connect(target_of(server, user=user), is_read_only=False)) as driver:
        return drive(getattr(ENGINE.switch(), verb)(order), driver)


def let_pass(server, minutes, **how):
    server.estate.pass_time(minutes * 60)
    server.estate.run_due_jobs(**how)


def test_it_puts_back_what_is_ours_and_takes_itself_away(server):
    meddle(server, "cost_threshold_for_parallelism", "50")
    meddle(server, "nested_triggers", "0")
    server.estate.scoped["LEGACY_CARDINALITY_ESTIMATION"] = "1"
    order = order_of(
        server,
        COST,
        Back(parameter="nested_triggers", ours="off", back="on"),
        Back(parameter="scoped.legacy_cardinality_estimation", ours="on", back="off"),
    )
    assert ask(server, "arm", order).state is LinkState.ARMED
    let_pass(server, 9)
    assert values(server)["cost threshold for parallelism"] == (50, 50)
    let_pass(server, 1.1)
    assert values(server)["cost threshold for parallelism"] == (5, 5)
    assert values(server)["nested triggers"] == (1, 1)
    assert values(server)["show advanced options"] == (0, 0)
    assert server.estate.scoped["LEGACY_CARDINALITY_ESTIMATION"] == "0"
    assert server.estate.jobs == {}
    assert ask(server, "look", order).state is LinkState.DISARMED


def test_what_a_person_changed_meanwhile_is_left_alone(server):
    meddle(server, "cost_threshold_for_parallelism", "50")
    meddle(server, "max_worker_threads", "512")
    order = order_of(server, COST, Back(parameter="max_worker_threads", ours="512", back="0"))
    ask(server, "arm", order)
    meddle(server, "cost_threshold_for_parallelism", "30")
    let_pass(server, 11)
    assert values(server)["cost threshold for parallelism"] == (30, 30)
    assert values(server)["max worker threads"] == (0, 0)


def test_its_deadline_is_turned_into_the_servers_own_time(server):
    order = order_of(server, COST)
    ask(server, "arm", order)
    [job] = server.estate.jobs.values()
    once = next(each for each in job.schedules if each["@freq_type"] == 1)
    local = order.deadline + timedelta(hours=2, seconds=1)
    assert once["@active_start_date"] == int(local.strftime("%Y%m%d"))
    assert abs(once["@active_start_time"] - int(local.strftime("%H%M%S"))) <= 1


def test_an_agent_that_was_down_at_the_deadline_acts_when_it_starts(server):
    meddle(server, "cost_threshold_for_parallelism", "50")
    ask(server, "arm", order_of(server, COST))
    server.estate.is_agent_running = False
    let_pass(server, 60)
    assert values(server)["cost threshold for parallelism"] == (50, 50)
    server.estate.is_agent_running = True
    let_pass(server, 0, is_starting=True)
    assert values(server)["cost threshold for parallelism"] == (5, 5)


def test_an_agent_that_starts_long_before_the_deadline_does_nothing_and_keeps_the_job(server):
    meddle(server, "cost_threshold_for_parallelism", "50")
    order = order_of(server, COST, minutes=24 * 60)
    ask(server, "arm", order)
    let_pass(server, 1, is_starting=True)
    assert values(server)["cost threshold for parallelism"] == (50, 50)
    assert ask(server, "look", order).state is LinkState.ARMED


def test_a_job_that_begins_a_little_early_waits(server):
    meddle(server, "cost_threshold_for_parallelism", "50")
    order = order_of(server, COST, minutes=5)
    ask(server, "arm", order)
    let_pass(server, 3, is_starting=True)
    assert server.estate.now() >= order.deadline
    assert values(server)["cost threshold for parallelism"] == (5, 5)


def test_a_deadline_that_has_passed_is_acted_on_at_once(server):
    meddle(server, "cost_threshold_for_parallelism", "50")
    ask(server, "arm", order_of(server, COST, minutes=-5))
    let_pass(server, 0.25)
    assert values(server)["cost threshold for parallelism"] == (5, 5)


def test_a_job_that_fails_is_told(server):
    meddle(server, "cost_threshold_for_parallelism", "50")
    order = order_of(server, COST)
    ask(server, "arm", order)
    option(server, "allow_updates").value = 1
    let_pass(server, 11)
    armed = ask(server, "look", order)
    assert armed.state is LinkState.FAILED
    assert "Ad hoc update" in armed.detail


def test_a_job_that_somebody_changed_or_turned_off_is_no_switch(server):
    order = order_of(server, COST)
    ask(server, "arm", order)
    [job] = server.estate.jobs.values()
    job.schedules.clear()
    assert "turned off" in ask(server, "look", order).detail
    job.steps[0]["@command"] = "SELECT 1"
    armed = ask(server, "look", order)
    assert (armed.state, armed.detail) == (LinkState.FAILED, "its job is another than was ordered")


@pytest.mark.parametrize(
    ("edition", "why"), [(4, "the Express edition has no Agent"), (5, "Azure SQL Database has no Agent")]
)
def test_where_there_is_no_agent_there_is_no_switch(server, edition, why):
    server.estate.edition = edition
    order = order_of(server, COST)
    for verb in ("arm", "look", "disarm"):
        armed = ask(server, verb, order)
        assert (armed.state, armed.detail) == (LinkState.ABSENT, why)


def test_an_agent_that_does_not_run_is_never_started(server):
    server.estate.is_agent_running = False
    option(server, "agent_xps").value = option(server, "agent_xps").in_use = 0
    armed = ask(server, "arm", order_of(server, COST))
    assert (armed.state, armed.detail) == (LinkState.FAILED, "the Agent is there, and does not run")
    assert server.estate.jobs == {}
    assert values(server)["Agent XPs"] == (0, 0)


def test_a_login_that_may_make_no_jobs_is_told(server):
    server.add_login("lesser", ADMIN - {"msdb"})
    armed = ask(server, "arm", order_of(server, COST), user="lesser")
    assert (armed.state, armed.detail) == (LinkState.FAILED, "this login may not make jobs in msdb")


def test_a_refusal_of_the_agent_is_told(server):
    def refuse(*_):
        from tests.engines.sqlserver.tsql import SqlError

        raise SqlError(14234, "The specified '@server' is invalid.")

    server.estate.add_server = refuse
    armed = ask(server, "arm", order_of(server, COST))
    assert armed.state is LinkState.FAILED
    assert "'@server' is invalid" in armed.detail


@pytest.mark.parametrize("name", ["new_thing_mb", "scoped.new_thing"])
def test_what_no_job_can_put_back_is_told(server, name):
    armed = ask(server, "arm", order_of(server, Back(parameter=name, ours="1", back="2")))
    assert armed.state is LinkState.FAILED
    assert name in armed.detail


def test_an_odd_name_of_an_override_stays_inside_its_quotes(server):
    order = order_of(server, COST, override="o'neil;\nDROP")
    assert ask(server, "arm", order).state is LinkState.ARMED
    assert list(server.estate.jobs) == ["setpoint:o'neil;\nDROP"]
    assert ask(server, "disarm", order).state is LinkState.DISARMED
    assert server.estate.jobs == {}


def test_units_words_and_defaults_are_understood_without_a_catalog(server):
    meddle(server, "max_server_memory_mb", "4096")
    meddle(server, "recovery_interval_min", "5")
    backs = (
        Back(parameter="max_server_memory_mb", ours="4GB", back=None),
        Back(parameter="recovery_interval_min", ours="5min", back="90"),
    )
    ask(server, "arm", order_of(server, *backs))
    let_pass(server, 11)
    assert values(server)["max server memory (MB)"] == (2147483647, 2147483647)
    assert values(server)["recovery interval (min)"] == (90, 90)

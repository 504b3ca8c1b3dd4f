"""Scripts for sqlcmd, run by a stand-in for it against the server of these tests, and looked at as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.sqlserver.estate import ADMIN
from tests.engines.sqlserver.sqlcmd import Sqlcmd
from tests.engines.sqlserver.stage import AT, look, meddle, option, plan_for, values

from setpoint.catalog import Version
from setpoint.engines.frames import read_frames
from setpoint.engines.native import Job
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Prior, Request, Step, StepKind
from setpoint.engines.port import Reply
from setpoint.engines.sqlserver import ENGINE
from setpoint.engines.sqlserver.native.rows import gathering
from setpoint.engines.sqlserver.native.words import assemble, literal
from setpoint.errors import InputError, TamperedError

NATIVE = ENGINE.native()
VERSION = Version((16, 0))
COST = "cost_threshold_for_parallelism"
COST_NAME = "cost threshold for parallelism"
WORKERS = "max_worker_threads"


def job(*, identity="", minutes=60):
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    return Job(bundle="b1", seal="the word", instance="ms", identity=identity, expires_at=until)


def collect(server, rights=ADMIN, **how):
    made = job(**how)
    script = NATIVE.opening(made) + NATIVE.asking(made, 1, ENGINE.observe(VERSION)) + NATIVE.closing(made)
    printed = Sqlcmd(server.estate, rights, is_filling_in=True).run(script)
    return printed, read_frames(printed, "out")


def carry_out(server, steps, *, order=None, rights=ADMIN, **how):
    made = job(**how)
    script = NATIVE.opening(made) + NATIVE.applying(made, steps, order) + NATIVE.closing(made)
    printed = Sqlcmd(server.estate, rights, is_filling_in=True).run(script)
    return printed, read_frames(printed, "out")


def states(told):
    return [(each.number, each.state) for each in told.steps]


def order_of(*backs, minutes=10.0):
    now = datetime.now(UTC)
    return Order(
        override="night-1", instance="ms", engine="sqlserver", target="host=db1 user=sa database=shop",
        backs=backs, deadline=now + timedelta(minutes=minutes), written_at=now,
    )  # fmt: skip


def test_what_is_collected_reads_as_it_does_over_a_connection(server):
    connected, catalog = look(server)
    printed, told = collect(server)
    reply = Reply(rows=NATIVE.rows(told.answer(1, "the word")))
    seen, carried = ENGINE.read("ms", reply, at=AT, version=VERSION)
    assert seen.settings == connected.settings
    assert (seen.facts, seen.unseen, seen.alterable) == (
        connected.facts,
        connected.unseen,
        connected.alterable,
    )
    assert carried.data.parameters == catalog.data.parameters
    assert told.end == "done"
    assert "the word" not in printed


def test_a_lesser_login_is_told_what_it_did_not_see(server):
    connected, _ = look_as_reader(server)
    _, told = collect(server, frozenset())
    reply = Reply(rows=NATIVE.rows(told.answer(1, "the word")))
    seen, _ = ENGINE.read("ms", reply, at=AT, version=VERSION)
    assert (seen.settings, seen.unseen, seen.alterable) == (connected.settings, connected.unseen, ())


def look_as_reader(server):
    server.add_login("reader", frozenset())
    return look(server, "reader")


def test_where_all_that_is_optional_is_refused_the_plain_part_is_told(server):
    server.estate.is_refusing_all = True
    _, told = collect(server)
    rows = NATIVE.rows(told.answer(1, "the word"))
    assert {row[0] for row in rows} >= {"option", "server", "cost"}


def test_who_and_where_stand_at_the_beginning(server):
    _, told = collect(server)
    assert told.begin["identity"] == "SQL1/0F0F/shop"
    assert told.begin["version"] == server.estate.version
    assert told.begin["user"] == 'dömäne\\"ada"'
    assert abs(told.begin["at"] - datetime.now(UTC).timestamp()) < 60


def test_a_changed_answer_is_seen_by_its_seal(server):
    printed, _ = collect(server)
    told = read_frames(printed.replace('"c2":1433', '"c2":1434').replace('"c2":5,', '"c2":6,'), "out")
    with pytest.raises(TamperedError):
        told.answer(1, "the word")


@pytest.mark.parametrize(
    ("how", "why"), [({"minutes": -1}, "expired"), ({"identity": "SQL9/0F0F/shop"}, "identity")]
)
def test_a_script_that_is_late_or_elsewhere_does_nothing(server, how, why):
    plan = plan_for(server, {COST: "50"})
    before = values(server)
    _, told = carry_out(server, plan.steps, **how)
    assert (told.refused, told.end, states(told)) == (why, "failed", [])
    assert values(server) == before


def test_an_apply_does_what_a_connected_one_does(server):
    plan = plan_for(
        server, {COST: "50", "scoped.legacy_cardinality_estimation": "on", "fill_factor_percent": "80"}
    )
    _, told = carry_out(server, plan.steps, identity="SQL1/0F0F/shop")
    kinds = [step.kind for step in plan.steps]
    last = len(kinds)
    assert kinds[-1] is StepKind.RESTART
    done = [(number, state) for number in range(1, last) for state in ("begun", "done")]
    assert states(told) == [*done, (last, "left")]
    assert told.end == "done"
    assert values(server)[COST_NAME] == (50, 50)
    assert values(server)["fill factor (%)"] == (80, 0)
    assert values(server)["show advanced options"] == (0, 0)
    assert server.estate.scoped["LEGACY_CARDINALITY_ESTIMATION"] == "1"


def test_where_one_entry_moved_nothing_is_written(server):
    plan = plan_for(server, {COST: "50", WORKERS: "512"})
    meddle(server, WORKERS, "300")
    _, told = carry_out(server, plan.steps)
    assert (told.refused, told.refusal["parameter"], states(told)) == ("base", WORKERS, [])
    assert values(server)[COST_NAME] == (5, 5)


@pytest.mark.parametrize(
    ("name", "text", "missing"),
    [(COST, "50", "ALTER SETTINGS"), ("scoped.parameter_sniffing", "off", "scoped")],
)
def test_a_login_without_the_right_writes_nothing(server, name, text, missing):
    plan = plan_for(server, {name: text})
    _, told = carry_out(server, plan.steps, rights=ADMIN - {missing})
    assert (told.refused, states(told)) == ("right", [])


def test_a_step_that_fails_has_everything_taken_back_the_last_one_first(server):
    plan = plan_for(server, {COST: "50", WORKERS: "512", "nested_triggers": "off"})
    before = values(server)
    option(server, "nested_triggers").minimum = 1
    _, told = carry_out(server, plan.steps)
    numbers = {step.parameter: number for number, step in enumerate(plan.steps, start=1)}
    failed = numbers["nested_triggers"]
    assert (failed, "failed") in states(told)
    backs = [number for number, state in states(told) if state == "back done"]
    begun = [number for number, state in states(told) if state == "begun"]
    assert backs == sorted(begun, reverse=True)
    assert told.end == "failed"
    assert values(server) == before


def test_a_reconfigure_that_is_refused_takes_all_back(server):
    plan = plan_for(server, {"nested_triggers": "off"})
    option(server, "allow_updates").value = 1
    _, told = carry_out(server, plan.steps)
    assert states(told)[:4] == [(1, "begun"), (1, "done"), (2, "begun"), (2, "failed")]
    assert told.end == "failed"
    assert option(server, "nested_triggers").value == 1


def test_a_temporary_change_is_armed_before_it_and_ends_by_itself(server):
    plan = plan_for(server, {COST: "50"})
    _, told = carry_out(server, plan.steps, order=order_of(Back(parameter=COST, ours="50", back="5")))
    assert told.armed["state"] == "armed"
    assert "Agent" in told.armed["detail"]
    assert values(server)[COST_NAME] == (50, 50)
    server.estate.pass_time(11 * 60)
    server.estate.run_due_jobs()
    assert values(server)[COST_NAME] == (5, 5)
    assert server.estate.jobs == {}


def test_the_job_is_the_one_a_connection_would_have_made(server):
    from tests.engines.sqlserver.test_switch import ask

    from setpoint.config.override import LinkState

    order = order_of(Back(parameter=COST, ours="50", back="5"))
    carry_out(server, plan_for(server, {COST: "50"}).steps, order=order)
    assert ask(server, "look", order).state is LinkState.ARMED
    [job_] = server.estate.jobs.values()
    once = next(each for each in job_.schedules if each["@freq_type"] == 1)
    local = order.deadline + timedelta(hours=2, seconds=1)
    assert once["@active_start_date"] == int(local.strftime("%Y%m%d"))
    assert abs(once["@active_start_time"] - int(local.strftime("%H%M%S"))) <= 1


def test_a_temporary_change_that_fails_takes_its_job_away(server):
    plan = plan_for(server, {COST: "50"})
    option(server, COST).maximum = 40
    _, told = carry_out(server, plan.steps, order=order_of(Back(parameter=COST, ours="50", back="5")))
    assert told.end == "failed"
    assert server.estate.jobs == {}


def test_without_an_agent_the_client_itself_stays_and_puts_back(server):
    server.estate.edition = 4
    plan = plan_for(server, {COST: "50"})
    order = order_of(Back(parameter=COST, ours="50", back="5"), minutes=0.5)
    _, told = carry_out(server, plan.steps, order=order)
    assert told.armed["state"] == "armed"
    assert "sqlcmd itself" in told.armed["detail"]
    assert told.end == "done"
    assert server.estate.now() >= order.deadline
    assert values(server)[COST_NAME] == (5, 5)


def test_where_nothing_can_be_armed_nothing_is_written(server):
    plan = plan_for(server, {COST: "50"})
    _, told = carry_out(server, plan.steps, order=order_of(Back(parameter="unheard_of", ours="50", back="5")))
    assert (told.armed["state"], told.refused, states(told)) == ("failed", "right", [])
    assert values(server)[COST_NAME] == (5, 5)


def test_a_temporary_change_that_is_over_already_is_not_begun(server):
    plan = plan_for(server, {COST: "50"})
    order = order_of(Back(parameter=COST, ours="50", back="5"), minutes=-1)
    _, told = carry_out(server, plan.steps, order=order)
    assert (told.refused, states(told)) == ("expired", [])


def test_what_an_agent_would_have_to_do_is_left_to_the_operator(server):
    step = Step(
        kind=StepKind.SET, parameter=COST, text="50", prior=Prior(running="5", persisted="5"),
        do=(Request(text="SELECT 1;", is_read_only=False, agent="write"),), reason="a file",
    )  # fmt: skip
    _, told = carry_out(server, [step])
    assert states(told) == [(1, "left")]


@given(text=st.text(max_size=60))
def test_any_text_is_the_same_again_and_nothing_of_it_is_filled_in(text):
    written = literal(text)
    assert written.isascii()
    assert "\n" not in written
    assert "$(" not in written
    assert _read(written) == text.encode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize(
    "text", ["$(SQLCMDUSER)", "a\nGO\nb", ":r x.sql", "!!del *", "it's", "\\", "ä€", "%d", "@x", "x" * 5000]
)
def test_what_means_something_to_the_client_reaches_the_server_as_it_is(server, text):
    script = "\n".join(["DECLARE @t nvarchar(max) = N'';", *assemble("@t", text), "PRINT @t;", ""])
    assert Sqlcmd(server.estate, ADMIN, is_filling_in=True).run(script) == f"{text}\n\n"


def test_only_queries_that_answer_rows_are_gathered():
    assert gathering("SELECT @x = 1;") == "SELECT @x = 1;"
    assert gathering("IF EXISTS (SELECT 1) EXEC sp_x;") == "IF EXISTS (SELECT 1) EXEC sp_x;"
    made = gathering("IF 1 = 1 SELECT a, f(b, c), N'; SELECT' FROM t;")
    assert "AS r_ (c0, c1, c2) FOR JSON PATH, INCLUDE_NULL_VALUES" in made


@pytest.mark.parametrize("answer", ["", "x", "{}", '[{"c0":1}]', "[[1]]"])
def test_what_is_no_answer_is_told(answer):
    with pytest.raises(InputError):
        NATIVE.rows(answer)


def test_a_script_says_that_it_was_never_verified_and_how_it_is_run():
    assert "not verified on an engine" in NATIVE.opening(job())
    assert NATIVE.usage("in.sql", "out.txt").split()[-4:] == ["-i", "in.sql", "-o", "out.txt"]
    assert " -x " in NATIVE.usage("in.sql", "out.txt")
    assert NATIVE.fragment(()) == ""


def _read(written):
    """Read a literal expression back, as UTF-16."""
    units = b""
    for match in re.finditer(r"N'((?:[^']|'')*)'|NCHAR\((\d+)\)", written):
        if match[2]:
            units += int(match[2]).to_bytes(2, "little")
        else:
            units += match[1].replace("''", "'").encode("utf-16-le")
    return units

"""Scripts for SQL*Plus, run by a stand-in for it on the stand-in of a database, and looked at as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.oracle.sqlplus import Script, Sqlplus
from tests.engines.oracle.stage import AT

from setpoint.catalog import Version
from setpoint.engines.frames import read_frames
from setpoint.engines.native import Job
from setpoint.engines.oracle import ENGINE
from setpoint.engines.oracle.native.words import assemble, literal
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Prior, Request, Step, StepKind
from setpoint.engines.port import Reply
from setpoint.errors import InputError, TamperedError

NATIVE = ENGINE.native()
VERSION = Version((19, 24, 0, 0, 0))


@pytest.fixture
def terminal(stage, monkeypatch):
    return Sqlplus(stage.database, monkeypatch)


def job(*, identity="", minutes=60):
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    return Job(bundle="b1", seal="the word", instance="ora", identity=identity, expires_at=until)


def collect(terminal, **how):
    made = job(**how)
    script = NATIVE.opening(made) + NATIVE.asking(made, 1, ENGINE.observe(VERSION)) + NATIVE.closing(made)
    printed = terminal.run(script)
    return printed, read_frames(printed, "out")


def carry_out(terminal, steps, *, order=None, **how):
    made = job(**how)
    printed = terminal.run(NATIVE.opening(made) + NATIVE.applying(made, steps, order) + NATIVE.closing(made))
    return read_frames(printed, "out")


def states(told):
    return [(each.number, each.state) for each in told.steps]


def order_of(*backs, minutes=-1):
    now = datetime.now(UTC)
    return Order(
        override="inc-1", instance="ora", engine="oracle", target="host=db1 service=orcl", backs=backs,
        deadline=now + timedelta(minutes=minutes), written_at=now,
    )  # fmt: skip


def test_what_is_collected_reads_as_it_does_over_a_connection(stage, terminal):
    stage.database.meddle("open_cursors", "300")
    connected, catalog = stage.look()
    printed, told = collect(terminal)
    reply = Reply(rows=NATIVE.rows(told.answer(1, "the word")))
    seen, carried = ENGINE.read("ora", reply, at=AT, version=VERSION)
    assert (seen.settings, seen.facts, seen.metrics) == (
        connected.settings,
        connected.facts,
        connected.metrics,
    )
    assert carried.data.parameters == catalog.data.parameters
    assert told.end == "done"
    assert "the word" not in printed


def test_a_login_that_may_not_see_the_load_is_asked_for_less(stage, terminal):
    stage.database.unseen = {"v$osstat"}
    _, told = collect(terminal)
    rows = NATIVE.rows(told.answer(1, "the word"))
    assert {row[0] for row in rows} >= {"P", "I"}
    assert "M" not in {row[0] for row in rows}


def test_a_login_that_does_not_see_the_parameter_file_is_refused(stage, terminal):
    stage.database.unseen = {"v$spparameter"}
    _, told = collect(terminal)
    assert (told.refused, told.end, told.answers) == ("right", "failed", {})


@pytest.mark.parametrize("view", ["v$database", "v$instance"])
def test_a_login_that_does_not_see_where_it_is_is_refused(stage, terminal, view):
    stage.database.unseen = {view}
    _, told = collect(terminal)
    assert told.refused == "right"
    assert "SELECT_CATALOG_ROLE" in told.refusal["why"]


def test_where_nothing_can_be_sealed_nothing_is_done(stage, terminal):
    stage.database.packages.discard("DBMS_CRYPTO")
    told = carry_out(terminal, stage.plan({"open_cursors": "500"}).steps)
    assert (told.refused, states(told)) == ("right", [])
    assert "DBMS_CRYPTO" in told.refusal["why"]


def test_who_and_where_stand_at_the_beginning(terminal):
    _, told = collect(terminal)
    assert told.begin["identity"] == "4711/orcl/ORCL"
    assert told.begin["version"] == "19.0.0.0.0"
    assert told.begin["user"] == 'ÄDA"\\'
    assert abs(told.begin["at"] - datetime.now(UTC).timestamp()) < 60


def test_a_changed_answer_is_seen_by_its_seal(terminal):
    printed, _ = collect(terminal)
    told = read_frames(printed.replace('"open_cursors"', '"open_cursor5"'), "out")
    with pytest.raises(TamperedError):
        told.answer(1, "the word")


@pytest.mark.parametrize(
    ("how", "why"), [({"minutes": -1}, "expired"), ({"identity": "4712/orcl/ORCL"}, "identity")]
)
def test_a_script_that_is_late_or_elsewhere_does_nothing(stage, terminal, how, why):
    told = carry_out(terminal, stage.plan({"open_cursors": "500"}).steps, **how)
    assert (told.refused, told.end, states(told)) == (why, "failed", [])
    assert stage.database.log == []


def test_an_apply_does_what_a_connected_one_does(stage, terminal):
    plan = stage.plan({"open_cursors": "500", "processes": "400", "fal_client": "it's & ä"})
    told = carry_out(terminal, plan.steps, identity="4711/orcl/ORCL")
    last = len(plan.steps)
    assert plan.steps[-1].kind is StepKind.RESTART
    done = [(number, state) for number in range(1, last) for state in ("begun", "done")]
    assert states(told) == [*done, (last, "left")]
    assert told.end == "done"
    assert stage.setting("open_cursors").value == "500"
    assert stage.setting("fal_client").value == "it's & ä"
    assert stage.setting("processes").pending == "400"


def test_where_one_entry_moved_nothing_is_written(stage, terminal):
    plan = stage.plan({"open_cursors": "500", "undo_retention": "1200"})
    stage.database.meddle("undo_retention", "1000")
    told = carry_out(terminal, plan.steps)
    assert (told.refused, told.refusal["parameter"], states(told)) == ("base", "undo_retention", [])
    assert stage.database.log == []


def test_an_entry_that_went_away_is_a_moved_one(stage, terminal):
    stage.database.meddle("undo_retention", "1000")
    plan = stage.plan({"undo_retention": "1200"})
    stage.database.meddle("undo_retention", None)
    assert carry_out(terminal, plan.steps).refused == "base"


def test_a_login_without_the_right_writes_nothing(stage, terminal):
    plan = stage.plan({"open_cursors": "500"})
    stage.database.privileges = {"CREATE JOB"}
    told = carry_out(terminal, plan.steps)
    assert (told.refused, states(told)) == ("right", [])


def test_a_step_that_fails_has_everything_taken_back_the_last_one_first(stage, terminal):
    stage.database.meddle("undo_retention", "1000")
    plan = stage.plan({"open_cursors": "500", "undo_retention": "1200"})
    stage.database.specs["undo_retention"].high = 1100
    before = {name: stage.setting(name) for name in ("open_cursors", "undo_retention")}
    told = carry_out(terminal, plan.steps)
    assert states(told) == [
        (1, "begun"), (1, "done"), (2, "begun"), (2, "failed"), (2, "back done"), (1, "back done"),
    ]  # fmt: skip
    assert told.end == "failed"
    after = {name: stage.setting(name) for name in before}
    assert {name: (each.value, each.entry) for name, each in after.items()} == {
        name: (each.value, each.entry) for name, each in before.items()
    }


def test_a_temporary_change_is_armed_before_it_and_ends_by_itself(stage, terminal):
    stage.database.meddle("undo_retention", "1000")
    desired = {"open_cursors": "500", "undo_retention": "1200", "db_keep_cache_size": "128M"}
    desired |= {"service_names": ("a", "b'c"), "timed_statistics": "off"}
    plan = stage.plan(desired)
    prior = {step.parameter: step.prior.persisted for step in plan.steps}
    backs = [Back(parameter=name, ours=text, back=prior[name]) for name, text in desired.items()]
    told = carry_out(terminal, plan.steps, order=order_of(*backs))
    assert told.armed["state"] == "armed"
    assert (told.end, len(stage.database.jobs)) == ("done", len(desired))
    assert stage.setting("open_cursors").value == "500"
    stage.database.run_jobs()
    assert stage.setting("open_cursors").value == "50"
    assert stage.setting("undo_retention").value == "1000"
    assert stage.setting("db_keep_cache_size").value == "0"
    assert stage.setting("service_names").entry is None
    assert stage.setting("timed_statistics").value == "TRUE"
    assert stage.database.jobs == {}


@pytest.mark.parametrize("obstacle", ["right", "role", "processes", "package"])
def test_where_nothing_can_be_armed_nothing_is_written(stage, terminal, obstacle):
    plan = stage.plan({"open_cursors": "500"})
    if obstacle == "right":
        stage.database.privileges.discard("CREATE JOB")
    elif obstacle == "role":
        stage.database.role = "PHYSICAL STANDBY"
    elif obstacle == "processes":
        stage.database.meddle("job_queue_processes", "0")
    else:
        stage.database.packages.discard("DBMS_SCHEDULER")
    told = carry_out(terminal, plan.steps, order=order_of(Back(parameter="open_cursors", ours="500")))
    assert (told.armed["state"], told.refused, states(told)) == ("failed", "right", [])
    assert stage.setting("open_cursors").value == "50"


def test_an_order_that_the_plan_does_not_fit_is_not_armed(stage, terminal):
    plan = stage.plan({"open_cursors": "500"})
    backs = order_of(Back(parameter="open_cursors", ours="500", back="70"))
    told = carry_out(terminal, plan.steps, order=backs)
    assert (told.armed["state"], told.refused, states(told)) == ("failed", "right", [])


def test_a_temporary_change_that_fails_takes_its_jobs_away(stage, terminal):
    plan = stage.plan({"open_cursors": "500"})
    stage.database.specs["open_cursors"].high = 100
    told = carry_out(terminal, plan.steps, order=order_of(Back(parameter="open_cursors", ours="500")))
    assert (told.end, stage.database.jobs) == ("failed", {})


def test_what_an_agent_would_have_to_do_is_left_to_the_operator(terminal):
    step = Step(
        kind=StepKind.SET, parameter="open_cursors", text="5", prior=Prior(running="50"),
        do=(Request(text="ALTER SYSTEM X", is_read_only=False, agent="write"),), reason="a file",
    )  # fmt: skip
    assert states(carry_out(terminal, [step])) == [(1, "left")]


def piece_together(lines):
    reader = Script("", None, {}, [])
    for line in lines:
        reader.simple(line.removesuffix(";"))
    return str(reader.variables["text_"])


@given(text=st.text(max_size=80))
def test_any_text_is_the_same_again_on_lines_that_mean_nothing_to_the_client(text):
    lines = assemble(text)
    assert all(line.isascii() and "\n" not in line and line.startswith("text_ := ") for line in lines)
    assert all(line.endswith(";") for line in lines)
    read = piece_together(lines)
    assert read.encode("utf-16-le", "surrogatepass") == f"{text}\n".encode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize(
    "text", ["&x", "&&x", "a\n/\nb", "a\n.\nb", "@x.sql", "it's", "\\", "ä€", "a -", ":x", "x" * 9000, "; "]
)
def test_what_means_something_to_the_client_reaches_the_server_as_it_is(text):
    lines = assemble(text)
    assert max(map(len, lines)) < 2499
    assert piece_together(lines) == f"{text}\n"
    assert "\n" not in literal(text)


def test_substitution_is_off_before_anything_else():
    commands = [line for line in NATIVE.opening(job()).splitlines() if not line.startswith("--")]
    assert commands[0] == "SET DEFINE OFF"


@pytest.mark.parametrize("answer", ["", "x", "{}", "[1]", "[[1]]"])
def test_what_is_no_answer_is_told(answer):
    with pytest.raises(InputError):
        NATIVE.rows(answer)


def test_an_answer_that_was_cut_into_lines_is_put_together():
    assert NATIVE.rows('[\n["a","b\\u000A\n c"]\n,["d",null]\n]') == (("a", "b\n c"), ("d", None))


def test_the_block_that_asks_is_whole():
    text = NATIVE.asking(job(), 3, ENGINE.observe(VERSION))
    code = re.sub(r"'(?:[^']|'')*'", "''", text)
    words = re.findall(r"\b(?:END(?: IF| LOOP)?|IF|LOOP|BEGIN)\b", code)
    counts = {word: words.count(word) for word in set(words)}
    assert counts["IF"] == counts["END IF"]
    assert counts["LOOP"] == counts["END LOOP"]
    assert counts["BEGIN"] == counts["END"]
    assert text.count("answer_;") == 3


def test_a_script_says_that_it_was_never_verified_and_how_it_is_run():
    assert "not verified on an engine" in NATIVE.opening(job())
    assert NATIVE.usage("in.sql", "out.txt") == "sqlplus -S -L USER@DATABASE @in.sql > out.txt"
    assert NATIVE.fragment(()) == ""

"""The way back for a server that does not start: what was done is said exactly, and what is left."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest

from setpoint.engines.mysql.apply.making import reloading
from setpoint.engines.mysql.dialect.agent_words import write_file
from setpoint.engines.mysql.dialect.statements import reset_persist, set_global, set_persist_only
from setpoint.engines.mysql.rescue import rescue
from setpoint.engines.plan import Plan, Prior, Request, Step, StepKind
from setpoint.errors import NotPermittedError

STATIC, DYNAMIC = "mysql_static_variables", "mysql_dynamic_variables"


def plan(*steps: Step) -> Plan:
    return Plan(
        instance="db",
        engine="mysql",
        revision="",
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        fingerprint="",
        steps=steps,
    )


def step(name: str, text: str | None, prior: str | None, do: Request, undo: Request) -> Step:
    kind = StepKind.RESET if text is None else StepKind.SET
    before = Prior(running="4", persisted=prior)
    return Step(kind=kind, parameter=name, text=text, prior=before, do=(do,), undo=(undo,))


def kept(name: str, text: str | None, prior: str | None) -> Step:
    do, undo = (
        Request(text=set_persist_only(name, each) if each is not None else reset_persist(name))
        for each in (text, prior)
    )
    return step(name, text, prior, do, undo)


def line(name: str, text: str | None, prior: str | None) -> Step:
    do, undo = (Request(text="", agent=write_file(name, *texts)) for texts in ((prior, text), (text, prior)))
    return step(name, text, prior, do, undo)


def passing(name: str) -> Step:
    return step(name, "8", "4", Request(text=set_global(name, "8")), Request(text=set_global(name, "4")))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mysqld-auto.cnf"
    body = {
        "Version": 2,
        DYNAMIC: {"sort_buffer_size": {"Value": "8", "Metadata": {"User": "root"}}},
        STATIC: {"thread_stack": {"Value": "8"}, "innodb_read_io_threads": {"Value": "8"}},
    }
    path.write_text(json.dumps(body))
    path.chmod(0o640)
    return path


def held(file) -> dict[str, str]:
    body = json.loads(file.read_text())
    return {name: entry["Value"] for part in (DYNAMIC, STATIC) for name, entry in body[part].items()}


def test_what_the_server_keeps_is_put_back(file):
    own = plan(kept("sort_buffer_size", "8", "4"), kept("thread_stack", "8", None), reloading())
    assert rescue(own, str(file.parent)) == f"put back sort_buffer_size, thread_stack in {file}"
    assert held(file) == {"sort_buffer_size": "4", "innodb_read_io_threads": "8"}
    assert file.stat().st_mode & 0o777 == 0o640
    assert [*file.parent.iterdir()] == [file]


def test_what_does_not_stand_there_is_not_said_to_be_put_back(file):
    own = plan(kept("sort_buffer_size", "8", "4"), kept("max_connections", None, "200"))
    said = rescue(own, str(file.parent))
    assert said.startswith(f"put back sort_buffer_size in {file}; ")
    assert said.endswith("; max_connections stood there otherwise than planned and was left")


def test_lines_of_the_agents_file_are_left_to_a_person_with_the_question_that_takes_them_back(file):
    own = plan(kept("thread_stack", "8", None), line("innodb_page_size", "8192", None), passing("b"))
    said = rescue(own, str(file.parent))
    assert said.startswith(f"put back thread_stack in {file}; what is left to a person: ")
    assert question_in(said) == {
        "do": "write",
        "expect": {"innodb_page_size": "8192"},
        "set": {},
        "unset": ["innodb_page_size"],
    }


def question_in(said: str) -> object:
    return json.loads(said[said.index("{") : said.rindex("}") + 1])


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (
            [line("innodb_page_size", "8192", "16384")],
            "innodb_page_size stands in an option file of its host",
        ),
        ([kept("thread_stack", "4", "8")], "of thread_stack nothing new stands in mysqld-auto.cnf"),
        ([passing("sort_buffer_size")], "the plan wrote nothing that a start reads"),
    ],
)
def test_where_nothing_was_put_back_it_is_refused_with_what_a_person_must_do(file, steps, why):
    before = file.read_text()
    with pytest.raises(NotPermittedError, match="nothing was put back") as caught:
        rescue(plan(*steps), str(file.parent))
    assert why in caught.value.what
    assert caught.value.next_step
    assert file.read_text() == before


def test_a_line_that_had_another_value_is_written_back_by_the_question(file):
    with pytest.raises(NotPermittedError) as caught:
        rescue(plan(line("a", "8", "4"), line("b", None, "x")), str(file.parent))
    assert question_in(caught.value.next_step) == {
        "do": "write",
        "expect": {"a": "8", "b": None},
        "set": {"a": "4", "b": "x"},
        "unset": [],
    }


@pytest.mark.parametrize("place", ["", "/no/such/place"])
def test_a_file_out_of_reach_leaves_all_of_it_to_a_person(place):
    own = plan(kept("thread_stack", "8", None), line("innodb_page_size", "8192", None))
    with pytest.raises(NotPermittedError, match="out of reach") as caught:
        rescue(own, place)
    assert "RESET PERSIST what stands there of thread_stack" in caught.value.next_step
    assert "innodb_page_size" in caught.value.next_step


def test_a_file_that_cannot_be_written_is_left_as_it_was(file, monkeypatch):
    before = file.read_text()

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(NotPermittedError, match="No space left"):
        rescue(plan(kept("thread_stack", "8", None)), str(file.parent))
    assert file.read_text() == before
    assert [*file.parent.iterdir()] == [file]

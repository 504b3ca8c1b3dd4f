"""Two processes that apply to one instance at once: one wins, the other is told who it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.control.conftest import NAME, PART, Simulated

from setpoint.errors import HeldError

APPLY = """
import sys
from setpoint import Setpoint

def wait(number, step):
    if number == 1:
        print("at work", flush=True)
        sys.stdin.readline()

with Setpoint.open(sys.argv[1], actor="grace") as setpoint:
    setpoint.apply(setpoint.find_plan(sys.argv[2]), before_step=wait)
"""


@pytest.fixture
def server(tmp_path: Path) -> Simulated:
    return Simulated(f"file:{tmp_path / 'server.json'}")


def test_of_two_applies_one_wins_and_the_other_is_told_who(setpoint, server):
    setpoint.change_settings(PART, {"sort_memory": "16MB", "page_cost": "2.0"}, reason="more")
    made = setpoint.plan(NAME).plan
    with subprocess.Popen(
        [sys.executable, "-c", APPLY, setpoint.where, made.hash],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "at work\n"
        for work in (lambda: setpoint.apply(made), lambda: setpoint.undo(NAME)):
            with pytest.raises(HeldError, match=rf"grace \(process {other.pid} on "):
                work()
        seen = setpoint.plan(NAME)
        assert seen.is_at_work
        assert seen.unfinished.pid == other.pid
        other.stdin.write("go on\n")
        other.stdin.close()
        assert other.wait(30) == 0
    assert server.persisted == {"sort_memory": "16MB", "page_cost": "2.0"}
    assert not setpoint.plan(NAME).unfinished
    outcomes = [row.detail["outcome"] for row in setpoint.audit_rows(action="apply.finish")]
    assert outcomes == ["applied"]


def test_an_apply_without_its_lock_is_still_at_work(setpoint, server):
    """Between its restart and its new lock an apply is held by its living process alone."""
    setpoint.change_settings(PART, {"sort_memory": "16MB", "page_cost": "2.0"}, reason="more")
    made = setpoint.plan(NAME).plan
    with subprocess.Popen(
        [sys.executable, "-c", APPLY, setpoint.where, made.hash],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin
        assert other.stdout
        other.stdout.readline()
        lock = Path(server.address.removeprefix("file:")).with_suffix(".lock")
        lock.unlink()
        with pytest.raises(HeldError, match="grace is applying to shop"):
            setpoint.undo(NAME)
        other.stdin.close()
        assert other.wait(30) == 0
    setpoint.undo(NAME)
    assert server.persisted == {}

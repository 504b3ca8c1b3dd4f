from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pytest
from tests.faces.demo.evening import (
    MARK,
    PROGRAM,
    environment_in,
    run_demo,
    scratch,
    tell_of_audit,
    tell_of_override,
    tell_of_two,
    wait_for_load,
    wait_until_gone,
)

from setpoint.errors import LabError
from setpoint.faces.demo import mariadb

ENGINE = ("--engine", "mariadb")


def _why_absent() -> str:
    try:
        mariadb.choose_cast()
    except LabError as fault:
        return f"{fault.what}; run: {fault.next_step}"
    return ""


pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(_why_absent()), reason=_why_absent())]


@pytest.fixture
def place() -> Iterator[Path]:
    with scratch() as folder:
        yield folder


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    return environment_in(place)


def test_quick_loop_holds_and_leaves_nothing_behind(environment, place):
    done = run_demo(environment, *ENGINE, "--quick", "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["holds"]
    assert len(told["promises"]) == 16
    assert told["server"]["engine"] == "mariadb"
    assert told["data"]["pool"] == "innodb_buffer_pool_size"
    assert told["data"]["bytes"] > told["data"]["shared_buffers_bytes"]
    assert told["facts"]["storage"] is None
    assert told["first_advice"]["settings"] == {}
    assert "innodb_buffer_pool_size" in told["change"]["settings"]
    assert told["change"]["restarts"] == []
    assert not told["change"]["was_restarted"]
    assert told["measurement"]["order"] == "ABBA"
    assert {trial["side"] for trial in told["measurement"]["trials"]} == {"before", "after"}
    assert [found["origin"] for found in told["drift"]["found"]] == ["set while running"]
    assert told["revert"]["different"] == []
    tell_of_override(told["override"], "target switch")
    tell_of_two(told["governance"], "2")
    tell_of_audit(told["audit"])
    assert wait_until_gone(environment) == []
    assert list(place.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["ctrl-c", "sigterm", "kill-9"],
)
@pytest.mark.parametrize("act", [" 4 ", " 6 "], ids=["load", "trials"])
def test_interrupted_it_leaves_nothing_behind(environment, place, number, code, act):
    command = [*PROGRAM, *ENGINE, "--quick"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    with process:
        stdout = cast("IO[str]", process.stdout)
        assert any(line.startswith(act) for line in stdout)
        wait_for_load(environment[MARK])
        process.send_signal(number)
        stdout.read()
    assert process.returncode == code
    assert wait_until_gone(environment) == []
    assert list(place.iterdir()) == []


@pytest.mark.slow
def test_whole_loop_gives_advice_and_a_large_gain_in_time(environment, place):
    done = run_demo(environment, *ENGINE, "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["holds"]
    advised = {each["parameter"]: each for each in told["advice"]["recommendations"]}
    assert advised["innodb_buffer_pool_size"]["code"] == "MY001"
    assert told["measurement"]["contrasts"]["blocks_read"]["claim"] == "better"
    assert told["measurement"]["contrasts"]["tps"]["low"] > 0
    assert wait_until_gone(environment) == []
    assert list(place.iterdir()) == []

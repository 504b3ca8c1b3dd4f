from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import tempfile
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

from setpoint import Setpoint
from setpoint.errors import LabError
from setpoint.faces.demo import postgresql, stage
from setpoint.faces.demo.narration import Narrator
from setpoint.lab.binaries import find_binaries

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        find_binaries().newest(postgresql.MAJOR) is None,
        reason=f"PostgreSQL {postgresql.MAJOR} is not on this machine",
    ),
]


@pytest.fixture
def place() -> Iterator[Path]:
    with scratch() as folder:
        yield folder


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    return environment_in(place)


def test_quick_loop_holds_and_leaves_nothing_behind(environment, place):
    done = run_demo(environment, "--quick", "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["holds"]
    assert len(told["promises"]) == 16
    assert told["server"]["engine"] == "postgresql"
    assert told["data"]["bytes"] > told["data"]["shared_buffers_bytes"]
    assert told["facts"]["storage"] is None
    assert told["first_advice"]["settings"] == {}
    assert "shared_buffers" in told["change"]["restarts"]
    assert told["change"]["was_restarted"]
    assert told["measurement"]["order"] == "ABBA"
    assert [found["origin"].split(" ")[0] for found in told["drift"]["found"]] == ["persisted"]
    assert told["revert"]["different"] == []
    tell_of_override(told["override"], "guard process", "spool")
    tell_of_two(told["governance"], "off")
    tell_of_audit(told["audit"])
    assert wait_until_gone(environment) == []
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["ctrl-c", "sigterm", "kill-9"],
)
@pytest.mark.parametrize("act", [" 4 ", pytest.param(" 6 ", marks=pytest.mark.slow)], ids=["load", "trials"])
def test_interrupted_it_leaves_nothing_behind(environment, place, number, code, act):
    process = subprocess.Popen([*PROGRAM, "--quick"], env=environment, stdout=subprocess.PIPE, text=True)
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
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["sigterm", "kill-9"])
def test_interrupted_in_an_override_it_leaves_nothing_behind(environment, place, number):
    process = subprocess.Popen([*PROGRAM, "--quick"], env=environment, stdout=subprocess.PIPE, text=True)
    with process:
        stdout = cast("IO[str]", process.stdout)
        assert any("while it lasts it is what is desired" in line for line in stdout)
        process.send_signal(number)
        stdout.read()
    assert wait_until_gone(environment) == []
    assert list(place.iterdir()) == []


def test_it_refuses_a_disk_without_room(monkeypatch, place):
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    chosen = postgresql.choose_cast()
    with (
        pytest.raises(LabError, match="TMPDIR"),
        stage.open_stage(chosen, stage.QUICK, Narrator(io.StringIO())),
    ):
        pass
    assert list(place.iterdir()) == []


def test_without_programs_it_ends_with_code_3(environment, place):
    done = run_demo({**environment, "PGBIN": str(place)}, "--quick")
    assert done.returncode == 3
    assert "postgres" in done.stderr
    assert list(place.iterdir()) == []


@pytest.mark.slow
def test_kept_store_tells_the_story_afterwards(environment, place):
    done = run_demo(environment, "--quick", "--json", "--keep")
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    places, audit = told["places"], told["audit"]
    assert wait_until_gone(environment) == []
    with Setpoint.open(places["store"]) as setpoint:
        assert len(setpoint.history()) == 6
        assert setpoint.verify_audit().is_intact
    head = f"{audit['seq']}:{audit['hash']}"
    change = told["governance"]["change"]
    for words in (
        "history",
        "show HEAD",
        "settings demo --origin",
        f"change show {change}",
        "override list --all",
        "audit log --subject demo --action change.",
        f"audit verify --head {head}",
    ):
        command = [*PROGRAM[:-1], "--store", places["store"], *words.split()]
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout
        assert words in done.stderr
    token = Path(places["folder"]) / "lin.token"
    assert token.stat().st_mode & 0o077 == 0
    assert token.read_text(encoding="ascii").strip() not in done.stdout + done.stderr
    with Setpoint.open(places["store"], token=token.read_text(encoding="ascii").strip()) as setpoint:
        assert setpoint.governance.whoami().name == "lin"
    assert "put back by" in Path(places["post-mortem"]).read_text(encoding="utf-8")
    assert Path(places["audit export"]).read_text(encoding="utf-8").count("\n") > 10
    assert [path.name for path in place.iterdir()] == [Path(places["folder"]).name]


@pytest.mark.slow
def test_whole_loop_gives_advice_and_spares_reads_in_time(environment, place):
    done = run_demo(environment, "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["holds"]
    advised = {each["parameter"]: each for each in told["advice"]["recommendations"]}
    assert advised["shared_buffers"]["code"] == "PG001"
    assert told["change"]["settings"]["shared_buffers"] == advised["shared_buffers"]["proposed"]
    assert told["measurement"]["contrasts"]["blocks_read"]["claim"] == "better"
    assert wait_until_gone(environment) == []
    assert list(place.iterdir()) == []

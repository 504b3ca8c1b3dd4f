from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest

from setpoint import Setpoint
from setpoint.errors import LabError
from setpoint.faces.demo import stage
from setpoint.faces.demo.narration import Narrator
from setpoint.lab.binaries import find_binaries

MARK = "SETPOINT_DEMO_TEST"
PROGRAM = [sys.executable, "-c", "from setpoint.faces.cli import main; main()", "demo"]

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        find_binaries().newest(stage.MAJOR) is None, reason=f"PostgreSQL {stage.MAJOR} is not on this machine"
    ),
]


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder for temporary files; its path is short, for it may hold sockets."""
    folder = Path(tempfile.mkdtemp(prefix="d-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    """What the demonstration is started with; every process that comes of it carries the mark."""
    return {**os.environ, "TMPDIR": str(place), MARK: uuid.uuid4().hex}


def run_demo(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *options], env=environment, capture_output=True, text=True, check=False)


def wait_until_gone(environment: dict[str, str]) -> list[str]:
    """Wait for all processes that carry the mark; answer the command lines of those that stay."""
    end = time.monotonic() + 60
    while (left := marked(environment[MARK])) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def marked(mark: str) -> list[str]:
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        try:
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def test_quick_loop_holds_and_leaves_nothing_behind(environment, place):
    done = run_demo(environment, "--quick", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["holds"]
    assert len(told["promises"]) == 16
    assert told["data"]["bytes"] > told["data"]["shared_buffers_bytes"]
    assert told["facts"]["storage"] is None
    assert told["first_advice"]["settings"] == {}
    assert "shared_buffers" in told["change"]["restarts"]
    assert told["change"]["was_restarted"]
    assert told["measurement"]["order"] == "ABBA"
    assert [found["origin"].split(" ")[0] for found in told["drift"]["found"]] == ["persisted"]
    assert told["revert"]["different"] == []
    tell_of_override(told["override"])
    tell_of_two(told["governance"])
    assert told["audit"]["faults"] == 0
    assert told["audit"]["faults_when_tampered"] > 0
    assert told["audit"]["signed_through"] == told["audit"]["seq"] - 1
    assert [(row["who"], row["did"]) for row in told["audit"]["story"]][:5] == [
        ("lin", "gate.refused"),
        ("lin", "change.proposed"),
        ("lin", "gate.refused"),
        ("mara", "change.approved"),
        ("lin", "change.spent"),
    ]
    assert wait_until_gone(environment) == []
    assert list(place.iterdir()) == []


def tell_of_override(told: dict[str, Any]) -> None:
    """It came and it went, although its worker was killed, and everything was as before."""
    assert told["state"] == "ended"
    assert told["ended_by"] in ("guard process", "spool")
    assert told["links"]["reconciler"] == "armed"
    assert told["before"] == told["after"]
    assert not told["settings"].items() & told["after"].items()


def tell_of_two(told: dict[str, object]) -> None:
    """The locked parameter did not move before the second person's approval, and did on it."""
    assert "durability: 1 of approver" in str(told["refused_without_approval"])
    assert "nobody approves their own change" in str(told["refused_to_author"])
    assert told["approved_by"] == ["mara"]
    assert told["state"] == "spent"
    assert told["runs"] == "off"


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


def wait_for_load(mark: str) -> None:
    """Wait until the load runs, which is when most processes do."""
    end = time.monotonic() + 30
    while not any("--time=" in command for command in marked(mark)):
        assert time.monotonic() < end, "no load was started"
        time.sleep(0.02)


def test_nothing_is_left_when_programs_are_absent(monkeypatch, place):
    def choose(major: int) -> None:
        raise LabError(f"no PostgreSQL {major}", next_step="pip install 'setpoint[demo]'")

    monkeypatch.setattr(stage, "choose_binaries", choose)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with (
        pytest.raises(LabError, match="demo") as caught,
        stage.open_stage(stage.QUICK, Narrator(io.StringIO())),
    ):
        pass
    assert caught.value.exit_code == 3
    assert list(place.iterdir()) == []


def test_it_refuses_a_disk_without_room(monkeypatch, place):
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(LabError, match="TMPDIR"), stage.open_stage(stage.QUICK, Narrator(io.StringIO())):
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
    assert done.returncode == 0, done.stderr
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
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["holds"]
    advised = {each["parameter"]: each for each in told["advice"]["recommendations"]}
    assert advised["shared_buffers"]["code"] == "PG001"
    assert told["change"]["settings"]["shared_buffers"] == advised["shared_buffers"]["proposed"]
    assert told["measurement"]["contrasts"]["blocks_read"]["claim"] == "better"
    assert wait_until_gone(environment) == []
    assert list(place.iterdir()) == []

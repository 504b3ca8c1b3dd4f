"""What the live tests of the demonstration share: one run of it, what is left of it, and what it told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MARK = "SETPOINT_DEMO_TEST"
PROGRAM = [sys.executable, "-c", "from setpoint.faces.cli import main; main()", "demo"]


@contextmanager
def scratch() -> Iterator[Path]:
    """Make an empty folder for temporary files; its path is short, for it may hold sockets."""
    folder = Path(tempfile.mkdtemp(prefix="d-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def environment_in(place: Path) -> dict[str, str]:
    """Answer what the demonstration is started with; every process that comes of it carries the mark."""
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


def wait_for_load(mark: str) -> None:
    """Wait until the load runs, which is when most processes do."""
    end = time.monotonic() + 30
    while not any("--time=" in command for command in marked(mark)):
        assert time.monotonic() < end, "no load was started"
        time.sleep(0.02)


def tell_of_override(told: dict[str, Any], *links: str) -> None:
    """It came and it went by one of the links, although its worker was killed, and all was as before."""
    assert told["state"] == "ended"
    assert told["ended_by"] in links
    assert told["links"]["reconciler"] == "armed"
    assert told["before"] == told["after"]
    assert not told["settings"].items() & told["after"].items()


def tell_of_two(told: dict[str, object], runs: str) -> None:
    """The locked parameter did not move before the second person's approval, and did on it."""
    assert "durability: 1 of approver" in str(told["refused_without_approval"])
    assert "nobody approves their own change" in str(told["refused_to_author"])
    assert told["approved_by"] == ["mara"]
    assert told["state"] == "spent"
    assert told["runs"] == runs


def tell_of_audit(told: dict[str, Any]) -> None:
    """The chain holds, a forged copy of it does not, and it tells of the change that took two."""
    assert told["faults"] == 0
    assert told["faults_when_tampered"] > 0
    assert told["signed_through"] == told["seq"] - 1
    assert [(row["who"], row["did"]) for row in told["story"]][:5] == [
        ("lin", "gate.refused"),
        ("lin", "change.proposed"),
        ("lin", "gate.refused"),
        ("mara", "change.approved"),
        ("lin", "change.spent"),
    ]

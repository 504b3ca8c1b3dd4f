"""What every way of fetching shares: the cache, running a program, and the state of not being had."""

from __future__ import annotations

import fcntl
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.lab.binaries import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CACHE = cache_folder()
ENGINES = CACHE / "engines"
DOWNLOAD_LIMIT_S = 600


class Absent(Exception):  # noqa: N818 - a state to report, not a fault of this program
    """An engine cannot be had; the text says why."""


def run(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run a program in a folder; a failure is a reason to be absent, in the program's last words."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise Absent(str(fault)) from fault
    if done.returncode:
        last_words = (done.stderr or done.stdout).strip().splitlines()
        raise Absent(f"{Path(command[0]).name} failed: {last_words[-1] if last_words else done.returncode}")
    return done.stdout


def succeeds(command: Sequence[str]) -> bool:
    """Say whether a program runs and exits with 0."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Let one thread of one process at a time fetch an engine; the next finds it there."""
    locks = CACHE / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

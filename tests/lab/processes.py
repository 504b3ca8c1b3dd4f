"""Processes that launch a server of their own, and whether processes are gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

DEADLINE_S = 30


def is_alive(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int], folder: Path | None = None) -> None:
    end = time.monotonic() + DEADLINE_S
    while any(map(is_alive, pids)) or (folder and folder.exists()):
        assert time.monotonic() < end, f"still there: {[*filter(is_alive, pids)]} {folder}"
        os.sched_yield()


class Launcher:
    """A process that launches a server and first writes its pid, its keeper's and its temporary folder."""

    def __init__(self, program: str, *arguments: str | Path) -> None:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout
        server, keeper, home = self.process.stdout.readline().split()
        self.server, self.keeper, self.home = int(server), int(keeper), Path(home)

    def collect(self) -> int:
        with self.process:
            return self.process.wait(DEADLINE_S)

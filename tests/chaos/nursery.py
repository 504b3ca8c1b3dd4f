"""Processes of a test: made by a nursery, killed, stopped and continued by whoever has them in hand."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

from tests.chaos.site import PATIENCE_SECONDS, await_that

_NUMBERS = count(1)


@dataclass
class Child:
    """One process, its answer and its trail."""

    pid: int
    files: Path
    handle: int

    def send(self, number: signal.Signals) -> None:
        """Send a signal; harmless when it is gone."""
        with suppress(ProcessLookupError):
            if self.handle >= 0:
                signal.pidfd_send_signal(self.handle, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        self.send(signal.SIGSTOP)

    def go_on(self) -> None:
        self.send(signal.SIGCONT)

    @property
    def is_alive(self) -> bool:
        return not self._has_ended(0)

    @property
    def is_stopped(self) -> bool:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
        except OSError:
            return False

    def wait(self, seconds: float = PATIENCE_SECONDS) -> None:
        if not self._has_ended(seconds):
            raise AssertionError(f"it never ended; {self.where()}")

    def _has_ended(self, seconds: float) -> bool:
        if self.handle < 0:
            return True
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def let_go(self) -> None:
        """Kill it and have nothing more to do with it."""
        if self.handle >= 0:
            self.kill()
            os.close(self.handle)
            self.handle = -1

    def where(self) -> str:
        """Have it tell where each of its threads is; answer all that it said."""
        self.send(signal.SIGUSR1)
        await_that(lambda: "Current thread" in self.log or not self.is_alive, "it tells where it is")
        return self.log

    @property
    def answer(self) -> dict | None:
        """What it told; None while it has not, and when it died before."""
        try:
            return json.loads(self.files.with_suffix(".answer").read_text())
        except OSError:
            return None

    @property
    def trail(self) -> list[str]:
        try:
            return self.files.with_suffix(".trail").read_text().splitlines()
        except OSError:
            return []

    @property
    def log(self) -> str:
        try:
            return self.files.with_suffix(".log").read_text()[-9000:]
        except OSError:
            return ""


class Nursery:
    """One process that has imported everything and forks children; safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        script = Path(__file__).with_name("actor.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()

    def have(self, do: str, **order: object) -> Child:
        """Have a child do something; answer it at once."""
        files = self._folder / f"{do}-{next(_NUMBERS)}"
        places = {"answer": f"{files}.answer", "log": f"{files}.log"}
        if "death" in order or "at" in order:
            places["trail"] = f"{files}.trail"
        with self._lock:
            self._process.stdin.write(json.dumps({"do": do, **places, **order}) + "\n")
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                # It was that quick; any process that has ended will do.
                handle = _ended()
            child = Child(pid, files, handle)
            self._children.append(child)
        return child

    def let_go(self) -> None:
        """Kill every child that lives."""
        for child in self._children:
            child.let_go()

    def work(self, **order: object) -> Child:
        """Have a worker, which is up when this returns."""
        child = self.have("work", **order)
        await_that(lambda: child.answer or not child.is_alive, f"the worker is up: {child.log}")
        return child


def _ended() -> int:
    with subprocess.Popen(["true"]) as gone:
        return os.pidfd_open(gone.pid)

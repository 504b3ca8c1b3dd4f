"""The keeper: the parent process of one private server; it ends when its own parent does.

It runs as a program of its own (standard library only, so that it starts in milliseconds) and does three
things:

* starts, stops and restarts the server when told so over a Unix socket, one JSON object per line each way;
* notices when the process that launched it is gone, however it died: the pipe at its standard input ends.
  It then stops the server at once and removes what it was told to remove;
* is the server's direct parent, so that the kernel stops the server (parent-death signal) should the keeper
  itself be killed.

``python keeper.py restart SOCKET`` asks a keeper for a restart and waits for its answer: exit code 0, or 1
with the reason.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

POLL_S = 0.02
IMMEDIATE_STOP_S = 10.0
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Orphaned(Exception):  # noqa: N818 - not an error: the word to end
    """The launching process is gone, or somebody asked the keeper to end."""


class Keeper:
    """Keeps one server; ``order`` names its data folder, log and socket, and what to remove."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.data = Path(order["data_dir"])
        self.command: list[str] = []
        self.environment: dict[str, str] = {}
        self.server: subprocess.Popen[bytes] | None = None
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(order["socket"])
        self.listener.listen(4)

    def run(self) -> None:
        """Serve requests until the launching process is gone, then leave nothing behind."""
        try:
            print("ready", flush=True)  # noqa: T201 - the launcher waits for this line
            while True:
                self.pause(None)
        except Orphaned:
            self.end()

    def pause(self, seconds: float | None, *, serving: bool = True) -> None:
        """Wait for a request, for so long at most; raise Orphaned once the launching process is gone."""
        watched = [sys.stdin, self.listener] if serving else [sys.stdin]
        ready, _, _ = select.select(watched, [], [], seconds)
        if sys.stdin in ready:
            raise Orphaned
        if self.listener in ready:
            self.answer()

    def answer(self) -> None:
        """Read one request, do it, and say how it went."""
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(5)
            try:
                request = json.loads(connection.makefile().readline())
            except (OSError, ValueError):
                return
            reason = self.obey(request)
            try:
                connection.sendall(json.dumps({"reason": reason, "pid": self.pid()}).encode() + b"\n")
            except OSError:
                return  # whoever asked did not wait; the work is done all the same

    def obey(self, request: dict[str, Any]) -> str:
        """Do what a request says; return the reason it failed, or an empty text."""
        limit_s = float(request.get("limit_s", 60))
        action = request.get("do")
        self.command = request.get("command", self.command)
        self.environment = request.get("environment", self.environment)
        if action == "look":
            return ""
        if action in {"stop", "restart"}:
            reason = self.stop(request.get("mode", "fast"), limit_s)
            if reason or action == "stop":
                return reason
        return self.start(limit_s) if action in {"start", "restart"} else f"unknown request {action!r}"

    def pid(self) -> int | None:
        """Return the server's process id while it runs."""
        return self.server.pid if self.server and self.server.poll() is None else None

    def start(self, limit_s: float) -> str:
        """Start the server and wait until it accepts connections."""
        if self.pid():
            return ""
        with Path(self.order["log"]).open("ab") as log:
            self.server = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if self.server.poll() is not None:
                return f"the server ended with code {self.server.returncode} while starting"
            if self.is_ready():
                return ""
            self.pause(POLL_S, serving=False)
        self.stop("immediate", IMMEDIATE_STOP_S)
        return f"the server was not ready within {limit_s:g} s"

    def is_ready(self) -> bool:
        """Read the status line that the server itself writes into its pid file (PostgreSQL 10 and later)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        status_line = 7
        known = len(lines) > status_line and self.server is not None and lines[0] == str(self.server.pid)
        return known and lines[status_line].strip() in {"ready", "standby"}

    def stop(self, mode: str, limit_s: float) -> str:
        """Stop the server and wait until it is gone."""
        server, wanted = self.server, STOP_SIGNALS.get(mode)
        if wanted is None:
            return f"unknown mode {mode!r}"
        if server is None or server.poll() is not None:
            return ""
        server.send_signal(wanted)
        end = time.monotonic() + limit_s
        while server.poll() is None:
            if time.monotonic() >= end:
                return f"the server did not stop within {limit_s:g} s in mode {mode}"
            self.pause(POLL_S, serving=False)
        return ""

    def end(self) -> None:
        """Stop the server whatever it takes, and remove what was ordered to be removed."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        server = self.server
        if server is not None and server.poll() is None:
            for last_word in (self.order["end_signal"], signal.SIGQUIT, signal.SIGKILL):
                server.send_signal(last_word)
                try:
                    server.wait(IMMEDIATE_STOP_S)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self.listener.close()
        for folder in self.order["remove"]:
            shutil.rmtree(folder, ignore_errors=True)


def ask(address: str, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request to the keeper behind a socket and return its answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(address)
        connection.sendall(json.dumps(request).encode() + b"\n")
        line = connection.makefile().readline()
    answer: dict[str, Any] = json.loads(line) if line else {"reason": "the keeper ended", "pid": None}
    return answer


def _read_order() -> dict[str, Any]:
    """Read the one line at standard input, byte by byte, so that nothing of what follows is swallowed."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in {b"", b"\n"}:
        line += byte
    order: dict[str, Any] = json.loads(line)
    return order


def _be_told_to_end(_number: int, _frame: object) -> NoReturn:
    raise Orphaned


def main(arguments: list[str]) -> int:
    """Keep a server (no arguments, the order at standard input), or ask a keeper: ``ACTION SOCKET``."""
    if not arguments:
        signal.signal(signal.SIGTERM, _be_told_to_end)
        Keeper(_read_order()).run()
        return 0
    action, address = arguments
    try:
        reason = ask(address, {"do": action})["reason"]
    except OSError as fault:
        reason = f"no keeper answers at {address}: {fault.strerror}"
    if reason:
        print(reason, file=sys.stderr)  # noqa: T201 - a program's own message
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

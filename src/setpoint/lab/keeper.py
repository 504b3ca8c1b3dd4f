"""The keeper: the parent process of one private server; it ends when its own parent does.

It runs as a program of its own (standard library only, so that it starts in milliseconds) and does three
things:

* starts, stops and restarts the server when told so over a Unix socket, one JSON object per line each way;
* notices when the process that launched it is gone, however it died: the pipe at its standard input ends.
  It then stops the server at once and removes what it was told to remove;
* is the server's direct parent, so that the kernel stops the server (parent-death signal) should the keeper
  itself be killed.

What differs between engines is in its order: the signals for each way to stop, and how a server tells that it
is ready (``is_ready``).

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
# A server that greets but does not say in its log that it is ready is believed after so long.
SILENCE_S = 3.0


class Orphaned(Exception):  # noqa: N818 - not an error: the word to end
    """The launching process is gone, or somebody asked the keeper to end."""


class Keeper:
    """Keeps one server.

    ``order`` names its data folder, log and control socket, what to remove in the end, the signal of each
    way to stop it, the signals to end it with, and how it tells that it is ready.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.data = Path(order["data_dir"])
        self.command: list[str] = []
        self.environment: dict[str, str] = {}
        self.server: subprocess.Popen[bytes] | None = None
        self.log_start = 0
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
        server = self.server
        if server is None or server.poll() is not None:
            return None
        if is_ending(server.pid):
            server.wait()
            return None
        return server.pid

    def start(self, limit_s: float) -> str:
        """Start the server and wait until it accepts connections."""
        if self.pid():
            return ""
        with Path(self.order["log"]).open("ab") as log:
            self.log_start = log.tell()
            self.server = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        begin = time.monotonic()
        while (elapsed_s := time.monotonic() - begin) < limit_s:
            if self.server.poll() is not None:
                return f"the server ended with code {self.server.returncode} while starting"
            if self.is_ready(elapsed_s):
                return ""
            self.pause(POLL_S, serving=False)
        self.stop("immediate", IMMEDIATE_STOP_S)
        return f"the server was not ready within {limit_s:g} s"

    def is_ready(self, elapsed_s: float) -> bool:
        """Ask the server in the way its order says.

        ``pid_file``, ``line`` and ``words``: the server writes one of the words into that line of its pid
        file. ``log_text`` and ``greeting``: it writes the text into its log; a server whose log goes
        elsewhere is asked by its Unix socket instead, later, for a greeting nobody answers is counted.
        """
        ready = self.order["ready"]
        if "pid_file" in ready:
            return self.has_status(ready["pid_file"], ready["line"], ready["words"])
        return self.has_said(ready["log_text"]) or (elapsed_s > SILENCE_S and greets(ready["greeting"]))

    def has_status(self, pid_file: str, line: int, words: list[str]) -> bool:
        """Say whether this server's pid file holds one of the words in a line, counted from 0."""
        try:
            lines = Path(pid_file).read_text().splitlines()
        except OSError:
            return False
        known = len(lines) > line and self.server is not None and lines[0] == str(self.server.pid)
        return known and lines[line].strip() in words

    def has_said(self, text: str) -> bool:
        """Say whether the log holds a text since the server was started."""
        with Path(self.order["log"]).open("rb") as log:
            log.seek(self.log_start)
            return text.encode() in log.read()

    def stop(self, mode: str, limit_s: float) -> str:
        """Stop the server and wait until it is gone."""
        server, wanted = self.server, self.order["stop_signals"].get(mode)
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
            for last_word in self.order["end_signals"]:
                server.send_signal(last_word)
                try:
                    server.wait(IMMEDIATE_STOP_S)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self.listener.close()
        for folder in self.order["remove"]:
            shutil.rmtree(folder, ignore_errors=True)


def is_ending(pid: int) -> bool:
    """Say whether a process has ended but for some of its threads, which cannot be collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def greets(address: str) -> bool:
    """Say whether something behind a Unix socket speaks first, as servers of MySQL's protocol do."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(address)
            return bool(connection.recv(1))
        except OSError:
            return False


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

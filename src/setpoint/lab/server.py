"""The life of a private server, whatever its engine: made, started, and gone when its launcher is.

A keeper process (``keeper.py``) is the server's parent: it ends the server when the launching process is
gone, even after ``kill -9``, and the kernel ends the server when the keeper is. A home, which is a private
folder with a path short enough for sockets, holds all that is temporary.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self, cast

from setpoint.errors import LabError
from setpoint.lab import keeper

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_SOCKET_PATH_LIMIT_BYTES = 107
_LONGEST_NAME = "/s/.s.PGSQL.65535.lock"
_ATTEMPTS = 3
# What every engine's log says when its port is taken: the C library's own words.
_PORT_IS_TAKEN = "Address already in use"


@dataclass(frozen=True, slots=True)
class Manners:
    """How to treat an engine's server: signals by way to stop, and to end it with, the last one deadly.

    ``ready`` says how it tells that it is ready, in the words of ``keeper.Keeper.is_ready``.
    """

    stop_signals: Mapping[str, int]
    end_signals: tuple[int, ...]
    ready: Mapping[str, object]


class PrivateServer(ABC):
    """One private server and its data.

    Args:
        data_dir: where the data lies. None: a temporary folder, removed at the end. A folder given is
            kept, and is initialised only when it is empty.
        tcp: listen on a free port of 127.0.0.1, else on the Unix socket alone.
        default_port: the port while there is no TCP.

    Use it as a context manager, or call ``open`` and ``close``.
    """

    host: ClassVar[str] = "127.0.0.1"

    def __init__(self, *, data_dir: Path | None, tcp: bool, default_port: int) -> None:
        self.port = default_port
        self._tcp = tcp
        self._kept_data = data_dir.absolute() if data_dir else None
        self._home = Path()
        self._keeper: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Open."""
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    # ------------------------------------------------------------------------------------------- life

    def open(self) -> Self:
        """Make the data if there is none, and start the server.

        Raises:
            LabError: it cannot be made or does not start; the end of its log is in the text.
        """
        self._home = _make_home()
        try:
            self._keeper = self._start_keeper()
            if self._tcp:
                self.port = find_free_port()
            self.socket_dir.mkdir()
            self._prepare()
            self.log_path.touch()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Stop the server and its keeper, and remove what is temporary. Doing it twice does nothing."""
        if self._keeper is not None:
            self._keeper.communicate()  # ends its standard input, which tells it to end
            self._keeper = None
        if self._home != Path():
            shutil.rmtree(self._home, ignore_errors=True)

    def start(self, *, limit_s: float = 60) -> None:
        """Start a stopped server and wait until it accepts connections.

        Raises:
            LabError: it does not start; the end of its log is in the text.
        """
        answer = self._order_start(limit_s)
        for _ in range(_ATTEMPTS - 1):
            # Between finding a free port and the server's use of it somebody else may have taken it.
            if not answer["reason"] or _PORT_IS_TAKEN not in self.log_tail():
                break
            self.port = find_free_port()
            answer = self._order_start(limit_s)
        self._judge(answer)

    def stop(self, mode: str = "fast", *, limit_s: float = 60) -> None:
        """Stop the server (``smart``, ``fast`` or ``immediate``) and keep its data.

        Raises:
            LabError: it does not stop in time.
        """
        self._judge(self._ask("stop", mode=mode, limit_s=limit_s))

    def restart(self, mode: str = "fast", *, limit_s: float = 60) -> None:
        """Stop and start the server.

        Raises:
            LabError: it does not stop in time, or does not start again; the end of its log is in the text.
        """
        self._judge(self._ask("restart", mode=mode, limit_s=limit_s))

    # ------------------------------------------------------------------------------------------- questions

    @property
    def pid(self) -> int | None:
        """The process id of the server, None while it is not running; a restart changes it."""
        pid: int | None = self._ask("look")["pid"] if self._keeper else None
        return pid

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there."""
        return self.pid is not None

    @property
    def data_dir(self) -> Path:
        """The data folder."""
        return self._kept_data or self._home / "data"

    @property
    def socket_dir(self) -> Path:
        """The folder of the Unix socket."""
        return self._home / "s"

    @property
    def log_path(self) -> Path:
        """The server's log, beside its data."""
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    @property
    @abstractmethod
    def dsn(self) -> str:
        """Where it listens, as ``key=value`` text; the login needs no password."""

    @property
    def restart_command(self) -> list[str]:
        """A command, to run without a shell, that restarts this server and waits for it.

        It works as root and as a user, from any process while this object is open, and exits with 1 and a
        reason when the server does not come back.
        """
        return [sys.executable, "-I", "-S", keeper.__file__, "restart", str(self._control)]

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of the server's log."""
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    # ------------------------------------------------------------------------------------------- the engine's

    @abstractmethod
    def _prepare(self) -> None:
        """Make what the server needs: its data, its files."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the server's command line."""

    @abstractmethod
    def _environment(self) -> dict[str, str]:
        """Return the server's environment."""

    @abstractmethod
    def _manners(self) -> Manners:
        """Return how the keeper is to treat the server."""

    # ------------------------------------------------------------------------------------------- inside

    @property
    def _control(self) -> Path:
        return self._home / "k"

    def _start_keeper(self) -> subprocess.Popen[str]:
        """Start the keeper, before there is anything to keep, so that nothing is ever left behind."""
        manners = self._manners()
        order = {
            "data_dir": str(self.data_dir),
            "log": str(self.log_path),
            "socket": str(self._control),
            "remove": [str(self._home)],
            "stop_signals": dict(manners.stop_signals),
            "end_signals": manners.end_signals,
            "ready": dict(manners.ready),
        }
        with (self._home / "keeper.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # an interrupt from the terminal is the launcher's to handle
            )
        stdin, stdout = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        if stdout.readline().strip() != "ready":
            process.communicate()
            last_words = (self._home / "keeper.log").read_text(errors="replace")
            raise LabError(f"the server's keeper did not start: {last_words}", where=str(self._home))
        return process

    def _order_start(self, limit_s: float) -> dict[str, Any]:
        return self._ask("start", command=self._command(), environment=self._environment(), limit_s=limit_s)

    def _ask(self, action: str, **details: object) -> dict[str, Any]:
        """Have the keeper do something, or answer."""
        try:
            return keeper.ask(str(self._control), {"do": action, **details})
        except OSError as fault:
            raise LabError(
                f"the server's keeper does not answer: {fault}", where=str(self.data_dir)
            ) from fault

    def _judge(self, answer: dict[str, Any]) -> None:
        """Raise what the keeper could not do."""
        if answer["reason"]:
            raise LabError(f"{answer['reason']}\n{self.log_tail()}", where=str(self.data_dir))


def find_free_port() -> int:
    """Ask the system for a port nobody uses now."""
    with socket.socket() as probe:
        probe.bind((PrivateServer.host, 0))
        port: int = probe.getsockname()[1]
        return port


def _make_home() -> Path:
    """Make a private folder with a path short enough for sockets."""
    home = tempfile.mkdtemp(prefix="sp-")
    if len(os.fsencode(home)) + len(_LONGEST_NAME) > _SOCKET_PATH_LIMIT_BYTES:
        Path(home).rmdir()
        home = tempfile.mkdtemp(prefix="sp-", dir="/tmp")
    return Path(home)

"""A private PostgreSQL: made, started, and gone when the block ends or the process dies, however it dies.

The server listens on a free port of 127.0.0.1 and on a Unix socket in a short private folder. Both are
given on its command line, so its configuration files stay free for whatever they are to show. A keeper
process (``keeper.py``) is its parent: it ends the server when the launching process is gone, even after
``kill -9``, and the kernel ends the server when the keeper is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, cast

from setpoint.errors import LabError
from setpoint.lab import cluster, keeper
from setpoint.lab.privileges import Privileges, choose_privileges, give_away, guard

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from setpoint.lab.binaries import PostgresBinaries

_SOCKET_PATH_LIMIT_BYTES = 107
_LONGEST_NAME = "/s/.s.PGSQL.65535.lock"
_ATTEMPTS = 3


class PrivatePostgres:
    """One private server and its data.

    Args:
        binaries: the build to run.
        conf: settings appended to ``postgresql.conf``: a mapping of name to value, or lines as they are.
        data_dir: where the data lies. None: a temporary folder, removed at the end. A folder given is
            kept, and is initialised only when it is empty.
        templates: a folder in which initialised data is kept for copying, one per build. Copies share
            their system identifier. None: every server is initialised on its own.
        tcp: listen on a free port of 127.0.0.1, else on the Unix socket alone.
        privileges: as whom to run; None chooses.

    Use it as a context manager, or call ``open`` and ``close``.
    """

    host = "127.0.0.1"
    user = "postgres"

    def __init__(
        self,
        binaries: PostgresBinaries,
        *,
        conf: Mapping[str, object] | str = "",
        data_dir: Path | None = None,
        templates: Path | None = None,
        tcp: bool = True,
        privileges: Privileges | None = None,
    ) -> None:
        self.binaries = binaries
        self.privileges = privileges or choose_privileges()
        self.port = 5432
        self._conf = conf
        self._template = templates / cluster.template_name(binaries) if templates else None
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
            self._prepare()
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
            if not answer["reason"] or "Address already in use" not in self.log_tail():
                break
            self.port = _find_free_port()
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
    def dsn(self) -> str:
        """Where it listens, as libpq's ``key=value`` text; the login needs no password."""
        return self.dsn_for()

    def dsn_for(self, *, database: str = "postgres", user: str = user) -> str:
        """Return the connection text for a database and a role."""
        host = self.host if self._tcp else self.socket_dir
        return f"host={host} port={self.port} user={user} dbname={database}"

    @property
    def client_variables(self) -> dict[str, str]:
        """``PGHOST``, ``PGPORT``, ``PGUSER`` and ``PGDATABASE`` for programs that read them."""
        host = self.host if self._tcp else str(self.socket_dir)
        return {"PGHOST": host, "PGPORT": str(self.port), "PGUSER": self.user, "PGDATABASE": "postgres"}

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

    def query_config(self, name: str, settings: Mapping[str, object] | None = None) -> str:
        """Return what ``postgres -C`` says a parameter would be with these settings.

        Some computed parameters (``shared_memory_size``) are answered only while it is stopped.

        Raises:
            LabError: the server refuses a setting or does not know the parameter.
        """
        chosen = [f"--{key}={value}" for key, value in (settings or {}).items()]
        command = [self._program(), "-D", str(self.data_dir), "-C", name, *chosen]
        return cluster.run([*self.privileges.prefix, *command], self.binaries.environment()).strip()

    # ------------------------------------------------------------------------------------------- inside

    @property
    def _control(self) -> Path:
        return self._home / "k"

    def _program(self) -> str:
        return str(self.binaries.bindir / "postgres")

    def _prepare(self) -> None:
        """Make folders and data; with dropped privileges, bring the programs where they can be reached."""
        if self._tcp:
            self.port = _find_free_port()
        self.socket_dir.mkdir()
        owner = self.privileges.owner
        if owner is not None:
            self._home.chmod(0o711)
            give_away(self.socket_dir, owner)
            self.binaries = cluster.bring_within_reach(self.binaries, self._home, owner)
        if not (self.data_dir / "PG_VERSION").exists():
            cluster.make_data(self.binaries, self.data_dir, self.privileges, self._template)
            cluster.append_settings(self.data_dir, self._conf)
        self.log_path.touch()

    def _command(self) -> list[str]:
        """Return the server's command line."""
        listen = self.host if self._tcp else ""
        options = ["-D", str(self.data_dir), "-p", str(self.port), "-k", str(self.socket_dir)]
        server = [self._program(), *options, "-c", f"listen_addresses={listen}"]
        return [*self.privileges.prefix, *guard(server, signal="QUIT")]

    def _start_keeper(self) -> subprocess.Popen[str]:
        """Start the keeper, before there is anything to keep, so that nothing is ever left behind."""
        order = {
            "data_dir": str(self.data_dir),
            "log": str(self.log_path),
            "socket": str(self._control),
            "remove": [str(self._home)],
            # Data that is kept deserves a checkpoint; data that goes with the server does not.
            "end_signal": signal.SIGINT if self._kept_data else signal.SIGQUIT,
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
        environment = self.binaries.environment()
        return self._ask("start", command=self._command(), environment=environment, limit_s=limit_s)

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


def _make_home() -> Path:
    """Make a private folder with a path short enough for sockets."""
    home = tempfile.mkdtemp(prefix="sp-")
    if len(os.fsencode(home)) + len(_LONGEST_NAME) > _SOCKET_PATH_LIMIT_BYTES:
        Path(home).rmdir()
        home = tempfile.mkdtemp(prefix="sp-", dir="/tmp")
    return Path(home)


def _find_free_port() -> int:
    """Ask the system for a port nobody uses now."""
    with socket.socket() as probe:
        probe.bind((PrivatePostgres.host, 0))
        port: int = probe.getsockname()[1]
        return port

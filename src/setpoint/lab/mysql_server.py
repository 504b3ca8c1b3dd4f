"""A private MariaDB or MySQL: made, started, and gone when the block ends or the process dies.

It listens on a free port of 127.0.0.1 and on a Unix socket in a short private folder. These, the places of
its files and what a server of the lab must not open besides (MySQL's X protocol) are given on its command
line; everything else is free for its option file ``my.cnf`` and the files of ``conf.d`` that it includes.
Its life is that of every private server (``server.py``).
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from setpoint.lab.cluster import template_name
from setpoint.lab.mysql_data import as_root, make_mysql_data, write_option_file
from setpoint.lab.privileges import guard
from setpoint.lab.server import Manners, PrivateServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from setpoint.lab.mysql_binaries import Kind, MysqlBinaries

_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGTERM, "immediate": signal.SIGKILL}
_READY = "ready for connections"
_FRAGMENT = "zz-setpoint.cnf"
# The folder compiled in as secure_file_priv is missing where nothing is installed, and MySQL then refuses.
_OPTIONS: dict[Kind, tuple[str, ...]] = {
    "mariadb": (),
    "mysql": ("--mysqlx=OFF", "--secure-file-priv=NULL"),
}


class PrivateMysql(PrivateServer):
    """One private MariaDB or MySQL and its data.

    Args:
        binaries: the build to run.
        conf: settings for the option file: a mapping of name to value (None: an option without one), or
            lines of the group ``[mysqld]`` that may go on to other groups.
        data_dir: where the data lies. None: a temporary folder, removed at the end. A folder given is
            kept, with its option files beside it in ``NAME.etc``, and is initialised only when it is
            empty.
        templates: a folder in which initialised data is kept for copying, one per build. None: every
            server is initialised on its own.
        tcp: listen on a free port of 127.0.0.1, else on the Unix socket alone.

    Use it as a context manager, or call ``open`` and ``close``. ``smart`` and ``fast`` stop it alike;
    ``immediate`` kills it, which its log recovers from.
    """

    user = "root"

    def __init__(
        self,
        binaries: MysqlBinaries,
        *,
        conf: Mapping[str, object] | str = "",
        data_dir: Path | None = None,
        templates: Path | None = None,
        tcp: bool = True,
    ) -> None:
        super().__init__(data_dir=data_dir, tcp=tcp, default_port=3306)
        self.binaries = binaries
        self._conf = conf
        self._template = templates / template_name(binaries) if templates else None

    @property
    def dsn(self) -> str:
        """Where it listens, as words ``host=... port=... user=...``; the login needs no password."""
        return self.dsn_for()

    def dsn_for(self, *, database: str = "", user: str = user) -> str:
        """Return the connection text for a user and, if need be, a database."""
        place = f"host={self.host} port={self.port}" if self._tcp else f"socket={self.socket_path}"
        return f"{place} user={user}" + (f" database={database}" if database else "")

    @property
    def connection(self) -> dict[str, str]:
        """``socket``, ``user`` and, with TCP, ``host`` and ``port``, for clients and load generators."""
        place = {"host": self.host, "port": str(self.port)} if self._tcp else {}
        return {**place, "socket": str(self.socket_path), "user": self.user}

    @property
    def socket_path(self) -> Path:
        """The Unix socket."""
        return self.socket_dir / "mysqld.sock"

    @property
    def option_file(self) -> Path:
        """The option file that the server was started with."""
        return self._etc / "my.cnf"

    @property
    def conf_dir(self) -> Path:
        """The folder whose ``*.cnf`` files the option file includes, in the order of their names."""
        return self._etc / "conf.d"

    @property
    def fragment_path(self) -> Path:
        """Where a managed fragment belongs: in ``conf_dir``, after what others put there. It is not made."""
        return self.conf_dir / _FRAGMENT

    @property
    def agent_command(self) -> list[str]:
        """A command, to run without a shell, that reads the option files and writes the fragment."""
        from setpoint.engines.mysql import file_agent

        options = ["--fragment", str(self.fragment_path), "--defaults-file", str(self.option_file)]
        return [sys.executable, "-I", "-S", file_agent.__file__, *options]

    # ------------------------------------------------------------------------------------------- inside

    @property
    def _etc(self) -> Path:
        return self._kept_data.with_name(f"{self._kept_data.name}.etc") if self._kept_data else self._home

    @property
    def _scratch(self) -> Path:
        return self._home / "t"

    def _prepare(self) -> None:
        """Make temporary folder, data and option files; option files that are there are left alone."""
        self._scratch.mkdir(exist_ok=True)
        self.conf_dir.mkdir(parents=True, exist_ok=True, mode=0o755)
        if not (self.data_dir / "mysql").is_dir():
            make_mysql_data(self.binaries, self.data_dir, self._scratch, self._template)
        if not self.option_file.exists():
            write_option_file(self.option_file, self._conf, self.conf_dir)

    def _command(self) -> list[str]:
        listen = (
            [f"--bind-address={self.host}", f"--port={self.port}"] if self._tcp else ["--skip-networking"]
        )
        places = [
            f"--datadir={self.data_dir}",
            f"--socket={self.socket_path}",
            f"--pid-file={self.socket_dir / 'mysqld.pid'}",
        ]
        server = self.binaries.server(f"--defaults-file={self.option_file}")
        options = [*as_root(), *places, *listen, *_OPTIONS[self.binaries.kind]]
        return guard([*server, *options], signal="TERM" if self._kept_data else "KILL")

    def _environment(self) -> dict[str, str]:
        # A killed server leaves its temporary tables where they are; in its home they go with it.
        return {**self.binaries.environment(), "TMPDIR": str(self._scratch)}

    def _manners(self) -> Manners:
        # Data that is kept deserves a clean end; data that goes with the server does not.
        first = (signal.SIGTERM,) if self._kept_data else ()
        ready = {"log_text": _READY, "greeting": str(self.socket_path)}
        return Manners(_STOP_SIGNALS, (*first, signal.SIGKILL), ready)

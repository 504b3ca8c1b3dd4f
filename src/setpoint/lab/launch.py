"""A private PostgreSQL: made, started, and gone when the block ends or the process dies, however it dies.

The server listens on a free port of 127.0.0.1 and on a Unix socket in a short private folder. Both are
given on its command line, so its configuration files stay free for whatever they are to show. Its life is
that of every private server (``server.py``).
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from setpoint.lab import cluster
from setpoint.lab.privileges import Privileges, choose_privileges, give_away, guard
from setpoint.lab.server import Manners, PrivateServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from setpoint.lab.binaries import PostgresBinaries

_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
# The server itself writes its status into this line of its pid file (PostgreSQL 10 and later).
_STATUS_LINE = 7
_STATUS_WORDS = ("ready", "standby")


class PrivatePostgres(PrivateServer):
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
        super().__init__(data_dir=data_dir, tcp=tcp, default_port=5432)
        self.binaries = binaries
        self.privileges = privileges or choose_privileges()
        self._conf = conf
        self._template = templates / cluster.template_name(binaries) if templates else None

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

    def _program(self) -> str:
        return str(self.binaries.bindir / "postgres")

    def _prepare(self) -> None:
        """Make the data; with dropped privileges, bring the programs where they can be reached."""
        owner = self.privileges.owner
        if owner is not None:
            self._home.chmod(0o711)
            give_away(self.socket_dir, owner)
            self.binaries = cluster.bring_within_reach(self.binaries, self._home, owner)
        if not (self.data_dir / "PG_VERSION").exists():
            cluster.make_data(self.binaries, self.data_dir, self.privileges, self._template)
            cluster.append_settings(self.data_dir, self._conf)

    def _command(self) -> list[str]:
        listen = self.host if self._tcp else ""
        options = ["-D", str(self.data_dir), "-p", str(self.port), "-k", str(self.socket_dir)]
        server = [self._program(), *options, "-c", f"listen_addresses={listen}"]
        return [*self.privileges.prefix, *guard(server, signal="QUIT")]

    def _environment(self) -> dict[str, str]:
        return self.binaries.environment()

    def _manners(self) -> Manners:
        # Data that is kept deserves a checkpoint; data that goes with the server does not.
        first = (signal.SIGINT,) if self._kept_data else ()
        pid_file = str(self.data_dir / "postmaster.pid")
        ready = {"pid_file": pid_file, "line": _STATUS_LINE, "words": _STATUS_WORDS}
        return Manners(_STOP_SIGNALS, (*first, signal.SIGQUIT, signal.SIGKILL), ready)

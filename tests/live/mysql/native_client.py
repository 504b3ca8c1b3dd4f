"""The real client beside a server: a script goes in as a file, and a file comes out."""

from __future__ import annotations

import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from setpoint.engines.frames import Told, read_frames
from setpoint.engines.mariadb import ENGINE as MARIADB
from setpoint.engines.mysql import ENGINE as MYSQL
from setpoint.engines.native import Job
from setpoint.lab.mysql_server import PrivateMysql

ENGINES = {"mariadb": MARIADB, "mysql": MYSQL}
SEAL = "ba5eba11ba5eba11"
PATIENCE_SECONDS = 120


def job(identity: str = "", *, seconds: float = 3600) -> Job:
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return Job(bundle="b1f3", seal=SEAL, instance="db", identity=identity, expires_at=expires_at)


class Client:
    """Runs scripts the way `usage` says, with a login added, in a folder with nothing else in it."""

    def __init__(self, server: PrivateMysql, folder: Path, *, user: str = "root", conf: str = "") -> None:
        self.server, self.folder, self.user = server, folder, user
        self.engine = ENGINES[server.binaries.kind]
        self.native = self.engine.native()
        self.conf = conf
        self.left_out: tuple[str, ...] = ()
        self.said = ""

    def words(self) -> list[str]:
        usage = shlex.split(self.native.usage("in.sql", "out.txt"))
        name, *options = usage[: usage.index("<")]
        assert usage[len(options) + 1 :] == ["<", "in.sql", ">", "out.txt"]
        if self.conf:
            (self.folder / "person.cnf").write_text(self.conf, encoding="utf-8")
        defaults = f"--defaults-file={self.folder / 'person.cnf'}" if self.conf else "--no-defaults"
        login = ["--host=127.0.0.1", f"--port={self.server.port}", f"--user={self.user}"]
        kept = [option for option in options if option not in self.left_out]
        return [*self.server.binaries.program(name), defaults, *login, *kept]

    def start(self, script: str) -> subprocess.Popen[str]:
        (self.folder / "in.sql").write_text(script, encoding="utf-8")
        with self._open("in.sql", "r") as script_file, self._open("out.txt", "w") as output:
            return subprocess.Popen(
                self.words(),
                env=self.server.binaries.environment(),
                cwd=self.folder,
                stdin=script_file,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
            )

    def carry(self, script: str) -> str:
        """Run a script; answer its output file. What it said to the terminal is in `said`."""
        with self.start(script) as process:
            _, self.said = process.communicate(timeout=PATIENCE_SECONDS)
        return self.output

    @property
    def output(self) -> str:
        return (self.folder / "out.txt").read_text(encoding="utf-8")

    def script(self, *parts: str, given: Job | None = None) -> str:
        whole = given or job()
        return self.native.opening(whole) + "".join(parts) + self.native.closing(whole)

    def tell(self, *parts: str, given: Job | None = None) -> Told:
        """Run parts between an opening and a closing; answer what was told."""
        return read_frames(self.carry(self.script(*parts, given=given)), "out.txt")

    def _open(self, name: str, mode: str) -> IO[str]:
        return (self.folder / name).open(mode, encoding="utf-8")

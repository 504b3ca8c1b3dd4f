"""Load by sysbench on MariaDB and MySQL: fill its tables, run one of its OLTP scripts, read its report.

Where to connect is given as ``PrivateMysql.connection``. Everything here writes; it is for servers the lab
started itself. sysbench is looked for in the project's cache, then among the system's programs.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from setpoint.errors import LabError
from setpoint.lab.binaries import cache_folder
from setpoint.lab.load import LoadResult, run_watched
from setpoint.lab.mysql_binaries import clean_environment, through_loader
from setpoint.lab.mysql_client import ask_with_mysql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from setpoint.lab.mysql_binaries import MysqlBinaries

Script = Literal["oltp_read_write", "oltp_read_only", "oltp_point_select", "oltp_write_only"]
Choice = Literal["special", "uniform", "gaussian", "pareto", "zipfian"]
SCRIPTS: tuple[Script, ...] = ("oltp_read_write", "oltp_read_only", "oltp_point_select", "oltp_write_only")

_SYSTEM = Path("/usr")
# A table is made, filled and indexed: three lines for each.
_FILLED = re.compile(r"(?:Creating table|Inserting \d+ records|Creating a secondary index)")
_STEPS_PER_TABLE = 3
_PROGRESS = re.compile(r"^\[ (\d+)s \] thds: \d+ tps: ([\d.]+)")
_TRANSACTIONS = re.compile(r"^\s*transactions:\s+(\d+)", re.MULTILINE)
_FAILED = re.compile(r"^\s*ignored errors:\s+(\d+)", re.MULTILINE)
_SECONDS = re.compile(r"^\s*total time:\s+([\d.]+)s", re.MULTILINE)
_LATENCY = re.compile(r"^\s*avg:\s+([\d.]+)", re.MULTILINE)
_PERCENTILE = re.compile(r"^\s*95th percentile:\s+([\d.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SysbenchBinary:
    """Where sysbench lies: the folder above its ``bin`` and ``share``."""

    tree: Path

    def __str__(self) -> str:
        """Write the place."""
        return f"sysbench in {self.tree}"

    def command(self, script: Script) -> list[str]:
        """Return the words that start a script."""
        scripts = self.tree / "share" / "sysbench"
        return [*through_loader(self.tree), str(self.tree / "bin" / "sysbench"), f"{scripts / script}.lua"]

    def environment(self) -> dict[str, str]:
        """Return the environment, in which a script finds the parts it shares with others."""
        scripts = self.tree / "share" / "sysbench" / "?.lua"
        return {**clean_environment(self.tree), "LUA_PATH": f"{scripts};;"}


@dataclass(frozen=True, slots=True)
class Sysbench:
    """A load on one server: a script, ``tables`` of ``rows`` rows each (about 220 bytes a row), threads.

    ``choice`` says how rows are chosen: ``special`` mostly takes a few of them, ``uniform`` all alike.
    """

    program: SysbenchBinary
    binaries: MysqlBinaries
    connection: Mapping[str, str]
    script: Script = "oltp_read_write"
    tables: int = 4
    rows: int = 10_000
    threads: int = 4
    choice: Choice = "special"
    database: str = "sbtest"

    def fill(self, progress: Callable[[float], None] | None = None) -> None:
        """Make and fill the tables in a database made for them; what is there of it goes first.

        ``progress`` is told the share of the work begun, from 0 to 1.

        Raises:
            LabError: sysbench fails; its last words are in the text.
        """
        steps = 0

        def watch(line: str) -> None:
            nonlocal steps
            for _ in _FILLED.findall(line):  # its threads share a line at times
                steps += 1
                if progress:
                    progress(steps / (_STEPS_PER_TABLE * self.tables))

        statements = f"drop database if exists {self.database}; create database {self.database}"
        ask_with_mysql(self.binaries, self.connection)(statements)
        self._run("prepare", watch)

    def run(self, seconds: float, progress: Callable[[float, float], None] | None = None) -> LoadResult:
        """Run the load for so long (whole seconds, at least one).

        ``progress`` is told once a second the seconds gone by and the rate of the last one. ``failed``
        counts what the server refused for a conflict with another transaction, which sysbench then redoes.

        Raises:
            LabError: sysbench fails or a thread gives up; its last words are in the text.
        """
        report: list[str] = []

        def watch(line: str) -> None:
            report.append(line)
            if progress and (seen := _PROGRESS.match(line)):
                progress(float(seen[1]), float(seen[2]))

        self._run("run", watch, f"--time={max(1, round(seconds))}", "--report-interval=1")
        return read_sysbench_report("".join(report))

    def _run(self, action: str, watch: Callable[[str], None], *options: str) -> None:
        if self.script not in SCRIPTS:
            raise LabError(f"unknown script {self.script!r}", next_step=f"one of {', '.join(SCRIPTS)}")
        load = [
            f"--tables={self.tables}",
            f"--table-size={self.rows}",
            f"--threads={self.threads}",
            f"--rand-type={self.choice}",
        ]
        command = [*self.program.command(self.script), *self._place(), *load, *options, action]
        run_watched(command, self.program.environment(), watch, name="sysbench", is_news=_is_no_progress)

    def _place(self) -> list[str]:
        """Return the options that name server, user and database; the socket wins over TCP."""
        chosen = {name: self.connection[name] for name in ("host", "port") if name in self.connection}
        if "socket" in self.connection:
            chosen = {"socket": self.connection["socket"]}
        place = {**chosen, "user": self.connection["user"], "db": self.database}
        return ["--db-driver=mysql", *(f"--mysql-{name}={value}" for name, value in place.items())]


def find_sysbench(environ: Mapping[str, str] = os.environ) -> SysbenchBinary | None:
    """Look for sysbench in the cache, the newest first, then among the system's programs."""
    trees = sorted((cache_folder(environ) / "engines").glob("sysbench-*"), reverse=True)
    found = next((tree for tree in trees if (tree / "bin" / "sysbench").is_file()), None)
    if found is None and shutil.which("sysbench", path=str(_SYSTEM / "bin")):
        found = _SYSTEM
    return SysbenchBinary(found) if found else None


def choose_sysbench(environ: Mapping[str, str] = os.environ) -> SysbenchBinary:
    """Return where sysbench lies.

    Raises:
        LabError: it is not on this machine.
    """
    found = find_sysbench(environ)
    if found is None:
        raise LabError("no sysbench here", next_step="install the system's package sysbench")
    return found


def read_sysbench_report(report: str) -> LoadResult:
    """Read sysbench's final report.

    Raises:
        LabError: a figure is missing; the report is in the text.
    """
    patterns = (_TRANSACTIONS, _FAILED, _SECONDS, _LATENCY, _PERCENTILE)
    found = [pattern.search(report) for pattern in patterns]
    figures = [float(match[1]) for match in found if match]
    if len(figures) < len(patterns):
        raise LabError(f"sysbench's report lacks a figure:\n{report.strip()}")
    transactions, failed, seconds, mean_ms, p95_ms = figures
    return LoadResult(
        tps=transactions / seconds if seconds else 0.0,
        latency_mean_ms=mean_ms,
        latency_p95_ms=p95_ms,
        transactions=int(transactions),
        failed=int(failed),
        seconds=seconds,
    )


def _is_no_progress(line: str) -> bool:
    return _PROGRESS.match(line) is None

"""Load by pgbench: fill its tables, run one of its scripts, read its report (PostgreSQL 13 to 18).

Where to connect is given as ``PG*`` variables (``PrivatePostgres.client_variables``). Everything here
writes; it is for servers the lab started itself.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.errors import LabError
from setpoint.lab.load import LoadResult, run_watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from setpoint.lab.binaries import PostgresBinaries

BUILTIN_SCRIPTS = ("tpcb-like", "simple-update", "select-only")
_PERCENTILE = 0.95

_FILLED = re.compile(r"of \d+ tuples \((\d+)%\)")
_PROGRESS = re.compile(r"^progress: ([\d.]+) s, ([\d.]+) tps")
_TRANSACTIONS = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)
_LATENCY = re.compile(r"^latency average = ([\d.]+) ms", re.MULTILINE)
# Until 13 the report gives two rates; the one that leaves connecting out is the one later versions give.
_RATE = re.compile(r"^tps = ([\d.]+) \((?:excluding|without)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pgbench:
    """A load on one database: a script (one of ``BUILTIN_SCRIPTS``, or a file), clients and threads."""

    binaries: PostgresBinaries
    connection: Mapping[str, str]
    script: str | Path = "tpcb-like"
    clients: int = 4
    threads: int = 2

    def fill(self, scale: int, progress: Callable[[float], None] | None = None) -> None:
        """Make and fill pgbench's tables; one unit of scale is 100 000 accounts, about 15 MB.

        ``progress`` is told the share of rows loaded, from 0 to 1.

        Raises:
            LabError: pgbench fails; its last words are in the text.
        """

        def watch(line: str) -> None:
            if progress and (seen := _FILLED.search(line)):
                progress(int(seen[1]) / 100)

        self._run(["--initialize", f"--scale={scale}"], watch)

    def run(self, seconds: float, progress: Callable[[float, float], None] | None = None) -> LoadResult:
        """Run the load for so long (whole seconds, at least one).

        ``progress`` is told once a second the seconds gone by and the rate of the last one.

        Raises:
            LabError: pgbench fails or a client gives up; its last words are in the text.
        """

        def watch(line: str) -> None:
            if progress and (seen := _PROGRESS.match(line)):
                progress(float(seen[1]), float(seen[2]))

        with tempfile.TemporaryDirectory(prefix="sp-load-") as folder:
            options = [
                f"--time={max(1, round(seconds))}",
                "--log",
                f"--log-prefix={folder}/log",
                "--progress=1",
            ]
            load = [f"--client={self.clients}", f"--jobs={min(self.threads, self.clients)}", "--no-vacuum"]
            report = self._run([*load, *options, *self._script_options()], watch)
            return read_report(report, percentile_ms(_logged_latencies_us(Path(folder))))

    def _script_options(self) -> list[str]:
        if isinstance(self.script, Path):
            return [f"--file={self.script}"]
        if self.script not in BUILTIN_SCRIPTS:
            raise LabError(
                f"unknown script {self.script!r}", next_step=f"one of {', '.join(BUILTIN_SCRIPTS)}, or a file"
            )
        return [f"--builtin={self.script}"]

    def _run(self, options: list[str], watch: Callable[[str], None]) -> str:
        """Run pgbench to its end, showing each line of its standard error; return its report."""
        command = [str(self.binaries.tool("pgbench")), *options]
        environment = {**self.binaries.environment("pgbench"), **self.connection}
        with tempfile.TemporaryFile("w+") as report:
            run_watched(command, environment, watch, name="pgbench", report=report, is_news=_is_no_progress)
            report.seek(0)
            return report.read()


def read_report(report: str, latency_p95_ms: float | None = None) -> LoadResult:
    """Read pgbench's final report.

    Raises:
        LabError: a figure is missing; the report is in the text.
    """
    transactions, latency, rate = (pattern.search(report) for pattern in (_TRANSACTIONS, _LATENCY, _RATE))
    if not (transactions and latency and rate):
        raise LabError(f"pgbench's report lacks transactions, latency or rate:\n{report.strip()}")
    failed = _FAILED.search(report)
    count, tps = int(transactions[1]), float(rate[1])
    return LoadResult(
        tps=tps,
        latency_mean_ms=float(latency[1]),
        latency_p95_ms=latency_p95_ms,
        transactions=count,
        failed=int(failed[1]) if failed else 0,
        seconds=count / tps if tps else 0.0,
    )


def _is_no_progress(line: str) -> bool:
    return _PROGRESS.match(line) is None


def percentile_ms(latencies_us: Iterable[int]) -> float | None:
    """Return the 95th percentile in milliseconds of latencies in microseconds; None when there are none."""
    ordered = sorted(latencies_us)
    return ordered[min(len(ordered) - 1, int(_PERCENTILE * len(ordered)))] / 1000 if ordered else None


def _logged_latencies_us(folder: Path) -> Iterable[int]:
    """Read the third field of each log line; it is a word where a transaction failed."""
    for log in folder.iterdir():
        with log.open(encoding="ascii") as lines:
            for line in lines:
                latency = line.split(" ", 3)[2]
                if latency.isdigit():
                    yield int(latency)

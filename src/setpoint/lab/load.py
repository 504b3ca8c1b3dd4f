"""What every load generator shares: what a run achieved, and watching the program while it runs."""

from __future__ import annotations

import subprocess
from collections import deque
from typing import IO, TYPE_CHECKING, cast

import msgspec

from setpoint.errors import LabError
from setpoint.lab.privileges import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LAST_LINES = 20


class LoadResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one run achieved; ``seconds`` leaves out connecting, and ``tps`` leaves out failed ones."""

    tps: float
    latency_mean_ms: float
    latency_p95_ms: float | None
    transactions: int
    failed: int
    seconds: float


def run_watched(
    command: Sequence[str],
    environment: Mapping[str, str],
    watch: Callable[[str], None],
    *,
    name: str,
    report: IO[str] | None = None,
    is_news: Callable[[str], object] = bool,
) -> None:
    """Run a load generator to its end and hand each line it says to ``watch``; it dies with its watcher.

    With a file for its ``report``, which is then its standard output, the lines are those of its standard
    error, else those of both.

    Raises:
        LabError: it fails; its last lines, those for which ``is_news`` holds, are in the text.
    """
    process = subprocess.Popen(
        guard([*command]),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if report is None else report,
        stderr=subprocess.STDOUT if report is None else subprocess.PIPE,
        text=True,
    )
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    with process:
        try:
            for line in cast("IO[str]", process.stdout if report is None else process.stderr):
                last_lines.append(line)
                watch(line)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        words = "".join(filter(is_news, last_lines)).strip()
        raise LabError(f"{name} ended with code {process.returncode}: {words}")

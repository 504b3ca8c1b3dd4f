"""Starting: CPU time of the library's import and of the command line's help."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

from figures import Figures

RUNS = 15


def cpu_ms(*command: str) -> float:
    """Answer the least CPU time of several runs of a command, in milliseconds."""
    least = float("inf")
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        least = min(least, spent * 1000)
    return least


if __name__ == "__main__":
    found = Figures("Start-up (CPU, least of 15 runs)")
    bare = cpu_ms(sys.executable, "-c", "pass")
    library = cpu_ms(sys.executable, "-c", "import setpoint")
    found.add("import setpoint", library - bare, "ms", target=100, rival=f"bare interpreter {bare:.0f} ms")
    front = cpu_ms(sys.executable, "-c", "from setpoint import Setpoint")
    found.add("from setpoint import Setpoint", front - bare, "ms")
    script = Path(sys.executable).with_name("setpoint")
    command = str(script) if script.exists() else shutil.which("setpoint")
    found.add(
        "setpoint --help",
        cpu_ms(command, "--help"),
        "ms",
        target=250,
        rival=f"bare interpreter {bare:.0f} ms",
    )
    found.end()

"""The janitor: removes a folder once the process that started it is gone, however that process ended.

Run as a program of its own (standard library only) with the folder as its argument and a pipe at its
standard input. When the pipe ends it waits for servers with data in the folder to be gone, then removes it.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

SERVER_LIMIT_S = 30.0
REMOVAL_LIMIT_S = 10.0
KEEPER = "k"
"""The socket of a server's keeper (``setpoint.lab.server``), which goes last when the server has ended."""

_POLL_S = 0.05


def is_in_use(folder: Path) -> bool:
    """Tell whether a server is at work below the folder: its data has its mark, or its keeper is there."""
    return any(folder.glob("*/postmaster.pid")) or any(folder.glob(f"*/{KEEPER}"))


def remove(folder: Path) -> bool:
    """Wait for servers, then remove the folder; answer whether it is gone."""
    end = time.monotonic() + SERVER_LIMIT_S
    while is_in_use(folder) and time.monotonic() < end:
        time.sleep(_POLL_S)
    end = time.monotonic() + REMOVAL_LIMIT_S
    while folder.exists() and time.monotonic() < end:
        # A server that is just ending may still write below us.
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(_POLL_S)
    return not folder.exists()


if __name__ == "__main__":
    sys.stdin.read()
    sys.exit(0 if remove(Path(sys.argv[1])) else 1)

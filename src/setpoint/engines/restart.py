"""The way to restart a server: a command of the operator's own."""

from __future__ import annotations

import shlex
import subprocess
import tempfile

from setpoint.errors import UnavailableError

_RESTART_SECONDS = 120.0
_SAID_CHARACTERS = 300


def run_restart_command(command: str, *, timeout_seconds: float = _RESTART_SECONDS) -> None:
    """Run a restart command without a shell; raise `UnavailableError` with the end of its output."""
    words = shlex.split(command)
    if not words:
        message = "the restart command is blank"
        raise UnavailableError(message, next_step="`setpoint instance set` gives the instance one")
    # Into a file, because a server started by the command can keep a pipe open for as long as it lives.
    with tempfile.TemporaryFile() as output:
        try:
            ended = subprocess.run(  # noqa: S603 - the operator's own configuration, run without a shell
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=timeout_seconds,
                check=False,
                start_new_session=True,  # a terminal's Ctrl-C must not reach the server through it
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            message = f"the restart command did not run to its end: {fault}"
            raise UnavailableError(message, where=words[0]) from None
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if ended.returncode:
        message = f"the restart command ended with {ended.returncode}: {said[-_SAID_CHARACTERS:]}"
        raise UnavailableError(message, where=words[0])

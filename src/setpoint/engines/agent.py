"""Asking an instance's agent: a command of the operator's that reaches files of the instance.

Some servers do not write their own configuration files. Where an operator names a command that does (a
program on the same host, or one behind ``ssh``), an engine's driver asks it in the engine's own words: the
question on its standard input, the answer on its standard output.
"""

from __future__ import annotations

import shlex
import subprocess

from setpoint.errors import RefusedError, UnavailableError

_SAID_CHARACTERS = 300
REFUSED = 4
"""The exit code with which an agent tells that it understood, and did nothing."""


def ask_agent(command: str, question: str, *, timeout_seconds: float) -> str:
    """Ask the agent behind a command, which is run without a shell.

    Raises `RefusedError` with its own words where it declines, `UnavailableError` where it cannot be had,
    does not answer in time, or fails.
    """
    words = shlex.split(command)
    if not words:
        message = "the agent command is blank"
        raise UnavailableError(message, next_step="`setpoint instance set` gives the instance one")
    try:
        ended = subprocess.run(  # noqa: S603 - the operator's own configuration, run without a shell
            words,
            input=question.encode(),
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
            start_new_session=True,  # a terminal's Ctrl-C must not cut a file in two
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        message = f"the agent command did not run to its end: {fault}"
        raise UnavailableError(message, where=words[0]) from None
    said = ended.stderr.decode(errors="replace").strip()[-_SAID_CHARACTERS:]
    if ended.returncode == REFUSED:
        raise RefusedError(f"the agent refused: {said}", where=words[0])
    if ended.returncode:
        message = f"the agent command ended with {ended.returncode}: {said}"
        raise UnavailableError(message, where=words[0])
    return ended.stdout.decode(errors="replace")

"""Inquiries: a server's own program asked about a configuration file, with no server running.

What is asked is a copy in a scratch folder. A program that stops at its first fault is asked again without
the lines it refused. Its exit code is never believed by itself: MariaDB and MySQL end with 0 where they
change a value, PostgreSQL with 1 for what only this machine lacks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.engines.validation import Answer, Finding, Said
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from setpoint.engines.validation import Inquiry, Line, Program, Validator, Verdict

MOST_ROUNDS = 20
TIMEOUT_SECONDS = 20.0
_SAID_CHARACTERS = 1_000_000
_FOLDER = "files"
_STOPS = frozenset({Finding.REFUSED, Finding.LOCAL})
"""After these a program may not have read on."""


def ask(
    validator: Validator, inquiry: Inquiry, program: Program, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> Answer:
    """Ask a program until it has nothing more to say.

    Raises `UnavailableError` where it cannot be run, or does not end in time.
    """
    verdicts: dict[Verdict, None] = {}
    withheld = set(inquiry.withheld)
    for _ in range(MOST_ROUNDS):
        said = _run(validator, inquiry, withheld, program, timeout_seconds)
        heard = [each for each in validator.hear(inquiry, said) if each not in verdicts]
        verdicts |= dict.fromkeys(heard)
        blamed = {(each.path, each.line) for each in heard if each.line and each.finding in _STOPS}
        if not blamed - withheld:
            is_whole = said.code == 0 and not any(each.finding is Finding.REFUSED for each in heard)
            return Answer(tuple(verdicts), is_whole)
        withheld |= blamed
    return Answer(tuple(verdicts), is_whole=False)


def _run(
    validator: Validator, inquiry: Inquiry, withheld: set[Line], program: Program, timeout_seconds: float
) -> Said:
    with tempfile.TemporaryDirectory(prefix="setpoint-") as scratch:
        folder = Path(scratch).resolve() / _FOLDER
        _lay_out(inquiry, withheld, folder)
        if program.share is not None:
            program.share(folder.parent)
        words = program.words(validator.arguments(inquiry, str(folder), program.version))
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **program.environment}
        try:
            process = subprocess.Popen(  # noqa: S603 - a server's program, with words made here
                list(words),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # what it may have started ends with it
            )
        except OSError as fault:
            raise UnavailableError(f"{program.name} does not run: {fault.strerror}") from None
        with process:
            try:
                _, text = process.communicate(timeout=timeout_seconds)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                message = f"{program.name} did not end within {timeout_seconds:g} s"
                raise UnavailableError(message) from None
        shown = text[:_SAID_CHARACTERS].decode(errors="replace")
        return Said(shown, process.returncode, str(folder))


def _lay_out(inquiry: Inquiry, withheld: set[Line], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for each in inquiry.folders:
        (folder / each).mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, text in inquiry.files.items():
        lines = text.split("\n")
        for number in (line for name, line in withheld if name == path and line <= len(lines)):
            lines[number - 1] = "#"
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.write_text("\n".join(lines), encoding="utf-8", errors="replace")
        place.chmod(0o600)

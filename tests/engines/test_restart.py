"""Restart commands: run without a shell, to their end, and never held up by a server that they started."""

from __future__ import annotations

import shlex
import sys

import pytest

from setpoint.engines.restart import run_restart_command
from setpoint.errors import UnavailableError


def command(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def test_a_command_that_ends_well_says_nothing(tmp_path):
    mark = tmp_path / "restarted"
    run_restart_command(command(f"open({str(mark)!r}, 'w').close()"))
    assert mark.exists()


def test_a_command_that_fails_is_quoted_with_its_end():
    with pytest.raises(UnavailableError, match="ended with 3: no such cluster"):
        run_restart_command(command("import sys; sys.exit(print('no such cluster') or 3)"))


def test_a_command_that_is_not_there_is_named():
    with pytest.raises(UnavailableError, match="did not run to its end") as caught:
        run_restart_command("/nowhere/pg_ctl restart")
    assert "/nowhere/pg_ctl" in str(caught.value)


def test_a_blank_command_is_named_as_such():
    with pytest.raises(UnavailableError, match="restart command is blank") as caught:
        run_restart_command("  ")
    assert "instance set" in caught.value.next_step


def test_a_command_that_never_ends_is_given_up():
    with pytest.raises(UnavailableError, match="did not run to its end"):
        run_restart_command(command("import signal; signal.pause()"), timeout_seconds=0.2)


def test_a_server_that_keeps_the_output_open_does_not_hold_us_up():
    """What `pg_ctl restart` without a log file does: the server inherits standard output and lives on."""
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])"
    run_restart_command(command(child), timeout_seconds=4)


def test_a_shells_words_are_not_interpreted(tmp_path):
    mark = tmp_path / "never"
    run_restart_command(f"{command('pass')} ; touch {mark}")
    assert not mark.exists()

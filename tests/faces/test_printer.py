"""Printing: aligned text in a pipe, colours on a terminal, and no encoding that can stop it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from setpoint.faces.cli.page import Span, Table
from setpoint.faces.cli.printer import plain_lines


def test_columns_are_aligned_and_nothing_trails():
    table = Table(("NAME", "X"), [("a", Span("long", "bad")), ("bbbbbb", "")], indent=2)
    assert plain_lines(table) == ["  NAME    X", "  a       long", "  bbbbbb"]


def test_a_table_without_titles_has_no_head():
    assert plain_lines(Table(("", ""), [("a", "b")])) == ["a  b"]


def test_a_terminal_gets_colours_and_a_pipe_does_not(web):
    web.good("settings", "web", "sort_memory=8MB", "--because", "b")
    for words, code in ((["drift", "web"], 1), (["settings", "web", "--origin"], 0), (["show", "--yaml"], 0)):
        screen = _on_a_terminal(web, *words, code=code)
        piped = web(*words).stdout
        assert "sort_memory" in screen
        assert "\x1b" not in piped
    assert "\x1b[1;31m" in _on_a_terminal(web, "drift", "web", code=1)
    assert "\x1b[1;31m" not in _on_a_terminal(web, "drift", "web", code=1, NO_COLOR="1")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_that_lacks_letters_writes_them_out(cli, encoding):
    cli.add("web", "--because", "größer 日本")
    code, out, _ = cli.run("history", PYTHONIOENCODING=encoding)
    assert code == 0
    assert b"\\u65e5\\u672c" in out
    code, out, _ = cli.run("history", "--json", PYTHONIOENCODING=encoding)
    assert code == 0
    assert "größer 日本" in out.decode()


def _on_a_terminal(cli, *words: str, code: int, **environment: str) -> str:
    """Run the program on a terminal of its own and answer what it wrote there."""
    ours, theirs = pty.openpty()
    known = {**os.environ, "SETPOINT_STORE": cli.store, "TERM": "xterm-256color", "COLUMNS": "200"}
    known.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-c", "from setpoint.faces.cli import main; main()", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**known, **environment},
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # Linux answers so when the other side has closed the terminal
        while chunk := os.read(ours, 65536):
            shown += chunk
    os.close(ours)
    assert process.wait(60) == code
    return shown.decode()


def test_json_holds_nothing_that_steers_and_decodes_to_the_same_text(capfdbinary):
    import json

    from setpoint.faces.cli.page import Answer
    from setpoint.faces.cli.printer import print_answer

    text = "\x1b[2J\x7f\x9b31m\u202e\u200b\ufeff\u2028\U000e0041 grün 中 😀\n"
    print_answer(Answer({"text": text}, []), is_json=True)
    written = capfdbinary.readouterr().out.decode()
    assert json.loads(written) == {"text": text}
    assert all(char == "\n" or char.isprintable() for char in written)
    assert "grün 中 😀" in written

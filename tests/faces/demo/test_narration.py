from __future__ import annotations

import io

import pytest

from setpoint.faces.demo.narration import Narrator
from setpoint.faces.demo.report import Report


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def file(stream) -> Narrator:
    return Narrator(stream, clock=lambda: 0.0)


def test_a_table_is_aligned(file, stream):
    file.table(("name", "value"), [("a", "1"), ("longer", "22")], "lr")
    lines = stream.getvalue().splitlines()
    assert lines == ["      name    value", "      a           1", "      longer     22"]


def test_a_row_wider_than_the_page_is_cut(file, stream):
    file.table(("name",), [("x" * 200,)])
    assert all(len(line) <= 104 for line in stream.getvalue().splitlines())


def test_the_largest_bar_is_the_longest_and_nothing_has_none(file, stream):
    file.bars([("a", 2.0, "two"), ("b", 1.0, "one"), ("c", 0.0, "none")])
    assert [line.count("#") for line in stream.getvalue().splitlines()] == [40, 20, 0]


def test_bars_of_nothing_at_all(file, stream):
    file.bars([("a", 0.0, "none"), ("b", 0.0, "none")])
    assert "#" not in stream.getvalue()


def test_progress_moves_on_a_terminal_only(monkeypatch, file, stream):
    monkeypatch.setenv("TERM", "xterm")
    file.progress(0.5, "half")
    assert stream.getvalue() == ""
    screen = Terminal()
    terminal = Narrator(screen)
    terminal.progress(0.5, "half")
    terminal.say("done")
    assert "\r" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K    done\n")


def test_colours_are_for_terminals_that_want_them(monkeypatch, file, stream):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    file.act("first")
    assert "\x1b" not in stream.getvalue()
    screen = Terminal()
    terminal = Narrator(screen)
    terminal.act("first")
    assert "\x1b[1m" in screen.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Terminal()
    plain = Narrator(screen)
    plain.act("first")
    assert "\x1b" not in screen.getvalue()


def test_one_broken_promise_breaks_the_loop(file, stream):
    report = Report(file)
    report.promise("kept", holds=True)
    assert report.is_whole
    report.promise("broken", holds=False)
    report.promise("kept again", holds=True)
    assert not report.is_whole
    assert report.as_data()["holds"] is False
    assert "FAILED broken" in stream.getvalue()

"""Rewriting a configuration file: what was asked for is there, and all else as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.catalog import Version
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.dialect import parse_conf
from setpoint.errors import InputError, InputErrors

REWRITER = ENGINE.rewriter(Version((18,)))
NAMES = ["work_mem", "Work_Mem", "shared_buffers", "log_line_prefix", "my.thing", "sort_mem"]
FOLDED = {"Work_Mem": "work_mem", "sort_mem": "work_mem"}
VALUES = ["4MB", "'4MB'", "-1", "0.5", "'it''s'", r"'a\'b'", "'a # b'", "on", "pg_log/x", "''", "'Å\udcff'"]
BLANKS = st.sampled_from(["", " ", "\t", "   "])
EQUALS = st.sampled_from([" = ", "=", " ", "\t=  ", " ="])
BEHIND = st.sampled_from(["", " ", " # why", "#x", "\t# it's = 5"])
OTHERS = st.sampled_from(["", "  ", "# work_mem = 9MB", "#", "\t#work_mem 1"])
INCLUDES = st.sampled_from(["include 'x.conf'", "include_dir = 'conf.d'", "Include_If_Exists 'y'"])
ENTRIES = st.builds(
    "{}{}{}{}{}".format, BLANKS, st.sampled_from(NAMES), EQUALS, st.sampled_from(VALUES), BEHIND
)
TEXTS = st.text(
    alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    | st.sampled_from("'\\\"\n\r #="),
    max_size=12,
)
CHANGES = st.dictionaries(
    st.sampled_from(["work_mem", "shared_buffers", "log_line_prefix", "my.thing", "new_one", "New.Two"]),
    st.none() | TEXTS | st.sampled_from(["4MB", "on", "-1", "1e3", "0x1F"]),
)


@st.composite
def files(draw):
    lines = draw(st.lists(ENTRIES | ENTRIES | OTHERS | INCLUDES, max_size=12))
    text = "".join(line + draw(st.sampled_from(["\n", "\n", "\r\n"])) for line in lines)
    return text.rstrip("\r\n") if draw(st.booleans()) else text


def fold(name):
    return FOLDED.get(name, name).lower()


def said(text):
    """Answer the text of the entry in force by folded name."""
    return {fold(entry.name): entry.text for entry in parse_conf(text).entries if not entry.is_include}


def lines_of(text):
    return [(line.rstrip("\n"), parse_conf(line).entries) for line in text.split("\n") if line]


@given(files(), CHANGES)
def test_exactly_what_was_asked_for_changes(text, changes):
    before, after = said(text), said(REWRITER.rewrite(text, changes).text)
    for name, wanted in changes.items():
        before.pop(fold(name), None)
        assert after.pop(fold(name), None) == wanted
    assert after == before


@given(files(), CHANGES)
def test_lines_that_are_not_asked_about_stay_as_they_are_and_in_order(text, changes):
    asked = {fold(name) for name in changes}

    def others(of):
        return [line for line, entries in lines_of(of) if not entries or fold(entries[0].name) not in asked]

    written, kept = others(REWRITER.rewrite(text, changes).text), others(text)
    if not text.endswith("\n"):  # the last line may have got an end
        written, kept = ([line.rstrip("\r") for line in lines] for lines in (written, kept))
    assert written == kept


@given(files(), CHANGES)
def test_of_a_line_only_the_value_changes(text, changes):
    stands = said(text)
    put = {name: wanted for name, wanted in changes.items() if wanted is not None and fold(name) in stands}
    written = REWRITER.rewrite(text, put)
    for old, new in zip(text.split("\n"), written.text.split("\n"), strict=True):
        if old != new:
            (was,), (now,) = parse_conf(old).entries, parse_conf(new).entries
            assert (old[: was.column - 1], old[was.end - 1 :]) == (new[: now.column - 1], new[now.end - 1 :])


@given(files(), CHANGES)
def test_rewriting_twice_changes_nothing_more(text, changes):
    once = REWRITER.rewrite(text, changes).text
    assert REWRITER.rewrite(once, changes).text == once


@given(files())
def test_what_stands_there_already_changes_no_byte(text):
    assert REWRITER.rewrite(text, {**said(text), "no_such": None}).text == text


@pytest.mark.parametrize(
    ("text", "changes", "written"),
    [
        ("a=1 # one\nb=2\n", {"a": "5"}, "a=5 # one\nb=2\n"),
        ("\tA  '1'\t# one\r\nb=2", {"a": "5"}, "\tA  '5'\t# one\r\nb=2"),
        ("a=1\na=2\n# end\n", {"a": "3"}, "a=1\na=3\n# end\n"),
        ("a=1\nb=2\nA=3\n", {"a": None}, "b=2\n"),
        ("a=1\nb=2", {"b": None}, "a=1\n"),
        ("a=1\r\n# end", {"b": "2"}, "a=1\r\nb = '2'\r\n# end"),
        ("a=1", {"b": "2", "c": "3"}, "a=1\nb = '2'\nc = '3'"),
        ("a=1", {"b": "2", "a": None}, "b = '2'\n"),
        ("# only this", {"b": "2"}, "# only this\nb = '2'"),
        ("", {"b": "it's"}, "b = 'it''s'\n"),
        ("a=on", {"a": "x y"}, "a='x y'"),
        ("a'on'", {"a": "off"}, "a'off'"),
        ("a+1", {"a": "off"}, "a'off'"),
        ("a = 1", {"a": "two\nlines"}, r"a = 'two\nlines'"),
        ("sort_mem = 4MB\n", {"work_mem": "8MB"}, "sort_mem = 8MB\n"),
        ("a = 1\ninclude 'x'\n", {"b": "2"}, "a = 1\ninclude 'x'\nb = '2'\n"),
    ],
)
def test_rewritten(text, changes, written):
    assert REWRITER.rewrite(text, changes).text == written


def test_an_include_that_could_win_is_told():
    text = "a=1\ninclude_dir 'conf.d'\nb=2\n"
    assert REWRITER.rewrite(text, {"a": "5", "b": "5", "c": "5"}).notes == (
        "line 2 includes conf.d: what stands there may win for a",
    )
    assert "win for b" in REWRITER.rewrite(text, {"b": None}).notes[0]
    assert REWRITER.rewrite(text, {}).notes == ()


def test_every_line_that_the_server_does_not_read_is_named():
    with pytest.raises(InputErrors) as raised:
        REWRITER.rewrite("a = 1\n= 5\nb = 'x\nc = 1\n", {"a": "2"}, "my.conf")
    assert [fault.where for fault in raised.value.faults] == ["my.conf:2", "my.conf:3"]


def test_a_byte_order_mark_is_refused_as_the_server_refuses_it():
    with pytest.raises(InputErrors, match="byte order mark"):
        REWRITER.rewrite("\ufeffwork_mem = 4MB\n", {"work_mem": "8MB"})


@pytest.mark.parametrize(
    "changes",
    [
        {"include": "x"},
        {"a b": "1"},
        {"a=1\nb": "1"},
        {"": None},
        {"a.b.c": "1"},
        {"a": "\0"},
        {"a": "\ud800"},
    ],
)
def test_what_cannot_be_written_is_refused(changes):
    with pytest.raises(InputError):
        REWRITER.rewrite("a = 1\n", changes)


def test_one_parameter_under_two_spellings_is_refused():
    with pytest.raises(InputErrors, match="two spellings"):
        REWRITER.rewrite("", {"work_mem": "1MB", "Sort_Mem": "2MB"})

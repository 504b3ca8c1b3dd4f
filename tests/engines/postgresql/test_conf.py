"""Configuration files as the server reads them, and statements no value escapes from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.catalog import Context, Kind, Parameter
from setpoint.engines.postgresql.dialect import (
    alter_system_reset,
    alter_system_set,
    parse_conf,
    quote_conf,
    quote_identifier,
    quote_literal,
)
from setpoint.errors import InputError

TEXT = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("line", "name", "text"),
    [
        ("work_mem = 4MB", "work_mem", "4MB"),
        ("work_mem 4MB # why", "work_mem", "4MB"),
        ("  Shared_Buffers='it''s'", "Shared_Buffers", "it's"),
        (r"a.b = 'x\'y\n\101\\z'", "a.b", "x'y\nA\\z"),
        ("log_directory = pg-log/x", "log_directory", "pg-log/x"),
        ("include_dir 'conf.d'", "include_dir", "conf.d"),
        ("x = -1.5e3", "x", "-1.5e3"),
        ("x = 0x1F", "x", "0x1F"),
        ("x = 'a # b'", "x", "a # b"),
        ("x = on\r", "x", "on"),
    ],
)
def test_entries(line, name, text):
    (entry,) = parse_conf("# head\n\n" + line).entries
    assert (entry.name, entry.text, entry.line) == (name, text, 3)
    assert entry.is_include == name.startswith("include")


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("autovacuum_naptime = 0.5min", 'near token "min"'),
        ("= 5", 'near token "="'),
        ("work_mem =", "near end of line"),
        ("work_mem", "near end of line"),
        ("work_mem = 'open", 'near token "\'"'),
        ("a = 1 2", 'near token "2"'),
        ("'x' = 1", "near token \"'x'\""),
        ("x = a.b.c ;", 'near token ";"'),
        ("x = ==", 'near token "="'),
    ],
)
def test_faults_have_their_line(line, near):
    parsed = parse_conf(f"a = 1\n{line}\nb = 2")
    assert [(fault.line, near in fault.message) for fault in parsed.faults] == [(2, True)]
    assert [entry.name for entry in parsed.entries] == ["a", "b"]


def test_the_last_entry_wins():
    parsed = parse_conf("a = 1\nA = 2\nb = 3")
    assert parsed.last("a").text == "2"
    assert parsed.last("c") is None


@given(TEXT)
def test_any_text_survives_a_file(text):
    (entry,) = parse_conf(f"name = {quote_conf(text)}").entries
    assert entry.text == text


@given(TEXT)
def test_no_text_escapes_a_literal(text):
    literal = quote_literal(text)
    body = literal.removeprefix("E")[1:-1].replace("''", "")
    assert "'" not in body
    assert literal.startswith("E") == ("\\" in text)
    assert not literal.startswith("E") or "\\" not in body.replace("\\\\", "")


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("work_mem", "work_mem"), ("TimeZone", "TimeZone"), ("a.b", '"a"."b"'), ('x"; y', '"x""; y"')],
)
def test_identifiers(name, quoted):
    assert quote_identifier(name) == quoted
    assert alter_system_reset(name) == f"ALTER SYSTEM RESET {quoted}"


def parameter(kind=Kind.LIST, *, is_quoted_list=False):
    return Parameter(name="p", kind=kind, context=Context.IMMEDIATE, is_quoted_list=is_quoted_list)


@pytest.mark.parametrize(
    ("made", "text", "value"),
    [
        (parameter(is_quoted_list=True), ("a b", "c'd"), "'a b', 'c''d'"),
        (parameter(is_quoted_list=True), '"a b", c', "'a b', 'c'"),
        (parameter(is_quoted_list=True), (), "''"),
        (parameter(is_quoted_list=True), None, "''"),
        (parameter(), ("a b", "c"), "'\"a b\", c'"),
        (parameter(), "a, b", "'a, b'"),
        (parameter(Kind.STRING), r"\\srv", r"E'\\\\srv'"),
        (parameter(Kind.STRING), None, "''"),
    ],
)
def test_statements(made, text, value):
    assert alter_system_set(made, text) == f"ALTER SYSTEM SET p = {value}"


@pytest.mark.parametrize("is_quoted_list", [True, False])
def test_line_breaks_cannot_be_persisted(is_quoted_list):
    with pytest.raises(InputError, match="line break"):
        alter_system_set(parameter(is_quoted_list=is_quoted_list), "a\nb")

"""Texts mean what they mean in an option file, and statements cannot be escaped from."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.catalog import Context, Kind, Parameter
from setpoint.engines.mysql.dialect.address import read_address, server_of
from setpoint.engines.mysql.dialect.grammar import GRAMMAR
from setpoint.engines.mysql.dialect.nameplate import spelled, take_name
from setpoint.engines.mysql.dialect.statements import checked_name, literal, quote_literal, set_global
from setpoint.errors import InputError

SIZE = Parameter(name="key_buffer_size", kind=Kind.SIZE, context=Context.IMMEDIATE, unit="B", multiple=4096)
COUNT = Parameter(name="max_connections", kind=Kind.INTEGER, context=Context.IMMEDIATE)
TIME = Parameter(
    name="long_query_time", kind=Kind.DURATION, context=Context.IMMEDIATE, unit="s", is_integral=False
)


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (SIZE, "64M", 64 << 20),
        (SIZE, "64m", 64 << 20),
        (SIZE, "1GB", 1 << 30),
        (SIZE, "1048576", 1 << 20),
        (SIZE, "2E", 2 << 60),
        (COUNT, "1K", 1024),
        (COUNT, " 151 ", 151),
        (TIME, "1.5", 1.5),
        (TIME, "250ms", 0.25),
        (TIME, "2min", 120.0),
    ],
)
def test_numbers_are_read_as_the_servers_read_them(parameter, text, value):
    assert parameter.parse(text, GRAMMAR) == value


@pytest.mark.parametrize("text", ["", "64X", "1.5G", "0x10", "64 M B", "five"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InputError):
        SIZE.parse(text, GRAMMAR)


@given(st.integers(min_value=0, max_value=2**63))
def test_a_size_written_for_people_means_the_same_again(number):
    assert SIZE.parse(SIZE.format(number, GRAMMAR), GRAMMAR) == number


@given(st.integers(min_value=0, max_value=2**40), st.integers(min_value=0, max_value=4095))
def test_sizes_that_the_server_cuts_to_one_are_the_same(blocks, rest):
    assert SIZE.is_same(blocks * 4096, blocks * 4096 + rest)
    assert not SIZE.is_same(blocks * 4096, (blocks + 1) * 4096)


@given(
    st.sampled_from(["max_connections", "Max-Connections", "loose-max-connections", "LOOSE_max_connections"])
)
def test_names_are_one_however_they_are_written(name):
    assert GRAMMAR.fold_name(name) == "max_connections"


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_literal_ends_where_it_should(text):
    quoted = quote_literal(text)
    if quoted.startswith("_utf8mb4"):
        assert bytes.fromhex(quoted.removeprefix("_utf8mb4 X'").removesuffix("'")).decode() == text
    else:
        assert "\\" not in quoted
        assert quoted[1:-1].replace("''", "'") == text
        assert re.fullmatch(r"'(?:[^']|'')*'", quoted, re.DOTALL)


@pytest.mark.parametrize("name", ["a b", "x; DROP TABLE t", "x`", "1x", "", "a.b.c", "x'--"])
def test_what_is_no_name_stands_in_no_statement(name):
    with pytest.raises(InputError):
        checked_name(name)
    with pytest.raises(InputError):
        set_global(name, "1")


@pytest.mark.parametrize(
    ("text", "written"), [("1.5", "1.5"), ("-3", "-3"), ("1e3", "1e3"), ("ON", "'ON'"), ("1;2", "'1;2'")]
)
def test_only_a_number_stands_bare(text, written):
    assert literal(text) == written


@given(st.text(max_size=80))
def test_a_holder_is_known_by_the_locks_it_takes(holder):
    numbers = re.findall(r"setpoint\.name\.(\d+)", take_name(holder))
    plain = "".join(character if " " <= character <= "~" else "?" for character in holder)[:60]
    assert spelled(",".join(numbers) or None) == plain


def test_an_address_is_read_and_one_that_could_hold_a_password_is_not_quoted():
    address = read_address("host=db1 port=3307 user='set point' ssl=required", "db")
    assert (address.host, address.port, address.user, address.is_tls_required) == (
        "db1",
        3307,
        "set point",
        True,
    )
    for text in (
        "",
        "db1",
        "host=db1 secret=hunter2",
        "host=db1 port=x",
        "host=db1 ssl=perhaps",
        "host='db1",
    ):
        with pytest.raises(InputError) as refused:
            read_address(text, "db")
        assert "hunter2" not in str(refused.value)


def test_one_server_has_one_name():
    assert server_of("host=DB1. port=3306 user=a") == server_of("user=b host=db1") == "db1:3306"
    assert server_of("socket=/run/mysqld.sock user=a") == "/run/mysqld.sock"

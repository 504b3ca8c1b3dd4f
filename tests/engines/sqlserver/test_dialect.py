"""Names, values, addresses and statements, each by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysqlbridge.information_schema import CONFIGURATIONS

from setpoint.engines.sqlserver.dialect import (
    GRAMMAR,
    find_known,
    quote_literal,
    read_address,
    server_of,
    set_option,
    set_scoped,
)
from setpoint.engines.sqlserver.dialect.faults import fault_of
from setpoint.errors import (
    InputError,
    NotPermittedError,
    RefusedError,
    StalePlanError,
    UnavailableError,
    UnreachableError,
)

NAMES = [row[1] for row in CONFIGURATIONS]
MEGABYTE, MINUTE = GRAMMAR.units.find("MB"), GRAMMAR.units.find("min")
LIBRARY = b"DB-Lib error message 20018, severity 16:\nGeneral SQL Server error\n"


def test_folded_names_are_unique_plain_and_known():
    folded = [GRAMMAR.fold_name(name) for name in NAMES]
    assert len(set(folded)) == len(NAMES)
    assert all(name.isidentifier() for name in folded)
    assert all(find_known(name).name == name for name in NAMES)
    assert [GRAMMAR.fold_name(name) for name in folded] == folded


def test_what_is_known_of_options_is_what_the_engine_shows():
    """The rows are those of a real server, as another project has written them down."""
    for _, name, value, low, high, _, _, _, is_advanced in CONFIGURATIONS:
        known = find_known(name)
        assert known.is_advanced == is_advanced, name
        if known.default is not None and name != "max degree of parallelism":
            assert known.default == value, name
            assert low <= value <= high or value == 0, name


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [("4096", MEGABYTE, 4096), ("4GB", MEGABYTE, 4096), ("4 gb", MEGABYTE, 4096), ("0.5GB", MEGABYTE, 512),
     ("2h", MINUTE, 120), ("-1", MINUTE, -1), ("1d", MINUTE, 1440), ("7", None, 7)],
)  # fmt: skip
def test_amounts_are_read_in_the_options_own_units(text, unit, number):
    assert GRAMMAR.read_integer(text, unit) == number


@pytest.mark.parametrize(
    ("text", "unit"),
    [("1KB", MEGABYTE), ("90s", MINUTE), ("5min", MEGABYTE), ("5MB", None), ("many", None), ("", None),
     ("1e3", None), ("0x10", None)],
)  # fmt: skip
def test_what_is_no_whole_number_of_them_is_refused(text, unit):
    with pytest.raises(ValueError, match="is no"):
        GRAMMAR.read_integer(text, unit)


@given(st.booleans())
def test_truths_are_written_as_they_are_read(value):
    assert GRAMMAR.read_bool(GRAMMAR.write_bool(value=value)) is value


@given(st.text())
def test_a_literal_ends_where_it_should(text):
    literal = quote_literal(text)
    assert literal.startswith("N'")
    assert literal.endswith("'")
    assert literal[2:-1].replace("''", "").count("'") == 0
    assert literal[2:-1].replace("''", "'") == text


@pytest.mark.parametrize(
    ("text", "server"),
    [("host=DB1. user=x", "db1:1433"), ("port=1500 host=db1", "db1:1500"), (r"host=DB1\Sales", r"db1\sales"),
     (r"host=db1\s port=9", r"db1\s:9"), ("not an address", "not an address")],
)  # fmt: skip
def test_a_server_has_one_form_however_its_address_is_written(text, server):
    assert server_of(text) == server


def test_an_address_is_read_with_quotes_and_defaults():
    address = read_address("host=db1 user='domain user' database=\"my shop\"")
    assert (address.user, address.database, address.port) == ("domain user", "my shop", 1433)
    assert address.encryption == "request"
    assert read_address("host=a").database == "master"


@given(
    st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True),
    st.integers(1, 65_535),
    st.text(alphabet="abc ' ;=", min_size=1).filter(lambda text: "'" not in text),
)
def test_whatever_is_quoted_comes_back(host, port, database):
    address = read_address(f"host={host} port={port} 'database={database}'")
    assert (address.host, address.port, address.database) == (host, port, database)


@pytest.mark.parametrize("word", ["1; DROP", "O'NEIL", "", "a b", "-"])
def test_no_value_of_a_database_escapes_its_place(word):
    with pytest.raises(InputError, match="cannot be written"):
        set_scoped("MAXDOP", word)


def test_an_option_that_is_not_advanced_is_one_call():
    text = set_option("remote access", 0, is_advanced=False)
    assert text.count(";") == 1
    assert "RECONFIGURE" not in text


@pytest.mark.parametrize(
    ("number", "kind"),
    [(229, NotPermittedError), (5812, NotPermittedError), (15247, NotPermittedError),
     (1222, UnavailableError), (51_001, StalePlanError), (596, UnreachableError),
     (18456, UnreachableError), (574, RefusedError), (102, RefusedError)],
)  # fmt: skip
def test_numbers_of_the_server_say_what_to_do_next(number, kind):
    fault = fault_of((number, b"said so." + LIBRARY), where="ms")
    assert type(fault) is kind
    assert "said so." in str(fault)
    assert "DB-Lib" not in str(fault)


def test_a_number_that_stayed_from_another_connection_is_not_believed():
    fault = fault_of(
        ((18456, b"DB-Lib error message 20009, severity 9:\nUnable to connect: x\n"),), where="ms"
    )
    assert type(fault) is UnreachableError
    assert fault.what == "Unable to connect"


def test_a_library_that_speaks_for_itself_means_a_lost_connection():
    assert type(fault_of(("Not connected to any MS SQL server",), where="ms")) is UnreachableError
    assert type(fault_of((), where="ms")) is UnreachableError

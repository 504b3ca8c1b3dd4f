"""Values as PostgreSQL reads and writes them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.catalog import Kind
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.dialect import GRAMMAR
from setpoint.engines.registry import shipped_catalog, shipped_versions

KB, MB, BLOCK = (GRAMMAR.units.find(word) for word in ("kB", "MB", "8kB"))
MS, MIN = (GRAMMAR.units.find(word) for word in ("ms", "min"))
PARAMETERS = [
    pytest.param(parameter, id=f"{version}-{parameter.name}")
    for version in shipped_versions(ENGINE)
    for parameter in shipped_catalog(ENGINE, version).parameters
]


@pytest.mark.parametrize(
    "version", [("13", 331), ("14", 346), ("15", 354), ("16", 363), ("17", 379), ("18", 399)]
)
def test_every_core_parameter_is_shipped(version):
    assert len(shipped_catalog(ENGINE, version[0]).core) == version[1]


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_default_bound_and_word_survives_writing_and_reading(parameter):
    values = [value for value in (parameter.default, parameter.min, parameter.max) if value is not None]
    if parameter.kind is Kind.ENUM:
        values += parameter.values
    for value in values:
        if parameter.name == "max_stack_depth" or (
            parameter.min and isinstance(value, int) and value < parameter.min
        ):
            continue
        text = parameter.format(value, GRAMMAR)
        again = parameter.parse(text, GRAMMAR)
        expected = parameter.aliases.get(value, value) if isinstance(value, str) else value
        assert parameter.is_same(again, expected), text
        assert parameter.format(again, GRAMMAR) == parameter.format(expected, GRAMMAR)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("64", KB, 64),
        (" 64 ", KB, 64),
        ("64kB", KB, 64),
        ("1MB", KB, 1024),
        ("1 GB", MB, 1024),
        ("1TB", KB, 2**30),
        ("0x10", None, 16),
        ("010", None, 8),
        ("-5", None, -5),
        ("+5", None, 5),
        ("1e2", None, 100),
        ("0.5", None, 0),
        ("1.5", None, 2),
        ("2.5", None, 2),
        (".5", None, 0),
        ("010.5", None, 10),
        ("0.0001GB", KB, 0),
        ("100B", KB, 0),
        ("30.1MB", KB, 30822),
        ("64kB", BLOCK, 8),
        ("12kB", BLOCK, 2),
        ("1h", MS, 3_600_000),
        ("90s", MIN, 2),
        ("0.5min", MS, 30_000),
        ("1us", MS, 0),
        ("0x10min", MS, 960_000),
    ],
)
def test_integers(text, unit, value):
    assert GRAMMAR.read_integer(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("", None),
        ("x", None),
        ("08", None),
        ("1 2", None),
        ("1kB", None),
        ("1KB", KB),
        ("1kb", KB),
        ("1ms", KB),
        ("1 M B", KB),
        ("2147483648", None),
        ("1e400", None),
        ("99999999999999999999", None),
        ("inf", None),
        ("nan", None),
        ("0x", None),
        ("1e308GB", KB),
        ("3TB", KB),
        ("--1", None),
        (".", None),
        ("5 8kB", KB),
    ],
)
def test_texts_that_are_no_integer(text, unit):
    with pytest.raises(ValueError, match=r"."):
        GRAMMAR.read_integer(text, unit)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1.1", None, 1.1),
        ("0x1p3", None, 8.0),
        ("1e1", None, 10.0),
        ("2ms", MS, 2.0),
        ("0.5ms", MS, 0.5),
        ("1500us", MS, 1.5),
        ("-inf", None, float("-inf")),
    ],
)
def test_reals(text, unit, value):
    assert GRAMMAR.read_real(text, unit) == value


@pytest.mark.parametrize("text", ["", "nan", "1e999", "1,5", "1ms", "x"])
def test_texts_that_are_no_real(text):
    with pytest.raises(ValueError, match=r"."):
        GRAMMAR.read_real(text, None)


@pytest.mark.parametrize("text", ["on", "ON", "true", "T", "tr", "yes", "y", "1"])
def test_true(text):
    assert GRAMMAR.read_bool(text)


@pytest.mark.parametrize("text", ["off", "of", "false", "F", "n", "no", "0"])
def test_false(text):
    assert not GRAMMAR.read_bool(text)


@pytest.mark.parametrize("text", ["", "o", "2", "onn", " on", "truee"])
def test_no_booleans(text):
    with pytest.raises(ValueError, match="not a boolean"):
        GRAMMAR.read_bool(text)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", ()),
        ("  ", ()),
        ('""', ()),
        ("a", ("a",)),
        ("a, b ,c", ("a", "b", "c")),
        ('"a b", "c""d"', ("a b", 'c"d')),
        ('"$user", public', ("$user", "public")),
        ("/var/my dir,x", ("/var/my dir", "x")),
        ('"a,b"', ("a,b",)),
        ("Foo", ("Foo",)),
    ],
)
def test_lists(text, items):
    assert GRAMMAR.read_list(text) == items


@pytest.mark.parametrize("text", ["a,", ",a", "a,,b", '"a', '"a" b'])
def test_texts_that_are_no_list(text):
    with pytest.raises(ValueError, match="not a list"):
        GRAMMAR.read_list(text)


@given(st.lists(st.text(min_size=1)))
def test_any_list_survives_writing_and_reading(items):
    assert GRAMMAR.read_list(GRAMMAR.write_list(items)) == tuple(items)


@given(st.integers(-(2**31), 2**31 - 1))
def test_any_integer_survives(number):
    assert GRAMMAR.read_integer(str(number), None) == number
    assert GRAMMAR.read_integer(f"{number}kB", KB) == number


@given(st.text(alphabet="0123456789.xXeEpP+- kMGTBsmindhus'_a", max_size=12))
def test_reading_a_number_answers_or_says_no(text):
    for read in (GRAMMAR.read_integer, GRAMMAR.read_real):
        for unit in (None, KB, MS):
            with suppress(ValueError):
                assert isinstance(read(text, unit), (int, float))


def test_names_fold_and_booleans_are_written():
    assert GRAMMAR.fold_name("TimeZone") == "timezone"
    assert (GRAMMAR.write_bool(value=True), GRAMMAR.write_bool(value=False)) == ("on", "off")

"""Typed values, over every parameter of every shipped catalog and on the cases people meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.catalog import Catalog, Context, Kind, Version
from setpoint.engines.registry import engine_names, get_engine, shipped_catalog, shipped_versions
from setpoint.errors import InputError, NotFoundError

SHIPPED = [(name, version) for name in engine_names() for version in shipped_versions(get_engine(name))]


def catalog_of(name: str, version: str) -> Catalog:
    return shipped_catalog(get_engine(name), version)


@pytest.fixture(params=SHIPPED, ids="-".join)
def catalog(request) -> Catalog:
    return catalog_of(*request.param)


@pytest.fixture
def newest() -> Catalog:
    return catalog_of("postgresql", "18")


def test_every_default_and_bound_round_trips(catalog):
    for parameter in catalog.parameters:
        for value in (parameter.default, parameter.min, parameter.max):
            if value is None:
                continue
            text = parameter.format(value, catalog.grammar)
            again = parameter.parse(text, catalog.grammar)
            assert parameter.is_same(value, again), f"{parameter.name}: {value!r} -> {text!r} -> {again!r}"


def test_every_enum_word_and_alias_reads_as_one_that_stays_itself(catalog):
    for parameter in catalog.parameters:
        if parameter.kind is not Kind.ENUM:
            continue
        for word in (*parameter.values, *parameter.aliases):
            value = parameter.parse(word.upper(), catalog.grammar)
            assert parameter.parse(str(value), catalog.grammar) == value, f"{parameter.name}: {word}"


def test_beyond_every_bound_is_refused(catalog):
    for parameter in catalog.parameters:
        if not parameter.is_numeric or parameter.min is None or parameter.max is None:
            continue
        if max(abs(parameter.min), abs(parameter.max)) > 1e15:
            continue  # the whole range of doubles: nothing finite lies beyond
        for beyond in (parameter.min - 1, parameter.max + 1):
            with pytest.raises(InputError, match=parameter.name):
                parameter.parse(str(beyond), catalog.grammar)


@pytest.mark.parametrize(
    ("version", "core", "restart"),
    [("13", 331, 53), ("14", 346, 54), ("15", 354, 55), ("16", 363, 57), ("17", 379, 65), ("18", 399, 69)],
)
def test_the_shipped_catalogs_are_whole(version, core, restart):
    catalog = catalog_of("postgresql", version)
    assert len(catalog.core) == core
    assert sum(parameter.engine_context == "postmaster" for parameter in catalog.core) == restart
    assert len({parameter.name.lower() for parameter in catalog.parameters}) == len(catalog.parameters)


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("work_mem", "1GB", "1048576kB"),
        ("work_mem", "4096", "4MB"),
        ("work_mem", "0x1000", "4MB"),
        ("shared_buffers", "16384", "128MB"),
        ("autovacuum", "on", "true"),
        ("autovacuum", "of", "0"),
        ("timezone", "Asia/Tokyo", "asia/tokyo"),
        ("wal_compression", "ON", "pglz"),
        ("datestyle", "iso, mdy", "ISO, MDY"),
        ("log_file_mode", "0600", "384"),
        ("autovacuum_naptime", "0.5min", "30s"),
        ("log_destination", "stderr,csvlog", "csvlog, stderr"),
        ("random_page_cost", "4", "4.0"),
        ("vacuum_cost_delay", "0.5", "500us"),
        ("checkpoint_completion_target", "0.9", "9e-1"),
    ],
)
def test_what_means_the_same_is_the_same(newest, name, left, right):
    assert newest.is_same(name, left, right)


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("work_mem", "1GB", "1000MB"),
        ("autovacuum", "on", "off"),
        ("log_line_prefix", "%m", "%M"),
        ("search_path", "a, b", "b, a"),
        ("random_page_cost", "1.1", "1.2"),
    ],
)
def test_what_differs_in_meaning_differs(newest, name, left, right):
    assert not newest.is_same(name, left, right)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("work_mem", "1gb"),
        ("work_mem", "lots"),
        ("work_mem", "32kB"),
        ("work_mem", "1s"),
        ("autovacuum", "o"),
        ("autovacuum", "yesss"),
        ("wal_level", "loud"),
        ("max_connections", "99999999999"),
        ("random_page_cost", "NaN"),
        ("statement_timeout", "5 fortnights"),
    ],
)
def test_what_the_engine_refuses_is_refused_with_the_expectation(newest, name, text):
    with pytest.raises(InputError) as caught:
        newest.parse(name, text)
    assert name in str(caught.value)
    assert caught.value.next_step


@given(st.integers(min_value=64, max_value=2**31 - 1))
def test_any_size_survives_its_written_form(kilobytes):
    catalog = catalog_of("postgresql", "18")
    assert catalog.parse("work_mem", catalog.format("work_mem", kilobytes)) == kilobytes


@given(st.floats(min_value=0, max_value=100, allow_nan=False))
def test_any_real_duration_survives_its_written_form(milliseconds):
    catalog = catalog_of("postgresql", "18")
    parameter = catalog.get("vacuum_cost_delay")
    again = parameter.parse(parameter.format(milliseconds, catalog.grammar), catalog.grammar)
    assert parameter.is_same(milliseconds, again)


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12), max_size=5))
def test_any_list_survives_its_written_form(items):
    catalog = catalog_of("postgresql", "18")
    parameter = catalog.get("shared_preload_libraries")
    assert parameter.parse(parameter.format(tuple(items), catalog.grammar), catalog.grammar) == tuple(items)


def test_a_diff_names_what_was_added_removed_and_changed():
    diff = catalog_of("postgresql", "17").diff(catalog_of("postgresql", "18"))
    assert "io_method" in diff.added
    assert len(diff.added) == 21
    assert diff.removed == ("ssl_ecdh_curve",)
    changes = {(change.name, change.field): (change.old, change.new) for change in diff.changed}
    assert changes["effective_io_concurrency", "default"] == (1, 16)
    assert changes["autovacuum_max_workers", "context"] == (Context.RESTART.value, Context.RELOAD.value)


def test_a_diff_with_itself_is_empty(catalog):
    diff = catalog.diff(catalog)
    assert (diff.added, diff.removed, diff.changed) == ((), (), ())


def test_an_unknown_parameter_names_near_ones(newest):
    with pytest.raises(NotFoundError, match="shared_buffers"):
        newest.get("shared_bufers")


def test_names_are_found_in_any_case(newest):
    assert newest.get("Work_Mem") is newest.get("work_mem")


@pytest.mark.parametrize(
    ("text", "parts", "shown"),
    [
        ("18", (18,), "18"),
        ("18.6", (18, 6), "18.6"),
        ("19rc1", (19,), "19rc1"),
        ("10.11.19-MariaDB", (10, 11, 19), "10.11.19"),
        ("15.18 (Debian 15.18-0+deb12u1)", (15, 18), "15.18"),
    ],
)
def test_versions_read_as_numbers(text, parts, shown):
    version = Version.parse(text)
    assert (version.parts, str(version)) == (parts, shown)


def test_thirteen_is_older_than_nine_six_is_not():
    assert Version.parse("9.6") < Version.parse("13")


def test_no_version_is_refused():
    with pytest.raises(InputError):
        Version.parse("newest")


def test_engines_are_found_through_entry_points():
    assert {"postgresql", "simulated"} <= set(engine_names())
    with pytest.raises(NotFoundError, match="postgresql"):
        get_engine("postgres")


def test_a_version_without_catalog_says_which_are_shipped():
    with pytest.raises(NotFoundError, match="13"):
        shipped_catalog(get_engine("postgresql"), "9.6")

"""Shipped catalogs against the servers they describe: the same parameters, the same meaning of values."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from msgspec.structs import replace
from tests.fix_postgresql import MAJORS, skip_without_module

from setpoint.catalog import Catalog, Context, Kind, Parameter
from setpoint.engines import session
from setpoint.engines.port import Target
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.dialect import knowledge, quote_conf, quote_literal
from setpoint.engines.postgresql.observe.parameters import in_base_units
from setpoint.engines.registry import shipped_catalog
from setpoint.errors import InputError

AT = datetime(2026, 1, 1, tzinfo=UTC)
MODULES = "pg_stat_statements, pg_prewarm"
NOT_HERE = {"port", "listen_addresses", "unix_socket_directories", "lc_messages", "timezone_abbreviations"}


@pytest.fixture(params=MAJORS, ids=lambda major: f"pg{major}")
def major(request):
    return request.param


def connect(server):
    return ENGINE.connect(Target(instance="pg", address=server.dsn, secret=lambda: None), is_read_only=True)


def harvest(server, describe_config=""):
    driver = connect(server)
    try:
        return session.drive(ENGINE.harvest(driver.version, describe_config), driver)
    finally:
        driver.close()


def listed(start_postgresql, major) -> tuple[Parameter, ...]:
    """Answer the shipped parameters that this minor release knows: later ones bring new parameters too."""
    with psycopg.connect(start_postgresql(major).dsn) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM pg_settings")}
    return tuple(p for p in shipped_catalog(ENGINE, str(major)).core if p.name in names)


def test_the_shipped_catalog_is_what_the_server_gives(start_postgresql, postgresql_binaries, major):
    skip_without_module(postgresql_binaries, major, "pg_stat_statements")
    server = start_postgresql(major, conf={"shared_preload_libraries": MODULES})
    found = Catalog(harvest(server), ENGINE.grammar)
    shipped = shipped_catalog(ENGINE, str(major))
    assert shipped.data.evidence == "harvested from a running server"
    if shipped.version != found.version:
        pytest.skip(f"shipped from {shipped.version}, this is {found.version}: minor releases differ")
    assert {p.name: p for p in found.core} == {p.name: p for p in shipped.core}
    for parameter in found.parameters:
        assert shipped.find(parameter.name) in (parameter, None), parameter.name


def test_enum_words_known_beforehand_are_those_the_server_takes(start_postgresql, major):
    """A live catalog is read without trying words out: the table must say what trying would."""
    catalog = Catalog(harvest(start_postgresql(major)), ENGINE.grammar)
    for parameter in catalog.core:
        if parameter.kind is Kind.ENUM:
            known = knowledge.enum_aliases(parameter.name, parameter.values, major)
            assert parameter.aliases == known, parameter.name


def test_lists_are_those_the_server_takes_as_lists(start_postgresql, major):
    server = start_postgresql(major)
    otherwise = {"synchronous_standby_names": True} | (
        {"unix_socket_directories": False} if major == 13 else {}
    )
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for parameter in listed(start_postgresql, major):
            if (
                parameter.kind not in (Kind.STRING, Kind.LIST, Kind.FLAGS)
                or parameter.context is Context.FIXED
            ):
                continue
            try:
                connection.execute(f"SET {parameter.name} = 'a', 'b'".encode())
                takes_many = True
            except psycopg.Error as fault:
                takes_many = "takes only one argument" not in str(fault)
            is_many = otherwise.get(parameter.name, parameter.kind is not Kind.STRING)
            assert takes_many == is_many, parameter.name
            connection.execute("RESET ALL")


def test_a_server_started_with_every_default_written_out_runs_the_defaults(start_postgresql, major):
    lines = []
    for parameter in listed(start_postgresql, major):
        unsettable = (
            parameter.context is Context.FIXED or parameter.name.lower() in knowledge.NOT_BY_ALTER_SYSTEM
        )
        if unsettable or parameter.name in NOT_HERE or parameter.default is None:
            continue
        if parameter.default == () or parameter.name == "max_stack_depth":
            continue
        lines.append(f"{parameter.name} = {quote_conf(parameter.format(parameter.default, ENGINE.grammar))}")
    assert len(lines) > 250
    server = start_postgresql(major, conf="\n".join(lines) + "\n")
    driver = connect(server)
    observation, live = session.observe(ENGINE, driver, "pg", at=AT)
    driver.close()
    assert observation.file_faults == ()
    for line in lines:
        name, _, text = line.partition(" = ")
        setting = observation.settings[name]
        written = [o.text for o in setting.origins if o.file.endswith("/postgresql.conf")]
        shown = text[1:-1].replace("''", "'").replace("\\\\", "\\")
        assert live.is_same(name, written[-1] or "", shown), name
        if name.lower() not in knowledge.NORMALISED:
            assert live.is_same(name, setting.value or "", written[-1] or ""), name


def test_the_server_agrees_on_every_bound(start_postgresql, major):
    """Each bound is taken in our spelling and reads back as the same number; one step beyond is refused."""
    server = start_postgresql(major, conf={"fsync": "off"})
    checked = 0
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for parameter in listed(start_postgresql, major):
            if parameter.context is Context.FIXED or parameter.min is None:
                continue
            for bound, step in ((parameter.min, -1), (parameter.max, 1)):
                assert bound is not None
                text = parameter.format(bound, ENGINE.grammar)
                assert parameter.is_same(parameter.parse(text, ENGINE.grammar), bound)
                assert takes(connection, parameter, text), (parameter.name, text)
                beyond = (
                    str(bound + step)
                    if isinstance(bound, int)
                    else str(bound + step * max(1, abs(bound) / 10))
                )
                with pytest.raises(InputError):
                    parameter.parse(beyond, ENGINE.grammar)
                assert not takes(connection, parameter, beyond), (parameter.name, beyond)
                if parameter.context is Context.IMMEDIATE:
                    agree_on_reading(connection, parameter, text)
                checked += 1
        connection.execute("ALTER SYSTEM RESET ALL")
    assert checked > 250


def takes(connection, parameter, text):
    try:
        connection.execute(f"ALTER SYSTEM SET {parameter.name} = {quote_literal(text)}")
    except psycopg.errors.InvalidParameterValue as fault:
        # A check hook may refuse what the range allows; only the range is judged here.
        message = str(fault)
        return not ("outside the valid range" in message or "exceeds integer range" in message)
    except psycopg.errors.CantChangeRuntimeParam:
        return None
    return True


def agree_on_reading(connection, parameter, text):
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL {parameter.name} = {quote_literal(text)}")
            row = connection.execute(
                "SELECT setting FROM pg_settings WHERE name = %s", [parameter.name]
            ).fetchone()
    except psycopg.errors.InvalidParameterValue:
        return
    if parameter.name.lower() not in knowledge.NORMALISED | knowledge.SHOWN_OTHERWISE:
        left, right = (
            parameter.parse(value, ENGINE.grammar) for value in (row[0], in_base_units(parameter, text))
        )
        assert parameter.is_same(left, right), (parameter.name, text, row[0])


NUMBERS = [
    "0x40",
    "0100",
    "64.5",
    "1e2",
    " 70 ",
    "+80",
    "64 kB",
    "0.5MB",
    "30.1MB",
    "0.0001GB",
    "65535.5B",
    "99.5kB",
    "1.5",
    ".9e3",
]
TIMES = ["90min", "0.5h", "1.5d", "1us", "1500us", "2.5ms", "0.0001s", "1e3ms", "7 s", "0x10min", "010s"]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("work_mem", NUMBERS),
        ("temp_buffers", [*NUMBERS, "1GB", "1000000kB"]),
        ("statement_timeout", TIMES),
        ("vacuum_cost_delay", TIMES),
        ("random_page_cost", ["1.1", "1e1", ".5", "0x1p3", "inf", "nan", "1,5", "2 ", "3kB", ""]),
        (
            "geqo_threshold",
            ["0x10", "017", "12.4999", "12.5", "13.5", "9e9", "99999999999999999999", "08", "1 2"],
        ),
        ("enable_sort", ["on", "OF", "o", "t", "tr", "yes", "Y", "n", "0", "1", " on", "2", "off ", "truee"]),
        ("synchronous_commit", ["on", "ON", "TRUE", "yes", "1", "remote_apply", "Local", "o", "tru"]),
    ],
)
def test_texts_mean_what_the_server_reads(postgresql_each, name, texts):
    catalog = shipped_catalog(ENGINE, str(postgresql_each.binaries.major))
    parameter = catalog.get(name)
    with psycopg.connect(postgresql_each.dsn, autocommit=True) as connection:
        for text in texts:
            try:
                ours = parameter.parse(text, ENGINE.grammar)
            except InputError:
                ours = None
            try:
                connection.execute(f"SET {name} = {quote_literal(text)}".encode())
                [row] = connection.execute("SELECT setting FROM pg_settings WHERE name = %s", [name])
                theirs = parameter.parse(row[0], ENGINE.grammar)
            except psycopg.errors.InvalidParameterValue:
                theirs = None
            is_same = ours is None if theirs is None else ours is not None and parameter.is_same(ours, theirs)
            assert is_same, (text, ours, theirs)


def test_what_the_view_hides_comes_from_the_binarys_listing(start_postgresql, major):
    server = start_postgresql(major)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
    driver = ENGINE.connect(
        Target(instance="pg", address=server.dsn_for(user="plain"), secret=lambda: None), is_read_only=True
    )
    line = "log_directory\tsighup\tLogging\tSTRING\tlog\t\t\tSets the folder.\tIt may be relative."
    found = session.drive(ENGINE.harvest(driver.version, line + "\nshort\tline\n"), driver)
    driver.close()
    parameter = Catalog(found, ENGINE.grammar).get("log_directory")
    assert parameter == replace(
        parameter,
        kind=Kind.STRING,
        context=Context.RELOAD,
        default=None,
        description="Sets the folder. It may be relative.",
    )

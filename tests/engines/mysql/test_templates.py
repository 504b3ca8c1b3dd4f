from __future__ import annotations

from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.mysql import shipped

from setpoint.catalog import Version
from setpoint.config.budget import judge
from setpoint.config.facts import Facts, Storage
from setpoint.engines.registry import get_engine, shipped_classes
from setpoint.errors import OverBudgetError
from setpoint.policy.classes import ParameterClass
from setpoint.templates import Filled, Prepared, choose, prepare

KB, MB, GB = 2**10, 2**20, 2**30
NAMES = ("mixed", "olap", "oltp")
RAMS = (512 * MB, 1 * GB, 2 * GB, 3 * GB, 4 * GB, 16 * GB, 24 * GB, 64 * GB, 512 * GB, 4096 * GB)
CONNECTIONS = (None, 5, 20, 100, 1000, 20_000)
STORAGES: tuple[Storage | None, ...] = (None, "hdd", "ssd", "nvme", "network")
NEVER = {
    "innodb_flush_log_at_trx_commit",
    "sync_binlog",
    "innodb_doublewrite",
    "innodb_checksum_algorithm",
    "innodb_fast_shutdown",
    "innodb_adaptive_hash_index",
    "binlog_format",
    "sql_mode",
    "performance_schema",
}
ALL = [(engine, version, name) for engine, version in shipped.ALL for name in NAMES]
SERVERS = [(engine, version) for engine, version in shipped.ALL]


@cache
def prepared(engine: str, version: str, name: str) -> Prepared:
    return prepare(shipped.library(engine).get(engine, name), shipped.claims(engine, version))


def check(template: Prepared, facts: Facts, engine: str, version: str) -> Filled | None:
    """Fill and hold the result to everything a template promises; None when it was refused."""
    try:
        filled = template.fill(facts)
    except OverBudgetError as refused:
        refusal = refused
    else:
        return check_filled(template, filled, facts, engine, version)
    assert "it fits with" in refusal.next_step
    return None


def check_filled(template: Prepared, filled: Filled, facts: Facts, engine: str, version: str) -> Filled:
    catalog = shipped.catalog(engine, version)
    values = {each.parameter: catalog.parse(each.parameter, each.text) for each in filled.settings}
    assert all(each.reason and each.source and each.explanation for each in filled.settings)
    assert not values.keys() & NEVER
    for name, value in values.items():
        # The server cuts numbers down to multiples: what is asked for is what it keeps.
        assert catalog.get(name).settled(value) == value
    if facts.ram_bytes is not None:
        assert judge(shipped.claims(engine, version), values, facts).fits
    # Applied and observed, the template's own values are what is current; filling again changes nothing.
    assert template.fill(facts, current=values).texts() == filled.texts()
    return filled


@pytest.mark.parametrize(("engine", "version", "name"), ALL)
def test_over_a_grid_of_hosts_every_value_is_accepted_and_the_budget_kept(
    engine: str, version: str, name: str
) -> None:
    template = prepared(engine, version, name)
    outcomes = [
        check(
            template,
            Facts(
                ram_bytes=ram,
                connections=connections,
                storage=STORAGES[number % len(STORAGES)],
                is_container=bool(number % 2),
            ),
            engine,
            version,
        )
        for number, (ram, connections) in enumerate(product(RAMS, CONNECTIONS))
    ]
    assert sum(outcome is None for outcome in outcomes) < len(outcomes) / 3


@given(
    case=st.sampled_from(ALL),
    ram=st.none() | st.integers(256 * MB, 4096 * GB),
    connections=st.none() | st.integers(5, 20_000),
    storage=st.sampled_from(STORAGES),
    neighbours=st.none() | st.integers(0, 64 * GB),
)
@settings(max_examples=200, deadline=None)
def test_at_random_hosts_every_value_is_accepted_and_the_budget_kept(
    case: tuple[str, str, str],
    ram: int | None,
    connections: int | None,
    storage: Storage | None,
    neighbours: int | None,
) -> None:
    engine, version, _ = case
    facts = Facts(ram_bytes=ram, connections=connections, storage=storage, neighbours_bytes=neighbours)
    check(prepared(*case), facts, engine, version)


@pytest.mark.parametrize(("engine", "version", "name"), ALL)
def test_a_template_trades_no_durability_integrity_or_security(engine: str, version: str, name: str) -> None:
    catalog = shipped.catalog(engine, version)
    classes = shipped_classes(get_engine(engine), catalog)
    harmful = {ParameterClass.DURABILITY, ParameterClass.DATA_INTEGRITY, ParameterClass.SECURITY}
    settings_ = shipped.library(engine).get(engine, name).settings
    known = {each.parameter: each.value for each in settings_ if catalog.find(each.parameter)}
    assert known
    # Pages written past the page cache are synced all the same.
    assert known.pop("innodb_flush_method", "O_DIRECT") == "O_DIRECT"
    assert [each for each in known if harmful & set(classes[each])] == []


@pytest.mark.parametrize("engine", shipped.ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_the_nearest_that_is_named_fits_and_the_next_does_not(engine: str, name: str) -> None:
    template = prepared(engine, shipped.MAIN[engine], name)
    facts = Facts(ram_bytes=4 * GB, connections=20_000)
    with pytest.raises(OverBudgetError) as caught:
        template.fill(facts)
    nearest = int(caught.value.next_step.split("at most ")[1].split()[0])
    template.fill(Facts(ram_bytes=4 * GB, connections=nearest))
    with pytest.raises(OverBudgetError):
        template.fill(Facts(ram_bytes=4 * GB, connections=nearest + 1))


@pytest.mark.parametrize(("engine", "version"), SERVERS)
def test_what_rests_on_unknown_facts_is_left_out_with_its_reason(engine: str, version: str) -> None:
    filled = prepared(engine, version, "oltp").fill(Facts())
    assert filled.verdict.fits is None
    left_out = {each.parameter: each.why for each in filled.left_out}
    assert left_out["innodb_buffer_pool_size"] == "ram is not known"
    assert "connections" in left_out["max_connections"]
    assert "innodb_buffer_pool_size" not in filled.texts()


def test_oltp_on_a_usual_host_of_mysql() -> None:
    facts = Facts(ram_bytes=16 * GB, vcpu=8, connections=300, storage="nvme")
    assert prepared("mysql", "9.7", "oltp").fill(facts).texts() == {
        "max_connections": "305",
        "innodb_buffer_pool_size": "11G",
        "innodb_redo_log_capacity": "4G",
        "innodb_print_all_deadlocks": "ON",
    }


def test_oltp_on_a_small_host_of_mariadb_takes_effect_without_a_restart() -> None:
    facts = Facts(ram_bytes=3 * GB, vcpu=2, connections=20, storage="ssd")
    filled = prepared("mariadb", "10.11", "oltp").fill(facts)
    assert filled.texts() == {
        "max_connections": "25",
        "key_buffer_size": "16M",
        "sort_buffer_size": "2M",
        "innodb_buffer_pool_size": "2G",
        "innodb_log_file_size": "768M",
        "innodb_io_capacity": "1000",
        "innodb_flush_neighbors": "0",
        "innodb_print_all_deadlocks": "ON",
    }
    catalog = shipped.catalog("mariadb", "10.11")
    assert not any(catalog.get(name).needs_restart for name in filled.texts())


@pytest.mark.parametrize("engine", shipped.ENGINES)
def test_many_connections_leave_less_for_each_and_for_the_pool(engine: str) -> None:
    def fill(connections: int) -> dict[str, object]:
        facts = Facts(ram_bytes=16 * GB, connections=connections)
        catalog = shipped.catalog(engine, shipped.MAIN[engine])
        texts = prepared(engine, shipped.MAIN[engine], "olap").fill(facts).texts()
        return {name: catalog.parse(name, text) for name, text in texts.items()}

    few, many = fill(20), fill(1000)
    assert few["sort_buffer_size"] == 4 * MB
    assert many["sort_buffer_size"] <= MB  # type: ignore[operator]
    for name in ("sort_buffer_size", "join_buffer_size", "tmp_table_size", "max_heap_table_size"):
        assert many[name] <= few[name]  # type: ignore[operator]
    assert few["tmp_table_size"] == few["max_heap_table_size"] == 128 * MB


def test_a_mysql_pool_is_of_a_size_that_a_restart_keeps() -> None:
    catalog = shipped.catalog("mysql", "9.7")
    for ram, kept in ((1 * GB, 128 * MB), (2 * GB, 128 * MB), (4 * GB, GB), (24 * GB, GB)):
        facts = Facts(ram_bytes=ram, connections=50)
        texts = prepared("mysql", "9.7", "mixed").fill(facts).texts()
        size = catalog.parse("innodb_buffer_pool_size", texts["innodb_buffer_pool_size"])
        assert isinstance(size, int)
        assert size % kept == 0


@pytest.mark.parametrize("name", NAMES)
def test_versions_get_what_they_have(name: str) -> None:
    facts = Facts(ram_bytes=8 * GB, connections=50)
    old = prepared("mariadb", "10.5", name).fill(facts).texts()
    assert old["innodb_flush_method"] == "O_DIRECT"
    for version in ("10.11", "11.8"):
        assert "innodb_flush_method" not in prepared("mariadb", version, name).fill(facts).texts()
    mariadb = shipped.library("mariadb").get("mariadb", name)
    assert not mariadb.is_for(Version.parse("10.4"))
    mysql = shipped.library("mysql").get("mysql", name)
    of_8_0 = {each.parameter for each in mysql.settings if each.is_for(Version.parse("8.0.29"))}
    of_8_4 = {each.parameter for each in mysql.settings if each.is_for(Version.parse("8.4.0"))}
    assert {"innodb_log_file_size", "innodb_flush_method", "innodb_io_capacity"} <= of_8_0
    assert "innodb_redo_log_capacity" in of_8_4
    assert not {"innodb_log_file_size", "innodb_flush_method", "innodb_io_capacity"} & of_8_4


def test_neighbours_get_their_part() -> None:
    facts = Facts(ram_bytes=16 * GB, connections=50, neighbours_bytes=8 * GB)
    assert prepared("mysql", "9.7", "oltp").fill(facts).texts()["innodb_buffer_pool_size"] == "5G"


@pytest.mark.parametrize("engine", shipped.ENGINES)
@pytest.mark.parametrize(
    ("metrics", "best", "words"),
    [
        ({}, "mixed", "the workload is not known"),
        (
            {"txn.commit": 24_000, "rows.read": 9e6, "rows.ins": 24e3, "rows.upd": 48e3, "rows.del": 24e3},
            "oltp",
            "few rows",
        ),
        ({"txn.commit": 1_500, "rows.read": 3e9}, "olap", "more than 100 000 rows"),
        ({"txn.commit": 1_500, "rows.read": 1e7}, "mixed", "between 1 000 and 100 000 rows"),
    ],
)
def test_the_choice_explains_itself(engine: str, metrics: dict[str, float], best: str, words: str) -> None:
    version = shipped.MAIN[engine]
    units = shipped.catalog(engine, version).grammar.units
    templates = shipped.library(engine).of(engine, Version.parse(version))
    choice = choose(templates, Facts(), metrics, units)
    assert choice.best.template.name == best
    assert words in choice.explain()
    assert choice.explain().count("\nnot ") == 2

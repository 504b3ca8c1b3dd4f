"""What is read, over the wire: facts, metrics, what a lesser login does not see, and whole catalogs."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest
from pysqlbridge.information_schema import CONFIGURATIONS
from tests.engines.sqlserver.estate import ADMIN, SCOPED
from tests.engines.sqlserver.stage import look, option, target_of

from setpoint.catalog import Catalog, Context, Kind, Version
from setpoint.config.observation import OriginKind
from setpoint.engines.port import Reply
from setpoint.engines.session import drive
from setpoint.engines.sqlserver import ENGINE
from setpoint.errors import UnavailableError

NOTHING = frozenset[str]()


def test_an_observation_is_one_batch_that_changes_nothing(server):
    with closing(ENGINE.connect(target_of(server), is_read_only=True)) as driver:
        before = len(server.batches)
        driver.run(ENGINE.observe(driver.version))
        [text] = server.batches[before:]
    assert text.startswith("/* setpoint:observe */")
    assert not any(word in text for word in ("sp_configure", "RECONFIGURE", "ALTER DATABASE", "INSERT"))


def test_facts_come_with_their_sources(server):
    observation, _ = look(server)
    facts = observation.facts
    assert facts.version == "16.0.4135.4"
    assert facts.build == "Developer Edition (64-bit) on Linux"
    assert (facts.vcpu, facts.ram_bytes, facts.data_bytes) == (8.0, 16 * 2**30, 1500 * 8192)
    assert facts.sources["ram_bytes"] == "sys.dm_os_sys_info"
    assert (facts.role, facts.is_container, facts.is_superuser) == ("primary", False, True)
    assert observation.metrics_since == datetime(2026, 1, 1, 6, tzinfo=UTC)
    assert facts.uptime_seconds == 18 * 3600
    assert (observation.unseen, observation.alterable) == ((), None)
    assert observation.cost_ms >= 0


@pytest.mark.parametrize(
    ("roles", "role"),
    [((), "primary"), (("PRIMARY",), "primary"), (("SECONDARY",), "standby"),
     (("PRIMARY", "SECONDARY"), "unknown")],
)  # fmt: skip
def test_the_role_is_that_of_its_availability_groups(server, roles, role):
    server.estate.roles = roles
    assert look(server)[0].facts.role == role


def test_counters_have_canonical_names_and_units(server):
    metrics = look(server)[0].metrics
    assert metrics["txn.commit"] == 4711
    assert metrics["buf.physical_reads"] == 12
    assert (metrics["io.read_bytes"], metrics["io.read_seconds"]) == (1024, 2.0)
    assert metrics["conn.limit"] == 32_767
    assert "rows.read" not in metrics


def test_a_lesser_login_sees_less_and_is_told_why(server):
    server.add_login("reader", NOTHING)
    observation, _ = look(server, "reader")
    assert len(observation.settings) == len(CONFIGURATIONS) + 5
    assert observation.facts.ram_bytes is None
    assert observation.facts.role == "unknown"
    assert observation.metrics_since is None
    assert set(observation.metrics) == {"conn.limit"}
    assert any("memory and processors" in each and "VIEW SERVER STATE" in each for each in observation.unseen)
    assert observation.alterable == ()


def test_a_right_counts_alone(server):
    server.add_login("scoper", frozenset({"scoped"}))
    assert "scoped.maxdop" in look(server, "scoper")[0].alterable
    server.add_login("setter", frozenset({"ALTER SETTINGS"}))
    alterable = look(server, "setter")[0].alterable
    assert "max_worker_threads" in alterable
    assert "scoped.maxdop" not in alterable


def test_what_is_optional_cannot_spoil_an_observation(server):
    server.estate.is_refusing_all = True
    observation, _ = look(server)
    assert observation.facts.data_bytes is None
    assert any("the database's own configurations" in each for each in observation.unseen)


def test_the_plain_part_alone_makes_an_observation(server):
    with closing(ENGINE.connect(target_of(server), is_read_only=True)) as driver:
        version = driver.version
        request = ENGINE.observe(version)
        [lesser] = request.fallbacks
        rows = driver.run(type(request)(text=lesser)).rows
    at = datetime(2026, 1, 2, tzinfo=UTC)
    observation, catalog = ENGINE.read("ms", Reply(rows=rows, fallback=1), at=at, version=version)
    assert len(observation.settings) == len(catalog.parameters) == len(CONFIGURATIONS)
    assert observation.facts.role == "unknown"
    assert observation.unseen


@pytest.mark.parametrize("rows", [(), (("option", 1),), (("server", "x"),)])
def test_an_answer_that_is_none_is_told(rows):
    with pytest.raises(UnavailableError, match="not an observation"):
        ENGINE.read("ms", Reply(rows=rows), at=datetime.now(UTC), version=Version((16,)))


@pytest.mark.parametrize(
    ("edition", "service"), [(5, "Azure SQL Database"), (8, "Azure SQL Managed Instance")]
)
def test_services_of_azure_are_known(server, edition, service):
    server.estate.edition, server.estate.version = edition, "12.0.2000.8"
    facts = look(server)[0].facts
    assert facts.is_managed_service
    assert facts.sources["is_managed_service"] == service
    assert facts.data_bytes == 100 * 8192


@pytest.mark.parametrize("version", ["13.0.5026.0", "14.0.3465.1", "15.0.4420.2", "17.0.1000.7"])
def test_every_version_is_asked_for_what_it_has(server, version):
    server.estate.version = version
    observation, _ = look(server)
    assert observation.unseen == ()
    assert observation.settings["scoped.maxdop"].in_force.kind is OriginKind.DEFAULT


def test_the_default_is_in_force_where_the_value_is_the_default(server):
    observation, _ = look(server)
    assert observation.settings["nested_triggers"].in_force.kind is OriginKind.DEFAULT
    option(server, "nested_triggers").value = option(server, "nested_triggers").in_use = 0
    observation, _ = look(server)
    assert observation.settings["nested_triggers"].in_force.kind is OriginKind.PERSISTED
    assert observation.settings["nested_triggers"].entry.text == "0"


def test_live_bounds_win_over_what_is_known(server):
    option(server, "cost_threshold_for_parallelism").maximum = 99
    _, catalog = look(server)
    parameter = catalog.get("cost_threshold_for_parallelism")
    assert (parameter.min, parameter.max, parameter.default) == (0, 99, 5)
    assert catalog.data.evidence == "read from a running server"


def test_an_option_of_a_later_version_is_kept_and_shown(server):
    row = option(server, "nested_triggers")
    server.estate.options["new thing (mb)"] = type(row)(
        9999, "new thing (MB)", 7, 0, 100, 7, "does new things", is_dynamic=True, is_advanced=False
    )
    observation, catalog = look(server)
    assert observation.settings["new_thing_mb"].value == "7"
    parameter = catalog.get("new thing (MB)")
    assert (parameter.kind, parameter.default, parameter.category) == (Kind.INTEGER, None, "other")
    server.estate.scoped["NEW_WORD"] = "7"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SCOPED, "NEW_WORD", "7")
        observation, catalog = look(server)
    assert catalog.get("scoped.new_word").kind is Kind.STRING


def test_a_catalog_is_harvested_over_the_wire(server):
    with closing(ENGINE.connect(target_of(server), is_read_only=True)) as driver:
        data = drive(ENGINE.harvest(driver.version, ""), driver)
    catalog = Catalog(data, ENGINE.grammar)
    assert len(data.parameters) == len(CONFIGURATIONS) + 5
    assert catalog.get("max_server_memory_mb").kind is Kind.SIZE
    assert catalog.get("query_wait_s").kind is Kind.DURATION
    assert catalog.get("ft_crawl_bandwidth_min").kind is Kind.INTEGER
    assert catalog.get("fill_factor_percent").context is Context.RESTART
    assert catalog.get("allow_updates").context is Context.FIXED
    assert catalog.get("scoped.maxdop").context is Context.IMMEDIATE


def test_the_entry_of_what_the_server_does_not_list_is_not_guessed(server):
    server.add_login("sa", ADMIN)
    with closing(ENGINE.connect(target_of(server), is_read_only=True)) as driver:
        reply = driver.run(ENGINE.entry("no_such_thing"))
        assert ENGINE.read_entry("scoped.maxdop", driver.run(ENGINE.entry("scoped.maxdop"))) == "0"
    with pytest.raises(UnavailableError, match="does not list"):
        ENGINE.read_entry("no_such_thing", reply)

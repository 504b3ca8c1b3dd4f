"""The engine as the port sees it, and the catalogs and classes it ships."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest
from pysqlbridge.information_schema import CONFIGURATIONS

import setpoint.engines.sqlserver as package
from setpoint.catalog import Catalog, CatalogData, Context, Version
from setpoint.config.budget import compile_claims, judge
from setpoint.config.facts import Facts
from setpoint.engines.plan import Plan, Prior, Step, StepKind
from setpoint.engines.sqlserver import ENGINE
from setpoint.errors import NotPermittedError
from setpoint.policy.classification import read_classification

YEARS = ("2016", "2017", "2019", "2022", "2025")
GIGABYTE = 2**30


def shipped(year):
    body = (ENGINE.data / "catalog" / f"{year}.json").read_bytes()
    return Catalog(msgspec.json.decode(body, type=CatalogData), ENGINE.grammar)


def test_a_version_has_the_catalog_of_its_year():
    found = [ENGINE.family(Version.parse(text)) for text in ("13.0.5026.0", "14.0", "15.0.1", "16", "17.0")]
    assert found == list(YEARS)
    assert ENGINE.family(Version.parse("2022")) == "2022"
    assert ENGINE.family(Version.parse("99.1")) == "99"
    with pytest.raises(AttributeError, match="nothing"):
        package.__getattr__("nothing")


def test_importing_the_engine_loads_no_database_client():
    code = (
        "import sys; from setpoint.engines.sqlserver import ENGINE; ENGINE.claims();"
        "ENGINE.server_of('host=a');"
        "print(*[m for m in ('pymssql', 'asyncio', 'sqlalchemy') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""


@pytest.mark.parametrize("year", YEARS)
class TestShipped:
    def test_it_says_that_no_engine_confirmed_it(self, year):
        data = shipped(year).data
        assert data.evidence == "curated from the vendor's manual, not verified on an engine"
        assert (data.engine, data.version) == ("sqlserver", year)

    def test_every_default_is_of_its_type_and_within_bounds(self, year):
        catalog = shipped(year)
        for parameter in catalog.parameters:
            assert parameter.description.endswith("."), parameter.name
            assert catalog.find(parameter.name) is parameter
            if parameter.default is not None:
                text = parameter.format(parameter.default, catalog.grammar)
                assert parameter.parse(text, catalog.grammar) == parameter.default

    def test_every_parameter_is_classified_on_purpose(self, year):
        classes = read_classification((ENGINE.data / "classes.yaml").read_text(), "classes.yaml")
        for parameter in shipped(year).parameters:
            is_meant = parameter.name in classes.named or parameter.category in classes.categories
            assert is_meant, parameter.name

    def test_claims_are_formulas_over_it(self, year):
        assert compile_claims(ENGINE.claims(), shipped(year))


def test_versions_differ_by_what_came_with_them():
    diff = shipped("2016").diff(shipped("2025"))
    assert diff.removed == ()
    assert {"clr_strict_security", "tempdb_metadata_memory_optimized", "scoped.identity_cache"} <= set(
        diff.added
    )
    assert "scoped.disable_batch_mode_adaptive_joins" in shipped("2016").diff(shipped("2017")).added
    assert "scoped.disable_batch_mode_adaptive_joins" in shipped("2017").diff(shipped("2019")).removed


def test_the_newest_catalog_says_what_the_engine_shows_of_itself():
    catalog = shipped("2025")
    for _, name, _, low, high, _, _, is_dynamic, _ in CONFIGURATIONS:
        parameter = catalog.get(name)
        if parameter.context is not Context.FIXED:
            assert parameter.needs_restart == (not is_dynamic), name
        if parameter.min is not None:
            assert (min(low, parameter.default or 0, parameter.min), parameter.max) == (
                parameter.min,
                high,
            ), name


@pytest.mark.parametrize(
    ("limit", "fits"), [(2147483647, True), (64 * 1024, True), (58 * 1024, True), (62 * 1024, False)]
)
def test_memory_claims_know_a_limit_from_none(limit, fits):
    claims = compile_claims(ENGINE.claims(), shipped("2022"))
    facts = Facts(ram_bytes=64 * GIGABYTE, vcpu=8.0)
    assert judge(claims, {"max_server_memory_mb": limit}, facts).fits is fits


def test_neighbours_make_a_missing_limit_too_much():
    claims = compile_claims(ENGINE.claims(), shipped("2022"))
    facts = Facts(ram_bytes=64 * GIGABYTE, vcpu=8.0, neighbours_bytes=8 * GIGABYTE)
    assert judge(claims, {"max_server_memory_mb": 2147483647}, facts).is_over


def test_a_server_that_does_not_start_is_a_persons_to_mend():
    step = Step(kind=StepKind.SET, parameter="locks", text="9", prior=Prior(running="0", persisted="0"))
    plan = Plan(
        instance="ms",
        engine="sqlserver",
        revision="r",
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        fingerprint="f",
        steps=(step, Step(kind=StepKind.RELOAD)),
    )
    with pytest.raises(NotPermittedError) as caught:
        ENGINE.rescue(plan, "")
    assert "-f" in caught.value.next_step
    assert "'locks' = 0" in caught.value.next_step


def test_members_of_a_group_are_configured_each_for_itself():
    assert ENGINE.order("max_worker_threads", is_growing=True) == "any"

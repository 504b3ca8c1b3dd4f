from __future__ import annotations

from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.postgresql import shipped

from setpoint.catalog import Version
from setpoint.config.budget import judge
from setpoint.config.facts import Facts, Storage
from setpoint.errors import OverBudgetError
from setpoint.templates import Filled, Prepared, choose, prepare

MB, GB = 2**20, 2**30
NAMES = ("mixed", "olap", "oltp")
RAMS = (256 * MB, 512 * MB, 1 * GB, 2 * GB, 4 * GB, 16 * GB, 24 * GB, 64 * GB, 512 * GB, 4096 * GB)
VCPUS = (1.0, 2.0, 7.0, 8.0, 33.0, 256.0)
CONNECTIONS = (None, 5, 100, 1000, 20_000)
STORAGES: tuple[Storage | None, ...] = (None, "hdd", "ssd", "nvme", "network")
NEVER = {
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "wal_compression",
    "jit",
    "wal_level",
    "io_method",
}
WORKERS = {
    "max_worker_processes": 8,
    "max_parallel_workers": 8,
    "max_parallel_workers_per_gather": 2,
    "max_parallel_maintenance_workers": 2,
}


@cache
def prepared(name: str, version: str) -> Prepared:
    return prepare(shipped.library().get("postgresql", name), shipped.claims(version))


ALL = [(name, version) for name in NAMES for version in shipped.VERSIONS]


def check(template: Prepared, facts: Facts, version: str) -> Filled | None:
    """Fill and hold the result to everything a template promises; None when it was refused."""
    try:
        filled = template.fill(facts)
    except OverBudgetError as refused:
        refusal = refused
    else:
        return check_filled(template, filled, facts, version)
    assert "it fits with" in refusal.next_step
    return None


def check_filled(template: Prepared, filled: Filled, facts: Facts, version: str) -> Filled:
    catalog = shipped.catalog(version)
    values = {each.parameter: catalog.parse(each.parameter, each.text) for each in filled.settings}
    assert all(each.reason and each.source and each.explanation for each in filled.settings)
    assert not values.keys() & NEVER
    for name, least in WORKERS.items():
        assert values.get(name, least) >= least  # type: ignore[operator]
    if facts.ram_bytes is not None:
        assert judge(shipped.claims(version), values, facts).fits
    # Applied and observed, the template's own values are what is current; filling again changes nothing.
    assert template.fill(facts, current=values).texts() == filled.texts()
    return filled


@pytest.mark.parametrize(("name", "version"), ALL)
def test_over_a_grid_of_hosts_every_value_is_accepted_and_the_budget_kept(name: str, version: str) -> None:
    template, grid = prepared(name, version), list(product(RAMS, VCPUS, CONNECTIONS))
    # Each version gets a third of the grid, and all three thirds are covered twice by the six of them.
    points = [point for number, point in enumerate(grid) if (number + int(version)) % 3 == 0]
    outcomes = [
        check(
            template,
            Facts(
                ram_bytes=ram,
                vcpu=vcpu,
                connections=connections,
                storage=STORAGES[number % len(STORAGES)],
                is_container=bool(number % 2),
            ),
            version,
        )
        for number, (ram, vcpu, connections) in enumerate(points)
    ]
    assert sum(outcome is None for outcome in outcomes) < len(outcomes) / 2


@given(
    case=st.sampled_from(ALL),
    ram=st.none() | st.integers(256 * MB, 4096 * GB),
    vcpu=st.none() | st.floats(0.25, 256),
    connections=st.none() | st.integers(5, 20_000),
    storage=st.sampled_from(STORAGES),
    neighbours=st.none() | st.integers(0, 64 * GB),
)
@settings(max_examples=300, deadline=None)
def test_at_random_hosts_every_value_is_accepted_and_the_budget_kept(
    case: tuple[str, str],
    ram: int | None,
    vcpu: float | None,
    connections: int | None,
    storage: Storage | None,
    neighbours: int | None,
) -> None:
    name, version = case
    facts = Facts(
        ram_bytes=ram, vcpu=vcpu, connections=connections, storage=storage, neighbours_bytes=neighbours
    )
    check(prepared(name, version), facts, version)


@pytest.mark.parametrize("name", NAMES)
def test_the_nearest_that_is_named_fits_and_the_next_does_not(name: str) -> None:
    template = prepared(name, "18")
    facts = Facts(ram_bytes=4 * GB, vcpu=4, connections=1000)
    with pytest.raises(OverBudgetError) as caught:
        template.fill(facts)
    nearest = int(caught.value.next_step.split("at most ")[1].split()[0])
    template.fill(Facts(ram_bytes=4 * GB, vcpu=4, connections=nearest))
    with pytest.raises(OverBudgetError):
        template.fill(Facts(ram_bytes=4 * GB, vcpu=4, connections=nearest + 1))


def test_what_rests_on_unknown_facts_is_left_out_with_its_reason() -> None:
    filled = prepared("oltp", "18").fill(Facts())
    assert filled.verdict.fits is None
    left_out = {each.parameter: each.why for each in filled.left_out}
    assert left_out["shared_buffers"] == "ram is not known"
    assert left_out["random_page_cost"] == "storage is not known"
    assert left_out["max_worker_processes"] == "vcpu is not known"
    assert "shared_buffers" not in filled.texts()


def test_oltp_on_a_usual_host() -> None:
    facts = Facts(ram_bytes=16 * GB, vcpu=8, connections=300, storage="nvme")
    texts = prepared("oltp", "17").fill(facts).texts()
    assert texts["shared_buffers"] == "4GB"
    assert texts["max_connections"] == "303"
    assert texts["effective_cache_size"] == "12GB"
    assert texts["random_page_cost"] == "1.1"
    assert texts["maintenance_work_mem"] == "512MB"
    assert "log_checkpoints" not in texts


def test_olap_keeps_the_defaults_that_won_on_small_hosts() -> None:
    facts = Facts(ram_bytes=2 * GB, vcpu=2, storage="ssd", connections=20)
    filled = prepared("olap", "18").fill(facts)
    texts = filled.texts()
    assert texts["work_mem"] == "4MB"
    assert not texts.keys() & {"shared_buffers", "random_page_cost", "effective_cache_size"}
    assert "ram is 2GB" in {each.parameter: each.why for each in filled.left_out}["shared_buffers"]


def test_versions_get_what_they_have() -> None:
    assert prepared("mixed", "14").fill(Facts()).texts()["log_checkpoints"] == "on"
    for name in NAMES:
        template = shipped.library().get("postgresql", name)
        assert template.is_for(Version.parse("13"))
        assert not template.is_for(Version.parse("12"))


def test_neighbours_get_their_part() -> None:
    facts = Facts(ram_bytes=16 * GB, vcpu=4, connections=50, neighbours_bytes=8 * GB)
    assert prepared("oltp", "18").fill(facts).texts()["shared_buffers"] == "2GB"


@pytest.mark.parametrize(
    ("metrics", "best", "words"),
    [
        ({}, "mixed", "the workload is not known"),
        (
            {"txn.commit": 150_000, "rows.read": 3e6, "rows.ins": 1e5, "rows.upd": 3e5, "rows.del": 0},
            "oltp",
            "few rows",
        ),
        ({"txn.commit": 1_500, "rows.read": 3e9, "temp.bytes": 1e10}, "olap", "more than 100 000 rows"),
        ({"txn.commit": 1_500, "rows.read": 1e7, "temp.bytes": 0}, "mixed", "between 1 000 and 100 000 rows"),
    ],
)
def test_the_choice_explains_itself(metrics: dict[str, float], best: str, words: str) -> None:
    units = shipped.catalog("18").grammar.units
    choice = choose(shipped.library().of("postgresql", Version.parse("18")), Facts(), metrics, units)
    assert choice.best.template.name == best
    assert words in choice.explain()
    assert choice.explain().count("\nnot ") == 2

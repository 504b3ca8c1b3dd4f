"""Two versions side by side: what was renamed and re-defaulted stands apart from the rest."""

from __future__ import annotations

from itertools import combinations

import pytest
from tests.catalog.versions import NEWER, OLDER, SUCCESSION, catalog, parameter, succession

from setpoint.catalog import Catalog, Comparison, Kind, Version, compare
from setpoint.catalog.succession import Fate, Reach
from setpoint.control.upgrade import succession_of
from setpoint.engines.registry import engine_names, get_engine, shipped_catalog, shipped_versions
from setpoint.errors import InputError

SHIPPED = [
    (name, *pair) for name in engine_names() for pair in combinations(shipped_versions(get_engine(name)), 2)
]


@pytest.fixture
def found() -> Comparison:
    return compare(OLDER, NEWER, succession())


def shipped(name: str, older: str, newer: str) -> tuple[Catalog, Catalog, Comparison]:
    before, after = (shipped_catalog(get_engine(name), version) for version in (older, newer))
    return before, after, compare(before, after, succession_of(name))


def test_a_renamed_parameter_is_neither_added_nor_removed(found):
    assert {(each.old, each.new) for each in found.renamed} == {
        ("days", "seconds"),
        ("kept", "kept_on"),
        ("old_cache", "cache"),
    }
    assert found.added == ("fresh",)
    assert found.removed == ("gone", "idle")


def test_what_becomes_of_the_old_name_is_told_with_its_value(found):
    told = {
        each.old: (each.fate, each.carries_value, each.old_default, each.new_default)
        for each in found.renamed
    }
    assert told["kept"] == (Fate.ALIAS, True, "1", "2")
    assert told["days"] == (Fate.REFUSED, False, "3", "3")
    assert told["old_cache"] == (Fate.REFUSED, True, "1MB", "2MB")


def test_defaults_are_compared_by_meaning(found):
    told = {each.name: (each.old, each.new) for each in found.redefaulted}
    assert told == {
        "host_bound": ("4", "worked out from the host"),
        "mode": ("slow", "fast"),
        "toggles": ("a, b", "b, c"),
    }
    assert next(each for each in found.redefaulted if each.name == "toggles").differences == ("-a", "+c")


def test_who_needs_a_restart_now_and_who_does_not_any_more_is_told(found):
    assert {each.name: each.needs_restart_now for each in found.moved} == {"eager": True, "late": False}
    assert [each.name for each in found.moved if each.needs_no_restart_now] == ["late"]


def test_words_and_bounds_that_went_are_told(found):
    assert [(each.name, each.gone, each.come) for each in found.reworded] == [("mode", ("never",), ())]
    assert [(each.name, each.new, each.is_narrower) for each in found.rebounded] == [
        ("level", (10, 50), True)
    ]


def test_bounds_in_another_unit_did_not_move():
    wider = catalog("2", parameter("buffer", Kind.SIZE, unit="MB", default=2, min=1, max=16))
    (moved,) = compare(OLDER, wider, succession()).rebounded
    assert not moved.is_narrower
    assert [(each.field) for each in compare(OLDER, wider, succession()).others] == ["unit"]


def test_a_name_is_refused_from_the_version_that_refuses_it():
    known = succession()
    assert known.fate("IDLE", Version.parse("2")) is Fate.IGNORED
    assert known.fate("idle", Version.parse("3.1")) is Fate.REFUSED
    assert known.fate("never_heard_of", Version.parse("2")) is Fate.REFUSED
    assert known.data.out_of_range is Reach.CLAMPED


@pytest.mark.parametrize(
    ("text", "named"),
    [("engine: [", "engine"), (SUCCESSION + "more: 1\n", "more"), ("engine: x\n", "source")],
)
def test_a_faulty_document_of_names_is_refused_with_its_place(text, named):
    with pytest.raises(InputError, match=r"invented/succession\.yaml"):
        succession(text)


@pytest.mark.parametrize(("name", "older", "newer"), SHIPPED, ids=lambda text: text)
def test_every_shipped_pair_is_told_apart_without_loss(name, older, newer):
    before, after, found = shipped(name, older, newer)
    raw = before.diff(after)
    gone, come = {each.old for each in found.renamed}, {each.new for each in found.renamed}
    assert {*found.removed} == {*raw.removed} - gone
    assert {*found.added} == {*raw.added} - come
    changed = {each.name for each in raw.changed}
    parts = (found.redefaulted, found.moved, found.reworded, found.rebounded)
    assert {each.name for part in parts for each in part} <= changed


@pytest.mark.parametrize("name", engine_names())
def test_the_shipped_names_are_told_once_and_lead_somewhere(name):
    """A new name is one that some shipped version lists, and an old one another, or it helps nobody."""
    known = succession_of(name)
    everything = {
        known.grammar.fold_name(each.name)
        for version in shipped_versions(get_engine(name))
        for each in shipped_catalog(get_engine(name), version).parameters
    }
    told = [known.grammar.fold_name(old) for entry in known.data.entries for old in entry.names]
    assert len(told) == len(set(told))
    assert known.data.engine == name
    new = {successor.new for _, successor in known.pairs() if successor.new}
    assert new <= everything
    assert all(entry.source for entry in known.data.entries)
    lost = {old for old, _ in known.pairs()} - everything
    assert lost <= {"wal_keep_segments"}  # of a version before the first that is shipped


KNOWN = """
mysql  5.7  8.0  tx_isolation  transaction_isolation  query_cache_size  character_set_server
mysql  8.0  8.4  expire_logs_days  binlog_expire_logs_seconds  old  innodb_io_capacity
mysql  8.4  9.7  innodb_log_file_size  innodb_redo_log_capacity  slave_parallel_type  gtid_mode
mariadb  10.5  10.11  wsrep_strict_ddl  wsrep_mode  innodb_page_cleaners  optimizer_prune_level
mariadb  10.11  11.8  tx_isolation  transaction_isolation  max_tmp_tables  innodb_snapshot_isolation
postgresql  15  16  force_parallel_mode  debug_parallel_query  promote_trigger_file  -
postgresql  17  18  ssl_ecdh_curve  ssl_groups  -  effective_io_concurrency
"""


@pytest.mark.parametrize("line", KNOWN.strip().splitlines(), ids=lambda line: "-".join(line.split()[:3]))
def test_what_is_known_of_an_upgrade_is_told(line):
    name, older, newer, old, new, removed, redefaulted = line.split()
    _, _, found = shipped(name, older, newer)
    assert (old, new) in {("-", "-"), *((each.old, each.new) for each in found.renamed)}
    assert removed in {"-", *found.removed}
    assert redefaulted in {"-", *(each.name for each in found.redefaulted)}

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from setpoint.catalog import Context, Kind, Parameter
from setpoint.catalog.catalog import CatalogData
from setpoint.config.facts import Facts
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.errors import NotFoundError
from setpoint.store import Store

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CATALOG = CatalogData(
    engine="invented",
    version="1",
    evidence="invented",
    parameters=(Parameter(name="work", kind=Kind.STRING, context=Context.RELOAD),),
)
OTHER_CATALOG = msgspec.structs.replace(CATALOG, version="2")


def _observation(instance: str, minute: int = 0) -> Observation:
    origin = Origin(kind=OriginKind.FILE, text="1MB", file="a.conf", line=3, is_in_force=True)
    return Observation(
        instance=instance,
        engine="invented",
        at=AT + timedelta(minutes=minute),
        facts=Facts(version="1"),
        settings={"work": ObservedSetting(value="1024", origins=(origin,))},
        metrics={"txn.commit": float(minute)},
    )


def test_an_observation_comes_back_with_its_catalog(store, where) -> None:
    kept = store.snapshots.put(_observation("a"), CATALOG)
    assert msgspec.structs.replace(kept, catalog_hash="") == _observation("a")
    with Store.open(where) as other:
        assert other.snapshots.latest("a") == kept
        assert other.snapshots.catalog(kept.catalog_hash) == CATALOG
        assert other.snapshots.latest("b") is None
    with pytest.raises(NotFoundError, match="observe"):
        store.snapshots.catalog("0" * 64)


def test_the_latest_is_by_time_not_by_arrival(store) -> None:
    for minute in (5, 9, 1):
        store.snapshots.put(_observation("a", minute), CATALOG)
    store.snapshots.put(_observation("b", 2), OTHER_CATALOG)
    assert store.snapshots.latest("a").metrics["txn.commit"] == 9
    found = store.snapshots.latest_many()
    assert {name: seen.metrics["txn.commit"] for name, seen in found.items()} == {"a": 9, "b": 2}
    assert store.snapshots.latest_many(["b", "c"]).keys() == {"b"}
    assert store.snapshots.latest_many([]) == {}


def test_history_goes_backwards(store) -> None:
    for minute in range(5):
        store.snapshots.put(_observation("a", minute), CATALOG)
    assert [seen.at.minute - 4 for seen in store.snapshots.history("a", 2)] == [4, 3]
    earlier = store.snapshots.history("a", before=AT + timedelta(minutes=2))
    assert [seen.at.minute - 4 for seen in earlier] == [1, 0]


def test_pruning_keeps_the_newest_and_the_catalogs_they_need(store, where) -> None:
    old = store.snapshots.put(_observation("a", 0), OTHER_CATALOG)
    for minute in range(1, 4):
        new = store.snapshots.put(_observation("a", minute), CATALOG)
    store.snapshots.put(_observation("b"), CATALOG)
    assert store.snapshots.prune(2) == 2
    assert store.snapshots.prune(2) == 0
    assert len(store.snapshots.history("a")) == 2
    with Store.open(where) as other:
        assert other.snapshots.catalog(new.catalog_hash) == CATALOG
        with pytest.raises(NotFoundError):
            other.snapshots.catalog(old.catalog_hash)


def test_a_catalog_that_was_pruned_away_is_kept_again(store) -> None:
    for minute in range(3):
        store.snapshots.put(_observation("a", minute), CATALOG)
        assert store.snapshots.prune(0) == 1
    kept = store.snapshots.put(_observation("a", 3), CATALOG)
    with store.transaction():
        store.snapshots.put(_observation("a", 4), CATALOG)
    assert store.snapshots.catalog(kept.catalog_hash) == CATALOG
    assert len(store.snapshots.history("a")) == 2

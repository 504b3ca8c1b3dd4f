"""An upgrade of one instance, held against the shipped catalog of the later version."""

from __future__ import annotations

from datetime import timedelta

import pytest

from setpoint.config.facts import Facts
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.engines.registry import get_engine, shipped_catalog
from setpoint.faces.api import Setpoint

TARGET = ["--target", "host=nowhere"]


def given(value: str, kind: OriginKind = OriginKind.FILE, **place) -> ObservedSetting:
    """A running value that one place gives."""
    return ObservedSetting(value=value, origins=(Origin(kind=kind, text=value, is_in_force=True, **place),))


@pytest.fixture
def seen(cli):
    """Remember an instance as if it had been observed, all at its defaults but for what is given."""

    def remember(engine_name: str, version: str, *, hours_ago: int = 0, **settings: ObservedSetting) -> None:
        cli.good("instance", "add", "shop", "--engine", engine_name, *TARGET)
        catalog = shipped_catalog(get_engine(engine_name), version)
        defaults = {
            each.name: given(
                "" if each.default is None else each.format(each.default, catalog.grammar), OriginKind.DEFAULT
            )
            for each in catalog.core
        }
        with Setpoint.open(cli.store) as setpoint:
            observation = Observation(
                instance="shop",
                engine=engine_name,
                at=setpoint.now() - timedelta(hours=hours_ago),
                facts=Facts(version=catalog.version),
                settings=defaults | settings,
            )
            setpoint._context.store.snapshots.put(observation, catalog.data)

    return remember


def told(document: dict, part: str) -> set[str]:
    return {each["parameter"] for each in document[part]}


def test_an_instance_at_its_defaults_has_nothing_in_the_way(cli, seen):
    seen("postgresql", "17")
    document = cli.json("catalog", "upgrade", "shop", "18")
    assert (document["is_free"], document["is_stale"], document["obstacles"]) == (True, False, [])
    assert {"effective_io_concurrency", "maintenance_io_concurrency"} <= told(document, "redefaulted")
    io = next(each for each in document["redefaulted"] if each["parameter"] == "effective_io_concurrency")
    assert (io["old"], io["new"], io["classes"]) == ("1", "16", ["cost", "performance"])
    assert "nothing is known that would keep 18" in cli.good("catalog", "upgrade", "shop", "18")


def test_what_stands_in_a_file_and_is_unknown_ends_with_1_and_its_place(cli, seen):
    place = {"file": "/etc/postgresql.conf", "line": 7}
    seen("postgresql", "16", old_snapshot_threshold=given("60", **place))
    document = cli.json("catalog", "upgrade", "shop", "17", code=1)
    (trouble,) = document["obstacles"]
    assert (trouble["parameter"], trouble["place"]) == (
        "old_snapshot_threshold",
        "file /etc/postgresql.conf:7",
    )
    page = cli("catalog", "upgrade", "shop", "17")
    assert page.exit_code == 1
    assert "would keep it from starting: 1" in page.stdout
    assert "take it out" in page.stdout


def test_what_is_desired_counts_as_what_stands(cli, seen):
    seen("postgresql", "16")
    cli.good("settings", "shop", "old_snapshot_threshold=60", "--because", "long reports")
    document = cli.json("catalog", "upgrade", "shop", "17", code=1)
    assert [each["place"] for each in document["obstacles"]] == ["desired by instance shop"]


def test_an_engine_that_clamps_starts_with_a_number_out_of_range(cli, seen):
    seen(
        "mysql",
        "8.4",
        slave_parallel_workers=given("0", OriginKind.PERSISTED),
        innodb_log_file_size=given("64M", file="my.cnf", line=3),
        gtid_mode=given("OFF", file="my.cnf", line=4),
    )
    document = cli.json("catalog", "upgrade", "shop", "9.7", code=1)
    assert told(document, "obstacles") == {"innodb_log_file_size"}
    assert "innodb_redo_log_capacity" in document["obstacles"][0]["next_step"]
    assert told(document, "notices") == {"slave_parallel_workers"}
    assert {(each["parameter"], each["old_name"]) for each in document["renamed"]} == {
        ("innodb_log_file_size", "refused"),
        ("slave_parallel_workers", "alias"),
    }
    assert "enforce_gtid_consistency" in told(document, "redefaulted")
    assert "gtid_mode" not in told(document, "redefaulted")


def test_what_is_taken_without_effect_is_told_and_no_obstacle(cli, seen):
    seen("mariadb", "10.5", innodb_page_cleaners=given("4", file="my.cnf", line=2))
    document = cli.json("catalog", "upgrade", "shop", "11.8")
    assert told(document, "notices") == {"innodb_page_cleaners"}
    assert "taken, but not as it stands" in cli.good("catalog", "upgrade", "shop", "11.8")


def test_a_weak_catalog_says_so(cli, seen):
    seen("mysql", "5.7", query_cache_size=given("0", file="my.cnf", line=2), max_connections=given("500"))
    document = cli.json("catalog", "upgrade", "shop", "8.0", code=1)
    assert "not verified on an engine" in document["evidence"]
    assert "max_connections" in {each["parameter"] for each in document["unverified"]["parameters"]}
    assert "not verified on an engine" in cli("catalog", "upgrade", "shop", "8.0").stdout


def test_an_old_look_is_told(cli, seen):
    seen("postgresql", "17", hours_ago=30)
    assert cli.json("catalog", "upgrade", "shop", "18")["is_stale"] is True
    assert "`setpoint observe shop` looks again" in cli.good("catalog", "upgrade", "shop", "18")


def test_an_instance_never_seen_and_a_version_not_later_are_refused(cli, seen):
    cli.good("instance", "add", "new", "--engine", "postgresql", *TARGET)
    assert "never observed" in cli("catalog", "upgrade", "new", "18").stderr
    seen("postgresql", "17")
    for version in ("17", "16.2"):
        result = cli("catalog", "upgrade", "shop", version)
        assert result.exit_code == 2
        assert "later versions are 18" in result.stderr


def test_what_speaks_for_one_role_keeps_nothing_from_starting(cli, seen):
    own = Origin(kind=OriginKind.DEFAULT, text="off", is_in_force=True)
    role = Origin(kind=OriginKind.ROLE, text="on", scope="role app")
    seen("postgresql", "16", db_user_namespace=ObservedSetting(value="off", origins=(own, role)))
    document = cli.json("catalog", "upgrade", "shop", "17")
    assert [(each["parameter"], each["place"]) for each in document["notices"]] == [
        ("db_user_namespace", "role app")
    ]

"""An event of the server itself takes an override off with nobody else alive, and only what is still ours."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from tests.chaos.nursery import Nursery
from tests.chaos.site import await_that
from tests.chaos.site_mysql import PARAMETER, MysqlSite, clear
from tests.live.mysql.scene import by_hand, running

from setpoint.config.override import LinkKind, LinkState
from setpoint.control.overrides.spool import Spool

EVERY_KIND = {
    "sort_buffer_size": "4M",
    "max_connections": "173",
    "max_allowed_packet": "20000001",
    "long_query_time": "2.5",
    "innodb_max_dirty_pages_pct": "80.5",
    "innodb_print_all_deadlocks": "on",
    "automatic_sp_privileges": "0",
    "binlog_row_image": "minimal",
    "concurrent_insert": "never",
    "sql_mode": "ansi_quotes,STRICT_TRANS_TABLES",
    "optimizer_switch": "index_merge=off,materialization=off",
    "init_connect": r"SET @greeting = 'it''s \\ here'",
    "character_set_server": "ascii",
    "time_zone": "+03:00",
    "default_storage_engine": "MEMORY",
}


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    with Nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


@pytest.fixture
def server(mysql_family_each):
    by_hand(mysql_family_each, "SET GLOBAL event_scheduler = ON")
    yield mysql_family_each
    clear(mysql_family_each)


@pytest.fixture
def site(server, tmp_path):
    made = MysqlSite(tmp_path, server)
    yield made
    made.setpoint.close()


def links(override) -> dict:
    return {link.kind: link for link in override.links}


def test_with_the_whole_control_plane_killed_the_event_takes_every_kind_of_value_off(site, nursery, tmp_path):
    before = {name: running(site.server, name) for name in EVERY_KIND}
    common = {"store": site.store, "state": str(tmp_path / "host")}
    worker = nursery.work(**common)
    starter = nursery.have("start", instance="shop", settings=EVERY_KIND, seconds=4.0, **common)
    starter.wait()
    assert "id" in (starter.answer or {}), (starter.answer, starter.log)
    override = site.now(starter.answer["id"])
    assert links(override)[LinkKind.TARGET_SWITCH].state is LinkState.ARMED, links(override)
    assert {kind for kind, link in links(override).items() if link.state is LinkState.ARMED} >= {
        LinkKind.RECONCILER,
        LinkKind.SPOOL,
        LinkKind.TARGET_SWITCH,
    }
    body = by_hand(site.server, "SELECT event_definition FROM information_schema.events")
    worker.kill()
    assert not any(Spool(folder).orders() for folder in tmp_path.glob("host/setpoint/*/guardian"))
    shutil.rmtree(tmp_path / "host")
    during = {name: running(site.server, name) for name in EVERY_KIND}
    assert [name for name in EVERY_KIND if during[name] == before[name]] == []
    await_that(lambda: not site.events, "the event has acted")
    assert datetime.now(UTC) >= override.deadline
    print(body, site.server.log_tail())
    assert {name: running(site.server, name) for name in EVERY_KIND} == before
    if site.server.binaries.kind == "mysql":
        assert by_hand(site.server, "SELECT * FROM performance_schema.persisted_variables") == ()

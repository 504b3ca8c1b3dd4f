"""An event of the server itself takes an override off with nobody else alive, and only what is still ours."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.chaos.nursery import Nursery
from tests.chaos.site import await_that
from tests.chaos.site_mysql import ENGINES, OURS, PARAMETER, THEIRS, MysqlSite, clear, set_by_hand
from tests.live.mysql.scene import by_hand, running, target_of

from setpoint.config.override import LinkKind, LinkState, OverrideState
from setpoint.control.overrides import ending, extending, guardian
from setpoint.control.overrides.spool import Spool
from setpoint.engines.order import Back, Order
from setpoint.engines.session import drive
from setpoint.lab.mysql_replica import catch_up, follow, replication_settings

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
    "collation_server": "ascii_bin",
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


@pytest.fixture
def host(site):
    """Answer a context whose state is its own, and whose guard process is gone afterwards."""
    context = site.host()
    yield context
    folder = context.state / "guardian"
    for order in Spool(folder).orders():
        guardian.disarm(folder, order.override)


def links(override) -> dict[LinkKind, LinkState]:
    return {link.kind: link.state for link in override.links}


def detail(override) -> str:
    return next(link.detail for link in override.links if link.kind is LinkKind.TARGET_SWITCH)


def order(override: str, seconds: float, *backs: Back) -> Order:
    now = datetime.now(UTC)
    return Order(
        override=override,
        instance="db",
        engine="",
        target="",
        backs=backs,
        deadline=now + timedelta(seconds=seconds),
        written_at=now,
    )


def do(server, verb: str, given: Order, *, user: str = "root"):
    engine = ENGINES[server.binaries.kind]
    with closing(engine.connect(target_of(server, user=user), is_read_only=verb == "look")) as driver:
        return drive(getattr(engine.switch(), verb)(given), driver)


def make_login(server, name: str, *rights: str) -> None:
    by_hand(
        server,
        f"DROP USER IF EXISTS {name}@localhost",
        f"CREATE USER {name}@localhost",
        *(f"GRANT {right} TO {name}@localhost" for right in rights),
    )


def may_set(server) -> tuple[str, ...]:
    """Answer the rights that changing variables takes."""
    if server.binaries.kind == "mariadb":
        return ("SUPER, BINLOG ADMIN ON *.*",)
    return ("SYSTEM_VARIABLES_ADMIN ON *.*", "SELECT ON performance_schema.*")


def test_with_the_whole_control_plane_killed_the_event_takes_every_kind_of_value_off(site, nursery, tmp_path):
    before = {name: running(site.server, name) for name in EVERY_KIND}
    common = {"store": site.store, "state": str(tmp_path / "host")}
    worker = nursery.work(**common)
    starter = nursery.have("start", instance="shop", settings=EVERY_KIND, seconds=4.0, **common)
    starter.wait()
    assert "id" in (starter.answer or {}), (starter.answer, starter.log)
    override = site.now(starter.answer["id"])
    found = links(override)
    for kind in (LinkKind.RECONCILER, LinkKind.SPOOL, LinkKind.TARGET_SWITCH):
        assert found[kind] is LinkState.ARMED, detail(override)
    assert LinkKind.GUARD_PROCESS not in found
    worker.kill()
    shutil.rmtree(tmp_path / "host")
    during = {name: running(site.server, name) for name in EVERY_KIND}
    assert [name for name in EVERY_KIND if during[name] == before[name]] == []
    await_that(lambda: not site.events, "the event has acted")
    assert datetime.now(UTC) >= override.deadline
    assert {name: running(site.server, name) for name in EVERY_KIND} == before
    if site.server.binaries.kind == "mysql":
        assert by_hand(site.server, "SELECT * FROM performance_schema.persisted_variables") == ()


def test_killed_commands_leave_an_event_that_takes_the_override_off(site, tmp_path):
    """Worker and command line as people run them, killed with all that they started."""
    words = [str(Path(sys.executable).with_name("setpoint"))]
    own = {**os.environ, "SETPOINT_STORE": site.store, "XDG_STATE_HOME": str(tmp_path / "host")}
    with subprocess.Popen(
        [*words, "run", "--alone"], env=own, start_new_session=True, stderr=subprocess.DEVNULL
    ) as worker:
        try:
            await_that(site.setpoint._context.store.workers.all, "the worker is up")
            ask = ["override", "start", "shop", f"{PARAMETER}=4M", "--for", "3s", "--because", "too full"]
            subprocess.run([*words, *ask], env=own, check=True, stdout=subprocess.DEVNULL)
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
    shutil.rmtree(tmp_path / "host")
    assert site.running() == OURS
    await_that(lambda: not site.events, "the event has acted")
    assert site.is_off
    (override,) = site.setpoint.overrides.all()
    over = ending.finish(site.host(), override.id) if not override.is_desired else None
    if over is None:
        ending.end_if_over(site.host(), override.id)
    assert site.now(override.id).state is OverrideState.ENDED
    assert site.now(override.id).ended_by is LinkKind.TARGET_SWITCH


def test_a_persons_later_change_is_left_alone(site, host):
    override = site.start(host, seconds=2.0, sort_buffer_size=OURS, max_connections="173")
    assert links(override)[LinkKind.TARGET_SWITCH] is LinkState.ARMED
    site.set_by_hand(THEIRS)
    await_that(lambda: not site.events, "the event has acted")
    assert (site.running(), site.running(parameter="max_connections")) == (THEIRS, "151")
    ending.end_if_over(host, override.id)
    over = site.now(override.id)
    assert (over.state, [clash.parameter for clash in over.clashes]) == (OverrideState.CONFLICT, [PARAMETER])


def test_a_scheduler_that_is_off_is_not_turned_on_and_the_guard_process_is_armed(site, host):
    by_hand(site.server, "SET GLOBAL event_scheduler = OFF")
    override = site.start(host, seconds=2.0)
    assert links(override)[LinkKind.TARGET_SWITCH] is LinkState.FAILED
    assert "off, and is not turned on" in detail(override)
    assert links(override)[LinkKind.GUARD_PROCESS] is LinkState.ARMED
    await_that(lambda: site.is_off, "the guard process ended it")
    assert running(site.server, "event_scheduler") == "OFF"
    assert not site.events


def test_what_is_armed_tells_also_of_the_restart_that_would_do(site, host):
    found = links(site.start(host))
    is_kept = site.server.binaries.kind == "mysql"
    assert (LinkKind.RUNTIME_ONLY in found) is not is_kept
    assert LinkKind.GUARD_PROCESS not in found


def test_it_is_disarmed_when_the_override_ended_early(site, host):
    override = site.start(host)
    assert len(site.events) == 1
    over = ending.end(host, override.id, because="enough")
    assert site.events == []
    assert links(over)[LinkKind.TARGET_SWITCH] is LinkState.DISARMED
    assert site.is_off


@pytest.mark.slow
def test_a_later_deadline_arms_it_anew(site, host):
    override = site.start(host, seconds=5.0)
    later = extending.extend(host, override.id, seconds=3600.0, because="a while longer")
    assert len(site.events) == 1
    (row,) = by_hand(
        site.server,
        "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), execute_at) FROM information_schema.events "
        "WHERE event_name LIKE 'setpoint%'",
    )
    left = (later.deadline - datetime.now(UTC)).total_seconds()
    assert abs(row[0] - left) < 60
    await_that(lambda: datetime.now(UTC) > override.deadline + timedelta(seconds=1), "the first deadline")
    assert site.running() == OURS
    ending.end(host, override.id, because="enough")


def test_it_is_seen_only_where_it_would_act(server):
    given = order("seen", 3600, Back(parameter=PARAMETER, ours=OURS, running="262144"))
    assert do(server, "look", given).state is LinkState.DISARMED
    assert do(server, "arm", given).state is LinkState.ARMED
    assert do(server, "look", given).state is LinkState.ARMED
    assert do(server, "look", replace_deadline(given)).detail == "its event is another than was ordered"
    (name,) = (row[0] for row in by_hand(server, "SELECT event_name FROM information_schema.events "
                                                 "WHERE event_name LIKE 'setpoint%'"))  # fmt: skip
    await_that(lambda: is_second_over(server, name), "a second after it was made")
    by_hand(server, f"ALTER EVENT mysql.{name} DO DO 0")
    assert do(server, "look", given).detail == "somebody altered its event"
    by_hand(server, f"ALTER EVENT mysql.{name} DISABLE")
    assert do(server, "look", given).detail == "its event is disabled"
    for _ in range(2):
        assert do(server, "disarm", given).state is LinkState.DISARMED
    assert do(server, "look", given).state is LinkState.DISARMED


def replace_deadline(given: Order) -> Order:
    return order(given.override, 7200, *given.backs)


def is_second_over(server, name: str) -> bool:
    asked = f"SELECT NOW() > created FROM information_schema.events WHERE event_name = '{name}'"
    return bool(by_hand(server, "SET time_zone = '+00:00'", asked)[0][0])


def test_long_names_share_no_event(server):
    back = Back(parameter=PARAMETER, ours=OURS, running="262144")
    first, second = (order(f"{'shop' * 20}/o{number}", 3600, back) for number in (1, 2))
    assert do(server, "arm", first).state is LinkState.ARMED
    assert do(server, "arm", second).state is LinkState.ARMED
    assert do(server, "look", first).state is LinkState.ARMED


def test_what_one_entry_is_refused_keeps_no_other_from_being_put_back(server):
    for name, text in {"max_connections": "173", PARAMETER: OURS}.items():
        set_by_hand(server, name, text)
    given = order(
        "partly",
        0.5,
        Back(parameter="max_connections", ours="173", back="not a number", running="x"),
        Back(parameter=PARAMETER, ours=OURS, back="300000"),
    )
    assert do(server, "arm", given).state is LinkState.ARMED
    await_that(lambda: running(server, PARAMETER) == "300000", "the second was put back")
    await_that(lambda: "not all of an override could be put back" in server.log_tail(), "the server told")
    assert running(server, "max_connections") == "173"


@pytest.mark.slow
def test_a_login_without_the_right_is_told_and_the_guard_process_armed(server, tmp_path):
    make_login(server, "lesser", *may_set(server))
    site = MysqlSite(tmp_path, server, user="lesser")
    override = site.start(site.host(), seconds=2.0)
    found = links(override)
    assert found[LinkKind.TARGET_SWITCH] is LinkState.FAILED
    assert "the event cannot be made: Access denied" in detail(override)
    assert found[LinkKind.GUARD_PROCESS] is LinkState.ARMED
    await_that(lambda: site.is_off, "the guard process ended it")
    site.setpoint.close()


@pytest.mark.slow
def test_it_acts_with_the_rights_of_whoever_made_it(server, tmp_path):
    make_login(server, "ender", *may_set(server), "EVENT ON mysql.*")
    site = MysqlSite(tmp_path, server, user="ender")
    override = site.start(site.host(), seconds=2.0)
    assert links(override)[LinkKind.TARGET_SWITCH] is LinkState.ARMED
    definer = "SELECT definer FROM information_schema.events WHERE event_name LIKE 'setpoint%'"
    assert by_hand(server, definer)[0][0] == "ender@localhost"
    await_that(lambda: not site.events, "the event has acted")
    assert site.is_off
    site.setpoint.close()


def test_what_a_read_only_server_would_not_run_is_not_counted_on(server):
    """MySQL's scheduler runs nothing under super_read_only; whoever may write under read_only has it run."""
    given = order("locked", 3600, Back(parameter=PARAMETER, ours=OURS, running="262144"))
    make_login(server, "lesser", *may_set(server)[1:], "EVENT ON mysql.*")
    assert do(server, "arm", given).state is LinkState.ARMED
    by_hand(server, "SET GLOBAL read_only = ON")
    try:
        assert do(server, "arm", given).state is LinkState.ARMED
        assert do(server, "arm", given, user="lesser").state is LinkState.FAILED
        if server.binaries.kind == "mysql":
            by_hand(server, "SET GLOBAL super_read_only = ON")
            for verb in ("arm", "look"):
                told = do(server, verb, given)
                assert told.state is LinkState.FAILED
                assert "super_read_only" in told.detail
    finally:
        by_hand(server, "SET GLOBAL read_only = OFF")


@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
def test_a_scheduler_disabled_at_the_start_is_none(kind, start_mariadb, start_mysql):
    start = {"mariadb": start_mariadb, "mysql": start_mysql}[kind]
    server = start(conf={"event_scheduler": "DISABLED"})
    told = do(server, "arm", order("none", 60, Back(parameter=PARAMETER, ours=OURS, running="262144")))
    assert (told.state, "disabled" in told.detail) == (LinkState.ABSENT, True)


@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
def test_neither_the_event_nor_its_end_reaches_a_replica(kind, start_mariadb, start_mysql, tmp_path):
    start = {"mariadb": start_mariadb, "mysql": start_mysql}[kind]
    primary, replica = (start(conf=replication_settings(kind, number)) for number in (1, 2))
    follow(replica, primary)
    by_hand(primary, "SET GLOBAL event_scheduler = ON")
    by_hand(replica, "SET GLOBAL event_scheduler = ON")
    site = MysqlSite(tmp_path, primary)
    site.start(site.host(), seconds=2.0)
    by_hand(primary, "CREATE DATABASE first")
    catch_up(replica, primary)
    everything = "SELECT event_name FROM information_schema.events WHERE event_schema = 'mysql'"
    assert by_hand(replica, everything) == ()
    await_that(lambda: not site.events, "the event has acted")
    ended = site.start(site.host(), seconds=60.0)
    ending.end(site.host(), ended.id, because="enough")
    by_hand(primary, "CREATE DATABASE second")
    catch_up(replica, primary)
    assert ("second",) in by_hand(replica, "SHOW DATABASES")
    logged = [str(row[5]) for row in by_hand(primary, "SHOW BINLOG EVENTS")]
    assert sum("CREATE DATABASE" in text for text in logged) == 2
    assert not any("EVENT" in text or "setpoint" in text for text in logged)
    site.setpoint.close()


@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
def test_a_server_that_is_down_across_the_deadline_is_put_back_when_it_starts(
    kind, start_mariadb, start_mysql, tmp_path
):
    start = {"mariadb": start_mariadb, "mysql": start_mysql}[kind]
    server = start(conf={"event_scheduler": "ON"})
    site = MysqlSite(tmp_path, server)
    override = site.start(site.host(), seconds=2.0)
    server.stop("immediate")
    await_that(lambda: datetime.now(UTC) > override.deadline + timedelta(seconds=1), "the deadline")
    server.start()
    await_that(lambda: not site.events, "the event is gone")
    assert site.is_off
    site.setpoint.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
def test_a_server_restarted_before_the_deadline_is_put_back_at_it(kind, start_mariadb, start_mysql, tmp_path):
    start = {"mariadb": start_mariadb, "mysql": start_mysql}[kind]
    server = start(conf={"event_scheduler": "ON"})
    site = MysqlSite(tmp_path, server)
    override = site.start(site.host(), seconds=5.0)
    server.restart()
    assert datetime.now(UTC) < override.deadline
    assert len(site.events) == 1
    assert site.running() == (OURS if kind == "mysql" else site.before)
    await_that(lambda: not site.events, "the event has acted")
    assert site.is_off
    site.setpoint.close()

"""Workers: rows that no chain covers, and files, gain nothing for whoever can write them."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.attacks.scene import SHOP, Attacked
from tests.attacks.test_overrides import newest, wish, worker
from tests.control.overrides.ordering import Overridden, wait_until

from setpoint.config.override import LinkKind, LinkState, OverrideState
from setpoint.control.clock import boot_moment
from setpoint.control.overrides import guardian
from setpoint.control.overrides.reverting import Reverting
from setpoint.control.overrides.spool import Spool
from setpoint.engines.simulated.driver import keep, server_at
from setpoint.errors import UnavailableError
from setpoint.store.records import WorkerState

__all__ = ["worker"]


def beat(town: Attacked, **fields) -> WorkerState:
    made = {"id": "w", "host": "elsewhere", "pid": 1, "started_at": town.clock(), "seen_at": town.clock()}
    state = WorkerState(**{**made, **fields})
    town.context.store.workers.beat(state)
    return state


def without_switch(town: Attacked) -> None:
    server = server_at(town.server.address)
    server.scheduler = "none"
    keep(town.server.address, server)


def link(town: Attacked, kind: LinkKind) -> LinkState:
    return {each.kind: each.state for each in newest(town).links}[kind]


# Leases, workers, cursors: rows without evidence


def test_a_lease_of_nobody_keeps_no_alarm_from_being_raised(town, worker):
    """Whoever can write to the store can hold an ending up; that it is late is told all the same."""
    started = town.emil.overrides.start(SHOP, wish(60, sort_memory="8192"))[0].override
    until = (town.clock() + timedelta(days=900)).isoformat()
    town.meddle(
        (
            "UPDATE lease SET holder = 'nobody', until = ?, seconds = 1e9 WHERE name = ?",
            (until, f"override:{started.id}"),
        )
    )
    worker(seconds=60)
    for _ in range(4):
        worker(seconds=10)
        worker.reconciler._tries.clear()
    assert town.server.persisted["sort_memory"] == "8192"
    assert len(town.rows("override.overdue")) == 1
    assert newest(town).overdue_at is not None


def test_a_worker_of_a_time_to_come_arms_nothing(town):
    without_switch(town)
    beat(town, seen_at=town.clock() + timedelta(days=900))
    town.emil.overrides.start(SHOP, wish(sort_memory="8192"))
    assert link(town, LinkKind.RECONCILER) is LinkState.ABSENT


def test_a_worker_that_cannot_be_read_keeps_no_emergency_waiting(town):
    beat(town)
    town.meddle("UPDATE worker SET body = '{}'")
    town.emil.overrides.start(SHOP, wish(sort_memory="8192"))
    assert town.server.running["sort_memory"] == "8192"
    assert link(town, LinkKind.RECONCILER) is LinkState.ABSENT


def test_a_row_that_names_no_override_keeps_none_from_ending(town, worker):
    town.emil.overrides.start(SHOP, wish(60, sort_memory="8192"))
    worker()
    for action in ("override.", "override.ended", "override.started"):
        town.context.store.audit.append("lin", action, SHOP, {}, town.clock())
    worker(seconds=60)
    assert newest(town).state is OverrideState.ENDED


def test_a_bent_record_and_such_a_row_keep_no_other_override_from_ending(town, worker):
    town.emil.overrides.start(SHOP, wish(60, sort_memory="8192"))
    other = town.emil.overrides.start(SHOP, wish(60, pool_pages="128"))[0].override
    town.context.store.audit.append("lin", "override.started", SHOP, {}, town.clock())
    town.meddle(("UPDATE record SET body = replace(body, '128', '129') WHERE id = ?", (other.id,)))
    worker(seconds=60)
    assert "sort_memory" not in town.server.persisted


# The spool and the guard process: files


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "guardian"
    yield made
    for order in Spool(made).orders():
        guardian.disarm(made, order.override)


@pytest.fixture
def shop(tmp_path) -> Overridden:
    return Overridden(tmp_path)


def plant(spool: Spool, name: str, body: bytes) -> None:
    place = spool.folder / "orders"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    (place / f"{name}.json").write_bytes(body)


@pytest.mark.parametrize(
    "change",
    [
        {"deadline": "2026-01-01T00:00:00"},
        {"deadline": "0001-01-01T00:00:00+00:00"},
        {"deadline": "9999-12-31T23:59:59-23:00"},
        {"written_at": "2026-01-01T00:00:00"},
        {"deadline_moment": {"boot": "", "seconds": float("1e308")}},
        {"engine": "nonsense"},
        {"backs": []},
        {"override": "../../../etc/passwd"},
        {"target": "x" * 100_000},
    ],
    ids=lambda each: next(iter(each)),
)
def test_an_order_that_is_garbage_keeps_no_other_from_its_end(folder, shop, change):
    spool = Spool(folder)
    good = shop.order(-1.0)
    bad = {**msgspec.to_builtins(shop.order(-2.0, override="bad")), **change}
    plant(spool, "bad", msgspec.json.encode(bad))
    spool.put(good)
    reverting = Reverting(spool, LinkKind.SPOOL)
    try:
        reverting.poll(boot_moment(), read_secret=lambda _: None, holder="test")
        wait_until(lambda: shop.is_back)
    finally:
        reverting.close()


@pytest.mark.parametrize("sub", ["", "orders"])
def test_a_folder_that_others_may_write_to_is_not_taken_orders_from(folder, shop, sub):
    """Whoever can plant an order has a password of ours sent to a target of theirs."""
    spool = Spool(folder)
    spool.put(shop.order(-1.0, override="planted"))
    (folder / sub).chmod(0o777)
    assert not spool.orders()
    assert "others may write" in spool.read().faults[0]
    with pytest.raises(UnavailableError, match="others may write"):
        guardian.arm(folder, shop.order(60.0))
    (folder / sub).chmod(0o700)
    spool.remove("planted")


def test_a_folder_of_somebody_else_is_not_taken_orders_from(folder, shop, monkeypatch):
    spool = Spool(folder)
    spool.put(shop.order(-1.0))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert not spool.orders()
    with pytest.raises(UnavailableError, match="others may write"):
        spool.put(shop.order(60.0))


def test_files_are_for_their_owner_alone(folder, shop):
    guardian.arm(folder, shop.order(60.0))
    try:
        for path in (folder, *folder.rglob("*")):
            if path.name != "guardian.lock":
                assert not path.stat().st_mode & 0o077, path
    finally:
        guardian.disarm(folder, "shop")


def test_no_secret_stands_in_files_or_on_the_command_line(folder, shop, tmp_path, monkeypatch):
    (tmp_path / "word").write_text("hunter22")
    (tmp_path / "word").chmod(0o600)
    monkeypatch.setenv("SETPOINT_TOKEN", "st_secret_token")
    armed = guardian.arm(folder, shop.order(60.0, password=f"file:{tmp_path / 'word'}"))
    try:
        assert armed.state is LinkState.ARMED
        number = armed.detail.split()[1]
        process = Path("/proc") / number
        assert b"st_secret_token" not in (process / "environ").read_bytes()
        assert b"hunter22" not in (process / "cmdline").read_bytes()
        for path in folder.rglob("*"):
            if path.is_file():
                assert b"hunter22" not in path.read_bytes()
    finally:
        guardian.disarm(folder, "shop")


@pytest.mark.parametrize("name", ["..", "../../x", "a/b", "\x00", "%2e%2e/x", "x" * 400])
def test_no_id_leaves_the_folder(folder, shop, name):
    before = set(folder.parent.iterdir()) | {folder}
    spool = Spool(folder)
    with suppress(UnavailableError):  # a name may be too long for a file
        spool.put(shop.order(60.0, override=name))
        assert spool.order(name) is not None
        spool.remove(name)
        assert spool.order(name) is None
    assert set(folder.parent.iterdir()) <= before

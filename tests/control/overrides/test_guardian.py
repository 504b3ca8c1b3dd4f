"""The guard process ends overrides with everything else dead, and says only what is true of itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.control.overrides.ordering import Overridden, wait_until

from setpoint.config.override import LinkKind, LinkState
from setpoint.control.overrides import guardian
from setpoint.control.overrides.spool import Spool
from setpoint.engines.simulated.driver import keep, restart, server_at
from setpoint.errors import UnavailableError

ARM = """
import sys
from pathlib import Path
import msgspec
from setpoint.control.overrides import guardian
from setpoint.engines.order import Order
order = msgspec.json.decode(sys.argv[2], type=Order)
print(guardian.arm(Path(sys.argv[1]), order).state.value, flush=True)
sys.stdin.read()
"""


def guards_of(folder: Path) -> list[int]:
    """Answer the processes that guard a folder."""
    words = ["-P", "-m", "setpoint.control.overrides.guardian", str(folder)]
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode().split("\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if line[1:5] == words and state != "Z":
                found.append(int(entry.name))
    return found


@pytest.fixture
def folder(tmp_path: Path):
    made = tmp_path / "guardian"
    yield made
    for order in Spool(made).orders():
        guardian.disarm(made, order.override)
    for number in guards_of(made):
        os.kill(number, signal.SIGKILL)
    wait_until(lambda: not guards_of(made))


@pytest.fixture
def shop(tmp_path: Path) -> Overridden:
    return Overridden(tmp_path)


def test_an_armed_guard_process_ends_it_and_leaves(folder, shop):
    order = shop.order(0.5)
    armed = guardian.arm(folder, order)
    assert armed.state is LinkState.ARMED, armed.detail
    assert len(guards_of(folder)) == 1
    wait_until(lambda: shop.is_back)
    wait_until(lambda: guardian.look(folder, order).state is LinkState.FIRED)
    outcome = Spool(folder).outcomes()["shop"]
    assert outcome.link is LinkKind.GUARD_PROCESS
    assert outcome.was_touched
    assert outcome.at >= order.deadline
    wait_until(lambda: not guards_of(folder))


def test_it_outlives_whoever_started_it(folder, shop):
    import msgspec

    order = shop.order(1.5)
    words = [sys.executable, "-c", ARM, str(folder), msgspec.json.encode(order).decode()]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as starter:
        assert starter.stdout
        assert starter.stdout.readline().strip() == "armed"
        (guard,) = guards_of(folder)
        assert os.getsid(guard) != os.getsid(starter.pid)
        os.killpg(starter.pid, signal.SIGHUP)
        os.kill(guard, signal.SIGHUP)
        os.killpg(starter.pid, signal.SIGKILL)
    wait_until(lambda: shop.is_back)


def test_one_guards_all_orders_of_a_folder(folder, tmp_path):
    shops = [Overridden(tmp_path, f"shop{number}") for number in range(20)]
    orders = [shop.order(3, override=shop.name) for shop in shops]
    found: list[object] = []
    threads = [
        threading.Thread(
            target=lambda o=order: found.append(guardian.arm(folder, o, timeout_seconds=20).state)
        )
        for order in orders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [LinkState.ARMED] * len(orders)
    wait_until(lambda: len(guards_of(folder)) == 1)
    wait_until(lambda: all(shop.is_back for shop in shops))


def test_a_guard_process_that_was_killed_is_seen_and_can_be_replaced(folder, shop):
    order = shop.order(60)
    assert guardian.arm(folder, order).state is LinkState.ARMED
    assert guardian.look(folder, order).state is LinkState.ARMED
    (guard,) = guards_of(folder)
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: not guards_of(folder))
    assert guardian.look(folder, order).state is LinkState.FAILED
    sooner = shop.order(0.2)
    assert guardian.arm(folder, sooner).state is LinkState.ARMED
    wait_until(lambda: shop.is_back)


def test_one_that_stopped_is_not_counted_on(folder, shop):
    order = shop.order(60)
    guardian.arm(folder, order)
    (guard,) = guards_of(folder)
    os.kill(guard, signal.SIGSTOP)
    assert guardian.arm(folder, order, timeout_seconds=0.5).state is LinkState.FAILED
    os.kill(guard, signal.SIGCONT)
    wait_until(lambda: guardian.look(folder, order).state is LinkState.ARMED)


def test_after_a_boot_it_is_revived_for_the_orders_that_lie_there(folder, shop):
    assert not guardian.revive(folder)
    Spool(folder).put(shop.order(-5))
    assert guardian.revive(folder)
    wait_until(lambda: shop.is_back)


def test_what_is_disarmed_is_not_touched_and_it_leaves(folder, shop):
    order = shop.order(60)
    guardian.arm(folder, order)
    assert guardian.disarm(folder, order.override).state is LinkState.DISARMED
    assert guardian.disarm(folder, order.override).state is LinkState.DISARMED
    assert guardian.look(folder, order).state is LinkState.DISARMED
    wait_until(lambda: not guards_of(folder))
    assert not shop.is_back


def test_a_later_deadline_is_held_and_the_earlier_no_more(folder, shop):
    first, later = shop.order(0.3), shop.order(60)
    guardian.arm(folder, first)
    assert guardian.arm(folder, later).state is LinkState.ARMED
    assert guardian.look(folder, first).state is LinkState.FAILED
    assert guardian.look(folder, later).state is LinkState.ARMED
    guardian.disarm(folder, later.override)
    assert not shop.is_back


def test_a_password_it_cannot_read_is_told_when_it_is_armed(folder, shop, monkeypatch):
    guardian.arm(folder, shop.order(60, override="other"))
    monkeypatch.setenv("SHOP_PASSWORD", "came too late for the process that lives")
    armed = guardian.arm(folder, shop.order(60, password="env:SHOP_PASSWORD"))
    assert armed.state is LinkState.FAILED
    assert "SHOP_PASSWORD" in armed.detail
    assert "too late" not in armed.detail


def test_an_instance_it_cannot_reach_is_told_when_it_is_armed(folder, shop):
    server = server_at(shop.address)
    server.is_up = False
    keep(shop.address, server)
    armed = guardian.arm(folder, shop.order(60))
    assert armed.state is LinkState.FAILED
    assert "down" in armed.detail


def test_it_goes_on_through_a_restart_of_the_instance(folder, shop):
    order = shop.order(0.5)
    guardian.arm(folder, order)
    server = server_at(shop.address)
    server.is_up = False
    keep(shop.address, server)
    wait_until(lambda: Spool(folder).troubles())
    restart(shop.address)
    wait_until(lambda: shop.is_back)


def test_a_persons_later_change_stands(folder, shop):
    order = shop.order(0.3)
    guardian.arm(folder, order)
    shop.run("set sort_memory 32MB")
    wait_until(lambda: Spool(folder).outcomes())
    assert [each.found for each in Spool(folder).outcomes()["shop"].clashes] == ["32MB"]
    assert shop.persisted == {"sort_memory": "32MB"}


def test_an_order_that_cannot_be_written_is_refused_before_anything_begins(tmp_path, shop):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UnavailableError):
        guardian.arm(tmp_path / "file" / "guardian", shop.order(60))


def test_no_token_is_handed_on(folder, shop, monkeypatch):
    monkeypatch.setenv("SETPOINT_TOKEN", "sp_secret")
    guardian.arm(folder, shop.order(60))
    (guard,) = guards_of(folder)
    assert b"SETPOINT_TOKEN" not in Path(f"/proc/{guard}/environ").read_bytes()


def test_only_its_owner_can_talk_to_it(folder, shop):
    guardian.arm(folder, shop.order(60))
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_it_is_found_however_long_the_path_of_its_folder_is(tmp_path, shop):
    folder = tmp_path / ("long" * 40)
    order = shop.order(60)
    assert guardian.arm(folder, order).state is LinkState.ARMED
    guardian.disarm(folder, order.override)
    wait_until(lambda: not guards_of(folder))

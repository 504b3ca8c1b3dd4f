"""The spool keeps orders whatever happens to it, and ends what is due without a store."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from pathlib import Path

import pytest
from tests.control.overrides.ordering import Overridden, wait_until

from setpoint.config.override import LinkKind
from setpoint.control.clock import boot_moment
from setpoint.control.overrides.reverting import Reverting
from setpoint.control.overrides.spool import Spool
from setpoint.engines.simulated.driver import keep, server_at
from setpoint.errors import UnavailableError


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "state" / "spool")


@pytest.fixture
def shop(tmp_path: Path) -> Overridden:
    return Overridden(tmp_path)


@pytest.fixture
def reverting(spool: Spool):
    with closing(Reverting(spool, LinkKind.SPOOL)) as made:
        yield made


def poll(reverting: Reverting) -> float:
    return reverting.poll(boot_moment(), read_secret=lambda _: None, holder="spool")


def poll_until(reverting: Reverting, is_so) -> None:
    wait_until(lambda: poll(reverting) >= 0 and is_so())


def test_what_was_put_is_read_by_another_and_taken_away(spool, shop):
    order = shop.order(60, override="o/1 ..")
    spool.put(order)
    again = Spool(spool.folder)
    assert again.orders() == (order,)
    assert again.order(order.override) == order
    again.remove(order.override)
    again.remove(order.override)
    assert spool.orders() == ()
    assert spool.order(order.override) is None


def test_a_later_order_takes_the_place_of_the_earlier(spool, shop):
    first, second = shop.order(60), shop.order(90)
    spool.put(first)
    assert spool.orders() == (first,)
    spool.put(second)
    assert spool.orders() == (second,)


def test_the_soonest_comes_first(spool, shop):
    orders = [shop.order(seconds, override=f"o{seconds}") for seconds in (90, 30, 60)]
    for order in orders:
        spool.put(order)
    assert [each.override for each in spool.orders()] == ["o30", "o60", "o90"]


def test_only_its_owner_can_read_it(spool, shop):
    spool.put(shop.order(60))
    for path in (spool.folder, *spool.folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_file_that_cannot_be_read_is_told_of_and_hides_no_other(spool, shop):
    spool.put(shop.order(60))
    for name, body in (("torn.json", b'{"override": "x"'), ("empty.json", b"")):
        (spool.folder / "orders" / name).write_bytes(body)
    read = Spool(spool.folder).read()
    assert [each.override for each in read.orders] == ["shop"]
    assert sorted(Path(fault.partition(":")[0]).name for fault in read.faults) == ["empty.json", "torn.json"]


def test_what_a_dying_writer_left_is_no_order(spool, shop):
    spool.put(shop.order(60))
    (spool.folder / "orders" / ".shop.json.77.1").write_bytes(b"{")
    assert Spool(spool.folder).read().faults == ()


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_told_and_leaves_what_was_there(spool, shop, monkeypatch, call):
    first = shop.order(60)
    spool.put(first)

    def fail(*_: object):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(os, "open", fail)
    with pytest.raises(UnavailableError, match="No space left"):
        spool.put(shop.order(90))
    monkeypatch.undo()
    assert Spool(spool.folder).orders() == (first,)
    assert [path.name for path in (spool.folder / "orders").iterdir()] == ["shop.json"]


def test_what_is_due_is_ended_once_and_its_outcome_kept(spool, shop, reverting):
    spool.put(shop.order(-1))
    poll_until(reverting, lambda: not spool.orders())
    assert shop.is_back
    outcome = spool.outcomes()["shop"]
    assert (outcome.link, outcome.is_over, outcome.was_touched) == (LinkKind.SPOOL, True, True)
    spool.forget("shop")
    spool.forget("shop")
    assert spool.outcomes() == {}


def test_what_is_not_due_is_left(spool, shop, reverting):
    spool.put(shop.order(0.6))
    assert 0 < poll(reverting) <= 0.6
    assert not shop.is_back
    assert reverting.spool.orders()


def test_a_persons_change_is_told_and_left_alone(spool, shop, reverting):
    shop.run("set sort_memory 32MB")
    spool.put(shop.order(-1))
    poll_until(reverting, spool.outcomes)
    assert shop.persisted == {"sort_memory": "32MB"}
    clash = spool.outcomes()["shop"].clashes[0]
    assert (clash.parameter, clash.found, clash.ours) == ("sort_memory", "32MB", "16MB")


def test_an_instance_that_is_down_is_tried_until_it_is_back(spool, shop, reverting):
    server = server_at(shop.address)
    server.is_up = False
    keep(shop.address, server)
    spool.put(shop.order(-1))
    poll_until(reverting, spool.troubles)
    assert "down" in spool.troubles()["shop"].fault
    assert spool.outcomes() == {}
    assert spool.orders()
    server.is_up = True
    keep(shop.address, server)
    poll_until(reverting, spool.outcomes)
    assert shop.is_back
    assert spool.troubles() == {}


def test_an_ending_that_was_done_already_does_not_change_when_it_was(spool, shop, reverting):
    """As after a death between what was noted and the order that is taken away."""
    order = shop.order(-1)
    spool.put(order)
    poll_until(reverting, lambda: not spool.orders())
    first = spool.outcomes()["shop"]
    spool.put(order)
    poll_until(reverting, lambda: not spool.orders())
    assert spool.outcomes()["shop"] == first


def test_many_are_ended_side_by_side(spool, reverting, tmp_path):
    shops = [Overridden(tmp_path, f"shop{number}") for number in range(40)]
    for shop in shops:
        spool.put(shop.order(-1))
    poll_until(reverting, lambda: not spool.orders())
    assert all(shop.is_back for shop in shops)

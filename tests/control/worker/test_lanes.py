"""Lanes: one after another in a lane, lanes side by side."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from setpoint.control.worker.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_SECONDS = 10.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_a_lane_keeps_its_order_and_never_has_two_at_once(pool: ThreadPoolExecutor) -> None:
    lanes, done, at_work = Lanes(), list[str](), threading.Semaphore(1)
    may_begin, is_over = threading.Event(), threading.Event()

    def work(key: str) -> bool:
        assert may_begin.wait(WAIT_SECONDS)
        assert at_work.acquire(blocking=False), "two at once in one lane"
        done.append(key)
        at_work.release()
        if len(done) == 20:
            is_over.set()
        return True

    keys = [str(number) for number in range(20)]
    for key in keys:
        lanes.add("one", key, pool, work)
    assert lanes.holds("one", "0")
    assert lanes.waiting("one") == tuple(keys[1:])
    may_begin.set()
    assert is_over.wait(WAIT_SECONDS)
    assert done == keys


def test_lanes_do_not_wait_for_one_another(pool: ThreadPoolExecutor) -> None:
    lanes, meeting = Lanes(), threading.Barrier(2, timeout=WAIT_SECONDS)

    def work(_: str) -> bool:
        meeting.wait()
        return True

    lanes.add("one", "a", pool, work)
    lanes.add("other", "b", pool, work)
    pool.shutdown(wait=True)
    assert not meeting.broken
    assert len(lanes) == 0


def test_a_lane_that_is_closed_lets_go_of_what_waits(pool: ThreadPoolExecutor) -> None:
    lanes, done, may_begin = Lanes(), list[str](), threading.Event()

    def work(key: str) -> bool:
        assert may_begin.wait(WAIT_SECONDS)
        done.append(key)
        return False

    for key in ("a", "b", "c"):
        lanes.add("one", key, pool, work)
    may_begin.set()
    pool.shutdown(wait=True)
    assert done == ["a"]
    assert not lanes.holds("one", "b")
    assert len(lanes) == 0


def test_a_fault_nobody_foresaw_is_logged_and_frees_the_lane(
    pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    lanes = Lanes()

    def work(_: str) -> bool:
        message = "nobody foresaw this"
        raise RuntimeError(message)

    lanes.add("one", "a", pool, work)
    pool.shutdown(wait=True)
    assert "nobody foresaw this" in caplog.text
    assert len(lanes) == 0

"""The worker: controllers go on whatever happens to one of them, and all end in good order."""

from __future__ import annotations

import threading

import pytest

from setpoint.control.worker.dispatch import Task
from setpoint.control.worker.health import Health
from setpoint.control.worker.inprocess import InProcessDispatch
from setpoint.control.worker.worker import Worker, await_store
from setpoint.errors import InputError, StoreUnavailableError


class Counting:
    """A controller that counts, raises as often as told, and wants to be asked again at once."""

    def __init__(self, name, raises=0, pause=0.001):
        self.name = name
        self.raises = raises
        self.pause = pause
        self.polls = 0
        self.stopped = False

    def poll(self, context):
        self.polls += 1
        if self.polls <= self.raises:
            raise StoreUnavailableError("the store is away")
        return self.pause

    def stop(self):
        self.stopped = True


@pytest.fixture
def make_worker(site):
    made = []

    def make(*controllers, works=None):
        health = Health(site.at)
        worker = Worker(site.context, controllers, InProcessDispatch(2), health, works)
        made.append(worker)
        return worker, health

    yield make
    for worker in made:
        worker.stop()


def test_each_controller_is_asked_again_and_again(make_worker, until):
    one, two = Counting("one"), Counting("two")
    worker, health = make_worker(one, two)
    worker.start()
    assert until(lambda: one.polls > 3 and two.polls > 3)
    worker.stop()
    assert health.controllers == ("one", "two")
    assert one.stopped


def test_one_that_hangs_holds_up_no_other(make_worker, until):
    gate = threading.Event()

    class Hanging(Counting):
        def poll(self, context):
            gate.wait(20)
            return 1.0

    other = Counting("other")
    worker, _ = make_worker(Hanging("hanging"), other)
    worker.start()
    assert until(lambda: other.polls > 3)
    gate.set()


def test_one_that_raises_is_told_of_and_asked_again(make_worker, until):
    bad = Counting("bad", raises=2)
    worker, health = make_worker(bad)
    worker.start()
    assert until(lambda: health.faults)
    assert "the store is away" in health.faults["poll bad"]
    assert until(lambda: bad.polls > 2)
    assert until(lambda: not health.faults)
    assert health.counts["poll", "bad", "failed"] == 2


def test_a_task_that_raises_is_told_of(make_worker, until):
    done = []

    def work(context, task):
        if task.key == "bad":
            raise ValueError("password=hunter2 is wrong")
        done.append(task.key)

    worker, health = make_worker(works={"look": work})
    worker.start()
    worker._dispatch.submit([Task("look", "bad")])
    assert until(lambda: health.faults)
    assert "hunter2" not in str(health.faults)
    worker._dispatch.submit([Task("look", "good")])
    assert until(lambda: done == ["good"] and not health.faults)


def test_once_asks_each_once_and_does_what_they_hand_out(make_worker):
    done = []
    one = Counting("one")
    worker, _ = make_worker(one, works={"look": lambda _context, task: done.append(task.key)})
    worker._dispatch.submit([Task("look", "a")])
    worker.once()
    assert worker._dispatch.wait_until_idle(20)
    worker.stop()
    assert (one.polls, done) == (1, ["a"])


def test_the_store_is_waited_for(until):
    attempts, asked, told = [], [], []

    def open_store():
        attempts.append(1)
        if len(attempts) < 3:
            raise StoreUnavailableError("it is away")
        return "store"

    def before_store():
        asked.append(1)
        return 0.0

    found = await_store(open_store, threading.Event(), before_store=before_store, tell=told.append)
    assert (found, len(asked)) == ("store", 2)
    assert told == ["it is away; trying again"]


def test_waiting_for_the_store_can_be_ended_and_is_not_begun_in_vain():
    ending = threading.Event()

    def away():
        ending.set()
        raise StoreUnavailableError("it is away")

    assert await_store(away, ending) is None

    def wrong():
        raise InputError("no place for a store")

    with pytest.raises(InputError):
        await_store(wrong, threading.Event())

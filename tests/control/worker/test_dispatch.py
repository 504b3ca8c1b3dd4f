"""The dispatch port: the same behaviour in one process and on PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from setpoint.control.worker.dispatch import Task
from setpoint.control.worker.inprocess import InProcessDispatch


class Doer:
    """Does tasks, and holds those back that are told to wait at the gate."""

    def __init__(self):
        self.lock = threading.Lock()
        self.done = []
        self.running = Counter()
        self.most = Counter()
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, task):
        with self.lock:
            self.running[task.key] += 1
            self.most[task.key] = max(self.most[task.key], self.running[task.key])
        self.entered.release()
        if task.argument.get("waits"):
            assert self.gate.wait(20)
        with self.lock:
            self.running[task.key] -= 1
            self.done.append(task)
        if task.argument.get("raises"):
            raise ValueError(task.argument["raises"])


@pytest.fixture
def doer():
    made = Doer()
    yield made
    made.gate.set()


def test_what_is_submitted_is_done_with_its_argument(make_dispatch, doer, until):
    dispatch = make_dispatch()
    task = Task("look", "shop", {"instance": "shop", "why": "ä 'quoted' \\"}, priority=3)
    assert dispatch.submit([task]) == 1
    dispatch.start({"look": doer})
    assert until(lambda: doer.done)
    assert doer.done == [task]
    assert until(lambda: dispatch.depth() == {})


def test_of_one_kind_and_key_one_waits(make_dispatch, doer, until):
    dispatch = make_dispatch()
    assert dispatch.submit([Task("look", "a"), Task("look", "a"), Task("look", "b"), Task("act", "a")]) == 3
    assert dispatch.submit([Task("look", "a"), Task("look", "c")]) == 1
    assert dispatch.depth() == {"look": 3, "act": 1}
    dispatch.start({"look": doer, "act": doer})
    assert until(lambda: len(doer.done) == 4)


def test_while_one_is_done_another_of_its_kind_and_key_may_wait(make_dispatch, doer, until):
    dispatch = make_dispatch()
    dispatch.start({"look": doer})
    dispatch.submit([Task("look", "a", {"waits": "yes"})])
    assert doer.entered.acquire(timeout=20)
    assert dispatch.submit([Task("look", "a")]) == 1
    assert dispatch.submit([Task("look", "a")]) == 0
    doer.gate.set()
    assert until(lambda: len(doer.done) == 2)


def test_no_two_tasks_of_a_key_are_done_at_once_and_other_keys_do_not_wait(make_dispatch, doer, until):
    dispatch = make_dispatch()
    dispatch.start({"look": doer, "act": doer})
    dispatch.submit([Task("look", "a", {"waits": "yes"})])
    assert doer.entered.acquire(timeout=20)
    dispatch.submit([Task("act", "a"), Task("act", "b"), Task("act", "c")])
    assert until(lambda: len(doer.done) == 2)
    assert sorted(task.key for task in doer.done) == ["b", "c"]
    doer.gate.set()
    assert until(lambda: len(doer.done) == 4)
    assert max(doer.most.values()) == 1


def test_the_highest_priority_goes_first(make_dispatch, doer, until):
    dispatch = make_dispatch(threads=1)
    dispatch.submit([Task("look", f"k{number}", priority=number % 5) for number in range(20)])
    dispatch.start({"look": doer})
    assert until(lambda: len(doer.done) == 20)
    priorities = [task.priority for task in doer.done]
    assert priorities == sorted(priorities, reverse=True)


def test_what_raises_is_told_and_ends_nothing_else(make_dispatch, doer, until):
    dispatch = make_dispatch(threads=1)
    told = []
    dispatch.start({"look": doer}, lambda task, fault: told.append((task.key, str(fault))))
    dispatch.submit([Task("look", "a", {"raises": "no"}), Task("look", "b")])
    assert until(lambda: len(doer.done) == 2)
    assert until(lambda: told == [("a", "no")])
    assert dispatch.submit([Task("look", "a")]) == 1
    assert until(lambda: len(doer.done) == 3)


def test_stop_finishes_what_is_in_hand_and_leaves_the_rest(make_dispatch, doer, until):
    dispatch = make_dispatch(threads=1)
    dispatch.start({"look": doer})
    dispatch.submit([Task("look", "a", {"waits": "yes"}), Task("look", "b")])
    assert doer.entered.acquire(timeout=20)
    stopping = threading.Thread(target=dispatch.stop)
    stopping.start()
    doer.gate.set()
    stopping.join(20)
    assert not stopping.is_alive()
    assert doer.done[0].key == "a"
    dispatch.stop()


def test_a_thousand_keys_from_many_threads(make_dispatch, doer, until):
    dispatch = make_dispatch()
    dispatch.start({"look": doer})
    tasks = [Task("look", f"k{number}") for number in range(300)]
    threads = [threading.Thread(target=dispatch.submit, args=[tasks]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert until(lambda: dispatch.depth() == {} and len({task.key for task in doer.done}) == 300)
    assert max(doer.most.values()) == 1


def test_what_comes_in_when_too_many_wait_is_dropped():
    dispatch = InProcessDispatch(1, most_waiting=3)
    assert dispatch.submit([Task("look", f"k{number}") for number in range(5)]) == 3
    assert dispatch.depth() == {"look": 3}


def test_idle_is_when_nothing_waits_and_nothing_is_done(doer):
    dispatch = InProcessDispatch(2)
    dispatch.start({"look": doer})
    dispatch.submit([Task("look", "a", {"waits": "yes"})])
    assert not dispatch.wait_until_idle(0.01)
    doer.gate.set()
    assert dispatch.wait_until_idle(20)
    dispatch.stop()

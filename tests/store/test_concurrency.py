"""Many at once: nobody is starved, nothing is lost, and who comes first is served first."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from setpoint.errors import ConflictError, StoreUnavailableError
from setpoint.policy.person import Person
from setpoint.store import Store
from setpoint.store.records import Lease, WorkerState
from setpoint.store.turns import Turns

AT = datetime(2026, 1, 2, tzinfo=UTC)
THREADS = 200
ROUNDS = 3
PATIENCE_SECONDS = 60.0


def _put(store: Store, name: str, version: int = 0) -> None:
    person = Person(name=name)
    store.people.put(name, person, version=version, actor="r", action="person.add", detail={}, at=AT)


def test_two_hundred_threads_lose_nothing(store) -> None:
    start = threading.Barrier(THREADS)

    def work(number: int) -> int:
        start.wait(PATIENCE_SECONDS)
        for turn in range(ROUNDS):
            _put(store, f"person-{number}-{turn}")
            lease = store.leases.claim(f"lease-{number}", f"holder-{number}", 60.0)
            store.leases.release(store.leases.renew(lease, 60.0))
        return lease.epoch

    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(work, range(THREADS))) == {ROUNDS}
    assert len(store.people.all()) == THREADS * ROUNDS
    assert store.audit.verify().rows == THREADS * ROUNDS
    assert store.audit.verify().is_intact
    assert store.verify_records().faults == ()


def test_of_many_threads_that_want_one_lease_one_gets_it(store) -> None:
    start = threading.Barrier(50)

    def work(number: int) -> Lease | None:
        start.wait(PATIENCE_SECONDS)
        return store.leases.claim("one", f"holder-{number}", 60.0)

    with ThreadPoolExecutor(50) as pool:
        got = [lease for lease in pool.map(work, range(50)) if lease is not None]
    assert [lease.epoch for lease in got] == [1]
    assert store.leases.holder_of("one") == got[0]


def test_of_many_threads_that_write_one_record_each_conflict_is_told(store) -> None:
    _put(store, "ann")
    start = threading.Barrier(50)

    def work(_: int) -> bool:
        start.wait(PATIENCE_SECONDS)
        try:
            _put(store, "ann", 1)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(work, range(50))) == 1
    assert store.people.get("ann").version == 2


def test_readers_beside_waiting_writers_are_answered(store) -> None:
    _put(store, "ann")
    start = threading.Barrier(THREADS)

    def work(number: int) -> bool:
        start.wait(PATIENCE_SECONDS)
        if number % 2:
            with store.moment():
                return store.people.get("ann").value.name == "ann" and bool(store.audit.rows(limit=1))
        with store.moment():
            store.people.find("ann")
            _put(store, f"person-{number}")
            return store.people.find(f"person-{number}") is not None

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(THREADS)))


def test_processes_that_write_to_one_file_all_come_to_their_end(tmp_path) -> None:
    place = tmp_path / "store.db"
    Store.create(place).close()
    code = (
        "import sys, threading\n"
        "from datetime import UTC, datetime\n"
        "from setpoint.store import Store\n"
        "store = Store.open(sys.argv[1])\n"
        "def work(n):\n"
        "    for turn in range(5):\n"
        "        store.audit.append(sys.argv[2], 'test', f'{n}', {'turn': turn}, datetime.now(UTC))\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]\n"
        "[each.start() for each in threads]; [each.join() for each in threads]\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(place), f"p{number}"], stderr=subprocess.PIPE, text=True
        )
        for number in range(3)
    ]
    assert [each.communicate(timeout=PATIENCE_SECONDS)[1] for each in started] == ["", "", ""]
    with Store.open(place) as store:
        report = store.audit.verify()
        assert (report.rows, report.is_intact) == (300, True)


def test_turns_are_had_in_the_order_of_coming() -> None:
    turns, order, threads = Turns(), [], []

    def work(number: int) -> None:
        with turns.turn(PATIENCE_SECONDS):
            order.append(number)

    with turns.turn(PATIENCE_SECONDS):
        for number in range(20):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            while turns.waiting <= number:
                pass
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert order == list(range(20))


def test_who_gives_up_waiting_holds_nobody_up() -> None:
    turns = Turns()
    with turns.turn(1.0):
        with pytest.raises(TimeoutError), turns.turn(0.001):
            pytest.fail("it was somebody else's turn")
        assert turns.waiting == 0
    with turns.turn(0.001):
        pass


def test_a_writer_that_hangs_is_told_of(store, monkeypatch) -> None:
    monkeypatch.setattr("setpoint.store.database.QUEUE_TIMEOUT_SECONDS", 0.01)

    def work() -> None:
        with pytest.raises(StoreUnavailableError, match="another thread of this process"):
            _put(store, "ann")

    with store.transaction(), ThreadPoolExecutor(1) as pool:
        pool.submit(work).result(PATIENCE_SECONDS)
    _put(store, "ann")


def test_a_moment_is_one_until_something_is_written(store, where) -> None:
    _put(store, "ann")
    with Store.open(where) as other:
        with store.moment():
            assert set(store.people.all()) == {"ann"}
            _put(other, "bob")
            assert set(store.people.all()) == {"ann"}
            assert store.audit.head().seq == 1
            _put(store, "cec")
            assert set(store.people.all()) == {"ann", "bob", "cec"}
        with store.moment(), store.moment():
            assert len(store.people.all()) == 3
            store.leases.claim("one", "ann", 1.0)
            _put(other, "dan")
            assert len(store.people.all()) == 4


def test_workers_are_what_they_said_last(store) -> None:
    state = WorkerState(id="w1", host="h", pid=1, started_at=AT, seen_at=AT, queue_depth={"observe": 3})
    later = WorkerState(
        id="w1", host="h", pid=1, started_at=AT, seen_at=store.now(), detail={"fault": "none"}
    )
    store.workers.beat(state)
    assert store.workers.all() == (state,)
    store.workers.beat(later)
    store.workers.beat(WorkerState(id="w0", host="h", pid=2, started_at=AT, seen_at=AT))
    assert [each.id for each in store.workers.all()] == ["w0", "w1"]
    assert store.workers.all()[1] == later
    store.workers.forget("w0")
    store.workers.forget("w0")
    assert store.workers.all() == (later,)


def test_a_cursor_only_goes_forward(store) -> None:
    assert store.cursors.get("notices") == 0
    for seq in (5, 3, 5, 7, 6):
        store.cursors.put("notices", seq)
    assert store.cursors.get("notices") == 7
    assert store.cursors.get("other") == 0


def test_ids_are_found_by_how_they_begin(store) -> None:
    for name in ("a/1", "a/2", "A/3", "a%", "b/1"):
        _put(store, name)
    _put(store, "a/2", 1)
    assert {name: kept.version for name, kept in store.people.under("a/").items()} == {"a/1": 1, "a/2": 2}
    assert set(store.people.under("a%")) == {"a%"}
    assert store.people.under("c") == {}
    assert len(store.people.under("")) == 5

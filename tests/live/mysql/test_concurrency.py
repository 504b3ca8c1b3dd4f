"""Two who change the same server at once: nobody's finished change is overwritten unseen."""

from __future__ import annotations

import threading
from contextlib import closing

import msgspec
import pymysql
import pytest
from tests.chaos.site import await_that
from tests.chaos.site_mysql import ENGINES, PARAMETER, THEIRS, clear
from tests.live.mysql.scene import by_hand, target_of

from setpoint.engines.plan import Request
from setpoint.errors import HeldError, RefusedError, StalePlanError

ROUNDS = 300
WE_ADD, THEY_ADD = 1024, 1048576


@pytest.fixture
def server(mysql_family_each):
    yield mysql_family_each
    clear(mysql_family_each)


def test_what_a_fast_writer_finished_before_we_write_is_never_overwritten(server):
    """Their write ends during our look, or after it; ours may then come through only over what we saw."""
    engine = ENGINES[server.binaries.kind]
    verb = "GLOBAL" if server.binaries.kind == "mariadb" else "PERSIST"
    lost, refused = [], 0
    their = pymysql.connect(host="127.0.0.1", port=server.port, user="root", autocommit=True)
    with (
        their,
        their.cursor() as cursor,
        closing(engine.connect(target_of(server, has_agent=False), is_read_only=False)) as driver,
    ):
        for number in range(ROUNDS):
            cursor.execute(f"SET {verb} {PARAMETER} = {65536 + number * 4}")
            theirs = THEY_ADD + number * 4
            writing = threading.Thread(target=cursor.execute, args=(f"SET {verb} {PARAMETER} = {theirs}",))
            if number % 2:
                writing.start()
            seen = engine.read_entry(PARAMETER, driver.run(engine.entry(PARAMETER)))
            if not number % 2:
                writing.start()
            writing.join()
            request = Request(text=f"SET {verb} {PARAMETER} = {WE_ADD + number * 4}", is_read_only=False)
            try:
                driver.run(engine.unless_moved(request, PARAMETER, seen))
            except RefusedError:
                refused += 1
            else:
                if seen != str(theirs):
                    lost.append(number)
    assert lost == []
    assert refused >= ROUNDS // 2


WORDS = {
    "mariadb": [("GLOBAL", PARAMETER)],
    "mysql": [("PERSIST", PARAMETER), ("PERSIST_ONLY", "innodb_read_io_threads"), ("GLOBAL", PARAMETER)],
}
GATE = "setpoint_test_gate"


def test_what_moves_after_the_look_ahead_is_seen_by_the_statement_that_writes(server):
    """A gate holds the message between the look that goes ahead and the write; somebody comes meanwhile."""
    engine = ENGINES[server.binaries.kind]
    for word, name in WORDS[engine.name]:
        clear(server)
        with (
            closing(engine.connect(target_of(server, has_agent=False), is_read_only=False)) as driver,
            pymysql.connect(host="127.0.0.1", port=server.port, user="root", autocommit=True) as their,
            their.cursor() as cursor,
        ):
            cursor.execute(f"SELECT GET_LOCK('{GATE}', 10)")
            seen = engine.read_entry(name, driver.run(engine.entry(name)))
            request = Request(text=f"SET {word} {name} = {8 if 'io' in name else 65536}", is_read_only=False)
            guarded = engine.unless_moved(request, name, seen)
            gate = f"SELECT GET_LOCK('{GATE}', 10)"
            gated = msgspec.structs.replace(guarded, ahead=(*guarded.ahead, gate))
            faults: list[StalePlanError] = []
            writing = threading.Thread(target=keep_fault, args=(driver, gated, faults))
            writing.start()
            await_that(lambda: is_waiting(server), "it stands at the gate")
            theirs = "16" if "io" in name else THEIRS
            their_word = "PERSIST" if word == "GLOBAL" and engine.name == "mysql" else word
            cursor.execute(f"SET {their_word} {name} = {theirs}")
            cursor.execute(f"SELECT RELEASE_LOCK('{GATE}')")
            writing.join()
            assert [fault.what for fault in faults] == ["it was changed in this very moment"]
            assert engine.read_entry(name, driver.run(engine.entry(name))) == theirs


def keep_fault(driver, request: Request, faults: list[StalePlanError]) -> None:
    try:
        driver.run(request)
    except StalePlanError as fault:
        faults.append(fault)


def is_waiting(server) -> bool:
    asked = "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock'"
    return by_hand(server, asked)[0][0] == 1


def test_of_many_who_want_the_lock_at_once_one_has_it(server):
    engine = ENGINES[server.binaries.kind]
    drivers = [engine.connect(target_of(server), is_read_only=False) for _ in range(8)]
    together, held, told = threading.Barrier(len(drivers)), [], []

    def try_it(number: int) -> None:
        together.wait()
        try:
            drivers[number].lock(f"apply by {number}")
        except HeldError as fault:
            told.append(str(fault))
        else:
            held.append(number)

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(len(drivers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 1
    assert len(told) == len(drivers) - 1
    for driver in drivers:
        driver.close()

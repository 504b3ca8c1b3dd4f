"""Two who change the same server at once: nobody's finished change is overwritten unseen."""

from __future__ import annotations

import threading
from contextlib import closing

import pymysql
import pytest
from tests.chaos.site_mysql import ENGINES, PARAMETER, clear
from tests.live.mysql.scene import target_of

from setpoint.engines.plan import Request
from setpoint.errors import HeldError, RefusedError

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

"""The queue in the store's database when workers die, and when the database does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import count

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from setpoint.errors import StoreUnavailableError
from setpoint.integrations.dispatch import Task

pytest.importorskip("procrastinate")

from setpoint.integrations.procrastination import SCHEMA, ProcrastinateDispatch, prepare

_NUMBERS = count(1)
_VICTIM = """
import sys, time
from setpoint.integrations.procrastination import ProcrastinateDispatch

def hang(task):
    print(task.key, flush=True)
    time.sleep(600)

dispatch = ProcrastinateDispatch(sys.argv[1], 1, heartbeat_seconds=0.2, stalled_seconds=1.0)
dispatch.start({"look": hang})
time.sleep(600)
"""


def until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


@pytest.fixture
def url(postgresql):
    name = f"queue_{next(_NUMBERS)}"
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        info = connection.info
        return f"postgresql://{info.user}@/{name}?host={info.host}&port={info.port}"


@pytest.fixture
def dispatch(url):
    made = ProcrastinateDispatch(url, 2, heartbeat_seconds=0.2, stalled_seconds=1.0)
    yield made
    made.stop()


@pytest.fixture
def victim(url):
    process = subprocess.Popen([sys.executable, "-c", _VICTIM, url], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_a_killed_worker_was_at_is_done_by_another(dispatch, victim):
    done = []
    dispatch.submit([Task("look", "a")])
    assert victim.stdout.readline().strip() == "a"
    dispatch.start({"look": lambda task: done.append(task.key)})
    # While it lives its key is its own, and other keys are done.
    dispatch.submit([Task("look", "a"), Task("look", "b")])
    assert until(lambda: done == ["b"])
    os.kill(victim.pid, signal.SIGKILL)
    assert until(lambda: done.count("a") == 1)
    assert until(lambda: dispatch.depth() == {})


def test_a_stopped_worker_that_goes_on_later_ends_nothing(dispatch, victim):
    done = []
    dispatch.submit([Task("look", "a")])
    assert victim.stdout.readline().strip() == "a"
    os.kill(victim.pid, signal.SIGSTOP)
    dispatch.start({"look": lambda task: done.append(task.key)})
    assert until(lambda: done == ["a"])
    os.kill(victim.pid, signal.SIGCONT)
    dispatch.submit([Task("look", "c")])
    assert until(lambda: "c" in done)


def test_the_tables_live_apart_and_are_made_once(dispatch, url):
    threads = [threading.Thread(target=dispatch.depth) for _ in range(4)]
    others = [ProcrastinateDispatch(url, 1) for _ in range(3)]
    threads += [threading.Thread(target=other.depth) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        assert other.depth() == {}
        other.stop()
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename ~ '^procrastinate'"
        )
        assert rows.fetchall() == [(SCHEMA,)]


def test_tables_of_another_version_are_made_anew_when_nobody_uses_them(dispatch, url):
    dispatch.submit([Task("look", "a")])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS 'procrastinate another'")
        other = ProcrastinateDispatch(url, 1)
        connection.execute(f"INSERT INTO {SCHEMA}.procrastinate_workers DEFAULT VALUES")
        with pytest.raises(StoreUnavailableError, match="another version"):
            other.depth()
        connection.execute(f"DELETE FROM {SCHEMA}.procrastinate_workers")
    assert other.depth() == {}
    other.stop()


def test_a_database_that_is_away_is_unavailable_and_then_is_there_again(start_postgresql):
    server = start_postgresql(18)
    info = conninfo_to_dict(server.dsn)
    url = f"postgresql://{info['user']}@/{info['dbname']}?host={info['host']}&port={info['port']}"
    dispatch, done = ProcrastinateDispatch(url, 1, heartbeat_seconds=0.2, stalled_seconds=1.0), []
    try:
        dispatch.start({"look": lambda task: done.append(task.key)})
        dispatch.submit([Task("look", "a")])
        assert until(lambda: done == ["a"])
        server.restart()
        assert until(lambda: _submitted(dispatch, "b"))
        assert until(lambda: done == ["a", "b"])
    finally:
        dispatch.stop()


def test_a_server_that_is_nowhere(tmp_path):
    dispatch = ProcrastinateDispatch(f"postgresql://nobody@/x?host={tmp_path}", 1)
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        dispatch.submit([Task("look", "a")])
    assert dispatch.submit([]) == 0
    dispatch.stop()


def test_preparing_twice_is_harmless(dispatch):
    dispatch.depth()
    prepare(dispatch._app)


def _submitted(dispatch, key):
    try:
        return dispatch.submit([Task("look", key)]) == 1
    except StoreUnavailableError:
        return False

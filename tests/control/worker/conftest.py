"""Both dispatches, each for a handful of threads, and stores of both kinds."""

from __future__ import annotations

import time
from itertools import count

import pytest

from setpoint.control.worker.inprocess import InProcessDispatch

_NUMBERS = count(1)


@pytest.fixture
def database(request) -> str:
    """Make an empty database on a private server; answer its URL."""
    import psycopg

    dsn = request.getfixturevalue("postgresql").dsn
    name = f"worker_{next(_NUMBERS)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        info = connection.info
        return f"postgresql://{info.user}@/{name}?host={info.host}&port={info.port}"


@pytest.fixture(params=["in process", "procrastinate"])
def make_dispatch(request):
    """Answer a way to make dispatches that share a queue, where their kind can; all are stopped later."""
    made = []

    def make(threads=4):
        if request.param == "in process":
            dispatch = InProcessDispatch(threads)
        else:
            pytest.importorskip("procrastinate")
            from setpoint.integrations.procrastination import ProcrastinateDispatch

            url = request.getfixturevalue("database")
            dispatch = ProcrastinateDispatch(url, threads, heartbeat_seconds=0.2, stalled_seconds=1.0)
        made.append(dispatch)
        return dispatch

    yield make
    for each in made:
        each.stop()


def until(condition, seconds=20.0):
    """Wait until something holds; answer whether it came to that in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


@pytest.fixture(name="until")
def _until():
    return until


@pytest.fixture
def site(tmp_path):
    from tests.control.worker.site import Site

    made = Site(tmp_path)
    yield made
    made.store.close()

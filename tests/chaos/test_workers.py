"""Workers on a PostgreSQL store are killed again and again: all is observed, nothing is done twice.

The machinery is the benchmark's, which does the same for longer and prints figures.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from tests.fix_postgresql import MAJORS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("bench_workers")


@pytest.fixture
def where(postgresql) -> str:
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE workers")
    return f"postgresql://{postgresql.user}@{postgresql.host}:{postgresql.port}/workers"


@pytest.mark.slow
def test_workers_are_killed_two_at_a_time_while_rollouts_go_on(bench, where, tmp_path, _launch):
    with ExitStack() as stack:
        servers = [stack.enter_context(_launch(MAJORS[-1], conf=bench.SERVER_CONF)) for _ in range(2)]
        found = bench.run(where, bench.Fleet(tmp_path, 20, servers), 25.0, interval_seconds=5.0, is_loud=False)
    assert found.kills >= 2
    assert found.sessions >= 2 * len(servers)
    assert found.applies >= 20
    assert (found.by_audit, found.by_servers, found.wrong) == ([], [], [])
    assert [rollout.state.value for rollout, _ in found.rollouts] == ["done", "done"]
    assert found.not_kept == 0

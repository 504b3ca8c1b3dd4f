"""Workers on a PostgreSQL store are killed again and again: all is observed, nothing is done twice.

The machinery is the benchmark's, which does the same for longer and prints figures.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from setpoint.store.chain import AuditRow

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
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


@pytest.fixture(scope="module")
def overlap(bench) -> ModuleType:
    return importlib.import_module("overlap")


@pytest.mark.slow
def test_workers_are_killed_two_at_a_time_while_rollouts_go_on(bench, where, tmp_path, start_postgresql):
    servers = [start_postgresql(conf=bench.SERVER_CONF) for _ in range(2)]
    fleet = bench.Fleet(tmp_path, 20, servers)
    found = bench.run(where, fleet, 25.0, interval_seconds=5.0, is_loud=False)
    assert found.kills >= 2
    assert found.sessions >= 2 * len(servers)
    assert found.applies >= 20
    assert (found.by_audit, found.by_servers, found.wrong) == ([], [], [])
    assert len(found.rollouts) >= 2
    assert {rollout.state.value for rollout, _ in found.rollouts} == {"done"}
    assert found.not_kept == 0


def row(seq: int, action: str, id_: str, **detail: object) -> AuditRow:
    return AuditRow(
        seq=seq,
        at=NOON + timedelta(seconds=seq),
        actor="ada",
        action=f"apply.{action}",
        subject="shop",
        detail={"apply": id_, "pid": int(id_), "message": "", **detail},
        previous="",
        hash="",
    )


def seen(overlap, *rows: AuditRow, died: dict[int, datetime] | None = None) -> list:
    spans = overlap.spans_of_audit(rows, died or {}, NOON + timedelta(hours=1))
    return overlap.overlaps(spans["shop"])


def test_applies_one_after_the_other_do_not_overlap(overlap):
    first = (row(1, "begin", "1"), row(2, "finish", "1"))
    assert seen(overlap, *first, row(3, "begin", "2"), row(4, "finish", "2")) == []


def test_an_apply_within_another_overlaps(overlap):
    inner = (row(2, "begin", "2"), row(3, "finish", "2"))
    assert len(seen(overlap, row(1, "begin", "1"), *inner, row(4, "finish", "1"))) == 1


def test_an_apply_that_was_ended_by_the_next_overlaps_unless_its_process_was_dead(overlap):
    taken_over = (
        row(1, "begin", "1"),
        row(5, "finish", "1", message="its process ended in step 1 of 2"),
        row(6, "begin", "2"),
        row(7, "finish", "2"),
    )
    assert seen(overlap, *taken_over, died={1: NOON + timedelta(seconds=4)}) == []
    assert len(seen(overlap, *taken_over)) == 1


def test_sessions_that_both_wrote_are_seen_in_a_log(overlap, tmp_path):
    log = tmp_path / "server.log"
    lines = [
        "12:00:01.000 UTC|7||LOG:  statement: ALTER SYSTEM SET work_mem = '8MB'",
        "12:00:02.000 UTC|8||LOG:  statement: ALTER SYSTEM SET jit = off",
        "12:00:02.500 UTC|9|a person|LOG:  statement: ALTER SYSTEM RESET jit",
        "12:00:03.000 UTC|7||LOG:  disconnection: session time: 0:00:02.000",
        "12:00:04.000 UTC|8||LOG:  disconnection: session time: 0:00:02.000",
    ]
    log.write_text("".join(f"2026-11-23 {line}\n" for line in lines))
    spans = overlap.spans_of_log(log, but="a person")
    assert [each.who for each in spans] == ["session 7", "session 8"]
    assert len(overlap.overlaps(spans)) == 1

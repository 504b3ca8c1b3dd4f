from __future__ import annotations

import pytest

from setpoint.errors import LabError
from setpoint.lab import trial
from setpoint.lab.compare import compare
from setpoint.lab.counters import Counters
from setpoint.lab.load import LoadResult
from setpoint.lab.pgbench import Pgbench
from setpoint.lab.trial import WarmUp, ask_with_psql, run_trial

NO_WARM_UP = WarmUp(limit_s=0)


def answer(read=0, hit=0, commits=0, wal=0):
    """What PostgreSQL would tell; its temporary files were there before."""
    return (
        f"blks_read|{read}\nblks_hit|{hit}\ntemp_bytes|400\ntemp_files|2\n"
        f"xact_commit|{commits}\nwal_lsn|{wal}"
    )


class FakeServer:
    """Counts what its load does; ``reads`` says how many blocks each run reads per transaction."""

    def __init__(self, *reads):
        self.reads, self.runs = [*reads], 0
        self.read = self.commits = 0

    def load(self, seconds):
        self.runs += 1
        self.commits += 100
        self.read += int(100 * (self.reads.pop(0) if len(self.reads) > 1 else self.reads[0]))
        return LoadResult(
            tps=100 / seconds,
            latency_mean_ms=1,
            latency_p95_ms=None,
            transactions=100,
            failed=0,
            seconds=seconds,
        )

    def ask(self, _statement):
        return answer(self.read, self.read * 2, self.commits, self.commits * 30)


def test_counters_are_those_of_the_trial_alone():
    server = FakeServer(5)
    measured = run_trial(server.load, server.ask, seconds=1, warm_up=WarmUp(step_s=1))
    assert measured.counters == Counters(
        blocks_read=500, blocks_hit=1000, temp_bytes=0, commits=100, wal_bytes=3000
    )
    assert measured.per_transaction.blocks_read == 5
    assert measured.per_transaction.wal_bytes == 30


def test_warming_up_goes_on_until_reading_settles():
    server = FakeServer(50, 20, 8, 7.9, 7.9)
    measured = run_trial(server.load, server.ask, seconds=1, warm_up=WarmUp(step_s=2, limit_s=60))
    assert (measured.warm_up_s, measured.is_warm, server.runs) == (8, True, 5)


def test_warming_up_ends_at_its_limit():
    server = FakeServer(*range(1000, 0, -200))
    measured = run_trial(server.load, server.ask, seconds=1, warm_up=WarmUp(step_s=2, limit_s=6))
    assert (measured.warm_up_s, measured.is_warm) == (6, False)


def test_no_warm_up_on_request():
    server = FakeServer(5)
    assert run_trial(server.load, server.ask, seconds=1, warm_up=NO_WARM_UP).warm_up_s == 0
    assert server.runs == 1


def test_a_load_on_another_database_is_noticed(monkeypatch):
    monkeypatch.setattr(trial, "_CATCH_UP_LIMIT_S", 0)
    server = FakeServer(5)
    with pytest.raises(LabError, match="0 commits of a load that made 100"):
        run_trial(server.load, lambda _: answer(), seconds=1, warm_up=NO_WARM_UP)


def test_a_statement_that_fails_is_told(postgresql):
    ask = ask_with_psql(postgresql.binaries, postgresql.client_variables)
    with pytest.raises(LabError, match="nowhere"):
        ask("select from nowhere")


def test_a_real_trial_counts_what_the_load_did_on_every_major(postgresql_each):
    load = Pgbench(postgresql_each.binaries, postgresql_each.client_variables, clients=2)
    load.fill(1)
    ask = ask_with_psql(postgresql_each.binaries, postgresql_each.client_variables)
    measured = run_trial(load.run, ask, seconds=1, warm_up=WarmUp(step_s=1, limit_s=2))
    assert measured.counters.commits >= measured.load.transactions
    # Three updates and one insert: some hundred bytes, and page images now and then.
    assert 200 < measured.per_transaction.wal_bytes < 50_000
    assert measured.per_transaction.blocks_hit > 10
    assert measured.per_transaction.temp_bytes == 0


@pytest.mark.slow
def test_a_real_comparison_sees_a_cache_that_is_too_small(postgresql):
    load = Pgbench(postgresql.binaries, postgresql.client_variables, script="select-only", clients=2)
    load.fill(5)
    ask = ask_with_psql(postgresql.binaries, postgresql.client_variables)

    def measure(side):
        ask(f"alter system set shared_buffers = '{'4MB' if side == 'a' else '256MB'}'")
        postgresql.restart()
        return run_trial(load.run, ask, seconds=2, warm_up=WarmUp(step_s=1, limit_s=10))

    seen = compare(measure, pairs=2, steal_gate=1).contrast(
        lambda measured: measured.per_transaction.blocks_read, is_more_better=False
    )
    assert seen.change < -0.5

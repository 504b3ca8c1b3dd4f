from __future__ import annotations

import pytest

from setpoint.lab.compare import compare
from setpoint.lab.counters import MYSQL_COUNTERS
from setpoint.lab.mysql_client import ask_with_mysql
from setpoint.lab.sysbench import Sysbench
from setpoint.lab.trial import WarmUp, run_trial


def test_a_real_trial_counts_what_the_load_did(mysql_family_each, sysbench):
    server = mysql_family_each
    load = Sysbench(sysbench, server.binaries, server.connection, tables=1, rows=1000, threads=2)
    load.fill()
    measured = run_trial(
        load.run,
        ask_with_mysql(server.binaries, server.connection),
        seconds=1,
        warm_up=WarmUp(step_s=1, limit_s=2),
        source=MYSQL_COUNTERS[server.binaries.kind],
    )
    assert measured.counters.commits >= measured.load.transactions > 0
    # Two updates, a delete and an insert: some hundred bytes, and whole pages now and then.
    assert 200 < measured.per_transaction.wal_bytes < 50_000
    assert measured.per_transaction.blocks_hit > 10


def test_single_selects_count_as_transactions_of_their_own(mysql_family_each, sysbench):
    server = mysql_family_each
    load = Sysbench(
        sysbench, server.binaries, server.connection, script="oltp_point_select", tables=1, rows=1000
    )
    load.fill()
    measured = run_trial(
        load.run,
        ask_with_mysql(server.binaries, server.connection),
        seconds=1,
        warm_up=WarmUp(limit_s=0),
        source=MYSQL_COUNTERS[server.binaries.kind],
    )
    assert measured.counters.commits >= measured.load.transactions


@pytest.mark.slow
def test_a_real_comparison_sees_a_buffer_pool_that_is_too_small(start_mariadb, sysbench):
    server = start_mariadb()
    load = Sysbench(
        sysbench,
        server.binaries,
        server.connection,
        script="oltp_point_select",
        tables=1,
        rows=200_000,
        threads=2,
        choice="uniform",
    )
    load.fill()
    ask = ask_with_mysql(server.binaries, server.connection)

    def measure(side):
        size = "8M" if side == "a" else "256M"
        server.fragment_path.write_text(f"[mysqld]\ninnodb_buffer_pool_size = {size}\n")
        server.restart()
        warm_up = WarmUp(step_s=1, limit_s=8)
        return run_trial(load.run, ask, seconds=2, warm_up=warm_up, source=MYSQL_COUNTERS["mariadb"])

    seen = compare(measure, pairs=2, steal_gate=1).contrast(
        lambda measured: measured.per_transaction.blocks_read, is_more_better=False
    )
    assert seen.change < -0.5

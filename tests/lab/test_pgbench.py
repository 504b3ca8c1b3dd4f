from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.errors import LabError
from setpoint.lab.pgbench import Pgbench, percentile_ms, read_report

REPORT_13 = """\
transaction type: <builtin: TPC-B (sort of)>
scaling factor: 1
query mode: simple
number of clients: 4
number of threads: 2
duration: 2 s
number of transactions actually processed: 3000
latency average = 2.664 ms
tps = 1490.1 (including connections establishing)
tps = 1500.0 (excluding connections establishing)
"""
REPORT_18 = """\
pgbench (18.6)
transaction type: <builtin: TPC-B (sort of)>
scaling factor: 1
query mode: simple
number of clients: 4
number of threads: 2
maximum number of tries: 1
duration: 2 s
number of transactions actually processed: 3000
number of failed transactions: 3 (0.100%)
latency average = 2.664 ms
initial connection time = 5.5 ms
tps = 1500.000000 (without initial connection time)
"""


@pytest.fixture
def make_load(postgresql_each):
    def make(**options):
        return Pgbench(postgresql_each.binaries, postgresql_each.client_variables, **options)

    return make


@pytest.mark.parametrize(("report", "failed"), [(REPORT_13, 0), (REPORT_18, 3)])
def test_the_reports_of_all_versions_are_read_alike(report, failed):
    result = read_report(report, 5.5)
    assert (result.tps, result.latency_mean_ms, result.latency_p95_ms) == (1500, 2.664, 5.5)
    assert (result.transactions, result.failed, result.seconds) == (3000, failed, 2)


def test_a_report_without_figures_is_refused():
    with pytest.raises(LabError, match="lacks transactions, latency or rate"):
        read_report("number of transactions actually processed: 3000\n")


def test_the_95th_percentile():
    assert percentile_ms(range(1000, 101_000, 1000)) == 96
    assert percentile_ms([7000]) == 7
    assert percentile_ms([]) is None


def test_a_load_is_filled_and_run_on_every_major(make_load):
    shares, seconds = [], []
    load = make_load(clients=2)
    load.fill(1, shares.append)
    assert shares[-1] == 1
    result = load.run(2, lambda elapsed_s, tps: seconds.append((elapsed_s, tps)))
    assert result.transactions > 0
    assert result.failed == 0
    assert result.tps == pytest.approx(result.transactions / result.seconds)
    assert result.latency_p95_ms >= 0
    assert seconds


def test_a_script_of_ones_own(make_load, tmp_path):
    script = tmp_path / "mine.sql"
    script.write_text("select 1;\n")
    assert make_load(script=script, clients=1).run(1).transactions > 0


def test_a_script_that_fails_is_told(make_load, tmp_path):
    script = tmp_path / "mine.sql"
    script.write_text("select from nowhere;\n")
    with pytest.raises(LabError, match="nowhere"):
        make_load(script=script).run(1)


def test_an_unknown_script_is_refused(make_load):
    with pytest.raises(LabError, match=r"unknown script 'tpcx'.*select-only"):
        make_load(script="tpcx").run(1)


def test_an_interrupted_load_leaves_no_client_behind(make_load):
    def interrupt(_elapsed_s, _tps):
        raise KeyboardInterrupt

    load = make_load(script="select-only", clients=1)
    load.fill(1)
    with pytest.raises(KeyboardInterrupt):
        load.run(60, interrupt)
    clients = [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"--time=60\0" in read_quietly(path)]
    assert clients == []


def read_quietly(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""

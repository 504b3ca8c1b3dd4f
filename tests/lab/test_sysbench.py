from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from setpoint.errors import LabError
from setpoint.lab.mysql_client import ask_with_mysql
from setpoint.lab.sysbench import SCRIPTS, Sysbench, choose_sysbench, find_sysbench, read_sysbench_report

REPORT = """\
[ 1s ] thds: 4 tps: 1500.00 qps: 30000.0 (r/w/o: 1/1/1) lat (ms,95%): 4.41 err/s: 0.00 reconn/s: 0.00
SQL statistics:
    queries performed:
        read:                            63602
        total:                           90860
    transactions:                        3000   (1498.67 per sec.)
    queries:                             90860  (30253.39 per sec.)
    ignored errors:                      3      (1.00 per sec.)
    reconnects:                          0      (0.00 per sec.)

General statistics:
    total time:                          2.0000s
    total number of events:              3000

Latency (ms):
         min:                                    1.74
         avg:                                    2.64
         max:                                   12.54
         95th percentile:                        4.41
         sum:                                11995.35
"""


@pytest.fixture
def load(mysql_family_each, sysbench):
    server = mysql_family_each
    return Sysbench(sysbench, server.binaries, server.connection, tables=2, rows=1000, threads=2)


def make_sysbench(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "sysbench").touch(mode=0o755)
    return folder


def test_a_report_is_read():
    result = read_sysbench_report(REPORT)
    assert (result.tps, result.latency_mean_ms, result.latency_p95_ms) == (1500, 2.64, 4.41)
    assert (result.transactions, result.failed, result.seconds) == (3000, 3, 2)


@pytest.mark.parametrize(
    "lost", ["transactions:", "ignored errors:", "total time:", "avg:", "95th percentile:"]
)
def test_a_report_that_lacks_a_figure_is_refused(lost):
    with pytest.raises(LabError, match="lacks a figure"):
        read_sysbench_report(REPORT.replace(lost, "something:"))


def test_the_newest_in_the_cache_is_found(tmp_path):
    for version in ("1.0.19", "1.0.20"):
        make_sysbench(tmp_path / "engines" / f"sysbench-{version}")
    environ = {"SETPOINT_CACHE": str(tmp_path)}
    assert choose_sysbench(environ).tree.name == "sysbench-1.0.20"


@pytest.mark.skipif(Path("/usr/bin/sysbench").exists(), reason="the system has a sysbench")
def test_none_here_is_told(tmp_path):
    environ = {"SETPOINT_CACHE": str(tmp_path)}
    assert find_sysbench(environ) is None
    with pytest.raises(LabError, match="no sysbench here"):
        choose_sysbench(environ)


def test_a_load_is_filled_and_run_on_every_version(load):
    shares, seconds = [], []
    load.fill(shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    result = load.run(2, lambda elapsed_s, tps: seconds.append((elapsed_s, tps)))
    assert result.transactions > 0
    assert result.tps == pytest.approx(result.transactions / result.seconds)
    assert result.latency_p95_ms > 0
    assert seconds


def test_filling_again_begins_anew(load, mysql_family_each):
    load.fill()
    replace(load, tables=1, rows=10).fill()
    ask = ask_with_mysql(mysql_family_each.binaries, mysql_family_each.connection, "sbtest")
    assert ask("show tables") == "sbtest1"
    assert ask("select count(*) from sbtest1") == "10"


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_runs_over_tcp(load, script):
    by_tcp = {name: word for name, word in load.connection.items() if name != "socket"}
    load.fill()
    assert replace(load, connection=by_tcp, script=script).run(1).transactions > 0


def test_an_unknown_script_is_refused(load):
    with pytest.raises(LabError, match=r"unknown script 'oltp_delete'.*oltp_point_select"):
        replace(load, script="oltp_delete").run(1)


def test_a_load_without_its_tables_is_told(load):
    with pytest.raises(LabError, match="never_filled"):
        replace(load, database="never_filled").run(1)


def test_an_interrupted_load_leaves_no_client_behind(load):
    def interrupt(_elapsed_s, _tps):
        raise KeyboardInterrupt

    load.fill()
    with pytest.raises(KeyboardInterrupt):
        load.run(60, interrupt)
    clients = [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"--time=60\0" in read_quietly(path)]
    assert clients == []


def read_quietly(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""

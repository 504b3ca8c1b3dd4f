"""Reports: the value at the end counts, cut names are no settings, cut values mean nothing."""

from __future__ import annotations

import pytest
from tests.engines.oracle.dumps.reading import by_name, problems_of, read, values_of

STATSPACK = """
STATSPACK report for

Database    DB Id    Instance     Inst Num  Startup Time   Release     RAC
~~~~~~~~ ----------- ------------ -------- --------------- ----------- ---
          1234567890 orcl                1 04-Feb-13 15:30 11.2.0.3.0  NO

Load Profile              Per Second    Per Transaction    Per Exec    Per Call
~~~~~~~~~~~~      ------------------  ----------------- ----------- -----------
      DB time(s):                0.1                0.0        0.00        0.00
       Redo size:           12,345.6            1,234.5

Instance Activity Stats  DB/Inst: ORCL/orcl  Snaps: 1-2

Statistic                                      Total     per Second    per Trans
--------------------------------- ------------------ -------------- ------------
CPU used by this session                      12,345            3.4          1.2
a name that fills its whole width                  5            3.4          1.2
          -------------------------------------------------------------

init.ora Parameters  DB/Inst: ORCL/orcl  Snaps: 1-2

                                                                  End value
Parameter Name                Begin value                       (if different)
----------------------------- --------------------------------- --------------
compatible                    11.2.0.0.0
control_files                 /u01/app/oracle/oradata/orcl/cont
                              rol01.ctl, /u02/control02.ctl
processes                     150                               200
_optimizer_extended_cursor_sh TRUE
inmemory_trickle_repopulate_s 3
db_create_file_dest           /u01/app/oracle/oradata/orcl/cont
          -------------------------------------------------------------

End of Report ( sp_1_2.lst )
"""
AWR_HTML = """<html><head><title>AWR Report</title></head><body>
<h1 class='awr'>WORKLOAD REPOSITORY report for</h1>
<table><tr><th>DB Name</th><th>Release</th><th>RAC</th></tr>
<tr><td>ORCL</td><td>19.0.0.0.0</td><td>NO</td></tr></table>
<table><tr><th>Statistic</th><th>Total</th><th>per Second</th></tr>
<tr><td>user commits</td><td align="right">1,234</td><td>0.34</td></tr></table>
<table><tr><th>Parameter Name</th><th>Begin value</th><th>End value (if different)</th></tr>
<tr><td>_a_hidden_parameter_with_a_long_name_of_its_own</td><td>TRUE</td><td>&#160;</td></tr>
<tr><td>processes</td><td>300</td><td>400</td></tr>
<tr><td>control_files</td><td>/a, /b</td><td>&#160;</td></tr></table>
<table><tr><th>Parameter Name</th><th>Begin value</th><th>End value (if different)</th></tr>
<tr><td>control_files</td><td>/a</td><td></td></tr><tr><td></td><td>/b</td><td></td></tr>
<tr><td>service_names</td><td>s1</td><td></td></tr><tr><td></td><td>s2</td><td></td></tr></table>
</body></html>"""


@pytest.fixture
def statspack():
    return read(STATSPACK)


def test_a_statspack_report_is_read(statspack):
    assert (statspack.kind, statspack.version) == ("STATSPACK report", "11.2.0.3.0")
    assert values_of(statspack) == {
        "compatible": "11.2.0.0.0",
        "control_files": "/u01/app/oracle/oradata/orcl/control01.ctl, /u02/control02.ctl",
        "processes": 200,
        "inmemory_trickle_repopulate_servers_percent": 3,
        "db_create_file_dest": None,
    }


def test_the_value_at_the_end_counts(statspack):
    assert by_name(statspack)["processes"].raw == "200"


def test_cut_names_and_values_are_warnings_in_their_lines(statspack):
    lines = STATSPACK.split("\n")
    name = lines.index("_optimizer_extended_cursor_sh TRUE") + 1
    value = next(at for at, line in enumerate(lines, 1) if line.startswith("db_create"))
    assert problems_of(statspack) == [["note", 0], ["warning", name], ["warning", value]]


def test_the_load_is_samples_with_rates(statspack):
    assert [(each.name, each.value, each.per_second) for each in statspack.samples] == [
        ("DB time(s)", 0.1, 0.1),
        ("Redo size", 12345.6, 12345.6),
        ("CPU used by this session", 12345, 3.4),
    ]


def test_a_report_in_html_has_whole_names_and_lists():
    dump = read(AWR_HTML)
    assert (dump.kind, dump.version) == ("AWR report", "19.0.0.0.0")
    assert values_of(dump) == {
        "_a_hidden_parameter_with_a_long_name_of_its_own": True,
        "processes": 400,
        "control_files": "/a, /b",
        "service_names": "s1, s2",
    }
    assert [(each.name, each.value, each.per_second) for each in dump.samples] == [
        ("user commits", 1234, 0.34)
    ]


def test_a_rule_without_all_its_columns_is_no_fault():
    dump = read(
        STATSPACK.replace("----------------------------- ---------------------------------", "-" * 29)
    )
    assert dump.kind == "STATSPACK report"


def test_a_report_without_parameters_says_so():
    dump = read("STATSPACK report for\n\nnothing\n")
    assert dump.settings == ()
    assert problems_of(dump) == [["warning", 0]]

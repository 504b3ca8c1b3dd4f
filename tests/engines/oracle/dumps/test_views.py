"""What SQL*Plus and other clients print of parameters and statistics, and what the alert log has."""

from __future__ import annotations

from textwrap import dedent

import pytest
from tests.engines.oracle.dumps.reading import by_name, document_of, problems_of, read, read_all, values_of

ALERT = """
Starting ORACLE instance (normal)
Oracle Database 19c Enterprise Edition Release 19.0.0.0.0 - Production
Version 19.3.0.0.0
System parameters with non-default values:
  processes                = 200
Shutting down instance
System parameters with non-default values:
  processes                = 300
  nls_language             = "AMERICAN"
  sga_target               = 1520M
  control_files            = "/u01/c1.ctl"
  control_files            = "/u01/c2.ctl"
  dispatchers              = "(PROTOCOL=TCP) (SERVICE=orclXDB)"
NOTE: remote asm mode
ALTER SYSTEM SET open_cursors=500 SCOPE=BOTH;
"""


def test_a_text_that_wraps_in_its_column_is_joined():
    dump = read(
        dedent("""\
        SQL> show parameter control

        NAME                                 TYPE        VALUE
        ------------------------------------ ----------- ------------------------------
        control_files                        string      /u01/app/oracle/oradata/orcl/c
                                                         ontrol01.ctl, /u01/app/oracle/
                                                         fast_recovery_area/orcl/contro
                                                         l02.ctl
        control_management_pack_access       string      DIAGNOSTIC+TUNING
        open_cursors                         integer     300
        """)
    )
    assert values_of(dump) == {
        "control_files": "/u01/app/oracle/oradata/orcl/control01.ctl, "
        "/u01/app/oracle/fast_recovery_area/orcl/control02.ctl",
        "control_management_pack_access": "DIAGNOSTIC+TUNING",
        "open_cursors": 300,
    }


def test_a_name_and_a_value_may_wrap_in_one_row():
    dump = read(
        "NAME                                 TYPE        VALUE\n"
        "------------------------------------ ----------- ------------------------------\n"
        "optimizer_adaptive_reporting_only_an integer     5\n"
        "d_more\n"
        "log_archive_dest_1                   string      LOCATION=USE_DB_RECOVERY_FILE_\n"
        "                                                 DEST VALID_FOR=(ALL_LOGFILES)\n"
        "sga_target                           big integer 2G\n"
    )
    assert values_of(dump) == {
        "optimizer_adaptive_reporting_only_and_more": 5,
        "log_archive_dest_1": "LOCATION=USE_DB_RECOVERY_FILE_DEST VALID_FOR=(ALL_LOGFILES)",
        "sga_target": 2 << 30,
    }


def test_tabs_stand_for_blanks():
    dump = read(
        "NAME\t\t\t\t     TYPE\t VALUE\n"
        "------------------------------------ ----------- ------------------------------\n"
        "sga_target\t\t\t     big integer 2G\n"
    )
    assert values_of(dump) == {"sga_target": 2 << 30}


def test_entries_of_the_server_parameter_file_tell_whose_they_are():
    dump = read(
        "SID      NAME                          TYPE        VALUE\n"
        "-------- ----------------------------- ----------- ----------------------------\n"
        "*        sga_max_size                  big integer\n"
        "*        sga_target                    big integer 2G\n"
        "orcl1    sga_target                    big integer 3G\n"
    )
    assert [(each.scope, each.value, each.source.value) for each in dump.settings] == [
        ("instance", 2 << 30, "persisted"),
        ("sid:orcl1", 3 << 30, "persisted"),
    ]


def test_columns_under_one_another_are_read():
    rule = "-" * 80
    dump = read(
        f"NAME\n{rule}\nVALUE\n{rule}\nlock_name_space\n\n\nprocesses\n150\n\nsga_target\n1073741824\n\n"
        f"NAME\n{rule}\nVALUE\n{rule}\nopen_cursors\n300\n\n4 rows selected.\n"
    )
    assert values_of(dump) == {
        "lock_name_space": "",
        "processes": 150,
        "sga_target": 1 << 30,
        "open_cursors": 300,
    }
    assert by_name(dump)["open_cursors"].line == 18


def test_v_parameter_tells_where_a_value_comes_from():
    dump = read(
        '"NAME","VALUE","DISPLAY_VALUE","ISDEFAULT","ISMODIFIED"\n'
        '"processes","300","300","FALSE","FALSE"\n'
        '"sga_target","2147483648","2G","FALSE","SYSTEM_MOD"\n'
        '"control_files","/a, /b","/a, /b","FALSE","FALSE"\n'
        '"db_domain","","","TRUE","FALSE"\n'
        '"sort_area_size","65536","64K","TRUE","MODIFIED"\n'
    )
    assert (dump.kind, dump.is_complete) == ("V$PARAMETER", False)
    found = by_name(dump)
    assert [each.source.value for each in dump.settings] == [
        "file",
        "operator",
        "file",
        "default",
        "operator",
    ]
    assert (found["sga_target"].value, found["sga_target"].unit) == (2 << 30, "B")
    assert found["control_files"].value == "/a, /b"
    assert found["sort_area_size"].scope == "session"


def test_v_spparameter_lists_what_is_specified():
    dump = read(
        '"SID","NAME","VALUE","ISSPECIFIED","ORDINAL"\n"*","processes","300","TRUE",1\n'
        '"orcl1","sga_target","2147483648","TRUE",1\n"*","control_files","/a","TRUE",1\n'
        '"*","control_files","/b","TRUE",2\n"*","open_cursors","","FALSE",0\n'
    )
    assert dump.kind == "V$SPPARAMETER"
    assert [(each.name, each.value, each.scope) for each in dump.settings] == [
        ("processes", 300, "instance"),
        ("sga_target", 2 << 30, "sid:orcl1"),
        ("control_files", "/a, /b", "instance"),
    ]


def test_rows_of_several_instances_are_told_apart():
    dump = read(
        "INST_ID,NAME,VALUE,ISDEFAULT\n1,instance_name,orcl1,TRUE\n2,instance_name,orcl2,TRUE\n"
        "1,sga_target,5,FALSE\n2,sga_target,6,FALSE\n"
    )
    sizes = [(each.scope, each.value) for each in dump.settings if each.name == "sga_target"]
    assert sizes == [("sid:orcl1", 5), ("sid:orcl2", 6)]


def test_html_of_sqlplus_is_read_with_its_header_coming_again():
    head = '<tr><th scope="col">NAME</th><th scope="col">VALUE</th></tr>\n'
    dump = read(
        f"<html><body><table border='1'>\n{head}<tr><td>processes</td><td align='right'>300</td></tr>\n"
        f"<tr><td>sga_target</td><td>0</td></tr>\n{head}<tr><td>db_domain</td><td>&nbsp;</td></tr>\n"
        "<tr><td>open_cursors</td><td>300</td></tr>\n</table></body></html>"
    )
    assert values_of(dump) == {"processes": 300, "sga_target": 0, "db_domain": "", "open_cursors": 300}


def test_statistics_are_samples_and_no_settings():
    dump = read(
        "NAME                                           VALUE\n"
        "---------------------------------------- ----------\n"
        "logons cumulative                              1000\n"
        "user commits                                    200\n"
        "redo size                                1.2345E+10\n\n3 rows selected.\n"
    )
    assert (dump.kind, dump.settings) == ("V$SYSSTAT", ())
    assert [(each.name, each.value, each.line) for each in dump.samples] == [
        ("logons cumulative", 1000, 3),
        ("user commits", 200, 4),
        ("redo size", 1.2345e10, 5),
    ]


def test_the_last_start_of_an_alert_log_is_in_force():
    dump = read(ALERT)
    assert (dump.kind, dump.version) == ("alert log", "19.3.0.0.0")
    assert values_of(dump) == {
        "processes": 300,
        "nls_language": "AMERICAN",
        "sga_target": 1520 << 20,
        "control_files": "/u01/c1.ctl, /u01/c2.ctl",
        "dispatchers": "(PROTOCOL=TCP) (SERVICE=orclXDB)",
    }
    assert by_name(dump)["control_files"].line == 12
    assert problems_of(dump) == [["note", 5], ["warning", 16]]


@pytest.mark.parametrize(
    "text",
    ["Variable_name\tValue\nmax_connections\t5\n", "name,value\nmax_connections,5\n", "NAME\n----\nhello\n"],
)
def test_tables_of_others_are_not_claimed(text):
    assert read_all(document_of(text)) == []


def test_metrics_of_an_exporter_are_samples():
    dump = read(
        '# TYPE oracledb_up gauge\noracledb_up 1\noracledb_resource_limit_value{resource="x"} 7.5e2\n'
    )
    assert [(each.name, each.value, each.labels) for each in dump.samples] == [
        ("oracledb_up", 1, ""),
        ("oracledb_resource_limit_value", 750, "resource=x"),
    ]


SHOWN = """\
NAME                                 TYPE        VALUE
------------------------------------ ----------- ------------------------------
sga_target                           big integer 4G
"""
SPFILE = """\
SID      NAME                          TYPE        VALUE
-------- ----------------------------- ----------- ----------------------------
*        sga_target                    big integer 4G
"""


def test_what_a_server_shows_runs_and_what_its_file_specifies_may_not():
    assert read(SHOWN).is_running is True
    assert read(SPFILE).is_running is False
    assert read("*.sga_target=4G\n*.db_name=orcl\n").is_running is False

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.config.dump import Severity
from setpoint.engines.shapes.table import Table
from setpoint.engines.shapes.tables import read_tables

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"
PAGED = """\
SQL> show parameter sga

NAME                                 TYPE        VALUE
------------------------------------ ----------- ------------------------------
lock_sga                             boolean     FALSE
sga_target                           big integer 1088M
SQL>
SQL> show parameter memory

NAME                                 TYPE        VALUE
------------------------------------ ----------- ------------------------------
control_files                        string      /u01/app/oracle/oradata/orcl/c
                                                 ontrol01.ctl, /u01/app/oracle/
                                                 fast_recovery_area/control02.c
                                                 tl
inmemory_clause_default              string

NAME                                 TYPE        VALUE
------------------------------------ ----------- ------------------------------
inmemory_trickle_repopulate_servers_ integer     1
percent
processes                            integer     300
SQL> exit
"""
FOLDED = """\
SQL> select name, value from v$parameter;

NAME
--------------------
VALUE
--------------------
lock_name_space


processes
300

control_files
/u01/app/oracle/orad
ata/control01.ctl

NAME
--------------------
VALUE
--------------------
sessions
472


4 rows selected.
"""
SP_CONFIGURE = """\
1> exec sp_configure
2> go
name                                minimum     maximum     config_value run_value
----------------------------------- ----------- ----------- ------------ -----------
cost threshold for parallelism                0       32767           50           5
max server memory (MB)                      128  2147483647   2147483647  2147483647

(2 rows affected)
"""
FORMAT_TABLE = """\
PS C:\\> Get-DbaSpConfigure | Format-Table

DisplayName              RunValue ConfigValue Diff
-----------              -------- ----------- ----
max server memory (MB) 2147483647       61320 * difference *
xp_cmdshell                     0           0 same

"""
FORMAT_LIST = """\

DisplayName : max server memory (MB)
ConfigValue : 61320
Description : Maximum size of server
              memory (MB)

DisplayName : xp_cmdshell
ConfigValue : 0
Description :


"""
AWR = """\
init.ora Parameters                       DB/Inst: BPSC/bpsc  Snaps: 1-2

                                                                End value
Parameter Name                Begin value                       (if different)
----------------------------- --------------------------------- --------------
db_block_size                 8192
sga_target                    1073741824                        2147483648

          -------------------------------------------------------------
"""


def cells(table: Table) -> list[tuple[str | None, ...]]:
    return [row.cells for row in table.rows]


def lines(table: Table) -> list[int]:
    return [row.line for row in table.rows]


def test_pages_of_one_command_are_one_table_and_another_command_begins_another():
    sga, memory = read_tables(PAGED)
    assert sga.columns == memory.columns == ("NAME", "TYPE", "VALUE")
    assert cells(sga) == [("lock_sga", "boolean", "FALSE"), ("sga_target", "big integer", "1088M")]
    assert cells(memory) == [
        (
            "control_files",
            "string",
            "/u01/app/oracle/oradata/orcl/control01.ctl, /u01/app/oracle/fast_recovery_area/control02.ctl",
        ),
        ("inmemory_clause_default", "string", ""),
        ("inmemory_trickle_repopulate_servers_percent", "integer", "1"),
        ("processes", "integer", "300"),
    ]
    assert lines(memory) == [12, 16, 20, 22]


def test_rows_of_sqlplus_that_are_wider_than_its_line_are_read_from_their_lines():
    [table] = read_tables(FOLDED)
    assert table.columns == ("NAME", "VALUE")
    assert cells(table) == [
        ("lock_name_space", ""),
        ("processes", "300"),
        ("control_files", "/u01/app/oracle/oradata/control01.ctl"),
        ("sessions", "472"),
    ]
    assert lines(table) == [7, 10, 13, 21]


def test_a_section_whose_rows_are_folded_ends_at_its_closing_dashes():
    section = (
        "Enqueue Type\n----------------------\n  Requests    Waits\n---------- --------\n"
        "SQ-Sequence Cache\n     2,103        1\nTM-DML\n   921,713        0\n          ------------\n"
    )
    enqueues, parameters = read_tables(f"{section}\n{AWR}")
    assert enqueues.columns == ("Enqueue Type", "Requests", "Waits")
    assert cells(enqueues) == [("SQ-Sequence Cache", "2,103", "1"), ("TM-DML", "921,713", "0")]
    assert parameters.columns[0] == "Parameter Name"


def test_numbers_of_sqlcmd_are_cut_by_their_dashes():
    [table] = read_tables(SP_CONFIGURE)
    assert cells(table) == [
        ("cost threshold for parallelism", "0", "32767", "50", "5"),
        ("max server memory (MB)", "128", "2147483647", "2147483647", "2147483647"),
    ]
    assert (table.columns[0], lines(table)) == ("name", [5, 6])


def test_sqlcmd_with_a_separator_has_dashes_that_are_no_row():
    text = (
        "name,minimum,run_value\n----,-------,---------\nlocks,5000,0\nxp_cmdshell,0,1\n\n(2 rows affected)\n"
    )
    [table] = read_tables(text)
    assert table.columns == ("name", "minimum", "run_value")
    assert cells(table) == [("locks", "5000", "0"), ("xp_cmdshell", "0", "1")]
    assert lines(table) == [3, 4]


def test_a_number_wider_than_its_dashes_runs_into_the_room_on_its_left():
    [table] = read_tables(FORMAT_TABLE)
    assert cells(table) == [
        ("max server memory (MB)", "2147483647", "61320", "* difference *"),
        ("xp_cmdshell", "0", "0", "same"),
    ]


def test_a_list_of_names_and_values_is_read_block_by_block():
    [table] = read_tables(FORMAT_LIST)
    assert table.columns == ("DisplayName", "ConfigValue", "Description")
    assert cells(table) == [
        ("max server memory (MB)", "61320", "Maximum size of server memory (MB)"),
        ("xp_cmdshell", "0", ""),
    ]
    assert lines(table) == [2, 7]


def test_a_heading_of_two_lines_is_joined():
    [table] = read_tables(AWR)
    assert table.columns == ("Parameter Name", "Begin value", "End value (if different)")
    assert cells(table) == [("db_block_size", "8192", ""), ("sga_target", "1073741824", "2147483648")]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (
            '{"port": 5432, "work_mem": "4MB", "a": [1, 2]}',
            [("port", "5432"), ("work_mem", "4MB"), ("a", "[1, 2]")],
        ),
        ('{"port": {"setting": 1},\n "ssl": {"setting": null}}', [("port", "1"), ("ssl", None)]),
        (
            '{"columns": ["name", "value"], "rows": [["a", 1.50], ["b", true]]}',
            [("a", "1.50"), ("b", "true")],
        ),
        ('{"hasData":true,"rows":[{"Variable_name":"a","Value":"1"}],"warnings":[]}', [("a", "1")]),
        (
            '{"results":[{"columns":[{"name":"NAME"}],"items":[\n{"name":"a","value":1e5}\n]}]}',
            [("a", "1e5")],
        ),
        ('{"name": "a",\n "value": "1"}\n{"name": "b",\n "value": "2"}\n', [("a", "1"), ("b", "2")]),
    ],
    ids=["by name", "objects by name", "columns and rows", "mysqlsh", "sqlcl", "documents"],
)
def test_json_is_read_however_its_rows_are_wrapped(text, rows):
    [table] = read_tables(text)
    assert (table.shape, cells(table)) == ("json", rows)


def test_json_that_breaks_off_keeps_the_rows_before_and_says_so():
    [table] = read_tables(
        '[{"name": "a", "setting": "1"},\n {"name": "b", "setting": "2"},\n {"name": "c", "se'
    )
    assert cells(table) == [("a", "1"), ("b", "2")]
    [problem] = table.problems
    assert (problem.severity, problem.line) == (Severity.ERROR, 2)


def test_xml_with_a_document_type_is_refused_unread():
    rows = '<resultset><row><field name="a">&a;</field></row></resultset>'
    text = f'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a "b">]>\n{rows}'
    [table] = read_tables(text)
    assert table.rows == ()
    assert [problem.severity for problem in table.problems] == [Severity.ERROR]


def test_tables_after_one_another_are_told_apart_with_their_lines():
    text = "Variable_name\tValue\nUptime\t5\nQueries\t7\nVariable_name\tValue\nport\t3306\nversion\t8.0.30\n"
    status, variables = read_tables(text)
    assert cells(status) == [("Uptime", "5"), ("Queries", "7")]
    assert (cells(variables), lines(variables)) == ([("port", "3306"), ("version", "8.0.30")], [5, 6])


def test_what_a_client_says_before_its_rows_is_none_of_them():
    warning = "mysql: [Warning] Using a password on the command line interface can be insecure."
    text = f"{warning}\nname\tvalue\na\t1\n"
    [table] = read_tables(text)
    assert (table.columns, cells(table)) == (("name", "value"), [("a", "1")])


def test_a_row_with_too_few_cells_is_a_problem_with_its_line():
    rows = "".join(f"p{number},{number},s\n" for number in range(30))
    [table] = read_tables(f"name,setting,unit\n{rows}broken,1\nlast,2,s\n")
    assert len(table.rows) == 31
    assert [(problem.severity, problem.line) for problem in table.problems] == [(Severity.ERROR, 32)]


def test_a_row_without_its_bars_is_a_problem_with_its_line():
    text = " name | setting \n------+---------\n a    | 1\n b 2\n c    | 3\n(3 rows)\n"
    [table] = read_tables(text)
    assert cells(table) == [("a", "1"), ("c", "3")]
    assert [problem.line for problem in table.problems] == [4]


def test_a_header_is_told_from_a_first_row_of_words():
    [bare] = read_tables("autocommit\tON\nbig_tables\tOFF\nbinlog_format\tROW\n")
    [counters] = read_tables("Innodb_dump_status\tidle\nUptime\t5\nQueries\t7\n")
    [headed] = read_tables("datid,datname,numbackends\n5,postgres,1\n1,template1,0\n4,template0,0\n")
    assert (bare.columns, len(bare.rows)) == ((), 3)
    assert (counters.columns, len(counters.rows)) == ((), 3)
    assert headed.columns == ("datid", "datname", "numbackends")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "Dear all, this is, some text\nand more, of the, same kind\nuntil it ends, as it, began\n",
        "A heading\n---------\n\nA paragraph.\n",
        "A heading\n---------\nA paragraph that is longer than its heading.\n",
        "[mysqld]\nport\t\t= 3306\nsocket\t\t= /tmp/s\n",
        "#port = 5432\t\t# (change requires restart)\n#work_mem = 4MB\t\t# min 64kB\n",
        "*.control_files='/a','/b'\n*.db_recovery='/c','/d'\n*.x='e','f'\n",
        "EXEC sp_configure 'show advanced options', 1\nEXEC sp_configure 'xp_cmdshell', 0\nRECONFIGURE, 1\n",
        'pg_up{a="b",c="d"} 1\npg_down{a="b",c="d"} 1\npg_over{a="b",c="d"} 1\n',
        "2024-01-01 [1] LOG : started\n\n2024-01-01 [1] LOG : stopped\n",
    ],
    ids=[
        "nothing",
        "blank",
        "prose",
        "heading",
        "underlined",
        "my.cnf",
        "conf",
        "pfile",
        "script",
        "prom",
        "log",
    ],
)
def test_what_is_no_table_is_none(text):
    assert read_tables(text) == ()


@pytest.mark.parametrize(
    ("name", "shape", "columns", "rows"),
    [
        ("mariadb/mariadb_10.11_innodb_variables.html", "html", 2, 142),
        ("mariadb/mariadb_10.11_system_variables.tsv", "tsv", 15, 675),
        ("mariadb/mariadb_10.8.4_galera_global_status.txt", "boxed", 2, 617),
        ("mysql/gptuner_mysql_system_view.json", "json", 13, 653),
        ("mysql/show_variables_vertical_vars004.txt", "vertical", 2, 240),
        ("oracle/show_parameter_memory.txt", "fixed", 3, 7),
        ("pgbouncer/pgbouncer_1.17_show_config.txt", "psql aligned", 4, 84),
        ("postgresql/annotated_gucs_10.sql", "copy text", 7, 269),
        ("postgresql/netdata_14.4_settings_max_connections.txt", "psql aligned", 1, 1),
        ("postgresql/pg15_nondefault_psql_aligned.txt", "psql aligned", 7, 31),
        ("postgresql/pg15_pg_file_settings.csv", "csv", 7, 26),
        ("postgresql/pg15_pg_settings_expanded.txt", "psql expanded", 17, 3),
        ("postgresql/pg15_pg_stat_database.csv", "csv", 28, 4),
        ("postgresql/pg_settings-8.4-64.copy.txt", "copy text", 0, 184),
        ("sqlserver/smo_configuration_run_vs_config.txt", "fixed", 4, 20),
    ],
)
def test_the_first_table_of_a_sample_is_whole(name, shape, columns, rows):
    if not SAMPLES.is_dir():
        pytest.skip("the samples are not beside this checkout")
    table = read_tables((SAMPLES / name).read_text(encoding="utf-8"))[0]
    assert (table.shape, len(table.columns), len(table.rows)) == (shape, columns, rows)
    assert table.problems == ()


@pytest.mark.parametrize(
    "line",
    [
        "[1,",
        '{"a":',
        "|",
        "+--+",
        "<table>",
        "<td",
        'a,"b',
        "a|b",
        "-[ RECORD 1 ]",
        "* Record 1",
        " | ",
        "a : b",
        '"',
        "\\",
    ],
)
def test_the_work_grows_with_the_text_and_not_with_its_square(line, count_steps):
    short, long = (count_steps(lambda text=f"{line}\n" * size: read_tables(text)) for size in (400, 1600))
    assert long < short * 6

"""What a server keeps, what programs print, what the exporter says, and lists of variables."""

from __future__ import annotations

import json

import pytest
from tests.engines.mysql.dumps.reading import (
    READERS,
    by_name,
    document_of,
    messages_of,
    problems_of,
    read,
    values_of,
)

from setpoint.config.dump import Source

KEPT = """{"Version": 2, "mysql_dynamic_variables":
{"innodb_log_buffer_size": {"Value": "33554432", "Metadata": {"Host": "localhost", "User": "root"}}},
"mysql_static_variables": {"report_password": {"Value": "s3cr3t"}, "innodb_log_file_size": {"Value": "1"}},
"mysql_dynamic_parse_early_variables": {"max_connections": {"Value": "99", "Metadata": {}}}}
"""


def test_what_mysql_keeps_is_persisted():
    dump = read(KEPT)
    assert (dump.engine, dump.kind) == ("mysql", "mysqld-auto.cnf")
    told = {name: (each.value, each.unit, each.line) for name, each in by_name(dump).items()}
    assert told == {
        "innodb_log_buffer_size": (32 << 20, "B", 2),
        "report_password": (None, None, 3),
        "innodb_log_file_size": (1, "B", 3),
        "max_connections": (99, None, 4),
    }
    assert {each.source for each in dump.settings} == {Source.PERSISTED}
    assert dump.redacted == ("report_password",)
    assert "s3cr3t" not in repr(dump)


def test_a_kept_file_that_is_cut_off_stops_the_start():
    dump = read(KEPT[:150])
    assert dump.settings == ()
    assert problems_of(dump) == [["error", 0]]


def test_the_older_form_of_the_kept_file_is_read():
    body = {"Version": 1, "mysql_server": {"mysql_server_static_options": {"back_log": {"Value": "60"}}}}
    body["mysql_server"]["max_connections"] = {"Value": "152", "Metadata": {"User": "root"}}
    assert values_of(read(json.dumps(body))) == {"back_log": 60, "max_connections": 152}


ARGUMENTS = """/usr/sbin/mariadbd  Ver 10.11.6-MariaDB for debian-linux-gnu on x86_64 (Debian 12)
/usr/sbin/mariadbd would have been started with the following arguments:
--pid-file=/run/p.pid --init-connect=SET x = 1 --port=1 --skip-log-bin --port=2 --report-password=s3cr3t
"""


def test_arguments_in_one_line_are_told_apart():
    dump = read(ARGUMENTS)
    assert (dump.engine, dump.kind, dump.version) == ("mariadb", "print-defaults", "10.11.6")
    assert values_of(dump) == {
        "pid_file": "/run/p.pid",
        "init_connect": "SET x = 1",
        "log_bin": False,
        "port": 2,
        "report_password": None,
    }
    assert problems_of(dump) == [["note", 3]]
    assert "s3cr3t" not in repr(dump)


HELP = """/usr/sbin/mysqld  Ver 8.4.3 for Linux on x86_64 (MySQL Community Server - GPL)
  -b, --basedir=name  Where
  --max-connections=# The number
                      of --sessions
  --general-log       Log
                      (Defaults to on; use --skip-general-log to disable.)

Variables (--variable-name=value)
and boolean options {FALSE|TRUE}                             Value (after reading options)
------------------------------------------------------------ -------------
basedir                                                      /usr/
general-log                                                  FALSE
init-connect                                                 (No default value)
long-query-time                                              10
key-buffer-size                                              8388608
verbose                                                      TRUE

To see what values a running MySQL server is using, type
"""


def test_help_offers_options_and_says_that_files_may_have_spoken():
    dump = read(HELP)
    assert (dump.engine, dump.version, dump.is_complete) == ("mysql", "8.4.3", False)
    assert dump.offered == ("basedir", "max_connections", "general_log")
    assert values_of(dump) == {
        "basedir": "/usr/",
        "general_log": False,
        "init_connect": None,
        "long_query_time": 10_000,
        "key_buffer_size": 8 << 20,
    }
    assert {each.source for each in dump.settings} == {Source.DEFAULT}
    assert "after option files" in messages_of(dump, "note")[0]


SCRAPE = """# HELP mysql_global_variables_max_connections Generic gauge metric from SHOW GLOBAL VARIABLES.
# TYPE mysql_global_variables_max_connections gauge
mysql_global_variables_max_connections 151
mysql_global_variables_wait_timeout 3.1536e+07
mysql_global_variables_innodb_file_per_table 1
mysql_global_variables_key_buffer_size 1.34217728e+08
mysql_global_variables_max_join_size 1.8446744073709552e+19
mysql_global_variables_query_alloc_block_size 9.007199254740994e+15
mysql_global_variables_validate_password_length 8
mysql_global_variables_event_scheduler 1
mysql_global_variables_sql_log_off 0
mysql_global_status_threads_running 2
mysql_global_status_commands_total{command="select"} 12
mysql_version_info{innodb_version="8.4.3",version="8.4.3",version_comment="MySQL Community Server - GPL"} 1
mysql_up 1
go_goroutines 8
mysql_bad 1.2.3
mysql_nan NaN
"""


def test_what_the_exporter_did_to_variables_is_undone():
    dump = read(SCRAPE)
    assert (dump.engine, dump.kind, dump.version) == ("mysql", "mysqld_exporter", "8.4.3")
    assert {name: (each.value, each.unit) for name, each in by_name(dump).items()} == {
        "max_connections": (151, None),
        "wait_timeout": (31_536_000_000, "ms"),
        "innodb_file_per_table": (True, None),
        "key_buffer_size": (128 << 20, "B"),
        "max_join_size": (18446744073709551615, None),
        "query_alloc_block_size": (9007199254740994, "B"),
        "validate_password.length": (8, None),
        "event_scheduler": ("ON", None),
        "sql_log_off": (False, None),
    }
    assert by_name(dump)["wait_timeout"].raw == "3.1536e+07"
    assert [(each.name, each.labels, each.value) for each in dump.samples] == [
        ("mysql_global_status_threads_running", "", 2.0),
        ("mysql_global_status_commands_total", "command=select", 12.0),
        ("mysql_up", "", 1.0),
        ("go_goroutines", "", 8.0),
    ]
    assert problems_of(dump) == [["note", 8], ["note", 0]]


def test_of_several_servers_in_one_answer_the_first_is_read():
    text = "".join(f'mysql_global_variables_port{{server="{name}"}} 330{name}\n' for name in "12")
    dump = read(text)
    assert values_of(dump) == {"port": 3301}
    assert problems_of(dump) == [["warning", 2]]


@pytest.mark.parametrize("version", ["10.11.6-MariaDB-1", "8.0.30"])
def test_the_exporter_tells_the_product_by_its_version(version):
    dump = read(f'mysql_global_variables_port 1\nmysql_version_info{{version="{version}"}} 1\n')
    assert dump.engine == ("mariadb" if "Maria" in version else "mysql")


INFO = """VARIABLE_NAME\tVARIABLE_VALUE\tVARIABLE_SOURCE\tVARIABLE_PATH\tSET_USER
max_connections\t99\tPERSISTED\t/var/lib/mysqld-auto.cnf\troot
port\t3306\tCOMPILED\t\tNULL
back_log\t80\tEXPLICIT\t/etc/my.cnf\tNULL
read_only\tON\tDYNAMIC\t\troot
"""


def test_origins_become_sources():
    dump = read(INFO)
    assert (dump.engine, dump.kind) == ("mysql", "variables_info")
    assert {name: (each.value, each.source.value) for name, each in by_name(dump).items()} == {
        "max_connections": (99, "persisted"),
        "port": (3306, "default"),
        "back_log": (80, "file"),
        "read_only": (True, "operator"),
    }


def test_origins_without_values_are_no_settings():
    lines = [line.split("\t") for line in INFO.splitlines()]
    dump = read("".join("\t".join([line[0], *line[2:]]) + "\n" for line in lines))
    assert dump.settings == ()
    assert dump.offered == ("max_connections", "port", "back_log", "read_only")


SYSTEM = """VARIABLE_NAME\tSESSION_VALUE\tGLOBAL_VALUE\tGLOBAL_VALUE_ORIGIN\tVARIABLE_SCOPE\tVARIABLE_TYPE
TIMESTAMP\t1.5\tNULL\tNULL\tSESSION ONLY\tDOUBLE
MY_PLUGIN_WORD\tNULL\t007\tCONFIG\tGLOBAL\tVARCHAR
MY_PLUGIN_NUMBER\tNULL\t7\tAUTO\tGLOBAL\tINT UNSIGNED
VERSION\tNULL\t10.11.6-MariaDB\tCOMPILE-TIME\tGLOBAL\tVARCHAR
PORT\tNULL\t3307\tCOMMAND-LINE\tGLOBAL\tINT UNSIGNED
"""


def test_a_table_that_tells_types_is_read_by_them():
    dump = read(SYSTEM)
    assert (dump.engine, dump.version, dump.is_complete) == ("mariadb", "10.11.6", False)
    told = {name: (each.value, each.scope, each.source.value) for name, each in by_name(dump).items()}
    assert told == {
        "timestamp": (1.5, "session", "file"),
        "my_plugin_word": ("007", "instance", "file"),
        "my_plugin_number": (7, "instance", "auto"),
        "version": ("10.11.6-MariaDB", "instance", "default"),
        "port": (3307, "instance", "command line"),
    }


def test_a_list_of_variables_sets_none():
    listed = {"max_connections": {"vartype": "integer", "min_val": "1", "default": "151", "reset_val": "151"}}
    dump = read(json.dumps(listed))
    assert (dump.settings, dump.offered) == ((), ("max_connections",))


def test_a_list_of_variables_with_values_is_no_list_of_offers():
    listed = {"max_connections": {"vartype": "integer", "value": "151", "min_val": "1"}}
    document = document_of(json.dumps(listed))
    assert not any(reader.kind == "list of parameters" and reader.recognise(document) for reader in READERS)


MONITOR = """=====================================
2026-11-24 17:54:33 0x7f INNODB MONITOR OUTPUT
=====================================
History list length 12
LIST OF TRANSACTIONS FOR EACH SESSION:
UPDATE t SET a = 'History list length 99'
21427 OS file reads, 23672 OS file writes, 13449 OS fsyncs
---BUFFER POOL 0
Free buffers       749
---BUFFER POOL 1
Free buffers       750
ROW OPERATIONS
1.50 inserts/s, 0.00 updates/s, 0.00 deletes/s, 2.50 reads/s
"""


def test_the_monitor_gives_numbers_and_no_statements():
    dump = read(MONITOR)
    assert {(each.name, each.labels): each.value for each in dump.samples} == {
        ("history_list_length", ""): 12,
        ("os_file_reads", ""): 21427,
        ("os_file_writes", ""): 23672,
        ("os_fsyncs", ""): 13449,
        ("free_buffers", "buffer_pool=0"): 749,
        ("free_buffers", "buffer_pool=1"): 750,
        ("rows_inserted_per_second", ""): 1.5,
        ("rows_updated_per_second", ""): 0,
        ("rows_deleted_per_second", ""): 0,
        ("rows_read_per_second", ""): 2.5,
    }
    assert "UPDATE" not in repr(dump)
    assert problems_of(dump) == [["warning", 0]]


def test_the_monitor_in_a_batch_is_one_line():
    dump = read("Type\tName\tStatus\nInnoDB\t\t" + MONITOR.replace("\n", "\\n") + "\n")
    assert len(dump.samples) == 10
    assert {each.line for each in dump.samples} == {2}


@pytest.mark.parametrize(
    ("text", "engine", "version"),
    [
        ("+-----------+\n| version() |\n+-----------+\n| 8.0.30    |\n+-----------+\n", "mysql", "8.0.30"),
        ("*** 1. row ***\nVERSION(): 10.8.4-MariaDB-log\n", "mariadb", "10.8.4"),
    ],
)
def test_a_version_is_told_without_settings(text, engine, version):
    dump = read(text)
    assert (dump.engine, dump.kind, dump.version, dump.settings) == (engine, "version", version, ())


def test_what_a_select_of_variables_shows_are_settings():
    dump = read(
        "+-----------------------+---------------------+\n"
        "| @@global.wait_timeout | @@session.sort_buffer_size |\n"
        "+-----------------------+---------------------+\n"
        "| 100 | 262144 |\n"
        "+-----------------------+---------------------+\n"
    )
    found = {each.name: (each.value, each.unit, each.scope) for each in dump.settings}
    assert found == {
        "wait_timeout": (100_000, "ms", "instance"),
        "sort_buffer_size": (262_144, "B", "session"),
    }
    assert dump.is_running is True


def test_the_state_of_a_replica_gives_numbers_and_no_texts():
    dump = read(
        "*** 1. row ***\n        Slave_IO_State: Waiting\n           Master_Host: h1\n"
        "           Master_Port: 3306\n Seconds_Behind_Master: 7\n         Last_IO_Error: of hunter2\n"
        "            Using_Gtid: No\n"
    )
    assert (dump.engine, dump.kind) == ("mariadb", "SHOW REPLICA STATUS")
    assert [(each.name, each.value, each.labels) for each in dump.samples] == [
        ("Master_Port", 3306, "master_host=h1"),
        ("Seconds_Behind_Master", 7, "master_host=h1"),
    ]
    assert "hunter2" not in repr(dump)


def test_groups_of_names_in_json_set_nothing():
    dump = read('{"ram": ["join_buffer_size", "innodb_buffer_pool_size"], "cpu": ["thread_cache_size"]}')
    assert (dump.kind, dump.settings) == ("list of parameters", ())
    assert dump.offered == ("join_buffer_size", "innodb_buffer_pool_size", "thread_cache_size")

"""The server's views in every shape of the real client, each printed by psql once."""

from __future__ import annotations

import pytest
from tests.engines.postgresql.dumps.reading import by_name, problems_of, read

from setpoint.config.dump import Source
from setpoint.engines.postgresql.dumps.typed import MEANINGS

ALIGNED = """\
        name         |  setting  | unit | vartype
---------------------+-----------+------+---------
 autovacuum_naptime  | 60        | s    | integer
 jit                 | off       |      | bool
 log_line_prefix     | %m [%p]   |      | string
 log_file_mode       | 0600      |      | integer
 max_wal_size        | 1024      | MB   | integer
 random_page_cost    | 1.1       |      | real
 shared_buffers      | 16384     | 8kB  | integer
 statement_timeout   | 0         | ms   | integer
 wal_compression     | pglz      |      | enum
(9 rows)
"""
EXPANDED = """\
-[ RECORD 1 ]---
name    | jit
setting | off
unit    |
-[ RECORD 2 ]---
name    | shared_buffers
setting | 16384
unit    | 8kB
-[ RECORD 3 ]---
name    | max_wal_size
setting | 1024
unit    | MB
"""
UNALIGNED = "name|setting|unit\njit|off|\nshared_buffers|16384|8kB\nmax_wal_size|1024|MB\n(3 rows)\n"
BARE = "jit|off|\nshared_buffers|16384|8kB\nmax_wal_size|1024|MB\n"
CSV = "name,setting,unit\njit,off,\nshared_buffers,16384,8kB\nmax_wal_size,1024,MB\n"
COPY = "jit\toff\t\\N\nshared_buffers\t16384\t8kB\nmax_wal_size\t1024\tMB\n"
JSON = """\
[{"name":"jit","setting":"off","unit":null},
 {"name":"shared_buffers","setting":"16384","unit":"8kB"},
 {"name":"max_wal_size","setting":"1024","unit":"MB"}]
"""
LINES = """\
{"name":"jit","setting":"off","unit":null}
{"name":"shared_buffers","setting":"16384","unit":"8kB"}
{"name":"max_wal_size","setting":"1024","unit":"MB"}
"""
SHOW_ALL = """\
      name      | setting |                         description
----------------+---------+--------------------------------------------------------------
 jit            | off     | Allow JIT compilation.
 shared_buffers | 128MB   | Sets the number of shared memory buffers used by the server.
 max_wal_size   | 1GB     | Sets the WAL size that triggers a checkpoint.
(3 rows)
"""
SHAPES = [ALIGNED, EXPANDED, UNALIGNED, BARE, CSV, COPY, JSON, LINES, SHOW_ALL]
IDS = ["aligned", "expanded", "unaligned", "bare", "csv", "copy", "json", "lines", "show all"]


@pytest.mark.parametrize("text", SHAPES, ids=IDS)
def test_every_shape_says_the_same(text):
    dump = read(text)
    settings = by_name(dump)
    assert settings["jit"].value is False
    assert (settings["shared_buffers"].value, settings["shared_buffers"].unit) == (128 << 20, "B")
    assert (settings["max_wal_size"].value, settings["max_wal_size"].unit) == (1 << 30, "B")
    assert dump.kind == ("SHOW ALL" if text == SHOW_ALL else "pg_settings")
    assert not dump.is_complete
    assert dump.problems == ()


def test_types_and_units_of_the_view_are_believed():
    settings = by_name(read(ALIGNED))
    assert {name: (each.value, each.unit) for name, each in settings.items()} == {
        "autovacuum_naptime": (60_000, "ms"),
        "jit": (False, None),
        "log_line_prefix": ("%m [%p]", None),
        "log_file_mode": (0o600, None),
        "max_wal_size": (1 << 30, "B"),
        "random_page_cost": (1.1, None),
        "shared_buffers": (128 << 20, "B"),
        "statement_timeout": (0, "ms"),
        "wal_compression": ("pglz", None),
    }


def test_a_unit_of_an_old_version_is_believed_over_the_catalogs():
    dump = read("name,setting,unit,vartype\nmax_wal_size,64,16MB,integer\nwal_compression,on,,bool\n")
    assert by_name(dump)["max_wal_size"].value == 1 << 30
    assert by_name(dump)["wal_compression"].value is True


HEAD = "name,setting,unit,source,sourcefile,pending_restart\n"


def test_where_a_value_comes_from():
    dump = read(
        HEAD
        + "jit,on,,default,,f\n"
        + "max_connections,60,,configuration file,/x/postgresql.conf,t\n"
        + "work_mem,4096,kB,configuration file,/x/postgresql.auto.conf,f\n"
        + "port,5433,,command line,,f\n"
        + "data_directory,/x,,override,,f\n"
        + "statement_timeout,5,ms,database,,f\n"
        + "lock_timeout,5,ms,user,,f\n"
        + "application_name,psql,,client,,f\n"
        + "search_path,a,,session,,f\n"
    )
    found = {name: (each.source.value, each.scope) for name, each in by_name(dump).items()}
    assert found == {
        "jit": ("default", "instance"),
        "max_connections": ("file", "instance"),
        "work_mem": ("auto", "instance"),
        "port": ("command line", "instance"),
        "data_directory": ("default", "instance"),
        "statement_timeout": ("database", "session"),
        "lock_timeout": ("role", "session"),
        "application_name": ("operator", "session"),
        "search_path": ("operator", "session"),
    }
    assert {name for name, each in by_name(dump).items() if each.running is not None} == {"max_connections"}
    assert problems_of(dump) == [["warning", 3], ["warning", 7], ["warning", 8]]


def test_the_running_servers_word_is_not_judged():
    dump = read("name,setting\nwork_mem,1\nmax_connections,99999999\njit,on\n")
    assert by_name(dump)["work_mem"].value == 1024
    assert by_name(dump)["max_connections"].value == 99999999
    assert dump.problems == ()


def test_the_version_is_told_by_the_settings():
    assert read("name,setting\njit,on\nserver_version,16.4 (Debian 16.4-1.pgdg120+1)\n").version == "16.4"
    assert read("name,setting\njit,on\nserver_version_num,90624\n").version == "9.6.24"
    assert read("name,setting\njit,on\nserver_version,17beta1\n").version == "17"
    assert read(" server_version_num \n--------------------\n 140004\n(1 row)\n").version == "14.4"


def test_one_show_is_one_setting():
    dump = read(" work_mem \n----------\n 4MB\n(1 row)\n\n")
    assert by_name(dump)["work_mem"].value == 4 << 20
    assert by_name(dump)["work_mem"].line == 3


def test_a_secret_of_the_view_never_comes_out():
    dump = read(
        "name,setting,vartype\njit,on,bool\n"
        "primary_conninfo,host=a password=hunter2,string\nx.token,hunter2,string\n"
    )
    assert "hunter2" not in repr(dump)
    assert dump.redacted == ("primary_conninfo", "x.token")
    assert by_name(dump)["primary_conninfo"].value == "host=a password=********"
    assert by_name(dump)["x.token"].raw is None


FILES = "sourcefile,sourceline,seqno,name,setting,applied,error\n"


def test_of_file_entries_the_last_in_sequence_is_configured():
    dump = read(
        FILES
        + "/x/postgresql.auto.conf,3,3,max_connections,80,f,setting could not be applied\n"
        + "/x/postgresql.conf,1,1,max_connections,60,f,\n"
        + "/x/postgresql.conf,2,2,work_mem,nonsense,f,setting could not be applied\n"
        + "/x/postgresql.conf,3,4,no_such,1,f,unrecognized configuration parameter\n"
        + '/x/postgresql.conf,4,5,,,f,"syntax error in file ""/x"" line 4, near end of line"\n'
    )
    settings = by_name(dump)
    assert (settings["max_connections"].value, settings["max_connections"].source) == (80, Source.AUTO)
    assert settings["work_mem"].value is None
    assert settings["no_such"].value is None
    assert problems_of(dump) == [["warning", 2], ["note", 3], ["error", 4], ["error", 5], ["error", 6]]


DRDS = """\
             List of settings
 Role | Database |        Settings
------+----------+------------------------
 bob  | app      | search_path=a, b
 bob  |          | work_mem=16MB
      | app      | statement_timeout=5min+
      |          | my.text=x,"y" it's
      |          | lock_timeout=3s
(4 rows)
"""
VIEW = """\
 setdatabase | setrole |                    setconfig
-------------+---------+-------------------------------------------------
           0 |   16384 | {work_mem=16MB}
       16385 |   16384 | {"search_path=a, b"}
           0 |       0 | {lock_timeout=3s}
       16385 |       0 | {statement_timeout=5min,"my.text=x,\\"y\\" it's"}
(4 rows)
"""


@pytest.mark.parametrize(("text", "role", "database"), [(DRDS, "bob", "app"), (VIEW, "16384", "16385")])
def test_overrides_have_the_scope_of_their_role_and_database(text, role, database):
    dump = read(text)
    assert dump.kind == "pg_db_role_setting"
    found = {(each.name, each.scope): each.value for each in dump.settings}
    assert found == {
        ("work_mem", f"role:{role}"): 16 << 20,
        ("search_path", f"database:{database},role:{role}"): "a, b",
        ("lock_timeout", "role:ALL"): 3000,
        ("statement_timeout", f"database:{database}"): 300_000,
        ("my.text", f"database:{database}"): 'x,"y" it\'s',
    }


def test_a_list_of_parameters_offers_names_and_no_settings():
    dump = read("name,vartype,boot_val,short_desc\njit,bool,on,x\nwork_mem,integer,4096,y\n")
    assert dump.settings == ()
    assert dump.offered == ("jit", "work_mem")


def test_statistics_are_samples_and_a_query_is_no_label():
    dump = read(
        "queryid,query,calls,total_exec_time,rows\n"
        "42,\"select * from users where password = 'hunter2'\",7,1.5,9\n"
        "-43,select 1,8,2.5,10\n"
    )
    assert dump.kind == "pg_stat_statements"
    assert "hunter2" not in repr(dump)
    assert [(each.name, each.labels, each.value) for each in dump.samples][:3] == [
        ("calls", "queryid=42", 7.0),
        ("total_exec_time", "queryid=42", 1.5),
        ("rows", "queryid=42", 9.0),
    ]


def test_two_samples_of_one_row_give_the_later_value_and_a_rate():
    dump = read(
        "now,datname,numbackends,xact_commit,xact_rollback\n"
        "2026-01-01 00:00:00+00,app,3,100,0\n"
        "2026-01-01 00:00:10+00,app,5,150,0\n"
    )
    found = {each.name: (each.value, each.per_second) for each in dump.samples}
    assert found == {"numbackends": (5.0, None), "xact_commit": (150.0, 5.0), "xact_rollback": (0.0, 0.0)}


DATABASES = """
 datname | xact_commit | xact_rollback
---------+-------------+---------------
 app     |           1 |             2
(1 row)
"""


def test_two_tables_of_one_file_are_both_read():
    dump = read(ALIGNED + DATABASES)
    assert dump.kind == "pg_settings + pg_stat_database"
    assert len(dump.settings) == 9
    assert len(dump.samples) == 2


def every_name(version, *but):
    catalog = next(each for each in MEANINGS.catalogs if each.version.startswith(f"{version}."))
    return [each.name for each in catalog.parameters if each.name not in but]


@pytest.mark.parametrize(
    ("told", "lacking", "is_complete"),
    [
        ("15.18", ["output_plugin_libraries"], True),
        ("15.99", ["output_plugin_libraries"], False),
        ("15.7", ["output_plugin_libraries", "restrict_nonsystem_relation_kind"], True),
        ("15.8", ["output_plugin_libraries", "restrict_nonsystem_relation_kind"], False),
        ("15.18", ["work_mem"], False),
        ("14.4", ["restrict_nonsystem_relation_kind", "allow_in_place_tablespaces"], True),
        ("14.5", ["restrict_nonsystem_relation_kind", "allow_in_place_tablespaces"], False),
    ],
)
def test_a_dump_is_whole_without_what_later_minor_releases_brought(told, lacking, is_complete):
    names = every_name(told.partition(".")[0], "server_version", *lacking)
    text = "".join(f"{name},x\n" for name in names)
    assert read(f"name,setting\nserver_version,{told}\n{text}").is_complete is is_complete


@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_server_shows_is_what_it_runs(shape):
    assert read(shape).is_running is True


def test_what_its_files_say_is_not_what_a_server_runs():
    text = "sourcefile,sourceline,seqno,name,setting,applied,error\n/etc/p.conf,4,1,work_mem,8MB,t,\n"
    assert read(text).is_running is False
    assert read("setdatabase,setrole,setconfig\n0,10,{jit=off}\n").is_running is False


def test_names_and_values_with_tabs_between_are_no_configuration_file():
    dump = read("archive_command\t\nlog_line_prefix\t%m [%p] \nwork_mem\t4MB\nwal_level\treplica\n")
    assert (dump.kind, dump.has_errors) == ("pg_settings", False)
    assert by_name(dump)["work_mem"].value == 4 << 20
    assert by_name(dump)["archive_command"].value == ""


@pytest.mark.parametrize("mark", [",", "|", "\t"])
def test_a_view_without_rows_is_known_by_its_columns(mark):
    dump = read(mark.join(["pid", "usename", "sent_lsn", "replay_lsn"]) + "\n")
    assert (dump.kind, dump.samples, dump.problems) == ("pg_stat_replication", (), ())


def test_numbers_wider_than_their_column_are_whole():
    dump = read(" state  | count\n--------+-------\n active |     2\n idle   |     18\n")
    assert [(each.labels, each.value) for each in dump.samples] == [("state=active", 2), ("state=idle", 18)]


def test_a_table_may_be_indented_as_a_whole():
    dump = read(
        "    datname    | running_time\n --------------+--------------\n  postgres     |     0.001053\n"
    )
    assert [(each.name, each.labels, each.value) for each in dump.samples] == [
        ("running_time", "datname=postgres", 0.001053)
    ]


def test_an_age_in_transactions_is_a_number_and_no_identity():
    dump = read(" oldest_current_xid | percent_towards_wraparound\n--------------------+---\n 9 | 1\n")
    assert [each.name for each in dump.samples] == ["oldest_current_xid", "percent_towards_wraparound"]

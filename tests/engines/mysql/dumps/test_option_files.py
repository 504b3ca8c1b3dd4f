"""Option files: what each line gives, to whom it speaks, and what a server would refuse."""

from __future__ import annotations

import pytest
from tests.engines.mysql.dumps.reading import (
    Folder,
    by_name,
    document_of,
    messages_of,
    problems_of,
    read_all,
    read_options,
    values_of,
)

from setpoint.engines.mysql.dumps import readers


def taken(line: str, version: str = "10.11", engine: str = "mariadb"):
    """Answer value, unit and the severities of the problems of one line."""
    (dump,) = read_options(f"[mysqld]\n{line}\n", version, engine)
    found = dump.settings[0]
    return found.value, found.unit, [problem.severity.value for problem in dump.problems]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("key_buffer_size=16M", (16 << 20, "B", [])),
        ("key-buffer-size = 16m # of many", (16 << 20, "B", [])),
        ("key_buffer_size=16MB", (16 << 20, "B", ["warning"])),
        ("key_buffer_size=16X", (None, None, ["error"])),
        ("key_buffer_size='1 M'", (None, None, ["error"])),
        ("innodb_flush_log_at_trx_commit=9", (3, None, ["warning"])),
        ("max_connections=0x20", (None, None, ["error"])),
        ("max_connections=-5", (None, None, ["error"])),
        ("max_connections=", (10, None, ["warning"])),
        ("max_connections", (None, None, ["error"])),
        ("sort_buffer_size=1000", (1024, "B", ["warning"])),
        ("innodb_buffer_pool_size=100000000", (99614720, "B", ["warning"])),
        ("long_query_time=0.5", (500, "ms", [])),
        ("long_query_time=1e3", (1_000_000, "ms", [])),
        ("long_query_time=1K", (None, None, ["error"])),
        ("wait_timeout=10s", (None, None, ["error"])),
        ("binlog_format=ro", ("ROW", None, [])),
        ("binlog_format=1", ("STATEMENT", None, [])),
        ("binlog_format=9", (None, None, ["error"])),
        ("sql_mode=4", ("ANSI_QUOTES", None, [])),
        ("sql_mode=FOO", (None, None, ["error"])),
        ("sql_mode=", ("", None, [])),
        ("optimizer_switch=mrr=off", ("mrr=off", None, [])),
        ("optimizer_switch=foo=off", (None, None, ["error"])),
        ("general_log", (True, None, [])),
        ("general_log=3", (False, None, ["warning"])),
        ("innodb_file_per_table=maybe", (None, None, ["warning"])),
        ("innodb_buffer_pool_load_now", (None, None, ["error"])),
        ("event_scheduler", ("ON", None, [])),
        ("concurrent_insert", ("AUTO", None, [])),
        ("skip-innodb-file-per-table", (False, None, [])),
        ("skip-max-connections", (10, None, ["warning"])),
        ("skip_name_resolve", (True, None, [])),
        ("disable-log-bin", (False, None, [])),
        ("log_bin=mysql-bin", ("mysql-bin", None, [])),
        ("no_such=1", (1, None, ["error"])),
        ("loose-no-such=1", (1, None, ["note"])),
        ("innodb_max_dirty_pages_pct=101", (99.999, None, ["warning"])),
        ("key_buffer_size=17E", (1 << 60, "B", [])),
        ("max_connections=99999999999999999999999", (None, None, ["error"])),
    ],
)
def test_a_line_means_what_mariadb_10_11_makes_of_it(line, wanted):
    value, unit, problems = taken(line)
    assert (value, type(value), unit, problems) == (wanted[0], type(wanted[0]), *wanted[1:])


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("innodb_flush_log_at_trx_commit=9", (2, None, ["warning"])),
        ("max_connections=", (None, None, ["error"])),
        ("max_connections=-5", (1, None, ["warning"])),
        ("key_buffer_size=17E", (None, None, ["error"])),
        ("binlog_row_image=mi", ("MINIMAL", None, [])),
        ("innodb_stats_method=abc", (None, None, ["error"])),
        ("myisam_recover_options=FORCE,BACKUP", ("FORCE,BACKUP", None, [])),
        ("skip_name_resolve=false", (True, None, [])),
        ("Max_connections=7", (7, None, ["error"])),
        ("max_conn=7", (7, None, ["error"])),
    ],
)
def test_a_line_means_what_mysql_9_7_makes_of_it(line, wanted):
    assert taken(line, "9.7", "mysql") == wanted


def test_mariadb_completes_a_name_that_is_cut_short():
    (dump,) = read_options("[mysqld]\nmax_connectio=70\nmax_c=7\n", "10.11")
    assert values_of(dump) == {"max_connections": 70, "max_c": 7}
    assert "ambiguous" in messages_of(dump, "error")[0]


def test_of_a_version_nobody_knows_only_what_all_refuse_is_refused():
    (dump,) = read_options("[mysqld]\nmyisam-recover=FORCE\nmax_connections=x\n", engine="mysql")
    assert values_of(dump) == {"myisam_recover": "FORCE", "max_connections": None}
    assert problems_of(dump) == [["note", 2], ["error", 3]]


def test_an_unknown_option_is_softer_where_plugins_are_loaded():
    (dump,) = read_options("[mysqld]\nplugin_load_add=x\nx_size=4M\n", "10.11")
    assert by_name(dump)["x_size"].value == 4 << 20
    assert problems_of(dump) == [["warning", 3]]


def test_of_duplicates_the_last_is_in_force_and_accumulating_options_stay():
    text = "[mysqld]\nport=1000\nPort = 2000\n[server]\nport=3000\n[client]\nport=4000\n"
    (dump,) = read_options(f"{text}[mariadb]\nreplicate-do-db=a\nreplicate-do-db=b\n", "10.11")
    told = [(each.name, each.scope, each.value, each.line) for each in dump.settings]
    assert told == [
        ("port", "instance", 3000, 5),
        ("port", "client", 4000, 7),
        ("replicate_do_db", "instance", "a", 9),
        ("replicate_do_db", "instance", "b", 10),
    ]
    assert problems_of(dump) == [["note", 2], ["note", 3]]
    assert messages_of(dump, "note")[0] == "port is set again in line 5, which is in force"


def test_groups_that_this_version_does_not_read_are_told_apart():
    text = "[mysqld-5.7]\nport=1\n[mariadb-10.11]\nport=2\n[mysqld_safe]\nnice=0\n[mysqldump]\nquick\n"
    (dump,) = read_options(text, "10.11")
    told = {(each.name, each.scope): each.value for each in dump.settings}
    assert told == {
        ("port", "group:mysqld-5.7"): 1,
        ("port", "instance"): 2,
        ("nice", "group:mysqld_safe"): 0,
        ("quick", "client"): True,
    }
    assert dump.problems == ()


def test_placeholders_are_reported_with_line_and_column():
    text = (
        "[mysqld]\nport = PORT\nsocket = /run/PORT/s.sock\ndatadir = {{ dir }}\nserver_id=${ID}\nuser=<who>\n"
    )
    (dump,) = read_options(text)
    assert values_of(dump) == {
        "port": None,
        "socket": "/run/PORT/s.sock",
        "datadir": None,
        "server_id": None,
        "user": None,
    }
    assert [(p.severity.value, p.line, p.column) for p in dump.problems] == [
        ("error", 2, 8),
        ("warning", 3, 0),
        ("error", 4, 11),
        ("error", 5, 11),
        ("error", 6, 6),
    ]


SECRETS = """[client]
password = s3cr3t#1
pass="s3cr3t"
[mysqld]
init_connect = "SET PASSWORD = PASSWORD('s3cr3t')"
wsrep_sst_auth=root:s3cr3t
wsrep_provider_options="gmcast.listen_addr=tcp://192.168.0.1:4567; x.password=s3cr3t"
feedback_url=https://me:s3cr3t@host/
loose_file_key_management_filekey=s3cr3t
ssl_key=/etc/key.pem
validate_password=FORCE_PLUS_PERMANENT
disconnect_on_expired_password=OFF
default_password_lifetime=3
"""


def test_secrets_go_and_what_only_sounds_like_one_stays():
    (dump,) = read_options(SECRETS)
    assert "s3cr3t" not in repr(dump)
    found = by_name(dump)
    assert found["ssl_key"].value == "/etc/key.pem"
    assert found["validate_password"].raw == "FORCE_PLUS_PERMANENT"
    assert found["disconnect_on_expired_password"].value is False
    assert found["default_password_lifetime"].value == 3 * 86_400_000
    assert "tcp://192.168.0.1:4567" in str(found["wsrep_provider_options"].raw)
    assert set(dump.redacted) == {
        "password",
        "pass",
        "init_connect",
        "wsrep_sst_auth",
        "wsrep_provider_options",
        "feedback_url",
        "file_key_management_filekey",
    }


def test_absolute_includes_are_not_followed_and_relative_ones_are_in_order():
    shelf = Folder(
        {
            "conf.d/b.cnf": "[mysqld]\nport=3\n",
            "conf.d/a.cnf": "[mysqld]\nport=2\nmax_connections=20\n!include ../more.cnf\n",
            "conf.d/c.txt": "[mysqld]\nport=9\n",
            "more.cnf": "[mysqld]\nback_log=60\n",
        }
    )
    includes = "!includedir conf.d\n!include /etc/x.cnf\n!include none.cnf\n"
    text = f"[mysqld]\nport=1\n{includes}[mysqld]\nback_log=70\n"
    dumps = read_options(text, "10.11", shelf=shelf, path="etc/my.cnf")
    assert [dump.path for dump in dumps] == ["etc/my.cnf", "etc/conf.d/a.cnf", "etc/conf.d/b.cnf"]
    assert [values_of(dump) for dump in dumps] == [{"back_log": 70}, {"max_connections": 20}, {"port": 3}]
    assert problems_of(dumps[0]) == [["note", 2], ["warning", 4], ["warning", 5]]
    assert messages_of(dumps[1], "note") == ["port is set again in conf.d/b.cnf:2, which is in force"]


def test_files_that_include_each_other_end():
    shelf = Folder({"a.cnf": "[mysqld]\nport=1\n!include a.cnf\n!include a.cnf\n"})
    dumps = read_options("[mysqld]\n!include a.cnf\n", shelf=shelf)
    assert [values_of(dump) for dump in dumps] == [{}, {"port": 1}]


def test_a_folder_that_is_missing_stops_the_start():
    (dump,) = read_options("[mysqld]\nport=1\n!includedir none.d\nback_log=70\n")
    assert values_of(dump) == {"port": 1}
    assert problems_of(dump) == [["error", 3]]


def test_an_option_before_any_group_stops_the_start():
    (dump,) = read_options("port=1\n[mysqld]\nport=2\n")
    assert dump.settings == ()
    assert problems_of(dump) == [["error", 1]]


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("[mysqld]\nport=1\n", "mysql"),
        ("[mariadb]\nport=1\n", "mariadb"),
        ("[mysqld]\naria_block_size=8K\n", "mariadb"),
        ("[mysqld]\nloose-gtid-mode=ON\n", "mysql"),
        ("# MariaDB\n[mysqld]\n", "mariadb"),
        ("[mysqld-8.0]\nport=1\n", "mysql"),
    ],
)
def test_the_product_is_told_by_what_only_one_writes(text, engine):
    assert read_all(document_of(text))[0].engine == engine


@pytest.mark.parametrize("text", ["[pgbouncer]\nport=1\n", "[databases]\nx=1\n", "", "port=1\n", "[Unit]\n"])
def test_files_of_others_are_not_claimed(text):
    document = document_of(text)
    assert [reader for reader in readers("mysql") if reader.recognise(document)] == []


def test_a_skip_before_a_name_that_nobody_knows_is_a_part_of_it():
    (dump,) = read_options(
        "[mysqld]\nskip-locking\nskip-log-bin\nskip-bdb=1\nloose-skip-foo\n", engine="mysql"
    )
    found = {each.name: each.value for each in dump.settings}
    assert found["skip_locking"] is True
    assert found["skip_bdb"] == 1
    assert found["skip_foo"] is True
    assert not {"locking", "bdb", "foo"} & set(found)
    assert not dump.is_running

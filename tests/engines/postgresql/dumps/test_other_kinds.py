"""What the exporter, pg_controldata, the list of parameters and SQL scripts say."""

from __future__ import annotations

import pytest
from tests.engines.postgresql.dumps.reading import by_name, problems_of, read

from setpoint.config.dump import Source

SCRAPE = """\
# HELP pg_settings_work_mem_bytes Server Parameter: work_mem
# TYPE pg_settings_work_mem_bytes gauge
pg_settings_work_mem_bytes{server="a:5432"} 4.194304e+06
pg_settings_autovacuum_work_mem_bytes{server="a:5432"} -1024
pg_settings_log_min_duration_statement_seconds{server="a:5432"} -0.001
pg_settings_log_temp_files_bytes{server="a:5432"} -1
pg_settings_bgwriter_delay_seconds{server="a:5432"} 0.2
pg_settings_unix_socket_permissions{server="a:5432"} 770
pg_settings_jit{server="a:5432"} 0
pg_settings_pg_stat_statements_max{server="a:5432"} 5000
# HELP pg_settings_my_app_cache_bytes Server Parameter: my_app.cache
pg_settings_my_app_cache_bytes{server="a:5432"} 1.8014398509481984e+16
pg_settings_work_mem_bytes{server="b:5432"} 1024
pg_static{server="a:5432",short_version="16.4.0",version="PostgreSQL 16.4"} 1
pg_up 1
pg_stat_database_xact_commit{datname="it's \\"app\\"",server="a:5432"} 12
"""


def test_what_the_exporter_did_to_settings_is_undone():
    dump = read(SCRAPE)
    assert dump.version == "16.4"
    assert {name: (each.value, each.unit) for name, each in by_name(dump).items()} == {
        "work_mem": (4 << 20, "B"),
        "autovacuum_work_mem": (-1, None),
        "log_min_duration_statement": (-1, None),
        "log_temp_files": (-1, None),
        "bgwriter_delay": (200, "ms"),
        "unix_socket_permissions": (0o770, None),
        "jit": (False, None),
        "pg_stat_statements.max": (5000, None),
        "my_app.cache": (1 << 54, "B"),
    }
    assert problems_of(dump) == [["note", 0], ["note", 12], ["warning", 13]]
    assert len(dump.samples) == 3
    assert not dump.is_complete


CONTROL = """\
pg_control version number:            1300
Catalog version number:               202307071
Database cluster state:               in production
Latest checkpoint's REDO location:    0/16EF458
wal_level setting:                    replica
wal_log_hints setting:                off
max_connections setting:              100
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
Database block size:                  8192
Bytes per WAL segment:                16777216
Data page checksum version:           0
Mock authentication nonce:            f8fe39aa
"""


def test_the_control_file_tells_a_version_and_the_settings_of_the_last_run():
    dump = read(CONTROL)
    assert (dump.kind, dump.version) == ("pg_controldata", "16")
    assert {name: each.value for name, each in by_name(dump).items()} == {
        "wal_level": "replica",
        "wal_log_hints": False,
        "max_connections": 100,
        "max_prepared_transactions": 0,
        "max_locks_per_transaction": 64,
        "block_size": 8192,
        "wal_segment_size": 16777216,
        "data_checksums": False,
    }
    assert problems_of(dump) == [["note", 5]]


def test_the_programs_list_of_parameters_offers_names_alone():
    dump = read(
        "allow_alter_system\tsighup\tVersion / Other\tBOOLEAN\tFALSE\t\t\tAllows x.\tMore.\n"
        "work_mem\tuser\tResource Usage / Memory\tINTEGER\t0\t64\t2147483647\tSets x.\t\n"
    )
    assert dump.kind == "describe-config"
    assert dump.settings == ()
    assert dump.offered == ("allow_alter_system", "work_mem")


GLOBALS = """\
--
-- PostgreSQL database cluster dump
--

\\restrict abc

SET default_transaction_read_only = off;

-- Dumped from database version 16.4 (Debian 16.4-1)

CREATE ROLE bob;
ALTER ROLE bob WITH LOGIN PASSWORD 'SCRAM-SHA-256$hunter2';
ALTER ROLE bob SET work_mem TO '16MB';
ALTER ROLE "b o" IN DATABASE "my app" SET search_path TO 'a', 'b c';
ALTER DATABASE app SET "my.text" TO 'x;
ALTER ROLE bob SET work_mem TO ''99MB'';';
ALTER ROLE ALL SET lock_timeout TO '3s';
"""


def test_a_dump_of_globals_gives_overrides_and_no_settings_of_its_own_session():
    dump = read(GLOBALS)
    assert (dump.kind, dump.version) == ("SQL dump", "16.4")
    assert {(each.name, each.scope): (each.value, each.line) for each in dump.settings} == {
        ("work_mem", "role:bob"): (16 << 20, 13),
        ("search_path", "database:my app,role:b o"): ('a, "b c"', 14),
        ("my.text", "database:app"): ("x;\nALTER ROLE bob SET work_mem TO '99MB';", 15),
        ("lock_timeout", "role:ALL"): (3000, 17),
    }
    assert "hunter2" not in repr(dump)
    assert dump.redacted == ("password of bob",)


def test_a_script_of_alter_system_is_what_it_persists():
    dump = read(
        "/* tuning; ALTER SYSTEM SET jit = on; */\n"
        "ALTER SYSTEM SET shared_buffers = '4GB';\n"
        "alter system set work_mem to 1;\n"
        "ALTER SYSTEM SET work_mem TO '64MB';\n"
        "ALTER SYSTEM SET jit = off; ALTER SYSTEM RESET jit;\n"
        "ALTER SYSTEM SET autovacuum_work_mem = -1;\n"
        "ALTER SYSTEM SET max_wal_size = 'much';\n"
        "SELECT pg_reload_conf();\n"
    )
    settings = by_name(dump)
    assert {name: each.value for name, each in settings.items()} == {
        "shared_buffers": 4 << 30,
        "work_mem": 64 << 20,
        "autovacuum_work_mem": -1,
        "max_wal_size": None,
    }
    assert {each.source for each in dump.settings} == {Source.AUTO}
    assert ["error", 7] in problems_of(dump)


def test_a_table_of_settings_inside_a_dump_is_read():
    dump = read(
        "--\n-- PostgreSQL database dump\n--\n\n"
        "COPY public.kept (name, setting, unit) FROM stdin;\n"
        "shared_buffers\t16384\t8kB\nwork_mem\t4096\tkB\n\\.\n\n"
    )
    assert {name: each.value for name, each in by_name(dump).items()} == {
        "shared_buffers": 128 << 20,
        "work_mem": 4 << 20,
    }


@pytest.mark.parametrize(
    "text", ["", "\0\1\2", "'" * 1000, '"' * 1001, "$a$" * 500, "/*" * 500, "\\", "{" * 2000]
)
def test_odd_texts_are_read_by_every_reader_without_a_fault(text):
    from tests.engines.postgresql.dumps.reading import document_of

    from setpoint.engines.postgresql.dumps import readers

    for reader in readers():
        document = document_of(text)
        reader.recognise(document)
        assert all(dump.settings == () for dump in reader.read(document, None))


VERSION = " PostgreSQL 15.7 (Debian 15.7-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit\n"


@pytest.mark.parametrize(
    "text", [f"   version\n{'-' * 90}\n{VERSION}(1 row)\n", VERSION, "postgres (PostgreSQL) 15.7\n"]
)
def test_a_version_is_told_without_settings(text):
    dump = read(text)
    assert (dump.kind, dump.version, dump.settings) == ("version", "15.7", ())


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (
            '{"version": "13", "params": [{"name": "work_mem", "type": "a"}, {"name": "jit", "type": "b"}]}',
            "13",
        ),
        ('{"ram": ["work_mem"], "planner": ["jit", "work_mem"]}', None),
    ],
)
def test_a_list_of_names_in_json_sets_nothing(text, version):
    dump = read(text)
    assert (dump.kind, dump.offered, dump.settings) == ("list of parameters", ("work_mem", "jit"), ())
    assert dump.version == version


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("host all all 10.0.0.0/8 ldap ldapserver=h ldapbindpasswd=hunter2\n", "pg_hba.conf"),
        ("# MAPNAME  SYSTEM-USERNAME  PG-USERNAME\n", "pg_ident.conf"),
        ("# Automatic startup configuration\nauto\n", "start.conf"),
        ("pg_ctl_options = ''\n", "pg_ctl.conf"),
    ],
)
def test_files_beside_the_configuration_set_nothing_and_nothing_of_them_is_kept(text, kind):
    dump = read(text)
    assert (dump.kind, dump.settings, dump.has_errors) == (kind, (), False)
    assert "hunter2" not in repr(dump)


def test_many_includes_are_read_in_a_time_that_grows_with_them():
    dump = read("work_mem = 4MB\n" + "include 'x.conf'\n" * 20_000)
    assert len(dump.problems) == 20_000

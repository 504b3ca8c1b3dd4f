"""SHOW VARIABLES and SHOW STATUS in the shapes that the servers' own clients print."""

from __future__ import annotations

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

BOX = """+-----------------+--------------------------+
| Variable_name   | Value                    |
+-----------------+--------------------------+
| init_connect    | SELECT 'a|b'             |
| long_query_time | 10.000000                |
| version         | 11.8.9-MariaDB           |
+-----------------+--------------------------+
3 rows in set (0.001 sec)
"""
WITHOUT_HEADER = "\n".join(line for line in BOX.splitlines()[2:7]) + "\n"
NARROW = """+-----------------+----------------------------------+
| Variable_name   | Value                            |
+-----------------+----------------------------------+
| init_connect    | SELECT 'a|b'   |
| long_query_time | 10.000000      |
| version         | 11.8.9-MariaDB |
+-----------------+----------------------------------+
"""
BATCH = (
    "Variable_name\tValue\ninit_connect\tSELECT 'a|b'\nlong_query_time\t10.000000\nversion\t11.8.9-MariaDB\n"
)
VERTICAL = """*************************** 1. row ***************************
Variable_name: init_connect
        Value: SELECT 'a|b'
*************************** 2. row ***************************
Variable_name: long_query_time
        Value: 10.000000
*************************** 3. row ***************************
Variable_name: version
        Value: 11.8.9-MariaDB
"""
XML = """<?xml version="1.0"?>

<resultset statement="SHOW GLOBAL VARIABLES
" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <row>
	<field name="Variable_name">init_connect</field>
	<field name="Value">SELECT 'a|b'</field>
  </row>

  <row>
	<field name="Variable_name">long_query_time</field>
	<field name="Value">10.000000</field>
  </row>

  <row>
	<field name="Variable_name">version</field>
	<field name="Value">11.8.9-MariaDB</field>
  </row>
</resultset>
"""
_ROWS = (
    ("init_connect", "SELECT &#39;a|b&#39;"),
    ("long_query_time", "10.000000"),
    ("version", "11.8.9-MariaDB"),
)
HTML = (
    "<TABLE BORDER=1><TR><TH>Variable_name</TH><TH>Value</TH></TR>"
    + "".join(f"<TR><TD>{name}</TD><TD>{text}</TD></TR>" for name, text in _ROWS)
    + "</TABLE>"
)
JSON = """[
  {"Variable_name": "init_connect", "Value": "SELECT 'a|b'"},
  {"Variable_name": "long_query_time", "Value": "10.000000"},
  {"Variable_name": "version", "Value": "11.8.9-MariaDB"}
]
"""
SPACED = "init_connect  SELECT 'a|b'\nlong_query_time    10.000000\nversion 11.8.9-MariaDB\n"
SHAPES = {
    "box": BOX,
    "box without header": WITHOUT_HEADER,
    "box wider than its rows": NARROW,
    "batch": BATCH,
    "batch without header": BATCH.partition("\n")[2],
    "vertical": VERTICAL,
    "xml": XML,
    "html": HTML,
    "json": JSON,
    "spaces": SPACED,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_says_the_same(shape):
    dump = read(SHAPES[shape])
    assert (dump.engine, dump.kind, dump.version) == ("mariadb", "SHOW VARIABLES", "11.8.9")
    assert values_of(dump) == {
        "init_connect": "SELECT 'a|b'",
        "long_query_time": 10_000,
        "version": "11.8.9-MariaDB",
    }
    assert problems_of(dump) == []


def test_a_partial_listing_is_not_complete():
    dump = read(BOX)
    assert dump.is_complete is False


def test_status_and_variables_one_behind_the_other_are_told_apart():
    status = "Variable_name\tValue\nThreads_running\t3\nUptime\t100\nSsl_cipher\t\nQcache_hits\t0\n"
    dump = read(status + BATCH)
    assert dump.kind == "SHOW VARIABLES and SHOW STATUS"
    assert set(values_of(dump)) == {"init_connect", "long_query_time", "version"}
    assert [(each.name, each.value, each.line) for each in dump.samples] == [
        ("Threads_running", 3, 2),
        ("Uptime", 100, 3),
        ("Qcache_hits", 0, 5),
    ]


def test_two_samples_give_rates_of_counters_alone():
    dump = read(
        "Com_select 100 150\nThreads_running 3 5\nUptime 1000 1010\nHandler_commit 9 4\nBytes_sent 0 0\n"
    )
    assert {each.name: (each.value, each.per_second) for each in dump.samples} == {
        "Com_select": (150, 5.0),
        "Threads_running": (5, None),
        "Uptime": (1010, None),
        "Handler_commit": (4, None),
        "Bytes_sent": (0, 0.0),
    }


def test_two_samples_without_their_distance_give_no_rates():
    dump = read("Com_select 100 150\nCom_insert 3 5\n")
    assert {each.per_second for each in dump.samples} == {None}
    assert problems_of(dump) == [["warning", 0]]


def test_of_a_name_that_stands_twice_the_later_is_told():
    dump = read(BATCH + "long_query_time\t2.5\n")
    assert by_name(dump)["long_query_time"].line == 5
    assert messages_of(dump, "note") == ["long_query_time stands again in line 5"]


def test_values_a_server_runs_are_not_judged():
    dump = read("Variable_name\tValue\nmax_connections\t9999999\nversion\t10.11.6-MariaDB\nport\t\n")
    assert values_of(dump)["max_connections"] == 9999999
    assert [severity for severity, _ in problems_of(dump)] == ["note"]


def test_secrets_in_a_listing_are_not_kept():
    dump = read("Variable_name\tValue\nwsrep_sst_auth\troot:s3cr3t\nport\t1\nssl_key\t/k.pem\n")
    assert dump.redacted == ("wsrep_sst_auth",)
    assert by_name(dump)["ssl_key"].raw == "/k.pem"
    assert "s3cr3t" not in repr(dump)


def test_session_variables_have_their_scope():
    dump = read("Variable_name\tValue\ntimestamp\t1.5\nport\t1\nautocommit\tON\n")
    assert {name: each.scope for name, each in by_name(dump).items()} == {
        "timestamp": "session",
        "port": "instance",
        "autocommit": "instance",
    }


def test_old_prefixed_and_vendor_versions_are_numbers():
    told = {
        "5.5.5-10.5.8-MariaDB-log": "10.5.8",
        "8.0.32-24": "8.0.32",
        "5.1.61rel13.2-log": "5.1.61",
        "5.5.28-23.7-log": "5.5.28",
    }
    for text, number in told.items():
        assert read(f"Variable_name\tValue\nport\t1\nautocommit\tON\nversion\t{text}\n").version == number


@pytest.mark.parametrize(
    "text",
    [
        "Variable_Name\tVariable_Value\nProxySQL_Uptime\t7\nQuestions\t1\n",
        "name\tsetting\nwork_mem\t4096\n",
        "| key | value |\n| max_connections | 1 |\n",
        "the quick brown\nfox jumps over\nthe lazy dog\n",
        "",
    ],
)
def test_listings_of_others_are_not_claimed(text):
    document = document_of(text)
    assert [reader.kind for reader in READERS if reader.recognise(document)] == []


def test_the_null_of_secure_file_priv_is_a_text():
    dump = read("Variable_name\tValue\nsecure_file_priv\tNULL\nport\t1\ninit_file\tNULL\n")
    assert values_of(dump) == {"secure_file_priv": "NULL", "port": 1, "init_file": None}


def test_records_without_the_columns_names_are_read():
    dump = read(
        "***** 1. row *****\nlong_query_time\n10.000000\n***** 2. row *****\ninit_connect\n\n"
        "***** 3. row *****\nwait_timeout\n5\n"
    )
    assert values_of(dump) == {"long_query_time": 10_000, "init_connect": "", "wait_timeout": 5000}


def test_a_box_that_people_edited_is_read_by_its_bars():
    dump = read(BOX.replace("10.000000                ", "10.0"))
    assert values_of(dump)["long_query_time"] == 10_000
    assert problems_of(dump) == []


def test_counters_shown_twice_give_the_later_value_and_a_rate():
    first = "Variable_name\tValue\nQuestions\t100\nThreads_running\t2\nUptime\t50\n"
    later = "Variable_name\tValue\nQuestions\t180\nThreads_running\t3\nUptime\t60\n"
    dump = read(first + later)
    assert [(each.name, each.value, each.per_second, each.line) for each in dump.samples] == [
        ("Questions", 180, 8.0, 6),
        ("Threads_running", 3, None, 7),
        ("Uptime", 60, None, 8),
    ]


def test_what_a_server_shows_is_what_it_runs():
    assert all(read(text).is_running for text in SHAPES.values())

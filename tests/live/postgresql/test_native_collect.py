"""What psql collects is what a connection sees, whoever runs it; and what was touched is noticed."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from tests.live.postgresql.native_client import (
    NATIVE,
    SEAL,
    Client,
    job,
    look,
    restored,
    write,
)

from setpoint.catalog import Version
from setpoint.engines.frames import read_frames
from setpoint.engines.plan import Request
from setpoint.engines.port import Reply, Target
from setpoint.engines.postgresql import ENGINE
from setpoint.errors import TamperedError
from setpoint.lab.binaries import find_binaries


@pytest.fixture
def client(postgresql_each, tmp_path):
    with restored(postgresql_each):
        yield Client(postgresql_each, tmp_path)


def collect(client: Client):
    told = client.tell(NATIVE.asking(job(), 1, ENGINE.observe(version_of(client))))
    reply = Reply(rows=NATIVE.rows(told.answer(1, SEAL)))
    return ENGINE.read("pg", reply, at=datetime.now(UTC), version=version_of(client))


def version_of(client: Client) -> Version:
    return Version.parse(str(client.tell().begin["version"]))


def test_what_is_collected_is_what_a_connection_sees(client):
    write(client.server, "ALTER SYSTEM SET work_mem = '8MB'")
    here, catalog = look(client.server)
    there, same_catalog = collect(client)
    assert there.settings == here.settings
    assert same_catalog.data == catalog.data
    assert there.unseen == here.unseen
    assert there.facts.version == here.facts.version
    assert there.metrics.keys() == here.metrics.keys()
    assert client.said == ""


def test_a_lesser_login_collects_what_its_connection_sees(client):
    write(client.server, "DROP ROLE IF EXISTS lesser", "CREATE ROLE lesser LOGIN")
    client.user = "lesser"
    here, _ = look(client.server, user="lesser")
    there, _ = collect(client)
    assert there.settings == here.settings
    assert there.unseen == here.unseen


def test_what_a_users_own_files_and_surroundings_say_changes_nothing(client):
    here, _ = look(client.server)
    (client.folder / ".psqlrc").write_text("\\pset format html\n\\timing on\n\\echo hello\n\\set ECHO all\n")
    client.variables = {
        "HOME": str(client.folder),
        "PSQLRC": str(client.folder / ".psqlrc"),
        "PGCLIENTENCODING": "LATIN1",
        "PGDATESTYLE": "German",
        "PGTZ": "Asia/Tokyo",
        "LC_ALL": "C",
    }
    there, _ = collect(client)
    moved = {"DateStyle", "TimeZone", "client_encoding"}
    assert {name for name, each in there.settings.items() if each != here.settings[name]} <= moved
    assert SEAL not in client.said


def test_the_oldest_psql_at_hand_is_enough_for_every_server(client):
    builds = [build for build in find_binaries().found if (build.bindir / "psql").is_file()]
    client.build = min(builds, key=lambda build: build.version)
    there, _ = collect(client)
    assert there.settings == look(client.server)[0].settings


def test_rows_come_back_as_a_driver_brings_them(client):
    text = (
        "SELECT * FROM (VALUES"
        " (1, NULL, '', true, 1.50, 'a,b', '(x)', E'two\nlines', E'q\"u\\\\o', 'ü€', ':x'),"
        " (2, 'n', ' ', false, NULL, 'NULL', '\"\"', E'\\t', '\\', '@setpoint end', '$$')) AS told(told)"
    )
    target = Target(instance="pg", address=client.server.dsn, secret=lambda: None)
    driver = ENGINE.connect(target, is_read_only=True)
    there = client.tell(NATIVE.asking(job(), 1, Request(text=text)))
    assert NATIVE.rows(there.answer(1, SEAL)) == driver.run(Request(text=text)).rows
    driver.close()


def test_no_rows_and_no_query_are_answers_too(client):
    for text in ("SELECT 1 WHERE false", "SET work_mem = '8MB'"):
        told = client.tell(NATIVE.asking(job(), 1, Request(text=text)))
        assert NATIVE.rows(told.answer(1, SEAL)) == ()


def test_a_lesser_text_is_tried_where_the_login_may_not(client):
    write(client.server, "DROP ROLE IF EXISTS lesser", "CREATE ROLE lesser LOGIN")
    client.user = "lesser"
    request = Request(
        text="BEGIN; SELECT pg_read_file('PG_VERSION'); COMMIT",
        fallbacks=("SELECT passwd FROM pg_shadow", "SELECT 'lesser'"),
    )
    told = client.tell(NATIVE.asking(job(), 1, request), NATIVE.asking(job(), 2, Request(text="SELECT 2")))
    assert NATIVE.rows(told.answer(1, SEAL)) == (("lesser",),)
    assert NATIVE.rows(told.answer(2, SEAL)) == (("2",),)


def test_what_the_server_refuses_is_told_in_its_words_and_the_seals_word_never(client):
    told = client.tell(NATIVE.asking(job(), 1, Request(text="SELECT no_such_column")))
    assert (told.refused, told.end) == ("server", "failed")
    assert "no_such_column" in told.refusal["why"]
    assert SEAL not in client.output + client.said


def test_a_result_that_was_touched_is_noticed(client):
    whole = job()
    script = NATIVE.opening(whole) + NATIVE.asking(whole, 1, Request(text="SELECT 'four', 4"))
    output = client.carry(script + NATIVE.closing(whole))
    assert read_frames(output, "out").answer(1, SEAL)
    assert read_frames(output.replace("\n", "\r\n"), "out").answer(1, SEAL)
    for tampered in (output.replace("(four,4)", "(four,5)"), output.replace("seal 1 ", "seal 1 0")):
        with pytest.raises(TamperedError):
            read_frames(tampered, "out").answer(1, SEAL)
    with pytest.raises(TamperedError):
        read_frames(output, "out").answer(1, "another word")


def test_the_first_frame_tells_who_speaks(client):
    begin = client.tell().begin
    with psycopg.connect(client.server.dsn) as connection:
        identifier = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()[0]
    assert begin["identity"] == f"{identifier}:{client.server.port}"
    assert begin["bundle"] == "b1f3"
    assert begin["user"] == "postgres"
    assert abs(begin["at"] - datetime.now(UTC).timestamp()) < 60
    client.server.restart()
    assert client.tell().begin["identity"] == begin["identity"]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_database_of_another_encoding_is_collected(client, encoding):
    client.database = f"other_{encoding}".lower()
    write(
        client.server,
        f"DROP DATABASE IF EXISTS {client.database}",
        f"CREATE DATABASE {client.database} TEMPLATE template0 ENCODING '{encoding}'"
        " LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    there, _ = collect(client)
    assert there.settings == look(client.server, database=client.database)[0].settings

"""Every shape psql prints of a server's settings, against what the server itself makes of them."""

from __future__ import annotations

import shutil
import subprocess

import psycopg
import pytest

from setpoint.config.dump import Source
from setpoint.engines.document import Document
from setpoint.engines.postgresql.dumps import readers

# The server's own arithmetic: bytes and milliseconds of one unit.
QUERY = """
SELECT name, vartype, setting, unit, name IN ('log_file_mode', 'unix_socket_permissions',
    'data_directory_mode') AS is_mode,
    CASE WHEN unit ~ 'B$' AND unit <> 'B' THEN pg_size_bytes(unit) WHEN unit = 'B' THEN 1 END AS bytes,
    CASE WHEN unit ~ '^(ms|s|min|h|d)$' THEN extract(epoch FROM ('1 ' || unit)::interval) * 1000 END AS ms
FROM (SELECT name, vartype, setting, CASE WHEN unit IN ('kB', 'MB') THEN '1' || unit ELSE unit END AS unit
    FROM pg_settings) AS rows
"""
SHAPES = {
    "aligned": (),
    "expanded": ("-x",),
    "unaligned": ("-A",),
    "unaligned without header": ("-A", "-t"),
    "csv": ("--csv",),
    "html": ("-H",),
}


@pytest.fixture(scope="module")
def psql(postgresql):
    program = shutil.which("psql", path=str(postgresql.binaries.bindir)) or shutil.which("psql")
    if program is None:
        pytest.skip("no psql on this machine")
    environment = {**postgresql.binaries.environment(), **postgresql.client_variables}

    def run(statement, *options):
        command = [program, "-X", "-q", *options, "-c", statement]
        answer = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment, timeout=60
        )
        return answer.stdout

    return run


@pytest.fixture(scope="module")
def meant(postgresql):
    """Answer what the server says each value is, in bytes, milliseconds or as it stands."""
    with psycopg.connect(postgresql.dsn) as connection:
        rows = connection.execute(QUERY).fetchall()
    return {name: value_of(*rest) for name, *rest in rows}


def value_of(vartype, setting, unit, is_mode, size, span):
    if vartype == "bool":
        return setting == "on"
    if vartype not in {"integer", "real"}:
        return setting
    if is_mode:
        return int(setting, 8)
    number = float(setting)
    factor = size or span or 1
    return number * float(factor) if unit and number >= 0 else number


def read(text):
    document = Document.of("output.txt", text.encode())
    found = [(likeness.points, reader) for reader in readers() if (likeness := reader.recognise(document))]
    _, reader = max(found, key=lambda each: each[0])
    (dump,) = reader.read(document, None)
    return dump


def same(dump, meant):
    found = {each.name: each.value for each in dump.settings}
    assert found.keys() == meant.keys()
    # What names the client differs from session to session.
    return {name for name in meant if found[name] != pytest.approx(meant[name])} - {"application_name"}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_of_pg_settings_says_what_the_server_means(psql, meant, shape):
    dump = read(psql("SELECT * FROM pg_settings", *SHAPES[shape]))
    assert dump.kind == "pg_settings"
    assert dump.is_complete
    assert dump.version
    assert dump.problems == ()
    # psql's aligned shapes pad cells with spaces, so that those at the end of a text are lost.
    assert same(dump, meant) <= {"log_line_prefix"}


@pytest.mark.parametrize("shape", ["aligned", "unaligned without header", "csv"])
def test_show_all_says_what_the_server_means(psql, meant, shape):
    dump = read(psql("SHOW ALL", *SHAPES[shape]))
    assert dump.kind in {"SHOW ALL", "pg_settings"}
    assert dump.is_complete
    assert same(dump, meant) <= {"log_line_prefix"}


def test_copies_and_json_say_what_the_server_means(psql, meant):
    for statement in (
        "COPY (SELECT * FROM pg_settings) TO STDOUT",
        "COPY (SELECT * FROM pg_settings) TO STDOUT CSV HEADER",
    ):
        assert same(read(psql(statement)), meant) == set()
    for statement in ("SELECT json_agg(s) FROM pg_settings s", "SELECT row_to_json(s) FROM pg_settings s"):
        assert same(read(psql(statement, "-A", "-t")), meant) == set()


def test_a_part_of_the_view_is_never_called_complete(psql):
    dump = read(psql("SELECT name, setting FROM pg_settings WHERE name <> 'jit'"))
    assert not dump.is_complete


def test_a_waiting_value_and_overrides_are_told(psql, postgresql):
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET max_connections = 77")
        connection.execute("CREATE ROLE carol")
        connection.execute("ALTER ROLE carol IN DATABASE postgres SET work_mem = '9MB'")
        connection.execute("SELECT pg_reload_conf()")
    files = read(psql("SELECT * FROM pg_file_settings"))
    waiting = next(each for each in files.settings if each.name == "max_connections")
    assert (waiting.value, waiting.source) == (77, Source.AUTO)
    assert any("restart" in problem.message for problem in files.problems)
    (override,) = read(psql("\\drds carol")).settings
    assert (override.value, override.scope) == (9 << 20, "database:postgres,role:carol")


def test_the_programs_own_list_offers_every_parameter(postgresql, meant):
    program = str(postgresql.binaries.bindir / "postgres")
    answer = subprocess.run(
        [program, "--describe-config"],
        capture_output=True,
        text=True,
        check=True,
        env=postgresql.binaries.environment(),
        timeout=60,
    )
    dump = read(answer.stdout)
    assert dump.settings == ()
    assert len(dump.offered) > 300
    assert len(set(dump.offered) - meant.keys()) < 10

"""Rewritten configuration files beside the server: it reads what was asked for, and all else as before."""

from __future__ import annotations

import random
import subprocess
from contextlib import contextmanager

import psycopg
import pytest

from setpoint.catalog import Version
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.dialect import quote_conf

FEW, MANY = 20, 300
REWRITER = ENGINE.rewriter(Version((18,)))
VALUES = {
    "work_mem": ["4MB", "'8MB'", "64kB", "'1 GB'"],
    "Sort_Mem": ["5MB", "'7MB'"],
    "log_line_prefix": ["'%m '", "'it''s # %p'", r"'a\'b\\c\101'", "''", "plain", "pg-log/x"],
    "autovacuum": ["on", "off", "'no'", "1", "tru"],
    "random_page_cost": ["1.5", "2", "'3e0'", ".5"],
    "my.thing": ["5", "'Grüße'", "0x1F", "-1"],
    "search_path": ["'\"$user\", public'", "public"],
    "log_rotation_age": ["1h", "'30 min'", "60"],
}
WANTED = {
    "work_mem": ["16MB", "1 GB", "64kB"],
    "log_line_prefix": ["", "it's # so", "a\\b", "on", "two\nlines\r", "ü=%u", "x/y-z", "'"],
    "autovacuum": ["on", "false"],
    "random_page_cost": ["1.25", "7", "1e1"],
    "my.thing": ["x y", "5", "€"],
    "My.Other": ["5"],
    "search_path": ["a, b"],
    "cluster_name": ["shop", "it's"],
}
FOLDED = {"sort_mem": "work_mem"}


def fold(name):
    return FOLDED.get(name.lower(), name.lower())


def file_of(rng):
    lines = []
    for _ in range(rng.randint(0, 14)):
        name = rng.choice(list(VALUES))
        entry = "".join((
            rng.choice(["", " ", "\t"]),
            rng.choice([name, name.upper()]),
            rng.choice([" = ", "=", " ", "\t=  "]),
            rng.choice(VALUES[name]),
            rng.choice(["", " ", " # why", "#it's", "\t# x = 5"]),
        ))  # fmt: skip
        lines.append(
            rng.choice([entry, entry, entry, "", "# work_mem = 9MB", " \t#", "include_if_exists 'none'"])
        )
    text = "".join(line + rng.choice(["\n", "\n", "\r\n"]) for line in lines)
    return text.rstrip("\r\n") if rng.random() < 0.3 else text


def changes_of(rng):
    names = rng.sample(list(WANTED), rng.randint(1, 4))
    return {name: rng.choice([None, *WANTED[name], *WANTED[name]]) for name in names}


class Own:
    """The configuration file of a running server: what stands before, then a person's own text."""

    def __init__(self, server):
        self.server, self.place = server, server.data_dir / "postgresql.conf"
        self.before = self.place.read_bytes()

    def write(self, text):
        self.place.write_bytes(self.before + text.encode())

    def said(self, connection):
        """Answer the last text of each parameter, as the server reads its file."""
        query = "SELECT name, setting, error FROM pg_file_settings WHERE sourcefile = %s ORDER BY seqno"
        rows = connection.execute(query, [str(self.place)]).fetchall()
        assert [row for row in rows if row[0] is None] == []
        return {fold(name): setting for name, setting, _ in rows}

    def started(self, name):
        """Answer what a server that starts makes of a parameter."""
        build = self.server.binaries
        program = [
            *self.server.privileges.prefix,
            str(build.bindir / "postgres"),
            "-D",
            str(self.server.data_dir),
        ]
        said = subprocess.run(
            [*program, "-C", name],
            capture_output=True,
            text=True,
            check=True,
            env=build.environment(),
            timeout=60,
        )
        return said.stdout.removesuffix("\n")


@contextmanager
def own_file(server):
    own = Own(server)
    try:
        yield own
    finally:
        own.place.write_bytes(own.before)


def check(own, connection, rng, stands):
    text, changes = file_of(rng), changes_of(rng)
    own.write(text)
    before = own.said(connection)
    written = REWRITER.rewrite(own.place.read_text("utf-8"), {})
    assert written.text == own.place.read_text("utf-8")
    rewritten = REWRITER.rewrite(text, changes).text
    own.write(rewritten)
    after = own.said(connection)
    for name, wanted in changes.items():
        stood = stands.get(fold(name))
        assert after.pop(fold(name), None) == (stood if wanted is None else wanted), (
            text,
            changes,
            rewritten,
        )
        before.pop(fold(name), None)
    assert after == before, (text, changes, rewritten)
    return changes


def compare(server, count, seed):
    rng = random.Random(seed)  # noqa: S311 - no secrets
    with own_file(server) as own, psycopg.connect(server.dsn, autocommit=True) as connection:
        stands = own.said(connection)
        for number in range(count):
            changes = check(own, connection, rng, stands)
            wanted = changes.get("log_line_prefix")
            if number % 10 == 0 and wanted is not None:
                assert own.started("log_line_prefix") == wanted


def test_the_server_reads_what_was_asked_for_and_all_else_as_before(postgresql_each):
    compare(postgresql_each, FEW, 3)


@pytest.mark.slow
def test_three_hundred_files_are_read_as_they_were_meant(postgresql_each):
    compare(postgresql_each, MANY, 5)


def test_a_whole_file_of_the_servers_own_is_rewritten_in_place(postgresql_each):
    with (
        own_file(postgresql_each) as own,
        psycopg.connect(postgresql_each.dsn, autocommit=True) as connection,
    ):
        text = own.place.read_text("utf-8")
        stands = own.said(connection)
        changes = {
            "shared_buffers": "16MB",
            "log_destination": "csvlog",
            "datestyle": None,
            "cluster_name": "it's",
        }
        own.place.write_bytes(REWRITER.rewrite(text, changes).text.encode())
        put = {name: wanted for name, wanted in changes.items() if wanted is not None}
        assert own.said(connection) == {**{k: v for k, v in stands.items() if k != "datestyle"}, **put}
        comments = [line for line in text.splitlines() if line.startswith("#")]
        assert [
            line for line in own.place.read_text("utf-8").splitlines() if line.startswith("#")
        ] == comments
        assert own.started("cluster_name") == "it's"


def test_a_byte_order_mark_is_refused_by_the_server_too(postgresql_each):
    with (
        own_file(postgresql_each) as own,
        psycopg.connect(postgresql_each.dsn, autocommit=True) as connection,
    ):
        own.place.write_bytes(b"\xef\xbb\xbfwork_mem = 4MB\n" + own.before)
        query = "SELECT error FROM pg_file_settings WHERE sourceline = 1"
        ((error,),) = connection.execute(query).fetchall()
        assert "unrecognized configuration parameter" in error


def test_a_value_of_several_lines_comes_back_whole(postgresql_each):
    with own_file(postgresql_each) as own:
        own.write(f"log_line_prefix = {quote_conf('one' + chr(10) + 'two')}\n")
        assert own.started("log_line_prefix") == "one\ntwo"

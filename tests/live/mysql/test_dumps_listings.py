"""What the servers' own clients print, in each of their shapes, is read as what the server runs."""

from __future__ import annotations

import subprocess

import pytest
from tests.engines.mysql.dumps.reading import document_of, read_all
from tests.live.mysql.scene import by_hand

SHAPES = {
    "box": ["-t"],
    "batch": ["-B"],
    "batch without header": ["-B", "-N"],
    "vertical": ["-E"],
    "xml": ["-X"],
    "html": ["-H"],
}


def printed(server, statement: str, options: list[str]) -> str:
    command = [*server.binaries.client, "--no-defaults", "-h127.0.0.1", f"-P{server.port}", "-uroot"]
    done = subprocess.run(
        [*command, *options, "-e", statement],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=server.binaries.environment(),
    )
    return done.stdout


@pytest.mark.parametrize("shape", SHAPES)
def test_variables_are_read_as_the_server_shows_them(mysql_family_each, shape):
    server = mysql_family_each
    shown = {str(name): str(text) for name, text in by_hand(server, "SHOW GLOBAL VARIABLES")}
    (dump,) = read_all(document_of(printed(server, "SHOW GLOBAL VARIABLES", SHAPES[shape])))
    assert dump.engine == server.binaries.kind
    assert dump.version == ".".join(map(str, server.binaries.version))
    assert dump.is_complete is True
    assert {each.name for each in dump.settings} == {name.lower() for name in shown}
    raw = {each.name: each.raw for each in dump.settings}
    short = {name.lower(): text for name, text in shown.items() if "\n" not in text and len(text) < 200}
    assert {name: (raw[name] or "").strip() for name in short} == {n: t.strip() for n, t in short.items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_counters_are_no_settings(mysql_family_each, shape):
    text = printed(mysql_family_each, "SHOW GLOBAL STATUS", SHAPES[shape])
    (dump,) = read_all(document_of(text))
    assert (dump.engine, dump.kind, dump.settings) == (mysql_family_each.binaries.kind, "SHOW STATUS", ())
    assert len(dump.samples) > 300

"""Whatever a file holds: nobody raises, nobody hangs, and no setting is made up."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.mysql.dumps.reading import READERS, SAMPLES, Folder

from setpoint.engines.document import Document

_PIECES = (
    "[mysqld]\n", "[client]\n", "[", "]", "=", "'", '"', "\\", "#", "\n", "\t", "| ", " |", "+--+--+\n",
    "!include x.cnf\n", "!includedir d\n", "Variable_name\tValue\n", "Variable_name", "port", "3306",
    "max_connections=1\n", "loose-", "skip-", "set-variable=", "--port=1\n", "--", "16M", "PORT", "{{ x }}",
    "*** 1. row ***\n", "<TABLE>", "<TD>", "</TD>", '{"Version":', '{"a":{"Value":', "}", "mysql_up 1\n",
    "mysql_global_variables_port ", "1e999", "-1", "NaN", "\0", "INNODB MONITOR OUTPUT\n", "é", "\ud7ff",
    "password=", "(No default value)", "Variables (--variable-name=value)\n", "---- ----\n",
    "would have been started with the following arguments\n",
    "optimizer_switch=", "sql_mode=", ",", "on", "9" * 400,
)  # fmt: skip
_SHELF = Folder({"x.cnf": "[mysqld]\nport=1\n!include x.cnf\n", "d/a.cnf": "!includedir d\n[mysqld]\nport\n"})


def check(document: Document) -> None:
    lines = len(document.lines)
    text = document.text.lower().replace("-", "_")
    for reader in READERS:
        found = reader.recognise(document)
        if found is None:
            continue
        assert 0 <= found.points <= 100
        for dump in reader.read(document, None)[:1]:
            for setting in dump.settings:
                assert 0 < setting.line <= lines
                assert setting.name.split(".")[-1][:6] in text or "." in setting.name


@given(st.lists(st.sampled_from(_PIECES), max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_mixture_of_what_files_hold_raises(pieces):
    check(Document.of("my.cnf", "".join(pieces).encode("utf-8", "replace"), _SHELF))


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_no_bytes_raise(body):
    check(Document.of("my.cnf", body))
    check(Document.of("my.cnf", b"[mysqld]\n" + body))


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files are not beside this checkout")
@pytest.mark.parametrize("seed", range(10))
def test_no_damaged_sample_raises(seed):
    chance = random.Random(seed)  # noqa: S311 - damage, no secret
    for path in sorted([*(SAMPLES / "mysql").iterdir(), *(SAMPLES / "mariadb").iterdir()]):
        body = bytearray(path.read_bytes()[:6000])
        for _ in range(chance.randint(1, 20)):
            at = chance.randrange(len(body))
            match chance.randrange(4):
                case 0:
                    body[at] = chance.randrange(256)
                case 1:
                    del body[at : at + chance.randint(1, 50)]
                case 2:
                    body[at:at] = chance.choice(_PIECES).encode("utf-8", "replace")
                case _:
                    body[at:at] = body[: chance.randint(1, 200)]
            body = body or bytearray(b"\n")
        for reader in READERS:
            document = Document.of(path.name, bytes(body))
            if reader.recognise(document) is not None:
                reader.read(document, "8.0.36")


@pytest.mark.parametrize(
    "piece",
    [
        "[mysqld]\nport=1\n",
        "x_{}=1\n",
        "a\tb\n",
        "[mysqld]\noptimizer_switch=" + "mrr=off," * 50 + "\n",
        "[mysqld]\n!include x.cnf\n",
        "mysql_up 1\n",
        'mysql_global_variables_x{a="' + "\\" * 200 + "\n",
        "--port=1\n",
        "| a | 1 |\n",
        "'\"\\",
    ],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_long_files_end(piece):
    text = "".join(piece.replace("{}", str(number)) for number in range(100_000 // len(piece)))
    for head in ("", "[mysqld]\n", "Variable_name\tValue\nport\t1\n", "mysql_up 1\n"):
        document = Document.of("my.cnf", (head + text).encode(), _SHELF)
        for reader in READERS:
            if reader.recognise(document) is not None:
                reader.read(document, None)

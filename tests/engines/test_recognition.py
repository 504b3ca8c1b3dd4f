"""What a file is, by its content: the surest reader reads it, and where nobody does it is told what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.config.dump import Severity
from setpoint.engines.document import Document
from setpoint.engines.recognition import read_document, readable
from setpoint.engines.registry import engine_names
from setpoint.errors import NotFoundError

KINDS = {
    "work_mem = 4MB\nshared_buffers = 1GB\nwal_level = replica\n": ("postgresql", "postgresql.conf"),
    "[mysqld]\ninnodb_buffer_pool_size = 1G\n": ("mysql", "my.cnf"),
    "[mysqld]\naria_pagecache_buffer_size = 1G\n[mariadb]\n": ("mariadb", "my.cnf"),
    "*.db_name='orcl'\n*.sga_target=2G\n*.processes=300\n": ("oracle", "pfile"),
    "EXEC sp_configure 'max degree of parallelism', 8;\nRECONFIGURE;\n": ("sqlserver", "script"),
}


def read(text, **words):
    body = text if isinstance(text, bytes) else text.encode()
    return read_document(Document.of("file.txt", body), **words)


def told(text, **words):
    (dump,) = read(text, **words)
    assert dump.engine is None
    (problem,) = dump.problems
    assert (problem.severity, problem.line) == (Severity.ERROR, 0)
    return problem.message


@pytest.mark.parametrize(("text", "found"), KINDS.items(), ids=[" ".join(each) for each in KINDS.values()])
def test_a_file_is_its_engines(text, found):
    dump = read(text)[0]
    assert dump.engine == found[0]
    assert found[1] in dump.kind
    assert dump.settings


@pytest.mark.parametrize("name", ["my.cnf", "postgresql.conf", "init.ora", "x.csv", ""])
@pytest.mark.parametrize(("text", "found"), KINDS.items(), ids=[" ".join(each) for each in KINDS.values()])
def test_a_files_name_makes_no_other_of_it(text, found, name):
    assert read_document(Document.of(name, text.encode()))[0].engine == found[0]


@pytest.mark.parametrize("engine", sorted({engine for engine, _ in KINDS.values()}))
def test_a_named_engine_alone_is_asked(engine):
    for text, (own, _) in KINDS.items():
        dump = read(text, engine=engine)[0]
        assert dump.engine in {engine, None}
        assert dump.engine == engine or own != engine


def test_an_engine_that_nobody_knows_is_told():
    with pytest.raises(NotFoundError, match="bogus"):
        read("work_mem = 4MB\n", engine="bogus")


def test_the_operators_version_is_told_where_the_file_tells_none():
    assert read("work_mem = 4MB\nwal_level = replica\n", version="16")[0].version == "16"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (" \n\t\n", "empty"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01", "a binary file"),
        ("some_name = 1\nother_name = 2\nthird.name=3\n", "NAME = VALUE"),
        ("animal,legs\ncat,4\nbird,2\n", "a table"),
        ("Dear all,\nplease find enclosed.\n", "text of 2 lines"),
    ],
)
def test_what_nobody_reads_is_told_by_its_looks(text, words):
    assert words in told(text)


def test_of_a_long_first_line_only_the_beginning_is_told():
    assert len(told("word " * 1000)) < 200


def test_every_engine_with_files_of_its_own_is_listed_once_for_each_kind():
    pairs = readable()
    assert list(pairs) == sorted(set(pairs))
    assert {engine for engine, _ in pairs} <= set(engine_names())
    assert {engine for engine, _ in readable("oracle")} == {"oracle"}
    assert {"postgresql", "mysql", "mariadb", "oracle", "sqlserver"} <= {engine for engine, _ in pairs}


@given(st.binary(max_size=300))
def test_no_content_is_too_strange_to_be_judged(body):
    dumps = read(body)
    assert dumps
    if dumps[0].engine is None:
        assert dumps[0].has_errors
        assert not dumps[0].settings


@pytest.mark.parametrize(
    "text",
    [
        "h:5432:*:bob:hunter2\n",
        "postgresql://bob:hunter2@h/db\n",
        "password hunter2\n",
        "my secret: hunter2\n",
    ],
)
def test_a_first_line_that_may_hold_a_secret_is_not_shown(text):
    assert "hunter2" not in told(text)


@pytest.mark.parametrize(
    "unit", ["\n", " \n", "-", "[", "{", '"', ":", "a:", "'", "#\n", "| ", "*** 1. row ***\n"]
)
def test_a_long_odd_text_is_given_up_soon(unit):
    assert read(unit * 30_000)[0].settings == ()

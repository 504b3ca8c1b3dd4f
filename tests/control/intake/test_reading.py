"""From paths to what their files say."""

from __future__ import annotations

import pytest

from setpoint.control.intake.reading import read_paths, read_trees
from setpoint.errors import InputError, NotFoundError


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "postgresql.conf").write_text("work_mem = 4MB\nshared_buffers = 1GB\ninclude_dir 'conf.d'\n")
    (tmp_path / "conf.d" / "10.conf").write_text("work_mem = 8MB\n")
    (tmp_path / "a.conf").write_text("autovacuum_naptime = 30s\nwal_buffers = 16MB\njit = off\n")
    return tmp_path


def told(dumps, folder):
    return [(dump.path.removeprefix(f"{folder}/"), [each.name for each in dump.settings]) for dump in dumps]


def test_an_included_file_comes_behind_who_includes_it_and_once(tree):
    assert told(read_paths([str(tree)]), tree) == [
        ("postgresql.conf", ["shared_buffers"]),
        ("conf.d/10.conf", ["work_mem"]),
        ("a.conf", ["autovacuum_naptime", "wal_buffers", "jit"]),
    ]


def test_a_tree_is_told_with_its_document(tree):
    (document, dumps), _ = read_trees([str(tree / "postgresql.conf"), str(tree / "a.conf")])
    assert document.path == dumps[0].path
    assert len(dumps) == 2


def test_the_operators_version_is_that_of_a_file_that_tells_none(tree):
    assert [dump.version for dump in read_paths([str(tree / "a.conf")], version="16.2")] == ["16.2"]


def test_an_engine_that_nobody_knows_is_told_before_anything_is_read(tree):
    with pytest.raises(NotFoundError, match="bogus"):
        list(read_paths([str(tree)], engine="bogus"))


def test_a_version_that_is_none_is_told_before_anything_is_read(tree):
    with pytest.raises(InputError, match="new"):
        list(read_paths([str(tree)], version="new"))


def test_a_file_that_the_named_engine_does_not_read_is_nobodys(tree):
    (dump,) = read_paths([str(tree / "a.conf")], engine="sqlserver")
    assert dump.engine is None
    assert dump.has_errors

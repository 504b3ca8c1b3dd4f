from __future__ import annotations

import stat

import pytest

from setpoint.errors import LabError
from setpoint.lab.binaries import cache_folder, choose_binaries, find_binaries, read_version


def make_tree(folder, version, *tools):
    """A folder of programs that answer ``--version`` and nothing else."""
    (folder / "bin").mkdir(parents=True)
    for name in ("postgres", *tools):
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder / "bin"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def environ(cache):
    return {"SETPOINT_CACHE": str(cache)}


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("18.6", (18, 6)),
        ("15.18 (Debian 15.18-0+deb12u1)", (15, 18)),
        ("19rc1", (19, 0)),
        ("18beta1", (18, 0)),
    ],
)
def test_versions_are_pairs_of_numbers(tmp_path, said, version):
    assert read_version(make_tree(tmp_path, said)) == version


def test_a_missing_library_is_named(tmp_path):
    bindir = make_tree(tmp_path, "18.6")
    text = "postgres: error while loading shared libraries: libxml2.so.2: cannot open shared object file"
    (bindir / "postgres").write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 127\n")
    with pytest.raises(LabError, match=r"the system lacks the library libxml2\.so\.2"):
        read_version(bindir)


def test_a_program_that_is_something_else_is_refused(tmp_path):
    bindir = make_tree(tmp_path, "18.6")
    (bindir / "postgres").write_text("#!/bin/sh\necho hello\n")
    with pytest.raises(LabError, match="hello"):
        read_version(bindir)


def test_a_folder_without_a_server_is_refused(tmp_path):
    with pytest.raises(LabError, match="no postgres here"):
        read_version(tmp_path)


def test_the_newest_of_a_major_is_chosen(cache, environ):
    make_tree(cache / "engines" / "postgresql-98.1", "98.1")
    newest = make_tree(cache / "engines" / "postgresql-98.2", "98.2")
    make_tree(cache / "engines" / "postgresql-99.1", "99.1")
    assert choose_binaries(98, environ=environ).bindir == newest
    assert choose_binaries(environ=environ).version == (99, 1)


def test_a_named_folder_wins_over_newer_ones(cache, environ, tmp_path):
    make_tree(cache / "engines" / "postgresql-99.1", "99.1")
    named, through_variable = make_tree(tmp_path / "a", "97.1"), make_tree(tmp_path / "b", "96.1")
    environ["PGBIN"] = str(through_variable)
    assert choose_binaries(environ=environ).bindir == through_variable
    assert choose_binaries(explicit=named, environ=environ).bindir == named


def test_a_named_folder_of_another_major_is_refused(tmp_path, environ):
    named = make_tree(tmp_path, "97.1")
    with pytest.raises(LabError, match="PostgreSQL 98 was asked for, 97 is here"):
        choose_binaries(98, explicit=named, environ=environ)


def test_what_was_wrong_with_each_tree_is_told(cache, environ):
    broken = make_tree(cache / "engines" / "postgresql-99.1", "99.1")
    (broken / "postgres").write_text("#!/bin/sh\necho no luck >&2\nexit 1\n")
    assert [place for place, _ in find_binaries(environ).faults] == [broken]
    with pytest.raises(LabError, match=r"no PostgreSQL 99 .*no luck.*PGBIN"):
        choose_binaries(99, environ=environ)


def test_client_programs_are_borrowed_from_the_newest_build_that_has_them(cache, environ):
    bare = make_tree(cache / "engines" / "postgresql-97.1", "97.1")
    lender = make_tree(cache / "engines" / "postgresql-99.1", "99.1", "pgbench")
    make_tree(cache / "engines" / "postgresql-98.1", "98.1", "pgbench")
    build = choose_binaries(97, environ=environ)
    assert build.tool("postgres") == bare / "postgres"
    assert build.tool("pgbench") == lender / "pgbench"
    assert not build.has_tool("pg_unheard_of")
    with pytest.raises(LabError, match="no pg_unheard_of here and none to borrow"):
        build.tool("pg_unheard_of")


def test_programs_see_their_own_libraries_and_no_connection_of_the_caller(cache, environ, monkeypatch):
    monkeypatch.setenv("PGHOST", "production")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/elsewhere")
    bindir = make_tree(cache / "engines" / "postgresql-99.1", "99.1")
    aside = bindir.parent / "lib" / "aside"
    aside.mkdir(parents=True)
    variables = choose_binaries(environ=environ).environment()
    assert "PGHOST" not in variables
    assert variables["LD_LIBRARY_PATH"] == f"{aside.parent}:{aside}:/elsewhere"


def test_the_cache_lies_where_the_user_says(tmp_path):
    assert cache_folder({"SETPOINT_CACHE": "/a"}).as_posix() == "/a"
    assert cache_folder({"XDG_CACHE_HOME": "/b"}).as_posix() == "/b/setpoint"
    assert cache_folder({}).name == "setpoint"

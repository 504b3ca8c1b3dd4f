from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.errors import LabError
from setpoint.lab.mysql_binaries import choose_mysql, find_mysql, read_build

MARIADB = "mariadbd  Ver {}-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"
MYSQL = "mysqld  Ver {}-2 for Linux on x86_64 ((Debian))"


def write_program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def make_tree(folder, said, server="bin/mariadbd"):
    """A folder with a server that answers ``--version`` and nothing else."""
    write_program(folder / server, f"echo '{said}'")
    return folder


@pytest.fixture
def engines(tmp_path):
    return tmp_path / "cache" / "engines"


@pytest.fixture
def environ(tmp_path):
    return {"SETPOINT_CACHE": str(tmp_path / "cache")}


@pytest.mark.parametrize(
    ("said", "kind", "version"),
    [
        (MARIADB.format("10.11.19"), "mariadb", (10, 11, 19)),
        ("mariadbd  Ver 11.8.9-MariaDB from Debian for debian-linux-gnu", "mariadb", (11, 8, 9)),
        (MYSQL.format("9.7.4"), "mysql", (9, 7, 4)),
        ("mysqld  Ver 8.4.6 for Linux on x86_64 (MySQL Community Server - GPL)", "mysql", (8, 4, 6)),
    ],
)
def test_product_and_version_are_read(tmp_path, said, kind, version):
    build = read_build(make_tree(tmp_path, said))
    assert (build.kind, build.version, build.series) == (kind, version, version[:2])


@pytest.mark.parametrize("server", ["bin/mysqld", "sbin/mariadbd", "libexec/mysqld"])
def test_the_folder_of_the_programs_may_be_named_too(tmp_path, server):
    make_tree(tmp_path, MYSQL.format("9.7.4"), server)
    assert read_build(tmp_path).tree == tmp_path
    assert read_build((tmp_path / server).parent).tree == tmp_path


def test_a_folder_without_a_server_is_refused(tmp_path):
    with pytest.raises(LabError, match="no mariadbd or mysqld here"):
        read_build(tmp_path)


def test_a_program_that_is_something_else_is_refused(tmp_path):
    with pytest.raises(LabError, match=r"mariadbd --version failed: hello"):
        read_build(make_tree(tmp_path, "hello"))


def test_a_server_that_cannot_run_is_told(tmp_path):
    tree = make_tree(tmp_path, MYSQL.format("9.7.4"))
    (tree / "bin" / "mariadbd").chmod(0o644)
    with pytest.raises(LabError, match="does not run"):
        read_build(tree)


def test_the_newest_of_a_series_is_chosen(engines, environ):
    make_tree(engines / "mariadb-10.5.29", MARIADB.format("10.5.29"))
    old = make_tree(engines / "mariadb-10.11.9", MARIADB.format("10.11.9"))
    new = make_tree(engines / "mariadb-10.11.19", MARIADB.format("10.11.19"))
    make_tree(engines / "mysql-9.7.4", MYSQL.format("9.7.4"), "bin/mysqld")
    found = find_mysql(environ)
    assert {build.tree for build in found.found if build.series == (10, 11)} >= {old, new}
    assert choose_mysql("mariadb", (10, 11), environ=environ).tree == new
    assert choose_mysql("mysql", environ=environ).version == (9, 7, 4)
    assert found.newest("mysql", (8, 0)) is None


def test_a_named_folder_wins_and_must_be_what_was_asked_for(engines, environ, tmp_path):
    make_tree(engines / "mariadb-11.8.9", MARIADB.format("11.8.9"))
    named = make_tree(tmp_path / "named", MARIADB.format("10.6.1"))
    assert choose_mysql("mariadb", explicit=named, environ=environ).tree == named
    with pytest.raises(LabError, match=r"MySQL was asked for, MariaDB 10\.6\.1 in .* is here"):
        choose_mysql("mysql", explicit=named, environ=environ)
    with pytest.raises(LabError, match=r"MariaDB 11\.8 was asked for"):
        choose_mysql("mariadb", (11, 8), explicit=named, environ=environ)


def test_what_was_wrong_with_each_tree_is_told(engines, environ):
    broken = make_tree(engines / "mysql-9.7.4", "no luck", "bin/mysqld")
    assert [place for place, _ in find_mysql(environ).faults] == [broken]
    with pytest.raises(LabError, match=r"no MySQL 9\.7 server programs found .*no luck"):
        choose_mysql("mysql", (9, 7), environ=environ)


def test_a_tree_with_a_loader_of_its_own_is_run_through_it(tmp_path):
    tree = make_tree(tmp_path, MYSQL.format("9.7.4"), "bin/mysqld")
    (tree / "bin" / "mysqld").write_text("not for this system\n")
    loader = tree / "lib" / "ld-linux-x86-64.so.2"
    write_program(loader, f"echo '{MYSQL.format('9.7.4')}'")
    for folder in ("share/mysql/charsets", "lib/plugin"):
        (tree / folder).mkdir(parents=True)
    build = read_build(tree)
    assert build.version == (9, 7, 4)
    through = [str(loader), "--library-path", str(tree / "lib")]
    assert build.server("--first") == [
        *through,
        str(tree / "bin" / "mysqld"),
        "--first",
        f"--basedir={tree}",
        f"--lc-messages-dir={tree / 'share/mysql'}",
        f"--character-sets-dir={tree / 'share/mysql/charsets'}",
        f"--plugin-dir={tree / 'lib/plugin'}",
    ]


def test_programs_that_are_missing_are_named(tmp_path):
    build = read_build(make_tree(tmp_path, MARIADB.format("10.11.19")))
    assert not build.has_program("my_print_defaults")
    with pytest.raises(LabError, match="no mariadb or mysql here"):
        _ = build.client


def test_programs_see_no_connection_of_the_caller(tmp_path, monkeypatch):
    for name in ("MYSQL_PWD", "MYSQL_HOST", "MARIADB_TLS_DISABLE_PEER_VERIFICATION", "NOTIFY_SOCKET"):
        monkeypatch.setenv(name, "production")
    build = read_build(make_tree(tmp_path, MARIADB.format("10.11.19")))
    assert "production" not in build.environment().values()
    (tmp_path / "lib" / "plugin").mkdir(parents=True)
    assert build.environment()["MARIADB_PLUGIN_DIR"] == str(tmp_path / "lib" / "plugin")

from __future__ import annotations

import pytest

from setpoint.errors import LabError
from setpoint.lab.cluster import template_name
from setpoint.lab.mysql_binaries import MysqlBinaries
from setpoint.lab.mysql_data import make_mysql_data, write_option_file


@pytest.mark.parametrize(
    ("conf", "lines"),
    [
        ("", []),
        ({"a": 1, "b": "x y"}, ["[mysqld]", "a = 1", "b = x y"]),
        ({"a": True, "b": False, "c": None}, ["[mysqld]", "a = ON", "b = OFF", "c"]),
        ({"a": "C:\\new", "b": "x # y", "c": " x"}, ["[mysqld]", "a = C:\\\\new", 'b = "x # y"', 'c = " x"']),
        ("a=1\n[other]\nb=2\n\n", ["[mysqld]", "a=1", "[other]", "b=2"]),
    ],
)
def test_an_option_file_holds_what_was_given_and_includes_a_folder(tmp_path, conf, lines):
    file = tmp_path / "my.cnf"
    write_option_file(file, conf, tmp_path / "conf.d")
    assert file.read_text().splitlines() == [*lines, f"!includedir {tmp_path / 'conf.d'}"]


def test_an_option_file_is_never_writable_by_all(tmp_path):
    file = tmp_path / "my.cnf"
    file.touch(0o666)
    write_option_file(file, "", tmp_path)
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.fixture
def builds(tmp_path):
    """Builds whose server says something and fails."""
    (tmp_path / "bin").mkdir()
    server = tmp_path / "bin" / "mysqld"
    server.write_text("#!/bin/sh\necho out of luck; exit 3\n")
    server.chmod(0o755)
    return {
        "mariadb": MysqlBinaries("mariadb", tmp_path, (10, 11, 19)),
        "mysql": MysqlBinaries("mysql", tmp_path, (9, 7, 4)),
    }


def test_a_server_that_cannot_make_its_data_is_told_in_its_words(builds, tmp_path):
    with pytest.raises(LabError, match="ended with code 3: out of luck"):
        make_mysql_data(builds["mysql"], tmp_path / "data", tmp_path, tmp_path / "template")
    assert not (tmp_path / "template").exists()


def test_a_mariadb_without_its_statements_is_told(builds, tmp_path):
    with pytest.raises(LabError, match=r"the statements of system_tables\.sql"):
        make_mysql_data(builds["mariadb"], tmp_path / "data", tmp_path)


def test_a_copy_of_a_servers_data_is_another_server(builds, tmp_path):
    template = tmp_path / "template"
    template.mkdir()
    for name in ("auto.cnf", "ibdata1"):
        (template / name).write_text("theirs")
    make_mysql_data(builds["mysql"], tmp_path / "data", tmp_path, template)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["ibdata1"]
    assert (template / "auto.cnf").exists()


def test_builds_in_two_places_have_templates_of_their_own(builds, tmp_path):
    there = MysqlBinaries("mysql", tmp_path / "there", (9, 7, 4))
    assert template_name(builds["mysql"]) != template_name(there)
    assert template_name(there).startswith("mysql-9.7.4-")

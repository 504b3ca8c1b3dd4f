"""What a login may change and may not read, told by its rights."""

from __future__ import annotations

import pytest
from tests.engines.mysql.answers import ALL_RIGHTS, answer, seen, variable
from tests.engines.mysql.shipped import ALL, catalog

from setpoint.catalog import Version
from setpoint.engines.mysql.dialect.contexts import FILE_ONLY, FIXED
from setpoint.engines.mysql.dialect.privileges import ways_to_set
from setpoint.engines.mysql.observe.rights import sights

DYNAMIC = ("max_connections", "sync_binlog", "slave_net_timeout", "read_only", "innodb_io_capacity")
REPLICATION = "the state of replication, and transactions (grant SELECT on performance_schema.*)"
SIZE = "data size, and transactions where InnoDB counts them (grant PROCESS)"
SPLIT = {
    "max_connections": "CONNECTION ADMIN",
    "sync_binlog": "BINLOG ADMIN",
    "slave_net_timeout": "REPLICATION SLAVE ADMIN",
    "read_only": "READ_ONLY ADMIN",
}


def alterable(engine, version, *rights):
    rows = [variable(name, "1", is_read_only="NO", has_option="REQUIRED") for name in DYNAMIC]
    rows.append(variable("thread_stack", "299008", is_read_only="YES", has_option="REQUIRED"))
    return seen(answer(*rows, privileges=list(rights)), engine=engine, version=version)[0].alterable


@pytest.mark.parametrize(
    ("version", "others"),
    [
        ("10.5.29", None),
        ("10.6.21", None),
        ("10.11.19", {"max_connections", "sync_binlog", "slave_net_timeout", "innodb_io_capacity"}),
        ("11.4.5", {"innodb_io_capacity"}),
        ("11.8.9", {"innodb_io_capacity"}),
    ],
)
def test_what_super_stands_for_on_mariadb_shrinks_from_version_to_version(version, others):
    may = alterable("mariadb", version, "SUPER")
    assert (None if may is None else set(may)) == others
    assert alterable("mariadb", version, "SUPER", *SPLIT.values()) is None


@pytest.mark.parametrize("version", ["10.5.29", "10.11.19", "11.8.9"])
@pytest.mark.parametrize("name", SPLIT)
def test_a_right_of_mariadb_lets_change_its_own_variables_alone(version, name):
    assert alterable("mariadb", version, SPLIT[name]) == (name,)


def test_super_of_mysql_keeps_nothing_for_the_start():
    rows = (variable("innodb_read_io_threads", "4"), variable("max_connections", "151"))
    (may,) = (seen(answer(*rows, privileges=[right]))[0].alterable for right in ("SUPER",))
    assert may == ("max_connections",)
    both = ["SYSTEM_VARIABLES_ADMIN", "PERSIST_RO_VARIABLES_ADMIN"]
    assert seen(answer(*rows, privileges=both))[0].alterable is None
    assert seen(answer(*rows, privileges=both[1:]))[0].alterable == ()


def test_super_of_mysql_5_7_lets_change_everything():
    assert alterable("mysql", "5.7.44", "SUPER") is None
    assert alterable("mysql", "5.7.44", "SYSTEM_VARIABLES_ADMIN") == ()


def test_a_variable_with_a_right_beside_the_general_one_asks_for_both():
    rows = (variable("offline_mode", "OFF", data_type="boolean"), variable("max_connections", "151"))
    general = ["SYSTEM_VARIABLES_ADMIN"]
    assert seen(answer(*rows, privileges=general))[0].alterable == ("max_connections",)
    assert seen(answer(*rows, privileges=[*general, "CONNECTION_ADMIN"]))[0].alterable is None


def test_a_server_that_tells_no_rights_is_taken_for_one_that_lets_change():
    assert seen(answer(variable("max_connections", "1"), privileges=None))[0].alterable is None


@pytest.mark.parametrize(("engine", "version"), ALL)
def test_every_variable_that_can_be_set_has_a_way_of_rights_that_exist(engine, version):
    parsed = Version.parse(version)
    settable = [p for p in catalog(engine, version).parameters if p.engine_context not in (FIXED, FILE_ONLY)]
    more = {"BINLOG_ENCRYPTION_ADMIN", "TABLE_ENCRYPTION_ADMIN", "GROUP_REPLICATION_ADMIN"}
    known = {*ALL_RIGHTS, *more, "CONNECTION_ADMIN", "REPLICATION_SLAVE_ADMIN"}
    for parameter in settable:
        ways = ways_to_set(engine, parsed, parameter)
        assert ways
        assert set().union(*ways) <= known


@pytest.mark.parametrize(
    ("engine", "version", "fallback", "said"),
    [
        ("mysql", "9.7.4", 0, ()),
        ("mysql", "9.7.4", 1, (REPLICATION,)),
        ("mysql", "9.7.4", 2, ("data size (grant PROCESS)",)),
        ("mariadb", "11.8.9", 1, ("the state of replication (grant SLAVE MONITOR)",)),
        ("mariadb", "11.8.9", 2, (SIZE,)),
        (
            "mariadb",
            "11.8.9",
            3,
            (SIZE, "the state of replication (grant SLAVE MONITOR)"),
        ),
        ("mariadb", "10.11.19", 0, ()),
        ("mariadb", "10.11.19", 1, (SIZE,)),
    ],
)
def test_what_was_not_seen_is_told_with_the_right_that_shows_it(engine, version, fallback, said):
    assert seen(answer(), engine=engine, version=version, fallback=fallback)[0].unseen == said


def test_files_that_nobody_could_read_are_told_with_what_opens_them():
    files = [["/etc/my.cnf", None]]
    (without,) = seen(answer(privileges=["PROCESS"], files=files))[0].unseen
    assert "grant FILE" in without
    (shut,) = seen(answer(privileges=["FILE"], files=files))[0].unseen
    assert "secure_file_priv" in shut


@pytest.mark.parametrize(
    ("engine", "version"), [("mysql", "9.7.4"), ("mariadb", "10.5.29"), ("mariadb", "11.8.9")]
)
def test_each_sight_is_asked_for_once_and_the_last_asks_for_nothing(engine, version):
    found = sights(engine, Version.parse(version))
    assert len(set(found)) == len(found)
    assert not any(found[-1])
    assert any(found[0])

from __future__ import annotations

import pytest

from setpoint.errors import LabError
from setpoint.lab.mysql_client import ask_with_mysql
from setpoint.lab.mysql_replica import catch_up, follow, replication_settings


def ask(server, statement):
    return ask_with_mysql(server.binaries, server.connection)(statement)


@pytest.fixture(params=["mariadb_pair", "mysql_pair"])
def pair(request):
    return request.getfixturevalue(request.param)


def test_what_the_primary_commits_reaches_the_replica(pair):
    ask(pair.primary, "create database told; create table told.t (n int); insert into told.t values (7)")
    catch_up(pair.replica, pair.primary)
    assert ask(pair.replica, "select n from told.t") == "7"


def test_it_goes_on_after_a_restart_of_either_side(pair):
    for server in pair:
        server.restart("immediate")
    ask(pair.primary, "create database told")
    catch_up(pair.replica, pair.primary)
    assert ask(pair.replica, "show databases like 'told'") == "told"


def test_a_replica_that_stands_still_is_told(mariadb_pair):
    ask(mariadb_pair.replica, "stop slave")
    ask(mariadb_pair.primary, "create database told")
    with pytest.raises(LabError, match=r"did not reach 0-1-1 within 0\.1 s"):
        catch_up(mariadb_pair.replica, mariadb_pair.primary, limit_s=0.1)


def test_a_replica_that_cannot_begin_is_told(start_mariadb):
    twins = [start_mariadb(conf=replication_settings("mariadb", 1)) for _ in range(2)]
    with pytest.raises(LabError, match=r"(?s)did not begin to follow.*server ids"):
        follow(*twins, limit_s=2)

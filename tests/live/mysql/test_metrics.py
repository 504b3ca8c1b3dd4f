"""How many transactions are counted of loads that are known to the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pymysql
import pytest
from tests.live.mysql.scene import by_hand, target_of

from setpoint.engines.registry import get_engine
from setpoint.engines.session import observe
from setpoint.lab.mysql_server import PrivateMysql

pytestmark = pytest.mark.live
TIMES, STATEMENTS, ROWS = 1000, 10, 100
COUNTED = "innodb_monitor_enable = trx%\n"
"""What lets MariaDB count transactions; MySQL does by itself."""
Run = Callable[[str], Any]


@pytest.fixture(params=[True, False], ids=["with a binary log", "without one"])
def binary_log(request) -> str:
    return "log_bin = bin\nserver_id = 1\n" if request.param else "skip_log_bin\n"


@pytest.fixture
def start(mysql_family_each, start_mariadb, start_mysql) -> Callable[[str], PrivateMysql]:
    """Start a server of the chosen kind and series, with a table."""
    binaries = mysql_family_each.binaries
    launch = start_mariadb if binaries.kind == "mariadb" else start_mysql

    def begin(conf: str) -> PrivateMysql:
        server = launch(".".join(map(str, binaries.series)), conf=conf)
        rows = ", ".join(f"({number}, 0)" for number in range(ROWS))
        by_hand(
            server,
            "CREATE DATABASE t",
            "CREATE TABLE t.a (id INT PRIMARY KEY, v INT) ENGINE=InnoDB",
            f"INSERT INTO t.a VALUES {rows}",
        )
        return server

    return begin


@pytest.fixture
def server(start, binary_log, mysql_family_each) -> PrivateMysql:
    return start(f"[mysqld]\n{binary_log}{COUNTED if mysql_family_each.binaries.kind == 'mariadb' else ''}")


def update(run: Run, number: int) -> None:
    run(f"UPDATE t.a SET v = v + 1 WHERE id = {number % ROWS}")


def select(run: Run, number: int) -> None:
    run(f"SELECT v FROM t.a WHERE id = {number % ROWS}")


def together(run: Run, number: int, *, end: str, one: Callable[[Run, int], None]) -> None:
    run("BEGIN")
    for step in range(STATEMENTS):
        one(run, number + step)
    run(end)


def updates_together(run: Run, number: int) -> None:
    together(run, number, end="COMMIT", one=update)


def selects_together(run: Run, number: int) -> None:
    together(run, number, end="COMMIT", one=select)


def updates_rolled_back(run: Run, number: int) -> None:
    together(run, number, end="ROLLBACK", one=update)


def nothing_rolled_back(run: Run, number: int) -> None:
    del number
    run("ROLLBACK")


def counted(server: PrivateMysql, one: Callable[[Run, int], None], times: int = TIMES) -> float:
    """Run a load that many times; answer by how much the commits grew."""
    engine = get_engine(server.binaries.kind)

    def commits() -> float:
        with closing(engine.connect(target_of(server, has_agent=False), is_read_only=True)) as driver:
            return observe(engine, driver, "db", at=datetime.now(UTC))[0].metrics["txn.commit"]

    for connection in sessions(server):
        with connection.cursor() as cursor:
            before = commits()
            for number in range(times):
                one(cursor.execute, number)
            return commits() - before
    raise AssertionError


def sessions(server: PrivateMysql) -> Iterator[pymysql.Connection[Any]]:
    connection = pymysql.connect(host="127.0.0.1", port=server.port, user="root", autocommit=True)
    with connection:
        yield connection


@pytest.mark.parametrize("load", [update, updates_together, select, selects_together])
def test_commits_are_those_of_sessions_within_a_hundredth(server, load):
    assert counted(server, load) == pytest.approx(TIMES, rel=0.01)


@pytest.mark.parametrize("load", [updates_rolled_back, nothing_rolled_back])
def test_what_is_rolled_back_is_no_commit(server, load):
    assert counted(server, load) == pytest.approx(0, abs=TIMES / 100)


@pytest.mark.parametrize(
    ("load", "of_each"),
    [(update, 1), (select, 1), (updates_together, STATEMENTS + 1), (selects_together, STATEMENTS + 1)],
)
def test_where_transactions_are_not_counted_each_statement_in_one_is(start, binary_log, load, of_each):
    server = start(f"[mysqld]\n{binary_log}performance_schema = OFF\n")
    assert counted(server, load) == pytest.approx(TIMES * of_each, rel=0.03)

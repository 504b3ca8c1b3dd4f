"""MySQL and MariaDB keep every promise of the port."""

from __future__ import annotations

import pytest
from tests.chaos.site import await_that
from tests.live.mysql.scene import by_hand, running, target_of

from setpoint.engines.conformance import EngineConformance, Subject
from setpoint.engines.mariadb import ENGINE as MARIADB
from setpoint.engines.mysql import ENGINE as MYSQL

pytestmark = pytest.mark.live
EVENTS = "SELECT COUNT(*) FROM information_schema.events WHERE event_name LIKE 'setpoint%'"


class Family(EngineConformance):
    def wait_for_switch(self) -> None:
        await_that(lambda: not by_hand(self.server, EVENTS)[0][0], "the event has acted")

    @pytest.fixture(autouse=True)
    def scheduler(self, own_server):
        self.server = own_server
        by_hand(self.server, "SET GLOBAL event_scheduler = ON")


class TestMariadb(Family):
    @pytest.fixture
    def own_server(self, mariadb_each):
        return mariadb_each

    def subject(self) -> Subject:
        return Subject(
            engine=MARIADB,
            target=target_of(self.server),
            immediate=("max_connections", "171"),
            second="181",
            restart=("thread_stack", "327680"),
            normalised=("max_allowed_packet", "20000001"),
            bystander=("innodb_io_capacity", "321"),
            refused=("binlog_format", "wishful"),
            do_restart=self.server.restart,
            meddle=self.meddle,
            wait_for_switch=self.wait_for_switch,
            standing="151",
        )

    def meddle(self, name: str, text: str | None) -> None:
        by_hand(self.server, f"SET GLOBAL {name} = {'DEFAULT' if text is None else text}")


class TestMysql(Family):
    @pytest.fixture
    def own_server(self, mysql_each):
        return mysql_each

    def subject(self) -> Subject:
        return Subject(
            engine=MYSQL,
            target=target_of(self.server),
            immediate=("max_connections", "171"),
            second="181",
            restart=("innodb_read_io_threads", "7"),
            normalised=("max_allowed_packet", "20000001"),
            bystander=("innodb_io_capacity", "4321"),
            refused=("binlog_row_image", "wishful"),
            do_restart=self.server.restart,
            meddle=self.meddle,
            wait_for_switch=self.wait_for_switch,
        )

    def meddle(self, name: str, text: str | None) -> None:
        if text is None:
            by_hand(self.server, f"RESET PERSIST IF EXISTS {name}", f"SET GLOBAL {name} = DEFAULT")
        else:
            by_hand(self.server, f"SET PERSIST {name} = {text}")


def test_the_scheduler_is_never_turned_on_unasked(mysql_family_each):
    by_hand(mysql_family_each, "SET GLOBAL event_scheduler = OFF")
    assert running(mysql_family_each, "event_scheduler") == "OFF"

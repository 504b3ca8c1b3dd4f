"""MySQL and MariaDB keep every promise of the port through their clients and files alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.chaos.site import await_that
from tests.live.mysql.native_client import Client
from tests.live.mysql.scene import by_hand

from setpoint.catalog import Version
from setpoint.engines.conformance import EngineConformance, Subject, demand
from setpoint.engines.conformance_stage import plan_for
from setpoint.engines.mariadb.engine import MariadbEngine
from setpoint.engines.mysql.engine import MysqlEngine
from setpoint.engines.offline import Desk, OfflineDriver
from setpoint.engines.port import Driver, Target

pytestmark = pytest.mark.live
EVENTS = "SELECT COUNT(*) FROM information_schema.events WHERE event_name LIKE 'setpoint%'"


class Offline(MysqlEngine):
    """An engine that is reached by files alone."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._desk = Desk()
        self._version = Version.parse(str(client.tell().begin["version"]))

    def connect(self, target: Target, *, is_read_only: bool) -> Driver:
        client, now = self._client, lambda: datetime.now(UTC)
        return OfflineDriver(target.instance, client.native, self._version, client.carry, now, self._desk)


class OfflineMariadb(Offline, MariadbEngine):
    """The same with MariaDB."""


class Family(EngineConformance):
    def wait_for_switch(self) -> None:
        await_that(lambda: not by_hand(self.server, EVENTS)[0][0], "the event has acted")

    @pytest.fixture(autouse=True)
    def scheduler(self, own_server, tmp_path):
        self.server = own_server
        self.client = Client(own_server, tmp_path)
        by_hand(self.server, "SET GLOBAL event_scheduler = ON")


class TestMariadbOffline(Family):
    @pytest.fixture
    def own_server(self, mariadb_each):
        return mariadb_each

    def subject(self) -> Subject:
        return Subject(
            engine=OfflineMariadb(self.client),
            target=Target(instance="db", address="", secret=lambda: None),
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

    def test_a_restart_parameter_waits_and_says_so(self) -> None:
        """It stands in an option file alone, which no client writes: its operator is told the line."""
        subject = self.subject()
        name, text = subject.restart
        plan = plan_for(subject, {name: text})
        demand([blocked.parameter for blocked in plan.blocked] == [name], "not blocked")
        demand(any(f"{name} = {text}" in step for step in plan.operator_steps), "no line for the operator")

    test_a_restart_in_the_plan_is_carried_out_when_allowed = test_a_restart_parameter_waits_and_says_so


class TestMysqlOffline(Family):
    @pytest.fixture
    def own_server(self, mysql_each):
        return mysql_each

    def subject(self) -> Subject:
        return Subject(
            engine=Offline(self.client),
            target=Target(instance="db", address="", secret=lambda: None),
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

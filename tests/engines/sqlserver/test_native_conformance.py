"""SQL Server keeps the promises of the port through files alone: scripts for sqlcmd, run by a stand-in."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest
from tests.engines.sqlserver.estate import ADMIN
from tests.engines.sqlserver.sqlcmd import Sqlcmd
from tests.engines.sqlserver.stage import meddle, target_of

from setpoint.catalog import Version
from setpoint.engines.conformance import EngineConformance, Subject
from setpoint.engines.offline import OfflineDriver
from setpoint.engines.sqlserver.engine import SqlServerEngine
from setpoint.engines.sqlserver.native import SqlcmdClient


class ByFile(SqlServerEngine):
    """The engine, behind files."""

    def __init__(self, server):
        self.server = server

    def connect(self, target, *, is_read_only):
        carry = Sqlcmd(self.server.estate, ADMIN, is_filling_in=True).run
        return OfflineDriver(
            target.instance, SqlcmdClient(), Version((16, 0)), carry, partial(datetime.now, UTC)
        )


class TestByFile(EngineConformance):
    @pytest.fixture(autouse=True)
    def wire(self, server):
        self.server = server

    def test_a_holder_loses_the_instance_to_one_who_preempts(self) -> None:
        pytest.skip("files take no lock: who carries them is the only one")

    def test_of_two_applies_one_wins_and_the_other_is_told(self) -> None:
        pytest.skip("files take no lock: who carries them is the only one")

    def subject(self) -> Subject:
        return Subject(
            engine=ByFile(self.server),
            target=target_of(self.server),
            immediate=("cost_threshold_for_parallelism", "50"),
            second="30",
            standing="5",
            restart=("fill_factor_percent", "80"),
            normalised=("min_server_memory_mb", "8"),
            bystander=("remote_login_timeout_s", "30"),
            refused=("max_server_memory_mb", "5"),
            do_restart=self.server.restart,
            meddle=lambda name, text: meddle(self.server, name, text),
            wait_for_switch=self.wait_for_switch,
        )

    def wait_for_switch(self) -> None:
        self.server.estate.pass_time(30)
        self.server.estate.run_due_jobs()

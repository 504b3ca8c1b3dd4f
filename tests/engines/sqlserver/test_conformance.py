"""SQL Server keeps every promise of the port, over TDS against the server of these tests."""

from __future__ import annotations

import pytest
from tests.engines.sqlserver.stage import meddle, target_of

from setpoint.engines.conformance import EngineConformance, Subject
from setpoint.engines.sqlserver import ENGINE


class TestSqlServer(EngineConformance):
    @pytest.fixture(autouse=True)
    def wire(self, server):
        self.server = server

    def subject(self) -> Subject:
        return Subject(
            engine=ENGINE,
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

"""Oracle keeps the promises of the port through files alone: scripts for SQL*Plus, run by a stand-in."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest
from tests.engines.oracle.database import Database
from tests.engines.oracle.sqlplus import Sqlplus

from setpoint.catalog import Version
from setpoint.engines.conformance import EngineConformance, Subject
from setpoint.engines.offline import OfflineDriver
from setpoint.engines.oracle.engine import OracleEngine
from setpoint.engines.oracle.native import SqlplusClient
from setpoint.engines.port import Target


class ByFile(OracleEngine):
    """The engine, behind files."""

    def __init__(self, terminal):
        self.terminal = terminal

    def connect(self, target, *, is_read_only):
        version, now = Version((19, 24)), partial(datetime.now, UTC)
        return OfflineDriver(target.instance, SqlplusClient(), version, self.terminal.run, now)


class OnStandIn(EngineConformance):
    con = 0

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch):
        self.database = Database(is_cdb=self.con > 0)
        self.engine = ByFile(Sqlplus(self.database, monkeypatch, con=self.con))

    def test_a_holder_loses_the_instance_to_one_who_preempts(self) -> None:
        pytest.skip("files take no lock: who carries them is the only one")

    def test_of_two_applies_one_wins_and_the_other_is_told(self) -> None:
        pytest.skip("files take no lock: who carries them is the only one")

    def subject(self) -> Subject:
        return Subject(
            engine=self.engine,
            target=Target(instance="ora", address="host=db1 service=orcl user=setpoint", secret=lambda: None),
            immediate=("open_cursors", "700"),
            second="900",
            restart=("nls_territory", "JAPAN") if self.con else ("processes", "600"),
            normalised=None if self.con else ("db_keep_cache_size", "100M"),
            bystander=("undo_retention", "1800"),
            refused=("cursor_sharing", "WISHFUL"),
            do_restart=self.database.start,
            meddle=lambda name, text: self.database.meddle(name, text, con=self.con),
            wait_for_switch=self.database.run_jobs,
        )


class TestByFile(OnStandIn):
    pass


class TestByFileInAPluggableDatabase(OnStandIn):
    con = 3

"""PostgreSQL keeps every promise of the port through psql and files alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import psycopg
import pytest
from tests.live.postgresql.native_client import NATIVE, Client

from setpoint.catalog import Version
from setpoint.engines.conformance import EngineConformance, Subject
from setpoint.engines.offline import Desk, OfflineDriver
from setpoint.engines.port import Driver, Target
from setpoint.engines.postgresql.engine import PostgresEngine


class OfflineEngine(PostgresEngine):
    """PostgreSQL, reached by files alone."""

    def __init__(self, client: Client, version: Version) -> None:
        self._client, self._version = client, version
        self._desk = Desk()

    def connect(self, target: Target, *, is_read_only: bool) -> Driver:
        return OfflineDriver(
            target.instance, NATIVE, self._version, self._client.carry, lambda: datetime.now(UTC), self._desk
        )


class TestPostgresqlOffline(EngineConformance):
    @pytest.fixture(autouse=True)
    def server(self, postgresql_each, tmp_path):
        self.cluster = postgresql_each
        client = Client(postgresql_each, tmp_path)
        self.engine = OfflineEngine(client, Version.parse(str(client.tell().begin["version"])))

    def subject(self) -> Subject:
        return Subject(
            engine=self.engine,
            target=Target(instance="pg", address="", secret=lambda: None),
            immediate=("work_mem", "48MB"),
            second="96MB",
            restart=("max_connections", "77"),
            normalised=("autovacuum_work_mem", "16kB"),
            bystander=("log_temp_files", "10MB"),
            refused=("wal_sync_method", "wishful"),
            do_restart=self.cluster.restart,
            meddle=self.meddle,
        )

    def meddle(self, name: str, text: str | None) -> None:
        with psycopg.connect(self.cluster.dsn, autocommit=True) as connection:
            statement = (
                f"ALTER SYSTEM RESET {name}" if text is None else f"ALTER SYSTEM SET {name} = '{text}'"
            )
            connection.execute(statement.encode())
            loaded = connection.execute("SELECT pg_conf_load_time()").fetchone()
            connection.execute("SELECT pg_reload_conf()")
            while connection.execute("SELECT pg_conf_load_time()").fetchone() == loaded:
                time.sleep(0.01)

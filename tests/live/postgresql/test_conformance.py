"""PostgreSQL keeps every promise of the port."""

from __future__ import annotations

import time

import psycopg
import pytest

from setpoint.engines.conformance import EngineConformance, Subject
from setpoint.engines.port import Target
from setpoint.engines.postgresql import ENGINE


class TestPostgresql(EngineConformance):
    @pytest.fixture(autouse=True)
    def server(self, postgresql_each):
        self.cluster = postgresql_each

    def subject(self) -> Subject:
        return Subject(
            engine=ENGINE,
            target=Target(instance="pg", address=self.cluster.dsn, secret=lambda: None),
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

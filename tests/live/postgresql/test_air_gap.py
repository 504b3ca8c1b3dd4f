"""An air-gapped PostgreSQL: psql and files, nothing else."""

from __future__ import annotations

import pytest
from tests.faces.conftest import Cli
from tests.live.air_gap import AirGap
from tests.live.postgresql.native_client import Client, persisted, restored, write

pytestmark = pytest.mark.live


class TestPostgresql(AirGap):
    engine = "postgresql"
    wish = ("work_mem", "48MB", "64MB")
    hand_text = "9MB"

    @pytest.fixture(autouse=True)
    def over_there(self, postgresql, tmp_path):
        self.server, self.folder = postgresql, tmp_path / "stick"
        self.folder.mkdir()
        self.cli = Cli(tmp_path)
        (tmp_path / "far").mkdir()
        self.client = Client(postgresql, tmp_path / "far")
        with restored(postgresql):
            yield

    @pytest.fixture
    def other(self, start_postgresql, tmp_path):
        (tmp_path / "other").mkdir()
        server = start_postgresql()
        return Client(server, tmp_path / "other").carry

    def carry(self, script):
        return self.client.carry(script)

    def persisted(self):
        return persisted(self.server)

    def meddle(self, name, text):
        write(self.server, f"ALTER SYSTEM SET {name} = '{text}'", "SELECT pg_reload_conf()")

    def version(self):
        return str(self.server.binaries.major)

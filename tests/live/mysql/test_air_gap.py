"""An air-gapped MariaDB or MySQL: its own client and files, nothing else."""

from __future__ import annotations

import pytest
from tests.faces.conftest import Cli
from tests.live.air_gap import AirGap
from tests.live.mysql.native_client import Client
from tests.live.mysql.scene import by_hand, running

pytestmark = pytest.mark.live
NAME = "sort_buffer_size"


class TestMysqlFamily(AirGap):
    wish = (NAME, "4194304", "8388608")
    hand_text = "3145728"

    @pytest.fixture(autouse=True)
    def over_there(self, mysql_family_each, tmp_path):
        self.server, self.folder = mysql_family_each, tmp_path / "stick"
        self.engine = self.server.binaries.kind
        self.folder.mkdir()
        self.cli = Cli(tmp_path)
        (tmp_path / "far").mkdir()
        self.client = Client(self.server, tmp_path / "far")
        self.before = running(self.server, NAME)
        yield
        by_hand(self.server, f"SET GLOBAL {NAME} = DEFAULT")
        if self.engine == "mysql":
            by_hand(self.server, f"RESET PERSIST IF EXISTS {NAME}")

    @pytest.fixture
    def other(self, start_mariadb, start_mysql, tmp_path):
        (tmp_path / "other").mkdir()
        start = start_mariadb if self.engine == "mariadb" else start_mysql
        server = start(".".join(map(str, self.server.binaries.series)))
        return Client(server, tmp_path / "other").carry

    def carry(self, script):
        return self.client.carry(script)

    def persisted(self):
        text = running(self.server, NAME)
        return {} if text == self.before else {NAME: text}

    def meddle(self, name, text):
        word = "PERSIST" if self.engine == "mysql" else "GLOBAL"
        by_hand(self.server, f"SET {word} {name} = {text}")

    def version(self):
        return ".".join(map(str, self.server.binaries.version))

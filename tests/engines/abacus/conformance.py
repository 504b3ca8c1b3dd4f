"""The conformance suite, as the author of a third engine would run it."""

from __future__ import annotations

import pytest

from abacus import ENGINE
from abacus.server import Abacus
from setpoint.engines.conformance import EngineConformance, Subject
from setpoint.engines.port import Target


class TestAbacus(EngineConformance):
    @pytest.fixture(autouse=True)
    def made(self, tmp_path):
        self.server = Abacus(str(tmp_path / "abacus.json"))

    def subject(self) -> Subject:
        return Subject(
            engine=ENGINE,
            target=Target(instance="abacus", address=str(self.server.path), secret=lambda: None),
            immediate=("beads", "20"),
            second="30",
            restart=("rods", "12"),
            normalised=None,
            bystander=("is_polished", "yes"),
            refused=("wood", "stone"),
            do_restart=self.server.restart,
            meddle=self.server.put,
        )

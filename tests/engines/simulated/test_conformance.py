"""The simulated engine keeps every promise of the port, in memory and in a file."""

from __future__ import annotations

from uuid import uuid4

import pytest

from setpoint.engines.conformance import EngineConformance, Subject
from setpoint.engines.port import Target
from setpoint.engines.simulated import ENGINE
from setpoint.engines.simulated.driver import keep, restart, server_at


@pytest.fixture(params=["memory", "file"])
def address(request, tmp_path):
    return f"memory:{uuid4()}" if request.param == "memory" else f"file:{tmp_path / 'server.json'}"


class TestSimulated(EngineConformance):
    @pytest.fixture(autouse=True)
    def server(self, address):
        self.address = address

    def subject(self) -> Subject:
        return Subject(
            engine=ENGINE,
            target=Target(instance="sim", address=self.address, secret=lambda: None),
            immediate=("sort_memory", "16MB"),
            second="32MB",
            restart=("cache_size", "1GB"),
            normalised=("pool_pages", "100"),
            bystander=("durable", "off"),
            refused=("compression", "zip"),
            do_restart=lambda: restart(self.address),
            meddle=self.meddle,
            wait_for_switch=lambda: None,
        )

    def meddle(self, name: str, text: str | None) -> None:
        server = server_at(self.address)
        default = str(server.running[name])
        if text is None:
            server.persisted.pop(name, None)
            server.running[name] = {"durable": "on"}.get(name, default)
        else:
            server.persisted[name] = text
            server.running[name] = text
        keep(self.address, server)

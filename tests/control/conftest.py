"""A store of its own and a simulated instance, looked at and meddled with without Setpoint."""

from __future__ import annotations

import shlex
import sys
from uuid import uuid4

import pytest

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.control import execution
from setpoint.engines.simulated.driver import keep, restart, server_at

RESTART = "import sys; from setpoint.engines.simulated.driver import restart; restart(sys.argv[1])"
NAME = "shop"
PART = f"instance:{NAME}"


class Simulated:
    """One simulated instance under the name `shop`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.restart_command = shlex.join([sys.executable, "-c", RESTART, address])

    @property
    def persisted(self) -> dict[str, str]:
        return dict(server_at(self.address).persisted)

    @property
    def running(self) -> dict[str, str]:
        return dict(server_at(self.address).running)

    def set_by_hand(self, name: str, text: str | None, *, running: str | None = None) -> None:
        """Do what a person would: persist a text (None: take it out) and have it loaded."""
        server = server_at(self.address)
        if text is None:
            server.persisted.pop(name, None)
        else:
            server.persisted[name] = text
        server.running[name] = running or text or server.running[name]
        keep(self.address, server)

    def take_down(self) -> None:
        server = server_at(self.address)
        server.is_up = False
        keep(self.address, server)

    def restart(self) -> None:
        restart(self.address)


@pytest.fixture
def server(monkeypatch) -> Simulated:
    monkeypatch.setattr(execution, "run_restart_command", lambda command: restart(shlex.split(command)[-1]))
    return Simulated(f"memory:{uuid4()}")


@pytest.fixture
def setpoint(tmp_path, server):
    with Setpoint.create(str(tmp_path / "store.db"), actor="ada") as made:
        instance = Instance(engine="simulated", target=server.address, restart_command=server.restart_command)
        made.add_instance(NAME, instance, reason="registered")
        yield made


@pytest.fixture
def put(setpoint):
    """Say what the instance should be set to, and bring it there."""

    def put(may_restart=True, removed=(), **settings):
        setpoint.change_settings(PART, settings, removed=removed, reason="a reason")
        return setpoint.apply(setpoint.plan(NAME).plan, may_restart=may_restart)

    return put

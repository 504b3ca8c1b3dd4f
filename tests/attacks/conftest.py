"""A governed store under attack: an instance in production under policy, one in the lab that is free."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from uuid import uuid4

import pytest
from tests.attacks.scene import POLICY, ROLES, SHOP, Attacked
from tests.control.conftest import Simulated
from tests.control.town import START, found

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.control import execution
from setpoint.engines.simulated.driver import restart
from setpoint.engines.simulated.server import set_clock


@pytest.fixture
def server(monkeypatch) -> Simulated:
    monkeypatch.setattr(execution, "run_restart_command", lambda command: restart(shlex.split(command)[-1]))
    server = Simulated(f"memory:{uuid4()}")
    # The town's clock stands in the past: a switch that went by the real time would fire before it is asked.
    set_clock(server.address, lambda: START)
    return server


@pytest.fixture
def place(tmp_path) -> str:
    """Say where the store is; a module about another database overrides it."""
    return str(tmp_path / "store.db")


@pytest.fixture
def town(place, server) -> Iterator[Attacked]:
    with Setpoint.create(place, actor="founder", token="") as made:
        shop = Instance(
            engine="simulated",
            target=server.address,
            environment="production",
            labels={"owner": "olga"},
            restart_command=server.restart_command,
        )
        lab = Instance(engine="simulated", target=f"memory:{uuid4()}", environment="lab")
        made.add_instance(SHOP, shop, reason="registered")
        made.add_instance("lab", lab, reason="registered")
        made.governance.put_policy("safety", POLICY, reason="begins")
        yield Attacked.of(found(made, ROLES), server)

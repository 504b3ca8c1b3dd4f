"""Orders for simulated instances that several processes meet, and waiting for what other processes do."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from setpoint.config.override import Moment
from setpoint.control.clock import boot_moment, moment_after
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import Request
from setpoint.engines.port import Target
from setpoint.engines.simulated.driver import SimulatedDriver, server_at

PATIENCE_SECONDS = 30.0


class Overridden:
    """A simulated instance in a file, with sort_memory overridden."""

    def __init__(self, folder: Path, name: str = "shop") -> None:
        self.name = name
        self.address = f"file:{folder / f'{name}.json'}"
        self.run("set sort_memory 16MB", "reload")

    def run(self, *texts: str) -> None:
        target = Target(instance=self.name, address=self.address, secret=lambda: None)
        with closing(SimulatedDriver(target)) as driver:
            for text in texts:
                driver.run(Request(text=text, is_read_only=False))

    def order(self, seconds: float, *, override: str = "", password: str = "") -> Order:
        return order_of(
            self.address, seconds, override=override or self.name, instance=self.name, password=password
        )

    @property
    def persisted(self) -> dict[str, str]:
        return server_at(self.address).persisted

    @property
    def is_back(self) -> bool:
        server = server_at(self.address)
        return "sort_memory" not in server.persisted and server.running["sort_memory"] == "4096"


def order_of(address: str, seconds: float, *, override: str, instance: str, password: str = "") -> Order:
    now = datetime.now(UTC)
    moment: Moment | None = moment_after(boot_moment(), seconds)
    return Order(
        override=override,
        instance=instance,
        engine="simulated",
        target=address,
        password=password,
        backs=(Back(parameter="sort_memory", ours="16MB", back=None),),
        deadline=now + timedelta(seconds=seconds),
        deadline_moment=moment,
        written_at=now,
    )


def wait_until(is_so, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for what another process or thread does, with patience."""
    deadline = time.monotonic() + patience_seconds
    while not is_so():
        assert time.monotonic() < deadline, f"never: {is_so}"
        time.sleep(0.01)

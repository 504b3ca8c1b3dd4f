"""A site: a store, simulated instances in files, and hosts that each keep a state of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.config.override import Override
from setpoint.control.context import Context
from setpoint.control.overrides.starting import start
from setpoint.control.overrides.wish import Wish
from setpoint.engines.simulated.driver import keep, server_at

PARAMETER, OURS, BEFORE = "sort_memory", "65536", "4096"
PATIENCE_SECONDS = 30.0


def await_that(is_so: Callable[[], object], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for what another process or thread does, with patience."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)


class Site:
    """`scheduler` says whether the instances carry a switch of their own: ``on`` or ``none``."""

    def __init__(
        self, folder: Path, *names: str, store: str = "", scheduler: Literal["on", "none"] = "none"
    ) -> None:
        self.folder = folder
        self.store = store or str(folder / "store.db")
        self.setpoint = Setpoint.create(self.store, actor="ada")
        for name in names or ("shop",):
            server = server_at(self.address(name))
            server.scheduler = scheduler
            keep(self.address(name), server)
            instance = Instance(engine="simulated", target=self.address(name))
            self.setpoint.add_instance(name, instance, reason="registered")

    def address(self, name: str = "shop") -> str:
        return f"file:{self.folder / f'{name}.json'}"

    def host(self, name: str = "here", **changes: object) -> Context:
        """Answer a context of a host, whose spool and guard process are its own."""
        return replace(self.setpoint._context, state=self.folder / f"state-{name}", **changes)

    def start(
        self, context: Context, name: str = "shop", *, seconds: float = 60.0, **settings: str
    ) -> Override:
        wish = Wish(settings=settings or {PARAMETER: OURS}, seconds=seconds, because="the queue is full")
        (started,) = start(context, [name], wish)
        if started.fault is not None:
            raise started.fault
        assert started.override is not None
        return started.override

    def persisted(self, name: str = "shop", parameter: str = PARAMETER) -> str | None:
        return server_at(self.address(name)).persisted.get(parameter)

    def running(self, name: str = "shop", parameter: str = PARAMETER) -> str:
        return server_at(self.address(name)).running[parameter]

    def set_by_hand(self, text: str, name: str = "shop", parameter: str = PARAMETER) -> None:
        """Do what a person would: persist a text and have it loaded."""
        server = server_at(self.address(name))
        server.persisted[parameter] = server.running[parameter] = text
        keep(self.address(name), server)

    def now(self, id_: str) -> Override:
        return self.setpoint._context.store.overrides.get(id_).value

    def actions(self, name: str = "shop") -> list[str]:
        rows = self.setpoint._context.store.audit.rows(subject=name, action="override.")
        return [row.action.removeprefix("override.") for row in rows]

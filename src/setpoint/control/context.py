"""What every controller is handed: the store, who acts, the time, and ways to the instances."""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.control.clock import boot_moment, utc_now
from setpoint.engines.port import Target
from setpoint.engines.registry import get_engine
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime
    from pathlib import Path

    from setpoint.config.configuration import Configuration, Instance
    from setpoint.config.override import Moment
    from setpoint.config.revision import Revision
    from setpoint.control.credential import Credential
    from setpoint.control.permit import Permit
    from setpoint.engines.port import Driver, Engine
    from setpoint.store import Store


@dataclass(frozen=True)
class Context:
    """A store, an actor and the ways to reach instances.

    `actor` is who acts in a store of one user; with people in the store the gate goes by `credential`.
    `read_secret` answers the password behind a reference. `timeout_seconds` bounds every contact with an
    instance. `wait` lets a number of seconds pass. `now` is the store's time, which no host's clock moves;
    `moment` what this host's boot counts. `state` is the folder for what must outlive the store's absence
    (spool, orders of the guard process), None where nothing is kept there.
    """

    store: Store
    actor: str
    read_secret: Callable[[str], str | None]
    now: Callable[[], datetime] = utc_now
    timeout_seconds: float = 5.0
    credential: Credential | None = None
    wait: Callable[[float], None] = time.sleep
    moment: Callable[[], Moment | None] = boot_moment
    state: Path | None = None

    def head(self) -> tuple[Revision | None, Configuration]:
        """Answer the newest revision and its configuration, an empty one before the first."""
        from setpoint.config.configuration import Configuration

        revision = self.store.revisions.head()
        return revision, self.store.revisions.load(revision) if revision is not None else Configuration()

    def engine_of(self, instance: Instance) -> Engine:
        """Answer an instance's engine."""
        return get_engine(instance.engine)

    @contextmanager
    def connected(self, name: str, instance: Instance, permit: Permit | None = None) -> Generator[Driver]:
        """Connect to an instance and close the connection at the end; raise `UnreachableError`.

        Without a permit the connection can only read.
        """
        if instance.is_offline:
            next_step = "`setpoint bundle` writes scripts for it; or give it a target"
            raise InputError(f"{name} has no target: it is reached through files alone", next_step=next_step)
        target = Target(
            instance=name,
            address=instance.target,
            secret=lambda: self.read_secret(instance.password),
            timeout_seconds=self.timeout_seconds,
            agent=instance.agent_command,
        )
        driver = self.engine_of(instance).connect(target, is_read_only=permit is None)
        try:
            yield driver
        finally:
            driver.close()

    def holder(self, actor: str) -> str:
        """Say who is at work, for others who want the same instance."""
        return f"{actor} (process {os.getpid()} on {socket.gethostname()})"

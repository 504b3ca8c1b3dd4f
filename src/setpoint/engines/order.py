"""Orders: all that is needed to end an override where the store cannot be asked.

An order is written, and durable, before the instance is touched. It names a password's place, never the
password.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from setpoint.config.configuration import SettingText
from setpoint.config.override import LinkState, Moment

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.engines.plan import Request
    from setpoint.engines.port import Reply


class Back(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parameter: the persisted text to take away, and the one to put in its place (None: no entry)."""

    parameter: str
    ours: SettingText
    back: SettingText


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What to put back on which instance, and when.

    `deadline_moment` counts on the host and boot it names; anywhere else `deadline` does.
    """

    override: str
    instance: str
    engine: str
    target: str
    password: str = ""
    backs: tuple[Back, ...]
    deadline: datetime
    deadline_moment: Moment | None = None
    written_at: datetime

    def is_same(self, other: Order) -> bool:
        """Tell whether another order asks for the same, whenever it was written."""
        return msgspec.structs.replace(other, written_at=self.written_at) == self


class Armed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a switch: its state, and where it is or why it is not there, in words."""

    state: LinkState
    detail: str = ""


class Switch(Protocol):
    """A switch on the target itself, which puts an override back with nobody else alive.

    Each method answers a generator of requests, to be run over a driver that may write. A switch acts at the
    deadline, only on what is still ours, and then takes itself away.
    """

    @property
    def name(self) -> str:
        """What people know it as: ``pg_cron``, ``event``."""
        ...

    def arm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Put it there, or in the place of an earlier one; `ABSENT` where the target has no such thing.

        `FAILED` where it has and does not let us. Nothing is turned on that was off.
        """
        ...

    def look(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Tell whether it is there and would act."""
        ...

    def disarm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Take it away; harmless where there is none."""
        ...

"""Orders: all that is needed to end an override where the store cannot be asked.

An order is written, and durable, before the instance is touched. It names a password's place, never the
password.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from setpoint.config.configuration import SettingText
from setpoint.config.override import LinkState, Moment

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone: without one it could not be compared, and no other order would be acted on."""


class Back(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One parameter: the entry's text to take away, and the one to put in its place (None: no entry)."""

    parameter: str
    ours: SettingText
    back: SettingText = None
    running: str | None = None
    """What ran before."""
    is_passing: bool = False
    """Whether a restart of the server takes ours away by itself."""


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
    deadline: AwareTime
    deadline_moment: Moment | None = None
    written_at: AwareTime

    def is_same(self, other: Order) -> bool:
        """Tell whether another order asks for the same, whenever it was written."""
        return msgspec.structs.replace(other, written_at=self.written_at) == self


class Armed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a switch: its state, and where it is or why it is not there, in words."""

    state: LinkState
    detail: str = ""

"""What the journal remembers, as data: applies and ownerships. No database client is needed to name them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from setpoint.config.configuration import SettingText

Outcome = Literal["running", "applied", "undone", "failed", "interrupted"]
State = Literal["old", "new", "mixed", ""]


class Apply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One apply of a plan to an instance.

    `step` is the last step begun, counted from 1 (0: none yet), and `is_step_done` whether its effect is
    certain. `state` says in which state the instance was left, empty while that is not known.
    """

    id: str
    instance: str
    plan_hash: str
    revision: str
    actor: str
    host: str
    pid: int
    started_at: datetime
    steps: int
    ended_at: datetime | None = None
    outcome: Outcome = "running"
    state: State = ""
    step: int = 0
    is_step_done: bool = False
    message: str = ""


class Owned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parameter whose persisted entry is ours, and what to put back when it shall not be any more.

    `ours` is the persisted text we wrote, `restore` the one that stood before (None: there was no entry), and
    `running_before` the running value then.
    """

    instance: str
    parameter: str
    ours: SettingText
    restore: SettingText
    running_before: str | None
    apply_id: str
    at: datetime

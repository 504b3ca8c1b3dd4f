"""What the store remembers, as data: applies, ownerships, leases and workers.

No database client is needed to name them.
"""

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


class Lease(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lease: its holder until a time by the store's clock.

    `epoch` goes up by one at each claim, and never back; `renewals` counts within an epoch.
    """

    name: str
    holder: str
    epoch: int
    until: datetime
    renewals: int = 0


class WorkerState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker says of itself.

    `lag_seconds` is how long after its time the latest due piece of work was begun, `queue_depth` how many
    tasks of each kind wait, `detail` whatever else people should know, in words.
    """

    id: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    controllers: tuple[str, ...] = ()
    lag_seconds: float = 0.0
    queue_depth: dict[str, int] = {}
    detail: dict[str, str] = {}


class Sight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What became of the last attempt to look at an instance, and what was noted of what it showed.

    `seen_at` is the last attempt that succeeded, `unreachable_since` the first that failed after it,
    `failures` how many have, `fault` why the last one did. `cost_seconds` is how long the instance takes over
    one. `deviations` is the drift that was noted last, ``PARAMETER: CLASS``. `acted_on` is the hash of the
    plan made of it last, `acted_for` what that rested on, `acted_at` when.
    """

    instance: str
    tried_at: datetime
    seen_at: datetime | None = None
    unreachable_since: datetime | None = None
    failures: int = 0
    fault: str = ""
    cost_seconds: float = 0.0
    deviations: tuple[str, ...] = ()
    acted_on: str = ""
    acted_for: str = ""
    acted_at: datetime | None = None

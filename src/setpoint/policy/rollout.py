"""Rollouts: a change that goes over a fleet in waves, and stops by itself where it does harm.

A rollout and each of its targets is a row; what happens next is worked out from the rows alone
(`setpoint.policy.course`), so whoever looks at them goes on where another was cut short.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Literal

import msgspec

from setpoint.config.configuration import SettingText
from setpoint.policy.rules import Unknown
from setpoint.policy.selector import Selector


class RolloutState(Enum):
    """Where a rollout is on its way."""

    RUNNING = "running"
    PAUSED = "paused"
    """Nothing is started; what soaks is judged still."""
    HALTED = "halted"
    """Nothing will be started any more: it did harm, or somebody stopped it."""
    TAKEN_BACK = "taken back"
    """All of it was asked to be taken back."""
    DONE = "done"
    """Every target came to its end."""


class TargetState(Enum):
    """Where one instance of a rollout is on its way."""

    WAITING = "waiting"
    CHECKING = "checking"
    """It was claimed, and is looked at; nothing was touched."""
    APPLYING = "applying"
    """Its instance may have been touched."""
    SOAKING = "soaking"
    """It was applied and read back, and is watched."""
    KEPT = "kept"
    TAKING_BACK = "taking back"
    """It is to be taken back; tried until it is, or somebody else's change stands in the way."""
    TAKEN_BACK = "taken back"
    FAILED = "failed"
    """It was not applied, or could not be taken back; `why` says which."""
    SKIPPED = "skipped"
    """It was never touched, and will not be."""
    HELD = "held"
    """Something stands in its way that can pass: an approval, a window, a backup, a lag."""


AT_WORK = frozenset({TargetState.CHECKING, TargetState.APPLYING})
"""States in which a target counts among those that are changed at once."""
UNSURE = AT_WORK | {TargetState.SOAKING, TargetState.TAKING_BACK}
"""States in which a member of a group is not to be relied on by the others."""
ENDED = frozenset({TargetState.KEPT, TargetState.TAKEN_BACK, TargetState.FAILED, TargetState.SKIPPED})
"""States that a target leaves only when it is asked to be taken back."""


class Amount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A number of instances, or a share of them (0 to 1); a share is rounded up, so it is never none."""

    count: int = 0
    share: float = 0.0

    def of(self, total: int) -> int:
        """Answer how many of a total are meant, at most all of them."""
        wanted = -int(-self.share * total // 1) if self.share else self.count
        return min(wanted, total)

    def __str__(self) -> str:
        """Write ``5`` or ``10%``."""
        return f"{self.share * 100:g}%" if self.share else str(self.count)


class RolloutRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a rollout goes about it.

    `canary` is the first wave; `waves` say how much of the fleet is reached by the end of each later one, the
    canaries included. `failures` is how many failed or taken back targets are borne; one more halts it.
    `tolerance` is the loss that is borne (0.05: five per cent), `confidence` how sure a judgement is before
    it halts. `takes_back` says what goes back when it halts by itself.
    """

    canary: Amount = Amount(count=1)
    waves: tuple[Amount, ...] = (Amount(share=0.1), Amount(share=0.5), Amount(share=1.0))
    baseline_seconds: float = 60.0
    """How long canaries and those they are compared with are watched before anything is touched."""
    soak_seconds: float = 600.0
    sample_seconds: float = 10.0
    at_once: int = 10
    """How many instances may be at work at once."""
    group_at_once: int = 1
    """How many members of one group may be."""
    site_label: str = ""
    """The label that names an instance's site; empty: sites are not looked at."""
    site_at_once: int = 0
    """How many instances of one site may be at work at once; 0: as many as `at_once` lets."""
    failures: Amount = Amount()
    tolerance: float = 0.05
    confidence: float = 0.95
    may_restart: bool = False
    unknown: Unknown = "go on"
    """What happens where replication lag, backups or free disk cannot be known before an apply ("take
    back": it is skipped), and where the canaries cannot be judged at the end of their soak.
    """
    max_lag_seconds: float = 30.0
    min_free_bytes: float = 1024.0**3
    patience_seconds: float = 7 * 86400.0
    """How long a target may be held before it is skipped."""
    tries: int = 3
    """How often an apply that was cut short is begun anew."""
    takes_back: Literal["wave", "all", "nothing"] = "wave"


class RolloutTarget(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One instance of a rollout; its record's id is ``ROLLOUT/INSTANCE``.

    `after` names the instances that must be kept before its turn comes. `before` holds what its own layer
    said of the rollout's parameters before (those it did not speak of are missing). `moved_at` is when it
    came to its state.
    """

    rollout: str
    instance: str
    group: str = ""
    site: str = ""
    role: str = ""
    like: str = ""
    """What it is compared by: targets with the same word are like instances."""
    wave: int
    after: tuple[str, ...] = ()
    state: TargetState = TargetState.WAITING
    moved_at: datetime
    next_at: datetime | None = None
    """When it wants to be looked at again; None: as soon as it can."""
    tries: int = 0
    is_written: bool = False
    """Whether its own layer holds the rollout's settings."""
    before: dict[str, SettingText] = msgspec.field(default_factory=dict[str, SettingText])
    plan: str = ""
    """The hash of the plan that was applied, known before it is."""
    apply: str = ""
    """The journal's id of the apply."""
    change: str = ""
    """The change that was proposed for it, where it needs approvals."""
    held_at: datetime | None = None
    """Since when it is held without a break."""
    begun_at: datetime | None = None
    """When it began to be applied last."""
    applied_at: datetime | None = None
    restart_debt: tuple[str, ...] = ()
    """Parameters that were set and wait for a restart."""
    why: str = ""
    is_harmful: bool = False
    """Whether it failed, or went back, because of what it did: it counts against the failures borne."""

    @property
    def id(self) -> str:
        """The id of its record."""
        return f"{self.rollout}/{self.instance}"

    @property
    def is_ended(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.state in ENDED

    @property
    def was_touched(self) -> bool:
        """Whether its instance holds what the rollout brought, or may."""
        return bool(self.plan) and self.state in (
            TargetState.APPLYING, TargetState.SOAKING, TargetState.KEPT, TargetState.TAKING_BACK,
        )  # fmt: skip


class Rollout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One rollout: what goes where, by which rules, and how far it is.

    Without `settings` each target's pending difference to the desired configuration is rolled out. `wave` is
    the one that is open, from 0 (the canaries), -1 before the first. `opened_at` is when it was.
    """

    id: str
    selector: Selector
    settings: dict[str, SettingText] = msgspec.field(default_factory=dict[str, SettingText])
    rules: RolloutRules
    by: str
    account: str
    because: str
    ticket: str = ""
    started_at: datetime
    state: RolloutState = RolloutState.RUNNING
    wave: int = -1
    waves: int
    size: int
    opened_at: datetime | None = None
    why: str = ""
    """Why it is paused, halted or taken back."""
    back: tuple[int, ...] = ()
    """The waves that are to be taken back."""
    judged: tuple[str, ...] = ()
    """How each wave that ended its soak was judged beside its like, in words."""
    ended_at: datetime | None = None
    """When its last target came to its end."""

    @property
    def is_open(self) -> bool:
        """Whether anything is left to do."""
        return self.ended_at is None

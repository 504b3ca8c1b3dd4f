"""Overrides: emergency settings of one instance that stop being desired at their deadline.

An override is a layer with an end. Nothing has to fire when it ends: from its deadline on the instance has
drifted, and whoever looks puts that right.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

from setpoint.config.configuration import SettingText
from setpoint.config.layers import Layer, LayerKind


class OverrideState(Enum):
    """Where an override is on its way."""

    STARTING = "starting"
    """It is written down, and its instance may have been touched."""
    ACTIVE = "active"
    """It was read back on its instance."""
    ENDING = "ending"
    """It is desired no more, and its instance is being put back; tried for ever."""
    ENDED = "ended"
    """Its instance was read back without it."""
    CONFLICT = "conflict"
    """It is over, and a person's later change of a parameter stands, which was left alone."""


OPEN = frozenset({OverrideState.STARTING, OverrideState.ACTIVE, OverrideState.ENDING})
"""States in which something is left to do on the instance."""


class EndReason(Enum):
    """Why an override ended."""

    DEADLINE = "deadline"
    BY_HAND = "by hand"
    GUARDRAIL = "guardrail"
    CUT_SHORT = "its start was cut short"


class LinkKind(Enum):
    """The links of the chain that ends an override, each of which works without those before it."""

    RECONCILER = "reconciler"
    SPOOL = "spool"
    TARGET_SWITCH = "target switch"
    GUARD_PROCESS = "guard process"
    RUNTIME_ONLY = "runtime only"


class LinkState(Enum):
    """Whether a link would end the override by itself."""

    ARMED = "armed"
    ABSENT = "absent"
    FAILED = "failed"
    DISARMED = "disarmed"
    FIRED = "fired"


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One link: its state, since when, on which host, and in words where it is armed or why it is not."""

    kind: LinkKind
    state: LinkState
    at: datetime
    host: str = ""
    detail: str = ""


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One overridden parameter.

    `ours` is the text that the override sets; `before` the persisted text that stood when it started (None:
    no entry), `running_before` the running one. `is_managed` tells that it was ours before, `is_passing` that
    a restart of the server takes the override away by itself.
    """

    parameter: str
    ours: SettingText
    before: SettingText
    running_before: str | None
    is_managed: bool = False
    is_passing: bool = False


class Clash(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parameter that somebody changed while it was overridden; what they wrote stands."""

    parameter: str
    found: SettingText
    ours: SettingText
    noticed_at: datetime


class Extension(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A later deadline: who asked for it, when, and why."""

    by: str
    at: datetime
    deadline: datetime
    because: str


class Moment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A point in time as the clock of one boot of one host counts it, which nobody can set."""

    boot: str
    seconds: float


class Review(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What people made of an override once it was over.

    `keep` names the parameters that should become permanent, `change` what was proposed for them; `rule` is
    a rule that should follow from it, in words.
    """

    by: str
    at: datetime
    conclusion: str
    keep: tuple[str, ...] = ()
    change: str = ""
    rule: str = ""


class Override(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One override of one instance.

    `batch` is shared by those that one command started. `deadline_moment` is the deadline by the clock of
    the host it was started on, which counts there whatever the time of day is set to. `guards` are formulas
    over metrics, any of which ends it early when it does not hold. `change` is the approved change it rests
    on. `predicted` is what was expected of it, in words.
    """

    id: str
    batch: str
    instance: str
    held: tuple[Held, ...]
    by: str
    account: str
    because: str
    ticket: str = ""
    started_at: datetime
    deadline: datetime
    deadline_moment: Moment | None = None
    state: OverrideState = OverrideState.STARTING
    guards: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    plan: str = ""
    change: str = ""
    base: str = ""
    predicted: str = ""
    active_at: datetime | None = None
    extensions: tuple[Extension, ...] = ()
    clashes: tuple[Clash, ...] = ()
    overdue_at: datetime | None = None
    """When the alarm was raised that it is on its instance still although it should not be."""
    ending_at: datetime | None = None
    ending_by: str = ""
    ending_why: EndReason | None = None
    ending_because: str = ""
    ended_at: datetime | None = None
    ended_by: LinkKind | None = None
    """The link that put the instance back."""
    review_due_at: datetime | None = None
    review: Review | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is left to do on the instance."""
        return self.state in OPEN

    @property
    def is_desired(self) -> bool:
        """Whether its settings are desired until its deadline."""
        return self.state in (OverrideState.STARTING, OverrideState.ACTIVE)

    @property
    def settings(self) -> dict[str, SettingText]:
        """The texts it sets, by parameter."""
        return {held.parameter: held.ours for held in self.held}

    @property
    def late_seconds(self) -> float | None:
        """How long after it should have been over it was; None while it is not, or was not touched."""
        if self.ended_at is None:
            return None
        due = min(self.deadline, self.ending_at or self.deadline)
        return (self.ended_at - due).total_seconds()


def layer_of(override: Override, ends_at: datetime) -> Layer:
    """Answer the layer that an override is while it is desired, which is until then."""
    return Layer(
        LayerKind.OVERRIDE,
        override.id,
        {held.parameter.lower(): held.ours for held in override.held},
        ends_at=ends_at,
    )

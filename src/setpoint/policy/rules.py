"""What a policy document says, as data: one struct for each kind of rule.

Every rule has an `id` unique in its document; people see ``POLICY/ID``. Scopes narrow the document's own.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Literal

import msgspec

from setpoint.policy.classes import ParameterClass
from setpoint.policy.person import Role
from setpoint.policy.selector import ALL, Selector
from setpoint.policy.verdict import Outcome, Quorum

Unknown = Literal["hold", "go on", "take back"]
"""What follows from what cannot be known."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    id: str
    scope: Selector = ALL
    why: str = ""


class Lock(_Rule, frozen=True, kw_only=True):
    """Parameters that may not move, or (`outcome` ASK) only with the approvals of their classes.

    Parameters are named, or meant by class; `value` is what a locked parameter must have (compliance and
    drift judge it), None when any value it has is the one to keep. `may_restore` lets a plan put back the
    desired value of a parameter that was moved behind our back without asking again.
    """

    parameters: tuple[str, ...] = ()
    classes: tuple[ParameterClass, ...] = ()
    outcome: Outcome = Outcome.REFUSE
    value: str | None = None
    may_restore: bool = False


class Limit(_Rule, frozen=True, kw_only=True):
    """A truth in the formula language that must hold over parameters and facts after a change.

    ``work_mem <= 64MB``, ``max_connections * work_mem <= ram / 2``. It speaks when one of its parameters
    moves, and always in compliance. `roles`: only for changes made by people with one of these roles (empty:
    for all). `severity` and `source` are for the report.
    """

    must: str
    outcome: Outcome = Outcome.REFUSE
    roles: tuple[Role, ...] = ()
    severity: Literal["low", "medium", "high"] = "medium"
    source: str = ""


class MemoryBudget(_Rule, frozen=True, kw_only=True):
    """The joint memory budget may fill at most this share of the host's memory (0 to 1)."""

    share: float
    outcome: Outcome = Outcome.REFUSE


class Guardrail(_Rule, frozen=True, kw_only=True):
    """After an apply, a truth that must hold over metrics while they are watched, else the change ends.

    Formula variables are canonical metric names with ``_`` for the dot (``txn_rollback``): a counter counts
    as its rate per second between two observations, a gauge as it is; ``before_NAME`` is the same over the
    time before the change. `parameters` and `classes` narrow which changes it watches; none: all.
    `unknown` says what follows where it could not be judged while it watched: go on; hold, which watches for
    as long again and then takes the change back; or take it back.
    """

    holds: str
    watch_seconds: float
    every_seconds: float = 5.0
    unknown: Unknown = "go on"
    parameters: tuple[str, ...] = ()
    classes: tuple[ParameterClass, ...] = ()


class Window(_Rule, frozen=True, kw_only=True):
    """When changes, or only restarts, may happen; outside all windows of a kind that fit, `outcome` speaks.

    From `opens` to `closes` local time in `zone` on `days`; a window that closes before it opens ends on the
    next day.
    """

    what: Literal["change", "restart"] = "change"
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    opens: time
    closes: time
    zone: str = "UTC"
    outcome: Outcome = Outcome.REFUSE


class Freeze(_Rule, frozen=True, kw_only=True):
    """A time in which nothing (or no restart) may happen, from `starts_at` until before `ends_at`."""

    what: Literal["change", "restart"] = "change"
    starts_at: datetime
    ends_at: datetime
    outcome: Outcome = Outcome.REFUSE


class Separation(_Rule, frozen=True, kw_only=True):
    """Separation of duties. An author never counts as an approver, whatever a policy says."""

    author_may_apply: bool = True
    approver_may_apply: bool = True


class Override(_Rule, frozen=True, kw_only=True):
    """How long an emergency override may last at most."""

    max_seconds: float


class Emergency(_Rule, frozen=True, kw_only=True):
    """Who may break what in an emergency, and with how many voices.

    `may_break` names kinds of rules; a lock's approvals are then replaced by `quorum` (None: none).
    """

    roles: tuple[Role, ...] = (Role.EMERGENCY,)
    may_break: tuple[Literal["locks", "limits", "guardrails", "windows", "freezes"], ...] = ()
    classes: tuple[ParameterClass, ...] = ()
    """The classes it holds for; none: all."""
    quorum: Quorum | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One policy document.

    `approvals` are the quorums by parameter class; `governance` those of the keys ``policy``, ``waiver`` and
    ``people``. `classify` replaces the classes of parameters.
    """

    name: str
    why: str = ""
    scope: Selector = ALL
    classify: dict[str, tuple[ParameterClass, ...]] = msgspec.field(
        default_factory=dict[str, tuple[ParameterClass, ...]]
    )
    approvals: dict[ParameterClass, Quorum] = msgspec.field(default_factory=dict[ParameterClass, Quorum])
    governance: dict[str, Quorum] = msgspec.field(default_factory=dict[str, Quorum])
    locks: tuple[Lock, ...] = ()
    limits: tuple[Limit, ...] = ()
    budgets: tuple[MemoryBudget, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    separation: tuple[Separation, ...] = ()
    overrides: tuple[Override, ...] = ()
    emergency: tuple[Emergency, ...] = ()

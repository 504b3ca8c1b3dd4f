"""The words of governance, once more and for the model alone: people, rules, voices, questions.

Nothing here comes from `setpoint.policy` or `setpoint.control`. The one fact taken over is which classes the
simulated engine ships for its parameters, and which of them need a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

SHIPPED = {
    "durable": {"durability"},
    "checkpoint_interval": {"availability", "performance"},
    "max_connections": {"availability", "cost"},
    "connection_greeting": {"security"},
    "cache_size": {"cost", "performance"},
    "sort_memory": {"cost", "performance"},
    "compression": {"performance"},
    "page_cost": {"performance"},
}
DEFAULTS = {"page_cost": "4.0", "sort_memory": "4096", "max_connections": "100"}
RESTARTED = {"cache_size", "max_connections", "plugins"}
RIGHTS = {
    "observe": {"viewer", "operator", "approver", "emergency", "policy owner", "administrator"},
    "edit": {"operator"},
    "propose": {"operator", "emergency", "policy owner", "administrator"},
    "apply": {"operator", "emergency"},
    "approve": {"approver", "policy owner"},
    "break glass": {"emergency"},
    "policy": {"policy owner"},
    "waive": {"operator", "policy owner"},
    "people": {"administrator"},
}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Scope = tuple[tuple[str, frozenset[str]], ...]
"""Pairs of a dimension and the words that fit it; no pair: everything."""

ALL: Scope = ()


def scope_of(**words: str) -> Scope:
    return tuple((key, frozenset(text.split())) for key, text in sorted(words.items()))


@dataclass(frozen=True)
class Place:
    """An instance as far as rules see it."""

    environment: str
    group: str
    labels: dict[str, str]

    def word(self, name: str, dimension: str) -> str:
        if dimension.startswith("label."):
            return self.labels.get(dimension.removeprefix("label."), "")
        return {
            "environment": self.environment,
            "group": self.group,
            "instance": name,
            "engine": "simulated",
        }[dimension]


def fits(scope: Scope, name: str, place: Place) -> bool:
    return all(place.word(name, dimension) in words for dimension, words in scope)


@dataclass(frozen=True)
class Quorum:
    count: int = 1
    roles: frozenset[str] = frozenset({"approver"})
    owner: bool = False
    expires: timedelta = timedelta(hours=24)
    level: timedelta | None = None
    escalates: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Lock:
    id: str
    parameters: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    outcome: str = "refuse"
    value: str | None = None
    restore: bool = False
    scope: Scope = ALL


@dataclass(frozen=True)
class Limit:
    """``parameter <= most``."""

    id: str
    parameter: str
    most: int
    outcome: str = "refuse"
    scope: Scope = ALL


@dataclass(frozen=True)
class Window:
    id: str
    what: str
    days: tuple[str, ...]
    opens: time
    closes: time
    zone: str
    outcome: str = "refuse"
    scope: Scope = ALL

    def is_open(self, at: datetime) -> bool:
        local = at.astimezone(ZoneInfo(self.zone))
        clock, today = local.time(), local.weekday()
        if self.opens < self.closes:
            return DAYS[today] in self.days and self.opens <= clock < self.closes
        opened_today = DAYS[today] in self.days and clock >= self.opens
        return opened_today or (DAYS[today - 1] in self.days and clock < self.closes)


@dataclass(frozen=True)
class Freeze:
    id: str
    what: str
    starts: datetime
    ends: datetime
    outcome: str = "refuse"
    scope: Scope = ALL


@dataclass(frozen=True)
class Emergency:
    id: str
    may_break: frozenset[str]
    classes: frozenset[str] = frozenset()
    quorum: Quorum | None = None
    roles: frozenset[str] = frozenset({"emergency"})
    scope: Scope = ALL


@dataclass(frozen=True)
class Policy:
    name: str
    scope: Scope = ALL
    approvals: dict[str, Quorum] = field(default_factory=dict)
    governance: dict[str, Quorum] = field(default_factory=dict)
    classify: dict[str, tuple[str, ...]] = field(default_factory=dict)
    locks: tuple[Lock, ...] = ()
    limits: tuple[Limit, ...] = ()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    author_may_apply: bool = True
    approver_may_apply: bool = True
    emergency: tuple[Emergency, ...] = ()


@dataclass(frozen=True)
class Waiver:
    id: str
    parameter: str
    rule: str
    scope: Scope
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Move:
    parameter: str
    before: str
    after: str | None
    restores: bool


Grants = tuple[tuple[str, Scope], ...]


@dataclass(frozen=True)
class Person:
    name: str
    grants: Grants
    is_service: bool = False
    is_removed: bool = False


@dataclass
class Loan:
    id: str
    giver: str
    to: str
    scope: Scope
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Voice:
    by: str
    giver: str
    at: datetime
    digest: str

    @property
    def speaker(self) -> str:
        return self.giver or self.by

    @property
    def people(self) -> set[str]:
        return {self.by, self.giver} - {""}


@dataclass(frozen=True)
class Need:
    """A quorum, over an instance (empty: over everything there is)."""

    quorum: Quorum
    instance: str


@dataclass
class Proposal:
    id: str
    kind: str
    subject: str
    digest: str
    author: str
    proposed: datetime
    expires: datetime
    editors: frozenset[str] = frozenset()
    """Who asked for the values that a plan moves to: authors too, whoever proposes."""
    is_emergency: bool = False
    voices: list[Voice] = field(default_factory=list)
    state: str = "open"
    is_ground_moved: bool = False

    @property
    def authors(self) -> frozenset[str]:
        return self.editors | {self.author}

    def is_open(self, at: datetime) -> bool:
        return self.state == "open" and at < self.expires


@dataclass(frozen=True)
class Question:
    """What somebody wants to do to an instance, and everything that decides it."""

    name: str
    place: Place
    moves: tuple[Move, ...]
    restarts: bool
    grants: Grants
    by: str
    at: datetime
    editors: frozenset[str] = frozenset()
    """Who gave what moves its new text: the authors of what nobody proposed."""
    proposal: Proposal | None = None
    is_emergency: bool = False


@dataclass(frozen=True)
class Word:
    kind: str
    outcome: str
    classes: frozenset[str] = frozenset()
    asks: frozenset[Quorum] = frozenset()


@dataclass(frozen=True)
class Answer:
    """What all rules come to: a refusal of any, and every quorum asked for."""

    refusals: tuple[str, ...]
    needs: frozenset[Need]

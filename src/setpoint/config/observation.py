"""An observation: what one instance said about itself at one moment."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

from setpoint.config.facts import Facts


class OriginKind(Enum):
    """Where a value can come from, in rising precedence."""

    DEFAULT = "default"
    BUILD = "build"
    AUTO = "worked out at start"
    ENVIRONMENT = "environment"
    FILE = "file"
    PERSISTED = "persisted"
    COMMAND_LINE = "command line"
    RUNTIME = "set while running"
    GLOBAL = "all roles"
    DATABASE = "database"
    ROLE = "role"
    ROLE_IN_DATABASE = "role in database"
    SESSION = "session"


INSTANCE_WIDE = frozenset(
    {
        OriginKind.DEFAULT,
        OriginKind.BUILD,
        OriginKind.AUTO,
        OriginKind.ENVIRONMENT,
        OriginKind.FILE,
        OriginKind.PERSISTED,
        OriginKind.COMMAND_LINE,
        OriginKind.RUNTIME,
    }
)
"""Kinds that give the instance's own value; the others hold for some sessions only."""


class Origin(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """One place that gives a parameter a value. `text` is as written there.

    `is_in_force` marks the one that decides the instance's running value. `scope` names the role or database
    of an override (``role app``, ``database shop``, ``role app in database shop``). `fault` is the engine's
    own word on an entry it could not use.
    """

    kind: OriginKind
    text: str | None
    file: str = ""
    line: int = 0
    scope: str = ""
    is_in_force: bool = False
    fault: str = ""

    def __str__(self) -> str:
        """Name the place as a person would: ``file postgresql.conf:12``, ``role app``."""
        place = f" {self.file}:{self.line}" if self.file else ""
        return f"{self.scope or self.kind.value}{place}"


class ObservedSetting(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The instance's own value of one parameter, with every place that speaks about it.

    `value` is the text of the running value in the parameter's base unit, as the engine reports it. `pending`
    is the text that waits for a restart, None when nothing waits. `origins` run from the lowest to the
    highest precedence. `is_inferred` is set where the session could not see the instance's own value and it
    was worked out from the origins.
    """

    value: str | None
    origins: tuple[Origin, ...] = ()
    pending: str | None = None
    pending_reason: str = ""
    is_inferred: bool = False
    entry_kind: OriginKind = OriginKind.PERSISTED
    """Where `apply` writes: what the engine keeps or, where it keeps nothing, what runs until a restart."""

    @property
    def in_force(self) -> Origin | None:
        """The origin that decides the running value."""
        for origin in self.origins:
            if origin.is_in_force:
                return origin
        return None

    @property
    def overrides(self) -> tuple[Origin, ...]:
        """The origins that hold for some sessions only: roles and databases."""
        return tuple(origin for origin in self.origins if origin.kind not in INSTANCE_WIDE)

    @property
    def entry(self) -> Origin | None:
        """The entry that `apply` writes (ALTER SYSTEM, SET PERSIST), or None.

        Where it writes the running value alone (SET GLOBAL), that is the entry, whoever gave it.
        """
        found = next((origin for origin in self.origins if origin.kind is self.entry_kind), None)
        if found is not None or self.entry_kind is not OriginKind.RUNTIME or self.value is None:
            return found
        return Origin(kind=OriginKind.RUNTIME, text=self.value)

    @property
    def is_passing(self) -> bool:
        """Whether a restart of the server takes away what `apply` writes."""
        return self.entry_kind is OriginKind.RUNTIME


class FileFault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A line of a configuration file that the engine refuses."""

    file: str
    line: int
    message: str


class Observation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Everything read from one instance in one round trip.

    `metrics` maps canonical names (``txn.commit``) to the engine's cumulative or current values; missing is
    missing. `catalog_hash` names the live catalog that gives the texts their meaning. `unseen` lists what
    this login may not read, in words.
    """

    instance: str
    engine: str
    at: datetime
    facts: Facts
    settings: dict[str, ObservedSetting]
    metrics: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    metrics_since: datetime | None = None
    file_faults: tuple[FileFault, ...] = ()
    unseen: tuple[str, ...] = ()
    alterable: tuple[str, ...] | None = None
    """The parameters this login may change for the whole instance; None means all of them."""
    managed_file: str = ""
    """The configuration file that the instance's agent writes for us; empty where there is no agent."""
    agent_fault: str = ""
    """Why the instance's agent cannot write that file, in words; empty where it can, or there is none."""
    catalog_hash: str = ""
    identity: str = ""
    """What the instance calls itself, whatever it is named here; empty where it was not asked."""
    came_by: str = ""
    """How it came here where nobody connected to the instance: the files it was read from."""
    is_partial: bool = False
    """Whether parameters are missing from `settings`: of those nothing is known, nor are they default."""
    cost_ms: float = 0.0
    """Server time the observation took, in milliseconds."""

    def setting(self, name: str) -> ObservedSetting | None:
        """Answer the setting of that name in any case (``timezone`` for ``TimeZone``), or None."""
        found = self.settings.get(name)
        if found is not None:
            return found
        folded = name.lower()
        return next((setting for key, setting in self.settings.items() if key.lower() == folded), None)

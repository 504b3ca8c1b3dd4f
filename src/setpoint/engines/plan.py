"""A plan is data: what will be done to one instance, in which order, and how to take it back.

Plans are made from desired settings and one observation, hashed, stored, shown, approved and only then
applied. The statements themselves are the engine's business; a step carries them as opaque requests made by
its `apply.py`.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

from setpoint.catalog import Context
from setpoint.config.configuration import SettingText
from setpoint.config.revision import canonical, content_hash


class StepKind(Enum):
    """What a step does to the instance."""

    SET = "set"
    RESET = "reset"
    RELOAD = "reload"
    RESTART = "restart"


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One statement for an engine's driver, sent alone in its message. Never holds a secret."""

    text: str
    is_read_only: bool = True
    fallbacks: tuple[str, ...] = ()
    """Lesser statements, tried in turn when this login may not run `text`."""
    ahead: tuple[str, ...] = ()
    """What the driver sends along ahead, in the engine's own words, to keep `text` from being run where an
    entry moved; never part of a plan.
    """
    agent: str = ""
    """What the instance's agent is asked along with it, after `text`, in the engine's own words."""


class Prior(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What stood before a step: the running value, and the persisted entry (None: there was none)."""

    running: str | None
    persisted: SettingText = None


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step.

    Parameter steps carry the text to set (None: reset), what stood before, and both statements.
    """

    kind: StepKind
    parameter: str = ""
    text: SettingText = None
    context: Context | None = None
    prior: Prior | None = None
    do: tuple[Request, ...] = ()
    undo: tuple[Request, ...] = ()
    reason: str = ""
    """Which layer asks for it, or why the step is there at all."""
    is_passing: bool = False
    """Whether a restart of the server takes away what it sets."""


class Blocked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A desired setting that the plan cannot reach, why, and what an operator must do."""

    parameter: str
    desired: SettingText
    why: str
    next_step: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Everything that will be done to one instance.

    `revision` is the head the desired settings came from; `fingerprint` the hash of the instance-wide
    settings that were observed. Both must still hold when the plan is applied. `expected` maps each touched
    parameter to the text that must read back (None: whatever the engine falls back to). `operator_steps` is
    what a person must do where we may not.
    """

    instance: str
    engine: str
    revision: str
    observed_at: datetime
    fingerprint: str
    steps: tuple[Step, ...] = ()
    expected: dict[str, SettingText] = msgspec.field(default_factory=dict[str, SettingText])
    released: tuple[str, ...] = ()
    """The parameters that no layer asks for any more and that go back to what stood before us."""
    overridden: tuple[str, ...] = ()
    """The parameters that an override alone asks for: it comes to its end, and a plan does not."""
    blocked: tuple[Blocked, ...] = ()
    warnings: tuple[str, ...] = ()
    operator_steps: tuple[str, ...] = ()
    over_budget: str = ""
    """Why the result could exceed the host's memory; empty when it cannot.

    Applied only when a named person accepts it.
    """

    @property
    def hash(self) -> str:
        """The SHA-256 of what the plan does and on what it rests; approvals bind to it."""
        return content_hash(canonical(msgspec.structs.replace(self, observed_at=_EPOCH)))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    @property
    def restarts(self) -> tuple[str, ...]:
        """The parameters that wait for a restart."""
        return tuple(
            step.parameter for step in self.steps if step.parameter and step.context is Context.RESTART
        )


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

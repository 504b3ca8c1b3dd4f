"""Intents: what somebody wants to do, as review judges it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

from setpoint.config.configuration import SettingText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Catalog
    from setpoint.config.budget import Claims
    from setpoint.config.configuration import Instance
    from setpoint.config.facts import Facts
    from setpoint.policy.classes import ParameterClass
    from setpoint.policy.person import Principal


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter that goes from one text to another.

    `after` is None where the engine falls back to its own. `is_restoring` tells that the instance was moved
    behind our back and `after` is what was desired, and approved, all along.
    """

    parameter: str
    before: SettingText
    after: SettingText
    is_restoring: bool = False


@dataclass(frozen=True)
class Subject:
    """The instance an intent is about, as it was last seen.

    `running` are the texts it runs with, by listed name. `shipped_classes` are the engine's own classes by
    folded parameter name.
    """

    name: str
    instance: Instance
    facts: Facts
    catalog: Catalog
    running: Mapping[str, SettingText]
    claims: Claims
    shipped_classes: Mapping[str, tuple[ParameterClass, ...]]


@dataclass(frozen=True)
class Intent:
    """What `by` wants to do to `subject`.

    `kind`: ``apply`` changes the instance, ``edit`` changes what is desired of it (windows do not count),
    ``propose`` asks for the approvals of an apply to come: what refuses now, but may not when somebody
    applies it (windows, freezes, separation of duties), is only told.
    `author` is who proposed it (a person's name) and `approvers` those whose voices it has so far.
    `duration_seconds` is asked for by an override only.
    """

    kind: Literal["apply", "edit", "propose", "override"]
    by: Principal
    subject: Subject
    moves: tuple[Move, ...]
    needs_restart: bool = False
    author: str = ""
    approvers: frozenset[str] = field(default_factory=frozenset[str])
    is_emergency: bool = False
    duration_seconds: float | None = None

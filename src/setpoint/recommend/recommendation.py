"""A recommendation: one parameter, one value the target accepts, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from setpoint.recommend.finding import Severity

if TYPE_CHECKING:
    from setpoint.config.variables import Primitive


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a rule proposes, before the advisor checks it against the target.

    `value` is in base units: bytes for sizes, microseconds for durations, else a number, a truth or a word.
    It is rounded down to what the parameter keeps.
    """

    parameter: str
    value: Primitive
    reason: str
    expected: str
    risk: str = ""
    evidence: dict[str, str] = field(default_factory=dict[str, str])


class Recommendation(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A proposal that the target accepts and the memory budget holds.

    `current` and `proposed` are texts as the engine writes them. `expected` says which way what should
    move, `risk` what it may cost. `is_from_workload` tells whether measured load, or settings and facts
    alone, led to it.
    """

    code: str
    title: str
    severity: Severity
    parameter: str
    current: str
    proposed: str
    reason: str
    expected: str
    risk: str = ""
    evidence: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    needs_restart: bool = False
    is_from_workload: bool = False
    source: str = ""

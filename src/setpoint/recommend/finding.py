"""A finding: something a person should know that no single setting puts right."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import msgspec


class Severity(Enum):
    """How much it matters, the gravest first."""

    CRITICAL = "critical"
    WARNING = "warning"
    ADVICE = "advice"

    @property
    def rank(self) -> int:
        """The place in the order, 0 for the gravest."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule found, before the advisor adds the rule's own words. `severity` None means the rule's."""

    text: str
    evidence: dict[str, str] = field(default_factory=dict[str, str])
    next_step: str = ""
    severity: Severity | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A remark with its rule: what was found, the evidence as people read it, and what to do next."""

    code: str
    title: str
    severity: Severity
    text: str
    evidence: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    next_step: str = ""
    source: str = ""

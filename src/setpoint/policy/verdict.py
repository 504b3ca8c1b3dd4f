"""Verdicts: allow, ask or refuse, with every rule that spoke."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

from setpoint.policy.person import Role

if TYPE_CHECKING:
    from collections.abc import Iterable


class Outcome(IntEnum):
    """What a rule says; of several the gravest counts: refuse beats ask beats allow."""

    ALLOW = 0
    ASK = 1
    REFUSE = 2

    @property
    def word(self) -> str:
        """The outcome for people."""
        return self.name.lower()


class Quorum(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How many different people out of which roles must approve, and in which time.

    `needs_owner` asks for one more voice: the owner of the instance (its label ``owner``, a person's name).
    After `service_level_seconds` without an end, people of `escalates_to` may approve too.
    """

    count: int = 1
    roles: tuple[Role, ...] = (Role.APPROVER,)
    needs_owner: bool = False
    expires_seconds: float = 24 * 3600
    service_level_seconds: float | None = None
    escalates_to: tuple[Role, ...] = ()

    def __str__(self) -> str:
        """Write ``2 of approver, and the owner``."""
        roles = " or ".join(role.value for role in self.roles)
        return f"{self.count} of {roles}" + (", and the owner" if self.needs_owner else "")


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A quorum that a verdict asks for, on which instance, and the rules that ask for it."""

    key: str
    """What it stands for: a parameter class (``durability``), ``policy``, ``waiver``, ``people``."""
    quorum: Quorum
    instance: str
    rules: tuple[str, ...]


class Reason(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule's word on one parameter (empty: on the whole intent).

    `rule` is ``POLICY/RULE``. `softened_from` is what it would have been without a waiver or an emergency
    right, whose name `softened_by` bears.
    """

    outcome: Outcome
    rule: str
    instance: str
    parameter: str
    text: str
    softened_from: Outcome | None = None
    softened_by: str = ""

    def __str__(self) -> str:
        """Write ``refuse shop fsync: may not move (safety/locks.1)``."""
        place = " ".join(filter(None, (self.instance, self.parameter)))
        tail = f"; {self.softened_by}" if self.softened_by else ""
        return f"{self.outcome.word} {place}: {self.text} ({self.rule}{tail})"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What all rules come to: the gravest outcome, every reason, and the approvals asked for.

    Reasons are sorted by gravity, instance, parameter and rule, so the same question has the same answer.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    needs: tuple[Need, ...]

    @property
    def refusals(self) -> tuple[Reason, ...]:
        """The reasons that refuse."""
        return tuple(reason for reason in self.reasons if reason.outcome is Outcome.REFUSE)


def make_verdict(reasons: Iterable[Reason], needs: Iterable[Need]) -> Verdict:
    """Put reasons and needs together; a refusal needs no approvals, for none would help."""
    ordered = tuple(sorted(set(reasons), key=lambda r: (-r.outcome, r.instance, r.parameter, r.rule, r.text)))
    outcome = max((reason.outcome for reason in ordered), default=Outcome.ALLOW)
    asked = sorted(needs, key=lambda need: (need.instance, need.key)) if outcome is Outcome.ASK else ()
    return Verdict(outcome=outcome, reasons=ordered, needs=tuple(asked))

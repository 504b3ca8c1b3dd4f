"""Permits: what the gate hands to whoever may go on.

Every function of the control plane that writes asks for one, and only `setpoint.control.gate` makes one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from setpoint.policy.person import Principal, Right
    from setpoint.policy.verdict import Verdict


@dataclass(frozen=True)
class Permit:
    """Who may do what, by which verdict, and on which approved change it rests (`version` of its record)."""

    principal: Principal
    right: Right
    verdict: Verdict | None = None
    change: str = ""
    version: int = 0
    head: str | None = None
    """The revision that was the head when the verdict was given; None where no verdict was asked for."""

    @property
    def actor(self) -> str:
        """The name that goes into audit rows."""
        return self.principal.name

    def detail(self) -> dict[str, Any]:
        """Answer what an audit row says of the authority behind what is done."""
        found: dict[str, Any] = {"account": self.principal.account}
        if self.principal.is_single_user:
            found["authority"] = "single user"
        if self.change:
            found["change"] = self.change
        return found

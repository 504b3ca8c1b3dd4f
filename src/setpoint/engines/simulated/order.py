"""Who of a simulated replication group has to have a new value first: room for sessions only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.policy.waves import MemberOrder


def order(parameter: str, *, is_growing: bool) -> MemberOrder:
    """Answer which members go first."""
    if parameter.lower() != "max_connections":
        return "any"
    return "standbys first" if is_growing else "primary first"

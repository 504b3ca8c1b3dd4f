"""Who of a replication group has to have a new value first.

A replica that takes smaller packets than its source sends stops; one that applies fewer at once falls behind
and does not stop. Source: the manuals' "Replication and max_allowed_packet".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.policy.waves import MemberOrder

_RECEIVED = frozenset({"max_allowed_packet", "slave_max_allowed_packet", "replica_max_allowed_packet"})


def order(parameter: str, *, is_growing: bool) -> MemberOrder:
    """Answer which members go first."""
    if parameter.lower() not in _RECEIVED:
        return "any"
    return "standbys first" if is_growing else "primary first"

"""Who of a replication group has to have a new value first.

A standby stops replaying, or does not start, when one of these is lower there than it was on the primary
whose log it replays (the manual, "Hot Standby", "Administrator's Overview"). So they are raised on standbys
first, and lowered on the primary first and on a standby only once it has replayed that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.policy.waves import MemberOrder

_REPLAYED = frozenset({
    "max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
    "max_locks_per_transaction",
})  # fmt: skip


def order(parameter: str, *, is_growing: bool) -> MemberOrder:
    """Answer which members go first."""
    if parameter.lower() not in _REPLAYED:
        return "any"
    return "standbys first" if is_growing else "primary first"

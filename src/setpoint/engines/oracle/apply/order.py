"""Who of a Data Guard configuration has to have a new value first.

A standby stops applying redo when its primary has files beyond the standby's `db_files`, or writes redo of a
release that the standby's `compatible` does not allow (Data Guard Concepts and Administration). Both are
raised on standbys first; `compatible` is never lowered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.policy.waves import MemberOrder

_APPLIED = frozenset({"compatible", "db_files"})


def order(parameter: str, *, is_growing: bool) -> MemberOrder:
    """Answer which members go first."""
    if parameter.lower() not in _APPLIED:
        return "any"
    return "standbys first" if is_growing else "primary first"

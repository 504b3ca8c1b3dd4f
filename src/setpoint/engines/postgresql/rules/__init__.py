"""What PostgreSQL's own counters say should be set: one function per rule, one table of all of them.

No rule proposes less durability or security, a value below a worker default, or anything it cannot show
evidence for.
"""

from __future__ import annotations

from setpoint.engines.postgresql.rules import access, checkpoints, memory, safety, upkeep

RULES = tuple(
    sorted(
        (*access.RULES, *checkpoints.RULES, *memory.RULES, *safety.RULES, *upkeep.RULES),
        key=lambda rule: rule.code,
    )
)
"""Every rule, by code."""

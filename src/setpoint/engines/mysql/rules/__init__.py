"""What counters, settings and facts of MySQL and MariaDB say should be set: one function per rule.

No rule proposes less durability or security, or anything it cannot show evidence for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.rules import memory, safety, sessions, writing

if TYPE_CHECKING:
    from setpoint.recommend import Rule

SHARED: tuple[Rule, ...] = tuple(
    sorted(
        (*memory.RULES, *safety.RULES, *sessions.RULES, *writing.RULES),
        key=lambda rule: rule.code,
    )
)
"""The rules that hold for MariaDB, too, by code."""

RULES: tuple[Rule, ...] = (*SHARED, memory.INSTANCES)
"""Every rule, by code."""

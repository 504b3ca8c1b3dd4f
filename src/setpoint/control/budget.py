"""The memory budget of a plan: what may be used once it is applied, and whether that could be too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.budget import BudgetVerdict, judge, typed_values
from setpoint.control.desired import running_texts
from setpoint.errors import OverBudgetError

if TYPE_CHECKING:
    from setpoint.catalog import Catalog
    from setpoint.config.budget import Claims
    from setpoint.config.configuration import SettingText
    from setpoint.config.facts import Facts
    from setpoint.config.observation import Observation
    from setpoint.engines.plan import Plan
    from setpoint.policy.intent import Move


def is_too_much(move: Move, claims: Claims, facts: Facts, observation: Observation, catalog: Catalog) -> bool:
    """Tell whether what a move brings could exceed the memory, and takes more than what it replaces."""
    running = running_texts(observation)
    texts: tuple[SettingText, SettingText] = (move.before, move.after)
    before, after = (
        judge(claims, typed_values({**running, move.parameter: text}, catalog), facts) for text in texts
    )
    return after.is_over and (after.total or 0) > (before.total or 0)


def weigh(
    made: Plan, claims: Claims, facts: Facts, observation: Observation, catalog: Catalog
) -> tuple[BudgetVerdict, str]:
    """Weigh the plan's result, and say why it could exceed the memory; empty when not, or no worse."""
    running = running_texts(observation)
    before = judge(claims, typed_values(running, catalog), facts)
    after = judge(claims, typed_values({**running, **made.expected}, catalog), facts)
    if not after.is_over or (after.total or 0) <= (before.total or 0):
        return after, ""
    try:
        after.require()
    except OverBudgetError as fault:
        return after, str(fault)
    return after, ""

"""Turns: which members of a replication group have to get a plan's new values first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.errors import SetpointError
from setpoint.policy.waves import combine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from setpoint.catalog import Catalog
    from setpoint.config.observation import Observation
    from setpoint.engines.plan import Plan
    from setpoint.engines.port import Engine
    from setpoint.policy.waves import MemberOrder


@dataclass(frozen=True, slots=True)
class OrderedMove:
    """A parameter whose new value some members have to have first."""

    parameter: str
    after: float
    is_growing: bool
    order: MemberOrder


def ordered_moves(
    engine: Engine, made: Plan, observation: Observation, catalog: Catalog
) -> Iterator[OrderedMove]:
    """Answer the moves of a plan that have an order among the members of a group.

    One whose way, up or down, is not known counts as both, which no order can serve.
    """
    last = {step.parameter: step for step in made.steps if step.parameter}
    for name, step in last.items():
        setting = observation.setting(name)
        before = _number(catalog, name, setting.value if setting is not None else None)
        after = _number(catalog, name, step.text)
        if step.text is None:
            parameter = catalog.find(name)
            after = _as_number(parameter.default) if parameter is not None else None
        ways = (True, False) if before is None or after is None else (after > before,)
        for is_growing in ways:
            order = engine.order(name, is_growing=is_growing)
            if order != "any" and before != after:
                yield OrderedMove(name, after or 0.0, is_growing, order)


def turn_of(moves: Iterable[OrderedMove]) -> MemberOrder:
    """Answer the order that moves ask for together; raise `RefusedError` where two disagree."""
    return combine(move.order for move in moves)


def _number(catalog: Catalog, name: str, text: object) -> float | None:
    if not isinstance(text, str):
        return None
    try:
        return _as_number(catalog.parse(name, text))
    except SetpointError:
        return None


def _as_number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

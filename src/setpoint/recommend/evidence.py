"""Evidence: everything a rule may look at, and nothing else.

Advice is a function of this one value. Counters count over a window: between two observations of one
statistics epoch when they are far enough apart or saw enough load, else since the statistics began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from setpoint.config.budget import BudgetVerdict, Claims, judge, largest_fit, typed_values
from setpoint.config.variables import Type, show, to_base
from setpoint.workload.metrics import is_gauge, is_one_epoch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Catalog, Value
    from setpoint.config.configuration import SettingText
    from setpoint.config.facts import Facts
    from setpoint.config.observation import Observation
    from setpoint.config.variables import Primitive

POSITIONS = {"log.position_bytes": "log.bytes"}
"""Metrics that count up from no known beginning: they grow between observations only, and then stand in for
a counter that an older version does not have.
"""

WINDOW_SECONDS = 60.0
"""Two observations this far apart make a window."""
WINDOW_TRANSACTIONS = 10_000
"""So do two that saw this much load, however close they are."""


@dataclass(frozen=True, slots=True)
class Window:
    """The growth of counters, between two observations or since the statistics began."""

    seconds: float
    growth: Mapping[str, float]
    is_between: bool

    @property
    def transactions(self) -> float:
        """Transactions committed or rolled back."""
        return self.growth.get("txn.commit", 0.0) + self.growth.get("txn.rollback", 0.0)


@dataclass(frozen=True)
class Evidence:
    """One instance as rules see it.

    `facts` are the observed ones with what the operator declared. `claims` are the engine's memory claims,
    compiled against `catalog`, which is the live one. `desired` are the resolved settings that some layer
    asks for.
    """

    observation: Observation
    catalog: Catalog
    facts: Facts
    claims: Claims
    earlier: Observation | None = None
    desired: Mapping[str, SettingText] = field(default_factory=dict[str, "SettingText"])

    @cached_property
    def window(self) -> Window | None:
        """The window to count over; None when nothing says since when the counters count."""
        return _window_between(self.earlier, self.observation) or _window_since(self.observation)

    def growth(self, metric: str) -> float | None:
        """Answer how much a counter grew over the window; None when it is missing."""
        return self.window.growth.get(metric) if self.window else None

    def state(self, metric: str) -> float | None:
        """Answer a gauge as it was observed; None when it is missing."""
        return self.observation.metrics.get(metric)

    def per_transaction(self, metric: str) -> float | None:
        """Answer a counter's growth for each transaction of the window; None when either is missing."""
        growth = self.growth(metric)
        if growth is None or self.window is None or not self.window.transactions:
            return None
        return growth / self.window.transactions

    @cached_property
    def running(self) -> Mapping[str, Value]:
        """The running values, typed, in each parameter's own unit."""
        observed = self.observation.settings.items()
        return typed_values({name: setting.value for name, setting in observed}, self.catalog)

    @cached_property
    def coming(self) -> Mapping[str, Value]:
        """The values that wait for a restart or are desired and not there yet."""
        waiting = {name: setting.pending for name, setting in self.observation.settings.items()}
        coming = {**typed_values(waiting, self.catalog), **typed_values(self.desired, self.catalog)}
        return {
            name: value
            for name, value in coming.items()
            if not self.is_same(name, value, self.running.get(name))
        }

    def amount(self, name: str) -> Primitive | None:
        """Answer a running value in base units (bytes, microseconds), None when unknown."""
        parameter = self.catalog.find(name)
        if parameter is None or name not in self.running:
            return None
        return to_base(self.running[name], parameter, self.catalog.grammar)

    def number(self, name: str) -> float | None:
        """Answer a running numeric value in base units; None when it is unknown or no number."""
        amount = self.amount(name)
        return float(amount) if isinstance(amount, (int, float)) and not isinstance(amount, bool) else None

    def text(self, name: str) -> str:
        """Answer a running value as the engine writes it; empty when unknown."""
        return self.catalog.format(name, self.running[name]) if name in self.running else ""

    def page_bytes(self, name: str) -> int:
        """Answer the size of the unit a parameter is counted in, in bytes; 1 when it has none."""
        parameter = self.catalog.find(name)
        unit = parameter.unit_of(self.catalog.grammar) if parameter else None
        return unit.factor if unit else 1

    def size(self, amount_bytes: float) -> str:
        """Write an amount of bytes as people do."""
        return show(round(amount_bytes), Type.BYTES, self.catalog.grammar.units)

    @property
    def host_bytes(self) -> int | None:
        """The memory that is there for this instance, less what neighbours are promised."""
        ram = self.facts.ram_bytes
        return None if ram is None else max(0, ram - (self.facts.neighbours_bytes or 0))

    def verdict(self, changes: Mapping[str, Value] | None = None) -> BudgetVerdict:
        """Weigh the running and coming values, with further changes, against the memory budget."""
        return judge(self.claims, {**self.running, **self.coming, **(changes or {})}, self.facts)

    def largest_fit(self, name: str) -> float | None:
        """Answer the largest value that the budget holds, in base units; None when none is known."""
        verdict = self.verdict()
        parameter = self.catalog.find(name)
        if verdict.available is None or parameter is None:
            return None
        fit = largest_fit(self.claims, verdict.base, parameter.name, verdict.available)
        return None if fit is None else float(fit.value * self.page_bytes(name))

    def is_same(self, name: str, left: Value | None, right: Value | None) -> bool:
        """Tell whether two typed values of a parameter mean the same."""
        parameter = self.catalog.find(name)
        if parameter is None or left is None or right is None:
            return left == right
        return parameter.is_same(left, right)


def _window_between(earlier: Observation | None, later: Observation) -> Window | None:
    if earlier is None or earlier.instance != later.instance or not is_one_epoch(earlier, later):
        return None
    growth = {
        name: value - earlier.metrics[name]
        for name, value in later.metrics.items()
        if name in earlier.metrics and not is_gauge(name)
    }
    for position, counter in POSITIONS.items():
        if position in growth:
            growth.setdefault(counter, growth[position])
    window = Window((later.at - earlier.at).total_seconds(), growth, is_between=True)
    is_long_enough = window.seconds >= WINDOW_SECONDS or window.transactions >= WINDOW_TRANSACTIONS
    # A counter that fell was reset in between, whatever the epoch says.
    is_growing = window.seconds > 0 and all(amount >= 0 for amount in growth.values())
    return window if is_long_enough and is_growing else None


def _window_since(observation: Observation) -> Window | None:
    if observation.metrics_since is None or observation.metrics_since >= observation.at:
        return None
    growth = {
        name: value
        for name, value in observation.metrics.items()
        if not is_gauge(name) and name not in POSITIONS
    }
    return Window((observation.at - observation.metrics_since).total_seconds(), growth, is_between=False)

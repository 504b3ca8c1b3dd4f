"""A load on simulated servers: rates that follow from their settings, with seeded noise and a daily tide.

Time is the clock that is handed in. Nothing here is like any real engine but in its shape: a few settings
cost throughput, each instance is a little different, and all of them go up and down together.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from math import exp, pi, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from setpoint.config.facts import Role

_DAY_SECONDS = 86_400.0
_TIDE = 0.4
_SORT_MEMORY_KB = 4096.0
_PAGE_COST = 4.0
_BUSY_SECONDS = 0.004
"""What a transaction takes with settings that cost nothing."""


@dataclass
class Load:
    """The load on one server, its role, and its counters so far.

    `noise` is how much a rate differs from one look to the next (standard deviation of its logarithm).
    `lag_seconds` is how far a standby is behind, `waiters` how many sessions wait for a lock.
    """

    seed: str
    now: Callable[[], datetime]
    noise: float = 0.05
    role: Role = "primary"
    lag_seconds: float | None = None
    waiters: float = 0.0
    _counters: dict[str, float] = field(default_factory=dict[str, float], init=False)
    _rates: dict[str, float] = field(default_factory=dict[str, float], init=False)
    _at: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Draw what this instance is like."""
        self._lot = random.Random(self.seed)  # noqa: S311 - a seeded simulation, no secret
        self._base = 200 * exp(self._lot.gauss(0, 0.7))
        self._noise = self._pace = 1.0

    def metrics(self, running: Mapping[str, str]) -> dict[str, float]:
        """Answer the metrics as of now; what went by since the last look counts by the rates of then."""
        now = self.now()
        passed = (now - self._at).total_seconds() if self._at is not None else 0.0
        for name, rate in self._rates.items():
            self._counters[name] = self._counters.get(name, 0.0) + rate * max(passed, 0.0)
        if passed > 0 or not self._rates:
            self._noise = exp(self._lot.gauss(0, self.noise))
            self._pace = exp(self._lot.gauss(0, self.noise))
        self._at, self._rates = now, self._rates_with(running, now)
        gauges = {"lock.waiters": self.waiters, "conn.active": self._rates["sess.active_seconds"]}
        if self.lag_seconds is not None:
            gauges["repl.lag_s"] = self.lag_seconds
        return {name: self._counters.get(name, 0.0) for name in self._rates} | gauges

    def _rates_with(self, running: Mapping[str, str], now: datetime) -> dict[str, float]:
        tide = exp(_TIDE * sin(2 * pi * now.timestamp() / _DAY_SECONDS))
        commits = self._base * tide * self._noise * _worth(running)
        busy = commits * _BUSY_SECONDS * self._pace / _worth(running)
        return {"txn.commit": commits, "txn.rollback": commits / 500, "sess.active_seconds": busy}


_loads: dict[str, Load] = {}


def put_load(address: str, load: Load) -> None:
    """Put a load on a server of this process; it stays until another one comes."""
    _loads[address] = load


def metrics_of(address: str, running: Mapping[str, str], own: Mapping[str, float]) -> dict[str, float]:
    """Answer the metrics of a server: those of its load where it has one, and its own besides."""
    load = _loads.get(address)
    return {**(load.metrics(running) if load is not None else {}), **own}


def role_of(address: str) -> Role:
    """Answer the role of a server: its load's, or a primary."""
    load = _loads.get(address)
    return load.role if load is not None else "primary"


def _worth(running: Mapping[str, str]) -> float:
    """Answer the share of the throughput that settings leave: dear pages and small sorts cost some."""
    dear = 1 + 0.05 * max(float(running["page_cost"]) - _PAGE_COST, 0.0)
    small = min(float(running["sort_memory"]) / _SORT_MEMORY_KB, 1.0) ** 0.2
    return small / dear

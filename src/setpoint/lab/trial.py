"""One measured trial: warm up until reading settles, run the load, say what it did and how disturbed it was.

The server's own counters (``counters.py``) are read before and after, and given per transaction, too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from setpoint.errors import LabError
from setpoint.lab import cluster
from setpoint.lab.counters import POSTGRESQL_COUNTERS, Counters
from setpoint.lab.load import LoadResult
from setpoint.lab.noise import Noise, noise_between, read_cpu

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from setpoint.lab.binaries import PostgresBinaries
    from setpoint.lab.counters import Ask, CounterSource, PerTransaction

    Load = Callable[[float], LoadResult]

_CATCH_UP_LIMIT_S = 10.0
_POLL_S = 0.1
_FEW_BLOCKS = 0.05


class WarmUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a server counts as warm: blocks read per transaction change by less than ``tolerance``.

    Steps of ``step_s`` seconds are compared, each with the one before. At most ``limit_s`` seconds are
    spent; 0 warms up not at all.
    """

    step_s: float = 2.0
    tolerance: float = 0.1
    limit_s: float = 30.0


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one trial measured. ``is_warm`` says whether reading had settled before it."""

    load: LoadResult
    counters: Counters
    noise: Noise
    warm_up_s: float
    is_warm: bool

    @property
    def per_transaction(self) -> PerTransaction:
        """The counters divided by the transactions the load counted."""
        return self.counters.per(self.load.transactions)


def ask_with_psql(binaries: PostgresBinaries, connection: Mapping[str, str]) -> Ask:
    """Return an ``Ask`` that runs psql, for a connection given as ``PG*`` variables.

    Raises:
        LabError: no build on this machine has psql; hand in another ``Ask``.
    """
    program = [str(binaries.tool("psql")), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c"]
    environment = {**binaries.environment("psql"), **connection}

    def ask(statement: str) -> str:
        return cluster.run([*program, statement], environment).strip()

    return ask


def run_trial(
    load: Load,
    ask: Ask,
    *,
    seconds: float,
    warm_up: WarmUp | None = None,
    source: CounterSource = POSTGRESQL_COUNTERS,
) -> Trial:
    """Warm up, run the load for ``seconds``, and return what it did; ``source`` tells the counters.

    Raises:
        LabError: the load fails or the counters cannot be read.
    """

    def measure(span_s: float) -> tuple[LoadResult, Counters]:
        return _measure(load, span_s, lambda: source.read(ask))

    warm_up_s, is_warm = _warm(measure, warm_up or WarmUp())
    cpu_before = read_cpu()
    result, counters = measure(seconds)
    return Trial(
        load=result,
        counters=counters,
        noise=noise_between(cpu_before, read_cpu()),
        warm_up_s=warm_up_s,
        is_warm=is_warm,
    )


def _measure(load: Load, seconds: float, count: Callable[[], Counters]) -> tuple[LoadResult, Counters]:
    """Run the load once; return its result and what it added to the counters."""
    before = count()
    result = load(seconds)
    # Sessions report to the statistics late, some versions after they ended: wait until the load's own
    # count is in.
    end = time.monotonic() + _CATCH_UP_LIMIT_S
    while (added := count().since(before)).commits < result.transactions:
        if time.monotonic() >= end:
            raise LabError(
                f"the server counted {added.commits} commits of a load that made {result.transactions}",
                next_step="let the load and the probe connect to the same database",
            )
        time.sleep(_POLL_S)
    return result, added


def _warm(measure: Callable[[float], tuple[LoadResult, Counters]], rule: WarmUp) -> tuple[float, bool]:
    """Run the load in short steps until reading settles; return seconds spent and whether it did."""
    spent_s, last = 0.0, None
    while spent_s + rule.step_s <= rule.limit_s:
        result, added = measure(rule.step_s)
        spent_s += rule.step_s
        reading = added.blocks_read / max(1, result.transactions)
        if last is not None and abs(reading - last) <= max(_FEW_BLOCKS, rule.tolerance * last):
            return spent_s, True
        last = reading
    return spent_s, False

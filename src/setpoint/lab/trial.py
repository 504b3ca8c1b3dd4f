"""One measured trial: warm up until reading settles, run the load, say what it did and how disturbed it was.

The counters are PostgreSQL's own and repeat far better than throughput does, so each is also given per
transaction. They are read through an ``Ask``: a function that runs one statement and returns its row as
text with ``|`` between the fields.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from setpoint.errors import LabError
from setpoint.lab import cluster
from setpoint.lab.noise import Noise, noise_between, read_cpu
from setpoint.lab.pgbench import LoadResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from setpoint.lab.binaries import PostgresBinaries

    Ask = Callable[[str], str]
    Load = Callable[[float], LoadResult]

_QUERY = """
select blks_read, blks_hit, temp_bytes, xact_commit, pg_wal_lsn_diff(pg_current_wal_insert_lsn(),
'0/0')::bigint from pg_stat_database where datname = current_database()
"""
_CATCH_UP_LIMIT_S = 10.0
_POLL_S = 0.1
_FEW_BLOCKS = 0.05


class Counters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counters of the connected database (blocks, temporary files, commits) and of the server (WAL)."""

    blocks_read: int
    blocks_hit: int
    temp_bytes: int
    commits: int
    wal_bytes: int

    def since(self, before: Counters) -> Counters:
        """Return what was added since an earlier reading."""
        return Counters(
            **{name: getattr(self, name) - getattr(before, name) for name in self.__struct_fields__}
        )


class PerTransaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The counters that repeat, for one transaction of the load."""

    blocks_read: float
    blocks_hit: float
    temp_bytes: float
    wal_bytes: float


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
        count = max(1, self.load.transactions)
        return PerTransaction(
            blocks_read=self.counters.blocks_read / count,
            blocks_hit=self.counters.blocks_hit / count,
            temp_bytes=self.counters.temp_bytes / count,
            wal_bytes=self.counters.wal_bytes / count,
        )


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


def read_counters(ask: Ask) -> Counters:
    """Read the counters now.

    Raises:
        LabError: the answer is not five whole numbers.
    """
    answer = ask(_QUERY)
    try:
        read, hit, temp, commits, wal = (int(word) for word in answer.split("|"))
    except ValueError as fault:
        raise LabError(f"the server's counters cannot be read from {answer!r}") from fault
    return Counters(blocks_read=read, blocks_hit=hit, temp_bytes=temp, commits=commits, wal_bytes=wal)


def run_trial(load: Load, ask: Ask, *, seconds: float, warm_up: WarmUp | None = None) -> Trial:
    """Warm up, run the load for ``seconds``, and return what it did.

    Raises:
        LabError: the load fails or the counters cannot be read.
    """
    warm_up_s, is_warm = _warm(load, ask, warm_up or WarmUp())
    cpu_before = read_cpu()
    result, counters = _measure(load, ask, seconds)
    return Trial(
        load=result,
        counters=counters,
        noise=noise_between(cpu_before, read_cpu()),
        warm_up_s=warm_up_s,
        is_warm=is_warm,
    )


def _measure(load: Load, ask: Ask, seconds: float) -> tuple[LoadResult, Counters]:
    """Run the load once; return its result and what it added to the counters."""
    before = read_counters(ask)
    result = load(seconds)
    # Sessions report to the statistics late, some versions after they ended: wait until the load's own
    # count is in.
    end = time.monotonic() + _CATCH_UP_LIMIT_S
    while (added := read_counters(ask).since(before)).commits < result.transactions:
        if time.monotonic() >= end:
            raise LabError(
                f"the server counted {added.commits} commits of a load that made {result.transactions}",
                next_step="let the load and the probe connect to the same database",
            )
        time.sleep(_POLL_S)
    return result, added


def _warm(load: Load, ask: Ask, rule: WarmUp) -> tuple[float, bool]:
    """Run the load in short steps until reading settles; return seconds spent and whether it did."""
    spent_s, last = 0.0, None
    while spent_s + rule.step_s <= rule.limit_s:
        result, added = _measure(load, ask, rule.step_s)
        spent_s += rule.step_s
        reading = added.blocks_read / max(1, result.transactions)
        if last is not None and abs(reading - last) <= max(_FEW_BLOCKS, rule.tolerance * last):
            return spent_s, True
        last = reading
    return spent_s, False

"""What memory serves: buffers, sorts, connections, and the budget that holds them all."""

# ruff: noqa: PLR2004 - a threshold stands in its rule, whose docstring gives the reason
from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.postgresql.rules.reading import (
    DOCS,
    FEW_ROWS,
    GB,
    MANY_ROWS,
    MB,
    count,
    rows_per_transaction,
    step_up,
)
from setpoint.recommend import Proposal, Remark, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence


def shared_buffers_too_small(evidence: Evidence) -> Iterator[Proposal]:
    """Raise `shared_buffers` when it is read through and the data does not fit.

    Fires when at least 1 % of page requests miss, the misses add up to more than twice what the pool holds
    (so that filling it once does not count), and the data is larger than the pool. Proposes the data with a
    quarter to spare, at most a quarter of the memory and what the budget holds. Stays silent for analytics,
    where a larger pool was measured slower: data that just fits the page cache is then held twice. A miss
    may still be served by the page cache.
    """
    pool, data = evidence.number("shared_buffers"), evidence.facts.data_bytes
    requests, misses = evidence.growth("buf.logical_reads") or 0, evidence.growth("buf.physical_reads") or 0
    fit, host = evidence.largest_fit("shared_buffers"), evidence.host_bytes
    if pool is None or data is None or host is None or fit is None or not requests:
        return
    is_read_through = misses / requests >= 0.01 and misses * evidence.page_bytes("shared_buffers") > 2 * pool
    if not is_read_through or data <= pool or rows_per_transaction(evidence) > MANY_ROWS:
        return
    wanted = min(step_up(1.25 * data, 64 * MB), host / 4, fit)
    target = wanted // (16 * MB) * (16 * MB)
    if target >= 1.25 * pool:
        yield Proposal(
            "shared_buffers",
            target,
            reason=f"{misses / requests:.1%} of page requests miss a pool of {evidence.size(pool)}",
            expected="fewer blocks read per transaction",
            risk="takes memory from the page cache; analytics that live there may slow down",
            evidence={
                "page requests": count(requests),
                "misses": count(misses),
                "data": evidence.size(data),
                "memory": evidence.size(host),
            },
        )


def work_memory_spills(evidence: Evidence) -> Iterator[Proposal | Remark]:
    """Raise `work_mem` when short transactions spill to temporary files and the budget has room.

    Fires at 100 temporary files and 10 kB of them per transaction. Proposes three times the mean file (what
    is sorted takes more room in memory than on disk), at most 64 MB and half of what the budget holds.
    Where transactions read many rows it only remarks: raising it was measured 36 % slower there, because a
    plan flipped into a spilling hash.
    """
    files, spilled = evidence.growth("temp.files") or 0, evidence.growth("temp.bytes") or 0
    current, fit = evidence.number("work_mem"), evidence.largest_fit("work_mem") or 0
    if current is None or files < 100 or (evidence.per_transaction("temp.bytes") or 0) < 10_000:
        return
    seen = {
        "temporary files": count(files),
        "spilled": evidence.size(spilled),
        "per file": evidence.size(spilled / files),
    }
    if rows_per_transaction(evidence) > FEW_ROWS:
        yield Remark(
            f"transactions that read many rows spill {evidence.size(spilled / files)} at a time",
            seen,
            "compare plans with a higher work_mem in one session before setting it for all",
        )
        return
    target = min(step_up(3 * spilled / files, MB), 64 * MB, fit / 2 // MB * MB)
    if target >= 1.25 * current:
        yield Proposal(
            "work_mem",
            target,
            reason=f"transactions spill {evidence.size(spilled / files)} at a time",
            expected="fewer temporary bytes per transaction",
            risk="each sort or hash of each connection may take this much; plans may change",
            evidence=seen,
        )
    elif fit / 2 < 1.25 * current < 64 * MB:
        yield Remark(
            "transactions spill to disk and the memory budget has no room for a higher work_mem",
            {**seen, "would fit at most": evidence.size(fit)},
            "lower max_connections, or give the instance more memory",
        )


def connections_near_limit(evidence: Evidence) -> Iterator[Remark]:
    """Tell when nine of ten connections are taken.

    A higher `max_connections` costs memory and needs a restart, and a pooler usually serves better, so no
    value is proposed; the largest one that the memory budget holds is named.
    """
    used, limit = evidence.state("conn.total") or 0, evidence.state("conn.limit") or 0
    if limit and used >= 0.9 * limit:
        fit = evidence.largest_fit("max_connections")
        room = (
            f"the memory budget holds at most {fit:.0f}"
            if fit is not None
            else "the memory budget cannot be judged"
        )
        yield Remark(
            f"{used:.0f} of {limit:.0f} connections are in use",
            {"connections": count(used), "limit": count(limit)},
            f"put a pooler in front, or raise max_connections: {room}",
        )


def huge_pages_off(evidence: Evidence) -> Iterator[Proposal]:
    """Try huge pages where shared memory is large.

    Proposes `try`, never `on`: with `on` the server does not start when the host has none to give.
    """
    pool = evidence.number("shared_buffers") or 0
    if evidence.amount("huge_pages") == "off" and pool >= 8 * GB:
        yield Proposal(
            "huge_pages",
            "try",
            reason=f"huge_pages is off with {evidence.size(pool)} of shared buffers",
            expected="smaller page tables, where the host has huge pages reserved",
            evidence={"shared_buffers": evidence.size(pool)},
        )


def memory_over_budget(evidence: Evidence) -> Iterator[Remark]:
    """Tell when the settings allow more memory than there is.

    Counts what every connection, worker and vacuum may take at once; that may never happen, and when it
    does the kernel ends a backend and the whole server restarts. Rests on settings and facts alone, not on
    load.
    """
    verdict = evidence.verdict()
    if verdict.is_over and verdict.total is not None and verdict.available is not None:
        near = ", or ".join(f"{fit.parameter} at most {fit.text}" for fit in verdict.nearest)
        yield Remark(
            f"{evidence.size(verdict.total)} may be used and {evidence.size(verdict.available)} are there",
            {claim.label: evidence.size(claim.bytes or 0) for claim in verdict.claims},
            f"would fit with {near}" if near else "no single setting can settle it",
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="PG001",
        title="shared_buffers is too small for the data",
        examine=shared_buffers_too_small,
        source=f"{DOCS}, 19.4.1; own measurement",
        judges=("shared_buffers",),
        metrics=("buf.logical_reads", "buf.physical_reads", "rows.read"),
        facts=("ram_bytes", "data_bytes"),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="PG003",
        title="work_mem spills to disk",
        examine=work_memory_spills,
        source=f"{DOCS}, 19.4.1; own measurement",
        judges=("work_mem", "hash_mem_multiplier"),
        metrics=("temp.files", "temp.bytes", "rows.read"),
        facts=("ram_bytes",),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="PG005",
        title="connections are near the limit",
        examine=connections_near_limit,
        source=f"{DOCS}, 19.3.1",
        severity=Severity.WARNING,
        metrics=("conn.total", "conn.limit"),
    ),
    Rule(code="PG013", title="huge pages are switched off", examine=huge_pages_off, source=f"{DOCS}, 19.4.1"),
    Rule(
        code="PG016",
        title="the settings allow more memory than there is",
        examine=memory_over_budget,
        source=f"{DOCS}, 19.4.1; the joint memory budget",
        severity=Severity.WARNING,
        facts=("ram_bytes",),
    ),
)

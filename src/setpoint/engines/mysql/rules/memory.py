"""What memory serves: the buffer pool, sorts, temporary tables, and the budget that holds them all."""

# ruff: noqa: PLR2004 - a threshold stands in its rule, whose docstring gives the reason
from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.rules.reading import DOCS, GB, KB, MB, count, per_second, step_down, step_up
from setpoint.recommend import Proposal, Remark, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence

_POOL = "innodb_buffer_pool_size"
_DIRECT = ("O_DIRECT", "O_DIRECT_NO_FSYNC")
_PAGE_BYTES = 16 * KB
_MOST_INSTANCES = 8


def buffer_pool_too_small(evidence: Evidence) -> Iterator[Proposal | Remark]:
    """Raise `innodb_buffer_pool_size` when it is read through and the data does not fit.

    Fires when at least one page request in a thousand misses, at least ten each second do, the misses add
    up to more than twice what the pool holds (so that filling it once does not count), and the data is
    larger than the pool. Proposes the data with a quarter to spare, at most three quarters of the memory
    (half of it where reads pass through the page cache as well) and what the budget holds, in steps that
    the server keeps after a restart, too. Where there is no room it says so. On MariaDB with 1.1 GB of
    data and the default pool of 128 MB more than 70 % of throughput were measured, from this one
    parameter.
    """
    pool, data, host = evidence.number(_POOL), evidence.facts.data_bytes, evidence.host_bytes
    requests, misses = evidence.growth("buf.logical_reads") or 0, evidence.growth("buf.physical_reads") or 0
    if pool is None or data is None or host is None or not requests or data <= pool:
        return
    read_bytes = misses * (evidence.number("innodb_page_size") or _PAGE_BYTES)
    is_felt = misses / requests >= 0.001 and per_second(evidence, "buf.physical_reads") >= 10
    if not is_felt or read_bytes <= 2 * pool:
        return
    seen = {
        "page requests": count(requests),
        "misses": count(misses),
        "data": evidence.size(data),
        "memory": evidence.size(host),
    }
    most = _most_pool(evidence, host)
    target = _kept_pool(evidence, min(step_up(1.25 * data, 64 * MB), most))
    if target >= 1.25 * pool:
        yield Proposal(
            _POOL,
            target,
            reason=f"{misses / requests:.1%} of page requests miss a pool of {evidence.size(pool)}",
            expected="fewer pages read per transaction",
            risk="takes memory from everything else on the host; resizing pauses a busy server for moments",
            evidence=seen,
        )
    elif most < 1.25 * pool:
        yield Remark(
            "the buffer pool is read through and the memory budget has no room for a larger one",
            {**seen, "would fit at most": evidence.size(most)},
            "lower max_connections or the buffers of sessions, or give the instance more memory",
        )


def _most_pool(evidence: Evidence, host_bytes: int) -> float:
    """Answer the largest pool that memory, budget and the server's own bound allow."""
    is_direct = evidence.text("innodb_flush_method").upper() in _DIRECT
    share = 0.75 if is_direct else 0.5
    bound = evidence.number("innodb_buffer_pool_size_max") or float("inf")
    return min(share * host_bytes, evidence.largest_fit(_POOL) or 0.0, bound)


def _kept_pool(evidence: Evidence, wanted: float) -> int:
    """Round down to what the server keeps.

    A pool is cut into chunks, and from 1 GB on a restart may spread it over eight instances, for which the
    server rounds up.
    """
    chunk = int(evidence.number("innodb_buffer_pool_chunk_size") or 0)
    has_instances = evidence.number("innodb_buffer_pool_instances") is not None
    if not chunk:
        return step_down(wanted, 16 * MB)
    large = chunk * _MOST_INSTANCES
    return step_down(wanted, large if has_instances and wanted >= large else chunk)


def one_pool_instance(evidence: Evidence) -> Iterator[Proposal]:
    """Split a large buffer pool over several instances, so that threads do not wait for one lock.

    Fires from 8 GB and four processors on, when there is one instance. Proposes one per gigabyte, at most
    one per processor and eight.
    """
    pool, instances = evidence.number(_POOL) or 0, evidence.number("innodb_buffer_pool_instances")
    vcpu = evidence.facts.vcpu or 0
    if instances == 1 and pool >= 8 * GB and vcpu >= 4:
        yield Proposal(
            "innodb_buffer_pool_instances",
            min(_MOST_INSTANCES, int(pool // GB), int(vcpu)),
            reason=f"a pool of {evidence.size(pool)} has one lock for {vcpu:g} processors",
            expected="fewer waits for the pool's lock",
            risk="the pool's size is rounded up to a multiple of chunk size times instances",
            evidence={"pool": evidence.size(pool), "processors": f"{vcpu:g}"},
        )


def temporary_tables_on_disk(evidence: Evidence) -> Iterator[Proposal | Remark]:
    """Let more internal temporary tables stay in memory.

    Fires when at least a hundred, and a quarter of all, went to disk. Both `tmp_table_size` and
    `max_heap_table_size` bound them, the smaller one decides (with the TempTable engine the first alone);
    so both go up, four times, at most 64 MB and a thirty-second of the memory. Beyond that it points to the
    statements: some kinds of columns go to disk whatever is set.
    """
    on_disk = evidence.growth("temp.disk_tables") or 0
    made = max(evidence.growth("temp.tables") or 0, on_disk)
    if on_disk < 100 or on_disk < 0.25 * made:
        return
    is_temptable = evidence.text("internal_tmp_mem_storage_engine").upper() == "TEMPTABLE"
    names = ("tmp_table_size",) if is_temptable else ("tmp_table_size", "max_heap_table_size")
    sizes = {name: size for name in names if (size := evidence.number(name)) is not None}
    if not sizes:
        return
    current, host = min(sizes.values()), evidence.host_bytes or 0
    target = step_down(min(4 * current, 64 * MB, host / 32), MB)
    seen = {"temporary tables": count(made), "on disk": count(on_disk)}
    if target < 1.25 * current:
        yield Remark(
            f"{on_disk / made:.0%} of temporary tables go to disk, though each may take"
            f" {evidence.size(current)} of memory",
            seen,
            "look at the statements: sorts and groups over long texts go to disk whatever is set",
        )
        return
    for name, size in sizes.items():
        if size < target:
            yield Proposal(
                name,
                target,
                reason=f"{on_disk / made:.0%} of temporary tables go to disk",
                expected="fewer temporary tables on disk",
                risk="each such table of each session may take this much",
                evidence=seen,
            )


def sorts_merge_on_disk(evidence: Evidence) -> Iterator[Proposal]:
    """Raise `sort_buffer_size` when sorts of many transactions do not fit it.

    Fires at a hundred merge passes and one per hundred transactions. Proposes twice as much, at most 4 MB
    and half of what the budget holds: every session that sorts takes it, and large ones are slow to
    allocate.
    """
    merges = evidence.growth("temp.sort_merges") or 0
    current, fit = evidence.number("sort_buffer_size"), evidence.largest_fit("sort_buffer_size") or 0
    if current is None or merges < 100 or (evidence.per_transaction("temp.sort_merges") or 0) < 0.01:
        return
    target = step_down(min(2 * current, 4 * MB, fit / 2), 32 * KB)
    if target >= 1.25 * current:
        yield Proposal(
            "sort_buffer_size",
            target,
            reason=f"sorts did not fit {evidence.size(current)} and were merged from disk {merges:.0f} times",
            expected="fewer merge passes per transaction",
            risk="each session that sorts may take this much",
            evidence={"merge passes": count(merges)},
        )


def connections_near_limit(evidence: Evidence) -> Iterator[Proposal | Remark]:
    """Raise `max_connections` when nine of ten are taken and the memory budget holds more; else tell.

    The parameter is dynamic and costs little until the connections come. Proposes half as many again, at
    most what the budget holds; without a fact about memory, or without room, it only tells.
    """
    used, limit = evidence.state("conn.total") or 0, evidence.state("conn.limit") or 0
    if not limit or used < 0.9 * limit:
        return
    fit = evidence.largest_fit("max_connections")
    seen = {"connections": count(used), "limit": count(limit)}
    target = min(int(1.5 * limit), int(fit or 0))
    if target >= 1.1 * limit:
        yield Proposal(
            "max_connections",
            target,
            reason=f"{used:.0f} of {limit:.0f} connections are in use",
            expected="clients are not refused",
            risk="each connection takes its buffers; a pool in the application usually serves better",
            evidence=seen,
        )
        return
    room = f"the memory budget holds {fit:.0f}" if fit is not None else "the memory budget cannot be judged"
    yield Remark(
        f"{used:.0f} of {limit:.0f} connections are in use",
        seen,
        f"pool connections in the application, or raise max_connections: {room}",
    )


def memory_over_budget(evidence: Evidence) -> Iterator[Remark]:
    """Tell when the settings allow more memory than there is.

    Counts what the pool, the caches and every session may take at once; that may never happen, and when it
    does the kernel ends the whole server. Rests on settings and facts alone, not on load.
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
        code="MY001",
        title="the buffer pool is too small for the data",
        examine=buffer_pool_too_small,
        source=f"{DOCS}, Configuring InnoDB Buffer Pool Size; own measurement",
        judges=(_POOL,),
        metrics=("buf.logical_reads", "buf.physical_reads"),
        facts=("ram_bytes", "data_bytes"),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="MY011",
        title="temporary tables go to disk",
        examine=temporary_tables_on_disk,
        source=f"{DOCS}, Internal Temporary Table Use in MySQL",
        judges=("tmp_table_size", "max_heap_table_size"),
        metrics=("temp.tables", "temp.disk_tables"),
        facts=("ram_bytes",),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="MY012",
        title="sorts do not fit their buffer",
        examine=sorts_merge_on_disk,
        source=f"{DOCS}, ORDER BY Optimization",
        judges=("sort_buffer_size",),
        metrics=("temp.sort_merges",),
        facts=("ram_bytes",),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="MY016",
        title="connections are near the limit",
        examine=connections_near_limit,
        source=f"{DOCS}, Connection Interfaces",
        severity=Severity.WARNING,
        judges=("max_connections",),
        metrics=("conn.total", "conn.limit"),
    ),
    Rule(
        code="MY017",
        title="the settings allow more memory than there is",
        examine=memory_over_budget,
        source=f"{DOCS}, How MySQL Uses Memory; the joint memory budget",
        severity=Severity.WARNING,
        facts=("ram_bytes",),
    ),
)

INSTANCES = Rule(
    code="MY025",
    title="a large buffer pool has one lock",
    examine=one_pool_instance,
    source=f"{DOCS}, Configuring Multiple Buffer Pool Instances",
    judges=(_POOL, "innodb_buffer_pool_instances"),
    facts=("vcpu",),
)
"""For MySQL alone: MariaDB has had one instance since 10.5 and ignores the parameter."""

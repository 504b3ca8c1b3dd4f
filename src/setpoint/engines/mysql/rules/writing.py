"""Writing: the redo log, its buffer, and how pages reach the disk."""

# ruff: noqa: PLR2004 - a threshold stands in its rule, whose docstring gives the reason
from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.rules.reading import (
    DOCS,
    GB,
    KB,
    MB,
    SOLID_STATE,
    count,
    per_second,
    step_down,
    step_up,
)
from setpoint.recommend import Proposal, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence

_SHORTEST_SECONDS, _WANTED_SECONDS = 900, 1800
_IO_CAPACITY = {"ssd": 1000, "nvme": 2000}


def redo_log_too_small(evidence: Evidence) -> Iterator[Proposal]:
    """Raise the redo log's size when it goes round too often.

    Before redo is written over, the pages it is about must be; a small log makes that urgent and uneven.
    Fires when at least half of the log's size was written and at that rate it goes round within 15
    minutes. Sizes for half an hour, at most 16 GB and a quarter of the memory (2 GB where that is not
    known). Takes the parameter that the server has: `innodb_redo_log_capacity`, or
    `innodb_log_file_size` for each of its files. Loads of a few minutes show no gain: none is promised in
    figures.
    """
    name = "innodb_redo_log_capacity"
    capacity, files = evidence.number(name), 1.0
    if capacity is None:
        name, files = "innodb_log_file_size", evidence.number("innodb_log_files_in_group") or 1.0
        size = evidence.number(name)
        if size is None:
            return
        capacity = size * files
    written, rate = evidence.growth("log.bytes") or 0, per_second(evidence, "log.bytes")
    if written < capacity / 2 or rate * _SHORTEST_SECONDS < capacity:
        return
    most = min(16 * GB, 2 * GB if evidence.host_bytes is None else evidence.host_bytes / 4)
    target = step_down(min(step_up(rate * _WANTED_SECONDS, 64 * MB), most), 64 * MB)
    if target >= 1.25 * capacity:
        yield Proposal(
            name,
            target / files,
            reason=f"the redo log of {evidence.size(capacity)} goes round in {capacity / rate:.0f} s",
            expected="pages are written later, less often and more evenly",
            risk=f"{evidence.size(target)} of disk, and a longer recovery after a crash",
            evidence={
                "redo written": evidence.size(written),
                "redo per second": evidence.size(rate),
                "over": f"{written / rate:.0f} s",
            },
        )


def log_buffer_full(evidence: Evidence) -> Iterator[Proposal]:
    """Raise `innodb_log_buffer_size` when transactions wait for room in it.

    Fires when more than one transaction in a thousand, and at least a hundred, had to wait. Proposes 64 MB;
    nothing beyond.
    """
    waits, current = evidence.growth("log.buffer_waits") or 0, evidence.number("innodb_log_buffer_size")
    share = evidence.per_transaction("log.buffer_waits") or 0
    if current is not None and current < 64 * MB and waits >= 100 and share >= 0.001:
        yield Proposal(
            "innodb_log_buffer_size",
            64 * MB,
            reason=f"a log buffer of {evidence.size(current)} was full {waits:.0f} times",
            expected="fewer waits for redo to be written out",
            risk=f"{evidence.size(64 * MB - current)} more memory",
            evidence={"found full": count(waits)},
        )


def binary_log_cache_spills(evidence: Evidence) -> Iterator[Proposal]:
    """Raise `binlog_cache_size` when transactions do not fit it and go through a file.

    Fires at a hundred of them and one in a hundred transactions. Proposes four times as much, at most 1 MB:
    every session with a transaction takes it.
    """
    spills, current = evidence.growth("log.binlog_spills") or 0, evidence.number("binlog_cache_size")
    if current is None or spills < 100 or (evidence.per_transaction("log.binlog_spills") or 0) < 0.01:
        return
    target = step_down(min(4 * current, MB), 4 * KB)
    if target >= 1.25 * current:
        yield Proposal(
            "binlog_cache_size",
            target,
            reason=f"{spills:.0f} transactions did not fit {evidence.size(current)} of binary log cache",
            expected="fewer temporary files at commit",
            risk="each session that writes may take this much",
            evidence={"spilled": count(spills)},
        )


def pages_cached_twice(evidence: Evidence) -> Iterator[Proposal]:
    """Write past the page cache where the buffer pool is large: `innodb_flush_method` from fsync to O_DIRECT.

    With fsync every page lies in the pool and in the page cache. Fires from a pool of 1 GB on. Not on
    network storage, whose drivers do not all take direct writes. O_DIRECT is the default of MySQL from 8.4
    and of MariaDB from 10.6 on; both syncs stay.
    """
    pool = evidence.number("innodb_buffer_pool_size") or 0
    is_cached = evidence.text("innodb_flush_method").lower() == "fsync"
    if is_cached and pool >= GB and evidence.facts.storage != "network":
        yield Proposal(
            "innodb_flush_method",
            "O_DIRECT",
            reason=f"pages of a pool of {evidence.size(pool)} lie in the page cache as well",
            expected="memory that is used once",
            risk="a pool that is too small is no longer helped out by the page cache",
            evidence={"pool": evidence.size(pool)},
        )


def io_capacity_too_low(evidence: Evidence) -> Iterator[Proposal]:
    """Let InnoDB write more in the background on solid state.

    `innodb_io_capacity` below 1 000 is meant for spinning disks. Fires when at least half of it is in use
    all the time, or sessions waited for a free page, on storage that was declared. Proposes 1 000, or
    2 000 for nvme: enough to stay ahead, and no more than the default `innodb_io_capacity_max` allows.
    """
    current, storage = evidence.number("innodb_io_capacity"), evidence.facts.storage
    flushed, waits = per_second(evidence, "ckpt.pages"), evidence.growth("buf.free_waits") or 0
    if current is None or current >= 1000 or storage not in _IO_CAPACITY:
        return
    if flushed >= current / 2 or waits >= 100:
        yield Proposal(
            "innodb_io_capacity",
            _IO_CAPACITY[storage],
            reason=f"{flushed:.0f} pages are written each second, and {current:.0f} are meant for a disk",
            expected="fewer bursts of writes, fewer waits for a free page",
            risk="a page that changes often is written more often",
            evidence={
                "pages per second": count(flushed),
                "waits for a free page": count(waits),
                "storage": storage,
            },
        )


def neighbours_flushed(evidence: Evidence) -> Iterator[Proposal]:
    """Write only the pages that are due on solid state: `innodb_flush_neighbors` off.

    Writing what lies beside a page saves a seek, which solid state does not have. Fires from a thousand
    pages written, on storage that was declared.
    """
    pages = evidence.growth("ckpt.pages") or 0
    if evidence.number("innodb_flush_neighbors") and evidence.facts.storage in SOLID_STATE and pages >= 1000:
        yield Proposal(
            "innodb_flush_neighbors",
            0,
            reason=f"pages beside those due are written too, which spares {evidence.facts.storage} nothing",
            expected="fewer pages written",
            evidence={"pages written": count(pages), "storage": evidence.facts.storage},
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="MY002",
        title="the redo log goes round too often",
        examine=redo_log_too_small,
        source=f"{DOCS}, Optimizing InnoDB Redo Logging",
        judges=("innodb_redo_log_capacity", "innodb_log_file_size", "innodb_log_files_in_group"),
        metrics=("log.bytes",),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="MY003",
        title="the log buffer runs full",
        examine=log_buffer_full,
        source=f"{DOCS}, Optimizing InnoDB Redo Logging",
        judges=("innodb_log_buffer_size",),
        metrics=("log.buffer_waits",),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="MY008",
        title="pages are cached twice",
        examine=pages_cached_twice,
        source=f"{DOCS}, innodb_flush_method",
    ),
    Rule(
        code="MY009",
        title="background writing is set for a spinning disk",
        examine=io_capacity_too_low,
        source=f"{DOCS}, Configuring InnoDB I/O Capacity",
        judges=("innodb_io_capacity",),
        metrics=("ckpt.pages",),
        facts=("storage",),
        seconds=60,
        transactions=1000,
    ),
    Rule(
        code="MY010",
        title="neighbours of pages are written on solid state",
        examine=neighbours_flushed,
        source=f"{DOCS}, innodb_flush_neighbors",
        judges=("innodb_flush_neighbors",),
        metrics=("ckpt.pages",),
        facts=("storage",),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="MY024",
        title="transactions do not fit the binary log cache",
        examine=binary_log_cache_spills,
        source=f"{DOCS}, binlog_cache_size",
        judges=("binlog_cache_size",),
        metrics=("log.binlog_spills",),
        seconds=30,
        transactions=1000,
    ),
)

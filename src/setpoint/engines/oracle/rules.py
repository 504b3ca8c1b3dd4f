"""What the server's own memory advice says should be set: one function per rule, one table of all of them.

The advice views estimate what another size would have come to since the instance started (Oracle Database
Performance Tuning Guide, memory tuning). A rule speaks where the estimate gains enough, and proposes the
smallest size that has most of the gain and fits the host. Where the views say nothing, there is no advice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.recommend import Proposal, Remark, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence

_DOCS = "Oracle Database Performance Tuning Guide"
_GAIN = 0.10
"""The least part of the present cost that a larger size must save: below it, estimates are noise."""
_MOST = 0.9
"""How much of the best gain the proposed size must have; more memory for the rest is not worth it."""


def sga_too_small(evidence: Evidence) -> Iterator[Proposal | Remark]:
    """Raise `sga_target` where V$SGA_TARGET_ADVICE estimates at least a tenth less database time.

    Silent with `memory_target`, which shares out the SGA itself. Beyond `sga_max_size`, which is set at the
    start, it only remarks.
    """
    if not evidence.number("memory_target"):
        yield from _grow(evidence, "sga_target", "database time", ceiling="sga_max_size")


def memory_too_small(evidence: Evidence) -> Iterator[Proposal | Remark]:
    """Raise `memory_target` where V$MEMORY_TARGET_ADVICE estimates at least a tenth less database time.

    Beyond `memory_max_target`, which is set at the start, it only remarks.
    """
    yield from _grow(evidence, "memory_target", "database time", ceiling="memory_max_target")


def cache_too_small(evidence: Evidence) -> Iterator[Proposal | Remark]:
    """Raise `db_cache_size` where V$DB_CACHE_ADVICE estimates at least a tenth fewer blocks read.

    Silent while the server sizes the cache itself, under `sga_target` or `memory_target`.
    """
    if not evidence.number("memory_target") and not evidence.number("sga_target"):
        yield from _grow(evidence, "db_cache_size", "blocks read")


def pga_overallocated(evidence: Evidence) -> Iterator[Proposal]:
    """Raise `pga_aggregate_target` where sessions could not be kept to it.

    Fires when V$PGA_TARGET_ADVICE counts over-allocations at the present target, and proposes the smallest
    target for which it estimates none, where the memory budget holds that.
    """
    advice, current = _advice(evidence, "pga_aggregate_target"), evidence.number("pga_aggregate_target")
    now = _at(advice, current)
    if current is None or now is None or now <= 0:
        return
    enough = [size for size, estimate in advice if size > current and estimate <= 0]
    if enough and _fits(evidence, "pga_aggregate_target", enough[0]):
        yield Proposal(
            "pga_aggregate_target",
            enough[0],
            reason=f"work areas went beyond {evidence.size(current)} {now:.0f} times",
            expected="no over-allocation at that target, by the server's own estimate",
            risk="takes memory from the host",
            evidence={"target": evidence.size(current), "over-allocations": f"{now:.0f}"},
        )


def memory_over_budget(evidence: Evidence) -> Iterator[Remark]:
    """Tell when the settings allow more memory than there is.

    Counts the whole of `memory_target`, or the SGA and the limit of the PGA. Rests on settings and facts
    alone, not on load.
    """
    verdict = evidence.verdict()
    if verdict.is_over and verdict.total is not None and verdict.available is not None:
        near = ", or ".join(f"{fit.parameter} at most {fit.text}" for fit in verdict.nearest)
        yield Remark(
            f"{evidence.size(verdict.total)} may be used and {evidence.size(verdict.available)} are there",
            {claim.label: evidence.size(claim.bytes or 0) for claim in verdict.claims},
            f"would fit with {near}" if near else "no single setting can settle it",
        )


def _grow(evidence: Evidence, name: str, what: str, *, ceiling: str = "") -> Iterator[Proposal | Remark]:
    """Propose the smallest larger size that has most of the best gain."""
    advice, current = _advice(evidence, name), evidence.number(name)
    now = _at(advice, current)
    if not current or not now:
        return
    larger = [(size, cost) for size, cost in advice if size > current and _fits(evidence, name, size)]
    best = now - min((cost for _, cost in larger), default=now)
    if best < _GAIN * now:
        return
    target, cost = next((size, cost) for size, cost in larger if now - cost >= _MOST * best)
    seen = {
        f"{what} now": f"{now:.0f}",
        f"{what} then": f"{cost:.0f}",
        "from": evidence.size(current),
        "to": evidence.size(target),
    }
    limit = evidence.number(ceiling) if ceiling else None
    if limit is not None and target > limit:
        text = f"with {evidence.size(target)} of {name} the server estimates {1 - cost / now:.0%} off {what}"
        yield Remark(text, seen, f"raise {ceiling}, which is {evidence.size(limit)}, at the next restart")
        return
    yield Proposal(
        name,
        target,
        reason=f"the server estimates {1 - cost / now:.0%} off {what} at {evidence.size(target)}",
        expected=f"{what}: {cost:.0f} where it was {now:.0f}",
        risk="takes memory from the host",
        evidence=seen,
    )


def _fits(evidence: Evidence, name: str, size: int) -> bool:
    """Tell whether the host has the memory for a size, as far as the budget can be judged."""
    return not evidence.verdict({name: size}).is_over


def _advice(evidence: Evidence, name: str) -> list[tuple[int, float]]:
    """Answer the server's estimates for a parameter, by size."""
    prefix = f"advice.{name}."
    return sorted(
        (int(key.removeprefix(prefix)), estimate)
        for key, estimate in evidence.observation.metrics.items()
        if key.startswith(prefix)
    )


def _at(advice: list[tuple[int, float]], size: float | None) -> float | None:
    """Answer the estimate for the size nearest to one, within a hundredth of it; None where none is."""
    if not advice or not size:
        return None
    nearest, estimate = min(advice, key=lambda pair: abs(pair[0] - size))
    return estimate if abs(nearest - size) <= 0.01 * size else None


RULES: tuple[Rule, ...] = (
    Rule(
        code="OR001",
        title="the SGA is too small",
        examine=sga_too_small,
        source=f"{_DOCS}, V$SGA_TARGET_ADVICE",
        judges=("sga_target",),
        facts=("ram_bytes",),
        seconds=3600,
        transactions=1000,
    ),
    Rule(
        code="OR002",
        title="memory_target is too small",
        examine=memory_too_small,
        source=f"{_DOCS}, V$MEMORY_TARGET_ADVICE",
        judges=("memory_target",),
        facts=("ram_bytes",),
        seconds=3600,
        transactions=1000,
    ),
    Rule(
        code="OR003",
        title="the buffer cache is too small",
        examine=cache_too_small,
        source=f"{_DOCS}, V$DB_CACHE_ADVICE",
        judges=("db_cache_size",),
        facts=("ram_bytes",),
        seconds=3600,
        transactions=1000,
    ),
    Rule(
        code="OR004",
        title="sessions do not keep to pga_aggregate_target",
        examine=pga_overallocated,
        source=f"{_DOCS}, V$PGA_TARGET_ADVICE",
        judges=("pga_aggregate_target",),
        facts=("ram_bytes",),
        seconds=3600,
        transactions=1000,
    ),
    Rule(
        code="OR005",
        title="the settings allow more memory than there is",
        examine=memory_over_budget,
        source=f"{_DOCS}; the joint memory budget",
        severity=Severity.WARNING,
        facts=("ram_bytes",),
    ),
)
"""Every rule, by code."""

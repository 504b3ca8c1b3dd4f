"""What settings, facts and counters of SQL Server say should be set: one function per rule.

None proposes less security or durability, and none a value without showing why. What is here rests on
settings and facts alone; no rule of this engine has been measured.
"""

# ruff: noqa: PLR2004 - a threshold stands in its rule, whose docstring gives the reason
from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.recommend import Proposal, Remark, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence

_DOCS = "the vendor's manual, Server configuration options"
_MB, _GB = 2**20, 2**30


def memory_unlimited(evidence: Evidence) -> Iterator[Proposal]:
    """Set `max_server_memory_mb` where it is no limit.

    Without a limit the server takes what it can get and gives it back only when the host runs short, which
    other programs feel first. Proposes three quarters of what is there for it, as the manual does for one
    instance on a host.
    """
    limit, host = evidence.number("max_server_memory_mb"), evidence.host_bytes
    if limit is None or host is None or limit < host or host < 2 * _GB:
        return
    yield Proposal(
        "max_server_memory_mb",
        int(host * 0.75) // _MB * _MB,
        reason=f"the limit is not below the {evidence.size(host)} that are there",
        expected="memory is left to the operating system before it runs short",
        risk="a working set between the old and the new size is read from disk again",
        evidence={"memory": evidence.size(host)},
    )


def parallelism_unlimited(evidence: Evidence) -> Iterator[Proposal]:
    """Bound `max_degree_of_parallelism` where a statement may take more than eight processors.

    The manual asks for at most eight up to one NUMA node of that size, and for no more than the processors.
    """
    degree, cpus = evidence.number("max_degree_of_parallelism"), evidence.facts.vcpu
    if degree == 0 and cpus is not None and cpus > 8:
        yield Proposal(
            "max_degree_of_parallelism",
            8,
            reason=f"one statement may take all of {cpus:g} processors",
            expected="fewer waits of parallel statements for each other",
            risk="single large statements may take longer",
            evidence={"processors": f"{cpus:g}"},
        )


def unsupported_scheduling(evidence: Evidence) -> Iterator[Proposal]:
    """Turn off `priority_boost` and `lightweight_pooling`, which the manual advises against."""
    for name, why in (
        ("priority_boost", "it can starve the operating system, and is not supported any more"),
        ("lightweight_pooling", "parts of the server do not work on fibers"),
    ):
        if evidence.amount(name) is True:
            yield Proposal(
                name,
                value=False,
                reason=why,
                expected="scheduling as the vendor supports it",
                evidence={name: "1"},
            )


def shell_open(evidence: Evidence) -> Iterator[Remark]:
    """Tell when T-SQL may run commands of the operating system, make OLE objects or query ad hoc sources."""
    names = ("xp_cmdshell", "ole_automation_procedures", "ad_hoc_distributed_queries")
    found = [name for name in names if evidence.amount(name) is True]
    if found:
        yield Remark(
            f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} on",
            dict.fromkeys(found, "1"),
            "turn off what nothing uses, and lock it by policy",
        )


def backups_unchecked(evidence: Evidence) -> Iterator[Proposal]:
    """Have backups carry checksums unless they say otherwise: a damaged page is then found on the way."""
    if evidence.amount("backup_checksum_default") is False:
        yield Proposal(
            "backup_checksum_default",
            value=True,
            reason="backups carry no checksums unless each says so",
            expected="a backup or a restore fails on a damaged page instead of carrying it on",
            risk="backups take some more processor time",
            evidence={"backup_checksum_default": "0"},
        )


def memory_over_budget(evidence: Evidence) -> Iterator[Remark]:
    """Tell when limit and worker threads allow more memory than there is."""
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
        code="MS001",
        title="max server memory is no limit",
        examine=memory_unlimited,
        source=f"{_DOCS}, Server memory",
        facts=("ram_bytes",),
    ),
    Rule(
        code="MS002",
        title="parallelism has no bound",
        examine=parallelism_unlimited,
        source=f"{_DOCS}, max degree of parallelism",
        facts=("vcpu",),
    ),
    Rule(
        code="MS003",
        title="the scheduler is set up in a way that is not supported",
        examine=unsupported_scheduling,
        source=f"{_DOCS}, priority boost and lightweight pooling",
        severity=Severity.WARNING,
    ),
    Rule(
        code="MS004",
        title="T-SQL reaches beyond the server",
        examine=shell_open,
        source=f"{_DOCS}, xp_cmdshell",
        severity=Severity.WARNING,
    ),
    Rule(
        code="MS005",
        title="backups carry no checksums",
        examine=backups_unchecked,
        source=f"{_DOCS}, backup checksum default",
    ),
    Rule(
        code="MS006",
        title="the settings allow more memory than there is",
        examine=memory_over_budget,
        source=f"{_DOCS}; the joint memory budget",
        severity=Severity.WARNING,
        facts=("ram_bytes",),
    ),
)
"""Every rule, by code."""

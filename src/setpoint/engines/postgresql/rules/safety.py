"""Safety and order: durability, waiting restarts, faulty files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.postgresql.rules.reading import DOCS
from setpoint.recommend import Proposal, Remark, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence


def durability_off(evidence: Evidence) -> Iterator[Proposal]:
    """Put durability back: `fsync`, `full_page_writes` and `synchronous_commit` on.

    The first two can lose or corrupt the whole cluster in a crash, the third loses the last commits that
    were confirmed.
    """
    losses = {
        "fsync": "a crash of the host can corrupt the whole cluster",
        "full_page_writes": "a crash of the host can leave torn pages that nothing repairs",
        "synchronous_commit": "a crash loses commits that clients were told are safe",
    }
    for name, loss in losses.items():
        value = evidence.amount(name)
        if value is False or value == "off":
            yield Proposal(
                name,
                "on" if isinstance(value, str) else True,
                reason=f"{name} is off: {loss}",
                expected="no loss after a crash",
                risk="writes take the time that safety costs",
            )


def restart_debt(evidence: Evidence) -> Iterator[Remark]:
    """Tell which values wait for a restart: until then the instance runs with others than its files say."""
    waiting = {
        name: each.pending for name, each in evidence.observation.settings.items() if each.pending is not None
    }
    if waiting:
        names = ", ".join(sorted(waiting))
        yield Remark(
            f"waiting for a restart: {names}",
            dict(sorted(waiting.items())),
            "plan a restart, or take them back",
        )


def files_with_faults(evidence: Evidence) -> Iterator[Remark]:
    """Tell which lines of the files the server refuses: with a syntax fault no reload takes effect."""
    for fault in evidence.observation.file_faults:
        yield Remark(
            f"{fault.file}:{fault.line}: {fault.message}", next_step="put the line right, then reload"
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="PG009",
        title="durability is switched off",
        examine=durability_off,
        source=f"{DOCS}, 19.5.1",
        severity=Severity.CRITICAL,
    ),
    Rule(
        code="PG017",
        title="values wait for a restart",
        examine=restart_debt,
        source=f"{DOCS}, 53.25 (pg_settings)",
    ),
    Rule(
        code="PG018",
        title="configuration files have faults",
        examine=files_with_faults,
        source=f"{DOCS}, 53.10 (pg_file_settings)",
        severity=Severity.WARNING,
    ),
)

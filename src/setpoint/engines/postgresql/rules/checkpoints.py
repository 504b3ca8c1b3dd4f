"""WAL and checkpoints: who forces them, how they write, who sees them."""

# ruff: noqa: PLR2004 - a threshold stands in its rule, whose docstring gives the reason
from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.postgresql.rules.reading import DOCS, GB, MB, count, step_up
from setpoint.recommend import Proposal, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence

MICROSECONDS = 1_000_000


def checkpoints_forced_by_wal(evidence: Evidence) -> Iterator[Proposal]:
    """Raise `max_wal_size` when WAL, not time, forces the checkpoints.

    Fires when at least two checkpoints were requested, more than were timed, and the WAL written explains
    them (a manual CHECKPOINT writes none). Sizes for the measured WAL rate over one checkpoint_timeout and
    its completion, with a tenth to spare, at most 16 GB.
    """
    timed, requested = evidence.growth("ckpt.timed") or 0, evidence.growth("ckpt.requested") or 0
    wal, limit = evidence.growth("log.bytes") or 0, evidence.number("max_wal_size")
    timeout, spread = evidence.number("checkpoint_timeout"), evidence.number("checkpoint_completion_target")
    if limit is None or timeout is None or spread is None or evidence.window is None:
        return
    if requested < 2 or requested <= timed or wal < requested * limit / 4:
        return
    rate = wal / evidence.window.seconds
    target = min(step_up(rate * timeout / MICROSECONDS * (1 + spread) * 1.1, 512 * MB), 16 * GB)
    if target >= 1.25 * limit:
        yield Proposal(
            "max_wal_size",
            target,
            reason=f"WAL forced {requested:.0f} of {requested + timed:.0f} checkpoints",
            expected="fewer checkpoints, fewer full pages in the WAL",
            risk=f"up to {evidence.size(target)} of disk for pg_wal, and a longer recovery after a crash",
            evidence={
                "requested checkpoints": count(requested),
                "timed checkpoints": count(timed),
                "WAL written": evidence.size(wal),
                "WAL per second": evidence.size(rate),
                "over": f"{evidence.window.seconds:.0f} s",
            },
        )


def wal_buffers_full(evidence: Evidence) -> Iterator[Proposal]:
    """Raise `wal_buffers` when backends wait for room in them.

    Fires when more than one transaction in a thousand, and at least a hundred, found the buffers full.
    Proposes 16 MB, one segment; 64 MB when that is not enough; nothing beyond.
    """
    waits, current = evidence.growth("log.buffer_waits") or 0, evidence.number("wal_buffers")
    if (
        current is None
        or current <= 0
        or waits < 100
        or (evidence.per_transaction("log.buffer_waits") or 0) < 0.001
    ):
        return
    target = 16 * MB if current < 16 * MB else 64 * MB
    if target > current:
        yield Proposal(
            "wal_buffers",
            target,
            reason=f"WAL buffers of {evidence.size(current)} were full {waits:.0f} times",
            expected="fewer waits for WAL to be written out",
            risk=f"{evidence.size(target - current)} more of shared memory",
            evidence={"found full": count(waits)},
        )


def checkpoints_not_logged(evidence: Evidence) -> Iterator[Proposal]:
    """Log checkpoints where WAL forces them: the line says why each ran and how long it took."""
    requested = evidence.growth("ckpt.requested") or 0
    if evidence.amount("log_checkpoints") is False and requested >= 2:
        yield Proposal(
            "log_checkpoints",
            True,  # noqa: FBT003 - the value proposed
            reason=f"{requested:.0f} checkpoints were requested and left no trace",
            expected="one line in the log per checkpoint",
            evidence={"requested checkpoints": count(requested)},
        )


def checkpoints_in_bursts(evidence: Evidence) -> Iterator[Proposal]:
    """Spread checkpoints: `checkpoint_completion_target` back to 0.9, the default since version 14."""
    target = evidence.number("checkpoint_completion_target")
    runs = (evidence.growth("ckpt.timed") or 0) + (evidence.growth("ckpt.requested") or 0)
    if target is not None and target < 0.8 and runs >= 2:
        yield Proposal(
            "checkpoint_completion_target",
            0.9,
            reason=f"checkpoints write within {target:.0%} of their interval and rest for the remainder",
            expected="writes spread evenly",
            risk="a little more WAL is kept",
            evidence={"checkpoints": count(runs)},
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="PG002",
        title="WAL forces the checkpoints",
        examine=checkpoints_forced_by_wal,
        source=f"{DOCS}, 19.5.2 and 28.5",
        judges=("max_wal_size", "checkpoint_timeout"),
        metrics=("ckpt.timed", "ckpt.requested", "log.bytes"),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="PG004",
        title="wal_buffers run full",
        examine=wal_buffers_full,
        source=f"{DOCS}, 19.5.1 and 28.5",
        judges=("wal_buffers", "shared_buffers"),
        metrics=("log.buffer_waits",),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="PG011",
        title="checkpoints are not logged",
        examine=checkpoints_not_logged,
        source=f"{DOCS}, 19.8.3",
        metrics=("ckpt.requested",),
        seconds=30,
        transactions=1000,
    ),
    Rule(
        code="PG014",
        title="checkpoints write in bursts",
        examine=checkpoints_in_bursts,
        source=f"{DOCS}, 19.5.2",
        judges=("checkpoint_completion_target",),
        metrics=("ckpt.timed", "ckpt.requested"),
        seconds=30,
        transactions=1000,
    ),
)

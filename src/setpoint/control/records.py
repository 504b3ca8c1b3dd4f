"""Records: reading the audit log, and proving that nobody rewrote it or the revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.store.chain import AuditFault, AuditHead, AuditRow, verify_export

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.control.context import Context
    from setpoint.store.chain import AuditReport


__all__ = ["AuditRow", "Proof", "audit_rows", "prove", "prove_export"]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found.

    `seq` and `hash` name the head that was verified. `noted_by_nobody` tells that no head noted elsewhere
    was compared, without which a chain that was rewritten whole looks sound. `revisions` counts the revisions
    whose hashes were recomputed, None when only an export was read.
    """

    rows: int
    seq: int
    hash: str
    faults: tuple[AuditFault, ...]
    fault_count: int
    noted_by_nobody: bool
    revisions: int | None = None
    revision_faults: tuple[str, ...] = ()

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.fault_count and not self.revision_faults


def audit_rows(
    context: Context, *, limit: int | None, subject: str = "", action: str = ""
) -> tuple[AuditRow, ...]:
    """Answer audit rows, newest first."""
    return context.store.audit.rows(limit=limit, subject=subject, action=action, newest_first=True)


def prove(context: Context, *, noted: tuple[int, str] | None) -> Proof:
    """Recompute the whole audit chain and every revision; `noted` is a head written down elsewhere."""
    report = context.store.audit.verify(noted=_head(noted))
    history = context.store.revisions.verify()
    return msgspec.structs.replace(
        _proof(report, noted), revisions=history.revisions, revision_faults=history.faults
    )


def prove_export(lines: Iterable[str], *, noted: tuple[int, str] | None) -> Proof:
    """Verify an exported audit log; needs no store."""
    return _proof(verify_export(lines, noted=_head(noted)), noted)


def _head(noted: tuple[int, str] | None) -> AuditHead | None:
    return None if noted is None else AuditHead(seq=noted[0], hash=noted[1])


def _proof(report: AuditReport, noted: tuple[int, str] | None) -> Proof:
    return Proof(
        rows=report.rows,
        seq=report.head.seq if report.head else 0,
        hash=report.head.hash if report.head else "",
        faults=report.faults,
        fault_count=report.fault_count,
        noted_by_nobody=noted is None,
    )

"""Records: reading the audit log, and proving that nobody bent it or what it speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from setpoint.control import notary
from setpoint.control.notary import checkpoint_if_due
from setpoint.engines.plan import Plan
from setpoint.errors import TamperedError
from setpoint.integrations.signing import can_sign
from setpoint.store.chain import (
    AuditFault,
    AuditHead,
    AuditRow,
    Checkpoint,
    read_checkpoint,
    time_text,
    verify_export,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from setpoint.control.context import Context
    from setpoint.store.chain import AuditReport
    from setpoint.store.plans import StoredPlan

__all__ = ["AuditRow", "Proof", "audit_rows", "checkpoint_if_due", "prove", "prove_export"]

T = TypeVar("T")

_MADE = "plan.made"


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found.

    `seq` and `hash` name the head that was verified. `noted_by_nobody` tells that no head noted elsewhere
    was compared, by hand or as an anchor. `revisions`, `records`, `plans` and `applies` count what was
    checked besides, None when only an export was read, or when they could not be. `signed_through` is the
    last row below a signature that was checked; `unchecked` says why none was (empty: all were).
    `warnings` are no faults: where times run backwards.
    """

    rows: int
    seq: int
    hash: str
    faults: tuple[AuditFault, ...]
    fault_count: int
    noted_by_nobody: bool
    checkpoints: int = 0
    anchors: int | None = None
    signed_through: int = 0
    unchecked: str = ""
    signature_faults: tuple[str, ...] = ()
    revisions: int | None = None
    revision_faults: tuple[str, ...] = ()
    records: int | None = None
    record_faults: tuple[str, ...] = ()
    plans: int | None = None
    plan_faults: tuple[str, ...] = ()
    applies: int | None = None
    journal_faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def other_faults(self) -> tuple[tuple[str, str], ...]:
        """Every fault beside those of the chain: what it is about, and the words for it."""
        kinds = {
            "signatures": self.signature_faults,
            "revisions": self.revision_faults,
            "records": self.record_faults,
            "plans": self.plan_faults,
            "journal": self.journal_faults,
        }
        return tuple((kind, text) for kind, faults in kinds.items() for text in faults)

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.fault_count and not self.other_faults


def audit_rows(
    context: Context, *, limit: int | None, subject: str = "", action: str = ""
) -> tuple[AuditRow, ...]:
    """Answer audit rows, newest first."""
    return context.store.audit.rows(limit=limit, subject=subject, action=action, newest_first=True)


def prove(
    context: Context,
    *,
    noted: tuple[int, str] | None,
    anchors: Iterable[str] | None = None,
    public_keys: Sequence[bytes] = (),
) -> Proof:
    """Recompute the audit chain, and check all it speaks of: revisions, records, plans, checkpoints.

    `noted` is a head written down elsewhere, `anchors` the lines of a file of anchors. Signatures are
    checked with the store's own public key and those handed in.
    """
    anchored, faults = _read_anchors(anchors)
    beside, fault = notary.noted(context)
    faults += [fault] if fault else []
    expected = [
        *_expected(anchored, "anchored"),
        *_expected([beside] if beside else [], "noted beside the key"),
    ]
    report = context.store.audit.verify(noted=_head(noted), expected=expected)
    signed = [*report.checkpoints, *anchored, *([beside] if beside else [])]
    pems = (*notary.own_public_keys(context), *public_keys)
    unchecked = notary.why_unsigned(context) if not pems or not can_sign() else ""
    name, lost = _judged(lambda: (context.store.id, ()))
    proof = _proof(report, noted, anchors, anchored)
    proof = _signed(proof, signed, [*faults, *lost], pems, unchecked, name or "")
    revisions, revision_faults = _judged(lambda: _judge_revisions(context))
    records, record_faults = _judged(lambda: _judge_records(context))
    plans, plan_faults = _judged(lambda: _judge_plans(context))
    applies, journal_faults = _judged(lambda: _judge_journal(context))
    return msgspec.structs.replace(
        proof,
        revisions=revisions,
        revision_faults=revision_faults,
        records=records,
        record_faults=record_faults,
        plans=plans,
        plan_faults=plan_faults,
        applies=applies,
        journal_faults=journal_faults,
    )


def prove_export(
    lines: Iterable[str],
    *,
    noted: tuple[int, str] | None,
    anchors: Iterable[str] | None = None,
    public_keys: Sequence[bytes] = (),
) -> Proof:
    """Verify an exported audit log with nothing but public keys; needs no store."""
    anchored, faults = _read_anchors(anchors)
    report = verify_export(lines, noted=_head(noted), expected=_expected(anchored, "anchored"))
    unchecked = "" if public_keys else "no public key was handed in"
    if not can_sign():
        unchecked = "the package that signs is not installed: pip install 'setpoint[sign]'"
    signed = [*report.checkpoints, *anchored]
    return _signed(_proof(report, noted, anchors, anchored), signed, faults, public_keys, unchecked, "")


def _signed(
    proof: Proof,
    checkpoints: Sequence[Checkpoint],
    faults: Sequence[str],
    public_keys: Sequence[bytes],
    unchecked: str,
    store_id: str,
) -> Proof:
    if unchecked:
        return msgspec.structs.replace(proof, unchecked=unchecked, signature_faults=tuple(faults))
    found = [*faults, *notary.signature_faults(checkpoints, notary.verifiers_of(public_keys), store_id)]
    last = max((each.seq for each in checkpoints), default=0)
    return msgspec.structs.replace(
        proof, signature_faults=tuple(found), signed_through=0 if found else min(last, proof.seq)
    )


def _judged(judge: Callable[[], tuple[T, tuple[str, ...]]]) -> tuple[T | None, tuple[str, ...]]:
    """Take what cannot even be read for a fault like others: a verification tells, it does not break down."""
    try:
        return judge()
    except TamperedError as fault:
        return None, (fault.what,)


def _judge_revisions(context: Context) -> tuple[int, tuple[str, ...]]:
    found = context.store.revisions.verify()
    return found.revisions, found.faults


def _judge_records(context: Context) -> tuple[int, tuple[str, ...]]:
    found = context.store.verify_records()
    return found.records, found.faults


def _judge_journal(context: Context) -> tuple[int, tuple[str, ...]]:
    found = context.store.journal.verify()
    return found.applies, found.faults


def _judge_plans(context: Context) -> tuple[int, tuple[str, ...]]:
    """Check that each plan is what its hash says, and that the audit log knows it was made here."""
    announced = set(_announced(context))
    plans = list(context.store.plans.all())
    kept = {plan.hash for plan in plans}
    # One that was made while we read is announced by now.
    known = announced if kept <= announced else set(_announced(context))
    faults = [fault for plan in plans if (fault := _plan_fault(plan, known))]
    faults += [
        f"plan {digest[:12]} is missing, the audit log says it was made"
        for digest in sorted(announced - kept)
    ]
    return len(plans), tuple(faults)


def _announced(context: Context) -> Iterator[str]:
    for row in context.store.audit.rows(action=_MADE):
        yield str(row.detail.get("plan", ""))


def _plan_fault(kept: StoredPlan, announced: set[str]) -> str:
    name = f"plan {kept.hash[:12]}"
    try:
        digest = msgspec.json.decode(kept.body, type=Plan).hash
    except (msgspec.MsgspecError, ValueError):
        return f"{name} cannot be read"
    if digest != kept.hash:
        return f"{name} was changed after it was made"
    return "" if kept.hash in announced else f"{name} was put in: no row of the audit log says it was made"


def _read_anchors(lines: Iterable[str] | None) -> tuple[list[Checkpoint], list[str]]:
    found: list[Checkpoint] = []
    faults: list[str] = []
    for number, line in enumerate(lines or (), start=1):
        if not line.strip():
            continue
        read = read_checkpoint(line)
        if read is None:
            faults.append(f"line {number} of the anchors is no checkpoint")
        else:
            found.append(read)
    return found, faults


def _expected(checkpoints: Iterable[Checkpoint], how: str) -> list[tuple[AuditHead, str]]:
    return [
        (AuditHead(seq=each.seq, hash=each.hash), f"the one that was {how} at {time_text(each.at)}")
        for each in checkpoints
    ]


def _head(noted: tuple[int, str] | None) -> AuditHead | None:
    return None if noted is None else AuditHead(seq=noted[0], hash=noted[1])


def _proof(
    report: AuditReport,
    noted: tuple[int, str] | None,
    anchors: Iterable[str] | None,
    anchored: Sequence[Checkpoint],
) -> Proof:
    return Proof(
        rows=report.rows,
        seq=report.head.seq if report.head else 0,
        hash=report.head.hash if report.head else "",
        faults=report.faults,
        fault_count=report.fault_count,
        noted_by_nobody=noted is None and not anchored,
        checkpoints=len(report.checkpoints),
        anchors=None if anchors is None else len(anchored),
        warnings=report.warnings,
    )

"""`audit`: reading, proving and exporting the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.faces.cli.arguments import NotedHead, read_text, write_file
from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.page import Answer, Span, Table, Verbatim
from setpoint.faces.cli.wording import counted, moment_text

if TYPE_CHECKING:
    from setpoint.control.records import Proof
    from setpoint.faces.cli.page import Block, Line


@click.group("audit", cls=Verbs)
def audit() -> None:
    """Read, verify and export the audit log."""


@audit.command("log")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.option("--subject", metavar="NAME", default="", help="Only rows about this instance, or `fleet`.")
@click.option(
    "--action", metavar="WORD", default="", help="Only such actions; a beginning like apply. will do."
)
@click.pass_obj
def log(frame: Frame, *, limit: int, subject: str, action: str) -> Answer:
    """Show the newest rows of the audit log."""
    import msgspec

    with frame.open() as setpoint:
        rows = setpoint.audit_rows(limit=limit, subject=subject, action=action)
    cells = [
        (
            str(each.seq),
            moment_text(each.at),
            each.actor,
            each.action,
            each.subject,
            ", ".join(f"{name}={_short(value)}" for name, value in each.detail.items() if name != "record"),
        )
        for each in rows
    ]
    page: list[Block] = [Table(("ROW", "WHEN", "WHO", "DID", "TO", "DETAIL"), cells)]
    return Answer([msgspec.structs.asdict(each) for each in rows], page if rows else ["no such row"])


@audit.command("verify")
@click.option(
    "--export", "file", metavar="FILE", help="Verify an exported log (- for stdin) without a store."
)
@click.option("--head", type=NotedHead(), help="The end as it was noted elsewhere, SEQ:HASH.")
@click.option("--anchors", metavar="FILE", help="The file that `audit anchor` wrote heads to.")
@click.option(
    "--public-key",
    "key_files",
    metavar="PEM",
    multiple=True,
    help="The public key that signatures are checked with (the store's own is known); may be given again.",
)
@click.pass_obj
def verify(
    frame: Frame,
    *,
    file: str | None,
    head: tuple[int, str] | None,
    anchors: str | None,
    key_files: tuple[str, ...],
) -> Answer:
    """Recompute the whole chain of the audit log, and check all it speaks of; ends with 1 when it was bent.

    In a store: revisions, plans, and the records of people, tokens, changes and waivers, too. Somebody who
    rewrites all rows and the head is found by the signed checkpoints, by --anchors, and by --head.
    """
    noted_lines = read_text(anchors)[0].split("\n") if anchors is not None else None
    keys = [read_text(place)[0].encode() for place in key_files]
    if file is not None:
        from setpoint.control.records import prove_export

        lines = read_text(file)[0].split("\n")
        return _proof_answer(prove_export(lines, noted=head, anchors=noted_lines, public_keys=keys))
    with frame.open() as setpoint:
        return _proof_answer(setpoint.verify_audit(noted=head, anchors=noted_lines, public_keys=keys))


@audit.command("anchor")
@click.option(
    "--to", "place", metavar="PLACE", required=True, help="A file to append to, or an https:// webhook."
)
@click.pass_obj
def anchor(frame: Frame, *, place: str) -> Answer:
    """Sign the end of the audit log and note it outside the store, before somebody bends it.

    A webhook is sent the line by POST, as JSON.
    """
    import msgspec

    with frame.open() as setpoint:
        made = setpoint.governance.people.anchor(place)
    lines: list[Block] = [("anchored ", Span(f"{made.seq}:{made.hash}", "strong"))]
    if "://" not in place:
        lines.append(Span(f"keep {place} elsewhere; setpoint audit verify --anchors {place}", "dim"))
    return Answer(msgspec.structs.asdict(made), lines)


@audit.command("export")
@click.option("--out", metavar="FILE", help="Write it there instead of to stdout.")
@click.pass_obj
def export(frame: Frame, *, out: str | None) -> Answer:
    """Export the audit log as JSON lines, which anybody can verify; the last line names the head."""
    import msgspec

    with frame.open() as setpoint:
        lines = list(setpoint.audit_lines())
    text = "".join(f"{line}\n" for line in lines)
    if out is None:
        return Answer([msgspec.Raw(line.encode()) for line in lines], [Verbatim(text)])
    write_file(out, text.encode())
    signed = sum(line.startswith('{"checkpoint":') for line in lines)
    rows = len(lines) - 1 - signed
    told = f"{counted(rows, 'row')} and {counted(signed, 'checkpoint')} written to {out}"
    return Answer({"file": out, "rows": rows, "checkpoints": signed}, [told])


def _proof_answer(proof: Proof) -> Answer:
    faults = [
        {"row": each.seq, "through": each.through, "kind": each.kind, "text": each.text}
        for each in proof.faults
    ]
    document: dict[str, Any] = {
        "is_intact": proof.is_intact,
        "rows": proof.rows,
        "head": {"seq": proof.seq, "hash": proof.hash},
        "is_head_compared": not proof.noted_by_nobody,
        "fault_count": proof.fault_count,
        "faults": faults,
        "checkpoints": proof.checkpoints,
        "anchors": proof.anchors,
        "signed_through": proof.signed_through,
        "signatures_unchecked": proof.unchecked,
        "signature_faults": list(proof.signature_faults),
        "revisions": proof.revisions,
        "revision_faults": list(proof.revision_faults),
        "records": proof.records,
        "record_faults": list(proof.record_faults),
        "plans": proof.plans,
        "plan_faults": list(proof.plan_faults),
        "applies": proof.applies,
        "journal_faults": list(proof.journal_faults),
        "warnings": list(proof.warnings),
    }
    return Answer(document, _proof_page(proof), 0 if proof.is_intact else 1)


def _proof_page(proof: Proof) -> list[Block]:
    besides = {
        "revision": proof.revisions,
        "record": proof.records,
        "plan": proof.plans,
        "application": proof.applies,
    }
    told = [counted(count, noun) for noun, count in besides.items() if count is not None]
    read = ", ".join([counted(proof.rows, "row"), *told])
    page: list[Block] = [
        Span(f"intact: {read}", "good")
        if proof.is_intact
        else Span(f"broken: {counted(proof.fault_count + len(proof.other_faults), 'fault')} in {read}", "bad")
    ]
    page += [f"  {each.kind}: {each.text}" for each in proof.faults]
    page += [f"  {kind}: {text}" for kind, text in proof.other_faults]
    page += [Span(f"  warning: {text}", "warn") for text in proof.warnings]
    page.append(_signed_line(proof))
    page.append(("head ", Span(f"{proof.seq}:{proof.hash}", "strong")))
    if proof.noted_by_nobody:
        page.append(
            Span(
                "note the head elsewhere and hand it in with --head: a log rewritten whole shows then", "dim"
            )
        )
    return page


def _signed_line(proof: Proof) -> Line:
    if proof.unchecked:
        how = "signatures were not checked" if proof.checkpoints else "nothing is signed"
        return Span(f"{how}: {proof.unchecked}", "warn")
    if not proof.checkpoints:
        return Span("nothing is signed yet", "warn")
    since = proof.seq - proof.signed_through
    return f"signed through row {proof.signed_through}, {counted(since, 'row')} since"


def _short(value: object) -> str:
    text = str(value)
    most = 40
    return text if len(text) <= most else f"{text[: most - 3]}..."

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
    from setpoint.faces.cli.page import Block


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
            ", ".join(f"{name}={_short(value)}" for name, value in each.detail.items()),
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
@click.pass_obj
def verify(frame: Frame, *, file: str | None, head: tuple[int, str] | None) -> Answer:
    """Recompute the whole chain of the audit log and every revision; ends with 1 when anything was changed.

    Somebody who rewrites all rows and the head is found only with --head: note elsewhere what this prints.
    """
    if file is not None:
        from setpoint.control.records import prove_export

        return _proof_answer(prove_export(read_text(file)[0].split("\n"), noted=head))
    with frame.open() as setpoint:
        return _proof_answer(setpoint.verify_audit(noted=head))


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
    rows = counted(len(lines) - 1, "row")
    return Answer({"file": out, "rows": len(lines) - 1}, [f"{rows} written to {out}"])


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
        "revisions": proof.revisions,
        "revision_faults": list(proof.revision_faults),
    }
    return Answer(document, _proof_page(proof), 0 if proof.is_intact else 1)


def _proof_page(proof: Proof) -> list[Block]:
    read = counted(proof.rows, "row")
    if proof.revisions is not None:
        read += f" and {counted(proof.revisions, 'revision')}"
    page: list[Block] = [
        Span(f"intact: {read}", "good")
        if proof.is_intact
        else Span(
            f"broken: {counted(proof.fault_count + len(proof.revision_faults), 'fault')} in {read}", "bad"
        )
    ]
    page += [f"  {each.kind}: {each.text}" for each in proof.faults]
    page += [f"  revisions: {each}" for each in proof.revision_faults]
    page.append(("head ", Span(f"{proof.seq}:{proof.hash}", "strong")))
    if proof.noted_by_nobody:
        page.append(
            Span(
                "note the head elsewhere and hand it in with --head: a log rewritten whole shows then", "dim"
            )
        )
    return page


def _short(value: object) -> str:
    text = str(value)
    most = 40
    return text if len(text) <= most else f"{text[: most - 3]}..."

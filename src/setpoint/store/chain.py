"""The audit chain itself, without a database: what a row's hash is taken of, and whether rows hold.

A row's hash is the SHA-256 of its canonical JSON text (keys sorted, no blanks, ASCII only) without the
hash; that text holds the row's number and the hash of the row before. One line of an export is that text
with the hash in it, so anybody can check a chain without Setpoint. The last line of an export names the
number and hash the chain must end with.

What a chain cannot show: somebody who rewrites all rows from one on *and* the head can make a chain that
holds. So heads are signed now and then (a checkpoint), and noted elsewhere (an anchor, a ticket, a signed
mail): hand those to the verification, and that is found too.
"""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime
from hashlib import sha256
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from setpoint.errors import TamperedError
from setpoint.store.clock import Clock
from setpoint.store.masks import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

START = "0" * 64
"""What stands for the hash of the row before the first."""

MAX_FAULTS = 1_000
"""How many faults a report lists; it counts them all."""

FaultKind = Literal["edited", "removed", "reordered", "duplicated", "unreadable"]

_MAX_EXCHANGED = 64
_UNPRINTED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class AuditRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row: who (`actor`) did what (`action`) to what (`subject`), and when; chained to the row before."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last row's number and hash; 0 and `START` before the first row."""

    seq: int
    hash: str


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A head of one store's chain, signed at a time.

    `key` is the fingerprint of the public key, `signature` is over `payload`, in hexadecimal.
    """

    store: str
    seq: int
    hash: str
    at: datetime
    key: str
    signature: str

    @property
    def payload(self) -> bytes:
        """What is signed: everything but the signature, as canonical JSON."""
        fields = {"at": time_text(self.at), "hash": self.hash, "key": self.key}
        return _canonical({**fields, "seq": self.seq, "store": self.store}).encode()


class AuditFault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the row `seq`, or with all from `seq` to `through`."""

    seq: int
    through: int
    kind: FaultKind
    text: str


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found: `rows` read, the head the chain must end with, and the faults.

    `faults` lists the first `MAX_FAULTS`, by number; `fault_count` counts all. The signatures of the
    `checkpoints` are not looked at here. `warnings` tell where times run backwards, which is no fault.
    """

    rows: int
    head: AuditHead | None
    faults: tuple[AuditFault, ...]
    fault_count: int
    checkpoints: tuple[Checkpoint, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return self.fault_count == 0


LINK_COLUMNS = ("seq", "at", "actor", "action", "subject", "detail", "previous", "hash")


class Link(msgspec.Struct, frozen=True):
    """A row as a verification reads it: its number, the hash of the row before, its own, and the text around.

    `parts` are the canonical texts before the hash of the row before, and after the number.
    """

    seq: int
    previous: str
    hash: str
    parts: tuple[str, str]
    at: str

    def recomputed(self, seq: int | None = None) -> str:
        """Answer the hash this content would have (with another number, if one is given)."""
        number = self.seq if seq is None else seq
        text = f'{self.parts[0]}"previous":{_quoted(self.previous)},"seq":{number},{self.parts[1]}'
        return sha256(text.encode()).hexdigest()


def link(columns: Mapping[str, Any]) -> Link:
    """Make a link of a row's columns by name; `at` and `detail` are the texts that went into the hash."""
    return link_texts(*(columns[name] for name in LINK_COLUMNS))


def link_texts(
    seq: int, at: str, actor: str, action: str, subject: str, detail: str, previous: str, digest: str
) -> Link:
    """Make a link of a row's texts."""
    head = f'{{"action":{_quoted(action)},"actor":{_quoted(actor)},"at":{_quoted(at)},"detail":{detail},'
    return Link(seq, previous, digest, (head, f'"subject":{_quoted(subject)}}}'), at)


def time_text(at: datetime) -> str:
    """Write a UTC time the one way that is hashed."""
    return at.isoformat(timespec="microseconds")


def detail_text(detail: Mapping[str, Any]) -> str:
    """Write a row's detail as canonical JSON, passwords inside texts masked.

    Raises:
        ValueError: a key looks like a secret's; that is a mistake of the caller, and nothing may be stored.
    """
    return _canonical(masked(msgspec.to_builtins(dict(detail))))


def read_detail(seq: int, detail: Any) -> dict[str, Any]:
    """Read a row's detail as it is kept; raise `TamperedError` for what no row of ours holds."""
    try:
        return msgspec.json.decode(detail, type=dict[str, Any])
    except (msgspec.MsgspecError, TypeError, ValueError):
        message = f"row {seq} of the audit log cannot be read"
        raise TamperedError(
            message, next_step="`setpoint audit verify` lists everything that was bent"
        ) from None


def printable(text: str) -> str:
    r"""Answer the text with control characters, format characters and lone surrogates as ``\uXXXX``."""
    if text.isprintable():
        return text
    return "".join(_quoted(char)[1:-1] if unicodedata.category(char) in _UNPRINTED else char for char in text)


def write_line(row: Link) -> str:
    """Write one line of an export."""
    hashes = f'"hash":{_quoted(row.hash)},"previous":{_quoted(row.previous)}'
    return f'{row.parts[0]}{hashes},"seq":{row.seq},{row.parts[1]}'


def write_head(head: AuditHead) -> str:
    """Write the last line of an export."""
    return f'{{"head":{{"hash":{_quoted(head.hash)},"seq":{head.seq}}}}}'


def write_checkpoint(checkpoint: Checkpoint) -> str:
    """Write a checkpoint as a line of an export or of a file of anchors."""
    fields = {**msgspec.structs.asdict(checkpoint), "at": time_text(checkpoint.at)}
    return _canonical({"checkpoint": fields})


def read_checkpoint(line: str) -> Checkpoint | None:
    """Read such a line; None when it is none, or not as we write it."""
    read = _read_line(line.rstrip("\r\n"))
    return read if isinstance(read, Checkpoint) else None


def verify_export(
    lines: Iterable[str],
    *,
    noted: AuditHead | None = None,
    expected: Iterable[tuple[AuditHead, str]] = (),
) -> AuditReport:
    """Verify an export, line by line, without a store; see `Audit.verify` for what is handed in."""
    check = Check(noted)
    for each, what in expected:
        check.expect(each, what)
    head: AuditHead | None = None
    for number, line in enumerate(filter(str.strip, lines), start=1):
        read = _read_line(line.rstrip("\r\n"))
        if isinstance(read, AuditHead):
            head = read
        elif isinstance(read, Checkpoint):
            check.expect_checkpoint(read)
        elif read is None:
            check.fault(check.next_seq, "unreadable", f"line {number} is not a row as Setpoint writes it")
        else:
            check.add(read)
    if head is None:
        check.fault(check.next_seq, "removed", "the last line, which names the head, is missing")
    return check.finish(head)


class Check:
    """A verification under way: hand it links in the order they stand, then `finish`.

    Its memory grows with the faults, not with the rows.
    """

    def __init__(self, noted: AuditHead | None = None) -> None:
        """Start before the first row."""
        self._rows = 0
        self._last: Link | None = None
        self._gaps: dict[int, int] = {}
        self._faults: list[AuditFault] = []
        self._fault_count = 0
        self._edited: dict[int, Link] = {}
        self._checkpoints: list[Checkpoint] = []
        self._expected: dict[int, list[tuple[str, str]]] = {}
        self._clock = Clock()
        if noted is not None:
            self.expect(noted, "the one whose hash was noted elsewhere")

    @property
    def next_seq(self) -> int:
        """The number the next row must have."""
        return self._last.seq + 1 if self._last else 1

    def expect(self, head: AuditHead, what: str) -> None:
        """Say which hash a row must have, and the words for it; the row may be the last that was added."""
        if self._last is not None and head.seq < self._last.seq:
            self.fault(head.seq, "reordered", f"row {head.seq}, {what}, is named too late")
        elif head.seq == (self._last.seq if self._last else 0):
            self._compare(head.seq, self._last.hash if self._last else START, head.hash, what)
        else:
            self._expected.setdefault(head.seq, []).append((head.hash, what))

    def expect_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Expect what a checkpoint says; it will be in the report."""
        self._checkpoints.append(checkpoint)
        head = AuditHead(seq=checkpoint.seq, hash=checkpoint.hash)
        self.expect(head, f"the one that the checkpoint of {time_text(checkpoint.at)} is for")

    def add(self, row: Link) -> None:
        """Judge the next row."""
        self._rows += 1
        self._clock.add(row.seq, row.at)
        if row.seq in self._expected:
            for digest, what in self._expected.pop(row.seq):
                self._compare(row.seq, row.hash, digest, what)
        is_sound = row.recomputed() == row.hash
        if not is_sound and len(self._edited) < _MAX_EXCHANGED:
            self._edited[row.seq] = row
        if row.seq < self.next_seq:
            self._judge_latecomer(row)
        else:
            self._judge_successor(row)
            self._last = row
        if not is_sound:
            self.fault(row.seq, "edited", f"row {row.seq} does not match its own hash")

    def fault(self, seq: int, kind: FaultKind, text: str, *, through: int | None = None) -> None:
        """Note a fault."""
        self._fault_count += 1
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(AuditFault(seq=seq, through=through or seq, kind=kind, text=text))

    def finish(self, head: AuditHead | None) -> AuditReport:
        """Judge the end against the head, and answer the report."""
        if head is not None:
            self._judge_end(head)
        for seq, digests in self._expected.items():
            for _, what in digests:
                self.fault(seq, "removed", f"row {seq}, {what}, is missing")
        for first, last in self._gaps.items():
            span = f"row {first} is" if first == last else f"rows {first} to {last} are"
            self.fault(first, "removed", f"{span} missing", through=last)
        faults = sorted(map(self._named, self._faults), key=lambda fault: fault.seq)
        return AuditReport(
            rows=self._rows,
            head=head,
            faults=tuple(faults),
            fault_count=self._fault_count,
            checkpoints=tuple(self._checkpoints),
            warnings=self._clock.warnings,
        )

    def _compare(self, seq: int, found: str, expected: str, what: str) -> None:
        if found != expected:
            self.fault(seq, "edited", f"row {seq} is not {what}")

    def _judge_successor(self, row: Link) -> None:
        if row.seq > self.next_seq:
            self._gaps[self.next_seq] = row.seq - 1
            return
        if row.previous == (self._last.hash if self._last else START):
            return
        if self._last is None:
            self.fault(row.seq, "edited", f"row {row.seq} is chained to a row before the first")
        else:
            seq = self._last.seq
            self.fault(seq, "edited", f"row {seq} is not the one that row {row.seq} was chained to")

    def _judge_latecomer(self, row: Link) -> None:
        for first, last in self._gaps.items():
            if first <= row.seq <= last:
                del self._gaps[first]
                if first < row.seq:
                    self._gaps[first] = row.seq - 1
                if row.seq < last:
                    self._gaps[row.seq + 1] = last
                ahead = self.next_seq - 1
                self.fault(row.seq, "reordered", f"row {row.seq} stands after row {ahead}")
                self.fault(ahead, "reordered", f"row {ahead} stands before row {row.seq}")
                return
        self.fault(row.seq, "duplicated", f"row {row.seq} is there more than once")

    def _judge_end(self, head: AuditHead) -> None:
        last_seq, last_hash = (self._last.seq, self._last.hash) if self._last else (0, START)
        if last_seq < head.seq:
            self._gaps[last_seq + 1] = head.seq
        elif last_seq > head.seq:
            self.fault(
                head.seq + 1,
                "edited",
                f"rows after {head.seq}, where the chain ends, were added",
                through=last_seq,
            )
        elif last_hash != head.hash:
            self.fault(head.seq, "edited", f"row {head.seq} is not the one that the head names")

    def _named(self, fault: AuditFault) -> AuditFault:
        """Say "reordered" where an edited row is in truth another row, put in this one's place."""
        row = self._edited.get(fault.seq)
        if fault.kind != "edited" or row is None:
            return fault
        for seq in self._edited:
            if seq != fault.seq and row.recomputed(seq) == row.hash:
                text = f"what stands as row {fault.seq} is row {seq}"
                return msgspec.structs.replace(fault, kind="reordered", text=text)
        return fault


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _read_line(line: str) -> Link | AuditHead | Checkpoint | None:
    try:
        found = json.loads(line)
        if set(found) == {"head"}:
            return msgspec.convert(found["head"], AuditHead)
        if set(found) == {"checkpoint"}:
            checkpoint = msgspec.convert(found["checkpoint"], Checkpoint)
            return checkpoint if write_checkpoint(checkpoint) == line else None
        detail = json.dumps(found.pop("detail"), sort_keys=True, separators=(",", ":"))
        row = link({**found, "detail": detail})
    except (ValueError, TypeError, KeyError, AttributeError, msgspec.ValidationError):
        return None
    # Anything beside the canonical text (a doubled key, another number format) is as good as an edit.
    return row if write_line(row) == line else None

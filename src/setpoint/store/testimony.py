"""What the audit log says of applies and of what they made ours: the journal's tables may say nothing else.

The journal's rows change, so nothing guards them; the rows of the audit log, written in the same
transactions, do not. Both are compared whenever the journal answers, and whenever it goes on from there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, or_, select

from setpoint.errors import TamperedError
from setpoint.store.audit import read_row
from setpoint.store.chain import detail_text, printable
from setpoint.store.records import Apply, Owned
from setpoint.store.schema import applies, audit, ownerships

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from setpoint.store.chain import AuditRow

_BEGIN, _STEP, _FINISH = ACTIONS = "apply.begin", "apply.step", "apply.finish"
"""What only the journal writes to the audit log."""

LET_GO = "let_go"
"""Under what a row of the end names the parameters that are ours no more."""

_BEGUN = ("apply", "plan", "revision", "steps", "host", "pid")
_OWNED_MANY = msgspec.json.Decoder(tuple[Owned, ...])
_STREAM_ROWS = 5_000


@dataclass(slots=True)
class Claim:
    """That a parameter is ours by an apply, in the audit log's words.

    `is_certain` is False below an apply of an older Setpoint that did not say what it let go.
    """

    words: dict[str, Any]
    is_certain: bool = True


Claims = defaultdict[str, list[Claim]]
"""By parameter, newest first: what is ours, and what it took the place of while that is not certain."""


@dataclass(slots=True)
class Testimony:
    """What was said of one instance: the words for each apply by its id, and the claims."""

    applies: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    claims: Claims = field(default_factory=lambda: defaultdict(list))

    def add(self, row: AuditRow) -> None:
        """Hear the next row."""
        detail, id_ = row.detail, str(row.detail.get("apply"))
        told = self.applies.setdefault(id_, {"apply": id_})
        if row.action == _BEGIN:
            told |= {key: detail.get(key) for key in _BEGUN}
            told |= {"actor": row.actor, "started_at": row.at, "step": 0}
            told |= {"outcome": "running", "state": "", "message": "", "ended_at": None}
        elif row.action == _STEP:
            told["step"] = detail.get("step")
            if "ours" in detail:
                self._claim(id_, detail)
        else:
            told |= {key: detail.get(key) for key in ("outcome", "state", "message")}
            told["ended_at"] = row.at
            self._settle(id_, detail)

    def _claim(self, id_: str, detail: Mapping[str, Any]) -> None:
        claims = self.claims[str(detail.get("parameter"))]
        if claims and claims[0].words["apply"] == id_:
            claims.pop(0)
        keys = ("apply", "parameter", "ours", "restore", "running_before")
        claims.insert(0, Claim({key: detail[key] for key in keys if key in detail}))

    def _settle(self, id_: str, detail: Mapping[str, Any]) -> None:
        for claims in self.claims.values():
            if claims and claims[0].words["apply"] == id_:
                if detail.get("state") == "old":
                    del claims[0]
                elif detail.get("state") == "new":
                    del claims[1:]
        for parameter in detail.get(LET_GO, ()):
            self.claims.pop(parameter, None)
        if LET_GO not in detail and detail.get("state") == "new":
            for claim in (each for claims in self.claims.values() for each in claims):
                claim.is_certain = False

    def apply_fault(self, apply: Apply) -> str:
        """Say what the journal has otherwise of an apply; empty when nothing."""
        told = self.applies.get(apply.id, {})
        if "outcome" not in told:
            return "it never began"
        kept = _words_of(apply)
        wrong = [key for key, value in told.items() if value != kept[key] and not _is_unsaid(key, value)]
        return ", ".join(f"{key} {kept[key]!a:.80} is {told[key]!a:.80} there" for key in wrong)

    def claim_faults(self, kept: Mapping[str, Sequence[Owned]]) -> Iterator[tuple[str, str]]:
        """Say which ownerships the journal has otherwise: each parameter and the apply concerned."""
        for parameter in sorted(kept.keys() | self.claims.keys()):
            claims, owned = self.claims.get(parameter, []), kept.get(parameter, ())
            is_whole = len(owned) == len(claims) or (
                len(owned) < len(claims) and not claims[len(owned)].is_certain
            )
            if not is_whole or not all(map(_fits, owned, claims)):
                last = owned[0].apply_id if owned else claims[0].words["apply"]
                yield parameter, str(last)


def hear(rows: Iterable[AuditRow]) -> Testimony:
    """Answer what rows of one instance, oldest first, say."""
    said = Testimony()
    for row in rows:
        said.add(row)
    return said


def check_apply(connection: Connection, apply: Apply) -> Apply:
    """Answer an apply that the audit log speaks of just so; raise `TamperedError` naming it."""
    mark = audit.c.detail.contains(_json({"apply": apply.id})[1:-1], autoescape=True)
    fault = hear(_rows(connection, apply.instance, mark)).apply_fault(apply)
    if fault:
        raise _tampered(apply.id, apply.instance, fault)
    return apply


def check_running(connection: Connection, instance: str, running: str | None) -> None:
    """Make sure that the apply which runs, or none, is the one that the audit log left at work."""
    query = _query(instance).where(audit.c.action.in_((_BEGIN, _FINISH)))
    row = connection.execute(query.order_by(audit.c.seq.desc()).limit(1)).mappings().one_or_none()
    last = read_row(row) if row is not None else None
    left = str(last.detail.get("apply")) if last is not None and last.action == _BEGIN else None
    if left != running:
        what = "it does not run" if left is None else f"{left!a} runs there"
        raise _tampered(running or left or "", instance, what)


def check_owned(
    connection: Connection, instance: str, kept: Mapping[str, Sequence[Owned]], parameter: str | None = None
) -> None:
    """Make sure that what is ours on an instance, or of one parameter there, is what the audit log says."""
    mark = '"ours":' if parameter is None else _json({"parameter": parameter})[1:-1]
    speaks = or_(audit.c.action == _FINISH, audit.c.detail.contains(mark, autoescape=True))
    said = hear(_rows(connection, instance, speaks))
    for found, apply_id in said.claim_faults(kept):
        if parameter in (None, found):
            raise _tampered(apply_id, instance, f"what it made of {found!a:.80}")


def journal_faults(connection: Connection) -> tuple[int, tuple[str, ...]]:
    """Answer how many applies there are, and each that is not what the audit log says of it."""
    said: defaultdict[str, Testimony] = defaultdict(Testimony)
    faults: list[str] = []
    query = select(audit).where(audit.c.action.in_(ACTIONS)).order_by(audit.c.seq)
    with connection.execute(query, execution_options={"yield_per": _STREAM_ROWS}) as found:
        for row in found.mappings():
            try:
                told = read_row(row)
            except TamperedError as fault:
                faults.append(fault.what)
            else:
                said[told.subject].add(told)
    count = 0
    known: set[str] = set()
    for row in connection.execute(select(applies).order_by(applies.c.started_at)).mappings():
        apply = read_apply(row)
        count += 1
        known.add(apply.id)
        fault = said[printable(apply.instance)].apply_fault(apply)
        faults += [_what(apply.id, apply.instance, fault)] if fault else []
    faults += [
        _what(id_, instance, "it is missing in the journal")
        for instance, each in said.items()
        for id_ in each.applies
        if id_ not in known
    ]
    faults += _ownership_faults(connection, said)
    return count, tuple(faults)


def read_apply(row: Mapping[Any, Any]) -> Apply:
    """Read an apply as it is kept."""
    return Apply(**{str(name): value for name, value in row.items()})


def read_owned(row: Mapping[Any, Any]) -> tuple[Owned, ...]:
    """Read what is ours of a parameter, and what that took the place of; raise `TamperedError`."""
    try:
        current = msgspec.json.decode(row["body"], type=Owned)
        older = _OWNED_MANY.decode(row["earlier"])
    except (msgspec.MsgspecError, TypeError, ValueError):
        current, older = None, ()
    key = row["instance"], row["parameter"], row["apply_id"]
    if current is None or key != (current.instance, current.parameter, current.apply_id):
        raise _tampered(row["apply_id"], row["instance"], f"what it made of {row['parameter']!a:.80}")
    return (current, *older)


def _ownership_faults(connection: Connection, said: Mapping[str, Testimony]) -> Iterator[str]:
    query = select(ownerships).order_by(ownerships.c.instance, ownerships.c.parameter)
    kept: dict[str, dict[str, tuple[Owned, ...]]] = {}
    rows = connection.execute(query).mappings()
    for instance, found in groupby(rows, key=lambda row: str(row["instance"])):
        parts = kept.setdefault(printable(instance), {})
        for row in found:
            try:
                parts[row["parameter"]] = read_owned(row)
            except TamperedError as fault:
                yield fault.what
    for instance in sorted(kept.keys() | said.keys()):
        for parameter, id_ in said.get(instance, Testimony()).claim_faults(kept.get(instance, {})):
            yield _what(id_, instance, f"what it made of {parameter!a:.80}")


def _query(instance: str) -> Any:
    return select(audit).where(audit.c.subject == printable(instance))


def _rows(connection: Connection, instance: str, condition: ColumnElement[bool]) -> Iterator[AuditRow]:
    query = _query(instance).where(and_(audit.c.action.in_(ACTIONS), condition)).order_by(audit.c.seq)
    yield from map(read_row, connection.execute(query).mappings())


def _words_of(apply: Apply) -> dict[str, Any]:
    """Write an apply the way the audit log does."""
    fields = msgspec.structs.asdict(apply)
    at = {key: fields.pop(key) for key in ("started_at", "ended_at")}
    fields |= {"apply": fields.pop("id"), "plan": fields.pop("plan_hash"), "actor": printable(apply.actor)}
    return msgspec.json.decode(_json(fields)) | at


def _is_unsaid(key: str, value: Any) -> bool:
    return value is None and key in _BEGUN


def _fits(owned: Owned, claim: Claim) -> bool:
    fields = msgspec.structs.asdict(owned)
    fields["apply"] = fields.pop("apply_id")
    return claim.words == msgspec.json.decode(_json({key: fields[key] for key in claim.words}))


def _json(fields: Mapping[str, Any]) -> str:
    return detail_text(fields)


def _what(apply_id: str, instance: str, how: str) -> str:
    return f"the journal's apply {apply_id!a:.80} of {instance!a:.80} is not what the audit log says: {how}"


def _tampered(apply_id: str, instance: str, how: str) -> TamperedError:
    next_step = "restore the store from a backup; `setpoint audit verify` lists everything that was bent"
    return TamperedError(_what(apply_id, instance, how), next_step=next_step)

"""Registers: people, tokens, changes and the like as versioned records, none ever changed or taken away.

Each version is written together with the audit row that announces it, and that row holds its digest. A
reader checks both: a record that was edited, moved, made up or taken away behind the audit log's back is
not answered, it raises `TamperedError`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec
from sqlalchemy import and_, func, insert, select

from setpoint.config.revision import canonical, content_hash
from setpoint.errors import ConflictError, NotFoundError, TamperedError
from setpoint.store.audit import is_sound, read_row, with_record
from setpoint.store.chain import read_detail
from setpoint.store.schema import audit, records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping, Select

    from setpoint.store.audit import Audit
    from setpoint.store.database import Database

T = TypeVar("T")

_REPAIR = "restore the store from a backup; `setpoint audit verify` lists everything that was bent"
_STREAM_ROWS = 5_000
_REMEMBERED = 20_000
_COUNTED = "records"
_NTH = "nth"
"""What an audit row calls the number of records that there are with the one it announces."""

# Two questions, not one: SQLite answers each from an index alone, without looking at every row.
_COUNT = select(
    select(func.count()).select_from(records).scalar_subquery(),
    select(func.max(records.c.seq)).scalar_subquery(),
)


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A value as it was put at a time, and the number of that version, counted from 1."""

    value: T
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordReport:
    """What checking all records came to: how many there are, and each fault in words."""

    records: int
    faults: tuple[str, ...]


class Register(Generic[T]):
    """The records of one kind, by id. The newest version of each is the state."""

    def __init__(self, database: Database, audit_log: Audit, kind: str, type_: type[T]) -> None:
        """Stand on a database and write to its audit log."""
        self._database = database
        self._audit = audit_log
        self._kind = kind
        self._decoder = msgspec.json.Decoder(type_)
        self._read: OrderedDict[tuple[str, int], tuple[tuple[Any, ...], Kept[T]]] = OrderedDict()
        self._lock = Lock()

    def get(self, id_: str) -> Kept[T]:
        """Answer the newest version; raise `NotFoundError`, `TamperedError`."""
        found = self.find(id_)
        if found is None:
            message = f"there is no {self._kind} {id_[:80]!a}"
            raise NotFoundError(message, next_step="look at the list of those there are")
        return found

    def find(self, id_: str) -> Kept[T] | None:
        """Answer the newest version, or None; raise `TamperedError`."""
        with self._database.read() as connection:
            self._count(connection)
            return self._newest(connection, id_)

    def all(self) -> dict[str, Kept[T]]:
        """Answer the newest version of each record, by id; raise `TamperedError`."""
        return self.under("")

    def under(self, prefix: str) -> dict[str, Kept[T]]:
        """Answer the newest version of each record whose id begins so, by id; raise `TamperedError`."""
        newest = select(records.c.id, func.max(records.c.version).label("version"))
        newest = newest.where(records.c.kind == self._kind)
        if prefix:
            newest = newest.where(func.substr(records.c.id, 1, len(prefix)) == prefix)
        newest = newest.group_by(records.c.id).subquery()
        is_newest = and_(records.c.id == newest.c.id, records.c.version == newest.c.version)
        query = _announced().join(newest, is_newest).where(records.c.kind == self._kind)
        with self._database.read() as connection:
            self._count(connection)
            found = connection.execute(query.order_by(records.c.id)).mappings().all()
        return {row["id"]: self._kept(row) for row in found}

    def history(self, id_: str) -> tuple[Kept[T], ...]:
        """Answer all versions, the first one first; none when there is no such record."""
        with self._database.read() as connection:
            self._count(connection)
            found = connection.execute(self._versions(id_)).mappings().all()
        return tuple(map(self._kept, found))

    def put(
        self,
        id_: str,
        value: T,
        *,
        version: int,
        actor: str,
        action: str,
        detail: Mapping[str, Any],
        at: datetime,
        subject: str = "",
    ) -> Kept[T]:
        """Keep a new version and its audit row, both or neither.

        `version` is the one that was read (0: there is none yet). The row's subject is ``KIND:ID`` unless
        one is given.

        Raises:
            ConflictError: somebody else wrote a version meanwhile; nothing was written.
            TamperedError: the version it follows does not match its audit row.
        """
        body = canonical(value)
        with self._database.write() as connection:
            nth = self._count(connection) + 1
            newest = self._newest(connection, id_)
            if (newest.version if newest else 0) != version:
                raise self._moved(id_, version, newest)
            name = {"kind": self._kind, "id": id_, "version": version + 1, "digest": content_hash(body)}
            said = {**name, _NTH: nth}
            row = self._audit.announce(actor, action, subject or f"{self._kind}:{id_}", detail, said, at)
            fields = {**name, "body": body, "seq": row.seq, "at": row.at}
            connection.execute(insert(records).values(fields))
            self._database.notes[_COUNTED] = nth
        return Kept(value, version + 1, row.at)

    def _moved(self, id_: str, version: int, newest: Kept[T] | None) -> ConflictError:
        what = f"the {self._kind} {id_[:80]!a}"
        if newest is None:
            return ConflictError(f"{what} is not there", next_step="look again")
        if version == 0:
            return ConflictError(f"{what} is there already", next_step="choose another name")
        when = newest.at.isoformat(timespec="seconds")
        return ConflictError(f"{what} was changed meanwhile, at {when}", next_step="look at it and try again")

    def _count(self, connection: Connection) -> int:
        """Answer how many records there are; within a transaction they are counted and checked once."""
        notes = self._database.notes
        if _COUNTED not in notes:
            notes[_COUNTED] = _checked_count(connection)
        return notes[_COUNTED]

    def _newest(self, connection: Connection, id_: str) -> Kept[T] | None:
        query = self._versions(id_).order_by(None).order_by(records.c.version.desc()).limit(1)
        row = connection.execute(query).mappings().one_or_none()
        return self._kept(row) if row else None

    def _versions(self, id_: str) -> Select[Any]:
        query = _announced().where(records.c.kind == self._kind, records.c.id == id_)
        return query.order_by(records.c.version)

    def _kept(self, row: RowMapping) -> Kept[T]:
        """Check and read a row; one that is the same in every column as when it was checked is not again."""
        key, columns = (row["id"], row["version"]), tuple(row.values())
        with self._lock:
            known = self._read.get(key)
        if known is not None and known[0] == columns:
            return known[1]
        kept = self._checked(row)
        with self._lock:
            self._read[key] = (columns, kept)
            while len(self._read) > _REMEMBERED:
                self._read.popitem(last=False)
        return kept

    def _checked(self, row: RowMapping) -> Kept[T]:
        fault = record_fault(row)
        if fault:
            raise TamperedError(fault, next_step=_REPAIR)
        try:
            value = self._decoder.decode(row["body"])
        except (msgspec.MsgspecError, ValueError):
            message = f"version {row['version']} of the {self._kind} {row['id'][:80]!a} cannot be read"
            raise TamperedError(message, next_step=_REPAIR) from None
        return Kept(value, row["version"], row["record_at"])


def record_fault(row: Mapping[Any, Any]) -> str:
    """Say what is wrong with a record beside its audit row; empty when nothing is."""
    name = f"version {row['version']} of the {row['kind']} {row['id'][:80]!a}"
    if content_hash(row["body"]) != row["digest"]:
        return f"{name} was edited: it does not match its digest"
    if row["hash"] is None:
        return f"{name} was made up: no row of the audit log announces it"
    if not is_sound(row):
        return f"row {row['seq']} of the audit log, which announces {name}, was edited"
    announced = _record_in(read_detail(row["seq"], row["detail"]))
    announced.pop(_NTH, None)
    if announced != {key: row[key] for key in ("kind", "id", "version", "digest")}:
        return f"{name} is not what row {row['seq']} of the audit log announced"
    return ""


def record_faults(connection: Connection) -> tuple[int, Iterator[str]]:
    """Answer how many records there are, and what is wrong with any, or missing."""
    count = connection.execute(select(func.count()).select_from(records)).scalar_one()
    return count, _faults(connection)


def _faults(connection: Connection) -> Iterator[str]:
    query = _announced().order_by(records.c.kind, records.c.id, records.c.version)
    before: tuple[str, str, int] = ("", "", 0)
    with connection.execute(query, execution_options={"yield_per": _STREAM_ROWS}) as found:
        for row in found.mappings():
            fault = record_fault(row)
            if fault:
                yield fault
            here = (row["kind"], row["id"], row["version"])
            expected = before[2] + 1 if before[:2] == here[:2] else 1
            if here[2] != expected:
                yield f"version {expected} of the {here[0]} {here[1][:80]!a} is missing"
            before = here
    lost = select(audit.c.seq, audit.c.detail).where(with_record(connection))
    lost = lost.where(~select(records.c.seq).where(records.c.seq == audit.c.seq).exists())
    for seq, detail in connection.execute(lost.order_by(audit.c.seq)):
        try:
            announced = read_detail(seq, detail)
        except TamperedError as fault:
            yield fault.what
            continue
        name: dict[str, Any] = announced.get("record", announced)
        what = " ".join(f"{key} {name.get(key)!a:.80}" for key in ("kind", "id", "version"))
        yield f"a record ({what}) is missing, row {seq} of the audit log announced it"


def _checked_count(connection: Connection) -> int:
    """Count the records; raise `TamperedError` when some were taken away, or put in without a row.

    Both tables are only ever added to, and the newest row that announces a record says how many there were
    with it. Rows of older stores do not say so: then the rows that announce one are counted, too.
    """
    count, last = connection.execute(_COUNT).one()
    newest = select(audit).where(with_record(connection)).order_by(audit.c.seq.desc()).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    announced: tuple[Any, ...] = (0, None)
    if row is not None:
        nth = _record_in(read_row(row).detail).get(_NTH)
        if nth is None:
            rows = select(func.count()).select_from(audit).where(with_record(connection))
            nth = connection.execute(rows).scalar_one()
        announced = (nth, row["seq"])
    if (count, last) != announced:
        message = "records were taken away or put in behind the audit log's back"
        raise TamperedError(message, next_step=_REPAIR)
    return count


def _record_in(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Answer what the detail of an audit row says of a record; nothing where it says something else."""
    found = detail.get("record")
    return dict(cast("dict[str, Any]", found)) if isinstance(found, dict) else {}


def _announced() -> Select[Any]:
    """Read records, each beside the audit row that announced it (without one: nulls)."""
    own = [records.c.kind, records.c.id, records.c.version, records.c.body, records.c.digest]
    own += [records.c.seq, records.c.at.label("record_at")]
    beside = [audit.c.at, audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail]
    beside += [audit.c.previous, audit.c.hash]
    return select(*own, *beside).select_from(records.outerjoin(audit, audit.c.seq == records.c.seq))

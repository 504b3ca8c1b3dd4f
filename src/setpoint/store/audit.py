"""The audit log: only ever added to, hash-chained, on disk before what it speaks of happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Text, TextClause, insert, select, text, type_coerce, update

from setpoint.errors import TamperedError
from setpoint.store.chain import (
    LINK_COLUMNS,
    START,
    AuditHead,
    AuditReport,
    AuditRow,
    Check,
    Checkpoint,
    Link,
    detail_text,
    link,
    link_texts,
    printable,
    read_detail,
    time_text,
    write_checkpoint,
    write_head,
    write_line,
)
from setpoint.store.database import add_missing
from setpoint.store.schema import RECORD_MARK, WITH_RECORD, audit, audit_head, checkpoints, stores, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from setpoint.store.database import Database

_STREAM_ROWS = 5_000


class Audit:
    """The audit log of one store."""

    def __init__(self, database: Database) -> None:
        """Stand on a database."""
        self._database = database

    def append(
        self, actor: str, action: str, subject: str, detail: Mapping[str, Any], at: datetime
    ) -> AuditRow:
        r"""Add a row; it is on disk when this returns, or when the transaction around it ends.

        Control characters are kept as ``\uXXXX``; passwords inside texts are masked.

        Raises:
            ValueError: a key of `detail` looks like a secret's, or `at` has no zone.
            StoreUnavailableError: nothing was written.
        """
        written = detail_text(detail)
        if RECORD_MARK in written:
            message = "only a register may say in the audit log that it keeps a record"
            raise ValueError(message)
        return self._append(actor, action, subject, written, at)

    def announce(
        self,
        actor: str,
        action: str,
        subject: str,
        detail: Mapping[str, Any],
        record: Mapping[str, Any],
        at: datetime,
    ) -> AuditRow:
        """Add a row that announces a version of a record, which a register writes in the same transaction."""
        if RECORD_MARK in detail_text(detail):
            message = "a row announces one record"
            raise ValueError(message)
        return self._append(actor, action, subject, detail_text({**detail, "record": dict(record)}), at)

    def _append(self, actor: str, action: str, subject: str, detail: str, at: datetime) -> AuditRow:
        columns: dict[str, Any] = {
            "at": utc(at),
            "actor": printable(actor),
            "action": printable(action),
            "subject": printable(subject),
            "detail": detail,
        }
        with self._database.write() as connection:
            head = _head(connection)
            columns |= {
                "seq": head.seq + 1 if head else 1,
                "previous": head.hash if head else START,
                "hash": "",
            }
            columns["hash"] = link_of(columns).recomputed()
            connection.execute(insert(audit).values(columns))
            change = insert(audit_head).values(id=1) if head is None else update(audit_head)
            connection.execute(change.values(seq=columns["seq"], hash=columns["hash"]))
        return AuditRow(**{**columns, "detail": msgspec.json.decode(columns["detail"])})

    def head(self) -> AuditHead:
        """Answer the last row's number and hash: what to note elsewhere."""
        with self._database.read() as connection:
            return _head(connection) or AuditHead(seq=0, hash=START)

    def rows(
        self,
        *,
        limit: int | None = None,
        subject: str = "",
        action: str = "",
        after_seq: int = 0,
        newest_first: bool = False,
    ) -> tuple[AuditRow, ...]:
        """Answer rows, oldest first unless told otherwise; `action` takes a prefix such as ``apply.`` too."""
        query = select(audit).where(audit.c.seq > after_seq)
        if subject:
            query = query.where(audit.c.subject == printable(subject))
        if action:
            query = query.where(audit.c.action.startswith(action, autoescape=True))
        query = query.order_by(audit.c.seq.desc() if newest_first else audit.c.seq).limit(limit)
        with self._database.read() as connection:
            found = connection.execute(query).mappings().all()
        return tuple(map(_read, found))

    def has(self, action: str) -> bool:
        """Tell whether anybody ever did that."""
        query = select(audit.c.seq).where(audit.c.action == action).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).scalar() is not None

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Answer the signed checkpoints, oldest first."""
        with self._database.read() as connection:
            return tuple(_checkpoints(connection))

    def last_checkpoint(self, key: str = "") -> Checkpoint | None:
        """Answer the newest checkpoint (that was signed with a key), or None."""
        with self._database.read() as connection:
            return next(_checkpoints(connection, key, is_last=True), None)

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a signed checkpoint of a head; one that is there already stays."""
        fields = msgspec.structs.asdict(checkpoint)
        del fields["store"]
        with self._database.write_beside() as connection:
            add_missing(connection, checkpoints, [fields])

    def head_following(self, since: AuditHead) -> AuditHead | None:
        """Answer the last row's number and hash when every row after `since` is chained to it, else None."""
        with self._database.read() as connection:
            last = since
            for row in _links(connection, since.seq):
                if (row.seq, row.previous) != (last.seq + 1, last.hash) or row.recomputed() != row.hash:
                    return None
                last = AuditHead(seq=row.seq, hash=row.hash)
            stands = select(audit.c.hash).where(audit.c.seq == since.seq)
            is_there = since.seq == 0 or connection.execute(stands).scalar() == since.hash
            return last if is_there and last == (_head(connection) or since) else None

    def verify(
        self, *, noted: AuditHead | None = None, expected: Iterable[tuple[AuditHead, str]] = ()
    ) -> AuditReport:
        """Recompute the whole chain. `noted` is a head written down elsewhere, which it must pass through.

        So it must through every checkpoint, whose signatures the caller checks, and through what is
        `expected`: heads, each with the words for it. Without any of these a person who rewrote rows *and*
        head is not found; see `setpoint.store.chain`.
        """
        check = Check(noted)
        with self._database.read() as connection:
            head = _head(connection) or AuditHead(seq=0, hash=START)
            for each in _checkpoints(connection):
                check.expect_checkpoint(each)
            for each, what in expected:
                check.expect(each, what)
            for row in _links(connection):
                check.add(row)
        return check.finish(head)

    def export(self) -> Iterator[str]:
        """Answer the log as JSON lines without line ends: the rows, then the head.

        `setpoint.store.chain.verify_export` reads them, without a store.
        """
        with self._database.read() as connection:
            waiting = list(reversed(list(_checkpoints(connection))))
            for row in _links(connection):
                yield write_line(row)
                while waiting and waiting[-1].seq <= row.seq:
                    yield write_checkpoint(waiting.pop())
            yield from map(write_checkpoint, reversed(waiting))
            yield write_head(_head(connection) or AuditHead(seq=0, hash=START))


def _head(connection: Connection) -> AuditHead | None:
    row = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
    return AuditHead(seq=row.seq, hash=row.hash) if row else None


def _checkpoints(connection: Connection, key: str = "", *, is_last: bool = False) -> Iterator[Checkpoint]:
    own_name = select(stores.c.id).scalar_subquery().label("store")
    query = select(checkpoints, own_name).order_by(checkpoints.c.seq, checkpoints.c.key)
    if key:
        query = query.where(checkpoints.c.key == key)
    if is_last:
        query = query.order_by(None).order_by(checkpoints.c.seq.desc()).limit(1)
    for row in connection.execute(query).mappings():
        yield Checkpoint(**{str(name): value for name, value in row.items()})


def with_record(connection: Connection) -> TextClause:
    """Answer the condition that a row of the audit log announces a record; there is an index of those."""
    return text(WITH_RECORD[connection.dialect.name])


def link_of(row: Mapping[Any, Any]) -> Link:
    """Make a link of a row of the table."""
    return link({**row, "at": time_text(row["at"])})


def read_row(row: Mapping[Any, Any]) -> AuditRow:
    """Read a row of the table that something else stands on; raise `TamperedError` when it was edited."""
    if not is_sound(row):
        message = f"row {row['seq']} of the audit log was edited: it does not match its own hash"
        raise TamperedError(message, next_step="`setpoint audit verify` lists everything that was bent")
    return _read(row)


def is_sound(row: Mapping[Any, Any]) -> bool:
    """Tell whether a row of the table matches its own hash."""
    try:
        return link_of(row).recomputed() == row["hash"]
    except TypeError:  # bytes where a text should stand
        return False


def _read(row: Mapping[Any, Any]) -> AuditRow:
    fields: dict[str, Any] = {str(name): value for name, value in row.items()}
    fields["detail"] = read_detail(fields["seq"], fields["detail"])
    return AuditRow(**fields)


def _links(connection: Connection, after_seq: int = 0) -> Iterator[Link]:
    columns: dict[str, ColumnElement[Any]] = {name: audit.c[name] for name in LINK_COLUMNS}
    is_text = connection.dialect.name == "sqlite"
    if is_text:  # the text that was hashed, as it stands there
        columns["at"] = type_coerce(audit.c.at, Text)
    query = select(*columns.values()).where(audit.c.seq > after_seq).order_by(audit.c.seq)
    with connection.execute(query, execution_options={"yield_per": _STREAM_ROWS}) as found:
        row: Any
        for row in found:
            seq, at, *texts = row
            texts = [at if is_text else time_text(at), *texts]
            try:
                "".join(texts)
            except TypeError:  # bytes in a text's place: their notation is a text that was never hashed
                texts = [each if isinstance(each, str) else repr(each) for each in texts]
            yield link_texts(seq, *texts)

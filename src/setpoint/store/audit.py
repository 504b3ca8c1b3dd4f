"""The audit log: only ever added to, hash-chained, on disk before what it speaks of happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, select, update

from setpoint.store.chain import (
    START,
    AuditHead,
    AuditReport,
    AuditRow,
    Check,
    Link,
    detail_text,
    link,
    printable,
    time_text,
    write_head,
    write_line,
)
from setpoint.store.schema import audit, audit_head, utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

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
        columns: dict[str, Any] = {
            "at": utc(at),
            "actor": printable(actor),
            "action": printable(action),
            "subject": printable(subject),
            "detail": detail_text(detail),
        }
        with self._database.write() as connection:
            head = _head(connection)
            columns |= {
                "seq": head.seq + 1 if head else 1,
                "previous": head.hash if head else START,
                "hash": "",
            }
            columns["hash"] = _link(columns).recomputed()
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
        return tuple(AuditRow(**{**row, "detail": msgspec.json.decode(row["detail"])}) for row in found)

    def verify(self, *, noted: AuditHead | None = None) -> AuditReport:
        """Recompute the whole chain. `noted` is a head written down elsewhere, which it must pass through.

        Without `noted` a person who rewrote rows *and* head is not found; see `setpoint.store.chain`.
        """
        check = Check(noted)
        with self._database.read() as connection:
            head = _head(connection) or AuditHead(seq=0, hash=START)
            for row in _links(connection):
                check.add(row)
        return check.finish(head)

    def export(self) -> Iterator[str]:
        """Answer the log as JSON lines without line ends: the rows, then the head.

        `setpoint.store.chain.verify_export` reads them, without a store.
        """
        with self._database.read() as connection:
            yield from map(write_line, _links(connection))
            yield write_head(_head(connection) or AuditHead(seq=0, hash=START))


def _head(connection: Connection) -> AuditHead | None:
    row = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
    return AuditHead(seq=row.seq, hash=row.hash) if row else None


def _link(row: Mapping[Any, Any]) -> Link:
    return link({**row, "at": time_text(row["at"])})


def _links(connection: Connection) -> Iterator[Link]:
    query = select(audit).order_by(audit.c.seq)
    with connection.execute(query, execution_options={"yield_per": _STREAM_ROWS}) as found:
        yield from map(_link, found.mappings())

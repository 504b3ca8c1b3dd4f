"""The tables, as they are after every migration.

Bodies are bytes whose hash is their name; times are UTC. Revisions, objects, plans, records, audit rows and
their checkpoints are only ever added: triggers refuse anything else, on both databases. Leases, workers and
cursors say who is at work just now and how far they are; they are no evidence of anything.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    DDL,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    event,
    text,
)

from setpoint.errors import TamperedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Dialect
    from sqlalchemy.types import TypeEngine

SCHEMAS = ("0001", "0002", "0003")
"""Every schema this code knows, oldest first; the last is the one it works with."""

VERSION_TABLE = "setpoint_schema"

_ROWID = "rowid = NEW.rowid"

APPEND_ONLY = {
    "audit": (_ROWID,),
    "revision": (_ROWID, "id = NEW.id", "number = NEW.number"),
    "object": (_ROWID, "hash = NEW.hash"),
    "record": (
        _ROWID,
        "kind = NEW.kind AND id = NEW.id AND version = NEW.version",
        "seq = NEW.seq",
    ),
    "checkpoint": (_ROWID, "seq = NEW.seq AND key = NEW.key"),
    "plan": (_ROWID, "hash = NEW.hash"),
    "store": (_ROWID,),
}
"""Tables whose rows may never be changed or taken away, and what no two of their rows share."""


RECORD_MARK = '"record":{'
"""What the detail of an audit row holds when the row announces a record."""

WITH_RECORD = {
    "sqlite": f"instr(detail, '{RECORD_MARK}') > 0",
    "postgresql": f"position('{RECORD_MARK}' in detail) > 0",
}
"""The same as a condition, word for word as the index has it."""


class UtcTime(TypeDecorator[datetime]):
    """An aware time: ``timestamptz`` on PostgreSQL, on SQLite ISO text of one width, so it sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a time; a naive one is a mistake of the caller."""
        if value is None:
            return None
        moment = utc(value)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read a time."""
        if value is None:
            return None
        try:
            return utc(datetime.fromisoformat(value) if dialect.name == "sqlite" else value)
        except (TypeError, ValueError):
            message = f"a time in the store is none: {value!a:.40}"
            raise TamperedError(message, next_step="restore the store from a backup") from None


class Body(TypeDecorator[bytes]):
    """Bytes; a text that SQLite let somebody put in their place is read as the bytes it is written with."""

    impl = LargeBinary
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        """Read bytes."""
        del dialect
        return value if value is None or isinstance(value, bytes) else str(value).encode()


def utc(at: datetime) -> datetime:
    """Answer the same moment in UTC; raises `ValueError` for a time without a zone."""
    if at.tzinfo is None:
        message = f"a time without a zone was handed to the store: {at}"
        raise ValueError(message)
    return at.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

objects = Table(
    "object",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("body", Body, nullable=False),
)

revisions = Table(
    "revision",
    metadata,
    Column("id", String(64), primary_key=True),
    # Place on the line of heads, from 1; empty for the side of a merge, which was never a head.
    Column("number", Integer, unique=True),
    Column("parents", Text, nullable=False),
    Column("root", String(64), ForeignKey("object.hash"), nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_audit_action", "action", "seq"),
    # The rows that announce a record, so that a record taken away is missed at the next read.
    Index(
        "ix_audit_with_record",
        "seq",
        sqlite_where=text(WITH_RECORD["sqlite"]),
        postgresql_where=text(WITH_RECORD["postgresql"]),
    ),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    CheckConstraint("id = 1", name="single"),
)

checkpoints = Table(
    "checkpoint",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("signature", Text, nullable=False),
)

records = Table(
    "record",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", Body, nullable=False),
    Column("digest", String(64), nullable=False),
    # The audit row that announced this version, and holds its digest.
    Column("seq", Integer, ForeignKey("audit.seq"), nullable=False, unique=True),
    Column("at", UtcTime, nullable=False),
)

# The store's own name, given once: what its signatures say which store they speak of.
stores = Table(
    "store",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", String(32), nullable=False),
    CheckConstraint("number = 1", name="single"),
)

catalogs = Table(
    "catalog",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("body", Body, nullable=False),
)

snapshots = Table(
    "snapshot",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("instance", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("catalog", String(64), ForeignKey("catalog.hash"), nullable=False, index=True),
    Column("body", Body, nullable=False),
    Index("ix_snapshot_instance_at", "instance", "at", "id"),
)

plans = Table(
    "plan",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("instance", Text, nullable=False),
    Column("revision", String(64), nullable=False),
    Column("body", Body, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("ix_plan_instance_at", "instance", "at"),
)

applies = Table(
    "apply",
    metadata,
    Column("id", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("plan_hash", String(64), nullable=False),
    Column("revision", String(64), nullable=False),
    Column("actor", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("outcome", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("is_step_done", Boolean, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Index("ix_apply_instance_started_at", "instance", "started_at"),
    # The store's own word on "one apply per instance at a time".
    Index(
        "uq_apply_running",
        "instance",
        unique=True,
        sqlite_where=text("outcome = 'running'"),
        postgresql_where=text("outcome = 'running'"),
    ),
)

ownerships = Table(
    "ownership",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("parameter", Text, primary_key=True),
    Column("apply_id", Text, ForeignKey("apply.id"), nullable=False, index=True),
    # The ownership as JSON, and those it took the place of while their effects are not certain, newest first.
    Column("body", Text, nullable=False),
    Column("earlier", Text, nullable=False),
)

# A lease that was given back keeps its row, with nobody as its holder: its epochs go on.
leases = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("renewals", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
)

workers = Table(
    "worker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seen_at", UtcTime, nullable=False),
    Column("body", Text, nullable=False),
)

cursors = Table(
    "cursor",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
)

# The last attempt to look at each instance.
sights = Table(
    "sight",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("tried_at", UtcTime, nullable=False),
    Column("body", Text, nullable=False),
)


def _sqlite_guards(table: str, keys: tuple[str, ...]) -> Iterator[str]:
    refusal = f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are only ever added'); END"
    for verb in ("UPDATE", "DELETE"):
        yield f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {refusal}"
    # REPLACE takes rows away without asking the trigger above.
    taken = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {key})" for key in keys)  # noqa: S608 - our own names
    yield f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {taken} {refusal}"


_REFUSE = """
CREATE FUNCTION setpoint_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of %% are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""


def _postgresql_guard(table: str) -> str:
    return (
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION setpoint_append_only()"
    )


@event.listens_for(metadata, "after_create")
def _guard(_target: MetaData, connection: Connection, **_: Any) -> None:
    if connection.dialect.name == "sqlite":
        for table, keys in APPEND_ONLY.items():
            for guard in _sqlite_guards(table, keys):
                connection.execute(DDL(guard))
        return
    connection.execute(DDL(_REFUSE))
    for table in APPEND_ONLY:
        connection.execute(DDL(_postgresql_guard(table)))

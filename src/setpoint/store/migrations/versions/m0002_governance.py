"""Governance: records, signed checkpoints, the store's own name; plans are kept for good. Stays as it was."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    text,
)

revision = "0002"
down_revision = "0001"

_APPEND_ONLY = ("record", "checkpoint", "plan", "store")
_ROWID = "rowid = NEW.rowid"
_NEVER_SHARED = {
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


def upgrade() -> None:
    """Add the tables, the indexes that registers read by, and the guards."""
    _create_records()
    _create_checkpoints()
    op.create_index("ix_audit_action", "audit", ["action", "seq"])
    op.create_index(
        "ix_audit_with_record",
        "audit",
        ["seq"],
        sqlite_where=text("instr(detail, '\"record\":{') > 0"),
        postgresql_where=text("position('\"record\":{' in detail) > 0"),
    )
    if op.get_context().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _time() -> DateTime | Text:
    return Text() if op.get_context().dialect.name == "sqlite" else DateTime(timezone=True)


def _create_records() -> None:
    op.create_table(
        "record",
        Column("kind", Text, nullable=False),
        Column("id", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("digest", String(64), nullable=False),
        Column("seq", Integer, nullable=False),
        Column("at", _time(), nullable=False),
        PrimaryKeyConstraint("kind", "id", "version", name="pk_record"),
        UniqueConstraint("seq", name="uq_record_seq"),
        ForeignKeyConstraint(["seq"], ["audit.seq"], name="fk_record_seq"),
    )


def _create_checkpoints() -> None:
    op.create_table(
        "checkpoint",
        Column("seq", Integer, nullable=False, autoincrement=False),
        Column("key", Text, nullable=False),
        Column("hash", String(64), nullable=False),
        Column("at", _time(), nullable=False),
        Column("signature", Text, nullable=False),
        PrimaryKeyConstraint("seq", "key", name="pk_checkpoint"),
    )
    op.create_table(
        "store",
        Column("number", Integer, nullable=False, autoincrement=False),
        Column("id", String(32), nullable=False),
        CheckConstraint("number = 1", name=op.f("ck_store_single")),
        PrimaryKeyConstraint("number", name="pk_store"),
    )


def _guard_sqlite() -> None:
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {_refusal(table)}")
    for table, keys in _NEVER_SHARED.items():
        taken = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {key})" for key in keys)  # noqa: S608 - our own names
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {taken} {_refusal(table)}"
        )


def _refusal(table: str) -> str:
    return f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are only ever added'); END"


def _guard_postgresql() -> None:
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION setpoint_append_only()"
        )

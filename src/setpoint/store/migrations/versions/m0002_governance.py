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
    for table in _APPEND_ONLY:
        if op.get_context().dialect.name == "sqlite":
            _guard_sqlite(table)
        else:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION setpoint_append_only()"
            )


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


def _guard_sqlite(table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are only ever added'); END"
        )

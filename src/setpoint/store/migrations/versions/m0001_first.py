"""The first schema. Nothing here is shared with `schema.py`: a migration must stay as it was."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    text,
)

revision = "0001"
down_revision = None

_APPEND_ONLY = ("audit", "revision", "object")


def upgrade() -> None:
    """Make every table, index and guard."""
    _create_configuration()
    _create_audit()
    _create_observations()
    _create_journal()
    if op.get_context().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _time() -> DateTime | Text:
    return Text() if op.get_context().dialect.name == "sqlite" else DateTime(timezone=True)


def _create_configuration() -> None:
    op.create_table(
        "object",
        Column("hash", String(64), nullable=False),
        Column("body", LargeBinary, nullable=False),
        PrimaryKeyConstraint("hash", name="pk_object"),
    )
    op.create_table(
        "revision",
        Column("id", String(64), nullable=False),
        Column("number", Integer),
        Column("parents", Text, nullable=False),
        Column("root", String(64), nullable=False),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("ticket", Text, nullable=False),
        Column("at", _time(), nullable=False),
        PrimaryKeyConstraint("id", name="pk_revision"),
        UniqueConstraint("number", name="uq_revision_number"),
        ForeignKeyConstraint(["root"], ["object.hash"], name="fk_revision_root"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        Column("seq", Integer, nullable=False, autoincrement=False),
        Column("at", _time(), nullable=False),
        Column("actor", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
        PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "audit_head",
        Column("id", Integer, nullable=False, autoincrement=False),
        Column("seq", Integer, nullable=False),
        Column("hash", String(64), nullable=False),
        CheckConstraint("id = 1", name=op.f("ck_audit_head_single")),
        PrimaryKeyConstraint("id", name="pk_audit_head"),
    )


def _create_observations() -> None:
    op.create_table(
        "catalog",
        Column("hash", String(64), nullable=False),
        Column("body", LargeBinary, nullable=False),
        PrimaryKeyConstraint("hash", name="pk_catalog"),
    )
    op.create_table(
        "snapshot",
        Column("id", Integer, Identity(), nullable=False),
        Column("instance", Text, nullable=False),
        Column("at", _time(), nullable=False),
        Column("catalog", String(64), nullable=False),
        Column("body", LargeBinary, nullable=False),
        PrimaryKeyConstraint("id", name="pk_snapshot"),
        ForeignKeyConstraint(["catalog"], ["catalog.hash"], name="fk_snapshot_catalog"),
    )
    op.create_index("ix_snapshot_catalog", "snapshot", ["catalog"])
    op.create_index("ix_snapshot_instance_at", "snapshot", ["instance", "at", "id"])


def _create_journal() -> None:
    op.create_table(
        "plan",
        Column("hash", String(64), nullable=False),
        Column("instance", Text, nullable=False),
        Column("revision", String(64), nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("actor", Text, nullable=False),
        Column("at", _time(), nullable=False),
        PrimaryKeyConstraint("hash", name="pk_plan"),
    )
    op.create_index("ix_plan_instance_at", "plan", ["instance", "at"])
    op.create_table(
        "apply",
        Column("id", Text, nullable=False),
        Column("instance", Text, nullable=False),
        Column("plan_hash", String(64), nullable=False),
        Column("revision", String(64), nullable=False),
        Column("actor", Text, nullable=False),
        Column("host", Text, nullable=False),
        Column("pid", Integer, nullable=False),
        Column("started_at", _time(), nullable=False),
        Column("ended_at", _time()),
        Column("outcome", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("step", Integer, nullable=False),
        Column("is_step_done", Boolean, nullable=False),
        Column("steps", Integer, nullable=False),
        Column("message", Text, nullable=False),
        PrimaryKeyConstraint("id", name="pk_apply"),
    )
    op.create_index("ix_apply_instance_started_at", "apply", ["instance", "started_at"])
    is_running = text("outcome = 'running'")
    op.create_index(
        "uq_apply_running",
        "apply",
        ["instance"],
        unique=True,
        sqlite_where=is_running,
        postgresql_where=is_running,
    )
    op.create_table(
        "ownership",
        Column("instance", Text, nullable=False),
        Column("parameter", Text, nullable=False),
        Column("apply_id", Text, nullable=False),
        Column("body", Text, nullable=False),
        Column("earlier", Text, nullable=False),
        PrimaryKeyConstraint("instance", "parameter", name="pk_ownership"),
        ForeignKeyConstraint(["apply_id"], ["apply.id"], name="fk_ownership_apply_id"),
    )
    op.create_index("ix_ownership_apply_id", "ownership", ["apply_id"])


def _guard_sqlite() -> None:
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are only ever added'); END"
            )


def _guard_postgresql() -> None:
    op.execute("""
CREATE FUNCTION setpoint_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
""")
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION setpoint_append_only()"
        )

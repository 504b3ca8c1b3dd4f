"""The control plane: leases, workers and cursors. Stays as it was."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, DateTime, Double, Integer, PrimaryKeyConstraint, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables of what changes all the time and proves nothing."""
    op.create_table(
        "lease",
        Column("name", Text, nullable=False),
        Column("holder", Text, nullable=False),
        Column("epoch", Integer, nullable=False),
        Column("until", _time(), nullable=False),
        Column("renewals", Integer, nullable=False),
        Column("seconds", Double, nullable=False),
        PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "worker",
        Column("id", Text, nullable=False),
        Column("seen_at", _time(), nullable=False),
        Column("body", Text, nullable=False),
        PrimaryKeyConstraint("id", name="pk_worker"),
    )
    op.create_table(
        "cursor",
        Column("name", Text, nullable=False),
        Column("seq", Integer, nullable=False),
        PrimaryKeyConstraint("name", name="pk_cursor"),
    )
    op.create_table(
        "sight",
        Column("instance", Text, nullable=False),
        Column("tried_at", _time(), nullable=False),
        Column("body", Text, nullable=False),
        PrimaryKeyConstraint("instance", name="pk_sight"),
    )


def _time() -> DateTime | Text:
    return Text() if op.get_context().dialect.name == "sqlite" else DateTime(timezone=True)

"""Plans as they were made: JSON bytes under the hash that approvals bind to."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from setpoint.errors import InputError, NotFoundError
from setpoint.store.database import add_missing
from setpoint.store.schema import plans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import RowMapping

    from setpoint.store.database import Database

_PREFIX = re.compile(r"[0-9a-f]{4,64}")
_SHOWN = 5
_STREAM_ROWS = 500


class StoredPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan's bytes, with the instance and revision it is for, and who made it when."""

    hash: str
    instance: str
    revision: str
    body: bytes
    actor: str
    at: datetime


class Plans:
    """The plans of one store."""

    def __init__(self, database: Database) -> None:
        """Stand on a database."""
        self._database = database

    def put(self, digest: str, instance: str, revision: str, body: bytes, actor: str, at: datetime) -> None:
        """Keep a plan under its hash. When it is made again, the first one stays as it is."""
        plan = StoredPlan(hash=digest, instance=instance, revision=revision, body=body, actor=actor, at=at)
        with self._database.write() as connection:
            add_missing(connection, plans, [msgspec.structs.asdict(plan)])

    def get(self, name: str) -> StoredPlan:
        """Answer a plan by its hash or the first four or more digits of it.

        Raises `NotFoundError`, and `InputError` for a prefix that fits several.
        """
        if not _PREFIX.fullmatch(name):
            message = f"{name!r} does not name a plan"
            raise NotFoundError(
                message, next_step="give four or more digits of the hash that `setpoint plan` shows"
            )
        with self._database.read() as connection:
            query = select(plans).where(plans.c.hash.startswith(name)).limit(_SHOWN)
            found = connection.execute(query).mappings().all()
        if not found:
            message = f"there is no plan {name!r}"
            raise NotFoundError(message, next_step="make one with `setpoint plan`")
        if len(found) > 1:
            message = f"{name!r} fits several plans: {', '.join(row['hash'][:12] for row in found)}"
            raise InputError(message, next_step="give more digits")
        return _plan(found[0])

    def all(self) -> Iterator[StoredPlan]:
        """Answer every plan, by hash."""
        query = select(plans).order_by(plans.c.hash)
        with (
            self._database.read() as connection,
            connection.execute(query, execution_options={"yield_per": _STREAM_ROWS}) as found,
        ):
            yield from map(_plan, found.mappings())

    def recent(self, instance: str, limit: int = 20) -> tuple[StoredPlan, ...]:
        """Answer an instance's plans, newest first."""
        query = select(plans).where(plans.c.instance == instance)
        query = query.order_by(plans.c.at.desc(), plans.c.hash).limit(limit)
        with self._database.read() as connection:
            return tuple(map(_plan, connection.execute(query).mappings()))


def _plan(row: RowMapping) -> StoredPlan:
    return StoredPlan(**{str(name): value for name, value in row.items()})

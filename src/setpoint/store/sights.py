"""Sights: what became of the last attempt to look at each instance. Evidence of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from setpoint.errors import TamperedError
from setpoint.store.database import in_chunks
from setpoint.store.records import Sight
from setpoint.store.schema import UtcTime, sights, snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from setpoint.store.database import Database


class Sights:
    """The last attempts to look at the instances of one store's fleet."""

    def __init__(self, database: Database) -> None:
        """Stand on a database."""
        self._database = database
        self._decoder = msgspec.json.Decoder(Sight)

    def all(self) -> dict[str, Sight]:
        """Answer the last attempt at each instance that anybody tried to look at, by its name."""
        with self._database.read() as connection:
            bodies = connection.execute(select(sights.c.body)).scalars().all()
        return {sight.instance: sight for sight in map(self._read, bodies)}

    def find(self, name: str) -> Sight | None:
        """Answer the last attempt at an instance, None when there was none."""
        with self._database.read() as connection:
            body = connection.execute(select(sights.c.body).where(sights.c.instance == name)).scalar()
        return self._read(body) if body is not None else None

    def claim(self, name: str, last: Sight | None, at: datetime) -> Sight | None:
        """Begin an attempt, if nobody did since `last` was read; None when somebody was faster.

        So of any number of workers who find an instance due at the same time, one looks at it.
        """
        if last is not None and last.tried_at >= at:
            return None
        begun = msgspec.structs.replace(last or Sight(instance=name, tried_at=at), tried_at=at)
        fields = {"tried_at": at, "body": msgspec.json.encode(begun).decode()}
        with self._database.write_beside() as connection:
            if last is None:
                insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
                change = insert(sights).values(instance=name, **fields).on_conflict_do_nothing()
                change = change.returning(sights.c.instance)
            else:
                same = (sights.c.instance == name, sights.c.tried_at == last.tried_at)
                change = update(sights).where(*same).values(fields).returning(sights.c.instance)
            # Not by the number of rows: that of an insertion is not known on PostgreSQL.
            is_mine = connection.execute(change).scalar() is not None
        return begun if is_mine else None

    def note(self, name: str, change: Callable[[Sight], Sight]) -> Sight | None:
        """Keep what became of the last attempt; None when the instance was forgotten meanwhile."""
        kept = select(sights.c.body).where(sights.c.instance == name).with_for_update()
        with self._database.write_beside() as connection:
            body = connection.execute(kept).scalar()
            if body is None:
                return None
            changed = change(self._read(body))
            body = msgspec.json.encode(changed).decode()
            connection.execute(update(sights).where(sights.c.instance == name).values(body=body))
        return changed

    def seen_since(self, names: Sequence[str]) -> frozenset[str]:
        """Answer those of some instances that somebody observed after the last attempt that is kept here."""
        same = snapshots.c.instance == sights.c.instance
        later = select(snapshots.c.id).where(same, snapshots.c.at > sights.c.tried_at).exists()
        found: set[str] = set()
        with self._database.read() as connection:
            for chunk in in_chunks(names):
                query = select(sights.c.instance).where(sights.c.instance.in_(chunk), later)
                found.update(connection.execute(query).scalars())
        return frozenset(found)

    def last_seen(self) -> dict[str, datetime]:
        """Answer when each instance was last observed, by whomever; reads nothing but an index."""
        query = select(snapshots.c.instance, func.max(snapshots.c.at, type_=UtcTime()).label("at")).group_by(
            snapshots.c.instance
        )
        with self._database.read() as connection:
            return {row["instance"]: row["at"] for row in connection.execute(query).mappings()}

    def forget(self, names: Sequence[str]) -> None:
        """Take instances out; harmless for those that are in none."""
        with self._database.write_beside() as connection:
            for chunk in in_chunks(names):
                connection.execute(delete(sights).where(sights.c.instance.in_(chunk)))

    def _read(self, body: str) -> Sight:
        try:
            return self._decoder.decode(body)
        except (msgspec.MsgspecError, ValueError):
            message = "what became of an attempt to look at an instance cannot be read"
            raise TamperedError(message, next_step="restore the store from a backup") from None

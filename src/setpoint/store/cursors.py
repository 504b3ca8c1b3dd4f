"""Cursors: how far somebody who follows the audit log has come; they go forward, to its end at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from setpoint.store.database import add_missing
from setpoint.store.schema import cursors

if TYPE_CHECKING:
    from setpoint.store.database import Database


class Cursors:
    """The cursors of one store."""

    def __init__(self, database: Database) -> None:
        """Stand on a database."""
        self._database = database

    def get(self, name: str) -> int:
        """Answer the number of the last row that was dealt with, 0 before the first."""
        with self._database.read() as connection:
            return connection.execute(select(cursors.c.seq).where(cursors.c.name == name)).scalar() or 0

    def put(self, name: str, seq: int) -> None:
        """Note that all rows up to this one are dealt with; a smaller number than before changes nothing."""
        with self._database.write_beside() as connection:
            add_missing(connection, cursors, [{"name": name, "seq": seq}])
            is_behind = (cursors.c.name == name, cursors.c.seq < seq)
            connection.execute(update(cursors).where(*is_behind).values(seq=seq))

    def put_back(self, name: str, seq: int, *, beyond: int) -> bool:
        """Set a cursor that stands beyond a row, where nobody can have come yet; answer whether it did."""
        is_beyond = (cursors.c.name == name, cursors.c.seq > beyond)
        with self._database.write_beside() as connection:
            return connection.execute(update(cursors).where(*is_beyond).values(seq=seq)).rowcount > 0

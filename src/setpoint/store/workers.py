"""Workers: who is at work on the store's behalf, as each of them said last. Evidence of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, select, update

from setpoint.errors import TamperedError
from setpoint.store.database import add_missing
from setpoint.store.records import WorkerState
from setpoint.store.schema import workers

if TYPE_CHECKING:
    from setpoint.store.database import Database


class Workers:
    """The workers of one store."""

    def __init__(self, database: Database) -> None:
        """Stand on a database."""
        self._database = database
        self._decoder = msgspec.json.Decoder(WorkerState)

    def beat(self, state: WorkerState) -> None:
        """Keep what a worker says of itself, in the place of what it said before."""
        fields = {"seen_at": state.seen_at, "body": msgspec.json.encode(state).decode()}
        with self._database.write_beside() as connection:
            if not connection.execute(
                update(workers).where(workers.c.id == state.id).values(fields)
            ).rowcount:
                add_missing(connection, workers, [{"id": state.id, **fields}])

    def all(self) -> tuple[WorkerState, ...]:
        """Answer all workers by id, those that are gone, too, until they are forgotten."""
        with self._database.read() as connection:
            bodies = connection.execute(select(workers.c.body).order_by(workers.c.id)).scalars().all()
        try:
            return tuple(map(self._decoder.decode, bodies))
        except (msgspec.MsgspecError, ValueError):
            message = "what a worker said of itself cannot be read"
            raise TamperedError(
                message, next_step="restart the workers, and forget those that are gone"
            ) from None

    def forget(self, id_: str) -> None:
        """Take a worker out of the list; harmless when it is in none."""
        with self._database.write_beside() as connection:
            connection.execute(delete(workers).where(workers.c.id == id_))

"""Leases: who may do a thing for now, and a number that goes up each time somebody else may.

A lease is over when the store's clock says so, and also when this process saw it unrenewed for as long as it
lasts, by a clock that nobody can set: a store's clock that was put back holds nobody up. A clock put forward
ends leases early; their holders find by the epoch that they were, and `Leases.check` inside a transaction
fences what it writes.
"""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql

from setpoint.errors import HeldError
from setpoint.store.records import Lease
from setpoint.store.schema import leases

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping

    from setpoint.store.database import Database

LONGEST_SECONDS = 3600.0
"""How long a lease may last; a row that says more, which nobody here wrote, is not waited for longer."""

_NOBODY = ""


class Leases:
    """The leases of one store. Claims of different names never wait for each other on PostgreSQL."""

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[Connection], datetime] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Stand on a database; `now` is its clock unless another is handed in, `monotonic` this process's."""
        self._database = database
        self._now = now or database.clock
        self._monotonic = monotonic
        self._sights: dict[str, tuple[tuple[int, int], float]] = {}
        self._lock = Lock()

    def claim(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Take a lease that is free or over, under the next epoch; None while it is in force, whoever has it.

        Also None when somebody is claiming it at this very moment. Raises `ValueError` for a nameless holder
        and for a time that is none, or longer than `LONGEST_SECONDS`.
        """
        if not holder:
            message = "a lease needs a holder"
            raise ValueError(message)
        _check_seconds(seconds)
        with self._database.write_beside() as connection:
            wanted = select(leases).where(leases.c.name == name).with_for_update(skip_locked=True)
            row = connection.execute(wanted).mappings().one_or_none()
            if row is None:
                return self._first(connection, name, holder, seconds)
            if self._is_in_force(connection, row):
                return None
            lease = self._made(connection, name, holder, row["epoch"] + 1, seconds)
            self._write(connection, lease, seconds)
        self._forget(name)
        return lease

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Let a lease last that long from now on; raise `HeldError` when somebody else has it, or nobody.

        One that is over and that nobody took meanwhile is as good as before.
        """
        _check_seconds(seconds)
        with self._database.write_beside() as connection:
            until = self._made(connection, lease.name, lease.holder, lease.epoch, seconds).until
            values = {"until": until, "renewals": leases.c.renewals + 1, "seconds": seconds}
            change = update(leases).where(*_same(lease)).values(values).returning(leases)
            row = connection.execute(change).mappings().one_or_none()
            if row is None:
                raise _lost(lease, _row(connection, lease.name))
            return _lease(row)

    def release(self, lease: Lease) -> None:
        """Give a lease back; harmless when it is not one's own any more."""
        with self._database.write_beside() as connection:
            connection.execute(update(leases).where(*_same(lease)).values(holder=_NOBODY))

    def check(self, lease: Lease) -> None:
        """Raise `HeldError` when somebody else has claimed a lease since, or it was given back.

        Inside a transaction of the store nobody can claim it before that has ended: what it writes is fenced.
        """
        with self._database.read() as connection:
            # Renewals pass it, claims do not.
            row = _row(connection, lease.name, is_kept=self._database.is_writing)
            if row is None or (row["holder"], row["epoch"]) != (lease.holder, lease.epoch):
                raise _lost(lease, row)

    def holder_of(self, name: str) -> Lease | None:
        """Answer the lease in force, None when there is none."""
        with self._database.read() as connection:
            row = _row(connection, name)
            return _lease(row) if row is not None and self._is_in_force(connection, row) else None

    def _first(self, connection: Connection, name: str, holder: str, seconds: float) -> Lease | None:
        """Make a name's first row; None when there is one, which somebody is claiming just now."""
        lease = self._made(connection, name, holder, 1, seconds)
        fields = {"name": name, "holder": holder, "epoch": 1, "until": lease.until}
        fields |= {"renewals": 0, "seconds": seconds}
        if connection.dialect.name == "sqlite":
            connection.execute(insert(leases).values(fields))
            return lease
        add = postgresql.insert(leases).values(fields).on_conflict_do_nothing().returning(leases.c.name)
        return lease if connection.execute(add).scalar() is not None else None

    def _made(self, connection: Connection, name: str, holder: str, epoch: int, seconds: float) -> Lease:
        until = self._now(connection) + timedelta(seconds=seconds)
        return Lease(name=name, holder=holder, epoch=epoch, until=until, renewals=0)

    def _write(self, connection: Connection, lease: Lease, seconds: float) -> None:
        values = {"holder": lease.holder, "epoch": lease.epoch, "until": lease.until}
        change = update(leases).where(leases.c.name == lease.name)
        connection.execute(change.values({**values, "renewals": 0, "seconds": seconds}))

    def _is_in_force(self, connection: Connection, row: RowMapping) -> bool:
        name, mark, here = row["name"], (row["epoch"], row["renewals"]), self._monotonic()
        if not row["holder"] or row["until"] <= self._now(connection):
            self._forget(name)
            return False
        with self._lock:
            seen, since = self._sights.get(name, (mark, here))
            if seen != mark:
                since = here
            self._sights[name] = (mark, since)
        return here - since < min(row["seconds"], LONGEST_SECONDS)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._sights.pop(name, None)


def _same(lease: Lease) -> tuple[Any, Any, Any]:
    return leases.c.name == lease.name, leases.c.holder == lease.holder, leases.c.epoch == lease.epoch


def _row(connection: Connection, name: str, *, is_kept: bool = False) -> RowMapping | None:
    query = select(leases).where(leases.c.name == name)
    if is_kept:
        query = query.with_for_update(read=True, key_share=True)
    return connection.execute(query).mappings().one_or_none()


def _lease(row: RowMapping) -> Lease:
    fields = ("name", "holder", "epoch", "until", "renewals")
    return Lease(**{name: row[name] for name in fields})


def _check_seconds(seconds: float) -> None:
    if not 0 < seconds <= LONGEST_SECONDS:
        message = f"a lease lasts more than 0 and at most {LONGEST_SECONDS:g} seconds, not {seconds:g}"
        raise ValueError(message)


def _lost(lease: Lease, row: RowMapping | None) -> HeldError:
    holder = row["holder"] if row is not None else _NOBODY
    whose = f"{holder} has it now" if holder else "it was given back"
    return HeldError(
        f"the lease {lease.name!a} is not {lease.holder}'s any more: {whose}",
        next_step="nothing needs to be done: whoever has the lease carries on",
    )

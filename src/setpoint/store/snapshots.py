"""Snapshots: observations as they were made, and the live catalogs that give them meaning, each kept once."""

from __future__ import annotations

import gc
import zlib
from collections import OrderedDict
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from setpoint.catalog.catalog import CatalogData
from setpoint.config.observation import Observation
from setpoint.config.revision import canonical, content_hash
from setpoint.errors import NotFoundError
from setpoint.store.database import add_missing, in_chunks
from setpoint.store.schema import catalogs, snapshots

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from datetime import datetime

    from sqlalchemy import Subquery

    from setpoint.store.database import Database

_FASTEST = 1
_CATALOGS_REMEMBERED = 32
_PRUNED_AT_ONCE = 500


class Snapshots:
    """The observations of one store."""

    def __init__(self, database: Database) -> None:
        """Stand on a database."""
        self._database = database
        self._decoder = msgspec.json.Decoder(Observation)
        self._catalogs: OrderedDict[str, CatalogData] = OrderedDict()
        self._written: set[str] = set()
        self._lock = Lock()

    def put(self, observation: Observation, catalog: CatalogData) -> Observation:
        """Keep an observation with the catalog it was read by; answers it with `catalog_hash` filled in."""
        body = canonical(catalog)
        digest = content_hash(body)
        kept = msgspec.structs.replace(observation, catalog_hash=digest)
        row = {
            "instance": kept.instance,
            "at": kept.at,
            "catalog": digest,
            "body": _packed(msgspec.json.encode(kept)),
        }
        if digest in self._written and not self._database.is_writing:
            with suppress(IntegrityError):  # the catalog was pruned away meanwhile
                self._write(row)
                return kept
        self._write(row, {"hash": digest, "body": _packed(body)})
        if len(self._written) >= _CATALOGS_REMEMBERED:
            self._written.clear()
        self._written.add(digest)
        return kept

    def latest(self, instance: str) -> Observation | None:
        """Answer the newest observation of an instance, or None."""
        return next(iter(self.history(instance, 1)), None)

    def latest_many(self, instances: Iterable[str] | None = None) -> dict[str, Observation]:
        """Answer the newest observation of each of these instances (None: of all) that has one."""
        ranked = _ranked()
        query = select(snapshots.c.body).join(ranked, ranked.c.id == snapshots.c.id).where(ranked.c.rank == 1)
        queries = (
            [query]
            if instances is None
            else [query.where(ranked.c.instance.in_(c)) for c in in_chunks(list(instances))]
        )
        with self._database.read() as connection:
            bodies = [body for each in queries for body in connection.execute(each).scalars()]
        with _uncollected():
            found = [self._unpacked(body) for body in bodies]
        return {observation.instance: observation for observation in found}

    def history(
        self, instance: str, limit: int | None = None, before: datetime | None = None
    ) -> tuple[Observation, ...]:
        """Answer observations of an instance, newest first; with `before`, only earlier ones."""
        query = select(snapshots.c.body).where(snapshots.c.instance == instance)
        if before is not None:
            query = query.where(snapshots.c.at < before)
        query = query.order_by(snapshots.c.at.desc(), snapshots.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            bodies = connection.execute(query).scalars().all()
        return tuple(map(self._unpacked, bodies))

    def catalog(self, digest: str) -> CatalogData:
        """Answer a live catalog by its hash; raise `NotFoundError`. The last few are kept in memory."""
        with self._lock:
            known = self._catalogs.get(digest)
        if known is not None:
            return known
        with self._database.read() as connection:
            body = connection.execute(select(catalogs.c.body).where(catalogs.c.hash == digest)).scalar()
        if body is None:
            message = f"the store holds no catalog {digest[:12]!r}"
            raise NotFoundError(message, next_step="observe the instance again")
        catalog = msgspec.json.decode(zlib.decompress(body), type=CatalogData)
        with self._lock:
            self._catalogs[digest] = catalog
            while len(self._catalogs) > _CATALOGS_REMEMBERED:
                self._catalogs.popitem(last=False)
        return catalog

    def prune(self, keep_per_instance: int) -> int:
        """Keep the newest observations of each instance, and the catalogs they need; answer how many went.

        They are looked for while others write, and go a few at a time, so that nobody waits for long.
        """
        ranked = _ranked()
        query = select(ranked.c.id).where(ranked.c.rank > keep_per_instance)
        with self._database.read() as connection:
            doomed = connection.execute(query).scalars().all()
        count = 0
        for chunk in in_chunks(doomed, _PRUNED_AT_ONCE):
            with self._database.write_beside() as connection:
                count += connection.execute(delete(snapshots).where(snapshots.c.id.in_(chunk))).rowcount
        if count:
            is_used = select(snapshots.c.id).where(snapshots.c.catalog == catalogs.c.hash).exists()
            with self._database.write_beside() as connection:
                connection.execute(delete(catalogs).where(~is_used))
        return count

    def _write(self, row: dict[str, Any], *catalog_rows: dict[str, Any]) -> None:
        with self._database.write_beside() as connection:
            add_missing(connection, catalogs, catalog_rows)
            connection.execute(insert(snapshots).values(row))

    def _unpacked(self, body: bytes) -> Observation:
        return self._decoder.decode(zlib.decompress(body))


@contextmanager
def _uncollected() -> Generator[None]:
    """Hold the cyclic collector off: it would look ten times at a million new values that form no cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _ranked() -> Subquery:
    """Number each instance's snapshots from 1, the newest; reads nothing but an index."""
    newest_first = (snapshots.c.at.desc(), snapshots.c.id.desc())
    rank = func.row_number().over(partition_by=snapshots.c.instance, order_by=newest_first)
    return select(snapshots.c.id, snapshots.c.instance, rank.label("rank")).subquery()


def _packed(body: bytes) -> bytes:
    return zlib.compress(body, _FASTEST)

"""The store's front: one object with a part for each thing that is remembered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from setpoint.store.audit import Audit
from setpoint.store.database import Database
from setpoint.store.journal import Journal
from setpoint.store.plans import Plans
from setpoint.store.revisions import Revisions
from setpoint.store.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class Store:
    """What is remembered: `revisions`, `audit`, `snapshots`, `plans`, `journal`."""

    def __init__(self, database: Database) -> None:
        """Stand on an open database; see `open` and `create`."""
        self._database = database
        self.audit = Audit(database)
        self.revisions = Revisions(database)
        self.snapshots = Snapshots(database)
        self.plans = Plans(database)
        self.journal = Journal(database, self.audit)

    @classmethod
    def open(cls, where: str | Path) -> Self:
        """Open a store: a path, ``sqlite:///PATH`` or ``postgresql://USER@HOST/DATABASE``.

        Raises:
            StoreUnavailableError: there is none, its schema is not ours, or it does not answer.
            InputError: `where` names no place for a store.
        """
        return cls(_ready(Database(where), is_new=False))

    @classmethod
    def create(cls, where: str | Path) -> Self:
        """Make a store, or bring an older one's schema up to date; an existing one is simply opened.

        A file is made readable to its owner only (0600), and so are folders made for it (0700).
        """
        return cls(_ready(Database(where), is_new=True))

    @property
    def where(self) -> str:
        """The place, without password."""
        return self._database.shown

    def __repr__(self) -> str:
        """Name the place, without password."""
        return f"Store({self.where!r})"

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Do all that this thread writes inside, in any part, or none of it; no writer comes between."""
        with self._database.write():
            yield

    def close(self) -> None:
        """End all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        """Answer the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def _ready(database: Database, *, is_new: bool) -> Database:
    try:
        (database.create if is_new else database.open)()
    except BaseException:
        database.close()
        raise
    return database

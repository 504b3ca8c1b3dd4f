"""The store's front: one object with a part for each thing that is remembered."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlalchemy import select

from setpoint.config.bundle import Issued
from setpoint.config.override import Override
from setpoint.errors import TamperedError
from setpoint.policy.approval import Change
from setpoint.policy.channel import Channel
from setpoint.policy.compliance import ReportPoint
from setpoint.policy.incident import Incident
from setpoint.policy.person import Delegation, Person
from setpoint.policy.rollout import Rollout, RolloutTarget
from setpoint.policy.token import Token
from setpoint.policy.waiver import Waiver
from setpoint.store.audit import Audit
from setpoint.store.cursors import Cursors
from setpoint.store.database import Database
from setpoint.store.journal import Journal
from setpoint.store.leases import Leases
from setpoint.store.plans import Plans
from setpoint.store.registers import RecordReport, Register, record_faults
from setpoint.store.revisions import Revisions
from setpoint.store.schema import stores
from setpoint.store.sights import Sights
from setpoint.store.snapshots import Snapshots
from setpoint.store.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime


class Store:
    """What is remembered: `revisions`, `audit`, `snapshots`, `plans`, `journal`, and the registers.

    The registers: `people`, `tokens`, `delegations`, `changes`, `waivers`, `incidents`, `reports`,
    `overrides`, `rollouts`, `targets`, `channels`, `bundles`. What changes all the time: `leases`,
    `workers`, `cursors`, `sights`.
    """

    def __init__(self, database: Database) -> None:
        """Stand on an open database; see `open` and `create`."""
        self._database = database
        self.audit = Audit(database)
        self.revisions = Revisions(database)
        self.snapshots = Snapshots(database)
        self.plans = Plans(database)
        self.journal = Journal(database, self.audit)
        self.people = Register(database, self.audit, "person", Person)
        self.tokens = Register(database, self.audit, "token", Token)
        self.delegations = Register(database, self.audit, "delegation", Delegation)
        self.changes = Register(database, self.audit, "change", Change)
        self.waivers = Register(database, self.audit, "waiver", Waiver)
        self.incidents = Register(database, self.audit, "incident", Incident)
        self.reports = Register(database, self.audit, "report", ReportPoint)
        self.overrides = Register(database, self.audit, "override", Override)
        self.rollouts = Register(database, self.audit, "rollout", Rollout)
        self.targets = Register(database, self.audit, "target", RolloutTarget)
        self.channels = Register(database, self.audit, "channel", Channel)
        self.bundles = Register(database, self.audit, "bundle", Issued)
        self.leases = Leases(database)
        self.workers = Workers(database)
        self.cursors = Cursors(database)
        self.sights = Sights(database)

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

    @property
    def id(self) -> str:
        """The store's own name, given once: 32 hexadecimal digits; raises `TamperedError` when it is gone."""
        with self._database.read() as connection:
            found = connection.execute(select(stores.c.id)).scalar()
        if found is None:
            message = "the store lost its own name"
            raise TamperedError(message, where=self.where, next_step="restore the store from a backup")
        return found

    @property
    def file(self) -> Path | None:
        """The file of a store that is one, None for a server's database."""
        return Path(self.where).absolute() if self._database.is_sqlite else None

    def now(self) -> datetime:
        """Answer the time by the store's clock: the database's on PostgreSQL, the host's beside a file."""
        with self._database.read() as connection:
            return self._database.clock(connection)

    def verify_records(self) -> RecordReport:
        """Check every record of every register against the audit row that announced it."""
        with self._database.read() as connection:
            count, faults = record_faults(connection)
            return RecordReport(records=count, faults=tuple(faults))

    def __repr__(self) -> str:
        """Name the place, without password."""
        return f"Store({self.where!r})"

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Do all that this thread writes inside, in any part, or none of it; no writer comes between."""
        with self._database.write():
            yield

    @contextmanager
    def moment(self) -> Generator[None]:
        """Let all that this thread reads inside be of one moment, up to the first thing that it writes.

        It also costs less than to read each by itself.
        """
        with self._database.moment():
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

"""One database behind the store: opening, creating, and transactions that mean the same on both kinds.

Writers come one after another (``BEGIN IMMEDIATE``; a transaction-long advisory lock on PostgreSQL), so
what a transaction has read stays true until it commits. A reader sees one moment. A commit is on disk when
it returns.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from sqlalchemy import bindparam, exc, insert, inspect, select, text
from sqlalchemy.dialects import postgresql

from setpoint.errors import InputError, StoreUnavailableError
from setpoint.store.connections import IS_WRITER, ONE_MOMENT, QUEUE_TIMEOUT_SECONDS, make_engine, read_url
from setpoint.store.schema import SCHEMAS, VERSION_TABLE, stores, utc
from setpoint.store.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Table


_Item = TypeVar("_Item")

_WRITER_LOCK = 0x5E7_0001
"""The advisory lock that makes PostgreSQL writers queue."""

_FAULTS = (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError, exc.DatabaseError)

_ADVICE = (
    (
        "locked",
        "another process is writing to it",
        "try again; if it stays so, end the process that holds it",
    ),
    (
        "lock timeout",
        "another session is writing to it",
        "try again; if it stays so, end the session that holds it",
    ),
    ("readonly", "it cannot be written to", "give this user write permission on the file and on its folder"),
    (
        "unable to open",
        "it cannot be opened",
        "check that file and folder exist and that this user may write to both",
    ),
    (
        "not a database",
        "the file is not a Setpoint store, or is damaged",
        "restore it from a backup, or name another",
    ),
    ("malformed", "the file is damaged", "restore it from a backup"),
    (
        "disk i/o",
        "the disk fails to read or write it",
        "check the disk, then restore from a backup if need be",
    ),
    ("is full", "its disk is full", "free some space"),
)


class _Here(threading.local):
    """The transaction that a thread is in: one that writes, or a moment that it reads."""

    def __init__(self) -> None:
        self.leave()

    def enter(self, connection: Connection, *, is_writing: bool) -> None:
        self.connection: Connection | None = connection
        self.is_writing = is_writing
        self.notes: dict[str, Any] = {}

    def leave(self) -> None:
        self.connection = None
        self.is_writing = False
        self.notes = {}
        self.moment: ExitStack | None = None

    def end_moment(self) -> None:
        """End what is read, before something is written: it would be overtaken, and hold a connection."""
        moment = self.moment
        if moment is not None:
            self.leave()
            moment.close()


class Database:
    """A database with the store's schema in it. Safe to share between threads; not between forks."""

    def __init__(self, where: str | Path) -> None:
        """Say which database: a path, ``sqlite:///PATH`` or ``postgresql://...``; nothing is opened yet."""
        self._url = read_url(where)
        self._engine = make_engine(self._url)
        self._readers = self._engine if self.is_sqlite else self._engine.execution_options(**ONE_MOMENT)
        self._writers = self._engine.execution_options(**{IS_WRITER: True})
        self._here = _Here()
        # One writer of this process at a time asks the database: it would serve them in any order, and
        # each would hold a connection while it waits.
        self._turns = Turns()

    def __repr__(self) -> str:
        """Name the place, without password."""
        return f"Database({self.shown!r})"

    @property
    def shown(self) -> str:
        """The place as users may see it: a path, or a URL without password."""
        if self.is_sqlite:
            return self._url.database or ""
        query = {
            key: "***" if key in {"password", "sslpassword"} else value
            for key, value in self._url.query.items()
        }
        return self._url.set(query=query, drivername="postgresql").render_as_string(hide_password=True)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self._url.get_backend_name() == "sqlite"

    def open(self) -> None:
        """Make sure that the schema is the one this code works with; raise `StoreUnavailableError`."""
        if self.is_sqlite and not self._path.exists():
            raise self._refusal("there is no store", "`setpoint init` makes one")
        version = self._version()
        if version == SCHEMAS[-1]:
            return
        if version is None:
            raise self._refusal("it is not initialised", "`setpoint init` makes the store")
        if version in SCHEMAS:
            raise self._refusal(
                f"its schema {version} is older than {SCHEMAS[-1]}", "`setpoint init` brings it up to date"
            )
        raise self._refusal(f"its schema {version} is newer than {SCHEMAS[-1]}", "update Setpoint")

    def create(self) -> None:
        """Make the store, or bring its schema up to date; does nothing when all is well already."""
        if self.is_sqlite:
            self._create_file()
        version = self._version()
        if version is not None and version not in SCHEMAS:
            raise self._refusal(f"its schema {version} is newer than {SCHEMAS[-1]}", "update Setpoint")
        if version != SCHEMAS[-1]:
            with self.write() as connection:
                _migrate(connection)
                add_missing(connection, stores, [{"number": 1, "id": uuid4().hex}])

    @contextmanager
    def write(self) -> Generator[Connection]:
        """Run a transaction as the only writer; inside another one of this thread, join it.

        Raises:
            StoreUnavailableError: the database is locked, gone, read-only or damaged; nothing was written.
        """
        here = self._here
        if here.is_writing and here.connection is not None:
            yield here.connection
            return
        here.end_moment()
        with self._translated(), self._turns.turn(QUEUE_TIMEOUT_SECONDS), self._writers.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
            here.enter(connection, is_writing=True)
            try:
                yield connection
            finally:
                here.leave()

    @contextmanager
    def write_beside(self) -> Generator[Connection]:
        """Like `write`, but on PostgreSQL without queueing: for rows that depend on nothing else."""
        if self.is_sqlite or self._here.is_writing:
            with self.write() as connection:
                yield connection
            return
        self._here.end_moment()
        with self._translated(), self._writers.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Generator[Connection]:
        """Read one moment's state; inside a transaction of this thread, or a `moment`, that one's."""
        current = self._here.connection
        if current is not None:
            yield current
            return
        with self._translated(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def moment(self) -> Generator[None]:
        """Let all that this thread reads inside be of one moment, up to the first thing that it writes."""
        here = self._here
        if here.connection is not None:
            yield
            return
        with self._translated(), ExitStack() as stack:
            connection = stack.enter_context(self.read())
            here.enter(connection, is_writing=False)
            here.moment = stack
            try:
                yield
            finally:
                if here.moment is stack:
                    here.leave()

    @property
    def notes(self) -> dict[str, Any]:
        """What was found out about the state that this thread reads; forgotten with its transaction."""
        return self._here.notes if self._here.connection is not None else {}

    @property
    def is_writing(self) -> bool:
        """Whether this thread is inside a writing transaction."""
        return self._here.is_writing

    def clock(self, connection: Connection) -> datetime:
        """Answer the time by the database's own clock; a file has its host's."""
        if self.is_sqlite:
            return datetime.now(UTC)
        return utc(connection.execute(text("SELECT clock_timestamp()")).scalar_one())

    def close(self) -> None:
        """End all connections."""
        self._engine.dispose()

    @property
    def _path(self) -> Path:
        return Path(self._url.database or "")

    def _refusal(self, what: str, next_step: str) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"the store cannot be used: {what}", where=self.shown, next_step=next_step
        )

    def _version(self) -> str | None:
        with self.read() as connection:
            if not inspect(connection).has_table(VERSION_TABLE):
                return None
            return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - our own name

    def _create_file(self) -> None:
        try:
            missing = [folder for folder in self._path.absolute().parents if not folder.exists()]
            for folder in reversed(missing):
                folder.mkdir(mode=0o700, exist_ok=True)
            # SQLite gives its side files the mode of the main one, so it is narrow from the start.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as fault:
            next_step = "name a place that this user may write to"
            raise self._refusal(f"it cannot be made: {fault.strerror}", next_step) from None

    @contextmanager
    def _translated(self) -> Generator[None]:
        """Turn what the database client raises into our error; its texts can hold statements and secrets."""
        try:
            yield
        except exc.IntegrityError:
            raise
        except UnicodeEncodeError as fault:
            message = f"a text holds {fault.object[fault.start]!a}, half a character, which cannot be kept"
            raise InputError(message, next_step="write the text without it; nothing was kept") from None
        except exc.DataError as fault:
            if "NUL" not in str(fault.orig):
                raise self._unavailable(str(fault.orig)) from None
            message = "a text holds the character NUL, which this database cannot keep"
            raise InputError(message, next_step="write the text without it; nothing was kept") from None
        except TimeoutError:
            what = f"another thread of this process has been writing for {QUEUE_TIMEOUT_SECONDS:g} seconds"
            raise self._refusal(what, "try again; if it stays so, restart this process") from None
        except _FAULTS as fault:
            origin = str(getattr(fault, "orig", "") or type(fault).__name__)
            raise self._unavailable(origin) from None

    def _unavailable(self, origin: str) -> StoreUnavailableError:
        for sign, what, next_step in _ADVICE:
            if sign in origin.lower():
                return self._refusal(what, next_step)
        first_line = origin.strip().splitlines()[0] if origin.strip() else "no answer"
        for secret in filter(None, (self._url.password, self._url.query.get("password"))):
            first_line = first_line.replace(str(secret), "***")
        return self._refusal(first_line, "check that the database runs and that this login may use it")


def add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows whose keys are not there yet, many at a time; the others stay as they are."""
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(postgresql.insert(table).on_conflict_do_nothing(), list(rows))
        return
    # Not by a conflict: the guards of tables that are only added to would take it for a replacement.
    names = list(rows[0])
    kept = select(table).where(*(key == bindparam(key.name) for key in table.primary_key.columns))
    fields = [bindparam(name, type_=table.c[name].type) for name in names]
    absent = select(*fields).where(~kept.correlate(None).exists())
    connection.execute(insert(table).from_select(names, absent), list(rows))


def in_chunks(items: Sequence[_Item], size: int = 5_000) -> Iterator[Sequence[_Item]]:
    """Split items so that each part fits into one statement of either database."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "setpoint.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

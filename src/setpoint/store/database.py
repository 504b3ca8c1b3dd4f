"""One database behind the store: opening, creating, and transactions that mean the same on both kinds.

Writers come one after another (``BEGIN IMMEDIATE``; a transaction-long advisory lock on PostgreSQL), so
what a transaction has read stays true until it commits. A reader sees one moment. A commit is on disk when
it returns.
"""

from __future__ import annotations

import os
import random
import re
import sqlite3
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import bindparam, create_engine, event, exc, insert, inspect, make_url, select, text
from sqlalchemy.dialects import postgresql

from setpoint.errors import InputError, StoreUnavailableError
from setpoint.store.schema import SCHEMAS, VERSION_TABLE, stores, utc
from setpoint.store.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from sqlalchemy import URL, Connection, Engine, Table

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another one, in milliseconds."""

QUEUE_TIMEOUT_SECONDS = 60.0
"""How long a writer waits for other threads of its own process, and anybody for a connection to a server."""

CONNECT_TIMEOUT_SECONDS = 5

_BEGIN_WRITING = "BEGIN IMMEDIATE"
_NAP_SECONDS = (0.0005, 0.003)

_SERVER_CONNECTIONS = 16
_FILE_CONNECTIONS = 16
_ANY_NUMBER = -1

_WRITER_LOCK = 0x5E7_0001
"""The advisory lock that makes PostgreSQL writers queue."""

_IS_WRITER = "setpoint_is_writer"
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
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


class Database:
    """A database with the store's schema in it. Safe to share between threads; not between forks."""

    def __init__(self, where: str | Path) -> None:
        """Say which database: a path, ``sqlite:///PATH`` or ``postgresql://...``; nothing is opened yet."""
        self._url = _read_url(where)
        self._engine = _make_engine(self._url)
        self._writers = self._engine.execution_options(**{_IS_WRITER: True})
        self._local = threading.local()
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
        current: Connection | None = getattr(self._local, "connection", None)
        if current is not None:
            yield current
            return
        with self._translated(), self._turns.turn(QUEUE_TIMEOUT_SECONDS), self._writers.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
            self._local.connection = connection
            try:
                yield connection
            finally:
                self._local.connection = None

    @contextmanager
    def write_beside(self) -> Generator[Connection]:
        """Like `write`, but on PostgreSQL without queueing: for rows that depend on nothing else."""
        if self.is_sqlite or getattr(self._local, "connection", None) is not None:
            with self.write() as connection:
                yield connection
            return
        with self._translated(), self._writers.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Generator[Connection]:
        """Read one moment's state; inside a writing transaction of this thread, that transaction's."""
        current: Connection | None = getattr(self._local, "connection", None)
        if current is not None:
            yield current
            return
        with self._translated(), self._engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            yield connection

    @property
    def is_writing(self) -> bool:
        """Whether this thread is inside a writing transaction."""
        return getattr(self._local, "connection", None) is not None

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


def in_chunks(items: Sequence[str], size: int = 5_000) -> Iterator[Sequence[str]]:
    """Split items so that each part fits into one statement of either database."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _read_url(where: str | Path) -> URL:
    if isinstance(where, Path) or "://" not in where:
        return make_url("sqlite+pysqlite://").set(database=str(Path(where).expanduser()))
    try:
        url = make_url(where)
    except (exc.ArgumentError, ValueError):
        raise InputError(
            "the store's URL cannot be read", next_step="postgresql://USER@HOST/DATABASE, or a path"
        ) from None
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None or not url.database:
        next_step = "a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"
        raise InputError(f"a store cannot live at {re.sub('//.*', '//...', where)!r}", next_step=next_step)
    return url.set(drivername=driver)


def _make_engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        # A connection to a file costs little and holds nobody up, so nobody waits for one.
        engine = create_engine(
            url,
            hide_parameters=True,
            connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
            pool_size=_FILE_CONNECTIONS,
            max_overflow=_ANY_NUMBER,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    arguments = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "setpoint"}
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args=arguments,
        pool_size=_SERVER_CONNECTIONS,
        max_overflow=0,
        pool_timeout=QUEUE_TIMEOUT_SECONDS,
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own idea of transactions is switched off: `_begin_sqlite` says when one begins, and how.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get(_IS_WRITER, False):
        _begin_writing(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    """Wait for writers of other processes with short naps of uneven length.

    SQLite's own waiting naps longer the longer it has waited: among several busy processes one could wait
    for ever.
    """
    raw: Any = connection.connection.driver_connection
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    raw.execute("PRAGMA busy_timeout=0").close()
    try:
        while time.monotonic() < deadline:
            try:
                raw.execute(_BEGIN_WRITING).close()
            except sqlite3.OperationalError as fault:
                if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    break
            else:
                return
            time.sleep(random.uniform(*_NAP_SECONDS))  # noqa: S311 - nothing is kept secret by it
    finally:
        raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()
    connection.exec_driver_sql(_BEGIN_WRITING)


def _prepare_postgresql(connection: Any, _record: object) -> None:
    # A server may be set to answer before a commit is on disk; ours must not.
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "setpoint.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

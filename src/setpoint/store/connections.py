"""Connections to the store's database: where it is, how each is prepared, and how a transaction begins."""

from __future__ import annotations

import random
import re
import sqlite3
import time
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import create_engine, event, exc, make_url

from setpoint.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another one, in milliseconds."""

QUEUE_TIMEOUT_SECONDS = 60.0
"""How long a writer waits for other threads of its own process, and anybody for a connection to a server."""

CONNECT_TIMEOUT_SECONDS = 5

ANSWER_SECONDS = 30.0
"""How long a server may take for the answer to one statement."""

_SILENCE_MS = 20_000
"""How long a server may leave what was sent to it unacknowledged, in milliseconds."""

_BEGIN_WRITING = "BEGIN IMMEDIATE"
_NAP_SECONDS = (0.0005, 0.003)

_SERVER_CONNECTIONS = 16
_FILE_CONNECTIONS = 16
_ANY_NUMBER = -1

IS_WRITER = "setpoint_is_writer"
"""The execution option of transactions that write."""

ONE_MOMENT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""The execution options of transactions on a server that only read."""

_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def read_url(where: str | Path) -> URL:
    """Read where a store lives; raise `InputError`, without a password in it."""
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


def make_engine(url: URL) -> Engine:
    """Make the pool of connections to a place; nothing is opened yet.

    Transactions with the execution option `IS_WRITER` are the only ones that write to a file.
    """
    if url.get_backend_name() == "sqlite":
        # A connection to a file costs little and holds nobody up, so nobody waits for one.
        engine = create_engine(
            url,
            hide_parameters=True,
            creator=partial(_open_file, url.database or ""),
            pool_size=_FILE_CONNECTIONS,
            max_overflow=_ANY_NUMBER,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    arguments = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "application_name": "setpoint",
        # A network that swallows packets must not hold anybody for the hours that TCP would wait.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": _SILENCE_MS,
    }
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args=arguments,
        pool_size=_SERVER_CONNECTIONS,
        max_overflow=0,
        pool_timeout=QUEUE_TIMEOUT_SECONDS,
    )
    event.listen(engine, "do_connect", _connect_bounded)
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _connect_bounded(_dialect: object, _record: object, arguments: Any, named: Any) -> Any:
    """Connect so that no statement waits for ever on a server that says nothing."""
    return _bounded_connection().connect(*arguments, **named)


@cache
def _bounded_connection() -> Any:
    """Answer the client's class of connections, with an end to its patience; loaded at first use."""
    import psycopg

    class Bounded(psycopg.Connection[Any]):
        """A connection that is closed when the server leaves it without an answer for too long."""

        def wait(self, gen: Any, *options: Any, **more: Any) -> Any:
            """Wait for an answer; raise `OperationalError` when none comes in time."""
            try:
                return super().wait(gen, *options, **{"timeout": ANSWER_SECONDS, **more})
            except psycopg.OperationalError as fault:
                if "timeout" not in type(fault).__name__.lower():
                    raise
                self.pgconn.finish()
                message = f"the server gave no answer for {ANSWER_SECONDS:g} s"
                raise psycopg.OperationalError(message) from None

    return Bounded


def _open_file(path: str) -> sqlite3.Connection:
    """Open a file that is there: one that was moved away is not made anew, empty."""
    place = f"file:{quote(str(Path(path).absolute()))}?mode=rw"
    return sqlite3.connect(place, uri=True, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False)


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
    if connection.get_execution_options().get(IS_WRITER, False):
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

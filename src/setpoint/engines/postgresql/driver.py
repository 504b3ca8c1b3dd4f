"""The one file that speaks to a PostgreSQL server.

Uses libpq's asynchronous calls with a deadline of our own: a server that hangs, or a network that swallows
packets, ends a request within the target's timeout, whatever the server's own timeouts are. Statements go
by the simple protocol, one message each, so that a request is one round trip and ALTER SYSTEM stands alone.
"""

from __future__ import annotations

import select
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from setpoint.catalog import Version
from setpoint.engines.port import Reply
from setpoint.engines.postgresql.dialect import quote_literal
from setpoint.engines.postgresql.dialect.statements import LOCK_KEYS
from setpoint.errors import (
    HeldError,
    InputError,
    NotPermittedError,
    RefusedError,
    SetpointError,
    UnavailableError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.pq import abc

    from setpoint.engines.plan import Request
    from setpoint.engines.port import Target

APPLICATION_NAME = "setpoint"
_HOLDING = f"""
FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
AND (l.classid, l.objid) = ({LOCK_KEYS[0]}, {LOCK_KEYS[1]})
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""  # noqa: S608 - constants
_WHO_HOLDS = f"SELECT coalesce(nullif(a.application_name, ''), 'process ' || l.pid){_HOLDING}"
_END_HOLDER = f"SELECT pg_terminate_backend(l.pid){_HOLDING}"
_TAKE_LOCK = f"SELECT pg_try_advisory_lock({LOCK_KEYS[0]}, {LOCK_KEYS[1]})"
_PORT = 5432
_NAME_BYTES = 63
_RETRY_SECONDS = 0.1
_HANDOVER_SECONDS = 0.01
"""A session that was ended gives its locks back within milliseconds."""
_PARTING_SECONDS = 1.0
_MILLISECONDS = 1000
_NOT_PERMITTED = "42501"
_TIMED_OUT = frozenset({"57014", "55P03"})
_GOING_DOWN = frozenset({"57P01", "57P02", "57P03"})


class PostgresDriver:
    """One connection. Implements `setpoint.engines.port.Driver`."""

    def __init__(self, target: Target, *, is_read_only: bool) -> None:
        """Connect; raise `UnreachableError`, or `InputError` for an address that is none."""
        self._target = target
        self._is_read_only = is_read_only
        self._is_guarded = False
        self._level = 0
        """How many texts of a request are passed over because this login may not run them."""
        self._holder: str | None = None
        self._connection = self._connect(time.monotonic() + target.timeout_seconds)
        self._version = self._read_version()

    def __repr__(self) -> str:
        return f"PostgresDriver({self._target.instance!r})"

    @property
    def version(self) -> Version:
        """The server's version."""
        return self._version

    def run(self, request: Request) -> Reply:
        """Run one request; the last statement that has rows answers.

        Raises `UnreachableError` when there is no answer in time, `NotPermittedError` when the login may
        run neither the text nor a fallback, `RefusedError` with the server's own words when it will not,
        `UnavailableError` when a server-side timeout struck.
        """
        if not request.is_read_only:
            self._guard_writing(request)
        texts = (request.text, *request.fallbacks)
        first = min(self._level, len(texts) - 1) if request.fallbacks else 0
        for number, text in enumerate(texts[first:], start=first):
            try:
                rows = self._exchange(text, ahead=request.ahead)
            except NotPermittedError:
                if number == len(texts) - 1:
                    raise
                continue
            if request.fallbacks:
                self._level = number
            return Reply(rows=rows, fallback=number)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take the apply lock of this server and database; raise `HeldError` naming who has it.

        With preemption the session that has it is ended: what it runs is cancelled, what its client still
        sends fails. Raises `NotPermittedError` where this login may not end that session, `HeldError` where
        the lock could not be had within the timeout.
        """
        if self._holder is not None:
            return
        deadline = time.monotonic() + self._target.timeout_seconds
        name = _fitting(f"{APPLICATION_NAME}: {holder}")
        text = f"SET application_name = {quote_literal(name)}; {_TAKE_LOCK}"
        while self._exchange(text)[0][0] != "t":
            if not is_preempting or time.monotonic() > deadline:
                message = f"{self._target.instance} is being changed by {self._read_holder()}"
                raise HeldError(message, next_step="wait until it is done, then plan again")
            self._exchange(_END_HOLDER)
            time.sleep(_HANDOVER_SECONDS)
            text = _TAKE_LOCK
        self._holder = holder

    def reconnect(self, timeout_seconds: float) -> None:
        """Connect anew, trying until the timeout; the lock has to be taken again.

        Raises `UnreachableError`.
        """
        deadline = time.monotonic() + timeout_seconds
        self.close()
        while True:
            try:
                self._connection = self._connect(
                    min(deadline, time.monotonic() + self._target.timeout_seconds)
                )
                self._version = self._read_version()
            except UnreachableError:
                if time.monotonic() + _RETRY_SECONDS >= deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def close(self) -> None:
        """Give the lock back and end the connection; harmless when it is already gone."""
        if self._holder is not None and self._connection.status == pq.ConnStatus.OK:
            # A server ends a session after we have left; without this its lock would outlive our return for
            # a moment.
            with suppress(SetpointError):
                self._exchange(
                    "SELECT pg_advisory_unlock_all()", min(_PARTING_SECONDS, self._target.timeout_seconds)
                )
        self._holder = None
        self._is_guarded = False
        self._connection.finish()

    def _guard_writing(self, request: Request) -> None:
        if self._is_read_only:
            message = "this connection was opened for reading"
            raise RefusedError(
                message, where=self._target.instance, next_step=f"not run: {request.text[:60]}"
            )
        if self._is_guarded:
            return
        # ALTER SYSTEM must be alone in its message, so the timeouts go ahead of the first one.
        half = max(1, int(self._target.timeout_seconds * _MILLISECONDS / 2))
        self._exchange(f"SET statement_timeout = {half}; SET lock_timeout = {half}")
        self._is_guarded = True

    def _connect(self, deadline: float) -> abc.PGconn:
        connection = pq.PGconn.connect_start(self._conninfo())
        if connection.status == pq.ConnStatus.BAD:
            raise self._unreachable(connection)
        connection.nonblocking = 1
        wanted = pq.PollingStatus.WRITING
        while wanted != pq.PollingStatus.OK:
            self._wait(connection, deadline, is_writing=wanted == pq.PollingStatus.WRITING, what="connecting")
            wanted = connection.connect_poll()
            if wanted == pq.PollingStatus.FAILED:
                raise self._unreachable(connection)
        return connection

    def _conninfo(self) -> bytes:
        secret = self._target.secret()
        seconds = self._target.timeout_seconds
        own = {
            "application_name": APPLICATION_NAME,
            "client_encoding": "UTF8",
            "options": "",
            "keepalives": 1,
            "keepalives_idle": 10,
            "tcp_user_timeout": int(seconds * _MILLISECONDS),
            **({} if secret is None else {"password": secret}),
        }
        try:
            return make_conninfo(self._target.address, **own).encode()
        except psycopg.ProgrammingError:
            # libpq's complaint can quote the address, and an address can hold a password.
            message = "the target is not a PostgreSQL connection string"
            raise InputError(
                message,
                where=self._target.instance,
                next_step="write it as host=... port=... user=... dbname=...",
            ) from None

    def _read_version(self) -> Version:
        text = self._connection.parameter_status(b"server_version") or b""
        return Version.parse(text.decode())

    def _read_holder(self) -> str:
        rows = self._exchange(_WHO_HOLDS)
        return str(rows[0][0]) if rows else "somebody who has just ended"

    def _exchange(
        self, text: str, seconds: float | None = None, *, ahead: Sequence[str] = ()
    ) -> tuple[tuple[str | None, ...], ...]:
        """Send one message and read all its results; leave no transaction open.

        What goes `ahead` is sent with it, each as a message of its own: where one ends the session, the
        server never comes to the text.
        """
        deadline = time.monotonic() + (seconds or self._target.timeout_seconds)
        connection = self._connection
        if connection.status != pq.ConnStatus.OK:
            message = "the connection is closed"
            raise UnreachableError(message, where=self._target.instance, next_step="connect again")
        rows: tuple[tuple[str | None, ...], ...] = ()
        fault: SetpointError | None = None
        for result in self._results(text, deadline, ahead=ahead):
            if result.status == pq.ExecStatus.FATAL_ERROR:
                fault = self._fault_of(result)
            elif result.status == pq.ExecStatus.TUPLES_OK:
                rows = _rows_of(result)
        if connection.status != pq.ConnStatus.OK:
            raise self._unreachable(connection)
        if connection.transaction_status != pq.TransactionStatus.IDLE:
            list(self._results("ROLLBACK", deadline))
        if fault is not None:
            raise fault
        return rows

    def _results(self, text: str, deadline: float, *, ahead: Sequence[str] = ()) -> list[abc.PGresult]:
        connection = self._connection
        results: list[abc.PGresult] = []
        try:
            left = _send(connection, text, ahead)
            while connection.flush():
                self._wait(connection, deadline, is_writing=True, what="sending")
            while True:
                while connection.is_busy():
                    self._wait(connection, deadline, is_writing=False, what="waiting for the answer")
                    connection.consume_input()
                result = connection.get_result()
                if result is None and (left == 0 or connection.status != pq.ConnStatus.OK):
                    return results
                if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
                    left -= 1
                    if left == 0:
                        connection.exit_pipeline_mode()
                elif result is not None:
                    results.append(result)
        except psycopg.OperationalError:
            if any(result.status == pq.ExecStatus.FATAL_ERROR for result in results):
                return results
            raise self._unreachable(connection) from None

    def _wait(self, connection: abc.PGconn, deadline: float, *, is_writing: bool, what: str) -> None:
        """Wait until the socket is ready; end the connection when the time is over."""
        poll = select.poll()
        poll.register(connection.socket, select.POLLOUT if is_writing else select.POLLIN)
        left = deadline - time.monotonic()
        if left > 0 and poll.poll(left * _MILLISECONDS):
            return
        connection.finish()
        message = f"no answer within {self._target.timeout_seconds:g} s while {what}"
        raise UnreachableError(
            message, where=self._target.instance, next_step="is the server up and reachable?"
        )

    def _fault_of(self, result: abc.PGresult) -> SetpointError:
        code = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        said = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")
        hint = (result.error_field(pq.DiagnosticField.MESSAGE_HINT) or b"").decode(errors="replace")
        where = self._target.instance
        if code == _NOT_PERMITTED:
            return NotPermittedError(said, where=where, next_step=hint or "grant the login what it needs")
        if code in _TIMED_OUT:
            return UnavailableError(said, where=where, next_step="try again when the server is less busy")
        if code in _GOING_DOWN or code.startswith("08"):
            return UnreachableError(said, where=where, next_step="connect again")
        return RefusedError(f"the server refused: {said}", where=where, next_step=hint)

    def _unreachable(self, connection: abc.PGconn) -> UnreachableError:
        said = connection.error_message.decode(errors="replace").strip() if connection.error_message else ""
        secret = self._target.secret()
        said = said.replace(secret, "***") if secret else said
        connection.finish()
        return UnreachableError(
            " ".join(said.split()) or "the connection was lost",
            where=self._target.instance,
            next_step="is the server up, and may this login connect?",
        )


def _send(connection: abc.PGconn, text: str, ahead: Sequence[str]) -> int:
    """Send a message, or several in one breath; answer how many ends of messages will be told."""
    if not ahead:
        connection.send_query(text.encode())
        return 0
    connection.enter_pipeline_mode()
    messages = (*ahead, text)
    for message in messages:
        connection.send_query_params(message.encode(), None)
        connection.pipeline_sync()
    return len(messages)


def _rows_of(result: abc.PGresult) -> tuple[tuple[str | None, ...], ...]:
    return tuple(
        tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
        for row in range(result.ntuples)
    )


def _text(cell: bytes | None) -> str | None:
    return None if cell is None else cell.decode(errors="replace")


def _fitting(name: str) -> str:
    """Cut a name to what the server keeps of it; it keeps ASCII only."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in name)
    return plain[:_NAME_BYTES]


def server_of(address: str) -> str:
    """Answer host and port of a connection string, sorted where several; as written if unreadable."""
    try:
        words = conninfo_to_dict(address)
    except psycopg.Error:
        return " ".join(address.split())
    hosts = str(words.get("hostaddr") or words.get("host") or "").lower().split(",")
    ports = str(words.get("port") or _PORT).split(",")
    pairs = zip(hosts, ports if len(ports) > 1 else ports * len(hosts), strict=False)
    return ",".join(sorted(f"{host.rstrip('.')}:{port}" for host, port in pairs))

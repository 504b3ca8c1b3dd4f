"""The one file that speaks to SQL Server.

pymssql's own timeouts are whole seconds and one pair for the whole process, whichever connection set them
last. So they are set to the longest of all targets, and each call runs in a thread and is waited for until a
deadline of our own; a call that is given up ends by pymssql's, and its connection with it. Connections are
in autocommit: RECONFIGURE can stand in no transaction.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import pymssql

from setpoint.catalog import Version
from setpoint.engines.port import Reply
from setpoint.engines.sqlserver.dialect import quote_literal, read_address
from setpoint.engines.sqlserver.dialect.faults import fault_of
from setpoint.engines.sqlserver.dialect.knowledge import AZURE_SQL_DATABASE
from setpoint.errors import HeldError, NotPermittedError, RefusedError, SetpointError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.engines.plan import Request
    from setpoint.engines.port import Target

APPLICATION_NAME = "setpoint"
LOCK = "setpoint"
"""The resource of the application lock that an apply holds. Such a lock belongs to a database: to master."""
_PROTOCOL = "7.4"
"""Named, because pymssql else tries all of them in turn against a server that does not answer."""
_BEGIN = """SET NOCOUNT ON; SET IMPLICIT_TRANSACTIONS OFF; SET XACT_ABORT OFF; SET LOCK_TIMEOUT {lock_ms};
SET TEXTSIZE 2147483647; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON;
SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON;
SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')),
  CONVERT(int, SERVERPROPERTY('EngineEdition'));"""
_TAKE = """DECLARE @name varbinary(128) = CONVERT(varbinary(128), {holder});
DECLARE @taken int;
EXEC @taken = {procedures}.sp_getapplock @Resource = N'{lock}', @LockMode = N'Exclusive',
  @LockOwner = N'Session', @LockTimeout = 0;
IF @taken >= 0 SET CONTEXT_INFO @name;
SELECT @taken;"""
_GIVE_BACK = "EXEC {procedures}.sp_releaseapplock @Resource = N'{lock}', @LockOwner = N'Session';"
_HOLDER = f"""SELECT l.request_session_id, CONVERT(nvarchar(64), s.context_info)
FROM sys.dm_tran_locks AS l LEFT JOIN sys.dm_exec_sessions AS s ON s.session_id = l.request_session_id
WHERE l.resource_type = N'APPLICATION' AND l.request_status = N'GRANT'
  AND CHARINDEX(N'[{LOCK}]', l.resource_description) > 0;"""  # noqa: S608 - a constant
_NAME_CHARACTERS = 64
"""The context of a session is 128 bytes, and a character takes two."""
_RETRY_SECONDS = 0.1
_HANDOVER_SECONDS = 0.02
_PARTING_SECONDS = 1.0
_MILLISECONDS = 1000

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_Rows = tuple[tuple[Any, ...], ...]


class _Holder(NamedTuple):
    session: int
    name: str


class _Patience:
    """The library's own timeout: the longest of all targets, as the last one that is set holds for all."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._whole_seconds = 1

    def grow(self, seconds: float) -> int:
        """Answer whole seconds that are enough for this target and for all before it."""
        with self._turn:
            self._whole_seconds = max(self._whole_seconds, math.ceil(seconds))
            return self._whole_seconds


_patience = _Patience()


class SqlServerDriver:
    """One connection. Implements `setpoint.engines.port.Driver`."""

    def __init__(self, target: Target, *, is_read_only: bool) -> None:
        """Connect; raise `UnreachableError`, or `InputError` for an address that is none."""
        self._target = target
        self._is_read_only = is_read_only
        self._level = 0
        """How many texts of a request are passed over because this login may not run them."""
        self._holder: str | None = None
        self._connection: pymssql.Connection | None = None
        self._connect(target.timeout_seconds)

    def __repr__(self) -> str:
        return f"SqlServerDriver({self._target.instance!r})"

    @property
    def version(self) -> Version:
        """The server's version."""
        return self._version

    def run(self, request: Request) -> Reply:
        """Run one request as one batch; the rows of all its result sets answer, in turn.

        Raises `UnreachableError` when there is no answer in time, `NotPermittedError` when the login may
        run neither the text nor a fallback, `StalePlanError` where a guard found another entry,
        `RefusedError` with the server's own words when it will not, `UnavailableError` when a lock timeout
        struck.
        """
        if not request.is_read_only and self._is_read_only:
            message = "this connection was opened for reading"
            raise RefusedError(
                message, where=self._target.instance, next_step=f"not run: {request.text[:60]}"
            )
        texts = (request.text, *request.fallbacks)
        first = min(self._level, len(texts) - 1) if request.fallbacks else 0
        for number, text in enumerate(texts[first:], start=first):
            try:
                rows = self._exchange("\n".join((*request.ahead, text)))
            except NotPermittedError:
                if number == len(texts) - 1:
                    raise
                continue
            if request.fallbacks:
                self._level = number
            return Reply(rows=rows, fallback=number)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take the server's application lock for this session; raise `HeldError` naming who has it.

        With preemption the session that has it is ended with KILL. Raises `NotPermittedError` where this
        login may not see or end it, `HeldError` where the lock could not be had within the timeout.
        """
        if self._holder is not None:
            return
        deadline = time.monotonic() + self._target.timeout_seconds
        name = quote_literal(holder[:_NAME_CHARACTERS])
        text = _TAKE.format(holder=name, procedures=self._procedures, lock=LOCK)
        while self._exchange(text)[0][0] < 0:
            if not is_preempting or time.monotonic() > deadline:
                message = f"{self._target.instance} is being changed by {self._name_holder()}"
                raise HeldError(
                    message, where=self._target.instance, next_step="wait until it is done, then plan again"
                )
            self._end_holder()
            time.sleep(_HANDOVER_SECONDS)
        self._holder = holder

    def reconnect(self, timeout_seconds: float) -> None:
        """Connect anew, trying until the timeout; the lock has to be taken again.

        Raises `UnreachableError`.
        """
        deadline = time.monotonic() + timeout_seconds
        self.close()
        while True:
            left = deadline - time.monotonic()
            try:
                self._connect(max(_RETRY_SECONDS, min(left, self._target.timeout_seconds)))
            except UnreachableError:
                if time.monotonic() + _RETRY_SECONDS >= deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def close(self) -> None:
        """Give the lock back and end the connection; harmless when it is already gone."""
        if self._holder is not None and self._connection is not None:
            # A server ends a session after we have left; without this its lock would outlive our return for
            # a moment.
            text = _GIVE_BACK.format(procedures=self._procedures, lock=LOCK)
            with suppress(SetpointError):
                self._exchange(text, min(_PARTING_SECONDS, self._target.timeout_seconds))
        self._drop()

    @property
    def _procedures(self) -> str:
        """Where the procedures of the lock are called: a lock in master is one for the whole server."""
        return "sys" if self._is_database_service else "master.sys"

    def _connect(self, seconds: float) -> None:
        """Connect and learn the version, within the time; raise `UnreachableError`."""
        address = read_address(self._target.address)
        secret = self._target.secret()
        whole = _patience.grow(self._target.timeout_seconds)

        def connect() -> pymssql.Connection:
            return pymssql.connect(
                server=address.host,
                port=str(address.port or ""),
                user=address.user or None,
                password=secret or "",
                database=address.database,
                timeout=whole,
                login_timeout=whole,
                charset="UTF-8",
                appname=APPLICATION_NAME,
                conn_properties="",
                autocommit=True,
                tds_version=_PROTOCOL,
                encryption=address.encryption,
            )

        deadline = time.monotonic() + seconds
        try:
            self._connection = self._within(seconds, connect, what="connecting", dispose=_close)
        except pymssql.Error as fault:
            raise self._unreachable(fault, secret) from None
        text = _BEGIN.format(lock_ms=max(1, int(self._target.timeout_seconds * _MILLISECONDS / 2)))
        try:
            version, edition = self._exchange(text, max(_RETRY_SECONDS, deadline - time.monotonic()))[0]
        except BaseException:
            self._drop()
            raise
        self._version = Version.parse(version)
        self._is_database_service = edition == AZURE_SQL_DATABASE

    def _exchange(self, text: str, seconds: float | None = None) -> _Rows:
        """Send one batch and read all its result sets."""
        connection = self._connection
        if connection is None:
            message = "the connection is closed"
            raise UnreachableError(message, where=self._target.instance, next_step="connect again")
        try:
            return self._within(
                seconds or self._target.timeout_seconds,
                lambda: _read(connection, text),
                what="waiting for the answer",
                dispose=lambda _: _close(connection),
            )
        except pymssql.Error as fault:
            found = fault_of(fault.args, where=self._target.instance)
            if isinstance(found, UnreachableError):
                self._drop()
            raise found from None

    def _within(
        self, seconds: float, call: Callable[[], _Result], *, what: str, dispose: Callable[[_Result], object]
    ) -> _Result:
        """Run a call in a thread and wait for it; what it brings after that is disposed of."""
        running = _Call(call, dispose)
        try:
            if running.is_done_within(seconds):
                return running.result()
        except KeyboardInterrupt:
            running.leave()
            self._connection = self._holder = None
            raise
        running.leave()
        self._connection = self._holder = None
        message = f"no answer within {self._target.timeout_seconds:g} s while {what}"
        raise UnreachableError(
            message, where=self._target.instance, next_step="is the server up and reachable?"
        )

    def _find_holder(self) -> _Holder | None:
        rows = self._exchange(_HOLDER)
        return _Holder(int(rows[0][0]), str(rows[0][1] or "").replace("\0", "")) if rows else None

    def _name_holder(self) -> str:
        try:
            found = self._find_holder()
        except NotPermittedError:
            return "somebody whom this login may not see (grant VIEW SERVER STATE)"
        if found is None:
            return "somebody who has just ended"
        return found.name or f"session {found.session}"

    def _end_holder(self) -> None:
        found = self._find_holder()
        if found is not None:
            try:
                self._exchange(f"KILL {found.session};")
            except NotPermittedError:
                raise
            except RefusedError as fault:
                _LOG.info("%s: the holder has ended by itself: %s", self._target.instance, fault)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._holder = None
        if connection is not None:
            _close(connection)

    def _unreachable(self, fault: pymssql.Error, secret: str | None) -> UnreachableError:
        said = fault_of(fault.args, where=self._target.instance).what
        return UnreachableError(
            said.replace(secret, "***") if secret else said,
            where=self._target.instance,
            next_step="is the server up, and may this login connect?",
        )


class _Call(Generic[_Result]):
    """A call in a thread of its own, which can be left alone; then what it brings is disposed of there."""

    def __init__(self, call: Callable[[], _Result], dispose: Callable[[_Result], object]) -> None:
        self._call, self._dispose = call, dispose
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._is_left = False
        self._brought: list[_Result] = []
        self._fault: BaseException | None = None
        threading.Thread(target=self._run, name="setpoint-sqlserver", daemon=True).start()

    def is_done_within(self, seconds: float) -> bool:
        """Wait until it has ended, or the time is over."""
        return self._ended.wait(max(0.0, seconds))

    def result(self) -> _Result:
        """Answer what it brought, or raise what it raised; it has ended."""
        if self._fault is not None:
            raise self._fault
        return self._brought[0]

    def leave(self) -> None:
        """Wait no more: dispose of what it has brought, or have its thread do so."""
        with self._turn:
            self._is_left = True
            brought = tuple(self._brought)
        for each in brought:
            self._dispose(each)

    def _run(self) -> None:
        try:
            brought = self._call()
        except BaseException as fault:  # noqa: BLE001 - it is raised where the call is waited for
            self._fault = fault
            self._ended.set()
            return
        with self._turn:
            self._brought.append(brought)
            self._ended.set()
            is_left = self._is_left
        if is_left:
            self._dispose(brought)


def _read(connection: pymssql.Connection, text: str) -> _Rows:
    """Run a batch and read the rows of all its result sets, to the last: an error can come after rows."""
    rows: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        cursor.execute(text)
        while True:
            if cursor.description:
                rows.extend(cursor.fetchall())
            if not cursor.nextset():
                return tuple(rows)


def _close(connection: pymssql.Connection) -> None:
    with suppress(pymssql.Error):
        connection.close()

"""The one file that speaks to an Oracle server, through oracledb in its thin mode.

The client's own limit on a call ends a request that hangs: it breaks the call off, and waits as long again
for the server to agree, hence half of the target's timeout. A login has no such limit, so it runs in a
thread of its own, which is left behind where the server says nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import oracledb

from setpoint.catalog import Version
from setpoint.engines.oracle.dialect import MOVED, PINNED, guarded
from setpoint.engines.oracle.dialect.address import read_address
from setpoint.engines.port import Reply
from setpoint.errors import (
    HeldError,
    NotPermittedError,
    RefusedError,
    SetpointError,
    UnavailableError,
    UnreachableError,
)

if TYPE_CHECKING:
    from setpoint.engines.plan import Request
    from setpoint.engines.port import Target

MODULE = "setpoint"
LOCK_ID = 0x5E7901
"""The number of the user lock that an apply holds; a number needs no row in a dictionary table."""
_TAKE_LOCK = f"""
BEGIN
  DBMS_APPLICATION_INFO.SET_MODULE('{MODULE}', 'apply');
  DBMS_APPLICATION_INFO.SET_CLIENT_INFO(:holder);
  :got := DBMS_LOCK.REQUEST(id => {LOCK_ID}, lockmode => 6, timeout => 0, release_on_commit => FALSE);
END;"""
_GIVE_BACK = f"DECLARE gone_ INTEGER; BEGIN gone_ := DBMS_LOCK.RELEASE(id => {LOCK_ID}); END;"
_WHO_HOLDS = f"""
SELECT s.client_info, s.sid, s.serial#, s.inst_id FROM gv$lock l
JOIN gv$session s ON s.inst_id = l.inst_id AND s.sid = l.sid
WHERE l.type = 'UL' AND l.id1 = {LOCK_ID} AND l.lmode = 6"""  # noqa: S608 - constants
_GOT, _OWNED = 0, 4
_HOLDER_BYTES = 64
_ROWS = 5000
_RETRY_SECONDS = 0.1
_HANDOVER_SECONDS = 0.02
_PARTING_SECONDS = 1.0
_MILLISECONDS = 1000
_NOT_PERMITTED = frozenset({"ORA-00942", "ORA-01031", "ORA-01039", "ORA-01219", "ORA-01720", "ORA-41900"})
_MISSING_PACKAGE = "PLS-00201"
_GONE_ALREADY = frozenset({"ORA-00026", "ORA-00027", "ORA-00030", "ORA-00031"})
_BUSY = frozenset({"ORA-00054", "ORA-00020", "ORA-04021", "ORA-30006"})
_UNREACHABLE = frozenset({
    "DPY-1001", "DPY-4011", "DPY-4024", "DPY-6000", "DPY-6001", "DPY-6003", "DPY-6005",
    "ORA-00018", "ORA-00028", "ORA-01012", "ORA-01017", "ORA-01033", "ORA-01034", "ORA-01035", "ORA-01045",
    "ORA-01089", "ORA-01090", "ORA-01092", "ORA-03113", "ORA-03114", "ORA-03135", "ORA-12514", "ORA-12521",
    "ORA-12528", "ORA-12537", "ORA-12541", "ORA-28000", "ORA-28001",
})  # fmt: skip
"""A server, a listener or a login that does not let us in, and a session that is no more."""


class OracleDriver:
    """One connection. Implements `setpoint.engines.port.Driver`."""

    def __init__(self, target: Target, *, is_read_only: bool) -> None:
        """Connect; raise `UnreachableError`, or `InputError` for an address that is none."""
        self._target = target
        self._address = read_address(target.address, target.instance)
        self._is_read_only = is_read_only
        self._levels: dict[str, int] = {}
        """How many texts of a request are passed over because this login may not run them."""
        self._holder: str | None = None
        self._connection: Any = None
        self._version = Version((0,))
        self._open(target.timeout_seconds)

    def __repr__(self) -> str:
        return f"OracleDriver({self._target.instance!r})"

    @property
    def version(self) -> Version:
        """The server's version."""
        return self._version

    def run(self, request: Request) -> Reply:
        """Run one request; what goes ahead of it is put around it, as one block.

        Raises `UnreachableError` when there is no answer in time, `NotPermittedError` when the login may
        run neither the text nor a fallback, `RefusedError` with the server's own words when it will not,
        `UnavailableError` when something else holds what it needs.
        """
        if self._is_read_only and not request.is_read_only:
            message = "this connection was opened for reading"
            raise RefusedError(
                message, where=self._target.instance, next_step=f"not run: {request.text[:60]}"
            )
        text = request.text
        for guard in request.ahead:
            text = guarded(guard, text)
        texts = (text, *request.fallbacks)
        first = self._levels.get(request.text, 0)
        for number, each in enumerate(texts[first:], start=first):
            try:
                rows = self._exchange(each)
            except NotPermittedError:
                if number == len(texts) - 1:
                    raise
                continue
            self._levels[request.text] = number
            return Reply(rows=rows, fallback=number)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take the apply lock of this database; raise `HeldError` naming who has it.

        With preemption the session that has it is killed: what it runs is taken back, what its client still
        sends fails. Raises `NotPermittedError` where this login may not use DBMS_LOCK or end that session,
        `HeldError` where the lock could not be had within the timeout.
        """
        if self._holder is not None:
            return
        deadline = time.monotonic() + self._target.timeout_seconds
        while not self._is_taken(holder):
            found = self._find_holder()
            if not is_preempting or time.monotonic() > deadline:
                who = found[0] if found is not None else "somebody who has just ended"
                message = f"{self._target.instance} is being changed by {who}"
                raise HeldError(message, next_step="wait until it is done, then plan again")
            if found is not None:
                self._kill(*found[1:])
            time.sleep(_HANDOVER_SECONDS)
        self._holder = holder

    def reconnect(self, timeout_seconds: float) -> None:
        """Connect anew, trying until the timeout; the lock has to be taken again.

        Raises `UnreachableError`.
        """
        deadline = time.monotonic() + timeout_seconds
        self.close()
        while True:
            seconds = min(self._target.timeout_seconds, max(_RETRY_SECONDS, deadline - time.monotonic()))
            try:
                self._open(seconds)
            except UnreachableError:
                if time.monotonic() + _RETRY_SECONDS >= deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def close(self) -> None:
        """Give the lock back and end the connection; harmless when it is already gone."""
        if self._holder is not None and self._connection is not None:
            # A server ends a session after we have left; without this its lock would outlive our return.
            with suppress(SetpointError):
                self._exchange(_GIVE_BACK, seconds=min(_PARTING_SECONDS, self._target.timeout_seconds))
        self._holder = None
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(oracledb.Error):
                connection.close()

    def _open(self, seconds: float) -> None:
        self._connection = self._connect(seconds)
        self._version = Version.parse(self._connection.version)

    def _connect(self, seconds: float) -> Any:
        """Log in within a time; what comes later is closed by the thread that asked for it."""
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        is_late = threading.Event()

        def log_in() -> None:
            try:
                connection = oracledb.connect(**self._login(seconds))
            except oracledb.Error as fault:
                answers.put(fault)
                return
            answers.put(connection)
            if is_late.is_set():
                connection.close()

        threading.Thread(target=log_in, name="setpoint-oracle-login", daemon=True).start()
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            is_late.set()
            message = f"no answer within {self._target.timeout_seconds:g} s while connecting"
            raise UnreachableError(
                message, where=self._target.instance, next_step="is the server up and reachable?"
            ) from None
        if isinstance(answer, oracledb.Error):
            raise self._fault_of(answer, is_login=True) from None
        return answer

    def _login(self, seconds: float) -> dict[str, Any]:
        address = self._address
        place: dict[str, Any] = {"dsn": address.dsn}
        if not address.dsn:
            place = {
                "host": address.host,
                "port": address.port,
                "service_name": address.service,
                "protocol": address.protocol,
                "tcp_connect_timeout": seconds,
                "retry_count": 0,
            }
        if address.sid and not address.dsn:
            place["instance_name"] = address.sid
        if address.mode == "sysdba":
            place["mode"] = oracledb.AUTH_MODE_SYSDBA
        return {
            **place,
            "user": address.user or None,
            "password": self._target.secret(),
            "disable_oob": True,
            "program": MODULE,
        }

    def _exchange(
        self, text: str, *, seconds: float | None = None, **binds: Any
    ) -> tuple[tuple[str | None, ...], ...]:
        """Run one statement and fetch all its rows, as texts, in one round trip."""
        connection = self._connection
        if connection is None:
            message = "the connection is closed"
            raise UnreachableError(message, where=self._target.instance, next_step="connect again")
        if PINNED in text:
            binds[PINNED[1:]] = self._address.sid or None
        try:
            connection.call_timeout = int((seconds or self._target.timeout_seconds) * _MILLISECONDS / 2)
            with connection.cursor() as cursor:
                cursor.prefetchrows = cursor.arraysize = _ROWS
                cursor.execute(text, binds)
                rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
        except oracledb.Error as fault:
            raise self._fault_of(fault) from None
        return tuple(tuple(None if cell is None else str(cell) for cell in row) for row in rows)

    def _is_taken(self, holder: str) -> bool:
        name = holder.encode()[:_HOLDER_BYTES].decode(errors="ignore")
        try:
            with self._cursor() as cursor:
                got = cursor.var(int)
                cursor.execute(_TAKE_LOCK, {"holder": name, "got": got})
                return got.getvalue() in (_GOT, _OWNED)
        except oracledb.Error as fault:
            raise self._fault_of(fault) from None

    def _cursor(self) -> Any:
        if self._connection is None:
            message = "the connection is closed"
            raise UnreachableError(message, where=self._target.instance, next_step="connect again")
        self._connection.call_timeout = int(self._target.timeout_seconds * _MILLISECONDS / 2)
        return self._connection.cursor()

    def _find_holder(self) -> tuple[str, str, str, str] | None:
        """Answer who holds the lock: its words, session, serial number and instance."""
        try:
            rows = self._exchange(_WHO_HOLDS)
        except NotPermittedError:
            return ("somebody this login may not see", "", "", "")
        if not rows:
            return None
        words, sid, serial, number = (str(cell or "") for cell in rows[0])
        return words or f"session {sid}", sid, serial, number

    def _kill(self, sid: str, serial: str, number: str) -> None:
        if not all(part.isdigit() for part in (sid, serial, number)):
            message = "this login may not see which session holds the lock"
            raise NotPermittedError(
                message, where=self._target.instance, next_step="grant SELECT_CATALOG_ROLE"
            )
        try:
            self._exchange(f"ALTER SYSTEM KILL SESSION '{sid},{serial},@{number}' IMMEDIATE")
        except RefusedError as fault:
            if not any(code in fault.what for code in _GONE_ALREADY):
                raise

    def _fault_of(self, fault: oracledb.Error, *, is_login: bool = False) -> SetpointError:
        """Answer what a fault means for whoever asked."""
        where, error = self._target.instance, fault.args[0] if fault.args else fault
        code = str(getattr(error, "full_code", ""))
        said = self._said(fault)
        if code in _UNREACHABLE or getattr(error, "is_session_dead", False) or is_login:
            self._drop_lost()
            step = "is the server up, and may this login connect?" if is_login else "connect again"
            return UnreachableError(said, where=where, next_step=step)
        if code in _NOT_PERMITTED:
            step = "grant ALTER SYSTEM to change, SELECT_CATALOG_ROLE to read"
            return NotPermittedError(said, where=where, next_step=step)
        if _MISSING_PACKAGE in said:
            step = "grant EXECUTE on DBMS_LOCK, and on what else is named"
            return NotPermittedError(said, where=where, next_step=step)
        if code in _BUSY:
            return UnavailableError(said, where=where, next_step="try again when the server is less busy")
        if code == f"ORA-{MOVED}":
            # Nothing was refused: the same request may be right once the entry was looked at again.
            words = said.partition(": ")[2].partition("; ")[0]
            return UnavailableError(words, where=where, next_step="plan again")
        return RefusedError(f"the server refused: {said}", where=where)

    def _drop_lost(self) -> None:
        self._drop()
        self._holder = None

    def _said(self, fault: oracledb.Error) -> str:
        """Answer the server's words in one line, without links and without the password."""
        lines = [line for line in str(fault).splitlines() if not line.startswith("Help:")]
        said = "; ".join(lines) or "the connection was lost"
        secret = self._target.secret()
        return said.replace(secret, "***") if secret else said

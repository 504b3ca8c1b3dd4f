"""The one file that speaks to a MySQL or MariaDB server.

Every wait for the network is bounded by the target's timeout, so that a server that hangs, or a network that
swallows packets, ends a request. A request is one message; what goes ahead of it goes in the same, and the
server comes to the text only where nothing before it failed.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import pymysql
from pymysql.constants import CLIENT

from setpoint.catalog import Version
from setpoint.engines.agent import ask_agent
from setpoint.engines.mysql.dialect.address import Address, read_address
from setpoint.engines.mysql.dialect.agent_words import silent
from setpoint.engines.mysql.dialect.nameplate import LOCK, give_name_back, read_name, spelled, take_name
from setpoint.engines.mysql.dialect.statements import quote_literal
from setpoint.engines.mysql.faults import GUARD_FAILED, fault_of
from setpoint.engines.port import Reply
from setpoint.errors import (
    HeldError,
    NotPermittedError,
    RefusedError,
    SetpointError,
    StalePlanError,
    UnavailableError,
    UnreachableError,
)

if TYPE_CHECKING:
    from setpoint.engines.plan import Request
    from setpoint.engines.port import Target

PROGRAM_NAME = "setpoint"
_RETRY_SECONDS = 0.1
_HANDOVER_SECONDS = 0.01
_TRUNCATED = 1292
"""The warning with which a server tells that it took another value than it was given."""

_WHO_HOLDS = f"SELECT IS_USED_LOCK({quote_literal(LOCK)})"
_TAKE_LOCK = f"SELECT GET_LOCK({quote_literal(LOCK)}, 0)"


class MysqlDriver:
    """One connection. Implements `setpoint.engines.port.Driver`."""

    def __init__(self, target: Target, *, is_read_only: bool) -> None:
        """Connect; raise `UnreachableError`, or `InputError` for an address that is none."""
        self._target = target
        self._address = read_address(target.address, target.instance)
        self._is_read_only = is_read_only
        self._level = 0
        """How many texts of a request are passed over because this login may not run them."""
        self._holder: str | None = None
        self._is_strict = False
        self._warning_count = 0
        self._connection = self._connect(target.timeout_seconds)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target.instance!r})"

    @property
    def version(self) -> Version:
        """The server's version."""
        # The client's stubs say nothing of it.
        told = cast("str", self._connection.get_server_info())  # pyright: ignore[reportUnknownMemberType]
        return read_version(told)

    def run(self, request: Request) -> Reply:
        """Run one request; the last statement that has rows answers, and then the agent.

        Raises `UnreachableError` when there is no answer in time, `NotPermittedError` when the login may
        run neither the text nor a fallback, `RefusedError` with the server's own words when it will not, or
        took another value than it was given, `UnavailableError` when a server-side timeout struck.
        """
        if not request.is_read_only:
            self._guard_writing(request)
        reply = self._run_text(request) if request.text else Reply()
        answer = self._ask_agent(request) if request.agent else None
        return Reply(rows=reply.rows, fallback=reply.fallback, agent=answer)

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take the apply lock of this server; raise `HeldError` naming who has it.

        With preemption the connection that has it is ended. Raises `NotPermittedError` where this login may
        not end it, `HeldError` where the lock could not be had within the timeout.
        """
        if self._holder is not None:
            return
        deadline = time.monotonic() + self._target.timeout_seconds
        while self._cell(_TAKE_LOCK) != 1:
            if not is_preempting or time.monotonic() > deadline:
                message = f"{self._target.instance} is being changed by {self._read_holder()}"
                raise HeldError(message, next_step="wait until it is done, then plan again")
            self._end_holder()
            time.sleep(_HANDOVER_SECONDS)
        self._exchange(take_name(holder))
        self._holder = holder

    def reconnect(self, timeout_seconds: float) -> None:
        """Connect anew, trying until the timeout; the lock has to be taken again.

        Raises `UnreachableError`.
        """
        deadline = time.monotonic() + timeout_seconds
        self.close()
        while True:
            left = max(_RETRY_SECONDS, deadline - time.monotonic())
            try:
                self._connection = self._connect(min(left, self._target.timeout_seconds))
            except UnreachableError:
                if time.monotonic() + _RETRY_SECONDS >= deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def close(self) -> None:
        """Give the lock back and end the connection; harmless when it is already gone."""
        if self._holder is not None and self._connection.open:
            # The server ends a session after we have left; without this its lock would outlive our return.
            with suppress(SetpointError):
                self._exchange(give_name_back())
        self._holder = None
        self._is_strict = False
        with suppress(pymysql.MySQLError, OSError):
            self._connection.close()

    def _connect(self, timeout_seconds: float) -> pymysql.Connection[Any]:
        secret = self._target.secret()
        try:
            return pymysql.connect(
                **connecting(self._address, secret),
                connect_timeout=max(1, round(timeout_seconds)),
                read_timeout=self._target.timeout_seconds,  # pyright: ignore[reportArgumentType] - a socket takes fractions
                write_timeout=self._target.timeout_seconds,  # pyright: ignore[reportArgumentType] - as above
                client_flag=CLIENT.MULTI_STATEMENTS,
                autocommit=True,
                charset="utf8mb4",
                program_name=PROGRAM_NAME,
            )
        except (pymysql.MySQLError, OSError, ValueError) as fault:
            raise self._unreachable(fault, secret) from None

    def _unreachable(self, fault: Exception, secret: str | None) -> UnreachableError:
        said = " ".join(str(word) for word in fault.args[1:] or fault.args)
        said = said.replace(secret, "***") if secret else said
        return UnreachableError(
            " ".join(said.split()) or "the connection was lost",
            where=self._target.instance,
            next_step="is the server up, and may this login connect?",
        )

    def _guard_writing(self, request: Request) -> None:
        if self._is_read_only:
            message = "this connection was opened for reading"
            next_step = f"not run: {(request.text or request.agent)[:60]}"
            raise RefusedError(message, where=self._target.instance, next_step=next_step)
        if not self._is_strict:
            # A value out of range is an error then, and not taken for another.
            self._exchange("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
            self._is_strict = True

    def _run_text(self, request: Request) -> Reply:
        texts = (request.text, *request.fallbacks)
        first = min(self._level, len(texts) - 1) if request.fallbacks else 0
        for number, text in enumerate(texts[first:], start=first):
            try:
                rows = self._exchange("; ".join((*request.ahead, text)), is_guarded=bool(request.ahead))
            except NotPermittedError:
                if number == len(texts) - 1:
                    raise
                continue
            if request.fallbacks:
                self._level = number
            if not request.is_read_only:
                self._check_taken()
            return Reply(rows=rows, fallback=number)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _check_taken(self) -> None:
        """Raise `RefusedError` where the server took another value than it was given."""
        if not self._warning_count:
            return
        for _, code, said in self._exchange("SHOW WARNINGS"):
            if int(code) == _TRUNCATED:
                message = f"the server took another value than it was given: {said}"
                raise RefusedError(message, where=self._target.instance, next_step="ask for one it takes")

    def _ask_agent(self, request: Request) -> str | None:
        command = self._target.agent
        if not command:
            if request.is_read_only:
                return None
            message = "there is no agent that could write its option file"
            next_step = "`setpoint instance set --agent-command` names one"
            raise NotPermittedError(message, where=self._target.instance, next_step=next_step)
        try:
            return ask_agent(command, request.agent, timeout_seconds=self._target.timeout_seconds)
        except SetpointError as fault:
            if request.is_read_only:
                return silent(str(fault))
            raise

    def _read_holder(self) -> str:
        number = self._cell(_WHO_HOLDS)
        if number is None:
            return "somebody who has just ended"
        try:
            name = spelled(self._cell(read_name()))
        except RefusedError:  # MySQL 5.7 cannot count
            name = ""
        return name or f"connection {number}"

    def _end_holder(self) -> None:
        number = self._cell(_WHO_HOLDS)
        if number is None:
            return
        try:
            self._exchange(f"KILL CONNECTION {int(number)}")
        except RefusedError as fault:
            if isinstance(fault, NotPermittedError):
                raise
            # It has just ended by itself.

    def _cell(self, text: str) -> Any:
        return self._exchange(text)[0][0]

    def _exchange(self, text: str, *, is_guarded: bool = False) -> tuple[tuple[Any, ...], ...]:
        """Send one message and read all its results; answer the rows of the last that has some."""
        rows: tuple[tuple[Any, ...], ...] = ()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(text)
                while True:
                    if cursor.description is not None:
                        rows = tuple(cursor.fetchall())
                    if not cursor.nextset():
                        self._warning_count = int(cursor.warning_count)
                        return rows
        except (pymysql.MySQLError, OSError) as fault:
            raise self._fault(fault, is_guarded=is_guarded) from None

    def _fault(self, fault: Exception, *, is_guarded: bool) -> SetpointError:
        made = fault_of(fault, self._target.instance, self._target.timeout_seconds)
        if is_guarded and made.code == GUARD_FAILED:
            message = "it was changed in this very moment"
            return StalePlanError(message, where=self._target.instance, next_step="plan again")
        if isinstance(made.error, (UnreachableError, UnavailableError)) and made.is_lost:
            with suppress(pymysql.MySQLError, OSError):
                self._connection.close()
        return made.error


def read_version(text: str) -> Version:
    """Read a server's version; MariaDB before 11 puts ``5.5.5-`` before its own for old replicas."""
    return Version.parse(text.removeprefix("5.5.5-"))


def connecting(address: Address, secret: str | None) -> dict[str, Any]:
    """Answer what the client library is told of where to connect, and as whom."""
    words: dict[str, Any] = {"host": address.host, "port": address.port}
    given = {"unix_socket": address.socket, "user": address.user, "database": address.database}
    words |= {name: value for name, value in given.items() if value}
    if address.defaults_file:
        words["read_default_file"] = address.defaults_file
    if secret is not None:
        words["password"] = secret.encode()  # of a text the library would take no letter beyond Latin-1
    if address.ssl_ca:
        words |= {"ssl_ca": address.ssl_ca, "ssl_verify_cert": True, "ssl_verify_identity": True}
    elif address.is_tls_required:
        words["ssl"] = {"check_hostname": False}
    return words

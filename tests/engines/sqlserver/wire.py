"""The server in the tests on a socket: real TDS, a thread for each client, and faults to order."""

from __future__ import annotations

import contextlib
import itertools
import socket
import socketserver
import threading
from typing import Any

from pysqlbridge.certificate import self_signed
from pysqlbridge.logins import Login, LoginStore
from pysqlbridge.tds.connection import Connection, ConnectionState
from pysqlbridge.tds.result import Column, Integer, NVarChar, Query, QueryError, QueryResult
from tests.engines.sqlserver.estate import ADMIN, Estate
from tests.engines.sqlserver.machine import Aborted, Table
from tests.engines.sqlserver.records import Session
from tests.engines.sqlserver.tsql import SqlError

PASSWORD = "open sesame; it's me"
_CERTIFICATE = self_signed()
_FIRST_SESSION = 51
_SIZED = 4_000
"""The longest text of a sized column; the other kind cannot hold an empty text here."""


class WireServer(socketserver.ThreadingTCPServer):
    """One server. While `is_hanging` it swallows what clients send; `is_dropping` loses one answer."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, estate: Estate) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.estate = estate
        self.rights: dict[str, frozenset[str]] = {}
        self.add_login("sa", ADMIN)
        self.is_hanging = False
        self.is_dropping = False
        self.numbers = itertools.count(_FIRST_SESSION)
        self.sockets: dict[int, socket.socket] = {}
        self.batches: list[str] = []
        self.clients: list[Connection] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def address(self) -> str:
        host, port = self.server_address[:2]
        return f"host={host!s} port={port} user=sa database=shop"

    def add_login(self, name: str, rights: frozenset[str]) -> None:
        self.rights[name] = rights
        self.logins = LoginStore([Login(each, PASSWORD, hashed=False) for each in self.rights])

    def end_connections(self) -> None:
        for each in list(self.sockets.values()):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def restart(self) -> None:
        self.estate.restart()
        self.end_connections()


class _Client(socketserver.BaseRequestHandler):
    server: WireServer

    def handle(self) -> None:
        session: Session | None = None

        def answer(query: Query) -> QueryResult:
            nonlocal session
            if session is None:
                session = self.begin(connection)
            return self.answer(session, query)

        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        logins = self.server.logins
        handler: Any = answer  # its annotation knows texts alone
        connection = Connection(_CERTIFICATE, query_handler=handler, logins=logins, database="shop")
        self.server.clients.append(connection)
        with contextlib.suppress(OSError, Aborted):
            while data := self.request.recv(65_536):
                if self.server.is_hanging:
                    continue
                for response in connection.receive(data):
                    self.request.sendall(response)
                if connection.state is ConnectionState.FAILED:
                    break
        if session is not None:
            with self.server.estate.turn:
                self.server.estate.end(session)
            self.server.sockets.pop(session.number, None)

    def begin(self, connection: Connection) -> Session:
        login = connection.login.user_name if connection.login is not None else ""
        session = Session(next(self.server.numbers), login, self.server.rights[login])
        with self.server.estate.turn:
            self.server.estate.sessions[session.number] = session
        self.server.sockets[session.number] = self.request
        return session

    def answer(self, session: Session, query: Query) -> QueryResult:
        self.server.batches.append(query.sql)
        try:
            answers = self.server.estate.answer(session, query.sql)
        except SqlError as fault:
            raise QueryError(fault.message, number=fault.number, severity=fault.severity) from None
        except Aborted:
            self.request.shutdown(socket.SHUT_RDWR)
            return QueryResult([], [])
        if self.server.is_dropping:
            self.server.is_dropping = False
            self.request.shutdown(socket.SHUT_RDWR)
        results = [_result(each) for each in answers] or [QueryResult([], [])]
        first, *others = results
        return QueryResult(first.columns, first.rows, tuple(others))


def _result(answer: Table) -> QueryResult:
    names, rows = answer
    cells = [[row[number] for row in rows] for number in range(len(names))]
    columns = [Column(f"c{number}", _type(column)) for number, column in enumerate(cells)]
    return QueryResult(columns, [list(row) for row in rows])


def _type(cells: list[object]) -> Integer | NVarChar:
    if any(isinstance(cell, int) for cell in cells) and all(isinstance(cell, int | None) for cell in cells):
        return Integer(8)
    return NVarChar(None if any(len(str(cell)) > _SIZED for cell in cells) else _SIZED)

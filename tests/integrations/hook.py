"""A web server that takes notices, or does what its paths say: ``/500``, ``/reset``, ``/drip``."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event


class Server(ThreadingHTTPServer):
    """Its `answers`, while there are any, stand for the paths it is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Webhook)
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.gate = Event()
        self.answers: list[str] = []

    def handle_error(self, request, client_address) -> None:
        """Say nothing of clients that hang up."""


class Webhook(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, dict(self.headers), body))
        if self.server.answers:
            self.path = self.server.answers.pop(0)
        if self.path == "/reset":
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
        elif self.path == "/silent":
            self.server.gate.wait(30)
        elif self.path == "/drip":
            self._drip()
        else:
            self._answer()

    def _answer(self) -> None:
        status, _, where = self.path.strip("/").partition("/")
        self.send_response(int(status[:3]))
        if where == "slow-body":
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.server.gate.wait(30)
            return
        if where:
            self.send_header("Location", f"/{where}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _drip(self) -> None:
        """Answer a byte at a time, so that no timeout between two bytes ever ends it."""
        self.wfile.write(b"HTTP/1.0 200 OK\r\n")
        for byte in b"X-Slow: 1\r\n" * 400:
            if self.server.gate.wait(0.02):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, *_: object) -> None:
        pass

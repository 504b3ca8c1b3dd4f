"""A network between a client and a server that can be slow, swallow packets, and be cut in a statement."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

_MOST_BYTES = 65_536
_TICK_SECONDS = 0.02
_IDLE_SECONDS = 1.0
_RESET = struct.pack("ii", 1, 0)


@dataclass
class _Way:
    """One direction of a connection: what was read and waits to be sent, each part with its time."""

    source: socket.socket
    sink: socket.socket
    is_up: bool
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    is_ended: bool = False


class Proxy:
    """Passes on what comes to `port`, unless told otherwise.

    ``delay``: everything comes so many seconds late. ``hole``: nothing comes through, nobody is told; when it
    is over what was sent meanwhile arrives late. ``reset``: connections are reset, those that come, too.
    ``cut``: after so many bytes more each way every connection is reset, once. ``lost``: connections that are
    there hang for ever, as behind a router that forgot them; new ones work.
    """

    host = "127.0.0.1"

    def __init__(self, port: int) -> None:
        self.target_port = port
        self._listener = socket.create_server((self.host, 0), backlog=64)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._ways: dict[socket.socket, _Way] = {}
        self._lost: list[_Way] = []
        self._lock = threading.Lock()
        self._mode, self._amount = "pass", 0.0
        self._waker, self._woken = socket.socketpair()
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending.set()
        self._waker.send(b".")
        self._thread.join()
        for each in (self._listener, self._waker, self._woken):
            each.close()

    def be(self, mode: str, amount: float = 0.0) -> None:
        """Be so from now on."""
        with self._lock:
            self._mode, self._amount = mode, amount
        self._waker.send(b".")

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._is_ending.is_set():
                is_busy = any(way.waiting for way in self._ways.values())
                events = selector.select(_TICK_SECONDS if is_busy else _IDLE_SECONDS)
                with self._lock:
                    for key, _ in events:
                        if key.fileobj is self._woken:
                            self._woken.recv(_MOST_BYTES)
                        elif key.fileobj is self._listener:
                            self._accept(selector)
                        elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._ways:
                            self._read(selector, self._ways[key.fileobj])
                    self._go_on(selector)
            for way in list(self._ways.values()):
                self._reset(selector, way)
        for way in self._lost:
            way.source.close()

    def _accept(self, selector: selectors.BaseSelector) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        if self._mode == "reset":
            _close(client)
            return
        try:
            server = socket.create_connection((self.host, self.target_port), 2.0)
        except OSError:
            _close(client)
            return
        for source, sink, is_up in ((client, server, True), (server, client, False)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            source.setblocking(False)
            self._ways[source] = _Way(source, sink, is_up)
            selector.register(source, selectors.EVENT_READ)

    def _read(self, selector: selectors.BaseSelector, way: _Way) -> None:
        try:
            part = way.source.recv(_MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._reset(selector, way)
            return
        if not part:
            selector.unregister(way.source)
            way.is_ended = True
        if self._mode == "cut" and part:
            kept, self._amount = part[: int(self._amount)], self._amount - len(part)
            if self._amount <= 0:
                with suppress(OSError):
                    way.sink.send(kept)
                self._mode = "pass"
                for each in list(self._ways.values()):
                    self._reset(selector, each)
                return
        way.waiting.append((time.monotonic() + (self._amount if self._mode == "delay" else 0.0), part))

    def _go_on(self, selector: selectors.BaseSelector) -> None:
        """Send what is due."""
        if self._mode == "reset":
            for way in list(self._ways.values()):
                self._reset(selector, way)
        if self._mode == "lost":
            self._mode = "pass"
            for source in list(self._ways):
                with suppress(KeyError):  # one whose other end has left
                    selector.unregister(source)
                self._lost.append(self._ways.pop(source))
        if self._mode == "hole":
            return
        here = time.monotonic()
        for way in list(self._ways.values()):
            while way.source in self._ways and way.waiting and way.waiting[0][0] <= here:
                _, part = way.waiting.popleft()
                if not self._send(selector, way, part):
                    break

    def _send(self, selector: selectors.BaseSelector, way: _Way, part: bytes) -> bool:
        if not part:
            self._end(selector, way)
            return False
        try:
            sent = way.sink.send(part)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._reset(selector, way)
            return False
        if sent < len(part):
            way.waiting.appendleft((0.0, part[sent:]))
            return False
        return True

    def _end(self, selector: selectors.BaseSelector, way: _Way) -> None:
        """Pass the end of one side on; when both have ended the connection is gone."""
        with suppress(OSError):
            way.sink.shutdown(socket.SHUT_WR)
        other = self._ways.get(way.sink)
        if other is None or other.is_ended or way.is_up:
            for each in filter(None, (way, other)):
                self._drop(selector, each, is_reset=False)

    def _reset(self, selector: selectors.BaseSelector, way: _Way) -> None:
        for each in filter(None, (way, self._ways.get(way.sink))):
            self._drop(selector, each, is_reset=True)

    def _drop(self, selector: selectors.BaseSelector, way: _Way, *, is_reset: bool) -> None:
        if self._ways.pop(way.source, None) is None:
            return
        with suppress(KeyError, ValueError):
            selector.unregister(way.source)
        if is_reset:
            _close(way.source)
        else:
            way.source.close()


def _close(connection: socket.socket) -> None:
    """Close with a reset."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()

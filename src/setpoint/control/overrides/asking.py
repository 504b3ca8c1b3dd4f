"""What is asked of a guard process, and what it answers: one line each way over a socket in its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from setpoint.config.override import LinkState
from setpoint.engines.order import Order

if TYPE_CHECKING:
    import socket

SOCKET = "guardian.sock"
_MOST_BYTES = 1_048_576


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a guard process: to take an order on, or how it stands with one."""

    verb: Literal["arm", "look"]
    override: str
    seconds: float


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What it answers: the state, and the order it holds, whose deadline and content are to be compared."""

    state: LinkState
    detail: str = ""
    order: Order | None = None


def address_in(number: int) -> str:
    """Answer the address of the socket in an open folder: short, however long the folder's path is."""
    return f"/proc/self/fd/{number}/{SOCKET}"


def receive(connection: socket.socket) -> bytes:
    """Read one line; answer what came of it."""
    body = b""
    while not body.endswith(b"\n") and len(body) < _MOST_BYTES:
        part = connection.recv(_MOST_BYTES)
        if not part:
            break
        body += part
    return body

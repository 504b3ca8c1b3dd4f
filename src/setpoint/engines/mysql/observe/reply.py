"""The shape of what a server answers: JSON made by the queries, typed here and nowhere else.

MySQL and MariaDB are asked with queries of their own, and answer in this one shape. What a server does not
tell is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.engines.mysql.observe.transactions import Transactions
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from setpoint.engines.port import Reply


class VariableRow(msgspec.Struct, array_like=True, frozen=True):
    """One global variable.

    `source` is the server's own word for where its value came from, `persisted` what MySQL keeps for it.
    `set_at` are seconds since 1970. `is_read_only` and `has_option` (whether it can be given at a start) are
    what MariaDB tells.
    """

    name: str
    value: str | None
    source: str | None
    path: str | None
    data_type: str | None
    scope: str | None
    low: str | None
    high: str | None
    block: str | None
    words: str | None
    default: str | None
    is_read_only: str | None
    has_option: str | None
    set_at: float | None
    set_user: str | None
    set_host: str | None
    persisted: str | None


class Server(msgspec.Struct, frozen=True):
    """What the server says about itself and about this session.

    `replica` tells the state of replication where this server is one: the source's host, or ``on``.
    """

    version: str
    comment: str
    user: str
    host: str
    now: float
    uptime_seconds: float
    privileges: tuple[str, ...] | None = None
    data_bytes: int | None = None
    replica: str | None = None
    group_role: str | None = None
    meminfo: str | None = None


class FileText(msgspec.Struct, array_like=True, frozen=True):
    """An option file as the server could read it; null where it could not."""

    path: str
    text: str | None


class Answer(msgspec.Struct, frozen=True):
    """The whole reply. `persisted` names what MySQL keeps and lists no variable for."""

    variables: tuple[VariableRow, ...]
    server: Server
    status: dict[str, str]
    files: tuple[FileText, ...] | None = None
    unlisted: dict[str, str] | None = None
    transactions: Transactions = Transactions()
    cost_ms: float = 0.0


def decode_answer(reply: Reply) -> Answer:
    """Read the reply's one cell; raise `UnavailableError` when it is not what was asked for."""
    try:
        cell: Any = reply.rows[0][0]
        return msgspec.json.decode(cell, type=Answer)
    except (IndexError, TypeError, msgspec.DecodeError) as fault:
        message = f"the server's answer is not an observation: {fault}"
        raise UnavailableError(message, next_step="observe again") from None

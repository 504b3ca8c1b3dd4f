"""What an error of the server, or of the client library, means to us.

Numbers: the manual, "Database Engine errors". A library's text follows the server's own words in one string,
and its number can be that of another connection's error: it is believed only where the server spoke.
"""

from __future__ import annotations

import re
from typing import Any, cast

from setpoint.engines.sqlserver.dialect.statements import MOVED
from setpoint.errors import (
    NotPermittedError,
    RefusedError,
    SetpointError,
    StalePlanError,
    UnavailableError,
    UnreachableError,
)

_NOT_PERMITTED = frozenset({
    229, 230, 262, 297, 300, 371, 916, 3701, 5812, 6102, 8189, 15151, 15247, 15343,
})  # fmt: skip
_BUSY = frozenset({701, 1204, 1205, 1222, 8645})
_LOST = frozenset({596, 6005, 17142, 17143, 18401, 18451, 18456, 18470, 18486, 18487, 18488})
_IN_TRANSACTION = frozenset({574, 15002, 226})
_LIBRARY = re.compile(r"DB-Lib error message.*", re.DOTALL)
_CAUSE = re.compile(
    r"(?:TDS server connection timed out|Unable to connect|Connection refused|Unexpected EOF[^\n]*)"
)
_REFUSED = "error message 20018"
"""With it the library tells that the server spoke; of logins after the first it loses what was said."""
_MOST_CHARACTERS = 500


def fault_of(args: tuple[Any, ...], *, where: str) -> SetpointError:
    """Answer our error for a client library's, whose arguments these are."""
    number, text = _parts_of(args)
    said = " ".join(_LIBRARY.sub("", text).split())[:_MOST_CHARACTERS]
    if not said and _REFUSED in text:
        return _spoken(number, "refused, and the client library does not pass on why", where)
    if not said:
        cause = _CAUSE.search(text)
        what = cause[0] if cause else "the connection was lost"
        return UnreachableError(what, where=where, next_step="is the server up and reachable?")
    return _spoken(number, said, where)


def _spoken(number: int, said: str, where: str) -> SetpointError:
    """Answer the error for a number of the server's."""
    if number == MOVED:
        return StalePlanError(said, where=where, next_step="make a new plan and read it again")
    if number in _NOT_PERMITTED:
        return NotPermittedError(said, where=where, next_step="grant the login what it needs")
    if number in _BUSY:
        return UnavailableError(said, where=where, next_step="try again when the server is less busy")
    if number in _LOST:
        return UnreachableError(said, where=where, next_step="is the server up, and may this login connect?")
    if number in _IN_TRANSACTION:
        return RefusedError(
            f"the server refused: {said}",
            where=where,
            next_step="end the transaction that is open, then plan again",
        )
    return RefusedError(f"the server refused: {said}", where=where)


def _parts_of(args: tuple[Any, ...]) -> tuple[int, str]:
    """Take the number and the text out of a library's error; some come as a pair within a pair."""
    first: Any = args[0] if args else ""
    parts = cast("tuple[Any, ...]", first) if isinstance(first, tuple) else args
    number = parts[0] if parts and isinstance(parts[0], int) else 0
    text: Any = parts[-1] if parts else b""
    # What is no bytes is the library's own word, such as that there is no connection.
    return number, text.decode(errors="replace") if isinstance(text, bytes) else ""

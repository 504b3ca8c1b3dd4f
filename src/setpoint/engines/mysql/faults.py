"""What a server's or the client's error means in our tree of errors."""

from __future__ import annotations

from typing import NamedTuple

from setpoint.errors import (
    NotPermittedError,
    RefusedError,
    SetpointError,
    UnavailableError,
    UnreachableError,
)

GUARD_FAILED = 1242
"""A scalar subquery with two rows: what a guard fails with where an entry moved."""

_LOST = frozenset(
    {0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2014, 2055, 3169, 4031}
)
"""The connection is gone, or will be in a moment; 1927 and 3169 tell that somebody ended it."""

_UNREACHABLE = _LOST | {1040, 1045, 1049, 1129, 1130, 1203, 1226, 1698, 2002, 2003, 2005}
_FORBIDDEN = frozenset({1044, 1095, 1142, 1143, 1227, 1370, 1410, 3616, 3619, 3651})
_TIMED_OUT = frozenset({1205, 1317, 1969, 3024})
_NOT_READY = frozenset({1047})
"""What a member of a Galera cluster says while it has no part in it."""
_READ_ONLY = frozenset({1290, 1836})
_KINDS: tuple[tuple[frozenset[int], type[SetpointError], str], ...] = (
    (_FORBIDDEN, NotPermittedError, "grant the login what it needs"),
    (_TIMED_OUT, UnavailableError, "try again when the server is less busy"),
    (_NOT_READY, UnavailableError, "try again when it is a synced member of its cluster"),
    (_READ_ONLY, NotPermittedError, "do it where the server may be written to"),
)


class Fault(NamedTuple):
    """An error of ours, the number it was made from, and whether the connection is of no use any more."""

    error: SetpointError
    code: int
    is_lost: bool


def fault_of(fault: Exception, where: str, timeout_seconds: float) -> Fault:
    """Answer what an exception of the client library means. Sources: the servers' error references."""
    code = fault.args[0] if fault.args and isinstance(fault.args[0], int) else 0
    said = " ".join(str(word) for word in fault.args[1:]) or str(fault)
    is_lost = code in _LOST
    return Fault(_error(code, said, where, timeout_seconds), code, is_lost)


def _error(code: int, said: str, where: str, timeout_seconds: float) -> SetpointError:
    if "timed out" in said:
        message = f"no answer within {timeout_seconds:g} s"
        return UnreachableError(message, where=where, next_step="is the server up and reachable?")
    if code in _UNREACHABLE:
        next_step = "is the server up, and may this login connect?"
        return UnreachableError(said or "the connection was lost", where=where, next_step=next_step)
    for codes, kind, next_step in _KINDS:
        if code in codes:
            return kind(said, where=where, next_step=next_step)
    return RefusedError(f"the server refused ({code}): {said}", where=where)

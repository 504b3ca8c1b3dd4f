"""What stands for one parameter, asked for alone: it is looked at in the moment before it is written."""

# ruff: noqa: S608 - the name is quoted
from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.engines.oracle.dialect import GRAMMAR, guard, standing
from setpoint.engines.plan import Request
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from setpoint.config.configuration import SettingText
    from setpoint.engines.port import Reply


def entry(parameter: str) -> Request:
    """Answer the request for the file's entry or, where there is no such file, for what runs."""
    return Request(text=f"SELECT /* setpoint:entry */ {standing(parameter)} FROM dual")


def read_entry(reply: Reply) -> SettingText:
    """Answer the entry, None where there is none; raise `UnavailableError` for an answer that is none."""
    if len(reply.rows) != 1:
        message = "the server did not tell one parameter's entry"
        raise UnavailableError(message, next_step="observe again")
    text = reply.rows[0][0]
    return None if text is None else str(text).removeprefix("=")


def unless_moved(request: Request, parameter: str, entry: SettingText) -> Request:
    """Answer a request that is not carried out where another text stands by then."""
    seen = GRAMMAR.write_list(entry) if isinstance(entry, tuple) else entry
    return replace(request, ahead=(guard(parameter, seen),))

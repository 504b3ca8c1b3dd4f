"""One parameter's entry, asked for alone: what is looked at in the moment before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.engines.plan import Request
from setpoint.engines.sqlserver.dialect import quote_literal
from setpoint.engines.sqlserver.dialect.entries import entry_source, entry_value
from setpoint.engines.sqlserver.dialect.statements import MOVED
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from setpoint.config.configuration import SettingText
    from setpoint.engines.port import Reply


def entry(parameter: str) -> Request:
    """Answer the request."""
    return Request(text=f"SELECT {entry_value(parameter)} {entry_source(parameter)};")


def unless_moved(request: Request, parameter: str, entry: SettingText) -> Request:
    """Answer a request whose batch ends with an error instead, where the entry is not this one by then."""
    wanted = quote_literal(entry if isinstance(entry, str) else "")
    guard = (
        f"IF NOT EXISTS (SELECT 1 {entry_source(parameter)} AND {entry_value(parameter)} = {wanted})\n"
        f"BEGIN THROW {MOVED}, N'its entry was changed in this very moment', 1; END;"
    )
    return replace(request, ahead=(guard,))


def read_entry(parameter: str, reply: Reply) -> SettingText:
    """Answer the entry; raise `UnavailableError` where the server does not list the parameter."""
    if not reply.rows:
        message = f"the server does not list {parameter}"
        raise UnavailableError(message, next_step="observe again")
    return str(reply.rows[0][0])

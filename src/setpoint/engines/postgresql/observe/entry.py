"""One parameter's persisted entry, asked for alone: what is looked at in the moment before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.engines.plan import Request
from setpoint.engines.postgresql.dialect import quote_literal
from setpoint.engines.postgresql.dialect.entries import OTHERS, WAIT, entry_sql, last_entry
from setpoint.engines.postgresql.dialect.knowledge import MASK
from setpoint.engines.postgresql.observe.secrets import masked
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from setpoint.config.configuration import SettingText
    from setpoint.engines.port import Reply


def entry(parameter: str) -> Request:
    """Answer the request. Like an observation it takes the last entry, and none of a file that is broken."""
    return Request(text=entry_sql(parameter))


_GUARD = f"""
SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())
WHERE CASE WHEN ({{entry}}) IS DISTINCT FROM {{text}} THEN true ELSE {OTHERS} END
"""  # noqa: S608 - constants
"""ALTER SYSTEM can stand in no transaction and under no condition. A session can be ended, though, before it
comes to the next message, which has arrived already. The entry is looked at first, and who else is at it
last: what ends in between was seen by one of the two.
"""


def unless_moved(request: Request, parameter: str, entry: SettingText) -> Request:
    """Answer a request that ends its session instead where the entry is not this one by then.

    One with a secret in it is not known here, so its request is answered as it is.
    """
    if isinstance(entry, tuple) or MASK in (entry or ""):
        return request
    text = quote_literal(entry) if entry is not None else "NULL"
    return replace(
        request, ahead=(WAIT, _GUARD.format(entry=last_entry(quote_literal(parameter)), text=text))
    )


def read_entry(parameter: str, reply: Reply) -> SettingText:
    """Answer the entry, None where there is none; raise `UnavailableError` where the files are broken."""
    ((text, faults),) = reply.rows
    if int(faults):
        message = "the server's files are broken"
        raise UnavailableError(message)
    return masked(parameter, text)

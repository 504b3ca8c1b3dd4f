"""One parameter's persisted entry, asked for alone: what is looked at in the moment before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.plan import Request
from setpoint.engines.postgresql.dialect import quote_literal
from setpoint.engines.postgresql.observe.secrets import masked
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from setpoint.config.configuration import SettingText
    from setpoint.engines.port import Reply


_QUERY = """
WITH told AS MATERIALIZED (SELECT * FROM pg_catalog.pg_file_settings)
SELECT (SELECT setting FROM told
        WHERE lower(name) = lower(%s) AND sourcefile LIKE '%%/postgresql.auto.conf'
        ORDER BY seqno DESC LIMIT 1),
       (SELECT count(*) FROM told WHERE name IS NULL AND sourcefile IS NOT NULL)
"""


def entry(parameter: str) -> Request:
    """Answer the request. Like an observation it takes the last entry, and none of a file that is broken."""
    return Request(text=_QUERY % quote_literal(parameter))


def read_entry(parameter: str, reply: Reply) -> SettingText:
    """Answer the entry, None where there is none; raise `UnavailableError` where the files are broken."""
    ((text, faults),) = reply.rows
    if int(faults):
        message = "the server's files are broken"
        raise UnavailableError(message)
    return masked(parameter, text)

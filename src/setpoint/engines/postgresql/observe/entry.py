"""One parameter's persisted entry, asked for alone: what is looked at in the moment before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.engines.plan import Request
from setpoint.engines.postgresql.dialect import quote_literal
from setpoint.engines.postgresql.dialect.knowledge import MASK
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


_OTHERS = r"""EXISTS (
      SELECT FROM pg_catalog.pg_stat_activity
      WHERE state = 'active' AND pid <> pg_catalog.pg_backend_pid() AND query ~* '\malter\s+system\M')"""

_WAIT = f"""
DO $do$
BEGIN
  FOR i IN 1..200 LOOP
    EXIT WHEN NOT {_OTHERS};
    PERFORM pg_catalog.pg_sleep(0.005), pg_catalog.pg_stat_clear_snapshot();
  END LOOP;
END
$do$
"""
"""An ALTER SYSTEM writes the file aside, waits for the disk, and moves it into place at its end. One that
is under way would not be seen, and ours would wait for it and write over it; so it is waited for, a second
at most.
"""

_GUARD = f"""
SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())
WHERE CASE WHEN (SELECT setting FROM pg_catalog.pg_file_settings
                 WHERE lower(name) = lower(%s) AND sourcefile LIKE '%%/postgresql.auto.conf'
                 ORDER BY seqno DESC LIMIT 1) IS DISTINCT FROM %s
           THEN true ELSE {_OTHERS} END
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
    return replace(request, ahead=(_WAIT, _GUARD % (quote_literal(parameter), text)))


def read_entry(parameter: str, reply: Reply) -> SettingText:
    """Answer the entry, None where there is none; raise `UnavailableError` where the files are broken."""
    ((text, faults),) = reply.rows
    if int(faults):
        message = "the server's files are broken"
        raise UnavailableError(message)
    return masked(parameter, text)

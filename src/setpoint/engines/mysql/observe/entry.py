"""One variable's entry, asked for alone: what is looked at in the moment before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.engines.mysql.dialect.agent_words import READ_FILES
from setpoint.engines.mysql.dialect.knowledge import MASK, NOT_KEPT, masked
from setpoint.engines.mysql.dialect.statements import checked_name, quote_literal, set_after
from setpoint.engines.mysql.observe.files import fragment_texts
from setpoint.engines.plan import Request
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from setpoint.config.configuration import SettingText
    from setpoint.engines.port import Reply

_KEPT = "(SELECT variable_value FROM performance_schema.persisted_variables WHERE variable_name = {})"
_RUNS = "(SELECT variable_value FROM performance_schema.global_variables WHERE variable_name = {})"
_MOVED = "IF({} <=> {}, 0, (SELECT 1 UNION SELECT 2))"
"""A subquery with two rows is an error where it is reached, and what follows in its message is not."""


def entry(current: str) -> Request:
    """Answer the request for an entry that an expression tells, and what stands in the agent's file."""
    return Request(text=f"SELECT {current}", agent=READ_FILES)


def kept(parameter: str) -> str:
    """Write the expression of what MySQL keeps for a variable; null where it keeps nothing.

    Of one that it cannot keep it is what runs.
    """
    name = checked_name(parameter)
    return (_RUNS if name in NOT_KEPT else _KEPT).format(quote_literal(name))


def unless_moved(request: Request, current: str, entry: SettingText) -> Request:
    """Answer a request that fails before its text where an expression is not that entry by then.

    Where the text begins by setting a variable it looks once more itself, in that one statement: between two
    statements of a message another session writes easily. RESET PERSIST can look at nothing.

    One with a secret in it is not known here, so its request is answered as it is; so is one for the agent
    alone, which looks for itself.
    """
    if isinstance(entry, tuple) or MASK in (entry or "") or not request.text:
        return request
    text = quote_literal(entry) if entry is not None else "NULL"
    look = _MOVED.format(current, text)
    return replace(request, ahead=(f"SELECT {look}",), text=set_after(look, request.text))


def read_entry(parameter: str, reply: Reply) -> SettingText:
    """Answer the entry, None where there is none; raise `UnavailableError` where it cannot be told."""
    try:
        ((text,),) = reply.rows
    except ValueError:
        message = "the server's answer is no entry"
        raise UnavailableError(message) from None
    if text is not None:
        return masked(parameter, str(text))
    return fragment_texts(reply.agent).get(parameter)

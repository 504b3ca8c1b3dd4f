"""Arming the way back of a temporary change: an event of the server, else the client itself stays.

The statements of the event are those that the engine's switch would send over a connection. The scheduler is
never turned on for it. A client that stays sleeps in slices, and takes everything back at the deadline.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from setpoint.engines.mysql.dialect.statements import quote_literal
from setpoint.engines.mysql.native.message import (
    MAY,
    NOW,
    WELL,
    WHY,
    as_words,
    attempt,
    comment,
    fence,
    frame,
    message,
    refuse,
    say,
)
from setpoint.engines.mysql.native.taking import BACK
from setpoint.engines.port import Reply
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.engines.order import Order
    from setpoint.engines.plan import Request
    from setpoint.engines.port import Switch

_SCHEDULER, _LOCKED, _ARMED = "@setpoint_scheduler", "@setpoint_locked", "@setpoint_armed"
_SLICE_SECONDS = 600
_MOST_SLICES = 5000
_IS_ON = f"UPPER({_SCHEDULER}) IN ('ON', '1') AND UPPER({_LOCKED}) NOT IN ('ON', '1')"


def arm(order: Order, switch: Switch) -> str:
    """Write what arms the way back, and tells which; nothing is written after a deadline."""
    looking, creating = _rehearsed(order, switch)
    due = _due(order)
    when = order.deadline.isoformat()
    by_event = f"an event of the server acts at {when}"
    by_client = f"no event ({{}}): this client stays, and takes it back at {when}; do not end it"
    before, after = by_client.split("{}")
    why = f"COALESCE({WHY}, IF({_SCHEDULER} IS NULL, 'its state cannot be seen', 'the scheduler is off'))"
    staying = f"CONCAT({quote_literal(before)}, {why}, {quote_literal(after)})"
    detail = f"IF({_ARMED}, {quote_literal(by_event)}, {staying})"
    return "".join(
        (
            comment(f"the way back, at {when}; where no event can be had, error 1242 below is meant"),
            refuse("unarmed", f"{NOW} >= {due}", {"why": quote_literal("its deadline is over")}),
            message(f"SET {_SCHEDULER} = NULL, {_LOCKED} = NULL, {_ARMED} = 0, {WHY} = NULL"),
            message(f"{looking} INTO {_SCHEDULER}, {_LOCKED}"),
            message(f"SET @setpoint_is_on = COALESCE({_IS_ON}, 0)"),
            attempt(fence(f"{MAY} AND @setpoint_is_on"), creating, f"SET {_ARMED} = 1"),
            message(f"SET {WHY} = IF(@setpoint_is_on, {WHY}, NULL)"),
            message(say(frame("armed", told={"state": "'armed'", "detail": as_words(detail)}), MAY)),
        )
    )


def stay(order: Order) -> str:
    """Write what has the client wait for the deadline where no event was armed."""
    is_waiting = f"{MAY} AND {WELL} AND NOT {_ARMED}"
    left = f"IF({is_waiting}, GREATEST({_due(order)} - {NOW}, 0), 0)"
    seconds = (order.deadline - order.written_at).total_seconds()
    slices = min(_MOST_SLICES, max(0, math.ceil(seconds / _SLICE_SECONDS)) + 1)
    return "".join(
        (
            # What waits holds nobody else up.
            message("DO RELEASE_ALL_LOCKS()"),
            message(f"SET @setpoint_slept = SLEEP(LEAST({left}, {_SLICE_SECONDS}))") * slices,
            message(f"SET @setpoint_slept = SLEEP({left})"),
            message(f"SET {BACK} = COALESCE({is_waiting}, 0)"),
        )
    )


def disarm(order: Order, switch: Switch) -> str:
    """Write what takes the event away again where a step failed."""
    dropping = next(switch.disarm(order))
    passed_over = comment("where every step was taken, error 1242 here is meant: the event stays")
    return passed_over + message(fence(f"{MAY} AND NOT {WELL} AND {_ARMED}"), dropping.text)


def _rehearsed(order: Order, switch: Switch) -> tuple[str, str]:
    """Answer how a switch looks whether it can be armed, and how it is, from what it asks where it can."""
    asked: list[Request] = []
    questions = switch.arm(order)
    try:
        asked.append(next(questions))
        asked.append(questions.send(Reply(rows=(("ON", "0"),))))
    except StopIteration:
        raise InputError("the server's switch arms nothing", where=order.instance) from None
    finally:
        questions.close()
    looking, creating = asked
    return looking.text, creating.text


def _due(order: Order) -> int:
    return math.ceil(order.deadline.timestamp())

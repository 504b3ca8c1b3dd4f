"""Asking: one request's row as a sealed answer.

A row is one line, a JSON array of its cells. Where a lesser text answered, the answer's frame tells which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.engines.mysql.dialect.statements import quote_literal
from setpoint.engines.mysql.native.message import (
    ERROR,
    MAY,
    STRICT,
    WHY,
    WROTE,
    as_object,
    as_words,
    attempt,
    count_columns,
    fence,
    frame,
    message,
    ready,
    say,
)
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.engines.native import Job
    from setpoint.engines.plan import Request

_ANSWER, _LEVEL = "@setpoint_answer", "@setpoint_level"
_FORBIDDEN = (1044, 1095, 1142, 1143, 1227, 1290, 1370, 1410, 1836, 3616, 3619, 3651)
"""What a server says where a login may not, or where nobody may write."""
_GUARD_FAILED = 1242


def ask(job: Job, number: int, request: Request) -> str:
    """Write what runs a request and prints what it brought, or else why there is nothing."""
    cleared = message(f"SET {_ANSWER} = NULL, {_LEVEL} = NULL, {ERROR} = NULL, {WHY} = NULL")
    if not request.text:
        why = "an option file is its operator's to write"
        return cleared + message(
            say(frame("refused", "right", told={"why": quote_literal(why)}), MAY), f"SET {MAY} = 0"
        )
    asked = _reading(request) if request.is_read_only else _writing(request)
    return cleared + asked + _printed(job, number)


def read_rows(answer: str) -> tuple[tuple[Any, ...], ...]:
    """Read an answer's lines; raise `InputError`."""
    try:
        return tuple(
            tuple(msgspec.json.decode(line, type=list[Any])) for line in answer.split("\n") if line.strip()
        )
    except msgspec.DecodeError:
        raise InputError("an answer of the result cannot be read", next_step="run the script anew") from None


def _reading(request: Request) -> str:
    parts: list[str] = []
    for level, text in enumerate((request.text, *request.fallbacks)):
        cells = [f"@setpoint_cell_{column}" for column in range(count_columns(text))]
        is_due = f"{MAY} AND {_LEVEL} IS NULL"
        if level:
            is_due = f"{is_due} AND {ERROR} IN ({', '.join(map(str, _FORBIDDEN))})"
        row = f"IF(@setpoint_rows = 1, JSON_ARRAY({', '.join(cells)}), '')"
        parts.append(
            message(f"SET @setpoint_due = ({is_due})")
            + attempt(
                *ready("@setpoint_due", f"{text} INTO {', '.join(cells)}"),
                "SET @setpoint_rows = ROW_COUNT()",
                f"SET {_ANSWER} = IF(@setpoint_due, {row}, {_ANSWER})",
                f"SET {_LEVEL} = IF(@setpoint_due, {level}, {_LEVEL})",
            )
        )
    return "".join(parts)


def _writing(request: Request) -> str:
    return message(STRICT) + attempt(
        fence(MAY), *request.ahead, request.text, f"SET {_ANSWER} = '', {_LEVEL} = 0"
    )


def _printed(job: Job, number: int) -> str:
    is_there = f"{_ANSWER} IS NOT NULL"
    seal = f"SHA2(CONCAT({quote_literal(job.seal)}, {_ANSWER}), 256)"
    answer, sealed = frame("answer", f"{number} "), frame("seal", f"{number} ")
    # Of a script that wrote already nobody may be told that it did nothing.
    is_refused = f"{_ANSWER} IS NULL AND {MAY} AND NOT {WROTE}"
    kind = (
        f"CASE WHEN {ERROR} IN ({', '.join(map(str, _FORBIDDEN))}) THEN 'right' "
        f"WHEN {ERROR} = {_GUARD_FAILED} THEN 'base' ELSE 'statement' END"
    )
    refusal = f"CONCAT({frame('refused ')}, {kind}, ' ', {as_object({'why': as_words(WHY)})})"
    return message(
        say(f"CONCAT({answer}, {_LEVEL})", is_there),
        say(as_words(_ANSWER), f"{_ANSWER} <> ''"),
        say(f"CONCAT({sealed}, COALESCE({seal}, 'too long'))", is_there),
        say(refusal, is_refused),
        f"SET {MAY} = IF({is_refused}, 0, {MAY})",
    )

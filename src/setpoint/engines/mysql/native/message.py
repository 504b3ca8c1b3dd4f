"""Messages: what the client sends at once, and how a script keeps from doing what it must not.

`MAY` is 1 while nothing was refused, `WELL` while no step has failed. A statement that may be prepared is
passed over in silence; one that may not stands behind a `fence`, at which the server stops with an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.mysql.dialect.statements import quote_literal
from setpoint.engines.native import MARK
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DELIMITER = "//"
MAY = "@setpoint_may"
WELL = "@setpoint_well"
WROTE = "@setpoint_wrote"
WARNED = "@setpoint_warned"
ERROR = "@setpoint_error"
WHY = "@setpoint_why"
NOW = "UNIX_TIMESTAMP()"
"""Seconds since 1970, whatever the session's zone; of a time that is given it would be a guess in autumn."""
STRICT = "SET SESSION sql_mode = 'STRICT_ALL_TABLES'"
"""A value out of range is an error then, and not taken for another."""

_BAD, _SQL, _COUNT, _NEWS = "@setpoint_bad", "@setpoint_sql", "@setpoint_count", "@setpoint_news"
_OUR_WARNING = 1642
"""The number of a warning that a script raised itself."""

_PIECE = re.compile(r"'(?:[^']|'')*'|`[^`]*`|/\*.*?\*/|\w+|.", re.DOTALL)


def message(*statements: str) -> str:
    """Write statements that are sent at once."""
    return f"{'; '.join(statements)}\n{DELIMITER}\n"


def comment(text: str) -> str:
    """Write a line that is not sent."""
    return f"-- {' '.join(text.split())}\n"


def ready(condition: str, text: str) -> tuple[str, ...]:
    """Answer the statements that carry one out where a condition holds, else nothing, in silence."""
    return (
        f"SET {_SQL} = IF({condition}, {quote_literal(text)}, 'DO 0')",
        f"PREPARE setpoint_statement FROM {_SQL}",
        "EXECUTE setpoint_statement",
    )


def fence(condition: str) -> str:
    """Write the statement that ends its message with error 1242 where a condition does not hold."""
    return f"SET {_BAD} = IF({condition}, 0, (SELECT 1 UNION SELECT 2))"


def attempt(*statements: str) -> str:
    """Write a message, and one that notes what went wrong in it, if anything did.

    The first ends with a warning of ours, so that there is always something for the second to read.
    """
    sent = message(*statements, "SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'Setpoint: well so far'")
    noted = message(
        f"GET DIAGNOSTICS {_COUNT} = NUMBER",
        f"GET DIAGNOSTICS CONDITION {_COUNT} {ERROR} = MYSQL_ERRNO, {_NEWS} = MESSAGE_TEXT",
        f"SET {WHY} = IF({ERROR} = {_OUR_WARNING}, {WHY}, {_NEWS})",
    )
    return sent + noted


def say(words: str, condition: str = "1") -> str:
    """Write the statement that prints an expression where a condition holds."""
    return f"SELECT {words} FROM DUAL WHERE {condition}"  # noqa: S608 - expressions made here


def frame(*words: str, told: Mapping[str, str] | None = None) -> str:
    """Write the expression of a frame: words as they are, then an object of named expressions."""
    plain = quote_literal(f"{MARK}{' '.join(words)}{' ' if told is not None else ''}")
    return plain if told is None else f"CONCAT({plain}, {as_object(told)})"


def as_object(told: Mapping[str, str]) -> str:
    """Write the expression of a JSON object of named expressions."""
    pairs = ", ".join(f"{quote_literal(name)}, {text}" for name, text in told.items())
    return f"JSON_OBJECT({pairs})"


def refuse(kind: str, bad: str, told: Mapping[str, str]) -> str:
    """Write the messages that refuse everything where a condition holds, or cannot be worked out."""
    is_bad = f"COALESCE({_BAD}, 1)"
    return (
        message(f"SET {_BAD} = NULL")
        + message(f"SET {_BAD} = ({bad})")
        + message(
            say(frame("refused", kind, told=told), f"{MAY} AND {is_bad}"),
            f"SET {MAY} = IF({is_bad}, 0, {MAY})",
        )
    )


def is_equal(left: str, right: str) -> str:
    """Write the condition that two texts are the same to the letter; null is itself alone."""
    return f"CAST({left} AS BINARY) <=> CAST({right} AS BINARY)"


def as_words(expression: str) -> str:
    """Write an expression as characters: what was null once, or may be, passes for bytes."""
    return f"CONVERT({expression} USING utf8mb4)"


def on_one_line(words: str) -> str:
    """Write an expression without its ends of lines."""
    return f"REPLACE(REPLACE({words}, CHAR(13), ' '), CHAR(10), ' ')"


def split(text: str) -> tuple[str, ...]:
    """Answer the statements of a text."""
    parts = [""]
    for piece in _PIECE.findall(text):
        if piece == ";":
            parts.append("")
        else:
            parts[-1] += piece
    return tuple(part.strip() for part in parts if part.strip())


def count_columns(text: str) -> int:
    """Answer how many columns a query has; raise `InputError` for what is none."""
    words = list(_at_top(text))
    try:
        begin = next(at for at, word in enumerate(words) if word.upper() == "SELECT")
    except StopIteration:
        raise InputError("a script can ask queries alone") from None
    rest = words[begin + 1 :]
    end = next((at for at, word in enumerate(rest) if word.upper() == "FROM"), len(rest))
    return rest[:end].count(",") + 1


def _at_top(text: str) -> Iterator[str]:
    """Answer the pieces that stand in no parentheses."""
    depth = 0
    for piece in _PIECE.findall(text):
        if piece == ")":
            depth -= 1
        if not depth:
            yield piece
        if piece == "(":
            depth += 1

"""SQL*Plus's own language: the few idioms that scripts are made of. Not verified on an engine.

What a script knows from one block to the next stands in bind variables of the client::

    :setpoint_state   refused; go (nothing was refused); checking; checked (all guards held); failed
    :setpoint_begun   the number of the last step that was begun
    :setpoint_ours_3  what stood after the third step

Scripts are plain ASCII, whatever NLS_LANG says. The text of a statement is put together line by line, so that
no line of it begins or ends one of the script: none is taken for a command, for ``/`` or for a continuation,
and none is longer than the client reads (2499 characters before 12.2). Substitution is off.

Facts: the SQL*Plus manual, "SET", "VARIABLE", "SQL*Plus Limits"; the packages' reference, DBMS_OUTPUT, whose
lines are printed at the end of a block.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from setpoint.engines.native import MARK
from setpoint.engines.oracle.dialect import PINNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PIECE = re.compile(r"[^\n]{1,800}")
_WORDS = re.compile(r"[ -~]+|.", re.DOTALL)
_NOBODY = "CAST(NULL AS VARCHAR2(64))"
"""Takes the place of a driver's bind: no script is for an instance that its address names."""


def literal(text: str) -> str:
    """Write an expression for any text, in plain ASCII and on one line."""
    parts: list[str] = []
    for match in _WORDS.finditer(text):
        piece = match[0]
        if " " <= piece[0] <= "~":
            parts.append("'" + piece.replace("'", "''") + "'")
        elif ord(piece) < ord(" ") or piece == "\x7f":
            parts.append(f"CHR({ord(piece)})")
        else:
            units = piece.encode("utf-16-be", "surrogatepass").hex().upper()
            parts.append(
                "UNISTR('" + "".join(f"\\{units[at : at + 4]}" for at in range(0, len(units), 4)) + "')"
            )
    return " || ".join(parts) or "''"


def block(condition: str, declared: Sequence[str], lines: Iterable[str]) -> str:
    """Write a block that does something only where a condition holds."""
    head = "".join(f"  {each}\n" for each in declared)
    body = "".join(f"    {line}\n" for line in lines)
    return f"DECLARE\n{head}BEGIN\n  IF {condition} THEN\n{body}  END IF;\nEND;\n/\n"


def is_state(*states: str) -> str:
    """Write the condition that the script is in one of these states."""
    return f"NVL(:setpoint_state, '-') IN ({', '.join(map(literal, states))})"


def turn(state: str) -> str:
    """Turn the script's state into another."""
    return f":setpoint_state := {literal(state)};"


def tell(frame: str) -> str:
    """Print a frame made of plain words."""
    return f"DBMS_OUTPUT.PUT_LINE({literal(MARK + frame)});"


def tell_with(frame: str, fields: dict[str, str]) -> str:
    """Print a frame with an object of what is known here."""
    return tell(f"{frame} {json.dumps(fields)}")


def tell_why(frame: str) -> str:
    """Print a frame with what was caught."""
    head = literal(MARK + frame + ' {"why": ')
    return f"DBMS_OUTPUT.PUT_LINE({head} || {quoted('SUBSTR(SQLERRM, 1, 500)')} || '}}');"


def note(text: str) -> str:
    """Print a line for whoever runs the script."""
    return f"DBMS_OUTPUT.PUT_LINE({literal('-- ' + ' '.join(text.split()))});"


SAID = "DBMS_OUTPUT.PUT_LINE('-- ' || REPLACE(ASCIISTR(SUBSTR(SQLERRM, 1, 500)), CHR(10), ' '));"
"""Prints what was caught, for whoever runs the script."""


def quoted(expression: str) -> str:
    """Write the expression for a text as JSON, in plain ASCII."""
    escaped = f"REPLACE(REPLACE(ASCIISTR({expression}), '\\', '\\u'), '\"', '\\u0022')"
    for code in (9, 10, 13):
        escaped = f"REPLACE({escaped}, CHR({code}), '\\u{code:04X}')"
    return f"'\"' || {escaped} || '\"'"


def assemble(text: str) -> list[str]:
    """Put a statement's text together in ``text_``, line by line."""
    lines = ["text_ := '';"]
    for line in text.replace(PINNED, _NOBODY).split("\n"):
        *pieces, last = _PIECE.findall(line) or [""]
        lines += [f"text_ := text_ || {literal(piece)};" for piece in pieces]
        lines.append(
            f"text_ := text_ || {literal(last)} || CHR(10);" if last else "text_ := text_ || CHR(10);"
        )
    return lines


def run(text: str) -> list[str]:
    """Run a statement or a block; what fails with it is for a handler around."""
    return [*assemble(text), "EXECUTE IMMEDIATE text_;"]


def fetch(expression: str) -> list[str]:
    """Read an expression into ``found_``; asked at run time, so that a lacking right can be handled."""
    return [*assemble(f"SELECT {expression} FROM dual"), "EXECUTE IMMEDIATE text_ INTO found_;"]  # noqa: S608


def guarded(body: Sequence[str], *, caught: Sequence[str]) -> list[str]:
    """Run statements, and others where one of them fails."""
    return [
        "BEGIN",
        *(f"  {line}" for line in body),
        "EXCEPTION WHEN OTHERS THEN",
        *(f"  {line}" for line in caught),
        "END;",
    ]

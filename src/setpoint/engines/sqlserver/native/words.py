"""sqlcmd's own language: the few idioms that scripts are made of. Not verified on an engine.

What a script knows from one batch to the next stands in the context of its session::

    setpoint         refused; go (nothing was refused); checking; checked (all guards held); failed
    setpoint_begun   the number of the last step that was begun
    setpoint_ours_3  the entry as the third step left it
    setpoint_stay    what the client itself runs at a deadline, and setpoint_due, when

Scripts are plain ASCII, whatever code page the client reads them by. No line of a statement's text begins
a line of the script, so that none is taken for GO or for a command; no ``$(`` is left to be filled in.

Facts: the manual, "sqlcmd utility", "sp_set_session_context" (2016 and later), "PRINT", "HASHBYTES".
"""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import TYPE_CHECKING

from setpoint.engines.native import MARK
from setpoint.engines.sqlserver.native.rows import DECLARED, ROWS, gathering

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

STATE = "CONVERT(nvarchar(20), SESSION_CONTEXT(N'setpoint'))"
SAID = "PRINT N'-- ' + REPLACE(LEFT(ERROR_MESSAGE(), 900), NCHAR(10), N' ');"
"""Prints what was caught, for whoever runs the script."""
_PIECE = re.compile(r"[^\n]{1,800}")
_SAFE = re.compile(r"(?:(?!\$\()[ -~])+|\$(?=\()|.", re.DOTALL)
_PLAIN = re.compile(r"[ -~]+")


def literal(text: str) -> str:
    """Write an expression for any text, in plain ASCII and on one line."""
    parts: list[str] = []
    for match in _SAFE.finditer(text):
        piece = match[0]
        if _PLAIN.fullmatch(piece):
            parts.append("N'" + piece.replace("'", "''") + "'")
        else:
            units = piece.encode("utf-16-le", "surrogatepass")
            parts += [
                f"NCHAR({int.from_bytes(units[at : at + 2], 'little')})" for at in range(0, len(units), 2)
            ]
    return " + ".join(parts) or "N''"


def batch(condition: str, lines: Iterable[str]) -> str:
    """Write a batch that does something only where a condition holds."""
    inner = "".join(f"  {line}\n" for line in lines)
    return f"IF {condition}\nBEGIN\n{inner}END;\nGO\n"


def moment(at: datetime) -> str:
    """Write a time as the server's ``SYSUTCDATETIME()`` is compared with it."""
    return f"N'{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}'"


def keep(name: str, value: str) -> str:
    """Keep a value for the batches to come: a plain literal or a variable, a procedure takes no more."""
    return f"EXEC sys.sp_set_session_context @key = N'{name}', @value = {value};"


def turn(state: str) -> str:
    """Turn the script's state into another."""
    return keep("setpoint", f"N'{state}'")


def kept(name: str, kind: str) -> str:
    """Write the expression for what was kept, as a type."""
    return f"CONVERT({kind}, SESSION_CONTEXT(N'{name}'))"


def tell(frame: str) -> str:
    """Print a frame made of plain words."""
    return f"PRINT {literal(MARK + frame)};"


def tell_with(frame: str, fields: dict[str, str]) -> str:
    """Print a frame with an object of what is known here."""
    return tell(f"{frame} {json.dumps(fields)}")


def tell_why(frame: str, variable: str) -> list[str]:
    """Print a frame with what a variable says, which is put into plain ASCII for that."""
    return [
        f"SET {variable} = STRING_ESCAPE(LEFT({variable}, 900), 'json');",
        *to_ascii(variable),
        f"PRINT {literal(MARK + frame)} + N' {{\"why\": \"' + {variable} + N'\"}}';",
    ]


def note(text: str) -> str:
    """Print a line for whoever runs the script."""
    return f"PRINT {literal('-- ' + ' '.join(text.split()))};"


def to_ascii(variable: str) -> list[str]:
    """Escape what is no plain ASCII in a variable that holds JSON; needs ``@at`` and ``@letter``."""
    find = f"SET @at = PATINDEX(N'%[^ -~]%', {variable} COLLATE Latin1_General_BIN2);"
    return [
        find,
        "WHILE @at > 0",
        "BEGIN",
        f"  SET @letter = SUBSTRING({variable} COLLATE Latin1_General_BIN2, @at, 1);",
        f"  SET {variable} = REPLACE({variable} COLLATE Latin1_General_BIN2, @letter,",
        "    N'\\u' + CONVERT(nvarchar(4), CONVERT(binary(2), UNICODE(@letter)), 2));",
        f"  {find}",
        "END;",
    ]


ESCAPES = ("DECLARE @at int = 0;", "DECLARE @letter nvarchar(1) = N'';")
"""What `to_ascii` needs declared."""


def assemble(variable: str, text: str) -> list[str]:
    """Put a statement's text together in a variable, line by line."""
    lines = [f"SET {variable} = N'';"]
    for line in text.split("\n"):
        *pieces, last = _PIECE.findall(line) or [""]
        lines += [f"SET {variable} = {variable} + {literal(piece)};" for piece in pieces]
        lines.append(f"SET {variable} = {variable} + {literal(last)} + NCHAR(10);")
    return lines


def guarded(body: Sequence[str], *, caught: Sequence[str]) -> list[str]:
    """Run statements, and others where one of them fails."""
    return [
        "BEGIN TRY",
        *(f"  {line}" for line in body),
        "END TRY",
        "BEGIN CATCH",
        *(f"  {line}" for line in caught),
        "END CATCH;",
    ]


def run(text: str) -> list[str]:
    """Run a batch a level below, where no failure of it is this one's; needs ``@text``."""
    return [*assemble("@text", text), "EXEC sys.sp_executesql @text;"]


def run_gathering(text: str) -> list[str]:
    """Run a batch and gather its rows in ``@rows``; needs ``@text``."""
    return [
        "SET @rows = N'';",
        *assemble("@text", gathering(text)),
        f"EXEC sys.sp_executesql @text, {DECLARED}, {ROWS} = @rows OUTPUT;",
    ]

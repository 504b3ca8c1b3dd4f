"""Rows as JSON: batches rewritten so that what they would answer is gathered in one variable.

sqlcmd prints rows in columns, where no NULL can be told from a word, and no server can seal what its client
prints. So each query that answers rows is put into a derived table and read by FOR JSON (2016 and later).
Facts: the manual, "Format query results as JSON", "sp_executesql".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = "@setpoint_rows"
"""The variable that rows are gathered in: arrays of objects, each with a comma before it."""
DECLARED = f"N'{ROWS} nvarchar(max) OUTPUT'"
FIRST = '{"c0":'
"""What every row begins with; it stands in no value, where quotes are escaped."""

_TOKEN = re.compile(
    r"/\*.*?\*/|--[^\n]*|N?'(?:[^']|'')*'|\[[^\]]*\]|[@A-Za-z_#][\w#@$]*|\s+|\d+(?:\.\d+)?|.", re.DOTALL
)
_BLANK = re.compile(r"\s+|/\*.*?\*/|--[^\n]*", re.DOTALL)
_PART = "@part"
"""The variable whose text a batch of ours runs a level below."""


class _Token(NamedTuple):
    text: str
    depth: int

    @property
    def word(self) -> str:
        return self.text.upper() if not self.depth else ""


def gathering(batch: str) -> str:
    """Write a batch that gathers its rows in the variable `ROWS` instead of answering them."""
    tokens = list(_tokens(batch))
    written: list[str] = []
    at = 0
    while at < len(tokens):
        end = _end(tokens, at)
        statement = tokens[at:end]
        if tokens[at].word == "SELECT" and not _is_assigning(statement):
            written.append(_gathered(statement))
            at = end
        elif tokens[at].text.startswith("N'") and _is_part(tokens, at):
            inner = gathering(tokens[at].text[2:-1].replace("''", "'"))
            written.append("N'" + inner.replace("'", "''") + "'")
            at += 1
        elif tokens[at].text == _PART and _is_run(tokens, at):
            written.append(f"{_PART}, {DECLARED}, {ROWS} = {ROWS} OUTPUT")
            at += 1
        else:
            written.append(tokens[at].text)
            at += 1
    return "".join(written)


def read_rows(answer: str) -> tuple[tuple[Any, ...], ...]:
    """Read the rows of all result sets; raise `InputError` where there are none of that form."""
    try:
        sets = msgspec.json.decode(answer.replace("\n", ""), type=list[list[dict[str, Any]]])
    except msgspec.DecodeError:
        raise InputError("the answer holds no rows", next_step="run the script once more") from None
    return tuple(tuple(row.values()) for rows in sets for row in rows)


def _tokens(text: str) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(text):
        depth -= match[0] == ")"
        yield _Token(match[0], depth)
        depth += match[0] == "("


def _end(tokens: list[_Token], at: int) -> int:
    """Answer where a statement's own semicolon stands; ours all have one, but at the end of a text."""
    return next((place for place in range(at, len(tokens)) if tokens[place].word == ";"), len(tokens))


def _is_assigning(statement: list[_Token]) -> bool:
    words = [token.text for token in statement if not _BLANK.fullmatch(token.text)]
    return words[1:2] != [] and words[1].startswith("@") and words[2:3] == ["="]


def _gathered(statement: list[_Token]) -> str:
    columns = 1
    for token in statement:
        if token.word == "FROM":
            break
        columns += token.word == ","
    names = ", ".join(f"c{number}" for number in range(columns))
    query = "".join(token.text for token in statement).strip()
    rows = f"SELECT * FROM ({query}) AS r_ ({names}) FOR JSON PATH, INCLUDE_NULL_VALUES"  # noqa: S608 - ours
    return f"SET {ROWS} = {ROWS} + ISNULL(N',' + ({rows}), N'')"


def _is_part(tokens: list[_Token], at: int) -> bool:
    return _words_before(tokens, at, 3) == ["SET", _PART.upper(), "="]


def _is_run(tokens: list[_Token], at: int) -> bool:
    return _words_before(tokens, at, 1) == ["SP_EXECUTESQL"]


def _words_before(tokens: list[_Token], at: int, count: int) -> list[str]:
    words = [token.word for token in tokens[:at] if not _BLANK.fullmatch(token.text)]
    return words[-count:]

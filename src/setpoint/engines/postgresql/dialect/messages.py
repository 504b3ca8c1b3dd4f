"""Messages taken apart: the statements of a request's text, written so that psql changes nothing in them.

The server takes several statements in one message. psql sends them one by one, and puts its own variables in
where it finds a colon and a name outside of quotes; a space behind the colon means the same to the server.

Facts: lexical structure in PostgreSQL's documentation; psql's documentation on variables.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
      (?P<escaped>[Ee]'(?:[^'\\]|\\.|'')*')
    | (?P<literal>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<word>[A-Za-z_\x80-\U0010FFFF][\w$]*)
    | (?P<dollars>\$(?P<tag>(?:[A-Za-z_\x80-\U0010FFFF]\w*)?)\$.*?\$(?P=tag)\$)
    | (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<cast>::|:=)
    | (?P<colon>:)
    | (?P<end>;)
    | (?P<refused>['"\\])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_EDGE = re.compile(r"/\*|\*/")
_QUERIES = frozenset({"select", "table", "values", "with"})


def split_statements(text: str) -> tuple[str, ...]:
    """Answer the statements of a message without their semicolons.

    Raise `InputError` where a quote or a comment does not end, or where psql would find a command of its own.
    """
    statements: list[str] = []
    parts: list[str] = []
    depth, is_blank = 0, True
    for kind, part in _tokens(text):
        if kind == "end" and depth == 0:
            if not is_blank:
                statements.append("".join(parts).strip())
            parts, is_blank = [], True
            continue
        depth += (part in {"(", "["}) - (part in {")", "]"}) if kind == "other" else 0
        is_blank = is_blank and (kind in {"line", "block"} or part.isspace())
        parts.append(": " if kind == "colon" else part)
    if not is_blank:
        statements.append("".join(parts).strip())
    return tuple(statements)


def first_word(statement: str) -> str:
    """Answer a statement's first word in small letters."""
    return next((part.lower() for kind, part in _tokens(statement) if kind == "word"), "")


def is_query(statement: str) -> bool:
    """Tell whether a statement brings rows and can stand in the FROM of another."""
    return first_word(statement) in _QUERIES


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while (found := _TOKEN.match(text, at)) is not None:
        kind = str(found.lastgroup) if found["dollars"] is None else "dollars"
        if kind == "refused":
            raise InputError(f"this cannot stand in a script for psql: {text[at : at + 20]!r}")
        end = _end_of_comment(text, found.end()) if kind == "block" else found.end()
        yield kind, text[at:end]
        at = end


def _end_of_comment(text: str, at: int) -> int:
    """Answer where a comment ends; they can stand in one another."""
    depth = 1
    for edge in _EDGE.finditer(text, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise InputError("a comment in a statement does not end")

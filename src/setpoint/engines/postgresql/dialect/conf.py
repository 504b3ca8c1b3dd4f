"""Configuration files: reading them as the server does, with line numbers, and quoting values for them.

Follows guc-file.l: ``name value`` with or without ``=``, names without case, ``''`` and backslash escapes
in quotes, the last entry wins. Include directives are entries like others; who follows them needs the
files, which is not done here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

INCLUDES = frozenset({"include", "include_if_exists", "include_dir"})

_LETTER = r"[A-Za-z_\x80-\U0010ffff]"
_LETTER_OR_DIGIT = r"[A-Za-z_0-9\x80-\U0010ffff]"
_IDENTIFIER = rf"{_LETTER}{_LETTER_OR_DIGIT}*"
# Order does not matter: like the server's lexer, the longest match wins and the earlier of equals.
_TOKENS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("space", r"[ \t\r]+"),
        ("comment", r"#.*"),
        ("name", _IDENTIFIER),
        ("qualified", rf"{_IDENTIFIER}\.{_IDENTIFIER}"),
        ("string", r"'(?:[^'\\\n]|\\.|'')*'"),
        ("word", rf"{_LETTER}(?:{_LETTER_OR_DIGIT}|[-._:/])*"),
        ("integer", r"[-+]?(?:0x[0-9a-fA-F]+|[0-9]+)[a-zA-Z]*"),
        ("real", r"[-+]?[0-9]*\.[0-9]*(?:[Ee][-+]?[0-9]+)?"),
        ("equals", r"="),
        ("error", r"."),
    )
)
_NAMES = frozenset({"name", "qualified"})
# What nearly every line is, in one go; tokens decide about all others, and would say the same of these.
_PLAIN = re.compile(
    rf"[ \t\r]*({_IDENTIFIER}(?:\.{_IDENTIFIER})?)(?:[ \t\r]*=[ \t\r]*|[ \t\r]+)"
    rf"('(?:[^'\\\n]|\\.|'')*'|[-+]?[0-9]+[a-zA-Z]*|{_IDENTIFIER})[ \t\r]*(?:#.*)?"
)
_SKIPPED = frozenset({"space", "comment"})
_VALUES = frozenset({"name", "string", "word", "integer", "real"})
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)|''", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: name as written, text without quotes, line and the value's column counted from 1.

    `end` is the column behind the value as it is written.
    """

    name: str
    text: str
    line: int
    column: int = 0
    end: int = 0

    @property
    def is_include(self) -> bool:
        """Whether the entry names further files instead of a parameter."""
        return self.name.lower() in INCLUDES


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that the server would refuse; one such line keeps it from loading the whole file."""

    line: int
    message: str
    column: int = 0


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What one file holds: entries and faults in the order of their lines."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]

    def last(self, name: str) -> Entry | None:
        """Answer the entry that wins for a parameter, or None."""
        return next((entry for entry in reversed(self.entries) if entry.name.lower() == name.lower()), None)


def parse_conf(text: str) -> ParsedFile:
    """Read a configuration file's text; a faulty line is reported and skipped."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.split("\n"), start=1):
        parsed = _parse_line(line, number)
        if isinstance(parsed, Entry):
            entries.append(parsed)
        elif parsed is not None:
            faults.append(parsed)
    return ParsedFile(tuple(entries), tuple(faults))


def quote_conf(text: str) -> str:
    """Write a text as a quoted value of a configuration file, on one line whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + escaped.replace("'", "''") + "'"


def _parse_line(line: str, number: int) -> Entry | Fault | None:
    if line.lstrip(" \t\r")[:1] in {"", "#"}:
        return None
    plain = _PLAIN.fullmatch(line)
    if plain is not None:
        text = _unquote(plain[2]) if plain[2][0] == "'" else plain[2]
        return Entry(plain[1], text, number, plain.start(2) + 1, plain.end(2) + 1)
    return _parse_tokens(line, number)


def _parse_tokens(line: str, number: int) -> Entry | Fault | None:
    # A name, an equals sign, a value, and one token too many: no more is needed to judge a line.
    tokens = list(islice((token for token in _tokens(line) if token[0] not in _SKIPPED), 4))
    if not tokens:
        return None
    if tokens[0][0] not in _NAMES:
        return _syntax_fault(line, number, tokens, 0)
    at = 2 if len(tokens) > 1 and tokens[1][0] == "equals" else 1
    if len(tokens) <= at or tokens[at][0] not in _VALUES:
        return _syntax_fault(line, number, tokens, at)
    if len(tokens) > at + 1:
        return _syntax_fault(line, number, tokens, at + 1)
    kind, value, start = tokens[at]
    text = _unquote(value) if kind == "string" else value
    return Entry(tokens[0][1], text, number, start + 1, start + len(value) + 1)


def _syntax_fault(line: str, number: int, tokens: list[tuple[str, str, int]], at: int) -> Fault:
    if at < len(tokens):
        return Fault(number, f'syntax error, near token "{tokens[at][1]}"', tokens[at][2] + 1)
    return Fault(number, "syntax error, near end of line", len(line.rstrip()) + 1)


def _tokens(line: str) -> Iterable[tuple[str, str, int]]:
    """Answer each token's kind, text and place in the line."""
    position: int = 0
    while position < len(line):
        matches = [(kind, pattern.match(line, position)) for kind, pattern in _TOKENS]
        kind, end = max(
            ((kind, match.end()) for kind, match in matches if match is not None), key=lambda found: found[1]
        )
        yield kind, line[position:end], position
        position = end


def _unquote(token: str) -> str:
    return _ESCAPE.sub(_unescape, token[1:-1])


def _unescape(match: re.Match[str]) -> str:
    escaped = match[1]
    if escaped is None:
        return "'"
    if escaped[0] in "01234567":
        return chr(int(escaped, 8) & 0xFF)
    return _ESCAPED.get(escaped, escaped)

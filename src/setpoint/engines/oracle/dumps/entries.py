"""The entries of a parameter file: a text in, ``name = value`` pairs out with the places they stand in.

Facts: the Administrator's Guide and the Database Reference on text parameter files, in our own words. White
space parts entries, so that several may stand in one line; ``#`` begins a comment; a backslash takes the
meaning from the character behind it and, at the end of a line, goes on in the next; several values are parted
by commas or blanks, with parentheses around them or not. Time is linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TOKEN = re.compile(
    r"""
    (?P<newline>\n)
    | (?P<blank>[ \t\r\f\v]+|\\[ \t]*\n|\ufeff)
    | (?P<comment>\#[^\n]*)
    | (?P<text>"(?:[^"\n]|""|(?<=\\)\n)*"|'(?:[^'\n]|''|(?<=\\)\n)*')
    | (?P<unclosed>["'])
    | (?P<mark>[=,()])
    | (?P<word>(?:[^\s=,()"'\#\\]|\\[\#,()"'=\ \t](?![ \t]*\n)|\\(?![ \t]*\n))+)
    | (?P<strange>[\s\\])
    """,
    re.VERBOSE,
)
_NAME = re.compile(r"(?:(\*|[A-Za-z0-9][\w$#-]*)\.)?([A-Za-z_][\w$#]*)")
_ESCAPED = re.compile(r"\\([#,()\"'= \t])")
_CONTINUED = re.compile(r"\\[ \t]*\n[ \t]*")
_VALUE = frozenset({"text", "word"})
NOT_UNDERSTOOD = "this is no parameter with its value"


@dataclass(frozen=True, slots=True)
class Given:
    """One entry as it stands: whose (empty: everybody's), name, items, text, place, and why it is none."""

    sid: str
    name: str
    items: tuple[str, ...]
    raw: str
    line: int
    column: int
    fault: str = ""


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    line: int
    column: int


def read_entries(text: str, is_many: Callable[[str], bool]) -> Iterator[Given]:
    """Answer the entries in order; what is none comes with an empty name and a fault.

    `is_many` tells whether a parameter takes several values, which may then stand in lines of their own.
    """
    yield from _Reader(text, tuple(_tokens(text)), is_many).read()


class _Reader:
    def __init__(self, text: str, tokens: tuple[_Token, ...], is_many: Callable[[str], bool]) -> None:
        self._text = text
        self._tokens = tokens
        self._is_many = is_many
        self._at = 0
        self._next = -1

    def read(self) -> Iterator[Given]:
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == "newline":
                self._at += 1
            elif self._begins_entry(self._at):
                yield self._entry()
            else:
                yield Given("", "", (), "", token.line, token.column, self._why(token))
                self._skip_line()

    def _entry(self) -> Given:
        first = self._tokens[self._at]
        sid, name = _split_name(first.text)
        sign = self._tokens[self._at + 1]
        self._at += 2
        value, fault = self._value(name)
        items = _items(value) if not fault else ()
        raw = items[0] if len(items) == 1 else self._source(value) if not fault else self._rest(sign)
        place = value[0] if value else first
        if not fault and not value:
            fault = "no value is given"
        return Given(sid, name, items, raw, first.line, place.column, fault)

    def _rest(self, sign: _Token) -> str:
        """Answer the rest of the line behind an equals sign, for a value that nobody understands."""
        end = self._text.find("\n", sign.start)
        return self._text[sign.start + 1 : len(self._text) if end < 0 else end].strip()

    def _value(self, name: str) -> tuple[list[_Token], str]:
        """Take the tokens of a value, and tell what is wrong with it; a fault takes the rest of its line."""
        value: list[_Token] = []
        depth = 0
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == "newline":
                if not self._goes_on(value, depth, name):
                    break
                self._at += 1
                continue
            if depth == 0 and value and value[-1].text != "," and self._begins_entry(self._at):
                break
            fault = _fault(token, depth)
            if fault:
                self._skip_line()
                return value, fault
            depth += (token.text == "(") - (token.text == ")") if token.kind == "mark" else 0
            value.append(token)
            self._at += 1
        return value, "a parenthesis is not closed (LRM-00116)" if depth else ""

    def _goes_on(self, value: list[_Token], depth: int, name: str) -> bool:
        """Tell whether a value goes on behind the end of this line."""
        following = self._following()
        if following is None or self._begins_entry(following):
            return False
        token = self._tokens[following]
        if depth or (value and value[-1].text == ","):
            return True
        if token.kind == "text" or token.text in {",", "("}:
            return True
        return bool(value) and token.kind == "word" and self._is_many(name)

    def _following(self) -> int | None:
        """Answer the next token that is no line end; what was found counts until it is passed."""
        if self._next < self._at:
            self._next = self._at
            while self._next < len(self._tokens) and self._tokens[self._next].kind == "newline":
                self._next += 1
        return self._next if self._next < len(self._tokens) else None

    def _begins_entry(self, at: int) -> bool:
        """Tell whether a name with its equals sign stands here."""
        if at + 1 >= len(self._tokens):
            return False
        token, sign = self._tokens[at], self._tokens[at + 1]
        return token.kind == "word" and sign.text == "=" and _NAME.fullmatch(token.text) is not None

    def _skip_line(self) -> None:
        while self._at < len(self._tokens) and self._tokens[self._at].kind != "newline":
            self._at += 1

    def _why(self, token: _Token) -> str:
        if token.kind == "unclosed":
            return "a quote is not closed (LRM-00111)"
        return NOT_UNDERSTOOD

    def _source(self, value: list[_Token]) -> str:
        """Write a value of several items as it stands, without line ends and comments."""
        parts: list[str] = []
        for before, token in zip([None, *value], value, strict=False):
            is_apart = before is not None and before.start + len(before.text) != token.start
            parts.append(f" {token.text}" if is_apart else token.text)
        return _CONTINUED.sub("", "".join(parts))


def _tokens(text: str) -> Iterator[_Token]:
    line, begin, skipped_to = 1, 0, -1
    for match in _TOKEN.finditer(text):
        kind, start = match.lastgroup or "", match.start()
        if start >= skipped_to and kind not in {"blank", "comment", "strange"}:
            yield _Token(kind, match[0], start, line, start - begin + 1)
        breaks = match[0].count("\n")
        if breaks:
            line, begin = line + breaks, start + match[0].rfind("\n") + 1
        if kind == "unclosed" and start >= skipped_to:
            end = text.find("\n", start)
            skipped_to = len(text) if end < 0 else end


def _split_name(text: str) -> tuple[str, str]:
    match = _NAME.fullmatch(text)
    sid, name = (match[1] or "", match[2]) if match else ("", text)
    return "" if sid == "*" else sid, name.lower()


def _fault(token: _Token, depth: int) -> str:
    if token.kind == "unclosed":
        return "a quote is not closed (LRM-00111)"
    if token.text == "=" and not depth:
        return "an equals sign stands in a value without quotes (LRM-00116)"
    return (
        "a parenthesis is closed that was not opened (LRM-00116)" if token.text == ")" and not depth else ""
    )


def _items(value: list[_Token]) -> tuple[str, ...]:
    """Answer the values: one where parentheses hold a description (``(PROTOCOL=TCP)``), else each."""
    if any(token.text == "=" and token.kind == "mark" for token in value):
        return ("".join(_plain(token) for token in value),)
    return tuple(_plain(token) for token in value if token.kind in _VALUE)


def _plain(token: _Token) -> str:
    if token.kind != "text":
        return _ESCAPED.sub(r"\1", token.text) if token.kind == "word" else token.text
    quote = token.text[0]
    return _CONTINUED.sub("", token.text[1:-1].replace(quote * 2, quote))

"""SQL: a text cut into statements of words, with the line each begins in.

Only what is needed to find a few statements and never to take a text inside quotes for one. Linear in the
text, whatever it holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"(?P<space>\s++)|(?P<comment>--[^\n]*+)|(?P<block>/\*)|(?P<meta>\\[^\n]*+)"
    r"|(?P<escaped>[eE]'(?:[^'\\]|\\.|'')*+')|(?P<string>'(?:[^']|'')*+')|(?P<quoted>\"(?:[^\"]|\"\")*+\")"
    r"|(?P<dollar>\$(?:[A-Za-z_]\w*+)?\$)|(?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*+)"
    r"|(?P<number>[-+]?[0-9][\w.]*+)|(?P<mark>.)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SILENT = frozenset({"space", "comment", "meta"})
_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its kind (``word``, ``quoted``, ``string``, ``number``, ``mark``) and its text, unquoted."""

    kind: str
    text: str

    def is_keyword(self, keyword: str) -> bool:
        """Tell whether it is that word, unquoted."""
        return self.kind == "word" and self.text.upper() == keyword


@dataclass
class Statement:
    """One statement: its first words, and the line it begins in, counted from 1."""

    line: int
    words: list[Word] = field(default_factory=list[Word])


def statements(text: str) -> Iterator[Statement]:
    """Answer the statements of a text; rows of ``COPY ... FROM stdin`` are passed over."""
    position, line, current = 0, 1, None
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return
        end = _end_of(text, match)
        kind, body = match.lastgroup or "mark", text[position:end]
        if kind not in _SILENT and kind != "block":
            if body == ";":
                if current is not None:
                    yield current
                    if _is_copy(current):
                        end = _end_of_rows(text, end)
                current = None
            else:
                current = current or Statement(line)
                if len(current.words) < _MOST_WORDS:
                    current.words.append(_word(kind, body))
        line += text.count("\n", position, end)
        position = end
    if current is not None:
        yield current


def _end_of(text: str, match: re.Match[str]) -> int:
    if match.lastgroup == "block":
        end = text.find("*/", match.end())
        return len(text) if end < 0 else end + 2
    if match.lastgroup == "dollar":
        end = text.find(match[0], match.end())
        return len(text) if end < 0 else end + len(match[0])
    return match.end()


def _end_of_rows(text: str, position: int) -> int:
    end = text.find("\n\\.", position)
    return len(text) if end < 0 else end + 3


def _is_copy(statement: Statement) -> bool:
    words = statement.words
    return words[0].is_keyword("COPY") and words[-1].is_keyword("STDIN")


def _word(kind: str, body: str) -> Word:
    if kind == "string":
        return Word("string", body[1:-1].replace("''", "'"))
    if kind == "escaped":
        return Word("string", _ESCAPE.sub(_unescaped, body[2:-1]))
    if kind == "quoted":
        return Word("quoted", body[1:-1].replace('""', '"'))
    if kind == "dollar":
        return Word("string", "")
    return Word(kind, body)


def _unescaped(match: re.Match[str]) -> str:
    return "'" if match[1] is None else _ESCAPES.get(match[1], match[1])

"""The words of a T-SQL script: what a parser needs to find the statements that configure.

Comments nest, quotes double, names may stand in brackets; GO alone in a line ends a batch. Time is linear in
the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|--[^\n]*)
    | (?P<open>/\*)
    | (?P<placeholder>\{\{[^{}\n]*\}\}|\$\([^()\n]*\)|\$\{[^{}\n]*\}|<[A-Za-z][^<>'"\n]*>)
    | (?P<text>[Nn]?'(?:[^']|'')*+')
    | (?P<name>\[(?:[^\[\]\n]|\]\]){1,128}+\]|"(?:[^"\n]|""){1,128}+")
    | (?P<number>0[xX][0-9A-Fa-f]*|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)
    | (?P<variable>@@?[\w$#@]+)
    | (?P<word>[^\W\d][\w$#@]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")
_GO = re.compile(r"[ \t]*GO(?:[ \t]+\d+)?[ \t]*;?[ \t]*(?:--[^\n]*)?", re.IGNORECASE)


class Word(NamedTuple):
    """One word: its kind, what it says without quotes, and where it stands."""

    kind: str
    text: str
    line: int
    column: int

    def is_word(self, *words: str) -> bool:
        """Tell whether it is one of these words, in any case."""
        return self.kind == "word" and self.text.upper() in words


def read_words(text: str) -> Iterator[Word]:
    """Answer the words in order; ``go`` is the kind of what ends a batch."""
    at, line, begin = 0, 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return
        kind, end = match.lastgroup or "", match.end()
        if kind == "open":
            end = _end_of_comment(text, at)
        elif kind != "blank":
            word = _word(kind, match[0], line, at - begin + 1)
            if word.is_word("GO") and _is_alone(text, begin):
                newline = text.find("\n", at)
                word, end = Word("go", "GO", line, word.column), len(text) if newline < 0 else newline
            yield word
        breaks = text.count("\n", at, end)
        if breaks:
            line, begin = line + breaks, text.rfind("\n", at, end) + 1
        at = end


def _word(kind: str, text: str, line: int, column: int) -> Word:
    if kind == "text":
        return Word(kind, text[text.index("'") + 1 : -1].replace("''", "'"), line, column)
    if kind == "name":
        return Word(kind, text[1:-1].replace(text[-1] * 2, text[-1]), line, column)
    return Word(kind, text, line, column)


def _is_alone(text: str, begin: int) -> bool:
    end = text.find("\n", begin)
    return _GO.fullmatch(text, begin, len(text) if end < 0 else end) is not None


def _end_of_comment(text: str, start: int) -> int:
    depth = 0
    for match in _COMMENT.finditer(text, start):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end()
    return len(text)

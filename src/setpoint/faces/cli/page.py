"""What a verb answers: a document for programs, and a page of lines and tables for people. Data only."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Tone = Literal["good", "bad", "warn", "dim", "strong"]

_UNPRINTED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text with a tone, which a terminal shows as a colour."""

    text: str
    tone: Tone


Piece = str | Span
Line = Piece | tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Aligned columns; every row has as many cells as the head."""

    head: tuple[str, ...]
    rows: Sequence[tuple[Piece, ...]]
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A text of our own making for other programs: written as it is unless a person looks at it."""

    text: str


Block = Line | Table | Verbatim


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb ends with. `document` is anything that msgspec can write as JSON."""

    document: Any
    page: Sequence[Block]
    exit_code: int = 0


def escape(text: str) -> str:
    r"""Write control and format characters as ``\xNN`` or ``\uNNNN``: no text shall steer a terminal."""
    if text.isprintable():
        return text
    return "".join(_escaped(char) if is_steering(char) else char for char in text)


def is_steering(char: str) -> bool:
    """Tell whether a character is one of control or format, which a terminal may act on."""
    return unicodedata.category(char) in _UNPRINTED


def bare(piece: Piece) -> str:
    """Answer a piece's text without control characters."""
    return escape(piece.text if isinstance(piece, Span) else piece)


def pieces(line: Line) -> tuple[Piece, ...]:
    """Answer a line as the pieces it consists of."""
    return line if isinstance(line, tuple) else (line,)


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:  # noqa: PLR2004 - what two hexadecimal digits can say
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - and four

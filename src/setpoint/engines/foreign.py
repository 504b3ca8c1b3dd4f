"""Foreign files: products that stand beside databases, known so that their files are refused by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from setpoint.engines.document import Document

_READ_CHARACTERS = 30_000
_DOT = "\x01"
_UNSURE = re.compile(r"\(\?[imsx]+\)|\\.|\[[^\]]*\]|\([^()]*\)[?*]?")
"""What of an expression may stand for other text than itself: escapes, classes, groups."""


@dataclass(frozen=True, slots=True)
class Strange:
    """A product's file: its name for programs, what it is in words, how sure that is in hundredths."""

    product: str
    what: str
    points: int


class _Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    product: str
    what: str
    least: int
    points: int
    marks: tuple[str, ...]


def looks_like(document: Document) -> Strange | None:
    """Answer whose file a document is where it is a known product's that is no engine here, else None."""
    text = document.text[:_READ_CHARACTERS]
    best: Strange | None = None
    for product, marks in _products():
        if best is not None and product.points <= best.points:
            continue
        count = 0
        for mark in marks:
            count += mark.is_in(text)
            if count >= product.least:
                best = Strange(product.product, product.what, product.points)
                break
    return best


@dataclass(frozen=True, slots=True)
class _Mark:
    """An expression, and a piece of text that stands wherever it matches, which is found far sooner."""

    pattern: re.Pattern[str]
    piece: str

    def is_in(self, text: str) -> bool:
        return self.piece in text and self.pattern.search(text) is not None


def _mark(expression: str) -> _Mark:
    return _Mark(re.compile(expression, re.MULTILINE), _piece_of(expression))


def _piece_of(expression: str) -> str:
    """Answer the longest word that no match can do without; empty where none is sure."""
    bare = _UNSURE.sub(" ", expression.replace(r"\.", _DOT))
    if "|" in bare:
        return ""
    # What a quantifier stands behind may be missing: its last letter counts for nothing.
    words = re.findall(rf"[A-Za-z_{_DOT}]{{3,}}(?![A-Za-z_{_DOT}])(?![?*{{])", bare)
    return max(words, key=len, default="").replace(_DOT, ".")


@cache
def _products() -> tuple[tuple[_Product, tuple[_Mark, ...]], ...]:
    text = files("setpoint.engines").joinpath("foreign.yaml").read_bytes()
    products = msgspec.yaml.decode(text, type=tuple[_Product, ...])
    return tuple((product, tuple(map(_mark, product.marks))) for product in products)

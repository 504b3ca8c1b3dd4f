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

_READ_CHARACTERS = 60_000


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
            count += mark.search(text) is not None
            if count >= product.least:
                best = Strange(product.product, product.what, product.points)
                break
    return best


@cache
def _products() -> tuple[tuple[_Product, tuple[re.Pattern[str], ...]], ...]:
    text = files("setpoint.engines").joinpath("foreign.yaml").read_bytes()
    products = msgspec.yaml.decode(text, type=tuple[_Product, ...])
    return tuple(
        (product, tuple(re.compile(mark, re.MULTILINE) for mark in product.marks)) for product in products
    )

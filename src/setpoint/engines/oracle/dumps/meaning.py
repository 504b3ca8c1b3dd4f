"""What the texts of Oracle's files mean: by the catalogs, by the type a file tells, else by their looks.

Facts: the Database Reference and "Initialization parameters in a text file", in our own words: whole numbers
take K, M, G and T like sizes; AUDIT_TRAIL takes a second word beside the first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.catalog import Kind
from setpoint.engines.canonical import Meaning, amount
from setpoint.engines.meanings import Meanings
from setpoint.engines.oracle.dialect.grammar import GRAMMAR
from setpoint.engines.oracle.dialect.knowledge import FIXED, LISTS, NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.catalog import Parameter
    from setpoint.config.dump import Canonical

MEANINGS = Meanings(NAME)
MASK = "********"
BIG = "big integer"
_NUMBER = re.compile(r"[-+]?\d{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\d{1,15}\.\d{0,15}|\.\d{1,15})(?:[eE][-+]?\d{1,2})?")
_SIZED = re.compile(r"([-+]?\d{1,15})\s{0,9}([KMGTP])B?", re.IGNORECASE)
_SHIFTS = {"K": 10, "M": 20, "G": 30, "T": 40, "P": 50}
_WORDS = {"TRUE": True, "FALSE": False}
_MANY_NUMBERS = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.SIZE, Kind.DURATION, Kind.BOOL, Kind.ENUM})
_TEXTS = frozenset({Kind.STRING, Kind.ENUM, Kind.LIST})
_PLACEHOLDER = re.compile(
    r"\{\{|\{%|<%|\$[({]|%\(\w{1,60}\)s|@[A-Za-z][\w.]*@|<[A-Za-z][^<>'\"()=]*>|\{[A-Z][A-Z_]+\}|%[A-Za-z][A-Za-z_]{2,}%"
)
_SUBSTITUTION = re.compile(r"&&?\w+\.?")
_SECRET = re.compile(r"(?:^|_)(?:password|passwd|pwd|passphrase|secret)$")
_SECRET_IN_TEXT = re.compile(
    r"(?P<before>(?:\b(?:password|passwd|pwd)\s{0,9}=\s{0,9})|(?:://[^\s/:@]{1,99}:))[^\s/@)'\",]{1,999}",
    re.IGNORECASE,
)


def is_placeholder(text: str) -> bool:
    """Tell whether a text waits to be filled in: ``{{ x }}``, ``<ORACLE_BASE>``, ``${X}``, ``&x``."""
    return _PLACEHOLDER.search(text) is not None or _SUBSTITUTION.fullmatch(text.strip()) is not None


def is_secret(name: str) -> bool:
    """Tell whether a parameter's whole value is a secret; files of passwords and the like are none."""
    return _SECRET.search(name) is not None


def masked(text: str) -> str:
    """Answer a text without the passwords in it."""
    return _SECRET_IN_TEXT.sub(rf"\g<before>{MASK}", text)


def is_list(name: str, version: str | None) -> bool:
    """Tell whether a parameter takes several values, each its own."""
    parameter = MEANINGS.parameter(name, version)
    return name in LISTS if parameter is None else parameter.kind is Kind.LIST


def is_known(name: str, version: str | None) -> bool:
    """Tell whether a parameter is in a catalog, or is one that only a parameter file can hold."""
    return name in FIXED or name in LISTS or MEANINGS.parameter(name, version) is not None


def mean(name: str, items: Sequence[str], version: str | None) -> Meaning:
    """Answer what the items given to a parameter mean to the server, or why it would refuse them."""
    parameter = MEANINGS.parameter(name, version)
    text = ", ".join(items)
    if parameter is None:
        return guess(text)
    if parameter.kind is Kind.LIST:
        return Meaning(text)
    if name == "audit_trail":
        text = "_".join(word for item in items for word in item.replace(",", " ").split())
    elif len(items) > 1 and parameter.kind in _MANY_NUMBERS:
        return Meaning(None, None, f"{name}: it takes one value, and {len(items)} are given (LRM-00112)")
    if parameter.kind is Kind.INTEGER:
        text = _spelled_out(text)
    meaning = MEANINGS.mean(name, text, version)
    return leniently(parameter, text) if meaning is None else meaning


def mean_running(name: str, text: str, version: str | None, type_name: str = "") -> Meaning:
    """Answer what a running server's own text means: it is not judged, for the server runs it.

    `type_name` is what the file says of the type: ``big integer``, ``boolean``, empty where it says nothing.
    """
    parameter = MEANINGS.parameter(name, version)
    if not text.strip():
        is_text = type_name == "string" if type_name else parameter is None or parameter.kind in _TEXTS
        return Meaning("" if is_text else None)
    if parameter is None:
        return _typed(text, type_name)
    if parameter.kind is Kind.LIST:
        return Meaning(_listed(text))
    meaning = mean(name, [text], version)
    return leniently(parameter, _spelled_out(text)) if meaning.fault else meaning


def leniently(parameter: Parameter, text: str) -> Meaning:
    """Answer what a text means by its type alone, whatever the bounds; as it stands where even that fails."""
    try:
        value = parameter.read(text, GRAMMAR)
    except (ValueError, OverflowError):
        return guess(text)
    if isinstance(value, (bool, str)):
        return Meaning(value)
    return Meaning(text.strip()) if isinstance(value, tuple) else amount(value, parameter, GRAMMAR)


def guess(text: str) -> Meaning:
    """Answer a text of a parameter that nobody knows: TRUE and FALSE, plain numbers, else the text."""
    bare = text.strip()
    if bare.upper() in _WORDS:
        return Meaning(_WORDS[bare.upper()])
    if _NUMBER.fullmatch(bare):
        return Meaning(int(bare))
    return Meaning(float(bare)) if _FLOAT.fullmatch(bare) else Meaning(text)


def _typed(text: str, type_name: str) -> Meaning:
    if type_name == "string":
        return Meaning(text)
    sized = _SIZED.fullmatch(text.strip()) if type_name == BIG else None
    if sized is None:
        return guess(text)
    return Meaning(int(sized[1]) << _SHIFTS[sized[2].upper()], "B")


def _spelled_out(text: str) -> str:
    """Write a whole number with a letter behind it as the number it is."""
    sized = _SIZED.fullmatch(text.strip())
    return str(int(sized[1]) << _SHIFTS[sized[2].upper()]) if sized else text


def _listed(text: str) -> Canonical:
    try:
        return ", ".join(GRAMMAR.read_list(text))
    except ValueError:
        return text

"""The syntax of formulas: a text becomes a small tree, or is refused with line and column.

Length, nesting and depth are capped before anything walks the tree, so a hostile text costs no more than an
honest one. The grammar itself is `formula_grammar.lark`, beside this module.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from setpoint.errors import InputError, Place

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LENGTH = 1000
"""Characters in one formula."""
MAX_NESTING = 32
"""Open parentheses at any point."""
MAX_DEPTH = 48
"""Levels of the tree; also the number of terms in one chain such as ``a + b + c``."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node: what it is, its word, its operands, and its line and column, counted from 1."""

    kind: str
    word: str
    args: tuple[Node, ...]
    line: int
    column: int
    depth: int = 1


class SyntaxFault(Exception):  # noqa: N818 - never leaves the room: `parse` turns it into an InputError
    """A fault at a line and column of the formula's own text."""

    def __init__(self, what: str, line: int, column: int, next_step: str = "") -> None:
        """Keep the parts apart."""
        super().__init__(what)
        self.what, self.line, self.column, self.next_step = what, line, column, next_step

    def placed(self, source: str) -> InputError:
        """Answer the error for callers, with the place filled in."""
        return InputError(
            self.what, where=Place(source or "<formula>", self.line, self.column), next_step=self.next_step
        )


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Read a formula's text as a tree; raise `SyntaxFault`."""
    _refuse_oversize(text)
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    try:
        return _parser()(text)
    except UnexpectedCharacters as fault:
        what = f"{text[fault.pos_in_stream]!r} has no meaning in a formula"
        raise SyntaxFault(
            what, fault.line, fault.column, "operators are + - * / = != < <= > >= and or not in"
        ) from None
    except UnexpectedToken as fault:
        token: Any = fault.token
        if token.type == "$END":
            raise _unfinished(text) from None
        what = f"{str(token)!r} is not expected here"
        raise SyntaxFault(what, fault.line, fault.column) from None


def _unfinished(text: str) -> SyntaxFault:
    lines = text.split("\n")
    return SyntaxFault("the formula ends too early", len(lines), len(lines[-1]) + 1)


def _refuse_oversize(text: str) -> None:
    if len(text) > MAX_LENGTH:
        what = f"the formula has {len(text)} characters; at most {MAX_LENGTH} are read"
        raise SyntaxFault(what, 1, MAX_LENGTH + 1)
    if not text.strip():
        raise SyntaxFault("the formula is empty", 1, 1)
    line, column, nesting = 1, 0, 0
    for character in text:
        line, column = (line + 1, 0) if character == "\n" else (line, column + 1)
        nesting += (character == "(") - (character == ")")
        if nesting > MAX_NESTING:
            raise SyntaxFault(f"more than {MAX_NESTING} parentheses are open", line, column)
        if not character.isascii():
            # Letters of other alphabets that look like ASCII ones would name other variables than the
            # reader sees.
            name = unicodedata.name(character, "no name")
            what = f"U+{ord(character):04X} ({name}) has no meaning in a formula"
            raise SyntaxFault(what, line, column, "only ASCII characters are read")


class _Builder:
    """Makes nodes bottom-up while the parser reduces, so no recursion depends on the text."""

    def number(self, children: list[Any]) -> Node:
        return _leaf("number", children[0])

    def text(self, children: list[Any]) -> Node:
        return _leaf("text", children[0])

    def true(self, children: list[Any]) -> Node:
        return _leaf("bool", children[0])

    def false(self, children: list[Any]) -> Node:
        return _leaf("bool", children[0])

    def name(self, children: list[Any]) -> Node:
        return _leaf("name", children[0])

    def call(self, children: list[Any]) -> Node:
        return _branch("call", children[0], children[1:])

    def minus(self, children: list[Any]) -> Node:
        return _branch("minus", children[0], children[1:])

    def logic_not(self, children: list[Any]) -> Node:
        return _branch("not", children[0], children[1:])

    def logic_and(self, children: list[Node]) -> Node:
        return _at("and", children)

    def logic_or(self, children: list[Node]) -> Node:
        return _at("or", children)

    def binary(self, children: list[Any]) -> Node:
        return _branch("binary", children[1], [children[0], children[2]])

    def compare(self, children: list[Any]) -> Node:
        return _branch("compare", children[1], [children[0], children[2]])

    def one_of(self, children: list[Any]) -> Node:
        first = children[0]
        return _at("in", [first, *(_leaf("text", token) for token in children[1:])])


def _leaf(kind: str, token: Any) -> Node:
    return Node(kind, str(token), (), token.line, token.column)


def _branch(kind: str, token: Any, args: list[Node]) -> Node:
    return _node(kind, str(token), args, token.line, token.column)


def _at(kind: str, args: list[Node]) -> Node:
    return _node(kind, kind, args, args[0].line, args[0].column)


def _node(kind: str, word: str, args: list[Node], line: int, column: int) -> Node:
    depth = 1 + max(arg.depth for arg in args)
    if depth > MAX_DEPTH:
        raise SyntaxFault(f"the formula is more than {MAX_DEPTH} levels deep", line, column)
    return Node(kind, word, tuple(args), line, column, depth)


@cache
def _parser() -> Callable[[str], Node]:
    from importlib.resources import files

    from lark import Lark

    grammar = files("setpoint.config").joinpath("formula_grammar.lark").read_text("utf-8")
    parser: Any = Lark(grammar, parser="lalr", transformer=_Builder())
    return parser.parse

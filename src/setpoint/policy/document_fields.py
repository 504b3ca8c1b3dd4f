"""The keys of one mapping in a document, read into values; every fault is kept with its line and column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from setpoint.config.document import Faults, Mapping, Node, Scalar, Sequence
from setpoint.config.formula_syntax import SyntaxFault
from setpoint.config.formula_syntax import parse as parse_formula
from setpoint.errors import InputError, Place
from setpoint.policy.document_values import near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_T = TypeVar("_T")


@dataclass(frozen=True)
class Page:
    """What the reading of one document shares: where faults go, and the text they point into."""

    faults: Faults
    text: str

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.splitlines()

    def locate(self, scalar: Scalar, index: int) -> Place:
        """Answer where in the document a scalar's character stands, however the scalar is written.

        YAML folds and indents, but keeps the characters that are not blank: those are counted.
        """
        place = scalar.place
        row, column = place.line - 1, place.column - 1
        if not scalar.is_plain and row < len(self._lines):
            is_block = self._lines[row][column : column + 1] in ("|", ">")
            row, column = (row + 1, 0) if is_block else (row, column + 1)
        is_behind = index >= len(scalar.text)
        wanted = len("".join(scalar.text[:index].split())) - is_behind
        for number in range(row, len(self._lines)):
            for position in range(column if number == row else 0, len(self._lines[number])):
                if self._lines[number][position].isspace():
                    continue
                if wanted <= 0:
                    return Place(place.source, number + 1, position + 1 + is_behind)
                wanted -= 1
        return place


class Fields:
    """One mapping: which keys it may have and must have, and how each is read."""

    def __init__(
        self, node: Node, page: Page, what: str, known: Iterable[str] | None, needed: Iterable[str] = ()
    ) -> None:
        """Take the mapping apart; `known` None takes any key."""
        self.place = node.place
        self.page = page
        self.what = what
        self.entries: dict[str, Node] = {}
        self.key_places: dict[str, Place] = {}
        if not isinstance(node, Mapping):
            page.faults.add(node.place, f"{what} must be a mapping of keys and values")
            return
        self.entries, self.key_places = node.entries, node.key_places
        words = None if known is None else list(known)
        for key, place in node.key_places.items():
            if words is not None and key not in words:
                page.faults.add(place, f"{what} has no {key[:80]!a}", near(key, words))
        for key in needed:
            if key not in node.entries:
                page.faults.add(node.place, f"{what} needs {key!r}")

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def fault(self, key: str, what: str, next_step: str = "") -> None:
        """Keep a fault about a key, at its value."""
        node = self.entries.get(key)
        self.page.faults.add(node.place if node is not None else self.place, what, next_step)

    def value(self, key: str, parse: Callable[[str], _T], otherwise: _T) -> _T:
        """Read a key's one value; `otherwise` when it is absent or faulty."""
        node = self.entries.get(key)
        if node is None:
            return otherwise
        found = self._parsed(node, key, parse)
        return otherwise if found is None else found[0]

    def values(
        self, key: str, parse: Callable[[str], _T], fold: Callable[[_T], object] = lambda value: value
    ) -> tuple[_T, ...]:
        """Read a key's list (one value alone is a list of one); an empty list is a fault, as is a double."""
        node = self.entries.get(key)
        if node is None:
            return ()
        nodes = node.items if isinstance(node, Sequence) else [node]
        if not nodes:
            self.fault(key, f"{key!r} names nothing", "leave the key out, or name something")
        read = [self._parsed(each, key, parse) for each in nodes]
        found = tuple(each[0] for each in read if each is not None)
        double = _double(found, fold)
        if double is not None:
            self.fault(key, f"{getattr(double, 'value', double)!r} stands twice in {key!r}", "keep one")
        return found

    def formula(self, key: str) -> str:
        """Read a formula and check its form; faults point into its text."""
        node = self.entries.get(key)
        if node is None or self._text(node, key) is None or not isinstance(node, Scalar):
            return ""
        text = node.text.strip()
        start = len(node.text) - len(node.text.lstrip())
        try:
            parse_formula(text)
        except SyntaxFault as fault:
            lines = text.split("\n")[: fault.line - 1]
            index = start + sum(len(line) + 1 for line in lines) + fault.column - 1
            place = self.page.locate(node, index if index < start + len(text) else len(node.text))
            self.page.faults.add(place, fault.what, fault.next_step)
        return text

    def items(self, key: str) -> list[Node]:
        """Answer a key's list of nodes."""
        node = self.entries.get(key)
        if node is None:
            return []
        if isinstance(node, Sequence):
            return node.items
        self.fault(key, f"{key!r} must be a list", "begin each of its items with a dash")
        return []

    def below(self, key: str) -> Fields:
        """Answer the mapping of free keys that a key holds; an empty one when it is absent."""
        node = self.entries.get(key)
        return Fields(Mapping(self.place) if node is None else node, self.page, f"{key!r}", None)

    def _parsed(self, node: Node, key: str, parse: Callable[[str], _T]) -> tuple[_T] | None:
        text = self._text(node, key)
        if text is None:
            return None
        try:
            return (parse(text),)
        except InputError as fault:
            self.page.faults.add(node.place, f"{key}: {fault.what}", fault.next_step)
            return None

    def _text(self, node: Node, key: str) -> str | None:
        if not isinstance(node, Scalar):
            self.page.faults.add(node.place, f"{key!r} must be one value")
            return None
        if node.is_null:
            self.page.faults.add(node.place, f"{key!r} has no value", "give one, or leave the key out")
            return None
        return node.text


def _double(values: Iterable[_T], fold: Callable[[_T], object]) -> _T | None:
    """Answer the first value that stands a second time, or None."""
    seen: set[object] = set()
    for value in values:
        key = fold(value)
        if key in seen:
            return value
        seen.add(key)
    return None

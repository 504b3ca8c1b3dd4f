"""YAML as a tree of nodes that know their line and column.

YAML 1.2 as people expect it: a plain scalar is its text (``on``, ``010`` and ``12:30`` stay what they look
like) until the reader of the document says what it should be. Duplicate keys, anchors, aliases, tags and
second documents are refused, and all faults are reported at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from setpoint.errors import InputError, InputErrors, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written; `is_null` only for a plain null of YAML 1.2."""

    text: str
    place: Place
    is_plain: bool

    @property
    def is_null(self) -> bool:
        """Whether it is a plain null."""
        return self.is_plain and self.text in _NULLS


@dataclass(slots=True)
class Sequence:
    """A list of nodes."""

    place: Place
    items: list[Node] = field(default_factory=list["Node"])


@dataclass(slots=True)
class Mapping:
    """Keys in the order of the text, each with its own place."""

    place: Place
    entries: dict[str, Node] = field(default_factory=dict[str, "Node"])
    key_places: dict[str, Place] = field(default_factory=dict[str, Place])


Node = Scalar | Sequence | Mapping


class Faults:
    """A collector: faults are added while reading goes on, and raised together at the end."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._found: list[InputError] = []

    def add(self, place: Place, what: str, next_step: str = "") -> None:
        """Remember one fault."""
        self._found.append(InputError(what, where=place, next_step=next_step))

    def raise_any(self) -> None:
        """Raise `InputErrors` with everything found, in the order of the text; return when nothing was."""
        if self._found:
            raise InputErrors(sorted(self._found, key=_position))


def read_yaml(text: str, source: str, faults: Faults | None = None) -> Node:
    """Read one YAML document; raise `InputErrors` with every fault, or with the first syntax error.

    With a collector handed in, faults other than syntax are left to the caller, who adds its own and raises
    them together.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = faults or Faults()
    try:
        events = yaml.parse(text, Loader=loader)
        node = _Builder(source, found).build(events)
    except yaml.MarkedYAMLError as error:
        raise InputErrors([_syntax_error(error, source)]) from None
    except yaml.YAMLError as error:
        message = f"not readable as YAML: {str(error).splitlines()[0]}"
        raise InputErrors([InputError(message, where=Place(source, _line_of_bad_character(text)))]) from None
    if faults is None:
        found.raise_any()
    return node


def write_yaml(tree: dict[str, Any]) -> str:
    """Write a tree of mappings, lists and texts; `read_yaml` reads the same keys and texts back.

    Lists and mappings of texts alone stand in one line.
    """
    import yaml

    return yaml.dump(
        tree, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
    )


class _Builder:
    """Builds the tree from parser events, so that every alias and tag is seen where it stands."""

    def __init__(self, source: str, faults: Faults) -> None:
        self._source = source
        self._faults = faults

    def build(self, events: Iterator[Any]) -> Node:
        """Build the only document; an empty text is an empty mapping."""
        node: Node | None = None
        for event in events:
            name = type(event).__name__
            if name in ("StreamStartEvent", "StreamEndEvent", "DocumentStartEvent", "DocumentEndEvent"):
                continue
            if node is not None:
                self._faults.add(
                    self._place(event), "a second document starts here", "keep one document per file"
                )
                break
            node = self._node(event, events, 0)
        return node if node is not None else Mapping(Place(self._source, 1, 1))

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        place = self._place(event)
        name = type(event).__name__
        if name == "AliasEvent":
            self._faults.add(
                place, f"alias *{event.anchor}", "write the value out; documents are read without references"
            )
            return Scalar("", place, is_plain=False)
        if event.anchor:
            self._faults.add(
                place, f"anchor &{event.anchor}", "write the value out; documents are read without references"
            )
        if event.tag and event.tag != "!":
            self._faults.add(place, f"tag {event.tag}", "leave tags out; the parameter decides the type")
        if name == "ScalarEvent":
            return Scalar(event.value, place, is_plain=not event.style)
        if depth >= _MAX_DEPTH:
            raise InputErrors([InputError(f"nested deeper than {_MAX_DEPTH} levels", where=place)])
        if name == "SequenceStartEvent":
            return self._sequence(place, events, depth)
        return self._mapping(place, events, depth)

    def _sequence(self, place: Place, events: Iterator[Any], depth: int) -> Sequence:
        found = Sequence(place)
        for event in events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            found.items.append(self._node(event, events, depth + 1))
        return found

    def _mapping(self, place: Place, events: Iterator[Any], depth: int) -> Mapping:
        found = Mapping(place)
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                break
            key_place = self._place(event)
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if not isinstance(key, Scalar):
                self._faults.add(key_place, "a key must be a plain word")
            elif key.text == "<<" and key.is_plain:
                self._faults.add(
                    key_place, "merge key <<", "write the keys out; documents are read without references"
                )
            elif key.text in found.entries:
                first = found.key_places[key.text]
                self._faults.add(
                    key_place, f"{key.text!r} stands twice, first in line {first.line}", "keep one of them"
                )
            else:
                found.entries[key.text] = value
                found.key_places[key.text] = key_place
        return found

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self._source, mark.line + 1, mark.column + 1)


@cache
def _dumper() -> Any:
    """Answer a dumper that leaves texts plain wherever YAML 1.2 reads them back as the same text."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Scalars are texts; only a text that looks like null needs quotes. What repeats is written again."""

        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    def write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "'" if text in _NULLS else None
        return dumper.represent_scalar(  # pyright: ignore[reportUnknownMemberType] - untyped in PyYAML
            "tag:yaml.org,2002:str", text, style=style
        )

    Dumper.add_representer(str, write_text)
    Dumper.yaml_implicit_resolvers = {}  # type: ignore[assignment]
    return Dumper


def _syntax_error(error: Any, source: str) -> InputError:
    mark = error.problem_mark or error.context_mark
    place = Place(source, mark.line + 1, mark.column + 1) if mark is not None else Place(source)
    words = ", ".join(part for part in (error.context, error.problem) if part)
    return InputError(f"not readable as YAML: {words}", where=place)


def _line_of_bad_character(text: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        if any(ord(character) < 32 and character != "\t" for character in line):  # noqa: PLR2004 - control characters
            return number
    return 0


def _position(fault: InputError) -> tuple[str, int, int]:
    source, _, rest = fault.where.partition(":")
    numbers = [int(part) for part in rest.split(":") if part.isdigit()]
    line, column = [*numbers, 0, 0][:2]
    return source, line, column

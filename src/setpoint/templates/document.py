"""A template's YAML document, read with line and column and all faults at once.

::

    template: oltp
    version: 1
    engine: postgresql
    since: 13
    profile: oltp
    description: Many short transactions.
    inputs:
      wal_room: {type: size, default: 8GB, description: Room for WAL on its disk}
    signs:
      - {when: rows_per_transaction < 1000, for: each transaction reads few rows}
      - {when: rows_per_transaction > 100000, against: transactions read very many rows}
    settings:
      - parameter: shared_buffers
        formula: round_down(ram / 4, 1MB)
        reason: Enough for the hot part, the rest to the page cache.
        source: PostgreSQL documentation, 19.4.1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Version
from setpoint.config.document import Faults, Mapping, Node, Scalar, Sequence, read_yaml
from setpoint.config.variables import Type
from setpoint.errors import InputError
from setpoint.templates.template import Input, Sign, Template, TemplateSetting

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOP = {
    "template",
    "version",
    "engine",
    "profile",
    "description",
    "since",
    "until",
    "inputs",
    "signs",
    "settings",
}
_SETTING = {"parameter", "value", "formula", "when", "since", "until", "reason", "source"}


def read_template(text: str, source: str) -> Template:
    """Read one template; raise `InputErrors` naming every fault of its form with line and column.

    Formulas are checked later, against a catalog (see `setpoint.templates.fill.prepare`).
    """
    faults = Faults()
    node = read_yaml(text, source, faults)
    template = _Reader(faults, source).template(node)
    faults.raise_any()
    return template


class _Reader:
    def __init__(self, faults: Faults, source: str) -> None:
        self._faults = faults
        self._source = source

    def template(self, node: Node) -> Template:
        fields = self._fields(
            node, _TOP, ("template", "version", "engine", "profile", "description", "settings")
        )
        return Template(
            name=self._text(fields, "template"),
            version=self._whole(fields, "version"),
            engine=self._text(fields, "engine"),
            profile=self._text(fields, "profile"),
            description=self._text(fields, "description"),
            since=self._bound(fields, "since"),
            until=self._bound(fields, "until"),
            inputs=tuple(self._input(name, entry) for name, entry in self._entries(fields.get("inputs"))),
            signs=tuple(self._sign(item) for item in self._items(fields.get("signs"))),
            settings=tuple(self._setting(item) for item in self._items(fields.get("settings"))),
            source=self._source,
        )

    def _input(self, name: str, node: Node) -> Input:
        wanted = ("type", "default", "description")
        fields = self._fields(node, set(wanted), wanted)
        word = self._text(fields, "type")
        words = {type_.value: type_ for type_ in Type}
        if word not in words and "type" in fields:
            self._faults.add(fields["type"].place, f"{word!r} is no type", f"one of {', '.join(words)}")
        return Input(
            name=name,
            type=words.get(word, Type.TEXT),
            default=self._text(fields, "default"),
            description=self._text(fields, "description"),
        )

    def _sign(self, node: Node) -> Sign:
        fields = self._fields(node, {"when", "for", "against"}, ("when",))
        if ("for" in fields) == ("against" in fields):
            self._faults.add(
                node.place, "a sign speaks either for or against", "give one of the two, with the reason"
            )
        is_against = "against" in fields
        return Sign(
            when=self._text(fields, "when"),
            reason=self._text(fields, "against" if is_against else "for"),
            is_against=is_against,
        )

    def _setting(self, node: Node) -> TemplateSetting:
        fields = self._fields(node, _SETTING, ("parameter", "reason", "source"))
        if ("value" in fields) == ("formula" in fields):
            self._faults.add(node.place, "a setting has either a value or a formula", "give one of the two")
        return TemplateSetting(
            parameter=self._text(fields, "parameter"),
            value=self._text(fields, "value") if "value" in fields else None,
            formula=self._text(fields, "formula"),
            when=self._text(fields, "when"),
            since=self._bound(fields, "since"),
            until=self._bound(fields, "until"),
            reason=self._text(fields, "reason"),
            source=self._text(fields, "source"),
            line=node.place.line,
        )

    def _fields(self, node: Node, allowed: set[str], needed: Iterable[str]) -> dict[str, Node]:
        if not isinstance(node, Mapping):
            self._faults.add(node.place, "names with values are expected here")
            return {}
        for name in node.entries.keys() - allowed:
            self._faults.add(
                node.key_places[name], f"{name!r} is not known here", f"known: {', '.join(sorted(allowed))}"
            )
        for name in needed:
            if name not in node.entries:
                self._faults.add(node.place, f"{name!r} is missing")
        return node.entries

    def _entries(self, node: Node | None) -> Iterable[tuple[str, Node]]:
        if node is None:
            return ()
        if isinstance(node, Mapping):
            return node.entries.items()
        self._faults.add(node.place, "names with values are expected here")
        return ()

    def _items(self, node: Node | None) -> list[Node]:
        if node is None:
            return []
        if isinstance(node, Sequence):
            return node.items
        self._faults.add(node.place, "a list is expected here")
        return []

    def _text(self, fields: dict[str, Node], name: str) -> str:
        node = fields.get(name)
        if node is None:
            return ""
        if isinstance(node, Scalar) and node.text.strip():
            return " ".join(node.text.split())
        self._faults.add(node.place, f"{name!r} needs a text")
        return ""

    def _whole(self, fields: dict[str, Node], name: str) -> int:
        text = self._text(fields, name)
        if text.isascii() and text.isdigit() and int(text) > 0:
            return int(text)
        if name in fields:
            self._faults.add(fields[name].place, f"{name!r} needs a whole number from 1")
        return 1

    def _bound(self, fields: dict[str, Node], name: str) -> str:
        text = self._text(fields, name)
        if text:
            try:
                Version.parse(text)
            except InputError as fault:
                self._faults.add(fields[name].place, fault.what, fault.next_step)
                return ""
        return text

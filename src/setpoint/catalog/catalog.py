"""A catalog: all the parameters one engine version (and build) offers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from setpoint.catalog.parameter import Context, Parameter, Value
from setpoint.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.catalog.grammar import Grammar

_Key = TypeVar("_Key")
_Known = TypeVar("_Known")
_MOST_REMEMBERED = 50_000
_COMPARED = ("kind", "unit", "default", "min", "max", "values", "context")


class CatalogData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A catalog as it is stored and shipped."""

    engine: str
    version: str
    evidence: str
    """How its facts are known, shown to users: ``harvested from a running server`` or ``not verified on an
    engine``.
    """
    source: str = ""
    parameters: tuple[Parameter, ...]


def encode_catalog(data: CatalogData) -> bytes:
    """Write a catalog as the JSON that is shipped.

    One parameter per line, so that two of them compare line by line.
    """
    head = msgspec.json.encode(msgspec.structs.replace(data, parameters=()))
    lines = b",\n".join(msgspec.json.encode(parameter) for parameter in data.parameters)
    return head.removesuffix(b"]}") + b"\n" + lines + b"\n]}\n"


class ParameterChange(msgspec.Struct, frozen=True, kw_only=True):
    """One property of one parameter that differs between two catalogs."""

    name: str
    field: str
    old: Any
    new: Any


class CatalogDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one catalog to another, each part sorted by name."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[ParameterChange, ...]


@dataclass(frozen=True)
class Catalog:
    """A catalog ready for use: its data, and the grammar that gives texts a meaning."""

    data: CatalogData
    grammar: Grammar

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        fold = self.grammar.fold_name
        return {fold(parameter.name): parameter for parameter in self.data.parameters}

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self.data.engine

    @property
    def version(self) -> str:
        """The version it was harvested from, as text."""
        return self.data.version

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter, extensions' included."""
        return self.data.parameters

    @property
    def core(self) -> tuple[Parameter, ...]:
        """The parameters of the server itself, without loadable modules."""
        return tuple(parameter for parameter in self.data.parameters if not parameter.extension)

    def find(self, name: str) -> Parameter | None:
        """Answer the parameter of that name in the engine's spelling rules, or None."""
        return self._by_name.get(self.grammar.fold_name(name))

    def get(self, name: str) -> Parameter:
        """Answer the parameter of that name; raise `NotFoundError` naming near ones."""
        parameter = self.find(name)
        if parameter is not None:
            return parameter
        message = f"{self.engine} {self.version} has no parameter {name!r}"
        raise NotFoundError(message, next_step=self._near(name))

    def parse(self, name: str, text: str | tuple[str, ...]) -> Value:
        """Read a text as the value of the named parameter; raise `InputError`."""
        return self.get(name).parse(text, self.grammar)

    def format(self, name: str, value: Value) -> str:
        """Write a value of the named parameter as the engine would show it."""
        return self.get(name).format(value, self.grammar)

    def is_same(self, name: str, left: str | tuple[str, ...], right: str | tuple[str, ...]) -> bool:
        """Tell whether two texts are the same value of that parameter.

        Unknown parameters and unreadable texts compare as texts.
        """
        if left == right:
            return True
        parameter = self.find(name)
        if parameter is None:
            return False
        first, second = self._read(parameter, left), self._read(parameter, right)
        return first is not None and second is not None and parameter.is_same(first, second)

    def show(self, name: str, text: str) -> str:
        """Write a text as the engine would show its value; what cannot be read is shown as it is."""
        known = self._shown.get((name, text))
        if known is None:
            parameter = self.find(name)
            value = self._read(parameter, text) if parameter is not None else None
            known = text if parameter is None or value is None else parameter.format(value, self.grammar)
            _remember(self._shown, (name, text), known)
        return known

    @cached_property
    def _values(self) -> dict[tuple[str, str | tuple[str, ...]], Value | None]:
        return {}

    @cached_property
    def _shown(self) -> dict[tuple[str, str], str]:
        return {}

    def _read(self, parameter: Parameter, text: str | tuple[str, ...]) -> Value | None:
        """Read a text, None when the type refuses it; remembered, as fleets repeat themselves."""
        key = (parameter.name, text)
        if key in self._values:
            return self._values[key]
        try:
            value = parameter.parse(text, self.grammar)
        except InputError:
            value = None
        _remember(self._values, key, value)
        return value

    def diff(self, newer: Catalog) -> CatalogDiff:
        """Compare core parameters with another version's: added, removed, and each property that changed.

        What is fixed in both (version numbers, compiled sizes) is no configuration and is not compared.
        """
        old, new = _named(self.core), _named(newer.core)
        changes = [
            ParameterChange(
                name=name,
                field=field,
                old=_shown(getattr(old[name], field)),
                new=_shown(getattr(new[name], field)),
            )
            for name in sorted(old.keys() & new.keys())
            if {old[name].context, new[name].context} != {Context.FIXED}
            for field in _COMPARED
            if getattr(old[name], field) != getattr(new[name], field)
        ]
        return CatalogDiff(
            added=tuple(sorted(new.keys() - old.keys())),
            removed=tuple(sorted(old.keys() - new.keys())),
            changed=tuple(changes),
        )

    def _near(self, name: str) -> str:
        from difflib import get_close_matches

        near = get_close_matches(self.grammar.fold_name(name), list(self._by_name), n=3)
        return f"did you mean {', '.join(near)}?" if near else "`setpoint catalog show` lists them all"


def _remember(known: dict[_Key, _Known], key: _Key, value: _Known) -> None:
    """Keep a bounded number of answers; starting over is cheaper than keeping count of what is old."""
    if len(known) >= _MOST_REMEMBERED:
        known.clear()
    known[key] = value


def _named(parameters: Iterable[Parameter]) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in parameters}


def _shown(value: object) -> object:
    return getattr(value, "value", value)

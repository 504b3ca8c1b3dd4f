"""What became of the names of parameters from version to version, and what a server makes of an old one.

A catalog tells what a version offers; that one parameter took the place of another it does not tell. An
engine ships that as ``succession.yaml``::

    engine: mysql
    unknown: refused
    out_of_range: clamped
    source: seen on MySQL 9.7 (mysqld --validate-config)
    entries:
      - names: {expire_logs_days: binlog_expire_logs_seconds}
        carries_value: false
        note: It counts seconds, not days; multiply by 86400.
        source: MySQL 8.4 release notes, features removed

An empty new name means that nothing took the place of the old one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from setpoint.catalog.version import Version
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog.grammar import Grammar


class Fate(Enum):
    """What a server does that finds a name among its options which it does not list."""

    ALIAS = "alias"
    """It takes it for the new name."""
    IGNORED = "ignored"
    """It takes it, warns and does nothing."""
    REFUSED = "refused"
    """It does not start."""


class Reach(Enum):
    """What a server does that finds a number out of range among its options."""

    CLAMPED = "clamped"
    """It takes the nearest bound and warns."""
    REFUSED = "refused"
    """It does not start."""


class SuccessionEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one fact says of names, from an old one to a new one each.

    `fate` is what a server does with the old name once it does not list it; from `refused_from` on it does
    not start with it, whatever the fate was until then. `carries_value` says whether the value can stay as it
    is under the new name; `note` tells how, or what to do instead.
    """

    names: dict[str, str]
    source: str
    fate: Fate = Fate.REFUSED
    refused_from: str = ""
    carries_value: bool = True
    note: str = ""


class SuccessionData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of an engine's ``succession.yaml``.

    `unknown` and `out_of_range` are what its servers do with a name that no entry speaks of and with a number
    beyond the bounds; `source` says how that is known. `modules` are the beginnings of names that belong to
    loadable modules, which a catalog lists only where its server had them loaded.
    """

    engine: str
    source: str
    unknown: Fate = Fate.REFUSED
    out_of_range: Reach = Reach.REFUSED
    modules: tuple[str, ...] = ()
    entries: tuple[SuccessionEntry, ...] = ()


class Successor(NamedTuple):
    """What became of one name; `new` is empty where nothing took its place."""

    new: str
    entry: SuccessionEntry


@dataclass(frozen=True)
class Succession:
    """An engine's names from version to version, ready for use."""

    data: SuccessionData
    grammar: Grammar

    @cached_property
    def _by_name(self) -> dict[str, Successor]:
        fold = self.grammar.fold_name
        return {
            fold(old): Successor(fold(new), entry)
            for entry in self.data.entries
            for old, new in entry.names.items()
        }

    def find(self, name: str) -> Successor | None:
        """Answer what became of a name, None where nothing is said of it."""
        return self._by_name.get(self.grammar.fold_name(name))

    def pairs(self) -> tuple[tuple[str, Successor], ...]:
        """Answer every old name with what became of it, sorted by name."""
        return tuple(sorted(self._by_name.items()))

    def is_of_a_module(self, name: str) -> bool:
        """Tell whether a name belongs to a loadable module, by how it begins."""
        return self.grammar.fold_name(name).startswith(self.data.modules)

    def fate(self, name: str, version: Version) -> Fate:
        """Tell what a server of that version does with a name that it does not list."""
        found = self.find(name)
        if found is None:
            return self.data.unknown
        entry = found.entry
        if entry.refused_from and version.parts >= Version.parse(entry.refused_from).parts:
            return Fate.REFUSED
        return entry.fate


def read_succession(text: str, source: str, grammar: Grammar) -> Succession:
    """Read an engine's ``succession.yaml``; raise `InputError` naming the place."""
    try:
        data = msgspec.yaml.decode(text, type=SuccessionData)
    except msgspec.MsgspecError as fault:
        raise InputError(
            str(fault), where=source, next_step="see the head of setpoint.catalog.succession"
        ) from None
    return Succession(data, grammar)


def no_succession(engine: str, grammar: Grammar) -> Succession:
    """Answer the succession of an engine that ships none: nothing is said of any name."""
    return Succession(SuccessionData(engine=engine, source=""), grammar)

"""Two versions compared as who upgrades reads it: renamed, re-defaulted, restarted, words and bounds.

What matters most stands apart: a default that changed acts on every instance that never set it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog.catalog import ParameterChange
from setpoint.catalog.parameter import Context, Kind
from setpoint.catalog.succession import Fate
from setpoint.catalog.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.catalog.catalog import Catalog
    from setpoint.catalog.parameter import Parameter, Value
    from setpoint.catalog.succession import Succession, Successor

_SETS = frozenset({Kind.FLAGS, Kind.SWITCHES})


class Renamed(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter under its old and its new name.

    `fate` is what the newer version does with the old name; `carries_value` tells whether a value can stay
    as it is. The defaults are texts as the engine shows them, None where it is not known.
    """

    old: str
    new: str
    fate: Fate
    carries_value: bool
    note: str
    source: str
    old_default: str | None
    new_default: str | None


class Redefaulted(msgspec.Struct, frozen=True, kw_only=True):
    """A default that changed, as the engine would show it; or in words, where it is worked out.

    `differences` tells of a set of flags those that differ.
    """

    name: str
    old: str
    new: str
    differences: tuple[str, ...] = ()


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter whose new values take effect at another time than they did."""

    name: str
    old: Context
    new: Context

    @property
    def needs_restart_now(self) -> bool:
        """Whether it needs a restart and did not."""
        return self.new is Context.RESTART

    @property
    def needs_no_restart_now(self) -> bool:
        """Whether it needed a restart and does not."""
        return self.old is Context.RESTART


class Reworded(msgspec.Struct, frozen=True, kw_only=True):
    """The words that a parameter does not take any more, and those it takes besides."""

    name: str
    gone: tuple[str, ...]
    come: tuple[str, ...]


class Rebounded(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds that moved, in the unit of each version; None where there is none."""

    name: str
    old: tuple[int | float | None, int | float | None]
    new: tuple[int | float | None, int | float | None]
    unit: str | None
    is_narrower: bool


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one version to another, each part sorted by name.

    `added` and `removed` hold no name that stands under `renamed`; `others` are types and units.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[Renamed, ...]
    redefaulted: tuple[Redefaulted, ...]
    moved: tuple[Moved, ...]
    reworded: tuple[Reworded, ...]
    rebounded: tuple[Rebounded, ...]
    others: tuple[ParameterChange, ...]


def compare(older: Catalog, newer: Catalog, succession: Succession) -> Comparison:
    """Compare the core parameters of two versions.

    What is fixed in both (version numbers, compiled sizes) is no configuration and is not compared.
    """
    diff = older.diff(newer)
    renamed = tuple(_renamed(older, newer, succession))
    gone, come = {each.old for each in renamed}, {each.new for each in renamed}
    shared = sorted({each.name for each in diff.changed})
    pairs = [(older.get(name), newer.get(name)) for name in shared]
    return Comparison(
        added=tuple(name for name in diff.added if name not in come),
        removed=tuple(name for name in diff.removed if name not in gone),
        renamed=renamed,
        redefaulted=tuple(
            found for old, new in pairs if (found := redefaulted(old, new, older, newer)) is not None
        ),
        moved=tuple(
            Moved(name=new.name, old=old.context, new=new.context)
            for old, new in pairs
            if old.context is not new.context
        ),
        reworded=tuple(found for old, new in pairs if (found := _reworded(old, new)) is not None),
        rebounded=tuple(found for old, new in pairs if (found := _rebounded(old, new, newer)) is not None),
        others=tuple(each for each in diff.changed if each.field in ("kind", "unit")),
    )


def redefaulted(old: Parameter, new: Parameter, older: Catalog, newer: Catalog) -> Redefaulted | None:
    """Answer how the default of a parameter changed, None where it did not or is not known."""
    before, after = shown_default(old, older), shown_default(new, newer)
    if before is None or after is None or before.casefold() == after.casefold():
        return None
    if old.default is None and new.default is None:
        return None
    differences: tuple[str, ...] = ()
    if old.default is not None and new.default is not None:
        if _reads_as(before, new.default, new, newer):
            return None
        differences = new.differences(old.default, new.default) if old.kind is new.kind else ()
    return Redefaulted(name=new.name, old=before, new=after, differences=differences)


def _reads_as(text: str, value: Value, parameter: Parameter, catalog: Catalog) -> bool:
    """Tell whether a parameter reads a text as that value; what it cannot read it does not."""
    try:
        return parameter.is_same(parameter.read(text, catalog.grammar), value)
    except ValueError:
        return False


def shown_default(parameter: Parameter, catalog: Catalog) -> str | None:
    """Answer a default as the engine shows it; in words where the host decides, None where nobody knows."""
    if parameter.default is None:
        return parameter.build or None
    return parameter.format(parameter.default, catalog.grammar)


def _renamed(older: Catalog, newer: Catalog, succession: Succession) -> Iterator[Renamed]:
    for name, successor in succession.pairs():
        old, new = older.find(name), newer.find(successor.new) if successor.new else None
        if old is None or new is None:
            continue
        if newer.find(name) is None or older.find(new.name) is None:
            yield _rename(old, new, older, newer, succession, successor)


def _rename(
    old: Parameter,
    new: Parameter,
    older: Catalog,
    newer: Catalog,
    succession: Succession,
    successor: Successor,
) -> Renamed:
    is_listed = newer.find(old.name) is not None
    version = Version.parse(newer.version)
    return Renamed(
        old=old.name,
        new=new.name,
        fate=Fate.ALIAS if is_listed else succession.fate(old.name, version),
        carries_value=successor.entry.carries_value,
        note=successor.entry.note,
        source=successor.entry.source,
        old_default=shown_default(old, older),
        new_default=shown_default(new, newer),
    )


def _reworded(old: Parameter, new: Parameter) -> Reworded | None:
    if old.kind is not new.kind or not old.values or not new.values:
        return None
    before, after = ({word.casefold() for word in each.values} for each in (old, new))
    gone = tuple(word for word in old.values if word.casefold() not in after)
    come = tuple(word for word in new.values if word.casefold() not in before)
    return Reworded(name=new.name, gone=gone, come=come) if gone or come else None


def _rebounded(old: Parameter, new: Parameter, newer: Catalog) -> Rebounded | None:
    if (old.min, old.max) == (new.min, new.max) or not (old.is_numeric and new.is_numeric):
        return None
    unit, factor = new.unit, 1.0
    if old.unit != new.unit:
        units = [each.unit_of(newer.grammar) for each in (old, new)]
        if units[0] is None or units[1] is None:
            return None
        factor = units[0].factor / units[1].factor
    low = None if old.min is None else old.min * factor
    high = None if old.max is None else old.max * factor
    if (low, high) == (new.min, new.max):
        return None
    is_narrower = (new.min is not None and (low is None or new.min > low)) or (
        new.max is not None and (high is None or new.max < high)
    )
    return Rebounded(
        name=new.name, old=(old.min, old.max), new=(new.min, new.max), unit=unit, is_narrower=is_narrower
    )

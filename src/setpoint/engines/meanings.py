"""Meanings: an engine's shipped catalogs, asked what texts mean whose version may be unknown."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from setpoint.catalog import Context, Version
from setpoint.engines.canonical import canonical_among
from setpoint.engines.registry import get_engine, shipped_catalog, shipped_versions
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

    from setpoint.catalog import Catalog, Parameter
    from setpoint.engines.canonical import Meaning


class Meanings:
    """What one engine's catalogs say. They are read at first use."""

    def __init__(self, engine: str) -> None:
        """Bind to an engine's name."""
        self.engine = engine

    @cached_property
    def catalogs(self) -> tuple[Catalog, ...]:
        """The shipped catalogs, newest first."""
        engine = get_engine(self.engine)
        return tuple(shipped_catalog(engine, version) for version in reversed(shipped_versions(engine)))

    @cached_property
    def names(self) -> frozenset[str]:
        """The folded names of every parameter of every catalog."""
        return frozenset(
            catalog.grammar.fold_name(each.name) for catalog in self.catalogs for each in catalog.parameters
        )

    def fold(self, name: str) -> str:
        """Answer the spelling under which a name is kept."""
        return get_engine(self.engine).grammar.fold_name(name)

    def shipped(self, version: str | None) -> Catalog | None:
        """Answer the catalog of exactly that version's family, None where none is shipped."""
        if not version:
            return None
        try:
            family = get_engine(self.engine).family(Version.parse(version))
        except InputError:
            return None
        return next((each for each in self.catalogs if _family(self.engine, each) == family), None)

    def among(self, version: str | None) -> tuple[Catalog, ...]:
        """Answer the catalogs that speak for a version: its own alone, else all of them, newest first."""
        own = self.shipped(version)
        return (own,) if own is not None else self.catalogs

    def parameter(self, name: str, version: str | None = None) -> Parameter | None:
        """Answer the parameter of that name by the first catalog that has it, the version's own first."""
        own = self.shipped(version)
        order = self.catalogs if own is None else (own, *self.catalogs)
        return next((found for each in order if (found := each.find(name)) is not None), None)

    def mean(self, name: str, text: str, version: str | None = None) -> Meaning | None:
        """Answer what a text means; None where no catalog that speaks for the version knows the name.

        Refused is only what every one of them refuses.
        """
        return canonical_among(self.among(version), name, text)

    def is_whole(self, names: Collection[str], version: str | None) -> bool:
        """Tell whether these (folded) names are every parameter of that version's own catalog.

        False where no catalog of that version is shipped: nobody can tell then. What depends on the build or
        comes with an extension need not be there.
        """
        own = self.shipped(version)
        if own is None:
            return False
        fold = own.grammar.fold_name
        return all(
            fold(each.name) in names
            for each in own.core
            if not each.build or each.context is not Context.FIXED
        )


def _family(engine: str, catalog: Catalog) -> str:
    return get_engine(engine).family(Version.parse(catalog.version))

"""Which engines there are, and the catalogs and templates they ship.

Engines are found through the entry-point group ``setpoint.engines``, so another package can add one without a
change here.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Catalog, Version
from setpoint.catalog.catalog import CatalogData
from setpoint.errors import NotFoundError

if TYPE_CHECKING:
    from setpoint.engines.port import Engine

ENTRY_POINTS = "setpoint.engines"


@cache
def engine_names() -> tuple[str, ...]:
    """Answer the names of all installed engines, sorted."""
    from importlib.metadata import entry_points

    return tuple(sorted(entry_points(group=ENTRY_POINTS).names))


@cache
def get_engine(name: str) -> Engine:
    """Load an engine by name; raise `NotFoundError`."""
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS, name=name):
        engine: Engine = point.load()
        return engine
    message = f"no engine is called {name!r}"
    raise NotFoundError(message, next_step=f"known are {', '.join(engine_names())}")


def shipped_versions(engine: Engine) -> tuple[str, ...]:
    """Answer the versions with a shipped catalog, oldest first."""
    names = [path.stem for path in (engine.data / "catalog").glob("*.json")]
    return tuple(sorted(names, key=Version.parse))


@cache
def _read_catalog(engine_name: str, family: str) -> Catalog:
    engine = get_engine(engine_name)
    body = (engine.data / "catalog" / f"{family}.json").read_bytes()
    return Catalog(msgspec.json.decode(body, type=CatalogData), engine.grammar)


def shipped_catalog(engine: Engine, version: str) -> Catalog:
    """Answer the shipped catalog for a version; raise `NotFoundError` naming those that exist."""
    family = engine.family(Version.parse(version))
    if family not in shipped_versions(engine):
        message = f"no catalog of {engine.name} {version} is shipped"
        known = ", ".join(shipped_versions(engine)) or "none"
        raise NotFoundError(message, next_step=f"shipped are {known}; a live server brings its own")
    return _read_catalog(engine.name, family)


def template_texts(engine: Engine) -> tuple[tuple[str, str], ...]:
    """Answer the engine's shipped templates as (file name, YAML text), sorted by file name."""
    folder = engine.data / "templates"
    return tuple((path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml")))

"""Which engines there are, and the catalogs, templates and classes they ship.

Engines are found through the entry-point group ``setpoint.engines``, so another package can add one without a
change here.
"""

from __future__ import annotations

import weakref
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Catalog, Version
from setpoint.catalog.catalog import CatalogData
from setpoint.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from setpoint.engines.port import Engine
    from setpoint.policy.classes import ParameterClass
    from setpoint.policy.classification import Classification

    Classes = Mapping[str, tuple[ParameterClass, ...]]

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


def shipped_catalogs(engine_name: str = "") -> Iterator[Catalog]:
    """Answer every shipped catalog, of one engine or of all; raise `NotFoundError` for an unknown engine."""
    for name in (engine_name,) if engine_name else engine_names():
        engine = get_engine(name)
        yield from (shipped_catalog(engine, version) for version in shipped_versions(engine))


def class_texts(engine: Engine) -> tuple[tuple[str, str], ...]:
    """Answer the engine's shipped classes as (file name, YAML text); nothing when it ships none."""
    path = engine.data / "classes.yaml"
    return ((path.name, path.read_text(encoding="utf-8")),) if path.is_file() else ()


@cache
def classification_of(engine_name: str) -> Classification:
    """Answer an engine's shipped classification, an empty one when it ships none."""
    from setpoint.policy.classification import Classification, read_classification

    for source, text in class_texts(get_engine(engine_name)):
        return read_classification(text, f"{engine_name}/{source}")
    return Classification(engine_name, {}, {})


def shipped_classes(engine: Engine, catalog: Catalog) -> Classes:
    """Answer the shipped classes of all of a catalog's parameters by folded name; each has at least one.

    Worked out once for each catalog object: a catalog is too large to be compared by its content.
    """
    kept = _classes.get(id(catalog))
    if kept is not None and kept[0]() is catalog:
        return kept[1]
    classification, fold = classification_of(engine.name), catalog.grammar.fold_name
    classes = {fold(each.name): classification.classes_of(each) for each in catalog.parameters}
    key = id(catalog)
    _classes[key] = (weakref.ref(catalog, lambda _: _classes.pop(key, None)), classes)
    return classes


_classes: dict[int, tuple[weakref.ref[Catalog], Classes]] = {}

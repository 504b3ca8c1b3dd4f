"""The parameter catalogs as shipped: an engine's versions, what changed between them, every parameter."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from setpoint.catalog import Context, Version, compare
from setpoint.control.upgrade import succession_of
from setpoint.engines.registry import engine_names, get_engine, shipped_catalog, shipped_versions

from .markdown import cell, code, table

if TYPE_CHECKING:
    from setpoint.catalog import Catalog, Parameter

_SHOWN = 60
"""Characters of a value before it is cut."""


def write() -> str:
    """Write a section per engine that ships catalogs."""
    engines = [get_engine(name) for name in engine_names()]
    return "\n".join(
        _section(engine.name, [shipped_catalog(engine, version) for version in shipped_versions(engine)])
        for engine in engines
    )


def _section(engine: str, catalogs: list[Catalog]) -> str:
    parts = [f"## {engine}\n", _overview(catalogs)]
    for older, newer in pairwise(catalogs):
        parts.append(f"### From {_family(older)} to {_family(newer)}\n\n{_changes(older, newer)}")
    parts.append(f"### Every parameter of {engine}\n\n{_parameters(catalogs)}")
    return "\n".join(parts)


def _family(catalog: Catalog) -> str:
    return get_engine(catalog.engine).family(Version.parse(catalog.version))


def _overview(catalogs: list[Catalog]) -> str:
    head = [
        "version",
        "harvested from",
        "core",
        "with modules",
        *(context.value for context in Context),
        "evidence",
    ]
    rows: list[list[str]] = []
    for catalog in catalogs:
        contexts = Counter(parameter.context for parameter in catalog.core)
        counts = [str(contexts[context]) for context in Context]
        sizes = [str(len(catalog.core)), str(len(catalog.parameters))]
        rows.append([_family(catalog), catalog.version, *sizes, *counts, cell(catalog.data.evidence)])
    return table(head, rows)


def _changes(older: Catalog, newer: Catalog) -> str:
    diff, found = older.diff(newer), compare(older, newer, succession_of(newer.engine))
    rows = [[code(each.old), "renamed", code(each.old), code(each.new)] for each in found.renamed]
    rows += [[code(name), "added", " ", " "] for name in found.added]
    rows += [[code(name), "removed", " ", " "] for name in found.removed]
    rows += [[code(each.name), each.field, _value(each.old), _value(each.new)] for each in diff.changed]
    return table(["parameter", "what", "before", "after"], rows) if rows else "Nothing changed.\n"


def _parameters(catalogs: list[Catalog]) -> str:
    """List each parameter as its newest version has it, with the versions that have it."""
    newest: dict[str, Parameter] = {}
    versions: dict[str, list[str]] = {}
    for catalog in catalogs:
        for parameter in catalog.parameters:
            newest[parameter.name] = parameter
            versions.setdefault(parameter.name, []).append(_family(catalog))
    everywhere = [_family(catalog) for catalog in catalogs]
    rows = [
        [
            code(name),
            parameter.kind.value,
            _value(parameter.unit),
            _value(parameter.default),
            parameter.context.value,
            "all" if versions[name] == everywhere else ", ".join(versions[name]),
            cell(parameter.extension),
        ]
        for name, parameter in sorted(newest.items(), key=lambda item: item[0].lower())
    ]
    return table(["parameter", "kind", "unit", "default", "context", "versions", "module"], rows)


def _value(value: object) -> str:
    if value is None or value in ("", ()):
        return " "
    if isinstance(value, bool):
        return code("on" if value else "off")
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return code(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")

"""`catalog diff`: what changed between two versions, as a document and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from setpoint.faces.cli.catalog_values import fate_text, plain
from setpoint.faces.cli.page import Answer, Span, Table

if TYPE_CHECKING:
    from setpoint.catalog import Catalog, Comparison
    from setpoint.catalog.comparison import Moved, Rebounded, Renamed, Reworded
    from setpoint.faces.cli.page import Block, Line


def answer_diff(before: Catalog, after: Catalog, found: Comparison) -> Answer:
    """Answer what changed; re-defaulted parameters stand apart, as they act on who never set them."""
    raw = before.diff(after)
    document = {
        "engine": after.engine,
        "old": before.version,
        "new": after.version,
        "evidence": {"old": before.data.evidence, "new": after.data.evidence},
        "added": list(raw.added),
        "removed": list(raw.removed),
        "changed": [
            {"name": each.name, "field": each.field, "old": each.old, "new": each.new} for each in raw.changed
        ],
        "renamed": [_renamed_document(each) for each in found.renamed],
        "redefaulted": [
            {"name": each.name, "old": each.old, "new": each.new, "differences": list(each.differences)}
            for each in found.redefaulted
        ],
        "contexts": [_moved_document(each) for each in found.moved],
        "words": [{"name": e.name, "gone": list(e.gone), "come": list(e.come)} for e in found.reworded],
        "bounds": [_bounds_document(each) for each in found.rebounded],
    }
    return Answer(document, _page(before, after, found))


def _renamed_document(each: Renamed) -> dict[str, Any]:
    return {
        "old": each.old,
        "new": each.new,
        "old_name": each.fate.value,
        "carries_value": each.carries_value,
        "note": each.note,
        "source": each.source,
        "old_default": each.old_default,
        "new_default": each.new_default,
    }


def _moved_document(each: Moved) -> dict[str, Any]:
    return {
        "name": each.name,
        "old": each.old.value,
        "new": each.new.value,
        "needs_restart_now": each.needs_restart_now,
        "needs_no_restart_now": each.needs_no_restart_now,
    }


def _bounds_document(each: Rebounded) -> dict[str, Any]:
    return {
        "name": each.name,
        "old": {"min": each.old[0], "max": each.old[1]},
        "new": {"min": each.new[0], "max": each.new[1]},
        "unit": each.unit,
        "is_narrower": each.is_narrower,
    }


def _page(before: Catalog, after: Catalog, found: Comparison) -> list[Block]:
    versions = (before.version, after.version)
    page: list[Block] = [(Span(f"{after.engine} {versions[0]} -> {versions[1]}", "strong"),)]
    page += _part("re-defaulted", "these act where nothing is set", _defaults(found, versions))
    page += _part("renamed", "", _renames(found))
    page += _names(f"removed: {len(found.removed)}", found.removed, "-")
    page += _part("take effect otherwise", "", _contexts(found, versions))
    page += _part("words", "", _words(found.reworded))
    page += _part("bounds", "", _bounds(found, versions))
    page += _part("types and units", "", _others(found, versions))
    page += _names(f"added in {after.version}: {len(found.added)}", found.added, "+")
    page += [Span(f"{each.version}: {each.data.evidence}", "dim") for each in (before, after)]
    return page


def _part(title: str, remark: str, table: Table) -> list[Block]:
    count = len(table.rows)
    line: Line = (
        (f"{title}: {count}", Span(f"  {remark}", "dim")) if remark and count else f"{title}: {count}"
    )
    return [line, table] if count else [line]


def _names(title: str, names: tuple[str, ...], mark: str) -> list[Block]:
    return [title, *(Span(f"  {mark} {name}", "good" if mark == "+" else "bad") for name in names)]


def _defaults(found: Comparison, versions: tuple[str, str]) -> Table:
    rows = [
        (each.name, "", Span(", ".join(each.differences), "warn"))
        if each.differences
        else (each.name, each.old or "''", Span(each.new or "''", "warn"))
        for each in found.redefaulted
    ]
    return Table(("PARAMETER", *versions), rows, 2)


def _renames(found: Comparison) -> Table:
    rows = [
        (
            each.old,
            each.new,
            fate_text(each.fate),
            each.note or ("" if each.carries_value else "the value means something else"),
        )
        for each in found.renamed
    ]
    return Table(("PARAMETER", "NOW", "OLD NAME", "NOTE"), rows, 2)


def _contexts(found: Comparison, versions: tuple[str, str]) -> Table:
    rows = [
        (each.name, each.old.value, Span(each.new.value, "bad" if each.needs_restart_now else "good"))
        for each in found.moved
    ]
    return Table(("PARAMETER", *versions), rows, 2)


def _words(reworded: tuple[Reworded, ...]) -> Table:
    rows = [
        (each.name, Span(", ".join(each.gone), "bad"), Span(", ".join(each.come), "good"))
        for each in reworded
    ]
    return Table(("PARAMETER", "GONE", "NEW"), rows, 2)


def _bounds(found: Comparison, versions: tuple[str, str]) -> Table:
    rows = [
        (
            each.name,
            _range(each.old, each.unit),
            Span(_range(each.new, each.unit), "warn" if each.is_narrower else "dim"),
        )
        for each in found.rebounded
    ]
    return Table(("PARAMETER", *versions), rows, 2)


def _others(found: Comparison, versions: tuple[str, str]) -> Table:
    rows = [(each.name, each.field, plain(each.old), plain(each.new)) for each in found.others]
    return Table(("PARAMETER", "PROPERTY", *versions), rows, 2)


def _range(bounds: tuple[float | None, float | None], unit: str | None) -> str:
    return f"{plain(bounds[0])} to {plain(bounds[1])}{f' {unit}' if unit else ''}"

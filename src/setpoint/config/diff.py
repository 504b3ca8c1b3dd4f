"""Differences: between settings by the engine's meaning, between configurations field by field."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.config.configuration import Configuration, SettingText
from setpoint.config.revision import spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from setpoint.catalog import Catalog

ABSENT = msgspec.UNSET


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """One setting that differs in meaning; None stands for "not set"."""

    name: str
    old: SettingText
    new: SettingText


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One field of one part of a configuration that differs.

    `part` is ``fleet:ENGINE``, ``group:NAME``, ``instance:NAME`` or ``policy:NAME``; `field` is a
    field's name, ``settings.PARAMETER``, or ``text`` for a policy. A value that is not there is
    `msgspec.UNSET`.
    """

    part: str
    field: str
    old: Any
    new: Any


def diff_settings(
    old: Mapping[str, SettingText], new: Mapping[str, SettingText], catalog: Catalog | None = None
) -> tuple[SettingChange, ...]:
    """Compare settings, sorted by name; with a catalog ``1GB`` and ``1048576kB`` are no difference."""
    changes: list[SettingChange] = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before == after and (name in old) == (name in new):
            continue
        if (
            catalog is not None
            and before is not None
            and after is not None
            and catalog.is_same(name, before, after)
        ):
            continue
        changes.append(SettingChange(name=name, old=before, new=after))
    return tuple(changes)


def diff_configurations(old: Configuration, new: Configuration) -> tuple[Edit, ...]:
    """List every field that differs, sorted by part and field. Parts that are equal cost one comparison."""
    edits: list[Edit] = []
    before, after = dict(_parts(old)), dict(_parts(new))
    for part in sorted(before.keys() | after.keys()):
        left, right = before.get(part), after.get(part)
        if left is right or left == right:
            continue
        edits.extend(_field_edits(part, fields_of(left), fields_of(right)))
    return tuple(edits)


def fields_of(part: object) -> dict[str, Any]:
    """Spread one part into its fields, settings one by one; an absent part (None) has none."""
    if part is None:
        return {}
    if isinstance(part, str):
        return {"text": part}
    if isinstance(part, msgspec.Struct):
        fields = {
            name: value
            for name, value in msgspec.structs.asdict(part).items()
            if name != "settings" and not _is_empty(value) and value != _defaults(type(part)).get(name)
        }
        settings: Mapping[str, SettingText] = getattr(part, "settings", {})
        fields["engine"] = getattr(part, "engine", "")
    else:
        fields, settings = {}, part  # type: ignore[assignment]
    return {**fields, **{f"settings.{name}": text for name, text in settings.items()}}


@cache
def _defaults(kind: type[msgspec.Struct]) -> dict[str, object]:
    """Answer what the fields of a part are when nobody says anything of them."""
    return {field.name: field.default for field in msgspec.structs.fields(kind)}


def _is_empty(value: object) -> bool:
    return value is None or value in ("", {})


def _parts(configuration: Configuration) -> Iterator[tuple[str, object]]:
    for kind, table in spread(configuration).items():
        yield from ((f"{kind}:{name}", part) for name, part in table.items())


def _field_edits(part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Edit]:
    for field in sorted(old.keys() | new.keys()):
        before, after = old.get(field, ABSENT), new.get(field, ABSENT)
        if before != after:
            yield Edit(part=part, field=field, old=before, new=after)

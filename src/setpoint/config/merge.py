"""Three-way merge of configurations: disjoint edits join, overlapping ones fail with both edits named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.config.configuration import Configuration, Group, Instance
from setpoint.config.diff import ABSENT, Edit, diff_configurations, fields_of
from setpoint.config.revision import gather, spread
from setpoint.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STRUCTS: dict[str, type[Group | Instance]] = {"group": Group, "instance": Instance}


def merge(base: Configuration, ours: Configuration, theirs: Configuration) -> Configuration:
    """Join the edits base -> ours and base -> theirs; raise `ConflictError` naming every overlap.

    The same edit on both sides is no conflict. Edits overlap when they give one field of one part two
    different values, or when one side removes a part that the other side edits.
    """
    our_edits = {(edit.part, edit.field): edit for edit in diff_configurations(base, ours)}
    their_edits = {(edit.part, edit.field): edit for edit in diff_configurations(base, theirs)}
    overlaps = [
        _overlap(ours_edit, their_edits[key])
        for key, ours_edit in sorted(our_edits.items())
        if key in their_edits and their_edits[key].new != ours_edit.new
    ]
    overlaps.extend(_removals_against_edits(our_edits.values(), their_edits.values()))
    if overlaps:
        raise ConflictError("; ".join(overlaps), next_step="read the newer revision and make your edit again")
    return apply_edits(ours, tuple(edit for key, edit in their_edits.items() if key not in our_edits))


def apply_edits(configuration: Configuration, edits: Iterable[Edit]) -> Configuration:
    """Answer the configuration with edits made to it; a part whose every field is gone is gone."""
    by_part: dict[str, dict[str, Any]] = {}
    for edit in edits:
        by_part.setdefault(edit.part, {})[edit.field] = edit.new
    tables = {kind: dict(table) for kind, table in spread(configuration).items()}
    for part, changes in by_part.items():
        kind, _, name = part.partition(":")
        fields = {**fields_of(tables[kind].get(name)), **changes}
        kept = {field: value for field, value in fields.items() if value is not ABSENT}
        if kept:
            tables[kind][name] = _build(kind, kept)
        else:
            tables[kind].pop(name, None)
    return gather(tables)


def _build(kind: str, fields: Mapping[str, Any]) -> object:
    if kind == "policy":
        return fields["text"]
    settings = {
        name.removeprefix("settings."): value
        for name, value in fields.items()
        if name.startswith("settings.")
    }
    if kind == "fleet":
        return settings
    plain = {name: value for name, value in fields.items() if not name.startswith("settings.")}
    return _STRUCTS[kind](**plain, settings=settings)


def _overlap(ours: Edit, theirs: Edit) -> str:
    says = f"one edit says {_show(ours.new)}, the other {_show(theirs.new)}"
    return f"{ours.part} {ours.field}: {says} (was {_show(ours.old)})"


def _removals_against_edits(ours: Iterable[Edit], theirs: Iterable[Edit]) -> list[str]:
    """Find parts that one side removes while the other adds or changes fields in them."""
    our_list, their_list = list(ours), list(theirs)
    found: list[str] = []
    for removing, editing in ((our_list, their_list), (their_list, our_list)):
        removed = {edit.part for edit in removing if edit.field == "engine" and edit.new is ABSENT}
        kept_fields = {edit.part for edit in editing if edit.new is not ABSENT}
        found.extend(
            f"{part}: one edit removes it, the other changes it" for part in sorted(removed & kept_fields)
        )
    return found


def _show(value: object) -> str:
    if value is ABSENT:
        return "nothing"
    return msgspec.json.encode(value).decode()

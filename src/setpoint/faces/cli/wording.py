"""How verbs word what they found: settings, times, places, edits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from setpoint.faces.cli.page import Answer, Span, Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.diff import Edit
    from setpoint.config.facts import Facts
    from setpoint.config.observation import Observation, Origin
    from setpoint.config.revision import Revision
    from setpoint.faces.cli.page import Block

_UNITS = (("day", 86400), ("h", 3600), ("min", 60), ("s", 1))
_SIZES = (("TB", 2**40), ("GB", 2**30), ("MB", 2**20), ("kB", 2**10))


def setting_text(text: SettingText) -> str:
    """Write a setting as its author would."""
    if text is None:
        return "not managed"
    return ", ".join(text) if isinstance(text, tuple) else text or "''"


def shown_value(catalog: Catalog, name: str, text: str | None) -> str | None:
    """Write an observed text as the engine shows values to people."""
    from setpoint.errors import InputError

    if text is None:
        return None
    try:
        return catalog.format(name, catalog.parse(name, text))
    except InputError:
        return text


def flag_changes(catalog: Catalog, name: str, before: str | None, after: SettingText) -> tuple[str, ...]:
    """Answer what changes in a set of flags, flag by flag; nothing where that is not what it is."""
    from setpoint.errors import InputError

    parameter = catalog.find(name)
    if parameter is None or before is None or after is None:
        return ()
    try:
        values = [catalog.parse(name, text) for text in (before, after)]
    except InputError:
        return ()
    return parameter.differences(*values)


def size_text(amount_bytes: int | None) -> str:
    """Write an amount of bytes: exactly where it is round, else with one decimal."""
    if amount_bytes is None:
        return "unknown"
    for name, factor in _SIZES:
        if amount_bytes >= factor:
            count = amount_bytes / factor
            return f"{count:.0f}{name}" if count.is_integer() else f"{count:.1f}{name}"
    return f"{amount_bytes}B"


def age_text(age: timedelta) -> str:
    """Say how long ago something was: ``12 s ago``, ``3 h ago``."""
    seconds = max(0, int(age.total_seconds()))
    name, factor = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    count = seconds // factor
    plural = "s" if name == "day" and count != 1 else ""
    return f"{count} {name}{plural} ago"


def moment_text(at: datetime) -> str:
    """Write a time: UTC, to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 step``, ``3 steps``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def revision_document(revision: Revision) -> dict[str, Any]:
    """Answer a revision for programs."""
    return {
        "id": revision.id,
        "short_id": revision.short_id,
        "author": revision.author,
        "at": revision.at,
        "reason": revision.reason,
        "ticket": revision.ticket,
        "parents": list(revision.parents),
    }


def revision_cells(revision: Revision) -> tuple[str, str, str, str]:
    """Answer a revision as table cells: id, time, author, reason with its ticket."""
    ticket = f" [{revision.ticket}]" if revision.ticket else ""
    return revision.short_id, moment_text(revision.at), revision.author, f"{revision.reason}{ticket}"


def edit_documents(edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """Answer edits for programs; a side that is not there has no key."""
    from setpoint.config.diff import ABSENT

    return [
        {"part": edit.part, "field": edit.field}
        | {side: value for side, value in (("old", edit.old), ("new", edit.new)) if value is not ABSENT}
        for edit in edits
    ]


def edit_table(edits: Sequence[Edit], *, indent: int = 0) -> Table:
    """Lay edits out: part, field, before, after."""
    rows = [
        (edit.part, edit.field, Span(_side(edit.old), "bad"), Span(_side(edit.new), "good")) for edit in edits
    ]
    return Table(("PART", "FIELD", "BEFORE", "AFTER"), rows, indent)


def committed(revision: Revision, edits: Sequence[Edit], *, next_step: str = "") -> Answer:
    """Answer for a verb that wrote to the configuration."""
    document = {
        "revision": revision_document(revision),
        "is_changed": bool(edits),
        "edits": edit_documents(edits),
    }
    if not edits:
        return Answer(document, [f"nothing to change; {revision.short_id} stands"])
    page: list[Block] = [
        ("revision ", Span(revision.short_id, "strong"), f": {revision.reason}"),
        edit_table(edits, indent=2),
    ]
    if next_step:
        page.append(Span(f"next: {next_step}", "dim"))
    return Answer(document, page)


def origin_document(origin: Origin) -> dict[str, Any]:
    """Answer an origin for programs."""
    return {
        "kind": origin.kind.value,
        "text": origin.text,
        "file": origin.file,
        "line": origin.line,
        "scope": origin.scope,
        "in_force": origin.is_in_force,
        "fault": origin.fault,
    }


def file_fault_documents(observation: Observation) -> list[dict[str, Any]]:
    """Answer the server's faulty configuration lines for programs."""
    return [
        {"file": fault.file, "line": fault.line, "message": fault.message}
        for fault in observation.file_faults
    ]


def file_fault_lines(observation: Observation) -> list[Block]:
    """Write the server's faulty configuration lines."""
    return [
        Span(f"{fault.file}:{fault.line}: {fault.message} (the server does not use it)", "bad")
        for fault in observation.file_faults
    ]


def notes_of(observation: Observation, now: datetime) -> list[str]:
    """Say what an observation could not see, and how it came where nobody connected."""
    head = "not told there" if observation.came_by else "not readable to this login"
    fault = observation.agent_fault
    notes = [what if fault and fault in what else f"{head}: {what}" for what in observation.unseen]
    if observation.came_by:
        notes.insert(0, f"said {age_text(now - observation.at)}, by {observation.came_by}")
    if observation.is_partial:
        notes.append("parameters are missing: of those nothing is known")
    return notes


def fact_rows(facts: Facts) -> list[tuple[str, str, str]]:
    """Lay facts out: name, value, where it is known from."""
    known = {
        "version": facts.version,
        "build": facts.build,
        "role": facts.role,
        "memory": size_text(facts.ram_bytes),
        "vcpu": "unknown" if facts.vcpu is None else f"{facts.vcpu:g}",
        "storage": facts.storage or "unknown",
        "data": size_text(facts.data_bytes),
        "connections": "unknown" if facts.connections is None else str(facts.connections),
        "neighbours": size_text(facts.neighbours_bytes),
        "managed service": "yes" if facts.is_managed_service else "no",
    }
    fields = {"memory": "ram_bytes", "data": "data_bytes", "neighbours": "neighbours_bytes"}
    return [(name, value, facts.sources.get(fields.get(name, name), "")) for name, value in known.items()]


def _side(value: object) -> str:
    from setpoint.config.configuration import TemplateUse
    from setpoint.config.diff import ABSENT

    if value is ABSENT:
        return "-"
    if value is None:
        return "not managed"
    if isinstance(value, TemplateUse) and not value.inputs:
        return str(value)
    return value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    import msgspec

    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):  # pyright: ignore[reportUnknownVariableType]
        return setting_text(value)  # pyright: ignore[reportUnknownArgumentType]
    return msgspec.json.encode(value).decode()

"""The timeline of an override: every audit row that speaks of it, and of its instance in its time."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.config.configuration import Instance
    from setpoint.config.override import Override
    from setpoint.control.context import Context
    from setpoint.store.chain import AuditRow

_PAGE_ROWS = 500
_LOOKED_THROUGH = 5_000
"""How many rows that begin an override are looked through for the one that is asked for."""

_KINDS = {
    "override": "override",
    "apply": "apply",
    "plan": "apply",
    "incident": "incident",
    "drift": "drift",
    "guardrail": "guardrail",
    "gate": "refusal",
    "configuration": "people",
    "change": "people",
    "emergency": "people",
    "risk": "people",
    "waiver": "people",
}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One audit row. `kind` sorts it: override, apply, incident, drift, guardrail, refusal, people, other.

    `is_own` tells that it is of the override itself, not only of its instance in that time.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    kind: str
    is_own: bool


def events_of(context: Context, override: Override, until: datetime) -> tuple[Event, ...]:
    """Answer what happened from the start of an override until then, and of itself later too, in order."""
    rows = {row.seq: row for row in _rows(context, override, until)}
    return tuple(_event(row, override) for _, row in sorted(rows.items()))


def started_row(context: Context, override: Override) -> AuditRow | None:
    """Answer the audit row that began an override; None where it is not there."""
    rows = context.store.audit.rows(
        subject=override.instance, action="override.start", limit=_LOOKED_THROUGH, newest_first=True
    )
    own = [row for row in rows if is_of(row.detail, override)]
    return own[-1] if own else None


def is_of(detail: dict[str, Any], override: Override) -> bool:
    """Tell whether an audit row's detail speaks of an override."""
    return detail.get("override") == override.id


def written_in(events: tuple[Event, ...]) -> frozenset[str]:
    """Answer the parameters, in lower case, that applies wrote."""
    return frozenset(
        str(event.detail.get("parameter", "")).lower() for event in events if event.action == "apply.step"
    )


def _rows(context: Context, override: Override, until: datetime) -> Iterator[AuditRow]:
    audit, first = context.store.audit, started_row(context, override)
    after = first.seq - 1 if first is not None else 0
    start = override.started_at if first is None else min(first.at, override.started_at)
    for row in _read(context, after, until, subject=override.instance):
        if start <= row.at <= until or is_of(row.detail, override):
            yield row
    yield from (
        row
        for row in audit.rows(subject=override.instance, action="override.", after_seq=after)
        if is_of(row.detail, override)
    )
    instance = context.head()[1].instances.get(override.instance)
    for row in _read(context, after, until, subject="fleet", action="configuration."):
        if start <= row.at <= until and _is_about(row, override, instance):
            yield row
    asked = context.store.changes.find(override.change) if override.change else None
    if asked is not None:
        yield from (
            row
            for row in audit.rows(subject=asked.value.subject, action="change.")
            if row.detail.get("change") == override.change
        )


def _read(
    context: Context, after: int, until: datetime, *, subject: str, action: str = ""
) -> Iterator[AuditRow]:
    """Answer rows in order, a page at a time, until one lies behind the end."""
    while True:
        rows = context.store.audit.rows(subject=subject, action=action, after_seq=after, limit=_PAGE_ROWS)
        yield from rows
        if len(rows) < _PAGE_ROWS or rows[-1].at > until:
            return
        after = rows[-1].seq


def _is_about(row: AuditRow, override: Override, instance: Instance | None) -> bool:
    """Tell whether an edit of the configuration touched the instance, its group or its engine's part."""
    parts = [f"instance:{override.instance}"]
    if instance is not None:
        parts += [f"group:{instance.group}", f"fleet:{instance.engine}"]
    fields: list[str] = row.detail.get("fields", [])
    return any(field.partition(" ")[0] in parts for field in fields)


def _event(row: AuditRow, override: Override) -> Event:
    return Event(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail={name: value for name, value in row.detail.items() if name != "record"},
        kind=_KINDS.get(row.action.partition(".")[0], "other"),
        is_own=is_of(row.detail, override),
    )

"""Reminders: what is due and no row of its own yet gets one, once; from there on it is told as any other.

Level-triggered: overrides are looked at each time, and a cursor says what was noted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from setpoint.control import overridden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from setpoint.config.override import Override
    from setpoint.control.context import Context

ENDING_SOON = timedelta(minutes=5)
"""How long before its deadline an override is spoken of; a short one in its last quarter."""

REVIEW_SOON = timedelta(days=1)
"""How long before it is due a review is asked for, and once more when it is."""

_LAST_PART = 4


def remind(context: Context) -> int:
    """Leave a row for each thing that is due and was not noted; answer how many."""
    now = context.now()
    overrides = [kept.value for kept in overridden.legible(context).values()]
    due = [
        *(found for each in overrides for found in _ending_soon(each, now)),
        *(found for each in overrides for found in _review_due(each, now)),
    ]
    return sum(_note(context, *each) for each in due)


def _note(context: Context, mark: str, action: str, subject: str, detail: dict[str, Any]) -> bool:
    """Leave a row, unless another worker did; the mark and the row are written both or neither."""
    cursors = context.store.cursors
    if cursors.get(mark):
        return False
    with context.store.transaction():
        if cursors.get(mark):
            return False
        row = context.store.audit.append("setpoint", action, subject, detail, context.now())
        cursors.put(mark, row.seq)
    return True


def _ending_soon(override: Override, now: datetime) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    begun = override.extensions[-1].at if override.extensions else override.started_at
    ahead = min(ENDING_SOON, (override.deadline - begun) / _LAST_PART)
    if override.is_desired and override.deadline - ahead <= now < override.deadline:
        detail = {"override": override.id, "deadline": override.deadline, "parameters": _names(override)}
        mark = f"ending soon:{override.id}:{override.deadline.isoformat()}"
        yield mark, "override.ending_soon", override.instance, detail


def _review_due(override: Override, now: datetime) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    due = override.review_due_at
    if due is None or override.review is not None or override.is_open or now < due - REVIEW_SOON:
        return
    is_overdue = now >= due
    detail = {"override": override.id, "due": due, "is_overdue": is_overdue, "by": override.by}
    mark = f"review {'overdue' if is_overdue else 'due'}:{override.id}:{due.isoformat()}"
    yield mark, "override.review_due", override.instance, detail


def _names(override: Override) -> list[str]:
    return [held.parameter for held in override.held]

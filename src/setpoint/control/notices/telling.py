"""Telling: which rows of the audit log a channel wants, and the notice that a row is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.policy.notice import URGENT, is_told, make_notice

if TYPE_CHECKING:
    from setpoint.config.configuration import Configuration
    from setpoint.policy.channel import Channel
    from setpoint.policy.notice import Notice
    from setpoint.store.chain import AuditRow

FAILED = "notice.failed"
RECOVERED = "notice.recovered"
TESTED = "notice.tested"


def subject_of(channel: Channel) -> str:
    """Answer what audit rows about a channel are about."""
    return f"channel:{channel.id}"


def cursor_of(channel: Channel, *, is_urgent: bool) -> str:
    """Answer the name of the place in the audit log up to which a channel was told."""
    return f"notices:{'urgent' if is_urgent else 'other'}:{channel.id}"


def is_wanted(channel: Channel, row: AuditRow, configuration: Configuration) -> bool:
    """Tell whether a channel wants a row; what is wrong with itself it could not tell anyway."""
    return (
        is_told(row.action, row.detail)
        and channel.wants(row.action)
        and row.action != TESTED
        and row.subject != subject_of(channel)
        and channel.reaches(row.subject, configuration.instances.get(row.subject))
    )


def is_urgent(row: AuditRow) -> bool:
    """Tell whether a row waits behind no other."""
    return row.action in URGENT


def notice_of(row: AuditRow, store: str) -> Notice:
    """Make the notice of a row of a store."""
    return make_notice(
        store=store,
        seq=row.seq,
        at=row.at,
        event=row.action,
        subject=row.subject,
        actor=row.actor,
        detail=row.detail,
    )

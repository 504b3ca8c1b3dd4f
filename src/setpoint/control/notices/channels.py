"""Channels: added, removed, tried, and how far each of them is behind.

A channel sends what happens here to somewhere else, so in a governed store an administrator adds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.identifier import require_identifier
from setpoint.control import words
from setpoint.control.notices.telling import (
    FAILED,
    TESTED,
    cursor_of,
    is_urgent,
    is_wanted,
    notice_of,
    subject_of,
)
from setpoint.errors import InputError, InputErrors, NotFoundError, RefusedError
from setpoint.integrations.notices import KINDS, sink_of
from setpoint.integrations.secrets import reference_fault
from setpoint.policy.channel import unmatched
from setpoint.policy.notice import EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.policy.channel import Channel
    from setpoint.policy.notice import Notice
    from setpoint.store.registers import Kept

MOST_CHANNELS = 32
"""Channels there may be at once: each has a thread of its own, so that none waits for another."""

MAX_PLACE = 2000
COUNTED_ROWS = 5_000
"""Rows behind are counted up to so many."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a channel stands.

    `behind` counts the notices it waits for (at most `COUNTED_ROWS` rows are looked at, then `is_more`).
    `reached_at` is the time of the last row that was told or passed by, None before the first.
    `failing_since` and `fault` speak of a channel that does not take its notices now.
    """

    channel: Channel
    shown: str
    behind: int
    is_more: bool
    reached_at: datetime | None
    failing_since: datetime | None
    fault: str


def add(context: Context, draft: Channel, *, permit: Permit) -> Channel:
    """Add a channel, which listens from now on; who adds it and when is filled in.

    Raises:
        InputErrors: name, kind, place, reference, events or reason are none, all faults at once.
        RefusedError: there is a channel of that name, or there are too many.
    """
    if draft.kind in KINDS and not draft.place:
        draft = msgspec.structs.replace(draft, place=KINDS[draft.kind].default_place)
    faults = [*_faults(context, draft), *words.reason_faults(draft.because)]
    if faults:
        raise InputErrors(faults)
    with context.store.transaction():
        known = context.store.channels.find(draft.id)
        if known is not None and known.value.is_active:
            raise RefusedError(f"there is a channel {draft.id} already", next_step="choose another name")
        if len(channels(context)) >= MOST_CHANNELS:
            raise RefusedError(f"there are {MOST_CHANNELS} channels already", next_step="remove one first")
        made = msgspec.structs.replace(
            draft,
            events=tuple(dict.fromkeys(draft.events)),
            is_active=True,
            since_seq=context.store.audit.head().seq,
            by=permit.actor,
            at=context.now(),
            because=words.masked(draft.because),
        )
        version = known.version if known is not None else 0
        _keep(context, made, version, "channel.added", made.because, permit)
    return made


def remove(context: Context, name: str, *, reason: str, permit: Permit) -> Channel:
    """Remove a channel: what it was not told yet it is not told any more. Raises `NotFoundError`."""
    why = words.require_reason(reason)
    with context.store.transaction():
        kept = find(context, name)
        gone = msgspec.structs.replace(kept.value, is_active=False)
        _keep(context, gone, kept.version, "channel.removed", why, permit)
    return gone


def find(context: Context, name: str) -> Kept[Channel]:
    """Answer a channel; raise `NotFoundError`, for one that was removed, too."""
    kept = context.store.channels.find(name)
    if kept is None or not kept.value.is_active:
        message = f"there is no channel {name[:80]!a}"
        raise NotFoundError(message, next_step="`setpoint notify list` shows those there are")
    return kept


def channels(context: Context) -> tuple[Channel, ...]:
    """Answer the channels there are, by name."""
    found = context.store.channels.all().values()
    return tuple(kept.value for kept in found if kept.value.is_active)


def try_out(context: Context, name: str, *, permit: Permit) -> Notice:
    """Send a channel one notice now, with an audit row; raise `UnavailableError` when it does not take it."""
    channel = find(context, name).value
    row = context.store.audit.append(
        permit.actor,
        TESTED,
        subject_of(channel),
        {"to": shown_place(channel), **permit.detail()},
        context.now(),
    )
    notice = notice_of(row, context.store.id)
    sink_of(channel, context.read_secret).deliver(notice, context.now())
    return notice


def standing(context: Context, channel: Channel) -> Standing:
    """Say how far a channel is behind, and what keeps it."""
    store, configuration = context.store, context.head()[1]
    head = store.audit.head().seq
    places = {each: store.cursors.get(cursor_of(channel, is_urgent=each)) for each in (True, False)}
    # One beyond the end of the log is none, and is begun anew by whoever serves the channel next.
    told = {each: seq if seq <= head else 0 for each, seq in places.items()}
    reached = {each: max(seq, channel.since_seq) for each, seq in told.items()}
    rows = store.audit.rows(after_seq=min(reached.values()), limit=COUNTED_ROWS)
    behind = [
        row for row in rows if row.seq > reached[is_urgent(row)] and is_wanted(channel, row, configuration)
    ]
    fault = last_fault(context, channel)
    return Standing(
        channel=channel,
        shown=shown_place(channel),
        behind=len(behind),
        is_more=len(rows) == COUNTED_ROWS,
        reached_at=_time_of(context, max(told.values())) if max(told.values()) > channel.since_seq else None,
        failing_since=fault[0] if fault is not None else None,
        fault=fault[1] if fault is not None else "",
    )


def last_fault(context: Context, channel: Channel) -> tuple[datetime, str] | None:
    """Answer since when a channel takes nothing and why, None when the last it did was to take one."""
    found = context.store.audit.rows(
        subject=subject_of(channel),
        action="notice.",
        after_seq=channel.since_seq,
        limit=1,
        newest_first=True,
    )
    failed = [row for row in found if row.action == FAILED]
    return (failed[0].at, str(failed[0].detail.get("because", ""))) if failed else None


def shown_place(channel: Channel) -> str:
    """Answer a channel's place as people may see it."""
    return KINDS[channel.kind].show(channel.place)


def _time_of(context: Context, seq: int) -> datetime | None:
    return next((row.at for row in context.store.audit.rows(after_seq=seq - 1, limit=1)), None)


def _keep(context: Context, channel: Channel, version: int, action: str, reason: str, permit: Permit) -> None:
    detail = {
        "kind": channel.kind,
        "to": shown_place(channel),
        "signed_by": channel.secret,
        "events": list(channel.events),
        "scope": str(channel.scope),
        "reason": reason,
        **permit.detail(),
    }
    context.store.channels.put(
        channel.id,
        channel,
        version=version,
        actor=permit.actor,
        action=action,
        detail=detail,
        at=context.now(),
        subject=subject_of(channel),
    )


def _faults(context: Context, draft: Channel) -> Iterator[InputError]:
    try:
        require_identifier(draft.id, "name of a channel")
    except InputError as fault:
        yield fault
    if draft.kind not in KINDS:
        known = ", ".join(KINDS)
        yield InputError(f"{draft.kind[:80]!a} is no kind of channel", next_step=f"known are {known}")
    else:
        yield from _place_faults(context, draft.kind, draft.place)
        yield from _secret_faults(draft.kind, draft.secret)
    if not draft.events:
        yield InputError("no event is named", next_step="* stands for all of them")
    for pattern in unmatched(draft.events, EVENTS):
        advice = "override.* or one of " + ", ".join(EVENTS)
        yield InputError(f"{pattern[:80]!a} is no event that is told", next_step=advice)


def _place_faults(context: Context, kind: str, place: str) -> Iterator[InputError]:
    if len(place) > MAX_PLACE:
        yield InputError(f"the place is longer than {MAX_PLACE} characters")
        return
    try:
        KINDS[kind].show(place)
    except InputError as fault:
        yield fault
    if place.startswith(("env:", "file:")) and (fault := reference_fault(place)):
        yield InputError(fault.replace("password", "address"), where=place)
    own = context.store.file
    if kind == "file" and own is not None and _is_beside(Path(place), own):
        yield InputError("this is one of the store's own files", where=place, next_step="name another")


def _is_beside(file: Path, own: Path) -> bool:
    """Tell whether a file is the store's, or one that belongs to it: its log, its keys."""
    try:
        found, ours = file.resolve(), own.resolve()
    except (OSError, RuntimeError, ValueError):
        return False
    return found.parent == ours.parent and found.name.startswith(ours.name)


def _secret_faults(kind: str, secret: str) -> Iterator[InputError]:
    if not KINDS[kind].is_signed:
        if secret:
            yield InputError(f"a {kind} is not signed", next_step="leave the secret out")
    elif not secret:
        yield InputError(f"a {kind} is signed", next_step="name the secret: --secret env:NAME or file:/path")
    elif not secret.startswith(("env:", "file:")):
        # What was given could be the secret itself: it is not repeated.
        yield InputError(
            "a secret is named by a reference, and never given", next_step="--secret env:NAME or file:/path"
        )
    elif fault := reference_fault(secret):
        yield InputError(fault.replace("password", "secret"), where=secret)

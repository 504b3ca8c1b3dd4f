"""Delivery: each channel is told what it wants of the audit log, in order, until it has it.

A channel has two places in the log, one for what is urgent and one for the rest, so that nothing urgent waits
behind a queue. Each is moved on when a notice was taken and never before, and tried again for ever. Every
channel is served by a thread of its own, and by one worker at a time.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING
from uuid import uuid4

from setpoint.control.notices.channels import MOST_CHANNELS, channels, find, last_fault
from setpoint.control.notices.reminders import remind
from setpoint.control.notices.telling import (
    FAILED,
    RECOVERED,
    cursor_of,
    is_urgent,
    is_wanted,
    notice_of,
    subject_of,
)
from setpoint.errors import HeldError, NotFoundError, SetpointError, StoreUnavailableError, TamperedError
from setpoint.integrations.notices import sink_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from setpoint.control.context import Context
    from setpoint.integrations.notices import ReadSecret, Sink
    from setpoint.policy.channel import Channel
    from setpoint.store.chain import AuditRow
    from setpoint.store.records import Lease

LEASE_SECONDS = 30.0
FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(seconds=60)
REMIND_EVERY = timedelta(seconds=15)

FAULT_TOLD_EVERY = timedelta(minutes=10)
"""How often it is written down at most that a channel takes nothing: such rows are notices themselves."""

_IDLE_SECONDS = 1.0
_BUSY_SECONDS = 0.1
_PASS = timedelta(seconds=10)
"""How long one worker serves a channel before others may."""
_BATCH_ROWS = 500
_LOG = logging.getLogger("setpoint.worker")
_FAR_ROWS = 500
"""So many rows that a channel does not want are worth moving its place on."""


@dataclass
class Way:
    """What a channel is told of one class of urgency, as far as this worker knows."""

    is_urgent: bool
    place: int = 0
    """Every row up to here was looked at: what is wanted of them waits, or was taken."""
    waiting: list[AuditRow] = field(default_factory=list["AuditRow"])
    failures: int = 0
    rests_until: datetime | None = None

    def is_resting(self, now: datetime) -> bool:
        """Whether it failed a moment ago."""
        return self.rests_until is not None and now < self.rests_until

    def begin_after(self, seq: int) -> None:
        """Forget what was taken already, here or by another worker."""
        self.place = max(self.place, seq)
        self.waiting = [row for row in self.waiting if row.seq > seq]

    def next_row(self, context: Context, channel: Channel) -> AuditRow | None:
        """Answer the next row the channel wants, None when there is none yet."""
        while not self.waiting:
            rows = context.store.audit.rows(after_seq=self.place, limit=_BATCH_ROWS)
            if not rows:
                return None
            configuration = context.head()[1]
            self.waiting = [
                row
                for row in rows
                if is_urgent(row) is self.is_urgent and is_wanted(channel, row, configuration)
            ]
            self.place = rows[-1].seq
        return self.waiting[0]

    def fail(self, now: datetime) -> None:
        """Rest for twice as long as the last time."""
        self.rests_until = now + min(FIRST_RETRY * 2 ** min(self.failures, 10), LONGEST_RETRY)
        self.failures += 1

    def succeed(self) -> None:
        """Go on."""
        self.waiting.pop(0)
        self.failures, self.rests_until = 0, None


class Route:
    """One channel on one worker: its ways, urgent first."""

    def __init__(self, make_sink: Callable[[Channel, ReadSecret], Sink], is_ending: Event) -> None:
        self._make_sink = make_sink
        self._is_ending = is_ending
        self._ways = (Way(is_urgent=True), Way(is_urgent=False))
        self._holder = uuid4().hex[:12]

    def serve(self, context: Context, channel: Channel) -> None:
        """Tell a channel what waits for it; return when nothing does, when it fails, or after a while.

        Raises `StoreUnavailableError`; what the channel itself raises is noted and tried again later.
        """
        if not self._is_behind(context):
            return
        self._begin(context, channel)
        if self._next(context, channel) is None:
            self._move_on(context, channel)
            return
        holder = f"{context.holder('notices')} {self._holder}"
        lease = context.store.leases.claim(f"notices:{channel.id}", holder, LEASE_SECONDS)
        if lease is None:
            return
        try:
            self._begin(context, channel)
            lease = self._tell_all(context, channel, lease)
        except HeldError:
            return  # this process slept too long, and another one goes on
        finally:
            context.store.leases.release(lease)

    def _is_behind(self, context: Context) -> bool:
        head = context.store.audit.head().seq
        return any(way.waiting or way.place < head for way in self._ways)

    def _begin(self, context: Context, channel: Channel) -> None:
        for way in self._ways:
            name = cursor_of(channel, is_urgent=way.is_urgent)
            seq = context.store.cursors.get(name)
            if seq > (head := context.store.audit.head().seq) and context.store.cursors.put_back(
                name, channel.since_seq, beyond=head
            ):
                why = "its place was beyond the end of the audit log: all since it was added is told again"
                _note(context, channel, FAILED, {"because": why, "row": seq})
                seq = 0
            way.begin_after(max(seq, channel.since_seq))

    def _next(self, context: Context, channel: Channel) -> tuple[Way, AuditRow] | None:
        now = context.now()
        for way in self._ways:
            row = None if way.is_resting(now) else way.next_row(context, channel)
            if row is not None:
                return way, row
        return None

    def _tell_all(self, context: Context, channel: Channel, lease: Lease) -> Lease:
        renewed_at = began_at = context.now()
        fault = last_fault(context, channel)
        while not self._is_ending.is_set() and context.now() - began_at < _PASS:
            found = self._next(context, channel)
            if found is None:
                break
            if context.now() - renewed_at > timedelta(seconds=LEASE_SECONDS / 5):
                lease, renewed_at = context.store.leases.renew(lease, LEASE_SECONDS), context.now()
            way, row = found
            why = self._tell(context, channel, row)
            if why:
                way.fail(context.now())
                fault = fault or _note_failure(context, channel, row, why)
                continue
            way.succeed()
            context.store.cursors.put(cursor_of(channel, is_urgent=way.is_urgent), row.seq)
            if fault is not None:
                _note(context, channel, RECOVERED, {"row": row.seq})
                fault = None
        return lease

    def _tell(self, context: Context, channel: Channel, row: AuditRow) -> str:
        """Tell one notice; answer what went wrong, empty when nothing did."""
        try:
            sink = self._make_sink(channel, context.read_secret)
            sink.deliver(notice_of(row, context.store.id), context.now())
        except StoreUnavailableError:
            raise
        except SetpointError as fault:
            return str(fault)
        except Exception as fault:  # noqa: BLE001 - a sink of any make must not end what serves it
            return f"it failed: {type(fault).__name__}"
        return ""

    def _move_on(self, context: Context, channel: Channel) -> None:
        """Let the next worker begin behind a long stretch of rows that the channel does not want."""
        for way in self._ways:
            name = cursor_of(channel, is_urgent=way.is_urgent)
            if (
                not way.waiting
                and way.place - max(context.store.cursors.get(name), channel.since_seq) > _FAR_ROWS
            ):
                context.store.cursors.put(name, way.place)


class NoticeController:
    """Tells every channel what it wants to know; see `setpoint.control.worker.controller`.

    A pass over a channel that takes longer than `patience_seconds` goes on behind, and no other waits for it.
    """

    name = "notices"

    def __init__(
        self,
        *,
        patience_seconds: float = 0.2,
        make_sink: Callable[[Channel, ReadSecret], Sink] = sink_of,
    ) -> None:
        self._patience_seconds = patience_seconds
        self._make_sink = make_sink
        self._routes: dict[str, Route] = {}
        self._running: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(MOST_CHANNELS, thread_name_prefix="notices")
        self._is_ending = Event()
        self._reminded_at: datetime | None = None

    def poll(self, context: Context) -> float:
        """Let every channel be told what is new; answer the seconds after which to ask again.

        Raises what a pass raised, such as `StoreUnavailableError`; a channel that fails raises nothing.
        """
        found = {channel.id: channel for channel in _sound_channels(context)}
        for gone in self._routes.keys() - found.keys() - self._running.keys():
            del self._routes[gone]
        for name in found.keys() - self._running.keys():
            route = self._routes.setdefault(name, Route(self._make_sink, self._is_ending))
            self._running[name] = self._pool.submit(route.serve, context, found[name])
        now = context.now()
        if self._reminded_at is None or now - self._reminded_at >= REMIND_EVERY:
            self._reminded_at = now
            remind(context)
        return self._reap()

    def stop(self) -> None:
        """End in good order: the notice in hand is told, what waits is left to others."""
        self._is_ending.set()
        self._pool.shutdown(cancel_futures=True)

    def _reap(self) -> float:
        done, behind = wait(self._running.values(), timeout=self._patience_seconds)
        self._running = {name: each for name, each in self._running.items() if each in behind}
        for each in done:
            each.result()
        return _BUSY_SECONDS if behind else _IDLE_SECONDS


def _sound_channels(context: Context) -> tuple[Channel, ...]:
    """Answer the channels; where one was bent, all others: whoever bends one silences no other."""
    try:
        return channels(context)
    except TamperedError as fault:
        _LOG.error("%s", fault)
    found: dict[str, Channel] = {}
    for row in context.store.audit.rows(action="channel.added"):
        id_ = row.subject.removeprefix("channel:")
        with suppress(NotFoundError, TamperedError):
            found[id_] = find(context, id_).value
    return tuple(found.values())


def _note_failure(context: Context, channel: Channel, row: AuditRow, why: str) -> tuple[datetime, str] | None:
    """Write down that a channel takes nothing; None when that was done a moment ago."""
    last = context.store.audit.rows(
        subject=subject_of(channel), action=FAILED, after_seq=channel.since_seq, limit=1, newest_first=True
    )
    now = context.now()
    if last and now - last[0].at < FAULT_TOLD_EVERY:
        return None
    _note(context, channel, FAILED, {"because": why, "row": row.seq, "event": row.action})
    return now, why


def _note(context: Context, channel: Channel, action: str, detail: dict[str, object]) -> None:
    context.store.audit.append("setpoint", action, subject_of(channel), detail, context.now())

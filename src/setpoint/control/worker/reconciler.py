"""The reconciler of overrides: what is desired no more is put back, by whichever worker is there.

It depends on nothing but the store and the instances, has threads of its own and waits for no other work.
What it knows it reads from the rows, again and again; that it was away for a while changes nothing.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from setpoint.config.override import Override, OverrideState
from setpoint.control import overridden
from setpoint.control.clock import seconds_left
from setpoint.control.overrides import ending, watching
from setpoint.control.worker.lanes import Lanes
from setpoint.errors import (
    ConflictError,
    HeldError,
    NotFoundError,
    SetpointError,
    StoreUnavailableError,
    TamperedError,
    UnreachableError,
)

if TYPE_CHECKING:
    from setpoint.control.context import Context
    from setpoint.store.registers import Kept

POLL_SECONDS = 0.25
"""How often what is due is looked for at least."""

OVERDUE = timedelta(seconds=10)
"""How long after it should have been over an override raises the alarm."""

_PAUSES = (0.2, 5.0)
"""The first pause after a failure, which doubles, and the longest one, in seconds."""

_AT_ONCE = 64
_SLOWLY_AT_ONCE = 32
_WATCHERS = 16
"""Threads enough that instances which hang, each for its timeout, keep none waiting that answers."""
_LOOKS_PER_SECOND = 5.0
"""How many overrides in force are looked at in a second at most, where no guard asks for more."""

_RESYNC_SECONDS = 30.0
_STORE_SECONDS = 0.5
_LOG = logging.getLogger("setpoint.worker")


@dataclass
class _Try:
    """How ending one override went so far: when to try again by the monotonic clock, and after what pause."""

    at: float = 0.0
    pause: float = 0.0


@dataclass
class Reconciler:
    """Ends overrides and watches those in force. One for each worker; several workers share by leases."""

    name: str = "overrides"
    _open: dict[str, Kept[Override]] = field(default_factory=dict[str, "Kept[Override]"], init=False)
    _seq: int = field(default=-1, init=False)
    _read_at: float = field(default=0.0, init=False)
    _tries: dict[str, _Try] = field(default_factory=dict[str, _Try], init=False)
    _ending: Lanes = field(default_factory=Lanes, init=False)
    _watching: dict[str, Future[float]] = field(default_factory=dict[str, "Future[float]"], init=False)
    _watch_at: dict[str, float] = field(default_factory=dict[str, float], init=False)
    _enders: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_AT_ONCE, "ending"), init=False
    )
    _slow_enders: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_SLOWLY_AT_ONCE, "ending-again"), init=False
    )
    _keeper: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "spool-keeper"), init=False
    )
    """Keeps this host's spool up to date, in the order of what happened, and holds nothing else up."""
    _watchers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_WATCHERS, "watching"), init=False
    )

    def poll(self, context: Context) -> float:
        """Begin to end what is due; answer the seconds until something is, or is to be looked for.

        A store that is away is asked again soon; meanwhile the spool does without it.
        """
        self._collect()
        try:
            self._read(context)
        except StoreUnavailableError as fault:
            _LOG.warning("%s", fault)
            return _STORE_SECONDS
        soonest = POLL_SECONDS
        for kept in list(self._open.values()):
            soonest = min(soonest, self._act(context, kept))
        return max(soonest, 0.0)

    @property
    def has_open(self) -> bool:
        """Whether anything was left to do at the last look."""
        return bool(self._open)

    @property
    def is_ending(self) -> bool:
        """Whether any override is being ended."""
        return len(self._ending) > 0

    def stop(self) -> None:
        """Finish what is in hand."""
        self._enders.shutdown(wait=True, cancel_futures=True)
        self._slow_enders.shutdown(wait=True, cancel_futures=True)
        self._watchers.shutdown(wait=True, cancel_futures=True)
        self._keeper.shutdown(wait=True)

    def _read(self, context: Context) -> None:
        """Bring what is known up to date: all of it now and then, in between what the audit log tells of."""
        here = time.monotonic()
        if self._seq < 0 or here - self._read_at > _RESYNC_SECONDS:
            head = context.store.audit.head().seq
            self._open = {
                id_: kept for id_, kept in overridden.legible(context).items() if kept.value.is_open
            }
            self._seq, self._read_at = head, here
            self._keeper.submit(watching.sync_spool, context, [kept.value for kept in self._open.values()])
            return
        rows = context.store.audit.rows(after_seq=self._seq)
        for id_ in {overridden.named(row) for row in rows if row.action.startswith("override.")} - {""}:
            self._look_again(context, id_)
        if rows:
            self._seq = rows[-1].seq

    def _look_again(self, context: Context, id_: str) -> None:
        try:
            kept = context.store.overrides.find(id_)
        except TamperedError as fault:
            _LOG.error("%s", fault)
            # A record that was bent ends nothing: spool and guard process keep their orders, and act by them.
            self._open.pop(id_, None)
            return
        if kept is None or not kept.value.is_open:
            if self._open.pop(id_, None) is not None:
                self._keeper.submit(watching.let_go, context, id_)
            for known in (self._tries, self._watch_at):
                known.pop(id_, None)
        else:
            is_new = id_ not in self._open
            self._open[id_] = kept
            if is_new or kept.value.extensions:
                self._keeper.submit(watching.spool, context, kept.value)

    def _collect(self) -> None:
        for id_, future in list(self._watching.items()):
            if future.done():
                del self._watching[id_]
                pause = future.result() if future.exception() is None else _PAUSES[1]
                self._watch_at[id_] = time.monotonic() + self._spread(pause)

    def _act(self, context: Context, kept: Kept[Override]) -> float:
        """Do what is due for one override; answer the seconds until something is."""
        override, here = kept.value, time.monotonic()
        if self._ending.holds(override.instance, override.id):
            return POLL_SECONDS
        if override.is_desired:
            left = seconds_left(override.deadline, override.deadline_moment, context.now(), context.moment())
            if left > 0 and override.state is OverrideState.ACTIVE:
                self._watch(context, kept, here)
                return left
            if ending.why_over(context, override) is None:
                return min(max(left, 0.0), POLL_SECONDS)
        again = self._tries.setdefault(override.id, _Try())
        if here < again.at:
            return again.at - here
        # What failed before waits for its like, and for nothing that is tried for the first time.
        enders = self._slow_enders if again.pause else self._enders
        end = partial(self._end_in_lane, context, override.instance)
        self._ending.add(override.instance, override.id, enders, end)
        return POLL_SECONDS

    def _watch(self, context: Context, kept: Kept[Override], here: float) -> None:
        id_ = kept.value.id
        first = here + _first_look(id_) * (0.0 if kept.value.guards else self._spread(watching.WATCH_SECONDS))
        if here < self._watch_at.setdefault(id_, first) or id_ in self._watching:
            return
        if len(self._ending) < _WATCHERS:  # what is to end goes before what is to be looked at
            self._watching[id_] = self._watchers.submit(watching.watch, context, id_)

    def _spread(self, seconds: float) -> float:
        """Answer a pause between two looks: longer where there are many, unless a guard asks for it."""
        if seconds < watching.WATCH_SECONDS:
            return seconds
        return max(seconds, len(self._open) / _LOOKS_PER_SECOND)

    def _end_in_lane(self, context: Context, instance: str, id_: str) -> bool:
        """End one override; where its instance cannot be reached, none that waits behind it is tried."""
        fault = self._end(context, id_)
        if not isinstance(fault, UnreachableError):
            return True
        for other in self._ending.waiting(instance):
            self._put_off(context, other, fault)
        return False

    def _end(self, context: Context, id_: str) -> SetpointError | None:
        """End one override; what keeps it from ending is answered, and it is tried again after a pause."""
        try:
            ending.end_if_over(context, id_)
        except (ConflictError, HeldError) as fault:
            self._tries.setdefault(id_, _Try()).at = time.monotonic() + _PAUSES[0]
            # Whoever else is at it has had long enough: a lease may be held by nobody who works.
            _raise_alarm(context, id_, fault)
            return fault
        except SetpointError as fault:
            self._put_off(context, id_, fault)
            return fault
        return None

    def _put_off(self, context: Context, id_: str, fault: SetpointError) -> None:
        again = self._tries.setdefault(id_, _Try())
        again.pause = min(max(again.pause * 2, _PAUSES[0]), _PAUSES[1])
        again.at = time.monotonic() + again.pause
        _raise_alarm(context, id_, fault)


def _first_look(id_: str) -> float:
    """Answer when an override is first looked at, as a share of the pause: no two at the same time."""
    return crc32(id_.encode()) / 2**32


def _raise_alarm(context: Context, id_: str, fault: SetpointError) -> None:
    """Note once that an override is on its instance still although it should be over for a while."""
    try:
        kept = context.store.overrides.get(id_)
        override, now = kept.value, context.now()
        due = min(override.deadline, override.ending_at or override.deadline)
        if override.is_open and override.overdue_at is None and now - due >= OVERDUE:
            overdue = msgspec.structs.replace(override, overdue_at=now)
            detail = {"because": fault.what, "due": due.isoformat(timespec="seconds")}
            overridden.put(context, kept, overdue, "override.overdue", detail, actor="setpoint")
    except (ConflictError, NotFoundError, StoreUnavailableError):
        return

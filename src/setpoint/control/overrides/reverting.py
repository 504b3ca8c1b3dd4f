"""Reverting: orders of a spool ended when they are due, several at once, each tried until it is done.

This is what ends an override where nobody can be asked: it needs the orders and the instance, and no more.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.override import Clash, LinkKind
from setpoint.control.clock import SteadyClock, elapsed_seconds, seconds_left, utc_now
from setpoint.control.overrides.spool import Outcome, Spool
from setpoint.engines.ending import run_ending
from setpoint.engines.port import Target
from setpoint.engines.registry import get_engine
from setpoint.errors import SetpointError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from setpoint.config.override import Moment
    from setpoint.engines.ending import Ended
    from setpoint.engines.order import Order
    from setpoint.engines.port import Driver

    ReadSecret = Callable[[str], str | None]

FIRST_BACKOFF_SECONDS = 0.2
LAST_BACKOFF_SECONDS = 5.0
_POLL_SECONDS = 1.0
_AT_ONCE = 64
"""Threads enough that instances which hang, each for its timeout, keep none waiting that answers."""

_TIMEOUT_SECONDS = 5.0
_LOG = logging.getLogger(__name__)


def connect(
    order: Order, read_secret: ReadSecret, *, is_read_only: bool, timeout_seconds: float = _TIMEOUT_SECONDS
) -> Driver:
    """Connect to the instance of an order; raise `UnreachableError`, `InputError` for a password's place."""
    password = read_secret(order.password)
    target = Target(
        instance=order.instance,
        address=order.target,
        secret=lambda: password,
        timeout_seconds=timeout_seconds,
    )
    return get_engine(order.engine).connect(target, is_read_only=is_read_only)


def revert(
    order: Order,
    *,
    read_secret: ReadSecret,
    holder: str,
    link: LinkKind,
    clock: Callable[[], datetime] = utc_now,
) -> Outcome:
    """End one override and answer what became of it; raise what keeps its instance from being put back.

    The instance is taken from whoever is at it. It is over once it was read back without the override.
    """
    with closing(connect(order, read_secret, is_read_only=False)) as driver:
        ended = run_ending(get_engine(order.engine), driver, order, now=clock, holder=holder)
    blocked = [f"{each.parameter}: {each.why}" for each in ended.left.plan.blocked]
    return Outcome(
        override=order.override,
        instance=order.instance,
        link=link,
        at=clock(),
        is_over=ended.is_over,
        was_touched=ended.verified is not None,
        clashes=_clashes(order, ended),
        fault="; ".join(blocked) or ("" if ended.is_over else "what was put back does not run yet"),
    )


@dataclass
class _Attempt:
    """How often an order was tried, and from when on it is to be tried again."""

    count: int = 0
    again_at: float = 0.0
    is_running: bool = False
    fault: str = ""


@dataclass
class Reverting:
    """The orders of one spool on their way to their end, each tried again after 0.2 s to 5 s.

    `link` is what it acts as; `grace_seconds` is how long after its deadline an order is left to others;
    `clock` tells the time of day that outcomes bear.
    """

    spool: Spool
    link: LinkKind
    grace_seconds: float = 0.0
    clock: Callable[[], datetime] = field(default_factory=lambda: SteadyClock(utc_now))
    _attempts: dict[str, _Attempt] = field(default_factory=dict[str, _Attempt], init=False)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_AT_ONCE, "reverting"), init=False
    )
    _told: frozenset[str] = field(default=frozenset(), init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def poll(
        self,
        moment: Moment | None,
        *,
        read_secret: ReadSecret,
        holder: str,
        now: datetime | None = None,
    ) -> float:
        """Begin to end what is due, wait for none of it, and answer the seconds until something is.

        `moment` and `now` tell the time; `now` is the host's time of day where it is not given.
        """
        spooled = self.spool.read()
        for fault in set(spooled.faults) - self._told:
            _LOG.error("%s", fault)
        self._told = frozenset(spooled.faults)
        now, here, wait = now or self.clock(), elapsed_seconds(), _POLL_SECONDS
        with self._lock:
            known = {
                order.override: self._attempts.get(order.override, _Attempt()) for order in spooled.orders
            }
            running = {id_: each for id_, each in self._attempts.items() if each.is_running}
            self._attempts = known | running
            for order in spooled.orders:
                attempt = known[order.override]
                left = seconds_left(order.deadline, order.deadline_moment, now, moment) + self.grace_seconds
                left = max(left, attempt.again_at - here)
                if attempt.is_running:
                    continue
                if left > 0:
                    wait = min(wait, left)
                    continue
                attempt.is_running = True
                self._pool.submit(self._try, order, attempt, read_secret, holder)
        return wait

    @property
    def is_idle(self) -> bool:
        """Whether no order was left at the last look."""
        with self._lock:
            return not self._attempts

    def trouble_with(self, override_id: str) -> str:
        """Say why an order was tried in vain so far; empty when it was not."""
        with self._lock:
            attempt = self._attempts.get(override_id)
            return attempt.fault if attempt is not None else ""

    def close(self) -> None:
        """Wait for what is in hand, and begin nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _try(self, order: Order, attempt: _Attempt, read_secret: ReadSecret, holder: str) -> None:
        fault = ""
        try:
            fault = self._end(order, read_secret, holder)
        except SetpointError as trouble:
            fault = str(trouble)
        except Exception as trouble:  # noqa: BLE001 - one order's trouble must not be the end of the others
            _LOG.exception("ending %s", order.override)
            fault = f"unexpected: {type(trouble).__name__}"
        finally:
            backoff = min(FIRST_BACKOFF_SECONDS * 2 ** min(attempt.count, 10), LAST_BACKOFF_SECONDS)
            if fault and fault != attempt.fault:
                _LOG.error("%s: %s", order.override, fault)
                self._note_vain(order, fault)
            with self._lock:
                attempt.count += 1
                attempt.again_at = elapsed_seconds() + backoff
                attempt.fault = fault
                attempt.is_running = False

    def _end(self, order: Order, read_secret: ReadSecret, holder: str) -> str:
        """End an order that stands still as it was read; answer why it is not over, empty when it is."""
        if self.spool.order(order.override) != order:
            return ""
        outcome = revert(order, read_secret=read_secret, holder=holder, link=self.link, clock=self.clock)
        if not outcome.is_over:
            return outcome.fault
        before = self.spool.outcome(order.override)
        if outcome.was_touched or before is None or not before.is_over or before.at < order.written_at:
            self.spool.note(outcome)
        _LOG.info("%s ended on %s", order.override, order.instance)
        self.spool.remove(order.override)
        return ""

    def _note_vain(self, order: Order, fault: str) -> None:
        """Leave word of what is in the way; that this fails too must not keep the next try from coming."""
        outcome = Outcome(
            override=order.override, instance=order.instance, link=self.link, at=self.clock(), fault=fault
        )
        with suppress(UnavailableError):
            known = self.spool.outcome(order.override)
            if known is None or not known.is_over:
                self.spool.note(outcome)


def _clashes(order: Order, ended: Ended) -> tuple[Clash, ...]:
    ours = {each.parameter: each.ours for each in order.backs}
    found: list[Clash] = []
    for name in ended.left.clashes:
        observed = ended.observation.setting(name)
        persisted = observed.entry if observed is not None else None
        text = persisted.text if persisted is not None else None
        found.append(Clash(parameter=name, found=text, ours=ours[name], noticed_at=utc_now()))
    return tuple(found)

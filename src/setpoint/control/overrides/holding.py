"""Holding an instance for an override, which never waits in a queue behind other work for long."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from setpoint.control.logbook import is_at_work
from setpoint.errors import HeldError

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.config.configuration import Instance
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.engines.port import Driver

START_PATIENCE_SECONDS = 5.0
"""How long the start of an override waits for other work; work that is seen to be done is not broken into."""

END_PATIENCE_SECONDS = 1.0
"""How long the end of an override waits before it takes the instance from whoever has it."""

BUSY_PATIENCE_SECONDS = 4.0
"""How much longer it waits for work that is seen to be done."""

_POLL_SECONDS = 0.05


@contextmanager
def held_instance(
    context: Context, name: str, instance: Instance, permit: Permit, *, is_ending: bool = False
) -> Generator[tuple[Driver, bool]]:
    """Connect to an instance and hold its lock; answer the driver, and whether somebody lost the lock to us.

    Raises `UnreachableError`, and `HeldError` where somebody is at work on it and may not be broken into.
    """
    holder = context.holder(permit.actor)
    with context.connected(name, instance, permit) as driver:
        patience = END_PATIENCE_SECONDS if is_ending else START_PATIENCE_SECONDS
        if _is_locked(driver, holder, patience):
            yield driver, False
            return
        if not is_ending:
            _check_idle(context, name)
        elif _is_busy(context, name) and _is_locked(driver, holder, BUSY_PATIENCE_SECONDS):
            yield driver, False
            return
        driver.lock(holder, is_preempting=True)
        yield driver, True


def _is_locked(driver: Driver, holder: str, patience_seconds: float) -> bool:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            driver.lock(holder)
        except HeldError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


def _is_busy(context: Context, name: str) -> bool:
    left = context.store.journal.unfinished(name)
    return left is not None and (left.pid == os.getpid() or is_at_work(left))


def _check_idle(context: Context, name: str) -> None:
    left = context.store.journal.unfinished(name)
    if left is not None and is_at_work(left):
        message = f"{left.actor} is applying to it (process {left.pid} on {left.host})"
        raise HeldError(message, where=name, next_step="wait until that is done, or end that process")

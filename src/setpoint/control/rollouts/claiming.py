"""Claiming one target: whoever works on it has it alone, and keeps it as long as the work goes on."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from setpoint.errors import HeldError, SetpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from setpoint.control.context import Context
    from setpoint.store.leases import Leases
    from setpoint.store.records import Lease

_SECONDS = 30.0
"""How long a target waits after whoever worked on it was killed."""

_RENEWED_EVERY_SECONDS = 10.0


@contextmanager
def claimed(
    context: Context, id_: str, instance: str
) -> Generator[tuple[Context, Callable[[], None]] | None]:
    """Have a target alone; None where somebody else has it.

    Answers a context whose waits keep the claim, and a function that does so before a step and raises
    `HeldError` when somebody else has the target meanwhile.
    """
    leases = context.store.leases
    lease = leases.claim(f"target:{id_}/{instance}", context.holder(context.actor), _SECONDS)
    if lease is None:
        yield None
        return

    def keep() -> None:
        leases.renew(lease, _SECONDS)

    def wait(seconds: float) -> None:
        keep()
        context.wait(seconds)

    try:
        with _renewed(leases, lease):
            yield replace(context, wait=wait), keep
    finally:
        leases.release(lease)


@contextmanager
def _renewed(leases: Leases, lease: Lease) -> Generator[None]:
    """Keep a claim while this process lives: one step, such as a restart, may take longer than it lasts."""
    is_over = threading.Event()

    def keep_at() -> None:
        while not is_over.wait(_RENEWED_EVERY_SECONDS):
            try:
                leases.renew(lease, _SECONDS)
            except HeldError:
                return  # whoever works finds that out before the next step
            except SetpointError:
                continue  # the store may be back by the next time

    keeper = threading.Thread(target=keep_at, name=f"claim {lease.name}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()

"""Claiming one target: whoever works on it has it alone, and keeps it as long as the work goes on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from setpoint.control.context import Context

_SECONDS = 180.0
"""Longer than any one step takes, a restart included; so long a target waits after its worker was killed."""


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
        yield replace(context, wait=wait), keep
    finally:
        leases.release(lease)

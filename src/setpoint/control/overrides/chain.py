"""The chain of ends: what would take an override back, each link without those before it.

A reconciler on any worker; the spool beside the workers of this host, for when the store is away; a switch on
the target itself; and where the target has none, a guard process of this host with orders of its own.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from setpoint.config.override import Link, LinkKind, LinkState
from setpoint.control.overrides import guardian
from setpoint.control.overrides.spool import Spool
from setpoint.engines.order import Armed
from setpoint.engines.registry import get_engine
from setpoint.engines.session import drive
from setpoint.errors import SetpointError, TamperedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from setpoint.control.context import Context
    from setpoint.control.overrides.spool import Outcome
    from setpoint.engines.order import Order
    from setpoint.engines.port import Driver
    from setpoint.store.records import WorkerState

_ALIVE = timedelta(seconds=30)
"""How long after its last sign of life a worker is counted on."""

_GUARDIAN_SECONDS = 5.0


def spool_folder(context: Context) -> Path | None:
    """Answer the folder of the spool of this host's workers, None where no folder is kept."""
    return context.state / "spool" if context.state is not None else None


def spool_of(context: Context) -> Spool | None:
    """Answer that spool, None where no folder is kept."""
    folder = spool_folder(context)
    return Spool(folder) if folder is not None else None


def guardian_folder(context: Context) -> Path | None:
    """Answer the folder of the guard process, None where no folder is kept."""
    return context.state / "guardian" if context.state is not None else None


def arm(context: Context, driver: Driver, order: Order) -> tuple[Link, ...]:
    """Arm every link for an order, or for its new deadline; a link that cannot be armed says why.

    The guard process is only asked where the target carries no switch.
    """
    found = {LinkKind.RECONCILER: _reconciler(context), LinkKind.SPOOL: _spool(context, order)}
    found[LinkKind.TARGET_SWITCH] = _on_target(driver, order, "arm")
    if found[LinkKind.TARGET_SWITCH].state is not LinkState.ARMED:
        found[LinkKind.GUARD_PROCESS] = _guard(context, order)
    if all(each.is_passing for each in order.backs):
        why = "nothing of it is written down: a restart of the server takes it away"
        found[LinkKind.RUNTIME_ONLY] = Armed(state=LinkState.ARMED, detail=why)
    return _links(context, found)


def lost(context: Context, driver: Driver, order: Order, links: Iterable[Link]) -> tuple[Link, ...]:
    """Answer how those links stand now that were armed, and were taken away behind our back or died.

    Only what can be seen from here: the target, and the guard process of this very host.
    """
    armed = {link.kind: link for link in links if link.state is LinkState.ARMED}
    found: dict[LinkKind, Armed] = {}
    if LinkKind.TARGET_SWITCH in armed:
        found[LinkKind.TARGET_SWITCH] = _on_target(driver, order, "look")
    folder, guard = guardian_folder(context), armed.get(LinkKind.GUARD_PROCESS)
    if folder is not None and guard is not None and guard.host == socket.gethostname():
        found[LinkKind.GUARD_PROCESS] = guardian.look(folder, order)
    return _links(context, {kind: each for kind, each in found.items() if each.state is not LinkState.ARMED})


def disarm(context: Context, driver: Driver, order: Order) -> tuple[Link, ...]:
    """Take every link away; what cannot be reached acts on nothing, as nothing of ours stands any more."""
    found = {LinkKind.TARGET_SWITCH: _on_target(driver, order, "disarm")}
    folder, spool = guardian_folder(context), spool_of(context)
    if folder is not None:
        found[LinkKind.GUARD_PROCESS] = guardian.disarm(folder, order.override)
    if spool is not None:
        with suppress(SetpointError):
            spool.remove(order.override)
    return _links(
        context, {kind: armed for kind, armed in found.items() if armed.state is not LinkState.ABSENT}
    )


def guarded(context: Context) -> frozenset[str]:
    """Answer the overrides that the guard process of this host has orders for."""
    folder = guardian_folder(context)
    return frozenset(each.override for each in Spool(folder).orders()) if folder is not None else frozenset()


def let_go(context: Context, override_id: str) -> None:
    """Take away what this host holds for an override that is over; raise `UnavailableError`."""
    folder, spool = guardian_folder(context), spool_of(context)
    if folder is not None and Spool(folder).order(override_id) is not None:
        guardian.disarm(folder, override_id)
    if spool is not None:
        spool.remove(override_id)


def outcome_of(context: Context, override_id: str) -> Outcome | None:
    """Answer what the spool or the guard process did to an override while nobody could be told."""
    folders = filter(None, (spool_folder(context), guardian_folder(context)))
    found = [each for folder in folders if (each := Spool(folder).outcomes().get(override_id)) is not None]
    # Whoever came second found it done.
    return min(found, key=lambda each: (not each.was_touched, each.at), default=None)


def forget(context: Context, override_id: str) -> None:
    """Let what was told of an override go, now that the store knows it."""
    for folder in filter(None, (spool_folder(context), guardian_folder(context))):
        with suppress(SetpointError):
            Spool(folder).forget(override_id)


def _links(context: Context, found: dict[LinkKind, Armed]) -> tuple[Link, ...]:
    now = context.now()
    return tuple(
        Link(kind=kind, state=armed.state, at=now, host=socket.gethostname(), detail=armed.detail)
        for kind, armed in found.items()
    )


def _alive(context: Context) -> list[WorkerState]:
    """Answer the workers that are counted on.

    Anybody who can write to the store could write their rows: one that nobody can read, or from a time to
    come, stands for no worker, and keeps no emergency waiting.
    """
    now = context.now()
    try:
        return [each for each in context.store.workers.all() if abs(now - each.seen_at) < _ALIVE]
    except TamperedError:
        return []


def _reconciler(context: Context) -> Armed:
    alive = _alive(context)
    if not alive:
        return Armed(state=LinkState.ABSENT, detail="no worker runs; `setpoint run` starts one")
    return Armed(state=LinkState.ARMED, detail=f"{len(alive)} worker{'s' if len(alive) > 1 else ''}")


def _spool(context: Context, order: Order) -> Armed:
    spool = spool_of(context)
    if spool is None:
        return Armed(state=LinkState.ABSENT, detail="no folder is kept for it")
    try:
        spool.put(order)
    except SetpointError as fault:
        return Armed(state=LinkState.FAILED, detail=fault.what)
    if any(each.host == socket.gethostname() for each in _alive(context)):
        return Armed(state=LinkState.ARMED, detail=str(spool.folder))
    return Armed(state=LinkState.ABSENT, detail="written, but no worker runs on this host to read it")


def _guard(context: Context, order: Order) -> Armed:
    folder = guardian_folder(context)
    if folder is None:
        return Armed(state=LinkState.ABSENT, detail="no folder is kept for its orders")
    try:
        return guardian.arm(folder, order, timeout_seconds=_GUARDIAN_SECONDS)
    except SetpointError as fault:
        return Armed(state=LinkState.FAILED, detail=fault.what)


def _on_target(driver: Driver, order: Order, verb: str) -> Armed:
    switch = get_engine(order.engine).switch()
    if switch is None:
        return Armed(state=LinkState.ABSENT, detail=f"{order.engine} carries none")
    asked = {"arm": switch.arm, "look": switch.look, "disarm": switch.disarm}[verb]
    try:
        return drive(asked(order), driver)
    except SetpointError as fault:
        return Armed(state=LinkState.FAILED, detail=fault.what)

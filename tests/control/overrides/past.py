"""An override as it was kept, on a simulated instance that was looked at before, during and after."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
from tests.control.conftest import NAME, Simulated
from tests.control.town import START, Clock

from setpoint import Setpoint
from setpoint.config.override import (
    EndReason,
    Held,
    Link,
    LinkKind,
    LinkState,
    Override,
    OverrideState,
)
from setpoint.engines.simulated.driver import keep, server_at

ID = f"{NAME}/o1a2b3c4d5e"
LASTS = timedelta(minutes=30)


def override(**fields) -> Override:
    """Answer one that was started at noon for half an hour."""
    given = {
        "id": ID,
        "batch": "b1",
        "instance": NAME,
        "held": (Held(parameter="sort_memory", ours="64MB", before=None, running_before="4096"),),
        "by": "ada",
        "account": "local:ada@here",
        "because": "the night batch spills",
        "ticket": "OPS-7",
        "started_at": START,
        "deadline": START + LASTS,
        "state": OverrideState.ACTIVE,
        "active_at": START + timedelta(seconds=1),
        "links": (
            Link(kind=LinkKind.RECONCILER, state=LinkState.ARMED, at=START, detail="2 workers"),
            Link(kind=LinkKind.TARGET_SWITCH, state=LinkState.FAILED, at=START, detail="no right to"),
        ),
    }
    return Override(**{**given, **fields})


def ended(made: Override, after: timedelta = LASTS, **fields) -> Override:
    """Answer it ended, a second after it was due."""
    given = {
        "state": OverrideState.ENDED,
        "ending_at": made.started_at + after,
        "ending_by": "setpoint",
        "ending_why": EndReason.DEADLINE,
        "ended_at": made.started_at + after + timedelta(seconds=1),
        "ended_by": LinkKind.RECONCILER,
        "review_due_at": made.started_at + after + timedelta(days=3),
    }
    return msgspec.structs.replace(made, **{**given, **fields})


class Past:
    """A store whose time the test moves, and what is put into it."""

    def __init__(self, setpoint: Setpoint, server: Simulated) -> None:
        self.clock, self.server = Clock(), server
        self.context = replace(setpoint._context, now=self.clock, wait=self.clock.wait)
        self.front = Setpoint(self.context)

    def see(self, at: datetime, running: dict[str, str] | None = None, **metrics: float) -> None:
        """Look at the instance at a time, with running texts and metrics of the test's own."""
        server = server_at(self.server.address)
        server.running.update(running or {})
        server.metrics = {name.replace("_", ".", 1): value for name, value in metrics.items()}
        keep(self.server.address, server)
        self.clock.at = at
        self.front.observe(NAME)

    def keep(self, made: Override, action: str = "override.started", **detail: object) -> Override:
        """Keep an override's next state with its row."""
        self.clock.at = max(self.clock.at, made.started_at)
        found = self.context.store.overrides.find(made.id)
        return self.context.store.overrides.put(
            made.id,
            made,
            version=found.version if found is not None else 0,
            actor=made.by,
            action=action,
            detail={"override": made.id, **detail},
            at=self.clock(),
            subject=made.instance,
        ).value

    def live_through(self, made: Override) -> Override:
        """Keep it from its start to its end."""
        self.clock.at = made.started_at
        self.keep(made, because=made.because, account=made.account, authority="single user")
        self.keep(made, "override.active")
        over = ended(made)
        assert over.ended_at is not None
        self.clock.at = over.ended_at
        return self.keep(over, "override.ended", late_seconds=1.0, why="deadline")

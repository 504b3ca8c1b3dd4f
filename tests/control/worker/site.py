"""A store with simulated instances, a clock that the test moves, and a dispatch that does as it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from setpoint import Setpoint
from setpoint.config.configuration import Instance, Mode
from setpoint.control.context import Context
from setpoint.control.worker.dispatch import Task
from setpoint.control.worker.modes import act
from setpoint.control.worker.sweep import ACT, OBSERVE, Sweep
from setpoint.engines.simulated.driver import server_at
from setpoint.store import Store

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Hand:
    """A dispatch that does tasks when the test says so."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def submit(self, tasks):
        known = {(task.kind, task.key) for task in self.tasks}
        fresh = [task for task in tasks if (task.kind, task.key) not in known]
        self.tasks += fresh
        return len(fresh)

    def start(self, handlers, on_fault=None):
        pass

    def stop(self):
        pass

    def depth(self):
        return {}

    def take(self) -> list[Task]:
        taken, self.tasks = self.tasks, []
        return taken


@dataclass
class Site:
    folder: Path
    at: datetime = START
    interval: float = 60.0
    hand: Hand = field(default_factory=Hand)
    clocks: list = field(default_factory=list)
    """Clocks of others, which go with ours."""

    def __post_init__(self) -> None:
        self.store = Store.create(self.folder / "setpoint.db")
        self.context = Context(
            store=self.store, actor="worker", read_secret=lambda _: None, now=lambda: self.at, wait=self.wait
        )
        self.setpoint = Setpoint(self.context)
        self.sweep = Sweep(self.hand, interval_seconds=self.interval)

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        for clock in self.clocks:
            clock.at = self.at

    def add(self, name: str, mode: Mode = "observe", settings=None, **fields):
        instance = Instance(
            engine="simulated", target=f"memory:{uuid4()}", mode=mode, settings=settings or {}, **fields
        )
        self.setpoint.add_instance(name, instance, reason="registered")
        return self.server(name)

    def server(self, name: str):
        return server_at(self.setpoint.configuration().instance(name).target)

    def set_by_hand(self, name: str, **texts: str) -> None:
        self.server(name).persisted.update(texts)
        self.server(name).running.update(texts)

    def look(self, name: str) -> None:
        """Have one instance looked at, due or not, and what follows from it done."""
        self.wait(1)
        self.hand.take()
        self.sweep.observe(self.context, Task(OBSERVE, f"observe/{name}", {"instance": name, "is_due": "y"}))
        self.act()

    def act(self) -> None:
        for task in self.hand.take():
            if task.kind == ACT:
                act(self.context, task)

    def sweep_for(self, seconds: float, sweep: Sweep | None = None) -> list[tuple[str, float]]:
        """Let a sweep run for a time; answer who was looked at and when, in seconds from the beginning."""
        sweep, began, looked = sweep or self.sweep, self.at, []
        while (self.at - began).total_seconds() < seconds:
            pause = sweep.poll(self.context)
            for task in self.hand.take():
                if task.kind == OBSERVE:
                    before = self.store.sights.find(task.argument["instance"])
                    sweep.observe(self.context, task)
                    if self.store.sights.find(task.argument["instance"]) != before:
                        looked.append((task.argument["instance"], (self.at - began).total_seconds()))
            self.wait(pause)
        return looked

    def actions(self, *prefixes: str) -> list[str]:
        return [row.action for row in self.store.audit.rows() if row.action.startswith(prefixes)]

    def rows(self, action: str):
        return self.store.audit.rows(action=action)

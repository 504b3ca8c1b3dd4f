"""Health: what a worker says of itself, in the store and to whoever collects metrics."""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING
from uuid import uuid4

from setpoint.control.words import masked
from setpoint.store.records import Sight, WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from setpoint.control.context import Context
    from setpoint.control.worker.dispatch import Dispatch, Task

__all__ = ["Health", "Heartbeat", "Sight", "WorkerState", "is_silent", "metrics_text", "write_whole"]

BEAT_SECONDS = 5.0
SILENT_SECONDS = 20.0
"""After so long without a word a worker is taken for dead."""

_SHOWN_CHARACTERS = 300
_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n"}


class Health:
    """What one worker did and what went wrong; shared by its threads."""

    def __init__(self, started_at: datetime) -> None:
        self.started_at = started_at
        self.host = socket.gethostname()
        self.pid = os.getpid()
        self.id = f"{self.host}-{self.pid}-{uuid4().hex[:6]}"
        self.controllers: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._faults: dict[str, str] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def polled(self, name: str) -> None:
        """Note that a controller was asked and came to its end; what it last complained of is over."""
        self._note("poll", name, "done")

    def task_done(self, task: Task) -> None:
        """Note that a task came to its end."""
        self._note("task", task.kind, "done")

    def failed(self, noun: str, name: str, fault: Exception) -> str:
        """Note what a controller (``poll``) or a ``task`` of a kind raised; answer it in words."""
        said = masked(f"{type(fault).__name__}: {fault}")[:_SHOWN_CHARACTERS]
        with self._lock:
            self._counts[noun, name, "failed"] += 1
            self._faults[f"{noun} {name}"] = said
        return said

    @property
    def faults(self) -> dict[str, str]:
        """What last went wrong and did not come right since, by what it went wrong in."""
        with self._lock:
            return dict(self._faults)

    @property
    def counts(self) -> dict[tuple[str, str, str], int]:
        """How often, by ``poll`` or ``task``, its name, and ``done`` or ``failed``."""
        with self._lock:
            return dict(self._counts)

    def state(self, now: datetime, lag_seconds: float, depth: Mapping[str, int]) -> WorkerState:
        """Say how the worker is."""
        return WorkerState(
            id=self.id,
            host=self.host,
            pid=self.pid,
            started_at=self.started_at,
            seen_at=now,
            controllers=self.controllers,
            lag_seconds=lag_seconds,
            queue_depth=dict(depth),
            detail=self.faults,
        )

    def _note(self, noun: str, name: str, outcome: str) -> None:
        with self._lock:
            self._counts[noun, name, outcome] += 1
            self._faults.pop(f"{noun} {name}", None)


class Heartbeat:
    """The controller that tells the store, and a file for collectors, that its worker lives."""

    name = "heartbeat"

    def __init__(
        self,
        health: Health,
        dispatch: Dispatch,
        lag: Callable[[Context], float],
        metrics_file: Path | None = None,
    ) -> None:
        self._health = health
        self._dispatch = dispatch
        self._lag = lag
        self._metrics_file = metrics_file

    def poll(self, context: Context) -> float:
        """Say how the worker is."""
        state = self._health.state(context.now(), self._lag(context), self._dispatch.depth())
        if self._metrics_file is not None:
            write_whole(self._metrics_file, metrics_text(state, self._health.counts))
        context.store.workers.beat(state)
        return BEAT_SECONDS


def is_silent(state: WorkerState, now: datetime) -> bool:
    """Tell whether a worker has said nothing for so long that it is taken for dead."""
    return (now - state.seen_at).total_seconds() > SILENT_SECONDS


def metrics_text(state: WorkerState, counts: Mapping[tuple[str, str, str], int]) -> str:
    """Write a worker's state in the text format that Prometheus and its kin collect."""
    lines = [
        *_family("setpoint_worker_started_seconds", "gauge", "When the worker was started, Unix time."),
        _sample("setpoint_worker_started_seconds", {}, state, state.started_at.timestamp()),
        *_family("setpoint_worker_seen_seconds", "gauge", "When the worker last said how it is, Unix time."),
        _sample("setpoint_worker_seen_seconds", {}, state, state.seen_at.timestamp()),
        *_family("setpoint_worker_lag_seconds", "gauge", "How long the oldest due observation is overdue."),
        _sample("setpoint_worker_lag_seconds", {}, state, state.lag_seconds),
        *_family("setpoint_worker_waiting_tasks", "gauge", "Tasks that wait, by kind."),
    ]
    lines += [
        _sample("setpoint_worker_waiting_tasks", {"kind": kind}, state, count)
        for kind, count in sorted(state.queue_depth.items())
    ]
    for noun, label in (("poll", "controller"), ("task", "kind")):
        name = f"setpoint_worker_{noun}s_total"
        lines += _family(name, "counter", f"What came to its end and what failed, by {label}.")
        lines += [
            _sample(name, {label: which, "outcome": outcome}, state, count)
            for (of, which, outcome), count in sorted(counts.items())
            if of == noun
        ]
    return "\n".join(lines) + "\n"


def write_whole(place: Path, text: str) -> None:
    """Write a file so that who reads it finds the old text or the new one; raises `OSError`."""
    beside = place.with_name(f".{place.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(place)


def _family(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _sample(name: str, labels: Mapping[str, str], state: WorkerState, value: float) -> str:
    labels = {"worker": state.id, **labels}
    shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{shown}}} {value:.17g}"


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in text)

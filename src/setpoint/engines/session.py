"""Sessions: the one place that runs an engine's pure requests over its driver.

An apply here leaves the instance wholly in the old or wholly in the new state and says which. What is about
to happen is told to a `Journal` before it happens, so that a process that dies at any point leaves a true
record behind.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from setpoint.config.drift import Drift, DriftClass, judge
from setpoint.engines.plan import Plan, Step, StepKind
from setpoint.engines.planner import fingerprint
from setpoint.errors import (
    ApplyError,
    ConflictError,
    SetpointError,
    StalePlanError,
    UnavailableError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.engines.plan import Request
    from setpoint.engines.port import Driver, Engine, Reply

_Result = TypeVar("_Result")
_SETTLE_SECONDS = 3.0
"""A reload is a signal to every process of the server; values read back follow within milliseconds, at
worst seconds.
"""
_POLL_SECONDS = 0.05
_RESTART_SECONDS = 120.0


class Journal(Protocol):
    """Where an apply writes what it is about to do. Both calls return only when the record is durable."""

    def intend(self, number: int, step: Step) -> None:
        """Record that the step with this number (from 0) is about to be run."""
        ...

    def done(self, number: int) -> None:
        """Record that the step was run."""
        ...


@dataclass(frozen=True)
class Verified:
    """An apply that ended well: how each parameter reads back, and whether there was a restart."""

    drifts: tuple[Drift, ...]
    was_restarted: bool
    observation: Observation
    catalog: Catalog


def observe(engine: Engine, driver: Driver, instance: str, *, at: datetime) -> tuple[Observation, Catalog]:
    """Observe an instance in one round trip."""
    version = driver.version
    reply = driver.run(engine.observe(version))
    return engine.read(instance, reply, at=at, version=version)


def drive(questions: Generator[Request, Reply, _Result], driver: Driver) -> _Result:
    """Run a generator of requests over a driver and answer what it returns."""
    try:
        request = next(questions)
        while True:
            request = questions.send(driver.run(request))
    except StopIteration as end:
        return end.value


def run_restart_command(command: str, *, timeout_seconds: float = _RESTART_SECONDS) -> None:
    """Run a restart command without a shell; raise `UnavailableError` with the end of its output."""
    words = shlex.split(command)
    try:
        ended = subprocess.run(  # noqa: S603 - the command is the operator's own configuration, run without a shell
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        message = f"the restart command did not run to its end: {fault}"
        raise UnavailableError(message, where=words[0] if words else "") from None
    if ended.returncode:
        tail = (ended.stderr or ended.stdout).decode(errors="replace").strip()[-300:]
        message = f"the restart command ended with {ended.returncode}: {tail}"
        raise UnavailableError(message, where=words[0])


@dataclass
class Application:
    """One plan being applied to one instance.

    `restart` is the way to restart the server, None when that was not asked for: restart-only parameters are
    then set and left waiting. `now` is asked for the time of each observation.
    """

    engine: Engine
    driver: Driver
    plan: Plan
    journal: Journal
    now: Callable[[], datetime]
    holder: str
    restart: Callable[[], None] | None = None

    def run(self) -> Verified:
        """Apply the plan and verify it.

        Raises `HeldError` when somebody else is at it, `StalePlanError` when the instance moved, `ApplyError`
        with the state it left the instance in, `UnreachableError` when the instance was lost and its state
        cannot be told.
        """
        self.driver.lock(self.holder)
        before, catalog = self._observe()
        if fingerprint(before, catalog) != self.plan.fingerprint:
            message = "the instance was changed after the plan was made"
            raise StalePlanError(
                message, where=self.plan.instance, next_step="make a new plan and read it again"
            )
        begun: list[int] = []
        try:
            for number, step in enumerate(self.plan.steps):
                if step.kind is StepKind.RESTART and self.restart is None:
                    continue
                begun.append(number)
                self._take(number, step)
            was_restarted = any(self.plan.steps[number].kind is StepKind.RESTART for number in begun)
            return self._wait_until_right(self.plan.steps, _judge_done, was_restarted=was_restarted)
        except SetpointError as fault:
            self._go_back(fault, begun, before)
            raise  # pragma: no cover - going back always raises

    def undo(self, numbers: Sequence[int]) -> Verified:
        """Take back steps that were begun, where ours still stands; verify that the old state reads back.

        Raises `ConflictError` naming every parameter that somebody changed since, and then changes nothing.
        """
        self.driver.lock(self.holder)
        now, catalog = self._observe()
        steps = [self.plan.steps[number] for number in numbers]
        conflicts = [
            step.parameter for step in steps if step.parameter and not _is_ours_or_prior(step, now, catalog)
        ]
        if conflicts:
            message = f"somebody changed {', '.join(conflicts)} after the apply"
            raise ConflictError(
                message, where=self.plan.instance, next_step="look at `setpoint settings --origin`, then plan"
            )
        for number in sorted(numbers, reverse=True):
            self.journal.intend(number, self.plan.steps[number])
        self._undo_steps(numbers)
        return self._wait_until_right(steps, _judge_undone, was_restarted=self.restart is not None)

    def _take(self, number: int, step: Step) -> None:
        self.journal.intend(number, step)
        if step.kind is StepKind.RESTART and self.restart is not None:
            self._restart(self.restart)
        for request in step.do:
            self.driver.run(request)
        self.journal.done(number)

    def _restart(self, restart: Callable[[], None]) -> None:
        restart()
        self.driver.reconnect(_RESTART_SECONDS)
        self.driver.lock(self.holder)

    def _observe(self) -> tuple[Observation, Catalog]:
        return observe(self.engine, self.driver, self.plan.instance, at=self.now())

    def _wait_until_right(
        self,
        steps: Sequence[Step],
        judge_step: Callable[[Step, Observation, Catalog], Drift],
        *,
        was_restarted: bool,
    ) -> Verified:
        """Read back until every step's parameter stands as it should, or the time to settle is over."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            observation, catalog = self._observe()
            drifts = tuple(judge_step(step, observation, catalog) for step in steps if step.parameter)
            wrong = [drift for drift in drifts if drift.drift_class is DriftClass.DRIFTED]
            if not wrong:
                return Verified(drifts, was_restarted, observation, catalog)
            if time.monotonic() > deadline:
                what = "; ".join(f"{drift.parameter} {drift.explanation}" for drift in wrong)
                message = f"read back wrong: {what}"
                raise ApplyError(message, state="mixed", where=self.plan.instance)
            time.sleep(_POLL_SECONDS)

    def _go_back(self, fault: SetpointError, begun: Sequence[int], before: Observation) -> None:
        """Undo what was begun and raise what happened with the state that resulted."""
        where, trouble = self.plan.instance, fault.what
        try:
            self._revive(begun, before)
            self._undo_steps(begun)
            after = self._settled_like(before)
        except UnreachableError as lost:
            message = f"{trouble}; then the instance was lost while going back: {lost.what}"
            raise UnreachableError(
                message, where=where, next_step="its state is not known; plan again when it answers"
            ) from fault
        except SetpointError as second:
            message = f"{trouble}; going back failed too: {second.what}"
            raise ApplyError(
                message, state="mixed", where=where, next_step=second.next_step or "plan again"
            ) from fault
        if not after:
            message = f"{trouble}; what stood before could not be read back"
            raise ApplyError(
                message, state="mixed", where=where, next_step="plan again to see what differs"
            ) from fault
        message = f"{trouble}; everything was taken back"
        raise ApplyError(
            message, state="old", where=where, next_step=fault.next_step or "the old state stands"
        ) from fault

    def _revive(self, begun: Sequence[int], before: Observation) -> None:
        """Make sure there is a connection; a server that did not start gets its old files back first."""
        try:
            self.driver.reconnect(_SETTLE_SECONDS)
        except UnreachableError:
            is_restart = any(self.plan.steps[number].kind is StepKind.RESTART for number in begun)
            if not is_restart or self.restart is None:
                raise
            self.engine.rescue(self.plan, before.facts.data_directory)
            self.restart()
            self.driver.reconnect(_RESTART_SECONDS)
        self.driver.lock(self.holder)

    def _undo_steps(self, numbers: Sequence[int]) -> None:
        kinds = {self.plan.steps[number].kind for number in numbers}
        for number in sorted(numbers, reverse=True):
            step = self.plan.steps[number]
            if step.kind in (StepKind.SET, StepKind.RESET):
                for request in step.undo:
                    self.driver.run(request)
        if kinds & {StepKind.SET, StepKind.RESET}:
            for step in self.plan.steps:
                if step.kind is StepKind.RELOAD:
                    for request in step.do:
                        self.driver.run(request)
        if StepKind.RESTART in kinds and self.restart is not None:
            self._restart(self.restart)

    def _settled_like(self, before: Observation) -> bool:
        """Wait until the instance reads as it did before; answer whether it does."""
        touched = [step.parameter for step in self.plan.steps if step.parameter]
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            after, _ = self._observe()
            if all(_same_state(before.settings.get(name), after.settings.get(name)) for name in touched):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)


def _same_state(before: ObservedSetting | None, after: ObservedSetting | None) -> bool:
    if before is None or after is None:
        return before is after
    return (before.value, before.pending) == (after.value, after.pending)


def _judge_done(step: Step, observation: Observation, catalog: Catalog) -> Drift:
    """Judge a step that was done: its text stands, or for a reset no persisted entry does."""
    if step.text is None:
        return _judge_persisted(step.parameter, None, observation, catalog)
    drift = judge(step.parameter, step.text, observation.settings.get(step.parameter), catalog)
    if drift.drift_class is DriftClass.SHADOWED and drift.is_deviation:
        return msgspec.structs.replace(drift, drift_class=DriftClass.DRIFTED)
    return drift


def _judge_undone(step: Step, observation: Observation, catalog: Catalog) -> Drift:
    """Judge a step that was taken back: the persisted entry is again what it was before."""
    return _judge_persisted(
        step.parameter, step.prior.persisted if step.prior else None, observation, catalog
    )


def _judge_persisted(name: str, wanted: SettingText, observation: Observation, catalog: Catalog) -> Drift:
    observed = observation.settings.get(name)
    is_right = _is_persisted(name, wanted, observed, catalog)
    return Drift(
        parameter=name,
        drift_class=DriftClass.IN_SYNC if is_right else DriftClass.DRIFTED,
        desired=wanted,
        observed=observed.value if observed else None,
        origin=observed.in_force if observed else None,
        explanation="" if is_right else "has another persisted entry",
        is_deviation=not is_right,
    )


def _is_persisted(name: str, text: SettingText, observed: ObservedSetting | None, catalog: Catalog) -> bool:
    persisted = observed.persisted if observed is not None else None
    if persisted is None or persisted.text is None or text is None:
        return persisted is None and text is None
    return catalog.is_same(name, persisted.text, text)


def _is_ours_or_prior(step: Step, observation: Observation, catalog: Catalog) -> bool:
    observed = observation.settings.get(step.parameter)
    prior = step.prior.persisted if step.prior else None
    return any(_is_persisted(step.parameter, text, observed, catalog) for text in (step.text, prior))

"""Sessions: the one place that runs an engine's pure requests over its driver.

An apply here leaves the instance wholly in the old or wholly in the new state and says which. What is about
to happen is told to a `Journal` before it happens, so that a process that dies at any point leaves a true
record behind.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from setpoint.catalog import Context
from setpoint.engines.plan import Plan, Step, StepKind
from setpoint.engines.planner import Begun, fingerprint, is_same_entry, make_way_back
from setpoint.engines.readback import advise, is_same_state, is_wrong, judge_done, value_of
from setpoint.errors import (
    ApplyError,
    HeldError,
    RefusedError,
    SetpointError,
    StalePlanError,
    UnavailableError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.drift import Drift
    from setpoint.config.observation import Observation
    from setpoint.engines.plan import Request
    from setpoint.engines.port import Driver, Engine, Reply

_Result = TypeVar("_Result")
_SETTLE_SECONDS = 3.0
"""A reload is a signal to every process of the server; values read back follow within milliseconds, at
worst seconds.
"""
_POLL_SECONDS = 0.05
_RESTART_SECONDS = 120.0
_LOG = logging.getLogger(__name__)


class Journal(Protocol):
    """Where an apply writes what it is about to do. Both calls return only when the record is durable."""

    def intend(self, number: int, step: Step) -> None:
        """Record that the step with this number (from 0) is about to be run.

        A `SetpointError` raised here has everything taken back.
        """
        ...

    def done(self, number: int) -> None:
        """Record that the step was run."""
        ...

    def check(self) -> None:
        """Raise a `SetpointError` where somebody else has taken this work over meanwhile."""
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
    """Run a generator of requests over a driver and answer what it returns.

    What the server refuses is raised where the generator asked for it; one that does not mind goes on.
    """
    try:
        request = next(questions)
        while True:
            try:
                reply = driver.run(request)
            except RefusedError as fault:
                request = questions.throw(fault)
            else:
                request = questions.send(reply)
    except StopIteration as end:
        return end.value


@dataclass
class Application:
    """One plan being applied to one instance.

    `restart` is the way to restart the server, None when that was not asked for: restart-only parameters are
    then set and left waiting. `now` is asked for the time of each observation. What is `is_one_way` never
    goes back: it is made anew from what is seen, by whoever comes next, until it is done.
    """

    engine: Engine
    driver: Driver
    plan: Plan
    journal: Journal
    now: Callable[[], datetime]
    holder: str
    restart: Callable[[], None] | None = None
    is_one_way: bool = False
    _before: Observation | None = field(default=None, init=False)
    """The instance as `check` found it; every way back ends there."""
    _catalog: Catalog | None = field(default=None, init=False)
    """The live catalog as it was seen last."""
    _is_sure: bool = field(default=True, init=False)
    """Whether the work is known to be ours: after a new connection only once the journal was asked."""
    _taken: dict[str, SettingText] = field(default_factory=dict[str, "SettingText"], init=False)
    """What entries were right after a refused write: some servers take another value than the one given."""
    _foreign: set[str] = field(default_factory=set[str], init=False)
    """Parameters that somebody else was found to have changed while going back."""
    _rescued: str = field(default="", init=False)
    """What was done to the files of a server that did not start, in one sentence."""

    def check(self) -> tuple[Observation, Catalog]:
        """Take the instance's lock and make sure that the plan still fits; answer what is seen of it.

        Raises `HeldError` when somebody else is at it, `StalePlanError` when the instance moved. Nothing is
        touched and nothing recorded.
        """
        self.driver.lock(self.holder)
        before, catalog = self._observe()
        if fingerprint(before, catalog) != self.plan.fingerprint:
            message = "the instance was changed after the plan was made"
            raise StalePlanError(
                message, where=self.plan.instance, next_step="make a new plan and read it again"
            )
        self._before = before
        return before, catalog

    def run(self) -> Verified:
        """Apply the plan and verify it, after a `check` unless that was done.

        Raises what `check` raises, `ApplyError` with the state it left the instance in, `UnreachableError`
        when the instance was lost and its state cannot be told. Ctrl-C has everything taken back, too.
        """
        if self._before is None:
            self.check()
        begun: list[int] = []
        try:
            for number, step in enumerate(self.plan.steps):
                if step.kind is StepKind.RESTART and self.restart is None:
                    continue
                begun.append(number)
                self._take(number, step)
            was_restarted = any(self.plan.steps[number].kind is StepKind.RESTART for number in begun)
            return self._wait_until_right(was_restarted=was_restarted)
        except (SetpointError, KeyboardInterrupt) as fault:
            if self.is_one_way:
                raise
            self._go_back(fault, begun)
            raise  # pragma: no cover - going back always raises

    def undo(self, numbers: Sequence[int]) -> Verified:
        """Take back steps that were begun, where ours still stands; verify that the old state reads back.

        Raises `ConflictError` naming every parameter that somebody changed since, and then changes nothing.
        """
        self.driver.lock(self.holder)
        now, catalog = self._observe()
        begun = Begun(self.plan, tuple(numbers))
        back = make_way_back([begun], now, catalog, revision=self.plan.revision, ours_before={})
        return replace(self, plan=back).run()

    def _take(self, number: int, step: Step) -> None:
        self.journal.intend(number, step)
        if step.kind is StepKind.RESTART and self.restart is not None:
            self.restart()
            self._reconnect(_RESTART_SECONDS)
        if step.parameter and step.do:
            self._write(step)
        else:
            self._send(step.do)
        self.journal.done(number)

    def _send(self, requests: Iterable[Request]) -> None:
        for request in requests:
            self.driver.run(request)

    def _write(self, step: Step) -> None:
        """Write a parameter's entry where it is what the plan was made from still.

        Writing down what is about to happen takes its time, and a process may be stopped for any: a person
        may have come since the last look. Raises `StalePlanError`.
        """
        try:
            is_written = self._is_written(step, step.do, _prior(step))
        except RefusedError as fault:
            if not isinstance(fault, StalePlanError):
                self._taken[step.parameter] = self._entry(step.parameter)[0]
            raise
        if not is_written:
            message = f"somebody changed {step.parameter} in this very moment"
            raise StalePlanError(
                message, where=self.plan.instance, next_step="make a new plan and read it again"
            )

    def _reconnect(self, timeout_seconds: float) -> None:
        """Connect anew and take the lock again, and make sure that this work is ours still.

        A server can be slow to let go of the old connection's lock, and whoever takes it meanwhile finds
        their plan stale and gives it back: so a held lock is tried again for a while. Whoever took the work
        over did so under the lock, so what the journal says while we hold it stays true.
        """
        self._is_sure = False
        self.driver.reconnect(timeout_seconds)
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            try:
                self.driver.lock(self.holder)
            except HeldError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                self._make_sure()
                return

    def _make_sure(self) -> None:
        if not self._is_sure:
            self.journal.check()
            self._is_sure = True

    def _observe(self) -> tuple[Observation, Catalog]:
        seen = observe(self.engine, self.driver, self.plan.instance, at=self.now())
        self._catalog = seen[1]
        return seen

    def _is_written(self, step: Step, requests: Sequence[Request], *texts: SettingText) -> bool:
        """Run requests if the entry of the step's parameter means one of these texts now; tell if it did."""
        found, catalog, is_sure = self._entry(step.parameter)
        if not any(is_same_entry(step.parameter, found, text, catalog) for text in texts):
            return False
        for number, request in enumerate(requests):
            is_guarded = is_sure and number == 0
            self.driver.run(
                self.engine.unless_moved(request, step.parameter, found) if is_guarded else request
            )
        return True

    def _entry(self, parameter: str) -> tuple[SettingText, Catalog, bool]:
        """Answer a parameter's persisted entry, the catalog, and whether it is the entry to the letter."""
        if self._catalog is not None:
            try:
                reply = self.driver.run(self.engine.entry(parameter))
                return self.engine.read_entry(parameter, reply), self._catalog, True
            except UnreachableError:
                raise
            except SetpointError as fault:
                _LOG.info("%s: asking for everything instead: %s", parameter, fault)
        now, catalog = self._observe()
        observed = now.setting(parameter)
        persisted = observed.entry if observed is not None else None
        return persisted.text if persisted is not None else None, catalog, False

    def _wait_until_right(self, *, was_restarted: bool) -> Verified:
        """Read back until every step's parameter stands as it should, or the time to settle is over."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            observation, catalog = self._observe()
            drifts = tuple(
                judge_done(step, observation, catalog) for step in self.plan.steps if step.parameter
            )
            wrong = [drift for drift in drifts if is_wrong(drift, was_restarted=was_restarted)]
            if not wrong:
                return Verified(drifts, was_restarted, observation, catalog)
            if time.monotonic() > deadline:
                what = "; ".join(f"{drift.parameter} {drift.explanation}" for drift in wrong)
                message = f"read back wrong: {what}"
                next_step = advise(wrong)
                raise ApplyError(message, state="mixed", where=self.plan.instance, next_step=next_step)
            time.sleep(_POLL_SECONDS)

    def _go_back(self, fault: SetpointError | KeyboardInterrupt, begun: Sequence[int]) -> None:
        """Undo what was begun and raise what happened with the state that resulted."""
        where = self.plan.instance
        try:
            self._revive(begun)
            self._undo_steps(begun)
            is_back = self._is_settled()
        except UnreachableError as lost:
            message = f"{self._told(fault)}; then the instance was lost while going back: {lost.what}"
            raise UnreachableError(
                message, where=where, next_step="its state is not known; plan again when it answers"
            ) from fault
        except SetpointError as second:
            message = f"{self._told(fault)}; going back failed too: {second.what}"
            raise ApplyError(
                message, state="mixed", where=where, next_step=second.next_step or "plan again"
            ) from fault
        names = ", ".join(sorted(self._foreign))
        if names or not is_back:
            foreign = f"somebody else changed {names} meanwhile, which was left alone"
            left = foreign if names else "what stood before could not be read back"
            message, next_step = f"{self._told(fault)}; {left}", "plan again to see what differs"
            raise ApplyError(message, state="mixed", where=where, next_step=next_step) from fault
        next_step = fault.next_step if isinstance(fault, SetpointError) else ""
        message = f"{self._told(fault)}; everything was taken back"
        raise ApplyError(
            message, state="old", where=where, next_step=next_step or "the old state stands"
        ) from fault

    def _told(self, fault: SetpointError | KeyboardInterrupt) -> str:
        what = fault.what if isinstance(fault, SetpointError) else "interrupted"
        return f"{what}; {self._rescued}" if self._rescued else what

    def _revive(self, begun: Sequence[int]) -> None:
        """Make sure there is a connection that holds the lock; a server that is down gets its old files back.

        The lock may have gone to somebody else during a restart; nothing is touched under their hands then.
        """
        try:
            self._observe()
            self.driver.lock(self.holder)
            self._make_sure()
        except UnreachableError:
            try:
                self._reconnect(_SETTLE_SECONDS)
            except UnreachableError:
                self._rescue(begun)

    def _rescue(self, begun: Sequence[int]) -> None:
        is_restart = any(self.plan.steps[number].kind is StepKind.RESTART for number in begun)
        if not is_restart or self.restart is None or self._before is None:
            message = "it does not answer any more"
            raise UnreachableError(message, where=self.plan.instance)
        self._rescued = self.engine.rescue(self.plan, self._before.facts.data_directory)
        self._restart_again(self.restart)

    def _restart_again(self, restart: Callable[[], None]) -> None:
        """Restart while going back; a command may fail and yet have restarted, so what counts is reading."""
        seconds = _RESTART_SECONDS
        try:
            restart()
        except UnavailableError:
            seconds = _SETTLE_SECONDS
        self._reconnect(seconds)

    def _undo_steps(self, numbers: Sequence[int]) -> None:
        """Undo steps, the last one first, where what stands is ours.

        A step whose answer was lost may have happened or not, and while we were away a person may have come.
        """
        steps = [self.plan.steps[number] for number in sorted(numbers, reverse=True)]
        touching = [step for step in steps if step.parameter]
        for step in touching:
            ours = (step.text, _prior(step), self._taken.get(step.parameter, step.text))
            if not self._is_written(step, step.undo, *ours):
                self._foreign.add(step.parameter)
        if len(touching) > len(self._foreign):
            for step in self.plan.steps:
                if step.kind is StepKind.RELOAD:
                    self._send(step.do)
        is_restart = any(step.kind is StepKind.RESTART for step in steps)
        if is_restart and self.restart is not None and self._runs_new_values():
            self._restart_again(self.restart)

    def _runs_new_values(self) -> bool:
        """Tell whether a restart made new values run."""
        now, _ = self._observe()
        names = [step.parameter for step in self.plan.steps if step.context is Context.RESTART]
        before = self._before.settings if self._before is not None else {}
        return any(value_of(now.setting(name)) != value_of(before.get(name)) for name in names)

    def _is_settled(self) -> bool:
        """Wait until the instance reads as it did before; answer whether it does."""
        touched = [step.parameter for step in self.plan.steps if step.parameter]
        before = self._before.settings if self._before is not None else {}
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            now, catalog = self._observe()
            after = now.settings
            if all(is_same_state(name, before.get(name), after.get(name), catalog) for name in touched):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)


def _prior(step: Step) -> SettingText:
    return step.prior.persisted if step.prior is not None else None

"""Endings: an order and one observation in, the plan that puts an override back out; and that plan, run.

An ending is conditional: a persisted entry is touched only while it means what the override wrote, so it can
be made and run any number of times, by anybody, and a person's later change stands.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from setpoint.config.observation import INSTANCE_WIDE
from setpoint.engines.plan import Blocked, Plan, Step, StepKind
from setpoint.engines.planner import fingerprint, is_persisted
from setpoint.engines.port import Release
from setpoint.engines.session import Application, observe
from setpoint.errors import HeldError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.engines.order import Back, Order
    from setpoint.engines.port import Driver, Engine
    from setpoint.engines.session import Journal, Verified

_PATIENCE_SECONDS = 1.5
"""How long whoever holds an instance is waited for before it is taken."""

_SETTLE_SECONDS = 3.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Ending:
    """What is left to do to end an override, by parameter: a plan, and what nobody has to touch.

    `clashes` are parameters that somebody changed meanwhile and that are left alone; `done` are back, or only
    wait for the plan's reload. What the engine refuses is in the plan's `blocked`.
    """

    plan: Plan
    clashes: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: all is back, or a person's."""
        return self.plan.is_empty and not self.plan.blocked


@dataclass(frozen=True, slots=True)
class Ended:
    """An ending that was run: what was read back (None: nothing had to be done), and what had been found.

    `left` is what is left to do by what was read back last.
    """

    verified: Verified | None
    ending: Ending
    left: Ending
    observation: Observation
    catalog: Catalog

    @property
    def is_over(self) -> bool:
        """Whether the instance was read back without the override."""
        return self.left.is_over


class _Finding(Enum):
    OURS = "ours"
    BACK = "back"
    UNLOADED = "back, and another value runs"
    FOREIGN = "somebody else's"
    UNLISTED = "not listed"


def make_ending(
    engine: Engine,
    order: Order,
    observation: Observation,
    catalog: Catalog,
    *,
    revision: str = "",
    released: Sequence[str] = (),
) -> Ending:
    """Make the plan that puts back what of an order is still ours.

    `revision` is the head that the plan names; `released` are the parameters that nobody managed before the
    override, which the plan gives up.
    """
    found = {back.parameter: (back, _find(back, observation, catalog)) for back in order.backs}
    ours = [back for back, finding in found.values() if finding is _Finding.OURS]
    releases = [
        Release(parameter=each.parameter, ours=each.ours, restore=each.back, running=each.running)
        for each in ours
    ]
    made = engine.steps({}, releases, observation, catalog, {})
    steps = list(made.steps)
    unloaded = [name for name, (_, finding) in found.items() if finding is _Finding.UNLOADED]
    if unloaded and not any(step.kind is StepKind.RELOAD for step in steps):
        steps.append(engine.reloading())
    plan = Plan(
        instance=observation.instance,
        engine=engine.name,
        revision=revision,
        observed_at=observation.at,
        fingerprint=fingerprint(observation, catalog),
        steps=tuple(steps),
        expected={step.parameter: step.text for step in steps if step.parameter},
        released=tuple(released),
        blocked=(*made.blocked, *_unlisted(found, catalog), *_dropped(ours, steps, made.blocked, engine)),
        warnings=made.warnings,
        operator_steps=made.operator_steps,
    )
    return Ending(
        plan=plan,
        clashes=tuple(name for name, (_, finding) in found.items() if finding is _Finding.FOREIGN),
        done=tuple(
            name for name, (_, finding) in found.items() if finding in (_Finding.BACK, _Finding.UNLOADED)
        ),
    )


def run_ending(
    engine: Engine,
    driver: Driver,
    order: Order,
    *,
    now: Callable[[], datetime],
    holder: str,
    journal: Journal | None = None,
) -> Ended:
    """End an override over a driver that may write, taking the instance from whoever is at it.

    Raises what the driver and `Application.run` raise; then the instance is as it was, or is to be asked.
    A `StalePlanError` tells that somebody changed it between two looks: try again.
    """
    _hold(driver, holder)
    observation, catalog = observe(engine, driver, order.instance, at=now())
    ending = make_ending(engine, order, observation, catalog)
    if ending.plan.is_empty:
        return Ended(None, ending, ending, observation, catalog)
    verified = Application(
        engine=engine,
        driver=driver,
        plan=ending.plan,
        journal=journal if journal is not None else Unwritten(),
        now=now,
        holder=holder,
        is_one_way=True,
    ).run()
    left, observation, catalog = settle(
        engine, driver, order, verified.observation, verified.catalog, now=now
    )
    return Ended(verified, ending, left, observation, catalog)


def _hold(driver: Driver, holder: str) -> None:
    """Take an instance from whoever is at it, who may be just ending the same: they are given a moment."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with suppress(HeldError):
            driver.lock(holder)
            return
        time.sleep(_POLL_SECONDS)
    driver.lock(holder, is_preempting=True)


def settle(
    engine: Engine,
    driver: Driver,
    order: Order,
    observation: Observation,
    catalog: Catalog,
    *,
    now: Callable[[], datetime],
) -> tuple[Ending, Observation, Catalog]:
    """Read back until nothing of an override runs any more; answer what is left, after seconds at the latest.

    An apply is verified once its entries stand. That the value below an entry which was taken out runs again
    shows a moment later, as a reload is a signal.
    """
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        left = make_ending(engine, order, observation, catalog)
        if left.is_over or time.monotonic() > deadline:
            return left, observation, catalog
        time.sleep(_POLL_SECONDS)
        observation, catalog = observe(engine, driver, order.instance, at=now())


class Unwritten:
    """A journal that writes nothing: an ending is made anew from what is seen, whatever was begun before."""

    def intend(self, number: int, step: Step) -> None:
        """Let the step begin."""
        del number, step

    def done(self, number: int) -> None:
        """Let the step have ended."""
        del number

    def check(self) -> None:
        """Let the work go on: whoever ends an override does the same."""


def _find(back: Back, observation: Observation, catalog: Catalog) -> _Finding:
    name = back.parameter
    observed = observation.setting(name)
    if observed is None or catalog.find(name) is None:
        return _Finding.UNLISTED
    if is_persisted(name, back.back, observed, catalog):
        return _Finding.BACK if _is_loaded(name, observed, catalog) else _Finding.UNLOADED
    return _Finding.OURS if is_persisted(name, back.ours, observed, catalog) else _Finding.FOREIGN


def _is_loaded(name: str, observed: ObservedSetting, catalog: Catalog) -> bool:
    """Tell whether what runs is what a reload would bring, as far as a reload can bring it."""
    following = [each for each in observed.origins if each.kind in INSTANCE_WIDE and not each.fault]
    if observed.value is None or observed.pending is not None or not following:
        return True
    last = following[-1]
    return last.is_in_force or last.text is None or catalog.is_same(name, last.text, observed.value)


def _unlisted(found: dict[str, tuple[Back, _Finding]], catalog: Catalog) -> tuple[Blocked, ...]:
    return tuple(
        Blocked(
            parameter=name,
            desired=back.back,
            why=f"{catalog.engine} {catalog.version} does not list it now",
            next_step="load the module that brings it, or take its entry out by hand",
        )
        for name, (back, finding) in found.items()
        if finding is _Finding.UNLISTED
    )


def _dropped(
    ours: Sequence[Back], steps: Sequence[Step], blocked: Sequence[Blocked], engine: Engine
) -> tuple[Blocked, ...]:
    """Answer what the engine made no step for and gave no reason: an ending never forgets a parameter."""
    fold = engine.grammar.fold_name
    told = {fold(each.parameter) for each in (*steps, *blocked) if each.parameter}
    return tuple(
        Blocked(parameter=each.parameter, desired=each.back, why="the engine knows no step that puts it back")
        for each in ours
        if fold(each.parameter) not in told
    )

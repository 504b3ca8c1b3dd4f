"""Changing one instance: plan, apply, take back, verify; a killed process leaves a true record."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from setpoint.config.budget import BudgetVerdict, judge, typed_values
from setpoint.config.drift import Drift, classify
from setpoint.control.desired import Desired, desired_of, running_texts
from setpoint.control.watch import catalog_of, last_seen, observe
from setpoint.engines.plan import Plan, Step, StepKind
from setpoint.engines.planner import make_plan
from setpoint.engines.port import Release
from setpoint.engines.session import Application, Verified, run_restart_command
from setpoint.errors import (
    ApplyError,
    InputError,
    NotFoundError,
    OverBudgetError,
    RefusedError,
    SetpointError,
    StalePlanError,
)
from setpoint.store.records import Apply, Owned

if TYPE_CHECKING:
    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Instance, SettingText
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.engines.port import Driver

BeforeStep = Callable[[int, Step], None]
STALE_AFTER = timedelta(hours=1)
"""How old an observation may be before drift calls itself stale."""


@dataclass(frozen=True)
class Planned:
    """A plan with what it rests on, and the apply that a dead process left behind, if there is one.

    `budget` weighs the memory that may be used once the plan is applied.
    """

    plan: Plan
    desired: Desired
    budget: BudgetVerdict
    observation: Observation
    catalog: Catalog
    unfinished: Apply | None
    unfinished_steps: tuple[Step, ...]


def plan(context: Context, name: str) -> Planned:
    """Observe an instance and plan what takes it to its desired settings; the plan is kept by its hash."""
    revision, configuration = context.head()
    instance = configuration.instance(name)
    engine = context.engine_of(instance)
    observation, catalog = observe(context, name)
    base = revision.id if revision is not None else ""
    desired = desired_of(engine, configuration, observation, catalog, revision=base, at=context.now())
    releases = [
        Release(parameter=owned.parameter, ours=owned.ours, restore=owned.restore)
        for owned in context.store.journal.owned(name)
        if owned.parameter not in desired.resolved
    ]
    made = make_plan(engine, desired.resolved, observation, catalog, revision=base, releases=releases)
    budget, over_budget = _weigh(made, desired, observation, catalog)
    made = msgspec.structs.replace(made, over_budget=over_budget)
    context.store.plans.put(made.hash, name, base, msgspec.json.encode(made), context.actor, context.now())
    unfinished = context.store.journal.unfinished(name)
    return Planned(made, desired, budget, observation, catalog, unfinished, _begun_steps(context, unfinished))


def find_plan(context: Context, name_or_hash: str) -> Plan:
    """Answer a kept plan by its hash or the beginning of one; raise `NotFoundError`."""
    return msgspec.json.decode(context.store.plans.get(name_or_hash).body, type=Plan)


def apply(
    context: Context,
    made: Plan,
    *,
    may_restart: bool,
    accept_risk: str = "",
    before_step: BeforeStep | None = None,
) -> Verified:
    """Apply a plan and read everything back.

    `accept_risk` is the reason for which the acting person accepts a plan that could exceed the host's
    memory. `before_step` is called with each step's number (from 0) before it is taken; a `SetpointError`
    that it raises has everything taken back. Raises `StalePlanError`, `HeldError`, `OverBudgetError`,
    `ApplyError` with the state it left, `UnreachableError`.
    """
    revision, configuration = context.head()
    if (revision.id if revision is not None else "") != made.revision:
        message = "the configuration was changed after the plan was made"
        raise StalePlanError(message, where=made.instance, next_step="make a new plan and read it again")
    if made.over_budget and not accept_risk:
        raise OverBudgetError(
            made.over_budget, where=made.instance, next_step="accept the risk by name, or ask for less"
        )
    instance = configuration.instance(made.instance)
    restart = _restarter(made.instance, instance) if may_restart and made.restarts else None
    with context.connected(made.instance, instance, is_read_only=False) as driver:
        driver.lock(context.holder)
        _settle_unfinished(context, made.instance)
        journal = _begin(context, made, is_undo=False, before_step=before_step)
        if made.over_budget:
            detail = {"plan": made.hash, "over_budget": made.over_budget, "because": accept_risk}
            context.store.audit.append(context.actor, "risk.accepted", made.instance, detail, context.now())
        application = _application(context, driver, instance, made, journal, restart)
        verified = journal.ended(application.run, "applied")
    for parameter in made.released:
        context.store.journal.disown(made.instance, parameter)
    context.store.snapshots.put(verified.observation, verified.catalog.data)
    return verified


def undo(context: Context, name: str, *, may_restart: bool) -> tuple[Plan, Verified]:
    """Take back the last apply to an instance, complete or interrupted; answer its plan and read-back.

    Raises `RefusedError` when there is nothing to take back, `ConflictError` when somebody changed it since.
    """
    last = context.store.journal.last(name)
    if last is None or last.outcome == "undone" or last.step == 0 or last.state == "old":
        raise RefusedError(
            "there is no apply to take back", where=name, next_step="`setpoint history` shows what was done"
        )
    made = find_plan(context, last.plan_hash)
    instance = context.head()[1].instance(name)
    numbers = [
        number
        for number in range(last.step)
        if made.steps[number].kind is not StepKind.RESTART or may_restart
    ]
    restart = _restarter(name, instance) if may_restart and made.restarts else None
    with context.connected(name, instance, is_read_only=False) as driver:
        driver.lock(context.holder)
        _settle_unfinished(context, name)
        journal = _begin(context, made, is_undo=True)
        application = _application(context, driver, instance, made, journal, restart)
        verified = journal.ended(lambda: application.undo(numbers), "undone")
    for step in made.steps:
        if step.parameter and (step.prior is None or step.prior.persisted is None):
            context.store.journal.disown(name, step.parameter)
    context.store.snapshots.put(verified.observation, verified.catalog.data)
    return made, verified


def drift(
    context: Context, name: str, *, is_fresh: bool, stale_after: timedelta | None = STALE_AFTER
) -> tuple[Observation, tuple[Drift, ...]]:
    """Judge every managed parameter, from a fresh observation or from the last remembered one.

    An observation older than `stale_after` (None: however old) is called stale.
    """
    revision, configuration = context.head()
    instance = configuration.instance(name)
    if is_fresh:
        observation, catalog = observe(context, name)
    else:
        observation, catalog = last_seen(context, name, instance)
    base = revision.id if revision is not None else ""
    now = context.now()
    desired = desired_of(
        context.engine_of(instance), configuration, observation, catalog, revision=base, at=now
    )
    return observation, classify(desired.texts(), observation, catalog, at=now, stale_after=stale_after)


def drift_of_snapshots(context: Context) -> dict[str, tuple[Drift, ...]]:
    """Judge every instance that was ever observed from its last snapshot."""
    revision, configuration = context.head()
    base = revision.id if revision is not None else ""
    now = context.now()
    judged: dict[str, tuple[Drift, ...]] = {}
    for name, observation in context.store.snapshots.latest_many().items():
        instance = configuration.instances.get(name)
        if instance is None:
            continue
        catalog = catalog_of(context, instance, observation)
        engine = context.engine_of(instance)
        desired = desired_of(engine, configuration, observation, catalog, revision=base, at=now)
        judged[name] = classify(desired.texts(), observation, catalog, at=now, stale_after=STALE_AFTER)
    return judged


class _StoreJournal:
    """The session's journal, kept in the store under one apply."""

    def __init__(
        self,
        context: Context,
        record: Apply,
        made: Plan,
        catalog: Catalog,
        *,
        is_undo: bool,
        before_step: BeforeStep | None,
    ) -> None:
        self._context = context
        self._record = record
        self._plan = made
        self._catalog = catalog
        self._is_undo = is_undo
        self._before_step = before_step
        self._standing = {owned.parameter: owned.ours for owned in context.store.journal.owned(made.instance)}

    def intend(self, number: int, step: Step) -> None:
        """Record a step before it happens, and what of it will be ours."""
        if self._before_step is not None:
            self._before_step(number, step)
        is_ours = step.kind is StepKind.SET and step.parameter not in self._plan.released
        owned = self._owned(step) if step.parameter and (is_ours or self._is_undo) else None
        detail = {"kind": step.kind.value, "is_undo": self._is_undo}
        self._context.store.journal.intend(
            self._record.id, number + 1, owned, at=self._context.now(), detail=detail
        )

    def done(self, number: int) -> None:
        """Record that the step happened."""
        self._context.store.journal.done(self._record.id, number + 1)

    def ended(self, work: Callable[[], Verified], outcome: str) -> Verified:
        """Do the work and record how it ended."""
        journal, now = self._context.store.journal, self._context.now
        try:
            verified = work()
        except ApplyError as fault:
            state = "old" if fault.state == "old" else "mixed"
            journal.finish(self._record.id, "failed", state, fault.what, at=now())
            raise
        except RefusedError as fault:
            journal.finish(self._record.id, "failed", "old", fault.what, at=now())
            raise
        except SetpointError as fault:
            journal.finish(self._record.id, "interrupted", "", fault.what, at=now())
            raise
        journal.finish(self._record.id, "undone" if outcome == "undone" else "applied", "new", at=now())
        return verified

    def _owned(self, step: Step) -> Owned | None:
        prior = step.prior.persisted if step.prior is not None else None
        ours, restore = (prior, step.text) if self._is_undo else (step.text, prior)
        if ours is None:
            return None
        return Owned(
            instance=self._plan.instance,
            parameter=step.parameter,
            ours=ours,
            restore=self._as_we_wrote_it(step.parameter, restore),
            running_before=step.prior.running if step.prior is not None else None,
            apply_id=self._record.id,
            at=self._context.now(),
        )

    def _as_we_wrote_it(self, parameter: str, found: SettingText) -> SettingText:
        """Answer our own spelling of a text that is ours already, so that the first prior is kept."""
        ours = self._standing.get(parameter)
        if found is None or ours is None or not self._catalog.is_same(parameter, found, ours):
            return found
        return ours


def _begin(
    context: Context, made: Plan, *, is_undo: bool, before_step: BeforeStep | None = None
) -> _StoreJournal:
    record = Apply(
        id=uuid4().hex,
        instance=made.instance,
        plan_hash=made.hash,
        revision=made.revision,
        actor=context.actor,
        host=socket.gethostname(),
        pid=os.getpid(),
        started_at=context.now(),
        steps=len(made.steps),
    )
    context.store.journal.begin(record)
    _, catalog = last_seen(context, made.instance, context.head()[1].instance(made.instance))
    return _StoreJournal(context, record, made, catalog, is_undo=is_undo, before_step=before_step)


def _settle_unfinished(context: Context, name: str) -> None:
    """Close the record of a dead process. We hold the instance, so nobody is at work on it any more."""
    left = context.store.journal.unfinished(name)
    if left is not None:
        message = f"its process ended in step {left.step} of {left.steps}"
        context.store.journal.finish(left.id, "interrupted", "", message, at=context.now())


def _begun_steps(context: Context, left: Apply | None) -> tuple[Step, ...]:
    if left is None:
        return ()
    try:
        return find_plan(context, left.plan_hash).steps[: left.step]
    except NotFoundError:
        return ()


def _application(
    context: Context,
    driver: Driver,
    instance: Instance,
    made: Plan,
    journal: _StoreJournal,
    restart: Callable[[], None] | None,
) -> Application:
    return Application(
        engine=context.engine_of(instance),
        driver=driver,
        plan=made,
        journal=journal,
        now=context.now,
        holder=context.holder,
        restart=restart,
    )


def _restarter(name: str, instance: Instance) -> Callable[[], None]:
    if not instance.restart_command:
        message = "no restart command is configured"
        raise InputError(
            message, where=name, next_step="`setpoint instance set` gives it one, or restart it yourself"
        )
    return lambda: run_restart_command(instance.restart_command)


def _weigh(
    made: Plan, desired: Desired, observation: Observation, catalog: Catalog
) -> tuple[BudgetVerdict, str]:
    """Weigh the plan's result, and say why it could exceed the memory; empty when not, or no worse."""
    running = running_texts(observation)
    before = judge(desired.claims, typed_values(running, catalog), desired.facts)
    after = judge(desired.claims, typed_values({**running, **made.expected}, catalog), desired.facts)
    if not after.is_over or (after.total or 0) <= (before.total or 0):
        return after, ""
    try:
        after.require()
    except OverBudgetError as fault:
        return after, str(fault)
    return after, ""

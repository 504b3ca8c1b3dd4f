"""Changing one instance: plan, apply, take back, verify; a killed process leaves a true record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.budget import BudgetVerdict, judge, typed_values
from setpoint.config.drift import Drift, classify
from setpoint.control.desired import Desired, desired_of, running_texts
from setpoint.control.logbook import Logbook, is_at_work, is_undo
from setpoint.control.past import (
    begun_steps,
    effective,
    keep_plan,
    left_open,
    releases,
    to_take_back,
    written_before,
)
from setpoint.control.watch import catalog_of, last_seen, observe
from setpoint.engines import session
from setpoint.engines.plan import Plan, Step, StepKind
from setpoint.engines.planner import make_plan, make_way_back
from setpoint.engines.registry import get_engine
from setpoint.engines.session import Application, Verified, run_restart_command
from setpoint.errors import InputError, OverBudgetError, RefusedError, StalePlanError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Configuration, Instance
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.engines.port import Driver
    from setpoint.store.records import Apply

BeforeStep = Callable[[int, Step], None]
STALE_AFTER = timedelta(hours=1)
"""How old an observation may be before drift calls itself stale."""


@dataclass(frozen=True)
class Planned:
    """A plan with what it rests on, and the apply or undo that is not finished, if there is one.

    `budget` weighs the memory that may be used once the plan is applied. `unfinished_steps` are those that
    were begun. `is_at_work` tells that the unfinished one's process is seen to live on this host; else it
    died, or runs on another host.
    """

    plan: Plan
    desired: Desired
    budget: BudgetVerdict
    observation: Observation
    catalog: Catalog
    unfinished: Apply | None
    unfinished_steps: tuple[Step, ...]

    @property
    def is_at_work(self) -> bool:
        """Whether somebody is seen to be at work on the instance."""
        return self.unfinished is not None and is_at_work(self.unfinished)

    @property
    def is_undo(self) -> bool:
        """Whether what is not finished was taking something back."""
        return self.unfinished is not None and is_undo(self.unfinished)


def plan(context: Context, name: str) -> Planned:
    """Observe an instance and plan what takes it to its desired settings; the plan is kept by its hash."""
    revision, configuration = context.head()
    instance = configuration.instance(name)
    engine = context.engine_of(instance)
    observation, catalog = observe(context, name)
    base = revision.id if revision is not None else ""
    desired = desired_of(engine, configuration, observation, catalog, revision=base, at=context.now())
    made = make_plan(
        engine,
        desired.resolved,
        observation,
        catalog,
        revision=base,
        releases=tuple(releases(context, desired, observation, catalog)),
        left=left_open(context, name),
    )
    budget, over_budget = _weigh(made, desired, observation, catalog)
    made = msgspec.structs.replace(made, over_budget=over_budget)
    keep_plan(context, made)
    unfinished = context.store.journal.unfinished(name)
    return Planned(made, desired, budget, observation, catalog, unfinished, begun_steps(context, unfinished))


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
    if made.over_budget and not accept_risk.strip():
        raise OverBudgetError(
            made.over_budget, where=made.instance, next_step="accept the risk by name, or ask for less"
        )
    instance = configuration.instance(made.instance)
    restart = _restarter(made, instance) if may_restart else None
    let_go = _let_go(context, configuration, made)
    keep_plan(context, made)
    logbook = Logbook(context, made, before_step=before_step)
    with context.connected(made.instance, instance, is_read_only=False) as driver:
        application = _application(context, driver, made, logbook, restart)
        return _carry_out(context, application, logbook, accept_risk, let_go)


def undo(context: Context, name: str, *, may_restart: bool) -> tuple[Plan, Verified]:
    """Take back the last apply to an instance, complete or cut short; answer the way back and its read-back.

    What was cut short before it goes back with it, so that the instance ends in a state it was wholly in
    before. Raises `RefusedError` when there is nothing to take back, `ConflictError` when somebody changed
    it since.
    """
    revision, configuration = context.head()
    instance = configuration.instance(name)
    with context.connected(name, instance, is_read_only=False) as driver:
        driver.lock(context.holder)
        observation, catalog = session.observe(context.engine_of(instance), driver, name, at=context.now())
        records = list(effective(context, name))
        begun = to_take_back(context, records, catalog)
        if not begun:
            raise RefusedError(
                "there is no apply to take back",
                where=name,
                next_step="`setpoint audit log` shows what was done",
            )
        back = make_way_back(
            begun,
            observation,
            catalog,
            revision=revision.id if revision is not None else "",
            ours_before=written_before(context, records),
        )
        keep_plan(context, back)
        restart = _restarter(back, instance) if may_restart else None
        logbook = Logbook(context, back, is_undo=True)
        application = _application(context, driver, back, logbook, restart)
        return back, _carry_out(context, application, logbook, "", back.released)


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


def _let_go(context: Context, configuration: Configuration, made: Plan) -> tuple[str, ...]:
    """Answer what is ours no more after a plan: released by it, back already, or taken over by a person."""
    instance = configuration.instance(made.instance)
    observation, catalog = last_seen(context, made.instance, instance)
    engine, now = context.engine_of(instance), context.now()
    desired = desired_of(engine, configuration, observation, catalog, revision=made.revision, at=now)
    blocked = {blocked.parameter for blocked in made.blocked}
    fold = engine.grammar.fold_name
    kept = {fold(name) for name in (desired.resolved.keys() | blocked)}
    names = [owned.parameter for owned in context.store.journal.owned(made.instance)]
    return tuple(name for name in names if fold(name) not in kept)


def _carry_out(
    context: Context, application: Application, logbook: Logbook, accept_risk: str, let_go: Iterable[str]
) -> Verified:
    """Run an application with its logbook, and remember what was seen at its end."""
    made = application.plan
    application.check()
    logbook.begin()
    if made.over_budget:
        detail = {"plan": made.hash, "over_budget": made.over_budget, "because": accept_risk}
        context.store.audit.append(context.actor, "risk.accepted", made.instance, detail, context.now())
    verified = logbook.ended(application.run, let_go=let_go)
    context.store.snapshots.put(verified.observation, verified.catalog.data)
    return verified


def _application(
    context: Context,
    driver: Driver,
    made: Plan,
    logbook: Logbook,
    restart: Callable[[], None] | None,
) -> Application:
    return Application(
        engine=get_engine(made.engine),
        driver=driver,
        plan=made,
        journal=logbook,
        now=context.now,
        holder=context.holder,
        restart=restart,
    )


def _restarter(made: Plan, instance: Instance) -> Callable[[], None] | None:
    """Answer the way to restart, None where the plan needs no restart."""
    if not any(step.kind is StepKind.RESTART for step in made.steps):
        return None
    if not instance.restart_command:
        message = "no restart command is configured"
        raise InputError(
            message,
            where=made.instance,
            next_step="`setpoint instance set` gives it one, or restart it yourself",
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

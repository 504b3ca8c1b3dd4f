"""Changing one instance: plan, apply, take back, verify; a killed process leaves a true record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.drift import Drift, classify
from setpoint.control import admission, gate, overridden
from setpoint.control.budget import weigh
from setpoint.control.desired import Desired, desired_of
from setpoint.control.execution import Reasons, carry_out, make_application, restarter
from setpoint.control.guard import earlier_pair, watch_over
from setpoint.control.logbook import Logbook, is_at_work, is_undo
from setpoint.control.past import begun_steps, find_made, keep_plan, left_open, releases, way_back
from setpoint.control.standing import is_base_current
from setpoint.control.waivers import everything, parameters_waived, waive_drift
from setpoint.control.watch import catalog_of, last_seen, observe
from setpoint.engines import session
from setpoint.engines.plan import Plan, Step
from setpoint.engines.planner import make_plan
from setpoint.errors import OverBudgetError, StalePlanError
from setpoint.policy.person import Right
from setpoint.policy.waiver import waived_parameters

if TYPE_CHECKING:
    from setpoint.catalog import Catalog
    from setpoint.config.budget import BudgetVerdict
    from setpoint.config.configuration import Configuration, Instance
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.engines.session import Verified
    from setpoint.policy.verdict import Verdict
    from setpoint.store.records import Apply

BeforeStep = Callable[[int, Step], None]
STALE_AFTER = timedelta(hours=1)
"""How old an observation may be before drift calls itself stale."""

STALE_AFTER_OFFLINE = timedelta(days=7)
"""The same for an instance that only files reach: it is as old as the last file that was carried."""


@dataclass(frozen=True)
class Planned:
    """A plan with what it rests on, and the apply or undo that is not finished, if there is one.

    `budget` weighs the memory that may be used once the plan is applied; `verdict` is policy's word on it for
    the acting person. `unfinished_steps` are those that
    were begun. `is_at_work` tells that the unfinished one's process is seen to live on this host; else it
    died, or runs on another host.
    """

    plan: Plan
    desired: Desired
    budget: BudgetVerdict
    observation: Observation
    catalog: Catalog
    verdict: Verdict
    unfinished: Apply | None
    unfinished_steps: tuple[Step, ...]
    is_offline: bool = False
    """Whether only files reach the instance, so that the plan is handed out and not applied."""

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
    layers = overridden.layers(context, name)
    desired = desired_of(
        engine, configuration, observation, catalog, revision=base, at=context.now(), overrides=layers
    )
    made = make_plan(
        engine,
        desired.resolved,
        observation,
        catalog,
        revision=base,
        releases=tuple(releases(context, desired, observation, catalog)),
        left=left_open(context, name),
    )
    if instance.is_offline:
        since = f"made from what it said {observation.at:%Y-%m-%d %H:%MZ}: only files reach it"
        made = msgspec.structs.replace(made, warnings=(*made.warnings, since))
    budget, over_budget = weigh(made, desired.claims, desired.facts, observation, catalog)
    made = msgspec.structs.replace(made, over_budget=over_budget)
    principal = gate.authenticate(context, Right.OBSERVE, name)
    keep_plan(context, made, principal.name)
    verdict = admission.judge_plan(
        context, made, observation, catalog, gate.authenticate(context, Right.OBSERVE)
    )
    unfinished = context.store.journal.unfinished(name)
    return Planned(
        made,
        desired,
        budget,
        observation,
        catalog,
        verdict,
        unfinished,
        begun_steps(context, unfinished),
        instance.is_offline,
    )


def apply(
    context: Context,
    made: Plan,
    *,
    may_restart: bool,
    accept_risk: str = "",
    emergency: str = "",
    before_step: BeforeStep | None = None,
    is_watched: bool = True,
) -> Verified:
    """Apply a plan that was made here, read everything back, and watch it as long as guardrails ask for.

    `accept_risk` is the reason for which the acting person accepts a plan that could exceed the host's
    memory, `emergency` the one for which they act in an emergency. `before_step` is called with each step's
    number (from 0) before it is taken; a `SetpointError` that it raises has everything taken back. Where the
    guardrails are watched elsewhere, `is_watched` is False. Raises
    `NotPermittedError`, `RefusedError` with policy's reasons or what approvals lack, `StalePlanError`,
    `HeldError`, `OverBudgetError`, `ApplyError` with the state it left, `UnreachableError`, `GuardrailError`.
    """
    made = find_made(context, made.hash)
    overridden.check_free(context, made.instance, [step.parameter for step in made.steps if step.parameter])
    if made.overridden:
        message = f"it asks for what an override asked for that is over: {', '.join(made.overridden)}"
        raise StalePlanError(message, where=made.instance, next_step="make a new plan and read it")
    configuration = context.head()[1]
    observation, catalog = last_seen(context, made.instance, configuration.instance(made.instance))
    permit = admission.admit_apply(context, made, observation, catalog, is_emergency=bool(emergency))
    if not is_base_current(context, made.revision, (f"instance:{made.instance}",)):
        message = "the configuration was changed after the plan was made"
        raise StalePlanError(message, where=made.instance, next_step="make a new plan and read it again")
    if made.over_budget and not accept_risk.strip():
        raise OverBudgetError(
            made.over_budget, where=made.instance, next_step="accept the risk by name, or ask for less"
        )
    instance = configuration.instance(made.instance)
    restart = restarter(made, instance) if may_restart else None
    let_go = let_go_of(context, configuration, made)
    logbook = Logbook(context, made, before_step=before_step)
    before = earlier_pair(context, made.instance)

    def admit(seen: Observation, live: Catalog) -> Permit:
        # Again, and now under the instance's lock: what was given a moment ago may have been taken back.
        return admission.admit_apply(context, made, seen, live, is_emergency=bool(emergency))

    with context.connected(made.instance, instance, permit) as driver:
        application = make_application(context, driver, made, permit, logbook, restart)
        why = Reasons(accepted_risk=accept_risk, emergency=emergency)
        verified = carry_out(context, application, logbook, admit, let_go=let_go, why=why)
    if not is_watched:
        return verified
    watch_over(
        context,
        made,
        before,
        verified,
        permit=permit,
        is_emergency=bool(emergency),
        end=lambda: _take_back(context, made.instance, permit, may_restart=may_restart, is_ended=True),
    )
    return verified


def undo(context: Context, name: str, *, may_restart: bool, is_ended: bool = False) -> tuple[Plan, Verified]:
    """Take back the last apply to an instance, complete or cut short; answer the way back and its read-back.

    What was cut short before it goes back with it, so that the instance ends in a state it was wholly in
    before. What `is_ended`, by a guardrail or by what canaries showed, goes back without asking. Raises
    `RefusedError` when there is nothing to take back, `ConflictError` when somebody changed it since.
    """
    permit = gate.require(context, Right.APPLY, name)
    return _take_back(context, name, permit, may_restart=may_restart, is_ended=is_ended)


def plan_way_back(context: Context, name: str) -> Plan:
    """Plan what `undo` would do to an instance now; the plan is kept, so that it can be approved."""
    permit = gate.require(context, Right.PROPOSE, name)
    observation, catalog = observe(context, name)
    return way_back(context, name, observation, catalog, actor=permit.actor).plan


def _take_back(
    context: Context, name: str, permit: Permit, *, may_restart: bool, is_ended: bool = False
) -> tuple[Plan, Verified]:
    """Take back the last apply; policy is asked unless it never came to its end or a guardrail ends it."""
    instance = context.head()[1].instance(name)
    with context.connected(name, instance, permit) as driver:
        driver.lock(context.holder(permit.actor))
        observation, catalog = session.observe(context.engine_of(instance), driver, name, at=context.now())
        back = way_back(context, name, observation, catalog, actor=permit.actor)

        def admit(seen: Observation, live: Catalog) -> Permit:
            # What never came to its end goes back to what stood before it: nothing that was not there.
            is_free = back.is_cut_short or is_ended
            return permit if is_free else admission.admit_apply(context, back.plan, seen, live)

        admit(observation, catalog)
        restart = restarter(back.plan, instance) if may_restart else None
        logbook = Logbook(context, back.plan, work="undo")
        application = make_application(context, driver, back.plan, permit, logbook, restart)
        return back.plan, carry_out(context, application, logbook, admit, let_go=back.plan.released)


def drift(
    context: Context, name: str, *, is_fresh: bool, stale_after: timedelta | None = STALE_AFTER
) -> tuple[Observation, tuple[Drift, ...]]:
    """Judge every managed parameter, from a fresh observation or from the last remembered one.

    An observation older than `stale_after` (None: however old) is called stale. What a waiver accepts is no
    deviation.
    """
    revision, configuration = context.head()
    instance = configuration.instance(name)
    if is_fresh:
        observation, catalog = observe(context, name)
    else:
        observation, catalog = last_seen(context, name, instance)
    base = revision.id if revision is not None else ""
    now = context.now()
    engine, layers = context.engine_of(instance), overridden.layers(context, name)
    desired = desired_of(engine, configuration, observation, catalog, revision=base, at=now, overrides=layers)
    if stale_after == STALE_AFTER:
        stale_after = _stale_after(instance)
    judged = classify(desired.texts(), observation, catalog, at=now, stale_after=stale_after)
    return observation, waive_drift(judged, parameters_waived(context, name, instance))


def drift_of_snapshots(context: Context) -> dict[str, tuple[Drift, ...]]:
    """Judge every instance that was ever observed from its last snapshot."""
    revision, configuration = context.head()
    base = revision.id if revision is not None else ""
    now = context.now()
    waivers, layers = everything(context), overridden.layers_by_instance(context)
    judged: dict[str, tuple[Drift, ...]] = {}
    for name, observation in context.store.snapshots.latest_many().items():
        instance = configuration.instances.get(name)
        if instance is None:
            continue
        catalog = catalog_of(context, instance, observation)
        engine = context.engine_of(instance)
        desired = desired_of(
            engine,
            configuration,
            observation,
            catalog,
            revision=base,
            at=now,
            overrides=layers.get(name, ()),
        )
        drifts = classify(desired.texts(), observation, catalog, at=now, stale_after=_stale_after(instance))
        judged[name] = waive_drift(drifts, waived_parameters(waivers, name, instance, now))
    return judged


def _stale_after(instance: Instance) -> timedelta:
    return STALE_AFTER_OFFLINE if instance.is_offline else STALE_AFTER


def let_go_of(context: Context, configuration: Configuration, made: Plan) -> tuple[str, ...]:
    """Answer what is ours no more after a plan: released by it, back already, or taken over by a person."""
    instance = configuration.instance(made.instance)
    observation, catalog = last_seen(context, made.instance, instance)
    engine, now = context.engine_of(instance), context.now()
    layers = overridden.layers(context, made.instance)
    desired = desired_of(
        engine, configuration, observation, catalog, revision=made.revision, at=now, overrides=layers
    )
    blocked = {blocked.parameter for blocked in made.blocked}
    fold = engine.grammar.fold_name
    kept = {fold(name) for name in (desired.resolved.keys() | blocked)}
    names = [owned.parameter for owned in context.store.journal.owned(made.instance)]
    released = {fold(name) for name in made.released}
    return tuple(name for name in names if fold(name) not in kept or fold(name) in released)

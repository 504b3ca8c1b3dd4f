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
from setpoint.control.watch import catalog_of, last_seen, observe
from setpoint.engines import session
from setpoint.engines.plan import Plan, Step, StepKind
from setpoint.engines.planner import Begun, builds_on, is_persisted, make_plan, make_way_back
from setpoint.engines.port import Release
from setpoint.engines.registry import get_engine
from setpoint.engines.session import Application, Verified, run_restart_command
from setpoint.errors import InputError, NotFoundError, OverBudgetError, RefusedError, StalePlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Configuration, Instance, SettingText
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.control.context import Context
    from setpoint.engines.port import Driver
    from setpoint.store.records import Apply, Owned

_LOOK_BACK = 100
"""How many applies to one instance are looked through for what can be taken back."""
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
    releases = tuple(_releases(context, desired, observation, catalog))
    made = make_plan(
        engine,
        desired.resolved,
        observation,
        catalog,
        revision=base,
        releases=releases,
        left=_left_open(context, name),
    )
    budget, over_budget = _weigh(made, desired, observation, catalog)
    made = msgspec.structs.replace(made, over_budget=over_budget)
    _keep(context, made)
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
    if made.over_budget and not accept_risk.strip():
        raise OverBudgetError(
            made.over_budget, where=made.instance, next_step="accept the risk by name, or ask for less"
        )
    instance = configuration.instance(made.instance)
    restart = _restarter(made, instance) if may_restart else None
    let_go = _let_go(context, configuration, made)
    _keep(context, made)
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
        records = list(_effective(context, name))
        begun = _to_take_back(context, records, catalog)
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
            ours_before=_written_before(context, records),
        )
        _keep(context, back)
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


def _keep(context: Context, made: Plan) -> None:
    """Keep a plan by its hash, so that whoever comes after a dead process can read what it was doing."""
    body = msgspec.json.encode(made)
    context.store.plans.put(made.hash, made.instance, made.revision, body, context.actor, context.now())


def _releases(
    context: Context, desired: Desired, observation: Observation, catalog: Catalog
) -> Iterator[Release]:
    """Answer what is ours, is not asked for any more, and is not back yet at what stood before us."""
    asked = {catalog.grammar.fold_name(name) for name in desired.resolved}
    for owned in context.store.journal.owned(observation.instance):
        name, observed = owned.parameter, observation.settings.get(owned.parameter)
        if catalog.grammar.fold_name(name) in asked or is_persisted(name, owned.restore, observed, catalog):
            continue
        ours = _standing(context, owned, observed, catalog)
        yield Release(parameter=name, ours=ours, restore=owned.restore)


def _left_open(context: Context, name: str) -> tuple[Step, ...]:
    """Answer what an apply began that was cut short, and its reload and restart if they were not done."""
    record = next(_effective(context, name), None)
    if record is None or record.state == "new":
        return ()
    steps = find_plan(context, record.plan_hash).steps
    done = record.step if record.is_step_done else record.step - 1
    return (
        *(step for step in steps[: record.step] if step.parameter),
        *(step for step in steps[done:] if not step.parameter),
    )


def _effective(context: Context, name: str) -> Iterator[Apply]:
    """Answer the applies and undos that may have changed something, newest first."""
    rows = context.store.audit.rows(subject=name, action="apply.begin", limit=_LOOK_BACK, newest_first=True)
    for row in rows:
        record = context.store.journal.get(row.detail["apply"])
        if record.step and record.state != "old":
            yield record


def _standing(
    context: Context, owned: Owned, observed: ObservedSetting | None, catalog: Catalog
) -> SettingText:
    """Answer our text that stands, if one does: an apply that was cut short may not have come to its own."""
    record = context.store.journal.get(owned.apply_id)
    if record.state == "new":
        return owned.ours
    steps = [step for step in _begun_steps(context, record) if step.parameter == owned.parameter]
    found = [step.prior.persisted for step in steps if step.prior is not None]
    return next(
        (text for text in found if is_persisted(owned.parameter, text, observed, catalog)), owned.ours
    )


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


def _to_take_back(context: Context, records: list[Apply], catalog: Catalog) -> list[Begun]:
    """Answer what an undo takes back, newest first, and leave in the records what is older.

    That is the last apply that had an effect, and with it what it finished: an apply that was cut short or
    left a restart open, or an undo that was cut short, and then also what that one was taking back.
    """
    found: list[Begun] = []
    is_cut_short = False
    while records:
        record = records[0]
        if is_undo(record):
            if record.outcome == "undone":
                break
            is_cut_short = True
            del records[0]
            continue
        begun = Begun(find_plan(context, record.plan_hash), tuple(range(record.step)))
        if record.outcome == "applied":
            if found and not is_cut_short and not builds_on(found[-1], begun, catalog):
                break
            is_cut_short = False
        found.append(begun)
        del records[0]
    return found


def _written_before(context: Context, records: Iterable[Apply]) -> dict[str, SettingText]:
    """Answer for each parameter the text of ours that older records left, None where they gave it back."""
    written: dict[str, SettingText] = {}
    for record in records:
        made = find_plan(context, record.plan_hash)
        for step in reversed(made.steps[: record.step]):
            if step.parameter:
                is_given_back = step.parameter in made.released
                written.setdefault(step.parameter, None if is_given_back else step.text)
    return written


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

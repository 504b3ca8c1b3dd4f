"""Starting overrides: justified, let through, written down, the ways back armed, and only then applied.

What was written down ends by its deadline whatever becomes of the process that starts it: a start that was
cut short is ended by whoever notices.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from setpoint.config.layers import Layer, LayerKind
from setpoint.config.override import EndReason, Held, LinkState, Override, OverrideState
from setpoint.config.resolve import Resolved
from setpoint.control import admission, gate, overridden, proposals, words
from setpoint.control.budget import weigh
from setpoint.control.clock import moment_after
from setpoint.control.desired import claims_of, listed_name
from setpoint.control.execution import make_application
from setpoint.control.logbook import Logbook
from setpoint.control.notary import checkpoint_if_due
from setpoint.control.overrides import chain, ending
from setpoint.control.overrides.admission import admit_override, propose_override
from setpoint.control.overrides.holding import held_instance
from setpoint.control.overrides.orders import first_order
from setpoint.control.overrides.wish import Wish, checked
from setpoint.control.past import keep_plan
from setpoint.control.structs import work_out_structs
from setpoint.control.urgency import moves_of
from setpoint.control.watch import observe
from setpoint.engines.plan import StepKind
from setpoint.engines.planner import make_plan
from setpoint.engines.session import observe as look
from setpoint.errors import (
    ApplyError,
    ConflictError,
    InputError,
    InputErrors,
    OverBudgetError,
    RefusedError,
    SetpointError,
)
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Instance, SettingText
    from setpoint.config.observation import Observation
    from setpoint.config.override import Link
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.engines.plan import Plan
    from setpoint.engines.port import Driver
    from setpoint.engines.session import Application
    from setpoint.policy.approval import Change
    from setpoint.store.registers import Kept

START_LEASE_SECONDS = 30.0
"""How long whoever starts an override is waited for before it is taken to be cut short."""

_AT_ONCE = 8
"""How many instances are overridden at the same time."""


@dataclass(frozen=True)
class Started:
    """What became of a wish on one instance: the override, or why there is none."""

    instance: str
    override: Override | None
    fault: SetpointError | None = None


def start(
    context: Context, names: Sequence[str], wish: Wish, *, is_all_or_none: bool = False
) -> tuple[Started, ...]:
    """Start an override of each instance, several at once; answer what became of each, in the same order.

    With `is_all_or_none` those that were started are ended again where one could not be. Raises `InputErrors`
    for a wish that no instance could be given.
    """
    wish = checked(wish)
    if not names:
        raise InputError("no instance is meant", next_step="`setpoint instance list` shows them")
    batch = f"b{uuid4().hex[:10]}"
    if len(names) > 1:
        work_out_structs()
    with ThreadPoolExecutor(min(_AT_ONCE, len(names)), "override") as pool:
        done = [*pool.map(partial(_started, context, wish=wish, batch=batch), names)]
    if is_all_or_none and any(each.fault is not None for each in done):
        return tuple(_taken_back(context, each) for each in done)
    return tuple(done)


def propose(context: Context, name: str, wish: Wish) -> Change:
    """Ask for the emergency quorum that policy names for an override; raise `RefusedError` where none is.

    For what is in force already it is asked for an extension of that: `wish.seconds` is how long it is to
    last in all then.
    """
    wish = checked(wish)
    observation, catalog = observe(context, name)
    settings = _in_force(context, name, wish.settings, catalog)
    if settings is None:
        made = plan_override(context, name, wish.settings, observation, catalog, "")
        settings = {step.parameter: step.text for step in made.steps if step.parameter}
    moves = moves_of(settings, observation)
    return propose_override(
        context, moves, wish.seconds, observation, catalog, reason=wish.because, ticket=wish.ticket
    )


def _in_force(
    context: Context, name: str, settings: Mapping[str, SettingText], catalog: Catalog
) -> dict[str, SettingText] | None:
    """Answer what an override in force sets, as it is kept, where it is just what is asked for."""
    for override in overridden.overrides(context, is_open_only=True, instance=name):
        held = {key.lower(): text for key, text in override.settings.items()}
        is_same = held.keys() == settings.keys() and all(
            text is not None and wanted is not None and catalog.is_same(key, text, wanted)
            for key, text in held.items()
            for wanted in (settings[key],)
        )
        if override.is_desired and is_same:
            return override.settings
    return None


def _started(context: Context, name: str, wish: Wish, batch: str) -> Started:
    try:
        with gate.witnessed(context, Right.BREAK_GLASS, name):
            return Started(name, _start(context, name, wish, batch))
    except SetpointError as fault:
        return Started(name, None, fault)


def _taken_back(context: Context, each: Started) -> Started:
    if each.override is None:
        return each
    because = "one of those that were to be started together could not be"
    with suppress(SetpointError):
        ending.end(context, each.override.id, because=because)
    fault = RefusedError("it was ended again, as another could not be started", where=each.instance)
    return Started(each.instance, overridden.find(context, each.override.id).value, fault)


def _start(context: Context, name: str, wish: Wish, batch: str) -> Override:
    permit = gate.require(context, Right.BREAK_GLASS, name)
    ending.finish_due(context, name)
    id_ = f"{name}/o{uuid4().hex[:10]}"
    lease = context.store.leases.claim(f"override:{id_}", context.holder(permit.actor), START_LEASE_SECONDS)
    if lease is None:
        raise ConflictError(f"somebody else is starting {id_}", where=name)
    try:
        return _start_held(context, permit, id_, wish, batch)
    finally:
        # Whatever was begun and not ended is anybody's to end from here on.
        context.store.leases.release(lease)


def _start_held(context: Context, permit: Permit, id_: str, wish: Wish, batch: str) -> Override:
    revision, configuration = context.head()
    name = id_.partition("/")[0]
    instance = configuration.instance(name)
    with held_instance(context, name, instance, permit) as (driver, is_preempted):
        observation, catalog = look(context.engine_of(instance), driver, name, at=context.now())
        made = plan_override(
            context, name, wish.settings, observation, catalog, revision.id if revision else ""
        )
        made = msgspec.structs.replace(made, over_budget=over_budget_of(context, made, observation, catalog))
        if made.over_budget and not wish.accept_risk:
            next_step = "accept the risk by name (--accept-risk), or ask for less"
            raise OverBudgetError(made.over_budget, where=name, next_step=next_step)
        moves = moves_of({step.parameter: step.text for step in made.steps if step.parameter}, observation)
        permit = admit_override(context, moves, wish.seconds, observation, catalog)
        fresh = override_of(context, id_, wish, batch, made, permit)
        kept = _written(context, fresh, made, permit, wish)
        start = _Start(context, instance, driver, permit, made, is_preempted)
        done = start.carry_out(kept)
    checkpoint_if_due(context)
    return done.value


@dataclass(frozen=True)
class _Start:
    """One override that is written down and is being brought to its instance."""

    context: Context
    instance: Instance
    driver: Driver
    permit: Permit
    plan: Plan
    is_taking_over: bool

    def carry_out(self, kept: Kept[Override]) -> Kept[Override]:
        """Arm the chain, apply and read back.

        What failed and left the instance as it was is closed; of anything else nobody knows, so that it is
        left to be ended by whoever comes next.
        """
        context = self.context
        try:
            links = self._arm(kept.value)
            application, logbook = self._begin(kept)
        except SetpointError as fault:
            self._note_failed(kept, fault)
            raise
        try:
            verified = logbook.ended(application.run, let_go=())
        except SetpointError as fault:
            if isinstance(fault, ApplyError) and fault.state == "old":
                self._note_failed(kept, fault)
            else:
                fault.next_step = f"{kept.value.id} is written down and is ended by whoever comes to it first"
            raise
        context.store.snapshots.put(verified.observation, verified.catalog.data)
        active = msgspec.structs.replace(
            kept.value, state=OverrideState.ACTIVE, active_at=context.now(), links=links
        )
        detail = {
            "until": active.deadline.isoformat(timespec="seconds"),
            "links": {link.kind.value: link.state.value for link in links},
        }
        return overridden.put(context, kept, active, "override.active", detail, actor=self.permit.actor)

    def _arm(self, override: Override) -> tuple[Link, ...]:
        order = first_order(override, self.instance, at=self.context.now())
        links = chain.arm(self.context, self.driver, order)
        if not any(link.state is LinkState.ARMED for link in links):
            chain.disarm(self.context, self.driver, order)
            whole = "; ".join(f"{link.kind.value}: {link.detail}" for link in links)
            message = f"nobody would end it: {whole}"
            next_step = "`setpoint run` starts a worker"
            raise RefusedError(message, where=override.instance, next_step=next_step)
        return links

    def _begin(self, kept: Kept[Override]) -> tuple[Application, Logbook]:
        context, store = self.context, self.context.store
        logbook = Logbook(context, self.plan, work="override", is_taking_over=self.is_taking_over)
        application = make_application(context, self.driver, self.plan, self.permit, logbook, None)
        application.check()
        with store.transaction():
            # Whoever took this start for cut short has written so, and we are too late.
            if store.overrides.get(kept.value.id).version != kept.version:
                message = f"somebody else ended {kept.value.id} meanwhile"
                raise ConflictError(message, where=kept.value.instance, next_step="start another one")
            logbook.begin(self.permit)
        return application, logbook

    def _note_failed(self, kept: Kept[Override], fault: SetpointError) -> None:
        """Close an override that left its instance as it was."""
        context, now = self.context, self.context.now()
        chain.disarm(context, self.driver, first_order(kept.value, self.instance, at=now))
        ended = msgspec.structs.replace(
            kept.value,
            state=OverrideState.ENDED,
            ending_at=now,
            ending_by="setpoint",
            ending_why=EndReason.CUT_SHORT,
            ending_because=words.masked(fault.what),
            ended_at=now,
        )
        # Whoever ended it before us has told so.
        with suppress(ConflictError):
            overridden.put(
                context, kept, ended, "override.refused", {"because": fault.what}, actor="setpoint"
            )


def plan_override(
    context: Context,
    name: str,
    settings: Mapping[str, SettingText],
    observation: Observation,
    catalog: Catalog,
    revision: str,
) -> Plan:
    """Plan what an override does, and nothing else; raise `InputErrors` or `RefusedError` where it cannot."""
    engine = context.engine_of(context.head()[1].instance(name))
    layer = Layer(LayerKind.OVERRIDE, name, dict(settings))
    wanted = {
        listed_name(catalog, key): Resolved(text, (layer,))
        for key, text in settings.items()
        if text is not None
    }
    made = make_plan(engine, wanted, observation, catalog, revision=revision)
    blocked = [InputError(f"{each.parameter}: {each.why}", next_step=each.next_step) for each in made.blocked]
    if blocked:
        raise InputErrors(blocked, where=name)
    waiting = sorted(made.restarts) or [step.reason for step in made.steps if step.kind is StepKind.RESTART]
    if waiting:
        message = f"{', '.join(waiting)} would wait for a restart, and could not be taken back without one"
        next_step = "plan a change with a restart instead: `setpoint plan`"
        raise RefusedError(message, where=name, next_step=next_step)
    if not any(step.parameter for step in made.steps):
        raise RefusedError("all of it is so already", where=name, next_step="nothing needs to be done")
    overridden.check_free(context, name, [step.parameter for step in made.steps if step.parameter])
    return made


def over_budget_of(context: Context, made: Plan, observation: Observation, catalog: Catalog) -> str:
    """Say why an override could exceed the host's memory; empty where it cannot."""
    instance = context.head()[1].instance(made.instance)
    claims = claims_of(context.engine_of(instance), catalog)
    return weigh(made, claims, observation.facts.with_declared(instance.facts), observation, catalog)[1]


def override_of(context: Context, id_: str, wish: Wish, batch: str, made: Plan, permit: Permit) -> Override:
    """Make the override that a plan brings, to begin now."""
    managed = {owned.parameter.lower() for owned in context.store.journal.owned(made.instance)}
    held = tuple(
        Held(
            parameter=step.parameter,
            ours=step.text,
            before=step.prior.persisted if step.prior is not None else None,
            running_before=step.prior.running if step.prior is not None else None,
            is_managed=step.parameter.lower() in managed,
            is_passing=step.is_passing,
        )
        for step in made.steps
        if step.parameter
    )
    now = context.now()
    return Override(
        id=id_,
        batch=batch,
        instance=made.instance,
        held=held,
        by=permit.actor,
        account=permit.principal.account,
        because=wish.because,
        ticket=wish.ticket,
        started_at=now,
        deadline=now + timedelta(seconds=wish.seconds),
        deadline_moment=moment_after(context.moment(), wish.seconds),
        guards=wish.guards,
        plan=made.hash,
        change=permit.change,
        base=made.revision,
    )


def _written(context: Context, override: Override, made: Plan, permit: Permit, wish: Wish) -> Kept[Override]:
    """Write an override down, with its audit row, and use up the approvals it rests on."""
    keep_plan(context, made, permit.actor)
    with context.store.transaction():
        admission.check_ground(context, permit, override.instance)
        names = [held.parameter for held in override.held]
        overridden.check_free(context, override.instance, names)
        proposals.spend(context, permit, f"override {override.id} of {override.instance}")
        detail = {
            "because": override.because,
            "ticket": override.ticket,
            "settings": override.settings,
            "until": override.deadline.isoformat(timespec="seconds"),
            "plan": made.hash,
            **permit.detail(),
        }
        if made.over_budget:
            detail |= {"over_budget": made.over_budget, "accepted_because": wish.accept_risk}
        return overridden.put(context, None, override, "override.started", detail, actor=permit.actor)

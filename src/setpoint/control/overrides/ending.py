"""Ending overrides: put back what the layers ask for now, as far as what stands is still ours.

Nothing is remembered that would have to be undone: an ending is made from what is seen, conditional and
idempotent, so that any worker may make it, any number of times, and after one that died in the middle.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as dataclass_replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.override import Clash, EndReason, LinkKind, LinkState, Override, OverrideState
from setpoint.control import gate, overridden, words
from setpoint.control.clock import is_over
from setpoint.control.execution import make_application
from setpoint.control.logbook import Logbook, is_of_override, is_start
from setpoint.control.overrides import chain
from setpoint.control.overrides.holding import held_instance
from setpoint.control.overrides.orders import order_now
from setpoint.control.past import keep_plan
from setpoint.control.watch import catalog_of
from setpoint.engines.ending import make_ending, settle
from setpoint.engines.plan import Prior, Step, StepKind
from setpoint.engines.session import Verified
from setpoint.engines.session import observe as look
from setpoint.errors import HeldError, RefusedError, SetpointError, UnavailableError
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Instance
    from setpoint.config.observation import Observation
    from setpoint.config.override import Held, Link
    from setpoint.control.context import Context
    from setpoint.engines.ending import Ending
    from setpoint.engines.order import Order
    from setpoint.engines.port import Driver
    from setpoint.store.records import Lease, Owned
    from setpoint.store.registers import Kept

END_LEASE_SECONDS = 10.0
"""How long a worker that is ending an override is waited for before another one takes over."""

REVIEW_WITHIN = timedelta(days=3)
"""When the review of an override is due, from its end on."""


def end(context: Context, name: str, *, because: str) -> Override:
    """End an override now, by hand; answer it as it is then.

    Whoever may apply may end. Raises `RefusedError` for one that is over, and what keeps the instance from
    being put back: the override is desired no more from here on, and is tried for ever.
    """
    kept = overridden.find(context, name)
    with gate.witnessed(context, Right.APPLY, kept.value.instance):
        permit = gate.require(context, Right.APPLY, kept.value.instance)
        because = words.require_reason(because)
        if not kept.value.is_open:
            message = f"{kept.value.id} is over: {kept.value.state.value}"
            raise RefusedError(message, where=kept.value.instance)
    if kept.value.is_desired:
        kept = mark(context, kept, EndReason.BY_HAND, because=because, actor=permit.actor)
    return finish(context, kept.value.id, link=None).value


def mark(
    context: Context, kept: Kept[Override], why: EndReason, *, because: str = "", actor: str = "setpoint"
) -> Kept[Override]:
    """Note that an override is desired no more, and why; raise `ConflictError` when somebody was first."""
    ending = msgspec.structs.replace(
        kept.value,
        state=OverrideState.ENDING,
        ending_at=context.now(),
        ending_by=actor,
        ending_why=why,
        ending_because=because,
    )
    detail = {"why": why.value, "because": because}
    return overridden.put(context, kept, ending, "override.ending", detail, actor=actor)


def why_over(context: Context, override: Override) -> EndReason | None:
    """Say why a desired override is to end now: its deadline, or a start cut short; None: not yet."""
    if is_over(override.deadline, override.deadline_moment, context.now(), context.moment()):
        return EndReason.DEADLINE
    is_starting = override.state is OverrideState.STARTING
    if is_starting and context.store.leases.holder_of(f"override:{override.id}") is None:
        return EndReason.CUT_SHORT
    return None


def end_if_over(context: Context, id_: str, *, link: LinkKind | None = LinkKind.RECONCILER) -> None:
    """End an override if it is to end now; raises what `finish` raises."""
    kept = context.store.overrides.get(id_)
    if kept.value.is_desired:
        why = why_over(context, kept.value)
        if why is None:
            return
        mark(context, kept, why)
    finish(context, id_, link=link)


def finish_due(context: Context, instance: str) -> None:
    """End what should be over on an instance and nobody ended yet, as far as it can be ended now."""
    for override in overridden.overrides(context, is_open_only=True, instance=instance):
        with suppress(SetpointError):
            end_if_over(context, override.id, link=None)


def finish(context: Context, id_: str, *, link: LinkKind | None = LinkKind.RECONCILER) -> Kept[Override]:
    """Put the instance of an override back that is desired no more; answer the override once it is over.

    `link` is the link of its chain that does so, None for a person.
    Raises `HeldError` where somebody else is at just that, and whatever keeps the instance from being put
    back; then it is to be tried again.
    """
    kept = context.store.overrides.get(id_)
    if not kept.value.is_open:
        return kept
    if kept.value.is_desired:
        message = f"{id_} is in force still"
        raise RefusedError(message, where=kept.value.instance)
    permit = gate.permit_to_end(context, kept.value)
    lease = context.store.leases.claim(f"override:{id_}", context.holder(permit.actor), END_LEASE_SECONDS)
    if lease is None:
        message = f"somebody else is ending {id_}"
        raise HeldError(message, where=kept.value.instance, next_step="wait a moment")
    try:
        instance = context.head()[1].instance(kept.value.instance)
        if instance.is_offline:
            return _End(context, kept, instance, None, lease, link, is_taking_over=False).hear()
        with held_instance(context, kept.value.instance, instance, permit, is_ending=True) as held:
            driver, is_taking_over = held
            return _End(context, kept, instance, driver, lease, link, is_taking_over).carry_out()
    finally:
        context.store.leases.release(lease)


@dataclass(frozen=True)
class _End:
    """One override that is being ended, on an instance whose lock we hold."""

    context: Context
    kept: Kept[Override]
    instance: Instance
    driver: Driver | None
    """None where only files reach the instance."""
    lease: Lease
    link: LinkKind | None
    is_taking_over: bool

    def hear(self) -> Kept[Override]:
        """Close the override by what the instance's last file says; raise what keeps it open.

        What was armed over there ends it; here nothing can but listen.
        """
        context, override = self.context, self.kept.value
        due = min(override.deadline, override.ending_at or override.deadline)
        seen = context.store.snapshots.latest(override.instance)
        if seen is None or seen.at <= due:
            raise UnavailableError(
                f"nothing was heard of {override.instance} since {override.id} should be over",
                where=override.instance,
                next_step=f"`setpoint bundle collect {override.instance}`",
            )
        catalog = catalog_of(context, self.instance, seen)
        order, released, ending = self._made(seen, catalog)
        if not ending.is_over:
            message = f"{override.id} stands still, by what {override.instance} said last"
            next_step = f"`setpoint bundle export {override.instance}` puts back what is desired"
            raise RefusedError(message, where=override.instance, next_step=next_step)
        if self._owned() or self._is_left_open:
            self._note(self._settling(ending, order, released), released, seen, catalog)
        return self._close(order, ending, ending, seen)

    def _note(self, ending: Ending, released: Sequence[str], seen: Observation, catalog: Catalog) -> None:
        """Note in the journal what somebody else put back."""
        context = self.context
        permit = gate.permit_to_end(context, self.kept.value)
        keep_plan(context, ending.plan, permit.actor)
        logbook = Logbook(context, ending.plan, work="ending")
        with context.store.transaction():
            context.store.leases.check(self.lease)
            logbook.begin(permit)
        for number, step in enumerate(ending.plan.steps):
            logbook.intend(number, step)
            logbook.done(number)
        verified = Verified((), was_restarted=False, observation=seen, catalog=catalog)
        logbook.ended(lambda: verified, let_go=[*released, *ending.clashes])

    def _made(self, observation: Observation, catalog: Catalog) -> tuple[Order, tuple[str, ...], Ending]:
        context, engine = self.context, self.context.engine_of(self.instance)
        order, released = order_now(context, self.kept.value, self.instance, observation, catalog)
        revision = context.head()[0]
        ending = make_ending(
            engine,
            order,
            observation,
            catalog,
            revision=revision.id if revision is not None else "",
            released=released,
        )
        return order, released, ending

    def carry_out(self) -> Kept[Override]:
        """Put back what is ours still, read it back, and close the override."""
        context, override, engine = self.context, self.kept.value, self.context.engine_of(self.instance)
        driver = self.driver
        if driver is None:
            return self.hear()
        observation, catalog = look(engine, driver, override.instance, at=context.now())
        order, released, ending = self._made(observation, catalog)
        left = ending
        if not ending.plan.is_empty or self._owned() or self._is_left_open:
            observation, catalog = self._apply(driver, self._settling(ending, order, released), released)
            left, observation, catalog = settle(engine, driver, order, observation, catalog, now=context.now)
        if not left.is_over:
            what = "; ".join(f"{each.parameter}: {each.why}" for each in left.plan.blocked) or "read back so"
            message = f"{override.id} cannot be ended: {what}"
            raise RefusedError(message, where=override.instance, next_step="it is tried again, for ever")
        return self._close(order, ending, left, observation)

    @property
    def _is_left_open(self) -> bool:
        """Whether a start or an end of an override was cut short here, whose record is to be closed."""
        left = self.context.store.journal.unfinished(self.kept.value.instance)
        return left is not None and is_of_override(left)

    def _owned(self) -> dict[str, Owned]:
        """Answer what the journal still takes for the override's, by parameter."""
        owned = self.context.store.journal.owned(self.kept.value.instance)
        names = {held.parameter for held in self.kept.value.held}
        return {each.parameter: each for each in owned if each.parameter in names and is_start(each.apply_id)}

    def _settling(self, ending: Ending, order: Order, released: Sequence[str]) -> Ending:
        """Note as ours what somebody else put back of parameters that stay managed; nothing is written there.

        Else the journal would go on saying that the override's text is what we wrote.
        """
        owned = self._owned()
        steps = [
            Step(
                kind=StepKind.SET,
                parameter=each.parameter,
                text=each.back,
                prior=Prior(running=None, persisted=each.back),
                reason="put back by another link",
            )
            for each in order.backs
            if each.back is not None
            and each.parameter in owned
            and each.parameter in ending.done
            and each.parameter not in released
        ]
        plan = msgspec.structs.replace(ending.plan, steps=(*steps, *ending.plan.steps))
        return dataclass_replace(ending, plan=plan)

    def _apply(self, driver: Driver, ending: Ending, released: Sequence[str]) -> tuple[Observation, Catalog]:
        context, store, made = self.context, self.context.store, ending.plan
        permit = gate.permit_to_end(context, self.kept.value)
        keep_plan(context, made, permit.actor)
        logbook = Logbook(context, made, work="ending", is_taking_over=self.is_taking_over)
        application = make_application(context, driver, made, permit, logbook, None, is_one_way=True)
        application.check()
        with store.transaction():
            # Whoever has the lease by now goes on without us.
            store.leases.check(self.lease)
            logbook.begin(permit)
        let_go = [*released, *ending.clashes]
        verified = logbook.ended(application.run, let_go=let_go)
        store.snapshots.put(verified.observation, verified.catalog.data)
        return verified.observation, verified.catalog

    def _close(self, order: Order, ending: Ending, left: Ending, seen: Observation) -> Kept[Override]:
        context, override = self.context, self.kept.value
        link, at = self._done_by(ending)
        links = chain.disarm(context, self.driver, order) if self.driver is not None else ()
        now = context.now()
        clashes = _clashes(context, override, left.clashes, seen)
        over = msgspec.structs.replace(
            override,
            state=OverrideState.CONFLICT if left.clashes else OverrideState.ENDED,
            clashes=clashes,
            links=_joined(override.links, links),
            ended_at=at or now,
            ended_by=link,
            review_due_at=now + REVIEW_WITHIN,
        )
        detail = {
            "why": override.ending_why.value if override.ending_why is not None else "",
            "by": link.value if link is not None else "hand",
            "late_seconds": round(over.late_seconds or 0.0, 3),
            "left_alone": sorted(left.clashes),
        }
        action = "override.conflict" if left.clashes else "override.ended"
        done = overridden.put(context, self.kept, over, action, detail, actor="setpoint")
        chain.forget(context, override.id)
        return done

    def _done_by(self, ending: Ending) -> tuple[LinkKind | None, datetime | None]:
        """Answer which link put the instance back, and when where that is known and was not just now."""
        if ending.plan.steps:
            return self.link, None
        outcome = chain.outcome_of(self.context, self.kept.value.id)
        if outcome is not None and outcome.is_over:
            return outcome.link, outcome.at
        armed = {link.kind for link in self.kept.value.links if link.state is LinkState.ARMED}
        is_by_target = bool(ending.done) and LinkKind.TARGET_SWITCH in armed
        return LinkKind.TARGET_SWITCH if is_by_target else None, None


def _clashes(
    context: Context, override: Override, names: Sequence[str], seen: Observation
) -> tuple[Clash, ...]:
    known = {clash.parameter: clash for clash in override.clashes}
    return tuple(
        known.get(held.parameter) or clash_of(held, seen, context)
        for held in override.held
        if held.parameter in names
    )


def clash_of(held: Held, seen: Observation, context: Context) -> Clash:
    """Answer what somebody wrote where an override stood."""
    observed = seen.setting(held.parameter)
    persisted = observed.entry if observed is not None else None
    found = persisted.text if persisted is not None else None
    return Clash(parameter=held.parameter, found=found, ours=held.ours, noticed_at=context.now())


def _joined(earlier: Sequence[Link], later: Sequence[Link]) -> tuple[Link, ...]:
    links = {link.kind: link for link in (*earlier, *later)}
    return tuple(links.values())

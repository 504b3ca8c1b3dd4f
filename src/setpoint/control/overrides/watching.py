"""Watching overrides in force: guards, people's changes behind them, and whether the ways back stand."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.override import EndReason, Override, OverrideState
from setpoint.control import gate, overridden
from setpoint.control.overrides import chain, ending, guardian
from setpoint.control.overrides.orders import first_order, order_now
from setpoint.control.subject import policies_of, subject_of
from setpoint.control.urgency import moves_of
from setpoint.engines.planner import is_persisted
from setpoint.engines.session import observe as look
from setpoint.errors import SetpointError, TamperedError, UnavailableError
from setpoint.policy.guardrail import guardrails_for, judge_guardrail
from setpoint.policy.rules import Guardrail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.observation import Observation
    from setpoint.config.override import Link
    from setpoint.control.context import Context
    from setpoint.control.overrides.spool import Spool
    from setpoint.engines.order import Order
    from setpoint.store.registers import Kept

WATCH_SECONDS = 10.0
"""How often an override in force is looked at, where no guard asks for more."""

_OWN_GUARD_SECONDS = 5.0


def watch(context: Context, id_: str) -> float:
    """Look at one override in force; answer the seconds until it is to be looked at again.

    Ends it where a guard does not hold, notes once what a person changed under it, and arms anew what is not
    armed any more.
    """
    kept = context.store.overrides.get(id_)
    override, configuration = kept.value, context.head()[1]
    if override.state is not OverrideState.ACTIVE:
        return WATCH_SECONDS
    instance = configuration.instance(override.instance)
    if instance.is_offline:
        return WATCH_SECONDS
    permit = gate.permit_to_end(context, override)
    try:
        with context.connected(override.instance, instance, permit) as driver:
            engine = context.engine_of(instance)
            seen, catalog = look(engine, driver, override.instance, at=context.now())
            order = order_now(context, override, instance, seen, catalog)[0]
            lost = chain.lost(context, driver, order, override.links)
            links = chain.arm(context, driver, order) if lost else override.links
    except UnavailableError:
        return WATCH_SECONDS
    before = context.store.snapshots.latest(override.instance)
    context.store.snapshots.put(seen, catalog.data)
    guards = _guards(context, override, seen, catalog)
    broken = _broken(context, override, guards, before, seen)
    if broken:
        return _end_early(context, kept, broken)
    kept = _note_clashes(context, kept, seen, catalog)
    if lost:
        _note_lost(context, kept, lost, links)
    return min((rule.every_seconds for rule in guards.values()), default=WATCH_SECONDS)


def let_go(context: Context, override_id: str) -> None:
    """Take this host's orders for an override away that is over, so that nobody acts on them any more."""
    with suppress(SetpointError):
        chain.let_go(context, override_id)


def sync_spool(context: Context, open_ones: Sequence[Override]) -> None:
    """Bring this host's spool to what is open, so that the store may go away at any moment."""
    spool = chain.spool_of(context)
    if spool is None:
        return
    kept = {order.override: order for order in spool.orders()}
    configuration = context.head()[1]
    folder = chain.guardian_folder(context)
    if folder is not None:
        guardian.revive(folder)
    wanted = {
        each.id: each
        for each in open_ones
        if (instance := configuration.instances.get(each.instance)) is not None and not instance.is_offline
    }
    for id_ in (kept.keys() | chain.guarded(context)) - wanted.keys():
        if _is_known_over(context, id_):
            let_go(context, id_)
    for id_, override in wanted.items():
        _spool(context, spool, override, kept.get(id_))


def _is_known_over(context: Context, id_: str) -> bool:
    """Tell whether an override's own record says that it is over; one that is bent or gone says nothing."""
    try:
        kept = context.store.overrides.find(id_)
    except TamperedError:
        return False
    return kept is not None and not kept.value.is_open


def spool(context: Context, override: Override) -> None:
    """Have this host's spool know an open override at once."""
    kept = chain.spool_of(context)
    instance = context.head()[1].instances.get(override.instance)
    if kept is not None and instance is not None and not instance.is_offline:
        with suppress(SetpointError):
            _spool(context, kept, override, kept.order(override.id))


def _spool(context: Context, spool: Spool, override: Override, known: Order | None) -> None:
    instance = context.head()[1].instance(override.instance)
    order = first_order(override, instance, at=context.now())
    if known is None or (known.deadline, known.target) != (order.deadline, order.target):
        spool.put(order)


def _guards(
    context: Context, override: Override, seen: Observation, catalog: Catalog
) -> dict[str, Guardrail]:
    """Answer the guards of an override: policy's guardrails on what it moves, and those it was given."""
    configuration = context.head()[1]
    subject = subject_of(context, configuration, seen, catalog)
    moves = moves_of(override.settings, seen)
    breaker = gate.principal_named(context, override.by)
    found = guardrails_for(policies_of(configuration), subject, moves, breaker=breaker)
    own = {
        f"--guard {number}": Guardrail(
            id=f"guard-{number}", holds=text, watch_seconds=0, every_seconds=_OWN_GUARD_SECONDS
        )
        for number, text in enumerate(override.guards, start=1)
    }
    return {named.name: named.rule for named in found} | own


def _broken(
    context: Context,
    override: Override,
    guards: Mapping[str, Guardrail],
    before: Observation | None,
    seen: Observation,
) -> str:
    """Say which guard does not hold, or cannot be judged and asks to be ended then; empty when none."""
    if before is None or before.at < override.started_at:
        return ""
    earlier = context.store.snapshots.history(override.instance, limit=2, before=override.started_at)
    pair = (earlier[1], earlier[0]) if len(earlier) > 1 else None
    for name, rule in guards.items():
        answer = judge_guardrail(rule, pair, (before, seen))
        if answer.holds is False:
            return f"guardrail {name} is broken: {answer.explanation}"
        if answer.holds is None and rule.unknown == "take back":
            return f"guardrail {name} cannot be judged: {answer.explanation}"
    return ""


def _end_early(context: Context, kept: Kept[Override], because: str) -> float:
    detail = {"override": kept.value.id, "because": because}
    context.store.audit.append("setpoint", "guardrail.broken", kept.value.instance, detail, context.now())
    ending.mark(context, kept, EndReason.GUARDRAIL, because=because)
    ending.finish(context, kept.value.id)
    return WATCH_SECONDS


def _note_clashes(
    context: Context, kept: Kept[Override], seen: Observation, catalog: Catalog
) -> Kept[Override]:
    """Note what a person changed while it was overridden: it is theirs, and stays."""
    override = kept.value
    known = {clash.parameter for clash in override.clashes}
    fresh = [
        ending.clash_of(held, seen, context)
        for held in override.held
        if held.parameter not in known
        and not is_persisted(held.parameter, held.ours, seen.setting(held.parameter), catalog)
    ]
    if not fresh:
        return kept
    noted = msgspec.structs.replace(override, clashes=(*override.clashes, *fresh))
    detail = {"parameters": [clash.parameter for clash in fresh]}
    return overridden.put(context, kept, noted, "override.conflict", detail, actor="setpoint")


def _note_lost(
    context: Context, kept: Kept[Override], lost: Sequence[Link], links: Sequence[Link]
) -> Kept[Override]:
    """Note which link was not armed any more, and how all of them stand after arming them anew."""
    noted = msgspec.structs.replace(kept.value, links=tuple(links))
    detail = {
        "lost": {link.kind.value: link.detail or link.state.value for link in lost},
        "links": {link.kind.value: link.state.value for link in links},
    }
    return overridden.put(context, kept, noted, "override.switch", detail, actor="setpoint")

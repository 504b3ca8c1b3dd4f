"""Admission of overrides: policy's word on an emergency, before it is let on to an instance.

Whoever has the role may go ahead at once where policy lets them; what is locked needs the emergency quorum
that policy names, whose voices are bound to the very settings and the very length of time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from setpoint.config.revision import canonical
from setpoint.control import admission, gate, proposals
from setpoint.control.urgency import Asked, is_bounded, judge_override
from setpoint.errors import RefusedError
from setpoint.policy.person import Right
from setpoint.policy.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.policy.approval import Change
    from setpoint.policy.intent import Move
    from setpoint.store.registers import Kept

MOST_SECONDS = 24 * 3600.0
"""How long an override may last, all extensions told, where no policy says how long."""


def admit_override(
    context: Context, moves: Sequence[Move], seconds: float, observation: Observation, catalog: Catalog
) -> Permit:
    """Let an override pass to its instance as it was just seen; `seconds` is how long it lasts in all.

    Raises `NotPermittedError` and `RefusedError`.
    """
    name = observation.instance
    permit = gate.require(context, Right.BREAK_GLASS, name)
    asked = Asked(settings={move.parameter: move.after for move in moves}, seconds=seconds)
    kept = _open_change(context, name, asked)
    change = kept.value if kept is not None else None
    verdict = judge_override(context, permit.principal, moves, seconds, observation, catalog, change=change)
    if not is_bounded(context, name) and seconds > MOST_SECONDS:
        _refuse_length(context, permit, name, seconds)
    return admission.let_pass(context, permit, verdict, name, kept, "override")


def propose_override(
    context: Context,
    moves: Sequence[Move],
    seconds: float,
    observation: Observation,
    catalog: Catalog,
    *,
    reason: str,
    ticket: str = "",
) -> Change:
    """Ask for the emergency quorum; raise `RefusedError` where policy refuses, or asks for nobody."""
    name = observation.instance
    permit = gate.require(context, Right.BREAK_GLASS, name)
    verdict = judge_override(context, permit.principal, moves, seconds, observation, catalog)
    if verdict.outcome is Outcome.ALLOW:
        message = "this override needs no approval"
        raise RefusedError(message, where=name, next_step=f"setpoint override start {name}")
    if verdict.outcome is Outcome.REFUSE:
        admission.let_pass(context, permit, verdict, name, None, "override")
    asked = Asked(settings={move.parameter: move.after for move in moves}, seconds=seconds)
    return proposals.propose_payload(
        context,
        permit,
        "override",
        subject=name,
        payload=canonical(asked),
        needs=verdict.needs,
        reason=reason,
        ticket=ticket,
    )


def _open_change(context: Context, name: str, asked: Asked) -> Kept[Change] | None:
    """Answer the newest open change that asks for exactly this and whose ground still holds."""
    payload = canonical(asked).decode()
    now = context.now()
    asking = [
        kept.value
        for kept in context.store.changes.all().values()
        if (kept.value.kind, kept.value.subject, kept.value.payload) == ("override", name, payload)
        and kept.value.is_open(now)
    ]
    for change in sorted(asking, key=lambda each: each.proposed_at, reverse=True):
        kept = proposals.find(context, change.id)
        if kept.value.is_open(now):
            return kept
    return None


def _refuse_length(context: Context, permit: Permit, name: str, seconds: float) -> NoReturn:
    what = f"an override may last {MOST_SECONDS / 3600:g} h at most, all told, not {seconds / 3600:.3g} h"
    next_step = "what has to stand for longer is a change: `setpoint change propose`"
    gate.refuse(context, permit.principal, permit.right, name, what, next_step=next_step, is_policy=True)

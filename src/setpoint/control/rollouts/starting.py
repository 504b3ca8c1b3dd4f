"""Starting a rollout: admitted as a whole, written down with all of its targets, and then left to workers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from setpoint.control import change, gate, proposals, words
from setpoint.control.checks import setting_faults
from setpoint.control.rollouts.drafting import draft
from setpoint.control.rollouts.rows import put_target, read_rows
from setpoint.control.rollouts.writing import write_settings
from setpoint.errors import InputError, InputErrors, SetpointError
from setpoint.policy.person import Right
from setpoint.policy.rollout import Rollout, RolloutTarget, TargetState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.control.rollouts.drafting import Draft, RolloutWish
    from setpoint.policy.rollout import Amount, RolloutRules


_MOST = 1e8
"""What no rule of a rollout goes beyond: seconds of three years, and more than any number of instances."""


def preview(context: Context, wish: RolloutWish) -> tuple[Rollout, Draft]:
    """Answer what `start` would write, and write nothing; raises as it does."""
    wish = _checked(wish)
    id_ = f"r{uuid4().hex[:10]}"
    drawn = draft(context, wish, id_)
    permit = gate.require_somewhere(context, Right.APPLY)
    return _rollout(context, wish, drawn, permit, id_), drawn


def start(context: Context, wish: RolloutWish) -> Rollout:
    """Write a rollout down, for workers to take from there; approvals that it needs are asked for now.

    Raises `InputErrors` for senseless rules, and all that `draft` raises.
    """
    rollout, drawn = preview(context, wish)
    permit = gate.require_somewhere(context, Right.APPLY)
    detail = {
        "selector": str(rollout.selector),
        "settings": rollout.settings,
        "because": rollout.because,
        "ticket": rollout.ticket,
        "waves": [sum(each.wave == wave for each in drawn.placed) for wave in range(rollout.waves)],
        **permit.detail(),
    }
    with context.store.transaction():
        context.store.rollouts.put(
            rollout.id,
            rollout,
            version=0,
            actor=permit.actor,
            action="rollout.started",
            detail={"rollout": rollout.id, **detail},
            at=context.now(),
            subject=f"rollout:{rollout.id}",
        )
        for target in _targets(rollout, drawn):
            context.store.targets.put(
                target.id,
                target,
                version=0,
                actor=permit.actor,
                action="rollout.planned",
                detail={"rollout": rollout.id, "wave": target.wave, "after": list(target.after)},
                at=context.now(),
                subject=target.instance,
            )
    _ask(context, rollout, [name for name, each in drawn.outlooks.items() if each.needs_approval], permit)
    return rollout


def _checked(wish: RolloutWish) -> RolloutWish:
    """Answer a wish with its words as they are kept and its parameters as layers name them."""
    faults = [*_faults(wish.rules), *setting_faults(wish.settings, "")]
    if faults:
        raise InputErrors(faults)
    settings = {name.lower(): text for name, text in wish.settings.items()}
    because, ticket = words.require_reason(wish.because), words.check_word(wish.ticket, "ticket")
    return replace(wish, settings=settings, because=because, ticket=ticket)


def _faults(rules: RolloutRules) -> Iterator[InputError]:
    amounts: list[tuple[str, Amount]] = [("canary", rules.canary), ("failures", rules.failures)]
    amounts += [("wave", each) for each in rules.waves]
    for noun, amount in amounts:
        if amount.count < 0 or not 0 <= amount.share <= 1:
            yield InputError(
                f"{amount} is no amount for a {noun}", next_step="a number, or a share up to 100%"
            )
    if rules.canary.of(1) < 1:
        yield InputError("a rollout needs a canary", next_step="one instance, or a share of them")
    least: tuple[tuple[str, float, float], ...] = (
        ("at once", rules.at_once, 1),
        ("of a group at once", rules.group_at_once, 1),
        ("of a site at once", rules.site_at_once, 0),
        ("seconds of soak", rules.soak_seconds, 0),
        ("seconds between samples", rules.sample_seconds, 0.1),
        ("seconds of a baseline", rules.baseline_seconds, 0),
        ("seconds of patience", rules.patience_seconds, 1),
        ("tries", rules.tries, 1),
        ("tolerance", rules.tolerance, 0),
    )
    for noun, value, bound in least:
        if not bound <= value <= _MOST:
            yield InputError(f"{value:g} {noun}: at least {bound:g}, at most {_MOST:g}")
    if not 0.5 <= rules.confidence < 1:  # noqa: PLR2004 - no better than a coin
        yield InputError(f"a confidence of {rules.confidence:g}: from 0.5 to below 1")
    if rules.site_at_once and not rules.site_label:
        yield InputError("a limit for sites needs the label that names them")


def _rollout(context: Context, wish: RolloutWish, drawn: Draft, permit: Permit, id_: str) -> Rollout:
    return Rollout(
        id=id_,
        selector=wish.selector,
        settings=dict(wish.settings),
        rules=wish.rules,
        by=permit.actor,
        account=permit.principal.account,
        because=wish.because,
        ticket=wish.ticket,
        started_at=context.now(),
        waves=max(each.wave for each in drawn.placed) + 1,
        size=len(drawn.placed),
    )


def _targets(rollout: Rollout, drawn: Draft) -> Iterator[RolloutTarget]:
    for each in drawn.placed:
        own = each.candidate
        yield RolloutTarget(
            rollout=rollout.id,
            instance=own.name,
            group=each.group,
            site=own.site,
            role=own.role,
            like=own.like,
            wave=each.wave,
            after=each.after,
            moved_at=rollout.started_at,
        )


def _ask(context: Context, rollout: Rollout, names: list[str], permit: Permit) -> None:
    """Ask for approvals: the settings are written now, by whoever starts, for a plan to rest on.

    Each waits for its approvals and for its wave.
    """
    if not names:
        return
    rows = read_rows(context, rollout.id)
    kept = write_settings(
        context,
        rollout,
        [rows.kept_targets[name] for name in names],
        permit=permit,
        title="what needs approvals",
    )
    for name in names:
        row = kept[name]
        try:
            made = change.plan(context, name).plan
            reason = f"rollout {rollout.id}: {rollout.because}"[: words.MAX_REASON]
            asked = proposals.propose_plan(context, made, reason=reason, ticket=rollout.ticket)
        except SetpointError as fault:
            why = f"its approvals could not be asked for: {fault.what}"
            put_target(context, row, TargetState.SKIPPED, actor=permit.actor, why=why)
            continue
        put_target(
            context,
            row,
            TargetState.HELD,
            actor=permit.actor,
            why=f"waits for the approvals of {asked.id}",
            change=asked.id,
            plan=made.hash,
            held_at=context.now(),
        )

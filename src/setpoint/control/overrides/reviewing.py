"""Reviewing: what people make of an override once it is over, and what of it becomes permanent.

Nothing is applied here. What should stay becomes an edit of the instance's own layer, or a change that asks
for one; either then goes the way that every other does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.config.override import Review
from setpoint.control import configure, gate, governance, overridden, words
from setpoint.errors import InputError, InputErrors, RefusedError
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from setpoint.config.configuration import Configuration, SettingText
    from setpoint.config.override import Override
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit

_MOST_QUOTED = 500


def review(
    context: Context, text: str, *, conclusion: str, keep: Iterable[str] = (), rule: str = ""
) -> Override:
    """Write down what is made of an override that is over; answer it with its review.

    `keep` names the overridden parameters that should stay, `rule` a rule that should follow, in words. It
    takes the right to look at the instance and to propose; who may also edit it writes what stays into its
    layer, for whoever may not a change asks for that.

    Raises `InputErrors` for a missing conclusion and for parameters that were not overridden,
    `RefusedError` for an override that is not over or was reviewed, `NotPermittedError`, `ConflictError`.
    """
    kept = overridden.find(context, text)
    override = kept.value
    permit = _admit(context, override)
    conclusion = words.require_reason(conclusion, "conclusion")
    rule = words.check_note(rule, "rule")
    _check_is_waiting(override)
    settings = _settings_kept(override, keep)
    now = context.now()
    with context.store.transaction():
        change = _ask_to_keep(context, override, permit, settings, conclusion) if settings else ""
        made = Review(
            by=permit.actor, at=now, conclusion=conclusion, keep=tuple(settings), change=change, rule=rule
        )
        detail = {
            "override": override.id,
            "conclusion": conclusion,
            "keep": sorted(settings),
            "change": change,
            "rule": rule,
            **permit.detail(),
        }
        return context.store.overrides.put(
            override.id,
            msgspec.structs.replace(override, review=made),
            version=kept.version,
            actor=permit.actor,
            action="override.reviewed",
            detail=detail,
            at=now,
            subject=override.instance,
        ).value


def is_waiting(override: Override) -> bool:
    """Tell whether an override is over and nobody has reviewed it."""
    return not override.is_open and override.review is None


def is_late(override: Override, now: datetime) -> bool:
    """Tell whether an override should have been reviewed by now."""
    return is_waiting(override) and override.review_due_at is not None and override.review_due_at < now


def late_reviews(context: Context, instance: str = "") -> tuple[Override, ...]:
    """Answer the overrides, of one instance or of all, that should have been reviewed, the oldest first."""
    now = context.now()
    found = overridden.overrides(context, instance=instance)
    return tuple(each for each in reversed(found) if is_late(each, now))


def _admit(context: Context, override: Override) -> Permit:
    """Let pass who may look and propose there; where the instance is gone, who may do so everywhere."""
    is_known = override.instance in context.head()[1].instances
    place = override.instance if is_known else None
    gate.require(context, Right.OBSERVE, place)
    return gate.require(context, Right.PROPOSE, place)


def _check_is_waiting(override: Override) -> None:
    if override.is_open:
        what = f"the override {override.id} is not over: it is {override.state.value}"
        raise RefusedError(what, where=override.instance, next_step="end it first, or wait for its deadline")
    if override.review is not None:
        what = f"the override {override.id} was reviewed by {override.review.by}"
        next_step = "`setpoint override show` tells what they wrote"
        raise RefusedError(what, where=override.instance, next_step=next_step)


def _settings_kept(override: Override, keep: Iterable[str]) -> dict[str, SettingText]:
    """Answer the texts that should stay, by parameter; raise `InputErrors` with every name that is none."""
    held = {each.parameter.lower(): each for each in override.held}
    found: dict[str, SettingText] = {}
    faults: list[InputError] = []
    for name in keep:
        each = held.get(name.lower())
        if each is None:
            known = ", ".join(sorted(one.parameter for one in override.held))
            faults.append(InputError(f"{name[:80]!a} was not overridden", next_step=f"those are: {known}"))
        elif each.ours is None:
            faults.append(InputError(f"{each.parameter} was given no text that could stay"))
        else:
            found[each.parameter.lower()] = each.ours
    if faults:
        raise InputErrors(faults)
    return found


def _ask_to_keep(
    context: Context,
    override: Override,
    permit: Permit,
    settings: dict[str, SettingText],
    conclusion: str,
) -> str:
    """Write what stays into the instance's layer, or ask for it; answer which of both, in words."""
    part = f"instance:{override.instance}"
    configuration = context.head()[1]
    instance = configuration.instance(override.instance)
    configure.check_settings(context, configuration, part, settings)

    def edit(before: Configuration) -> Configuration:
        return configure.with_settings(before, part, settings)

    reason = f"kept of override {override.id}: {conclusion[:_MOST_QUOTED]}"
    if permit.principal.may(Right.EDIT, override.instance, instance):
        revision = configure.commit(context, edit, reason=reason, ticket=override.ticket)[0]
        return f"revision {revision.short_id}"
    asked = governance.propose_edit(context, edit(configuration), reason=reason, ticket=override.ticket)
    return f"change {asked.id}"

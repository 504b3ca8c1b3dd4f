"""Guarding: an applied change watched for as long as policy asks, and ended when a guardrail breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from setpoint.control import admission
from setpoint.control.subject import policies_of, subject_of
from setpoint.control.watch import observe
from setpoint.errors import GuardrailError, SetpointError
from setpoint.policy.guardrail import GuardrailAnswer, guardrails_for, judge_guardrail

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.engines.plan import Plan
    from setpoint.engines.session import Verified
    from setpoint.policy.person import Principal
    from setpoint.policy.rules import Guardrail


_NEVER_SEEN = GuardrailAnswer(None, "the instance did not answer")


def earlier_pair(context: Context, name: str) -> tuple[Observation, Observation] | None:
    """Answer the last two observations of an instance, older first; None where there are not two."""
    found = context.store.snapshots.history(name, limit=2)
    return (found[1], found[0]) if len(found) > 1 else None


def watch_over(
    context: Context,
    made: Plan,
    before: tuple[Observation, Observation] | None,
    verified: Verified,
    *,
    permit: Permit,
    is_emergency: bool,
    end: Callable[[], object],
) -> None:
    """Watch an instance after an apply; raise `GuardrailError` when one breaks and the change is ended.

    What cannot be told (a metric is missing) is written into the audit log, and follows the rule: go on, take
    the change back, or hold, which is to watch for as long again and then take it back.
    """
    breaker = permit.principal if is_emergency else None
    guardrails = _guardrails(context, made, verified, breaker)
    if not guardrails:
        return
    start, waited = verified.observation, 0.0
    last: dict[str, GuardrailAnswer] = {}
    while open_ones := {
        key: rule for key, rule in guardrails.items() if waited < _until(rule, last.get(key), waited)
    }:
        pause = min(
            min(rule.every_seconds, _until(rule, last.get(key), waited) - waited)
            for key, rule in open_ones.items()
        )
        context.wait(pause)
        waited += pause
        seen = _look(context, made.instance)
        if seen is None:
            continue
        for key, rule in open_ones.items():
            last[key] = judge_guardrail(rule, before, (start, seen))
            if last[key].holds is False:
                _end(context, made, permit, key, last[key], end)
    for key, rule in guardrails.items():
        answer = last.get(key, _NEVER_SEEN)
        if answer.holds is None and rule.unknown != "go on":
            _end(context, made, permit, key, answer, end)
    # A rule may have any name, also one that no key of an audit row may have.
    unknown = [
        {"guardrail": key, "because": each.explanation} for key, each in last.items() if each.holds is None
    ]
    action = "guardrail.unknown" if unknown or not last else "guardrail.held"
    detail: dict[str, Any] = {"plan": made.hash, "watched": sorted(guardrails), "seconds": waited}
    if unknown:
        detail["unknown"] = unknown
    context.store.audit.append(permit.actor, action, made.instance, detail, context.now())


def _until(rule: Guardrail, last: GuardrailAnswer | None, waited: float) -> float:
    """Answer for how long a guardrail is watched: as long again where it could not be judged and holds."""
    is_unknown = last is None or last.holds is None
    is_held = rule.unknown == "hold" and is_unknown and waited >= rule.watch_seconds
    return rule.watch_seconds * 2 if is_held else rule.watch_seconds


def _guardrails(
    context: Context, made: Plan, verified: Verified, breaker: Principal | None
) -> dict[str, Guardrail]:
    configuration = context.head()[1]
    policies = policies_of(configuration)
    subject = subject_of(context, configuration, verified.observation, verified.catalog)
    moves = tuple(admission.moves_of(context, made, verified.observation, verified.catalog))
    return {named.name: named.rule for named in guardrails_for(policies, subject, moves, breaker=breaker)}


def _look(context: Context, name: str) -> Observation | None:
    """Observe, or answer None where the instance does not answer this time."""
    try:
        return observe(context, name)[0]
    except SetpointError:
        return None


def _end(
    context: Context,
    made: Plan,
    permit: Permit,
    key: str,
    answer: GuardrailAnswer,
    end: Callable[[], object],
) -> None:
    what = f"guardrail {key} {'is broken' if answer.holds is False else 'could not be judged'}"
    detail = {"plan": made.hash, "guardrail": key, "because": answer.explanation}
    context.store.audit.append(permit.actor, "guardrail.broken", made.instance, detail, context.now())
    try:
        end()
    except SetpointError as fault:
        message = f"{what} ({answer.explanation}), and taking the change back failed: {fault}"
        raise GuardrailError(message, where=made.instance, next_step="`setpoint apply --undo`") from None
    message = f"{what} ({answer.explanation}): the change was taken back"
    raise GuardrailError(message, where=made.instance, next_step="`setpoint audit log` tells the story")

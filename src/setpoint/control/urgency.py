"""Verdicts on overrides: policy's word on an emergency, and on where a parameter goes after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.config.configuration import SettingText
from setpoint.control.authors import setters_of
from setpoint.control.budget import is_too_much
from setpoint.control.gate import principal_named
from setpoint.control.identity import is_governed
from setpoint.control.subject import policies_of, subject_of
from setpoint.policy.intent import Intent, Move
from setpoint.policy.person import Right
from setpoint.policy.review import review
from setpoint.policy.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.policy.approval import Change
    from setpoint.policy.person import Principal
    from setpoint.policy.verdict import Verdict


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What approvals of an override are given for."""

    settings: dict[str, SettingText]
    seconds: float


def judge_override(
    context: Context,
    principal: Principal,
    moves: Sequence[Move],
    seconds: float,
    observation: Observation,
    catalog: Catalog,
    *,
    change: Change | None = None,
) -> Verdict:
    """Judge an override of an instance as it was just seen, started by somebody, `seconds` long in all."""
    configuration = context.head()[1]
    intent = Intent(
        kind="override",
        by=principal,
        subject=subject_of(context, configuration, observation, catalog),
        moves=tuple(moves),
        author=change.author if change is not None else principal.name,
        approvers=frozenset(name for voice in change.voices for name in voice.identities)
        if change is not None
        else frozenset(),
        is_emergency=True,
        duration_seconds=seconds,
    )
    waivers = [kept.value for kept in context.store.waivers.all().values()]
    return review(intent, policies_of(configuration), waivers, context.now())


def is_free(context: Context, by: str, move: Move, observation: Observation, catalog: Catalog) -> bool:
    """Tell whether somebody, who is not here, may have a parameter go somewhere without anybody being asked.

    Who was removed, or may not apply any more, has nothing let in; nor has anybody what could exceed the
    memory, for nobody is here to accept that.
    """
    who = principal_named(context, by)
    configuration = context.head()[1]
    subject = subject_of(context, configuration, observation, catalog)
    if is_governed(context) and not who.may(Right.APPLY, subject.name, subject.instance):
        return False
    intent = Intent(
        kind="apply",
        by=who,
        subject=subject,
        moves=(move,),
        author=by if by in setters_of(context, subject.name, [move.parameter]) else "",
    )
    waivers = [kept.value for kept in context.store.waivers.all().values()]
    verdict = review(intent, policies_of(configuration), waivers, context.now())
    is_let = verdict.outcome is Outcome.ALLOW
    return is_let and not is_too_much(move, subject.claims, subject.facts, observation, catalog)


def is_bounded(context: Context, name: str) -> bool:
    """Tell whether a policy says how long an override of an instance may last."""
    configuration = context.head()[1]
    return bool(policies_of(configuration).for_instance(name, configuration.instance(name)).overrides)


def moves_of(settings: Mapping[str, SettingText], observation: Observation) -> tuple[Move, ...]:
    """Answer what an override moves: each parameter from what runs to what is asked for."""
    found: list[Move] = []
    for name, text in sorted(settings.items()):
        observed = observation.setting(name)
        before = observed.value if observed is not None else None
        found.append(Move(parameter=name, before=before, after=text))
    return tuple(found)

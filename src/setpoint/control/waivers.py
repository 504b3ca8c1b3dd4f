"""Waivers: made, checked, granted and ended; and what drift and advice make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.config.drift import DriftClass
from setpoint.config.identifier import is_identifier
from setpoint.config.revision import canonical, content_hash
from setpoint.control import gate, identity, words
from setpoint.control.subject import policies_of
from setpoint.control.watch import catalog_of
from setpoint.engines.registry import shipped_catalog, shipped_versions
from setpoint.errors import InputError, InputErrors, RefusedError
from setpoint.policy.person import Right
from setpoint.policy.waiver import LONGEST, Waiver, ending, waived_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Configuration, Instance
    from setpoint.config.drift import Drift
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.policy.selector import Selector

_LIST = "`setpoint waiver list` shows them"


def make(
    context: Context,
    *,
    owner: str,
    reason: str,
    scope: Selector,
    ends_at: datetime,
    parameter: str = "",
    rule: str = "",
) -> Waiver:
    """Make a waiver that begins now; its name follows from its content. Raises `InputErrors`."""
    draft = Waiver(
        id="",
        owner=owner,
        reason=words.masked(reason),
        scope=scope,
        parameter=parameter.lower(),
        rule=rule,
        starts_at=context.now(),
        ends_at=ends_at,
    )
    _raise_any(_faults(context, draft))
    return msgspec.structs.replace(draft, id=f"w{content_hash(canonical(draft))[:10]}")


def check(context: Context, waiver: Waiver) -> None:
    """Check that a waiver makes sense now; raise `InputErrors` with every fault.

    Its owner must be known, its reason given, its end in the future and near enough; its parameter must exist
    in a catalog, live or shipped, of an instance in its scope, and its rule in the policies.
    """
    if not is_identifier(waiver.id):
        raise InputErrors([InputError(f"{waiver.id[:80]!a} is no name of a waiver")])
    _raise_any(_faults(context, waiver))


def grant(context: Context, waiver: Waiver, *, permit: Permit) -> Waiver:
    """Put a waiver in force; raise `InputErrors`, `ConflictError`.

    Where no approved change stands behind the permit, the acting person must hold the right over every
    instance in the scope.
    """
    check(context, waiver)
    _check_scope(context, waiver, permit)
    detail = {
        "owner": waiver.owner,
        "reason": waiver.reason,
        "parameter": waiver.parameter,
        "rule": waiver.rule,
        "scope": str(waiver.scope),
        "until": waiver.ends_at.isoformat(),
        **permit.detail(),
    }
    kept = context.store.waivers.put(
        waiver.id,
        waiver,
        version=0,
        actor=permit.actor,
        action="waiver.granted",
        detail=detail,
        at=context.now(),
    )
    return kept.value


def end(context: Context, name: str, reason: str, *, permit: Permit) -> Waiver:
    """End a waiver before its time; what it covered counts again at once.

    Raises `NotFoundError`, `RefusedError` when it has ended, `NotPermittedError`.
    """
    why = words.require_reason(reason)
    kept = context.store.waivers.get(name)
    waiver, now = kept.value, context.now()
    if not (waiver.is_in_force(now) or now < waiver.starts_at):
        raise RefusedError(f"the waiver {name} has ended already", next_step=_LIST)
    _check_scope(context, waiver, permit)
    ended = msgspec.structs.replace(waiver, ended_at=now)
    context.store.waivers.put(
        name,
        ended,
        version=kept.version,
        actor=permit.actor,
        action="waiver.ended",
        detail={"reason": why, **permit.detail()},
        at=now,
    )
    return ended


def find(context: Context, name: str) -> Waiver:
    """Answer a waiver; raise `NotFoundError`."""
    return context.store.waivers.get(name).value


def everything(context: Context) -> tuple[Waiver, ...]:
    """Answer every waiver there ever was, the one that lasts longest first."""
    found = [kept.value for kept in context.store.waivers.all().values()]
    return tuple(sorted(found, key=lambda each: (each.ends_at, each.id), reverse=True))


def ending_soon(context: Context, names: Sequence[str] | None = None) -> tuple[Waiver, ...]:
    """Answer the waivers that end within the time of reminders and reach these instances (None: any)."""
    soon = ending(everything(context), context.now())
    if names is None:
        return soon
    instances = context.head()[1].instances
    reached = {name: instances[name] for name in names if name in instances}
    return tuple(
        waiver for waiver in soon if any(waiver.scope.fits(name, each) for name, each in reached.items())
    )


def parameters_waived(context: Context, name: str, instance: Instance) -> dict[str, Waiver]:
    """Answer the waivers in force that speak of an instance's parameters, by folded name."""
    return waived_parameters(everything(context), name, instance, context.now())


def waive_drift(drifts: Sequence[Drift], waived: Mapping[str, Waiver]) -> tuple[Drift, ...]:
    """Answer judgements with the accepted ones marked: they keep their class and are no deviation any more.

    That nobody looked for long is not accepted with a value: what is stale stays so.
    """
    return tuple(
        msgspec.structs.replace(
            drift, accepted=waiver.told, is_deviation=drift.drift_class is DriftClass.STALE
        )
        if drift.is_deviation and (waiver := waived.get(drift.parameter.lower())) is not None
        else drift
        for drift in drifts
    )


def _raise_any(found: Iterator[InputError]) -> None:
    faults = list(found)
    if faults:
        raise InputErrors(faults)


def _faults(context: Context, waiver: Waiver) -> Iterator[InputError]:
    yield from _form_faults(waiver)
    yield from _owner_faults(context, waiver)
    yield from _time_faults(waiver, context.now())
    yield from _reach_faults(context, context.head()[1], waiver)


def _form_faults(waiver: Waiver) -> Iterator[InputError]:
    yield from words.word_faults(waiver.parameter, "name of a parameter")
    yield from words.word_faults(waiver.rule, "name of a rule")
    yield from words.word_faults(str(waiver.scope), "scope", words.MAX_REASON)
    yield from words.reason_faults(waiver.reason)
    if not (waiver.parameter or waiver.rule):
        what = "a waiver of what? neither a parameter nor a rule is named"
        yield InputError(what, next_step="name a parameter, a rule (POLICY/RULE), or both")


def _owner_faults(context: Context, waiver: Waiver) -> Iterator[InputError]:
    if not waiver.owner.strip() or len(waiver.owner) > words.MAX_WORD:
        yield InputError("no owner is named", next_step="somebody must answer for it")
    elif not words.is_whole(waiver.owner):
        yield InputError(f"nobody is called {waiver.owner!a}")
    elif identity.is_governed(context):
        kept = context.store.people.find(waiver.owner)
        if kept is None or kept.value.removed_at is not None:
            what = f"nobody is called {waiver.owner!a}, who would own the waiver"
            yield InputError(what, next_step="`setpoint person list` shows who is known")


def _time_faults(waiver: Waiver, now: datetime) -> Iterator[InputError]:
    if waiver.ends_at <= now or waiver.ends_at <= waiver.starts_at:
        yield InputError("the waiver would end before it begins", next_step="give an end in the future")
    if waiver.ends_at - waiver.starts_at > LONGEST:
        what = f"the waiver would last longer than {LONGEST.days} days"
        yield InputError(what, next_step="give a nearer end; it can be granted anew then")


def _reach_faults(context: Context, configuration: Configuration, waiver: Waiver) -> Iterator[InputError]:
    reached = {name: each for name, each in configuration.instances.items() if waiver.scope.fits(name, each)}
    if not reached:
        what = f"no instance is within {waiver.scope}"
        yield InputError(what, next_step="`setpoint instance list` shows those there are")
    elif waiver.parameter and not _is_known(context, waiver.parameter, reached):
        what = f"no instance within {waiver.scope} has a parameter {waiver.parameter[:80]!a}"
        yield InputError(what, next_step="`setpoint catalog show` lists them")
    if waiver.rule and waiver.rule not in _rules(configuration):
        what = f"no lock, limit or memory budget is called {waiver.rule[:200]!a}"
        yield InputError(
            what, next_step="`setpoint lock list` and `setpoint limit list` name them as POLICY/RULE"
        )


def _is_known(context: Context, parameter: str, reached: Mapping[str, Instance]) -> bool:
    if not parameter.isascii():
        return False
    return any(catalog.find(parameter) is not None for catalog in _catalogs(context, reached))


def _catalogs(context: Context, reached: Mapping[str, Instance]) -> Iterator[Catalog]:
    """Answer the shipped catalogs of the engines reached, then the live ones."""
    for engine in {each.engine: context.engine_of(each) for each in reached.values()}.values():
        for version in shipped_versions(engine):
            yield shipped_catalog(engine, version)
    seen: set[str] = set()
    for name, observation in context.store.snapshots.latest_many(reached).items():
        if observation.catalog_hash not in seen:
            seen.add(observation.catalog_hash)
            yield catalog_of(context, reached[name], observation)


def _rules(configuration: Configuration) -> set[str]:
    return {
        f"{policy.name}/{rule.id}"
        for policy in policies_of(configuration).policies.values()
        for rule in (*policy.locks, *policy.limits, *policy.budgets)
    }


def _check_scope(context: Context, waiver: Waiver, permit: Permit) -> None:
    """Check the acting person's right over all it reaches, unless an approved change stands behind it."""
    principal = permit.principal
    if permit.change or principal.may_everywhere(Right.WAIVE):
        return
    for name, instance in sorted(context.head()[1].instances.items()):
        if waiver.scope.fits(name, instance) and not principal.may(Right.WAIVE, name, instance):
            what = f"{principal.name} may not {Right.WAIVE.value} on {name}"
            gate.refuse(context, principal, Right.WAIVE, name, what)

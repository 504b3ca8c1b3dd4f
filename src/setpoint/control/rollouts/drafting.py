"""Drafting: what a rollout would do to each instance, and in which waves, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from setpoint.control import admission, gate, overridden
from setpoint.control.configure import with_parts
from setpoint.control.desired import desired_of
from setpoint.control.past import releases
from setpoint.control.rollouts.turns import ordered_moves, turn_of
from setpoint.control.watch import catalog_of, observe
from setpoint.engines.planner import make_plan
from setpoint.errors import InputError, InputErrors, RefusedError, SetpointError
from setpoint.policy.person import Right
from setpoint.policy.rollout import RolloutRules
from setpoint.policy.verdict import Outcome
from setpoint.policy.waves import Candidate, make_waves

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Configuration, SettingText
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.engines.plan import Plan
    from setpoint.policy.selector import Selector
    from setpoint.policy.waves import Placed

_MOST_TOLD = 20


@dataclass(frozen=True, kw_only=True)
class RolloutWish:
    """What somebody wants rolled out; without settings the pending difference of each instance is."""

    selector: Selector
    because: str
    settings: Mapping[str, SettingText] = field(default_factory=dict[str, "SettingText"])
    rules: RolloutRules = field(default_factory=RolloutRules)
    ticket: str = ""


@dataclass(frozen=True)
class Outlook:
    """What a rollout would do to one instance as it was last seen, and whether that needs approvals."""

    plan: Plan
    needs_approval: bool

    @property
    def restarts(self) -> tuple[str, ...]:
        """The parameters that would wait for a restart."""
        return self.plan.restarts


@dataclass(frozen=True)
class Draft:
    """The waves, what becomes of each instance, and the instances that have it already."""

    placed: tuple[Placed, ...]
    outlooks: dict[str, Outlook]
    unchanged: tuple[str, ...]


def draft(context: Context, wish: RolloutWish, id_: str) -> Draft:
    """Draw up a rollout from what was last seen of its instances; those never seen are looked at now.

    Raises `NotPermittedError`, `InputErrors` for faulty settings, and `RefusedError` naming each instance
    that policy refuses, that has other differences pending, or whose order cannot be proven.
    """
    permit = gate.require_somewhere(context, Right.APPLY)
    before = context.head()[1]
    names = _reached(context, permit, before, wish)
    after = with_wish(before, names, wish.settings)
    if wish.settings:
        admission.admit_edit(context, before, after)
    seen = _seen(context, before, names)
    _check_texts(wish.settings, seen.values())
    drafter = _Drafter(context, permit, after, wish)
    outlooks = {name: drafter.outlook(*seen[name]) for name in names}
    if drafter.faults:
        more = len(drafter.faults) - _MOST_TOLD
        tail = f"; and {more} more" if more > 0 else ""
        raise RefusedError("; ".join(drafter.faults[:_MOST_TOLD]) + tail)
    is_left = {name for name, each in outlooks.items() if each.plan.is_empty and not wish.settings}
    outlooks = {name: each for name, each in outlooks.items() if name not in is_left}
    if not outlooks:
        raise RefusedError("there is nothing to roll out", next_step="every instance is as it should be")
    candidates = _candidates(context, before, outlooks, seen, wish.rules)
    return Draft(make_waves(candidates, wish.rules, id_), outlooks, tuple(sorted(is_left)))


def with_wish(
    configuration: Configuration, names: Iterable[str], settings: Mapping[str, SettingText]
) -> Configuration:
    """Answer the configuration with settings put into the own layer of each of these instances."""
    if not settings:
        return configuration
    parts = {
        f"instance:{name}": msgspec.structs.replace(each, settings={**each.settings, **settings})
        for name in names
        for each in (configuration.instance(name),)
    }
    return with_parts(configuration, parts)


def _reached(context: Context, permit: Permit, configuration: Configuration, wish: RolloutWish) -> list[str]:
    found = {
        name: each for name, each in sorted(configuration.instances.items()) if wish.selector.fits(name, each)
    }
    if not found:
        message = f"{wish.selector} fits no instance"
        raise InputError(message, next_step="`setpoint instance list` shows them")
    for name, each in found.items():
        if not permit.principal.may(Right.APPLY, name, each):
            what = f"{permit.actor} may not {Right.APPLY.value} on {name}"
            gate.refuse(context, permit.principal, Right.APPLY, name, what)
    return list(found)


def _seen(
    context: Context, configuration: Configuration, names: Iterable[str]
) -> dict[str, tuple[Observation, Catalog]]:
    """Answer what was last seen of instances; raise `RefusedError` naming those that nobody can see."""
    names = list(names)
    known = context.store.snapshots.latest_many(names)
    seen = {
        name: (each, catalog_of(context, configuration.instance(name), each)) for name, each in known.items()
    }
    faults: list[str] = []
    for name in names:
        if name not in seen:
            try:
                seen[name] = observe(context, name)
            except SetpointError as fault:
                faults.append(f"{name} was never observed: {fault.what}")
    if faults:
        raise RefusedError("; ".join(faults[:_MOST_TOLD]))
    return seen


def _check_texts(settings: Mapping[str, SettingText], seen: Iterable[tuple[Observation, Catalog]]) -> None:
    faults: dict[str, InputError] = {}
    catalogs = {observation.catalog_hash: catalog for observation, catalog in seen}
    for catalog in catalogs.values():
        for name, text in settings.items():
            try:
                parameter = catalog.get(name)
                if text is not None:
                    parameter.parse(text, catalog.grammar)
            except InputError as fault:
                faults.setdefault(name, fault)
    if faults:
        raise InputErrors(list(faults.values()))


@dataclass
class _Drafter:
    """Plans instances against a configuration that is not there yet."""

    context: Context
    permit: Permit
    configuration: Configuration
    wish: RolloutWish
    faults: list[str] = field(default_factory=list[str])

    def outlook(self, observation: Observation, catalog: Catalog) -> Outlook:
        """Plan one instance; what stands against it is kept among the faults."""
        context, name = self.context, observation.instance
        engine = context.engine_of(self.configuration.instance(name))
        layers = overridden.layers(context, name)
        desired = desired_of(
            engine, self.configuration, observation, catalog, revision="", at=context.now(), overrides=layers
        )
        let_go = tuple(releases(context, desired, observation, catalog))
        made = make_plan(engine, desired.resolved, observation, catalog, revision="", releases=let_go)
        self._look_for_others(made)
        verdict = admission.judge_plan(
            context, made, observation, catalog, self.permit.principal, kind="propose"
        )
        self.faults += [str(reason) for reason in verdict.refusals]
        return Outlook(made, verdict.outcome is Outcome.ASK)

    def _look_for_others(self, made: Plan) -> None:
        """Find what cannot be reached, and what else a plan would bring besides the wished settings."""
        wished = {name.lower() for name in self.wish.settings}
        blocked = [each for each in made.blocked if not wished or each.parameter.lower() in wished]
        self.faults += [f"{made.instance} {each.parameter}: {each.why}" for each in blocked]
        moved = {step.parameter for step in made.steps if step.parameter}
        others = sorted(name for name in moved if wished and name.lower() not in wished)
        if others:
            self.faults.append(f"{made.instance} has other differences pending: {', '.join(others)}")


def _candidates(
    context: Context,
    configuration: Configuration,
    outlooks: Mapping[str, Outlook],
    seen: Mapping[str, tuple[Observation, Catalog]],
    rules: RolloutRules,
) -> list[Candidate]:
    """Answer the instances that are reached, and the other members of their groups."""
    groups = {configuration.instance(name).group for name in outlooks} - {""}
    beside = [
        name
        for name, each in sorted(configuration.instances.items())
        if each.group in groups and name not in outlooks
    ]
    others = context.store.snapshots.latest_many(beside)
    moves = {
        name: tuple(ordered_moves(context.engine_of(configuration.instance(name)), outlook.plan, *seen[name]))
        for name, outlook in outlooks.items()
    }
    asked: dict[str, list[tuple[str, float, bool]]] = {}
    for name, own in moves.items():
        for move in own:
            asked.setdefault(configuration.instance(name).group, []).append(
                (move.parameter, move.after, move.is_growing)
            )
    found: list[Candidate] = []
    for name in (*outlooks, *beside):
        instance = configuration.instance(name)
        is_reached = name in outlooks
        observation = seen[name][0] if is_reached else others.get(name)
        role = observation.facts.role if observation is not None else "unknown"
        version = observation.facts.version if observation is not None else ""
        found.append(
            Candidate(
                name=name,
                group=instance.group,
                role="" if role == "unknown" else role,
                site=instance.labels.get(rules.site_label, "") if rules.site_label else "",
                like=f"{instance.engine} {version.partition('.')[0]}",
                order=turn_of(moves[name]) if is_reached else "any",
                is_bystander=not is_reached,
                is_safe=not is_reached and _has_room(observation, asked.get(instance.group, ())),
            )
        )
    return found


def _has_room(observation: Observation | None, asked: Iterable[tuple[str, float, bool]]) -> bool:
    """Tell whether a member that is not reached has at least (at most, where it sinks) what others get."""
    if observation is None:
        return False
    for parameter, value, is_growing in asked:
        setting = observation.setting(parameter)
        try:
            running = float(setting.value or "") if setting is not None else None
        except ValueError:
            running = None
        if running is None or (running < value if is_growing else running > value):
            return False
    return True

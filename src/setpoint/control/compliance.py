"""Compliance of the fleet, from what was last seen of it: no instance is touched."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Catalog
from setpoint.config.revision import canonical, content_hash
from setpoint.control import gate
from setpoint.control.desired import claims_of, running_texts
from setpoint.control.incidents import open_incidents
from setpoint.control.subject import policies_of
from setpoint.control.waivers import everything
from setpoint.engines.registry import shipped_classes
from setpoint.policy.compliance import Report, badness, own_profile, roll_up, roll_up_groups
from setpoint.policy.compliance_evidence import Seen
from setpoint.policy.compliance_judge import Judge, Terms
from setpoint.policy.intent import Subject
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.config.budget import Claims
    from setpoint.config.configuration import Instance
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.policy.classes import ParameterClass
    from setpoint.policy.compliance import ReportPoint
    from setpoint.policy.policies import PolicySet
    from setpoint.policy.selector import Selector

STALE_AFTER = timedelta(hours=24)
"""How old an observation may be before nothing is said to comply by it."""
_LONGEST_TREND = 60
"""Points of a trend that are shown."""


def report(context: Context, scope: Selector, *, stale_after: timedelta) -> Report:
    """Judge every instance in a scope by the policies in force, as it was last seen.

    What was seen longer ago than `stale_after` is unknown.
    """
    revision, configuration = context.head()
    policies, now = policies_of(configuration), context.now()
    profile = own_profile(policies.policies.values())
    terms = Terms(
        waivers=everything(context),
        incidents=open_incidents(context),
        classes_of=policies.classes_of,
        classifiers=_classifiers(policies),
        at=now,
        stale_after=stale_after,
    )
    members = {name: each for name, each in configuration.instances.items() if scope.fits(name, each)}
    judge, seen = Judge(profile, terms), _seen(context, members)
    judged = [judge.judge(name, each, seen.get(name)) for name, each in members.items()]
    judged.sort(key=lambda each: (*badness(each.counts), each.name))
    return Report(
        profile=profile,
        scope=str(scope),
        at=now,
        revision=revision.id if revision is not None else "",
        stale_after_seconds=stale_after.total_seconds(),
        fleet=roll_up("", judged),
        groups=roll_up_groups(judged),
        instances=tuple(judged),
        trend=trend(context, profile.name, str(scope)),
    )


def record(context: Context, made: Report, *, permit: Permit) -> Report:
    """Keep what a report came to as a point of the trend; answer the report with its trend up to date.

    Raises `NotPermittedError` where the acting person may not see all of its instances.
    """
    _check_reach(context, made, permit)
    point = made.point()
    series = content_hash(canonical([point.profile, point.scope]))[:8]
    context.store.reports.put(
        f"{point.at:%Y%m%d-%H%M%S-%f}-{series}",
        point,
        version=0,
        actor=permit.actor,
        action="compliance.recorded",
        detail={"profile": point.profile, "scope": point.scope, **permit.detail()},
        at=context.now(),
        subject="fleet",
    )
    return msgspec.structs.replace(made, trend=trend(context, point.profile, point.scope))


def trend(context: Context, profile: str, scope: str) -> tuple[ReportPoint, ...]:
    """Answer the recorded reports of a profile and scope, the oldest first; of many only the last."""
    points = [kept.value for kept in context.store.reports.all().values()]
    mine = [point for point in points if (point.profile, point.scope) == (profile, scope)]
    return tuple(sorted(mine, key=lambda point: point.at)[-_LONGEST_TREND:])


class _Shared:
    """What the instances of a fleet share: each catalog once, with its claims and classes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[
            tuple[str, str], tuple[Catalog, Claims, Mapping[str, tuple[ParameterClass, ...]]]
        ] = {}

    def subject_of(self, name: str, instance: Instance, observation: Observation) -> Subject:
        """Answer what an observation and the configuration tell of an instance."""
        catalog, claims, classes = self._of(instance, observation.catalog_hash)
        return Subject(
            name=name,
            instance=instance,
            facts=observation.facts.with_declared(instance.facts),
            catalog=catalog,
            running=running_texts(observation),
            claims=claims,
            shipped_classes=classes,
        )

    def _of(
        self, instance: Instance, digest: str
    ) -> tuple[Catalog, Claims, Mapping[str, tuple[ParameterClass, ...]]]:
        key = (instance.engine, digest)
        found = self._known.get(key)
        if found is None:
            engine = self._context.engine_of(instance)
            catalog = Catalog(self._context.store.snapshots.catalog(digest), engine.grammar)
            found = (catalog, claims_of(engine, catalog), shipped_classes(engine, catalog))
            self._known[key] = found
        return found


def _seen(context: Context, members: Mapping[str, Instance]) -> dict[str, Seen]:
    """Answer what was last seen of instances, unless the name was of another engine then."""
    shared = _Shared(context)
    return {
        name: Seen(shared.subject_of(name, members[name], observation), observation)
        for name, observation in context.store.snapshots.latest_many(members).items()
        if observation.engine == members[name].engine
    }


def _classifiers(policies: PolicySet) -> tuple[Selector, ...]:
    return tuple(policy.scope for policy in policies.policies.values() if policy.classify)


def _check_reach(context: Context, made: Report, permit: Permit) -> None:
    principal = permit.principal
    if principal.may_everywhere(Right.OBSERVE):
        return
    if made.scope == "all":
        what = f"{principal.name} may not {Right.OBSERVE.value} the whole fleet"
        gate.refuse(context, principal, Right.OBSERVE, "fleet", what)
    instances = context.head()[1].instances
    for each in made.instances:
        if not principal.may(Right.OBSERVE, each.name, instances[each.name]):
            what = f"{principal.name} may not {Right.OBSERVE.value} {each.name}"
            gate.refuse(context, principal, Right.OBSERVE, each.name, what)

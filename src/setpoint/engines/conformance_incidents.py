"""Locks on every engine: a locked parameter that moved behind our back is found, and put right by policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.budget import compile_claims
from setpoint.config.configuration import Instance
from setpoint.engines.conformance_stage import AT, Applied, Subject, demand, look, plan_for
from setpoint.policy.classes import ParameterClass
from setpoint.policy.detect import find_incidents
from setpoint.policy.intent import Intent, Move
from setpoint.policy.intent import Subject as Governed
from setpoint.policy.person import Principal
from setpoint.policy.policies import PolicySet
from setpoint.policy.review import review
from setpoint.policy.rules import Lock, Policy
from setpoint.policy.verdict import Outcome, Quorum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.policy.incident import Incident
    from setpoint.policy.verdict import Verdict

_TWO = Quorum(count=2)


class IncidentConformance:
    """What concerns locks and incidents. Each test puts back what it changed."""

    def subject(self) -> Subject:
        """Answer the engine and the server under test."""
        raise NotImplementedError

    def test_a_locked_parameter_changed_behind_our_back_is_put_right_through_policy(self) -> None:
        """It is an incident at the next look; the desired value comes back with the approvals asked for."""
        subject = self.subject()
        name, text = subject.immediate
        desired = {name: text}
        policies = _policies(name)
        with Applied(subject, desired):
            before, catalog = look(subject)
            quiet = _incidents(subject, None, before, desired, catalog, policies)
            demand(not quiet, f"an incident although nobody meddled: {quiet}")
            subject.meddle(name, subject.second)
            try:
                now, catalog = look(subject)
                found = _incidents(subject, before, now, desired, catalog, policies)
                _demand_one(found, name, catalog.show(name, subject.second), catalog)
                again = _incidents(subject, now, now, desired, catalog, policies)
                demand([each.id for each in again] == [each.id for each in found], "one incident has two ids")
                verdict = _review_plan(subject, desired, now, catalog, policies)
                demand(verdict.outcome is Outcome.ASK, f"putting it right comes to {verdict.outcome.word}")
                demand([need.quorum for need in verdict.needs] == [_TWO], "it does not ask for its approvals")
                verdict = _review_plan(subject, desired, now, catalog, _policies(name, may_restore=True))
                demand(verdict.outcome is Outcome.ALLOW, f"with may_restore: {verdict.outcome.word}")
            finally:
                subject.meddle(name, text)

    def test_a_locked_parameter_that_nobody_manages_is_watched_too(self) -> None:
        """A change between two looks is an incident although no layer asks for a value."""
        subject = self.subject()
        name, text = subject.bystander
        before, _ = look(subject)
        subject.meddle(name, text)
        try:
            now, catalog = look(subject)
            found = _incidents(subject, before, now, {}, catalog, _policies(name))
            _demand_one(found, name, catalog.show(name, text), catalog)
            demand(not found[0].is_managed, "it is called managed")
            demand(found[0].seen_before_at == before.at, "it does not say when the earlier value was seen")
            quiet = _incidents(subject, now, now, {}, catalog, _policies(name))
            demand(not quiet, f"an incident although nothing moved since: {quiet}")
        finally:
            subject.meddle(name, None)


def _policies(name: str, *, may_restore: bool = False) -> PolicySet:
    lock = Lock(id="kept", parameters=(name,), outcome=Outcome.ASK, may_restore=may_restore)
    policy = Policy(
        name="conformance",
        locks=(lock,),
        classify={name: (ParameterClass.AVAILABILITY,)},
        approvals={ParameterClass.AVAILABILITY: _TWO},
    )
    return PolicySet.of({policy.name: policy})


def _incidents(
    subject: Subject,
    before: Observation | None,
    now: Observation,
    desired: Mapping[str, SettingText],
    catalog: Catalog,
    policies: PolicySet,
) -> tuple[Incident, ...]:
    governed = _governed(subject, now, catalog)
    return find_incidents(governed, before, now, desired, catalog, policies, (), AT)


def _demand_one(found: tuple[Incident, ...], name: str, after: str, catalog: Catalog) -> None:
    demand([each.parameter for each in found] == [name], f"incidents: {found}")
    demand(catalog.is_same(name, found[0].after, after), f"found {found[0].after} and not {after}")
    demand(found[0].origin, "it does not say from where the value comes")
    demand(found[0].rules == ("conformance/kept",), f"rules: {found[0].rules}")


def _review_plan(
    subject: Subject,
    desired: Mapping[str, SettingText],
    now: Observation,
    catalog: Catalog,
    policies: PolicySet,
) -> Verdict:
    """Review the plan that puts the desired texts back."""
    plan = plan_for(subject, desired)
    moves = tuple(
        Move(
            parameter=step.parameter,
            before=now.settings[step.parameter].value,
            after=step.text,
            is_restoring=True,
        )
        for step in plan.steps
        if step.parameter
    )
    demand(moves, "the plan does not put it right")
    intent = Intent(
        kind="apply",
        by=Principal(name="ada", account="local:ada@here"),
        subject=_governed(subject, now, catalog),
        moves=moves,
        needs_restart=bool(plan.restarts),
    )
    return review(intent, policies, (), AT)


def _governed(subject: Subject, seen: Observation, catalog: Catalog) -> Governed:
    running = {name: each.value for name, each in seen.settings.items() if each.value is not None}
    return Governed(
        name=subject.target.instance,
        instance=Instance(engine=subject.engine.name),
        facts=seen.facts,
        catalog=catalog,
        running=running,
        claims=compile_claims(subject.engine.claims(), catalog),
        shipped_classes={},
    )

"""What every engine must do, as a suite that every engine's tests inherit.

A test class derives from `EngineConformance` and answers `subject()`: an engine, a server it may change, and
how to meddle with that server behind Setpoint's back. The suite then proves the promises of the port: what is
set is read back, what is not managed stays untouched, a refused step leaves the old state, a stale plan is
refused, one applies and the other is told; what is locked and was moved behind our back is an incident; an
override's end takes the instance from whoever is at it and touches only what is still ours.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.drift import DriftClass, judge
from setpoint.engines.conformance_ending import EndingConformance
from setpoint.engines.conformance_incidents import IncidentConformance
from setpoint.engines.conformance_stage import (
    Applied,
    Meddled,
    Steps,
    Subject,
    application_of,
    demand,
    look,
    persisted_text,
    plan_for,
)
from setpoint.engines.plan import Plan, Request, Step, StepKind
from setpoint.engines.port import Release
from setpoint.errors import ApplyError, ConflictError, HeldError, SetpointError, StalePlanError

if TYPE_CHECKING:
    from setpoint.config.observation import Observation

__all__ = ["EngineConformance", "Subject", "demand"]


class EngineConformance(EndingConformance, IncidentConformance):
    """The suite. Each test puts back what it changed."""

    def test_an_observation_reads_every_parameter_with_its_origin(self) -> None:
        """Every core parameter is observed, and one origin alone decides each known value."""
        subject = self.subject()
        observation, catalog = look(subject)
        missing = [p.name for p in catalog.core if p.name not in observation.settings]
        demand(not missing, f"not observed: {missing}")
        undecided = [
            name
            for name, setting in observation.settings.items()
            if setting.value is not None and sum(origin.is_in_force for origin in setting.origins) != 1
        ]
        demand(not undecided, f"no single origin decides: {undecided}")

    def test_every_observed_value_parses_and_round_trips(self) -> None:
        """What the engine reports is of its catalog's type, and its written form means the same."""
        observation, catalog = look(self.subject())
        for name, setting in observation.settings.items():
            if setting.value is None:
                continue
            parameter = catalog.get(name)
            value = parameter.parse(setting.value, catalog.grammar)
            again = parameter.parse(parameter.format(value, catalog.grammar), catalog.grammar)
            demand(parameter.is_same(value, again), f"{name}: {setting.value} does not round-trip")

    def test_two_observations_of_a_quiet_instance_make_equal_plans(self) -> None:
        """Looking changes nothing: the plans of two looks have one hash."""
        subject = self.subject()
        first, second = (plan_for(subject, dict([subject.immediate])) for _ in range(2))
        demand(first.hash == second.hash, "the plan moved although nobody changed anything")

    def test_apply_verify_and_undo(self) -> None:
        """A change is made, read back, and taken back to where it began, with nothing else touched."""
        subject = self.subject()
        before, catalog = look(subject)
        with Applied(subject, dict([subject.immediate])) as applied:
            name, text = subject.immediate
            after, _ = look(subject)
            drift = judge(name, text, after.settings.get(name), catalog)
            demand(drift.drift_class is DriftClass.IN_SYNC, f"{name}: {drift.explanation}")
            demand(applied.journal.intended == applied.journal.finished, "a step was begun and not ended")
            touched = _changed(before, after) - {name}
            demand(not touched, f"touched without being asked: {sorted(touched)}")
        ended, _ = look(subject)
        demand(not _changed(before, ended), f"left behind: {sorted(_changed(before, ended))}")

    def test_an_entry_asked_for_alone_is_the_one_observed(self) -> None:
        """What is looked at right before a write is what an observation calls persisted, before and after."""
        subject = self.subject()
        name, _ = subject.immediate
        self._demand_equal_entries(subject, name)
        with Applied(subject, dict([subject.immediate])):
            self._demand_equal_entries(subject, name)

    def _demand_equal_entries(self, subject: Subject, name: str) -> None:
        wanted = persisted_text(look(subject)[0], name)
        with closing(subject.engine.connect(subject.target, is_read_only=True)) as driver:
            alone = subject.engine.read_entry(name, driver.run(subject.engine.entry(name)))
        demand(alone == wanted, f"{name}: {alone!r} alone, {wanted!r} in an observation")

    def test_a_plan_already_true_is_empty(self) -> None:
        """What is already so makes no step, however it is spelled."""
        subject = self.subject()
        with Applied(subject, dict([subject.immediate])):
            plan = plan_for(subject, dict([subject.immediate]))
            demand(plan.is_empty, f"steps for what is already so: {[s.parameter for s in plan.steps]}")

    def test_a_restart_parameter_waits_and_says_so(self) -> None:
        """Without a restart the new value waits and is reported as waiting; with one it runs."""
        subject = self.subject()
        name, text = subject.restart
        plan = plan_for(subject, {name: text})
        demand(plan.restarts == (name,), "the plan does not say that it needs a restart")
        with Applied(subject, {name: text}):
            observation, catalog = look(subject)
            drift = judge(name, text, observation.settings[name], catalog)
            demand(drift.drift_class is DriftClass.PENDING_RESTART, f"{name} is {drift.drift_class.value}")
            subject.do_restart()
            observation, catalog = look(subject)
            drift = judge(name, text, observation.settings[name], catalog)
            demand(
                drift.drift_class is DriftClass.IN_SYNC,
                f"{name} is {drift.drift_class.value} after a restart",
            )
        subject.do_restart()

    def test_a_restart_in_the_plan_is_carried_out_when_allowed(self) -> None:
        """With a way to restart, the plan ends with the new value running."""
        subject = self.subject()
        name, text = subject.restart
        with Applied(subject, {name: text}, restart=subject.do_restart):
            observation, catalog = look(subject)
            drift = judge(name, text, observation.settings[name], catalog)
            demand(drift.drift_class is DriftClass.IN_SYNC, f"{name} is {drift.drift_class.value}")

    def test_a_normalised_value_is_no_drift(self) -> None:
        """A text that the engine rounds or clamps verifies as normalised and plans no further step."""
        subject = self.subject()
        if subject.normalised is None:
            return
        name, text = subject.normalised
        with Applied(subject, {name: text}):
            observation, catalog = look(subject)
            drift = judge(name, text, observation.settings[name], catalog)
            demand(drift.drift_class is DriftClass.NORMALISED, f"{name} is {drift.drift_class.value}")
            demand(plan_for(subject, {name: text}).is_empty, "an eternal diff")

    def test_a_value_the_engine_refuses_is_blocked_in_the_plan(self) -> None:
        """The live catalog knows what the server would refuse."""
        subject = self.subject()
        name, text = subject.refused
        plan = plan_for(subject, {name: text})
        demand([blocked.parameter for blocked in plan.blocked] == [name], "not blocked")
        demand(plan.is_empty, "there are steps for a refused value")

    def test_an_unknown_parameter_is_blocked_not_dropped(self) -> None:
        """A parameter the engine does not know is kept and shown."""
        plan = plan_for(self.subject(), {"no_such_parameter_here": "1"})
        demand(
            [blocked.parameter for blocked in plan.blocked] == ["no_such_parameter_here"],
            "dropped in silence",
        )

    def test_a_failing_step_leaves_the_old_state(self) -> None:
        """A step that fails in the middle takes back those before it and says so."""
        subject = self.subject()
        before, _ = look(subject)
        plan = plan_for(subject, dict([subject.immediate]))
        broken = _with_failing_step(plan)
        with closing(subject.engine.connect(subject.target, is_read_only=False)) as driver:
            application = application_of(subject, driver, broken, Steps(), None)
            try:
                application.run()
            except ApplyError as fault:
                demand(fault.state == "old", f"the state is {fault.state}: {fault.what}")
            else:
                raise AssertionError("a step that fails was not noticed")
        after, _ = look(subject)
        demand(not _changed(before, after), f"left behind: {sorted(_changed(before, after))}")

    def test_a_stale_plan_is_refused(self) -> None:
        """A plan made before somebody changed the instance is not applied."""
        subject = self.subject()
        plan = plan_for(subject, dict([subject.immediate]))
        subject.meddle(*subject.bystander)
        try:
            with closing(subject.engine.connect(subject.target, is_read_only=False)) as driver:
                try:
                    application_of(subject, driver, plan, Steps(), None).run()
                except StalePlanError:
                    pass
                else:
                    raise AssertionError("a stale plan was applied")
        finally:
            subject.meddle(subject.bystander[0], None)

    def test_of_two_applies_one_wins_and_the_other_is_told(self) -> None:
        """While one connection holds the instance, another is told who holds it."""
        subject = self.subject()
        with (
            closing(subject.engine.connect(subject.target, is_read_only=False)) as first,
            closing(subject.engine.connect(subject.target, is_read_only=False)) as second,
        ):
            first.lock("apply by ada")
            try:
                second.lock("apply by grace")
            except HeldError as fault:
                demand("ada" in str(fault), f"the holder is not named: {fault}")
            else:
                raise AssertionError("both hold the instance")
            first.close()
            second.lock("apply by grace")

    def test_who_comes_between_the_last_look_and_the_write_is_not_overwritten(self) -> None:
        """Where the engine can be made to, it writes an entry only if that is what was looked at."""
        subject = self.subject()
        name, text = subject.immediate
        plan = plan_for(subject, {name: text})
        with closing(subject.engine.connect(subject.target, is_read_only=False)) as driver:
            meddled = Meddled(driver, lambda: subject.meddle(name, subject.second))
            try:
                application_of(subject, meddled, plan, Steps(), None).run()
            except SetpointError:
                found = persisted_text(look(subject)[0], name)
                demand(found == subject.second, f"{found!r} stands where somebody had set {subject.second!r}")
            else:
                demand(not meddled.has_meddled, "somebody else's value was overwritten")
        subject.meddle(name, None)

    def test_undo_does_not_overwrite_a_later_human_change(self) -> None:
        """What somebody set after us is a conflict, named and left alone."""
        subject = self.subject()
        name, _ = subject.immediate
        with Applied(subject, dict([subject.immediate])) as applied:
            subject.meddle(name, subject.second)
            try:
                applied.undo()
            except ConflictError as fault:
                demand(name in str(fault), "the parameter is not named")
            else:
                raise AssertionError("a human's change was overwritten")
            subject.meddle(name, subject.immediate[1])

    def test_a_release_puts_back_only_what_is_still_ours(self) -> None:
        """A parameter no layer asks for any more goes back, unless somebody else set it since."""
        subject = self.subject()
        name, text = subject.immediate
        with Applied(subject, {name: text}):
            ours = Release(parameter=name, ours=text, restore=subject.standing)
            plan = plan_for(subject, {}, releases=[ours])
            kind = StepKind.RESET if subject.standing is None else StepKind.SET
            demand([s.kind for s in plan.steps if s.parameter] == [kind], "it is not put back")
            subject.meddle(name, subject.second)
            plan = plan_for(subject, {}, releases=[ours])
            demand(plan.is_empty, "somebody else's value would be overwritten")
            demand(plan.warnings, "nobody is told")
            subject.meddle(name, text)


def _with_failing_step(plan: Plan) -> Plan:
    """Put a statement that no engine understands behind the first step."""
    nonsense = Step(
        kind=StepKind.SET, do=(Request(text="this is no statement of any engine", is_read_only=False),)
    )
    return msgspec.structs.replace(plan, steps=(*plan.steps[:1], nonsense, *plan.steps[1:]))


def _changed(before: Observation, after: Observation) -> set[str]:
    """Answer the parameters whose own, persisted or waiting value differs."""
    names = before.settings.keys() | after.settings.keys()
    return {name for name in names if _state(before, name) != _state(after, name)}


def _state(observation: Observation, name: str) -> tuple[str | None, str | None, str | None] | None:
    setting = observation.settings.get(name)
    if setting is None:
        return None
    persisted = setting.entry
    return setting.value, persisted.text if persisted is not None else None, setting.pending

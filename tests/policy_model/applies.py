"""Applies and undos, and the model's word on each: was it allowed to reach the instance, or to be refused?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.policy_model.deeds import Deeds, gist
from tests.policy_model.law import meaning
from tests.policy_model.terms import (
    RESTARTED,
)
from tests.policy_model.world import CHOICES, Made, Seat, Server

from setpoint.engines.plan import StepKind
from setpoint.errors import ApplyError, NotPermittedError, RefusedError, SetpointError, StalePlanError

if TYPE_CHECKING:
    from random import Random


class Applies(Deeds):
    """What reaches an instance, and what does not."""

    def apply_plan(self, dice: Random, made: Made, seat: Seat, *, is_emergency: bool = False) -> None:
        if made.plan.is_empty:
            return
        name, before = made.name, self.stage.state(made.name)
        may_restart, is_cut = dice.random() < 0.6, dice.random() < 0.06

        def before_step(number: int, _: object) -> None:
            if is_cut and number == len(made.plan.steps) - 1:
                raise RefusedError("enough")

        done = self.attempt(
            lambda: self.stage.front(seat).apply(
                made.plan,
                may_restart=may_restart,
                emergency="it burns" if is_emergency else "",
                before_step=before_step,
            )
        )
        if isinstance(done, ApplyError):
            assert is_cut, done
            self.check_let_through(made, seat, before, is_emergency=is_emergency)
            self.spend(made)
            self.count("apply cut short")
        elif isinstance(done, SetpointError):
            self.agree_with_refusal(done, made, seat, before, is_emergency=is_emergency)
            if self.world.proposal_for(made.plan.hash) is not None and isinstance(done, StalePlanError):
                self.count("approved, but stale")
        else:
            self.check_let_through(made, seat, before, is_emergency=is_emergency)
            self.settle(made, before, may_restart=may_restart)
            self.can_undo.add(name)

    def check_let_through(
        self, made: Made, seat: Seat, before: Server, *, is_emergency: bool = False, what: str = "apply"
    ) -> None:
        """What reached an instance must have been allowed to, at that moment."""
        grants = self.grants_in(seat, what)
        assert self.may(grants, "apply", made.name), f"{seat.person} may not apply to {made.name}"
        assert not is_emergency or self.may(grants, "break glass", made.name)
        assert made.ground == self.world.ground(made.name), "what the plan rests on has changed"
        assert made.server == before, "the server has changed"
        proposal = self.world.proposal_for(made.plan.hash)
        answer = self.answer(made, before, grants, seat.person, proposal, is_emergency, may_restore=True)
        assert not answer.refusals, f"{what} against {answer.refusals}"
        missing = self.missing(answer.needs, proposal)
        assert not missing, f"{what} of {made.plan.expected} without {missing}; {proposal}"
        strict = self.answer(made, before, grants, seat.person, proposal, False, may_restore=False)
        kind = "with approvals" if answer.needs else "freely"
        self.count(f"{what} {kind}")
        if answer.needs and any(need.quorum.count > 1 or need.quorum.owner for need in answer.needs):
            self.count(f"{what} with more than one approval")
        if is_emergency and (answer.needs, answer.refusals) != (strict.needs, strict.refusals):
            self.count(f"{what} thanks to an emergency right")
        elif strict.needs - answer.needs:
            self.count(f"{what} that put something back")
        elif not answer.needs and self.policies_over(made.name):
            self.count(f"{what} freely under policy")

    def settle(self, made: Made, before: Server, *, may_restart: bool) -> None:
        """Take over what a plan did, and make sure that it did that alone."""
        plan, name = made.plan, made.name
        persisted, running = dict(before[0]), dict(before[1])
        ours = self.world.ours[name]
        for step in plan.steps:
            if step.kind is StepKind.RELOAD or (step.kind is StepKind.RESTART and may_restart):
                for parameter in running:
                    if step.kind is StepKind.RESTART or parameter not in RESTARTED:
                        running[parameter] = persisted.get(parameter, self.defaults[parameter])
            elif step.parameter and step.text is None:
                persisted.pop(step.parameter, None)
            elif step.parameter:
                assert isinstance(step.text, str)
                persisted[step.parameter] = step.text
            if step.parameter and (step.text is None or step.parameter in plan.released):
                ours.pop(step.parameter, None)
            elif step.parameter and isinstance(step.text, str):
                ours[step.parameter] = step.text
        now = self.stage.state(name)
        assert now[0] == persisted, f"{name}: {now[0]} is not {persisted}"
        for parameter in CHOICES:
            assert meaning(parameter, now[1][parameter]) == meaning(parameter, running[parameter])
        self.servers[name] = self.world.seen[name] = now
        self.spend(made)

    def spend(self, made: Made) -> None:
        proposal = self.world.proposal_for(made.plan.hash)
        if proposal is not None:
            proposal.state = "spent"

    def agree_with_refusal(
        self, fault: SetpointError, made: Made, seat: Seat, before: Server, *, is_emergency: bool
    ) -> None:
        """Where the product says no, the model must see why; `seen` is what the product goes by at first."""
        self.count(f"apply refused: {gist(fault)}")
        grants, proposal = self.world.enter(seat), self.world.proposal_for(made.plan.hash)
        if isinstance(fault, NotPermittedError):
            self.agree_not_permitted(fault, seat, "apply", made.name, is_emergency=is_emergency)
            return
        is_stale = made.ground != self.world.ground(made.name) or made.server != before
        if isinstance(fault, StalePlanError):
            assert is_stale, f"stale for nothing: {fault}"
            return
        assert type(fault) is RefusedError, repr(fault)
        is_withdrawn = (
            proposal is not None and proposal.is_ground_moved
        )  # though it may have moved back since
        if is_stale or is_withdrawn or self.world.seen.get(made.name) != before:
            return
        assert grants is not None
        answers = [
            self.answer(made, before, grants, seat.person, proposal, is_emergency, restores)
            for restores in (True, False)
        ]
        if "policy refuses it" in fault.what:
            assert any(answer.refusals for answer in answers), f"refused for nothing: {fault}"
            return
        lacks = any(self.missing(answer.needs, proposal) for answer in answers)
        assert lacks, f"nothing is missing: {fault}; {proposal}; {answers[0].needs}"

    def agree_not_permitted(
        self, fault: SetpointError, seat: Seat, right: str, name: str, *, is_emergency: bool = False
    ) -> None:
        grants = self.world.enter(seat)
        is_right = grants is None or not self.may(grants, right, name)
        if is_emergency and grants is not None:
            is_right = is_right or not self.may(grants, "break glass", name)
        assert is_right, f"{seat} may {right} on {name}: {fault}"

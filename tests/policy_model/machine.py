"""The machine: people who edit, plan, propose, vote, change policy, meddle and apply, in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import msgspec
from hypothesis.stateful import initialize, invariant, rule
from tests.policy_model import law, world
from tests.policy_model.deeds import some_policy
from tests.policy_model.politics import DICE, Politics
from tests.policy_model.terms import (
    Proposal,
)
from tests.policy_model.world import CHOICES, Made

from setpoint.engines.simulated.dialect import running_text
from setpoint.engines.simulated.driver import shipped
from setpoint.errors import NotPermittedError, RefusedError, SetpointError


class Governed(Politics):
    """One fleet under changing policies, for as many steps as are asked for."""

    @initialize(n=DICE)
    def begin_with_policies(self, n: int) -> None:
        """Two policy owners put the first policies in force."""
        dice = self.begin(n)
        pam, pip = self.world.seats[1:3]
        for name in ("one", "two")[: dice.choice((1, 2, 2))]:
            self.agree_on_policy(dice, pam, pip, name, some_policy(dice, name, None, self.world.now))

    # Time, and what is desired

    @rule(n=DICE)
    def let_time_pass(self, n: int) -> None:
        minutes = self.begin(n).choice((1, 5, 20, 20, 60, 60, 180, 500, 1500, 4400))
        self.world.clock.at += timedelta(minutes=minutes)

    @rule(n=DICE)
    def edit(self, n: int) -> None:
        self.edit_settings(self.begin(n))

    @rule(n=DICE)
    def plan(self, n: int) -> None:
        dice = self.begin(n)
        self.make_plan(dice, _name(dice))

    @rule(n=DICE)
    def ask_for_a_change(self, n: int) -> None:
        """Edit, plan and propose in one go: what most changes begin with."""
        dice = self.begin(n)
        name = _name(dice)
        self.edit_settings(dice, f"instance:{name}")
        made = self.make_plan(dice, name)
        if made is not None and not made.plan.is_empty:
            self.propose(dice, made)

    @rule(n=DICE)
    def move_an_instance(self, n: int) -> None:
        """Change what decides which policies an instance is under: by hand, or by an approved document."""
        dice = self.begin(n)
        name = _name(dice)
        place = self.world.places[name]
        labels = {**place.labels, **dice.choice(({"owner": "bob bea"}, {"owner": "pip"}, {"tier": "gold"}))}
        moved = dice.choice(
            (
                replace(place, environment=dice.choice(("production", "staging", "lab"))),
                replace(place, labels=labels),
                replace(place, group=dice.choice(("", "core"))),
            )
        )
        if moved == place:
            return
        after = world.instance(name, moved, self.world.settings.get(f"instance:{name}", {}))
        if dice.random() < 0.4:
            self.propose_document(dice, name, moved, after)
            return
        seat = self.one_who_may(dice, "edit", name)
        done = self.attempt(lambda: self.stage.front(seat).change_instance(name, after, reason="moved"))
        if isinstance(done, SetpointError):
            return
        grants = self.grants_in(seat, "moved an instance")
        assert self.may(grants, "edit", name)
        assert law.may(grants, "edit", name, moved)
        assert not self.policies_over(name), f"{name} was moved by hand"
        self.reconfigure(seat, lambda: self.world.places.update({name: moved}))
        self.count("instance moved by hand")

    @rule(n=DICE)
    def meddle(self, n: int) -> None:
        dice = self.begin(n)
        self.move_behind_our_back(dice, _name(dice))

    def move_behind_our_back(self, dice: Random, name: str) -> None:
        parameter = dice.choice(sorted(self.world.ours[name]) or sorted(CHOICES))
        none = () if parameter == "connection_greeting" else (None,)
        text = dice.choice((*CHOICES[parameter], *none))
        runs = running_text(shipped().get(parameter), text) if text is not None else self.defaults[parameter]
        self.stage.servers[name].set_by_hand(parameter, text, running=runs)
        self.servers[name] = self.stage.state(name)
        self.count("meddled")

    # Changes and voices

    @rule(n=DICE)
    def propose_a_plan(self, n: int) -> None:
        dice = self.begin(n)
        if self.world.plans:
            self.propose(dice, dice.choice(self.world.plans[-4:]))

    @rule(n=DICE)
    def approve(self, n: int) -> None:
        self.vote(self.begin(n))

    @rule(n=DICE)
    def approve_by_several(self, n: int) -> None:
        dice = self.begin(n)
        for _ in range(3):
            self.vote(dice)

    @rule(n=DICE)
    def end_a_change(self, n: int) -> None:
        dice = self.begin(n)
        if self.world.proposals and dice.random() < 0.5:
            self.end_proposal(dice, dice.choice(self.world.proposals[-6:]))

    def end_proposal(self, dice: Random, proposal: Proposal) -> None:
        is_rejecting = dice.random() < 0.5
        authors = [each for each in self.world.seats if each.person == proposal.author]
        seat = self.seat(dice) if is_rejecting or dice.random() < 0.3 else dice.choice(authors)
        front = self.stage.front(seat).governance
        end = front.reject if is_rejecting else front.withdraw
        if isinstance(self.attempt(lambda: end(proposal.id, reason="no")), SetpointError):
            return
        self.grants_in(seat, "ended a change")
        assert proposal.is_open(self.world.now), "what is closed was closed again"
        assert is_rejecting or seat.person == proposal.author
        proposal.state = "rejected" if is_rejecting else "withdrawn"
        self.count(f"change {proposal.state}")

    # Applies

    @rule(n=DICE)
    def see_a_change_through(self, n: int) -> None:
        self.from_edit_to_apply(self.begin(n))

    @rule(n=DICE)
    def see_another_change_through(self, n: int) -> None:
        self.from_edit_to_apply(self.begin(n))

    def from_edit_to_apply(self, dice: Random) -> None:
        """Everything as it should be, but for what comes between now and then."""
        name = _name(dice)
        self.edit_settings(dice, f"instance:{name}")
        made = self.make_plan(dice, name)
        if made is None or made.plan.is_empty:
            return
        if dice.random() < 0.85:
            self.propose(dice, made)
        proposal = self.world.proposal_for(made.plan.hash)
        if proposal is not None:
            self.gather_voices(dice, proposal)
            self.disturb(dice, name, proposal)
        has_glass = any(each.emergency for each in self.world.policies.values())
        is_emergency = dice.random() < (0.5 if has_glass else 0.05)
        if is_emergency and proposal is not None:
            # The quorum of an emergency forgets sooner than others: what was enough may be too old for it.
            self.world.clock.at += timedelta(minutes=dice.choice((0, 179, 181, 300)))
        for _ in range(dice.choice((1, 1, 2))):
            seat = self.one_who_may(dice, "break glass" if is_emergency else "apply", name)
            self.apply_plan(dice, made, seat, is_emergency=is_emergency)
        if self.world.ours[name] and dice.random() < 0.5:
            self.put_right(dice, name)

    def gather_voices(self, dice: Random, proposal: Proposal) -> None:
        for _ in range(6):
            if self.missing(self.needs_now(proposal), proposal):
                self.vote(dice, proposal)

    def disturb(self, dice: Random, name: str, proposal: Proposal) -> None:
        """Let something happen between the last approval and the apply, or nothing."""
        what = dice.choice(
            ("", "", "", "", "time", "time", "people", "people", "edit", "meddle", "end", "policy")
        )
        if what == "time":
            self.world.clock.at += timedelta(minutes=dice.choice((10, 60, 119, 120, 121, 480, 1439, 1440)))
        elif what == "people":
            self.change_somebody(dice)
        elif what == "edit":
            self.edit_settings(dice)
        elif what == "meddle":
            self.move_behind_our_back(dice, name)
        elif what == "end":
            self.end_proposal(dice, proposal)
        elif what == "policy":
            self.loosen(dice)

    @rule(n=DICE)
    def apply(self, n: int) -> None:
        dice = self.begin(n)
        if self.world.plans:
            made = dice.choice(self.world.plans[-5:])
            self.apply_plan(dice, made, self.one_who_may(dice, "apply", made.name))

    @rule(n=DICE)
    def apply_what_was_voted_on(self, n: int) -> None:
        dice = self.begin(n)
        voted = {each.digest for each in self.world.proposals if each.voices and each.state == "open"}
        plans = [made for made in self.world.plans if made.plan.hash in voted]
        if plans:
            made = dice.choice(plans[-3:])
            self.apply_plan(dice, made, self.one_who_may(dice, "apply", made.name))

    @rule(n=DICE)
    def apply_in_an_emergency(self, n: int) -> None:
        dice = self.begin(n)
        if self.world.plans:
            made = dice.choice(self.world.plans[-3:])
            seat = self.one_who_may(dice, "break glass", made.name)
            self.apply_plan(dice, made, seat, is_emergency=True)

    @rule(n=DICE)
    def apply_what_was_never_made(self, n: int) -> None:
        """An approved plan with another text in it is another plan."""
        dice = self.begin(n)
        plans = [made.plan for made in self.world.plans[-4:] if made.plan.steps]
        if not plans:
            return
        plan = dice.choice(plans)
        first = msgspec.structs.replace(plan.steps[0], reason="as it was approved")
        forged = msgspec.structs.replace(plan, steps=(first, *plan.steps[1:]))
        done = self.attempt(lambda: self.stage.front(self.seat(dice)).apply(forged))
        assert isinstance(done, RefusedError), f"a forged plan: {done}"

    @rule(n=DICE)
    def undo(self, n: int) -> None:
        dice = self.begin(n)
        self.take_back(dice, dice.choice(sorted(self.can_undo) or sorted(world.PLACES)))

    @rule(n=DICE)
    def see_an_undo_through(self, n: int) -> None:
        dice = self.begin(n)
        if not self.can_undo:
            return
        name = dice.choice(sorted(self.can_undo))
        proposal = self.propose_way_back(dice, name)
        if proposal is not None:
            self.gather_voices(dice, proposal)
            self.disturb(dice, name, proposal)
            if dice.random() < 0.3:
                self.apply_plan(dice, self.world.plans[-1], self.one_who_may(dice, "apply", name))
                self.put_right(dice, name)
        self.take_back(dice, name)

    @rule(n=DICE)
    def put_right_what_was_moved(self, n: int) -> None:
        """What was moved behind our back goes back, by a new plan."""
        dice = self.begin(n)
        names = [name for name, ours in self.world.ours.items() if ours]
        if not names:
            return
        self.put_right(dice, dice.choice(names))

    def put_right(self, dice: Random, name: str) -> None:
        self.move_behind_our_back(dice, name)
        made = self.make_plan(dice, name)
        if made is not None:
            self.apply_plan(dice, made, self.one_who_may(dice, "apply", name))

    def take_back(self, dice: Random, name: str) -> None:
        seat, may_restart = self.one_who_may(dice, "apply", name), dice.random() < 0.5
        before = self.stage.state(name)
        done = self.attempt(lambda: self.stage.front(seat).undo(name, may_restart=may_restart))
        if isinstance(done, SetpointError):
            self.count(f"undo refused: {type(done).__name__}")
            if isinstance(done, NotPermittedError):
                self.agree_not_permitted(done, seat, "apply", name)
            return
        made = Made(done[0], self.world.ground(name), before)
        self.check_let_through(made, seat, before, what="undo")
        self.settle(made, before, may_restart=may_restart)
        self.can_undo.discard(name)

    @rule(n=DICE)
    def propose_an_undo(self, n: int) -> None:
        dice = self.begin(n)
        self.propose_way_back(dice, dice.choice(sorted(self.can_undo) or sorted(world.PLACES)))

    def propose_way_back(self, dice: Random, name: str) -> Proposal | None:
        seat = self.one_who_may(dice, "propose", name)
        change = self.attempt(lambda: self.stage.front(seat).governance.propose_undo(name, reason="back"))
        self.world.seen.pop(name, None)
        if isinstance(change, SetpointError):
            self.count(f"undo not proposed: {type(change).__name__}")
            return None
        assert self.may(self.grants_in(seat, "proposed an undo"), "propose", name)
        self.world.seen[name] = self.stage.state(name)
        plan = self.stage.front(seat).find_plan(change.digest)
        made = Made(plan, self.world.ground(name), self.stage.state(name))
        self.world.plans.append(made)
        proposal = self.open_proposal(change, seat, lambda: self.world.ground(name))
        self.fill_in(proposal, made)
        return proposal

    # What holds after every step

    @invariant()
    def instances_changed_only_as_the_model_knows(self) -> None:
        for name, expected in self.servers.items():
            assert self.stage.state(name) == expected, f"{name} moved by itself"

    @invariant()
    def the_configuration_is_what_was_let_through(self) -> None:
        configuration = self.stage.context.head()[1]
        assert configuration.policies == self.world.texts
        assert set(configuration.instances) == set(world.PLACES)
        for name, place in self.world.places.items():
            settings = self.world.settings.get(f"instance:{name}", {})
            assert configuration.instances[name] == world.instance(name, place, settings)


def _name(dice: Random) -> str:
    return dice.choice(sorted(world.PLACES))

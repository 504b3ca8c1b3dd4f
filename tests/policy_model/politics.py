"""The rules by which people change what governs: policies, waivers, rights, tokens and lent voices."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.policy_model import documents, law, terms, world
from tests.policy_model.applies import Applies
from tests.policy_model.deeds import some_grants, some_policy
from tests.policy_model.terms import (
    ALL,
    Person,
    Policy,
    Proposal,
)
from tests.policy_model.world import PRODUCTION, STAGING, Seat

from setpoint.config.fleet_document import write_fleet
from setpoint.config.revision import Revision
from setpoint.errors import ConflictError, InputError, NotPermittedError, SetpointError
from setpoint.policy.approval import Change

DICE = st.integers(0, 2**24)
"""One number decides all of a step; so little is drawn that a run may be long."""


class Politics(Applies):
    """People who change policy and one another's rights."""

    def propose_policy(self, seat: Seat, name: str, new: Policy | None) -> Proposal | None:
        front, text = self.stage.front(seat).governance, documents.write(new) if new is not None else ""
        if new is None:
            done = self.attempt(lambda: front.remove_policy(name, reason="no more"))
        else:
            done = self.attempt(lambda: front.put_policy(name, text, reason="a rule"))
        if isinstance(done, SetpointError):
            if isinstance(done, NotPermittedError):
                grants = self.world.enter(seat)
                assert grants is None or not law.may_everywhere(grants, "policy"), done
            return None
        assert law.may_everywhere(self.grants_in(seat, "changed policy"), "policy")
        assert not isinstance(done, Revision), "a policy in force that nobody approved"
        proposal = self.open_proposal(done, seat, lambda: tuple(sorted(self.world.texts.items())))
        self.payloads[proposal.id] = lambda: self.put_policy(name, new, text)
        return proposal

    def carry_out_proposal(self, proposal: Proposal, seat: Seat) -> None:
        """Do what an approved change of policy or a waiver says."""
        missing = self.missing(law.governance_needs(proposal.kind, self.world.policies), proposal)
        right = {"policy": "propose", "waiver": "waive"}[proposal.kind]
        is_trusted = law.may_somewhere(self.world.people[proposal.author].grants, right)
        done = self.attempt(lambda: self.stage.front(seat).governance.carry_out(proposal.id))
        if isinstance(done, SetpointError):
            grants = self.world.enter(seat)
            is_excused = grants is None or not law.may_somewhere(grants, "propose") or not is_trusted
            is_late = proposal.kind == "waiver" and isinstance(done, InputError | ConflictError)
            assert missing or is_excused or is_late or proposal.is_ground_moved, (
                f"refused for nothing: {done}"
            )
            self.count(f"{proposal.kind} not carried out")
            return
        assert law.may_somewhere(self.grants_in(seat, "carried out a change"), "propose")
        assert is_trusted, f"{proposal.author}, who asked for it, is not trusted with it any more"
        assert not missing, f"{proposal} was carried out without {missing}"
        if proposal.id in self.grounds:
            assert self.grounds[proposal.id]() == self.ground_then[proposal.id], "on ground that moved"
        proposal.state = "spent"
        self.reconfigure(seat, self.payloads[proposal.id])
        self.count(f"{proposal.kind} carried out")

    def loosen(self, dice: Random) -> None:
        """Two policy owners take something out of a policy in force."""
        if not self.world.policies:
            return
        name = dice.choice(sorted(self.world.policies))
        pam, pip = self.world.seats[1:3]
        self.agree_on_policy(dice, pam, pip, name, documents.looser(dice, self.world.policies[name]))

    def agree_on_policy(self, dice: Random, one: Seat, other: Seat, name: str, new: Policy | None) -> None:
        proposal = self.propose_policy(one, name, new)
        if proposal is not None:
            self.vote_by(other, proposal)
            if not self.missing(law.governance_needs("policy", self.world.policies), proposal):
                self.carry_out_proposal(proposal, one)

    # Policy

    @rule(n=DICE)
    def change_policy(self, n: int) -> None:
        dice = self.begin(n)
        name = dice.choice(("one", "two", "three"))
        new = some_policy(dice, name, self.world.policies.get(name), self.world.now)
        if dice.random() < 0.6:
            seat = self.seat(dice, lambda grants: law.may_everywhere(grants, "policy"))
            self.propose_policy(seat, name, new)

    @rule(n=DICE)
    def change_policy_around_the_gate(self, n: int) -> None:
        """Policies by a fleet document or by a revert, which are edits like others."""
        dice = self.begin(n)
        seat = self.seat(dice, lambda grants: law.may_everywhere(grants, "edit"))
        front = self.stage.front(seat)
        if dice.random() < 0.5:
            policies = {"two": documents.write(terms.Policy("two"))}
            text = write_fleet(msgspec.structs.replace(self.stage.context.head()[1], policies=policies))
            done = self.attempt(lambda: front.import_fleet(text, "fleet.yaml", reason="all of it"))
            assert isinstance(done, SetpointError) or self.world.texts == policies, "policies by a document"
            return
        revision = self.stage.store.revisions.log(4)[-1]
        earlier = self.stage.store.revisions.load(revision)
        if len(earlier.instances) < len(world.PLACES):
            return
        if isinstance(self.attempt(lambda: front.revert(revision.id, reason="as it was")), SetpointError):
            return
        assert law.may_somewhere(self.grants_in(seat, "reverted"), "edit")
        assert earlier.policies == self.world.texts, "a revert brought other policies"
        above = {name: self.policies_over(name) for name in world.PLACES}
        places = dict(self.world.places)
        self.reconfigure(seat, lambda: self.take_over(earlier))
        moved = [name for name in places if places[name] != self.world.places[name] and above[name]]
        assert not moved, f"{moved} were moved by a revert"
        self.count("reverted")

    @rule(n=DICE)
    def carry_out(self, n: int) -> None:
        """Do what an approved change of policy or a waiver says."""
        dice = self.begin(n)
        found = [each for each in self.world.proposals if each.kind != "plan"]
        ready = [each for each in found if each.voices and each.is_open(self.world.now)]
        pool = ready if ready and dice.random() < 0.9 else found
        if not pool:
            return
        proposal = dice.choice(pool[-4:])
        seat = self.seat(dice, lambda grants: law.may_somewhere(grants, "propose"))
        self.carry_out_proposal(proposal, seat)

    @rule(n=DICE)
    def ask_for_a_waiver(self, n: int) -> None:
        dice = self.begin(n)
        limits = [f"{each.name}/{limit.id}" for each in self.world.policies.values() for limit in each.limits]
        if not limits:
            return
        seat = self.seat(dice, lambda grants: law.may_somewhere(grants, "waive"))
        ends = self.world.now + timedelta(hours=dice.choice((3, 30, 300)))
        name, scope = dice.choice(limits), dice.choice((ALL, PRODUCTION, STAGING))
        parameter = dice.choice(("", "sort_memory"))
        front = self.stage.front(seat).governance
        done = self.attempt(
            lambda: front.add_waiver(
                owner="ann",
                reason=f"for now {n}",
                scope=world.selector(scope),
                ends_at=ends,
                rule=name,
                parameter=parameter,
            )
        )
        if isinstance(done, SetpointError):
            return
        assert law.may_somewhere(self.grants_in(seat, "asked for a waiver"), "waive")
        assert isinstance(done, Change), "a waiver in force that nobody approved"
        proposal = self.open_proposal(done, seat, lambda: tuple(sorted(self.world.texts.items())))
        waiver = terms.Waiver(done.subject, parameter, name, scope, self.world.now, ends)
        self.payloads[proposal.id] = lambda: self.world.waivers.append(waiver)

    # People

    @rule(n=DICE)
    def change_people(self, n: int) -> None:
        dice = self.begin(n)
        if dice.random() < 0.5:
            self.change_somebody(dice)

    def change_somebody(self, dice: Random) -> None:
        known = [each for each in self.world.people.values() if each.name != "root"]
        voters = sorted({voice.by for each in self.world.proposals[-4:] for voice in each.voices})
        if dice.random() < 0.2:
            who = Person(f"new{len(self.world.people)}", some_grants(dice), dice.random() < 0.1)
        elif voters and dice.random() < 0.5:
            who = replace(self.world.people[dice.choice(voters)], grants=some_grants(dice))
        else:
            who = replace(dice.choice(known), grants=some_grants(dice))
        is_new, is_removing = who.name not in self.world.people, dice.random() < 0.25
        seat = self.seat(dice, lambda grants: law.may_everywhere(grants, "people"))
        front = self.stage.front(seat).governance.people
        if is_removing and not is_new:
            done = self.attempt(lambda: front.remove(who.name, reason="left"))
            who = replace(who, grants=(), is_removed=True)
        else:
            done = self.attempt(lambda: front.put(world.person(who), reason="changed"))
        if isinstance(done, SetpointError):
            return
        assert law.may_everywhere(self.grants_in(seat, "changed people"), "people")
        self.world.people[who.name] = who
        self.count("person removed" if who.is_removed else "person changed")
        for loan in self.world.loans if who.is_removed else ():
            if who.name in (loan.giver, loan.to):
                loan.ends = min(loan.ends, self.world.now)
        if is_new:
            self.world.seats.append(
                world.issue(self.stage.front(self.world.seats[0]), who.name, timedelta(30))
            )

    @rule(n=DICE)
    def issue_a_token(self, n: int) -> None:
        dice = self.begin(n)
        seat = self.seat(dice, lambda grants: law.may_everywhere(grants, "people"))
        who = dice.choice([each for each in self.world.people.values() if not each.is_removed])
        held = sorted({role for role, _ in who.grants})
        narrowing: dict[str, Any] = {}
        if held and dice.random() < 0.4:
            narrowing["roles"] = frozenset({dice.choice(held)})
        if dice.random() < 0.4:
            narrowing["scope"] = dice.choice((PRODUCTION, STAGING))
        if dice.random() < 0.2:
            account = f"local:{who.name}@host"
            narrowing.update(account=account, sits_at=dice.choice((account, "local:eve@elsewhere")))
        front, lasts = self.stage.front(seat), timedelta(dice.choice((1, 3, 60)))
        issued = self.attempt(lambda: world.issue(front, who.name, lasts, **narrowing))
        if not isinstance(issued, SetpointError):
            assert law.may_everywhere(self.grants_in(seat, "issued a token"), "people")
            self.world.seats.append(issued)
            self.count("token issued")

    @rule(n=DICE)
    def revoke_a_token(self, n: int) -> None:
        dice = self.begin(n)
        if dice.random() < 0.6:
            return
        seat = self.seat(dice, lambda grants: law.may_everywhere(grants, "people"))
        token, front = dice.choice(self.world.seats[1:]), self.stage.front(seat).governance.people
        done = self.attempt(lambda: front.revoke_token(token.id, reason="lost"))
        if not isinstance(done, SetpointError):
            assert law.may_everywhere(self.grants_in(seat, "revoked a token"), "people")
            token.is_revoked = True
            self.count("token revoked")

    @rule(n=DICE)
    def lend_a_voice(self, n: int) -> None:
        dice = self.begin(n)
        seat = self.seat(dice, lambda grants: law.may_somewhere(grants, "approve"))
        front, to = self.stage.front(seat).governance.people, dice.choice(sorted(self.world.people))
        if self.world.loans and dice.random() < 0.3:
            loan = dice.choice(self.world.loans)
            if not isinstance(
                self.attempt(lambda: front.end_delegation(loan.id, reason="back")), SetpointError
            ):
                self.grants_in(seat, "ended a loan")
                loan.ends = min(loan.ends, self.world.now)
            return
        scope, lasts = dice.choice((ALL, ALL, PRODUCTION, STAGING)), timedelta(dice.choice((1, 2, 30)))
        lent = self.attempt(
            lambda: front.delegate(to, lasts=lasts, scope=world.selector(scope), reason="away")
        )
        if not isinstance(lent, SetpointError):
            assert law.may_somewhere(self.grants_in(seat, "lent a voice"), "approve")
            ends = self.world.now + lasts
            self.world.loans.append(terms.Loan(lent.id, seat.person, to, scope, self.world.now, ends))
            self.count("voice lent")

"""What the machine's rules are made of: one deed through the product, and the model's word on it."""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from hypothesis.stateful import RuleBasedStateMachine
from tests.policy_model import documents, law, terms, world
from tests.policy_model.law import meaning
from tests.policy_model.terms import (
    RESTARTED,
    Grants,
    Move,
    Need,
    Place,
    Policy,
    Proposal,
    Question,
    Voice,
)
from tests.policy_model.world import CHOICES, Made, Seat, Server, Stage

from setpoint.config.fleet_document import write_fleet
from setpoint.engines.plan import StepKind
from setpoint.errors import SetpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from setpoint.config.configuration import Configuration, Instance
    from setpoint.engines.plan import Plan
    from setpoint.policy.approval import Change


class Deeds(RuleBasedStateMachine):
    """One fleet under changing policies. `outcomes` and `steps` count over all runs."""

    outcomes: ClassVar[Counter[str]] = Counter()
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.world = self.stage.world
        self.servers: dict[str, Server] = {name: self.stage.state(name) for name in world.PLACES}
        self.defaults = self.servers["shop"][1]
        self.can_undo: set[str] = set()
        self.payloads: dict[str, Callable[[], None]] = {}
        self.grounds: dict[str, Callable[[], Any]] = {}
        self.ground_then: dict[str, Any] = {}

    def teardown(self) -> None:
        self.stage.close()

    def begin(self, n: int) -> Random:
        type(self).steps += 1
        return Random(n)  # noqa: S311 - dice of a test

    def count(self, what: str) -> None:
        self.outcomes[what] += 1

    def attempt(self, deed: Callable[[], Any]) -> Any:
        """Do it and answer what came of it: the error, where the product said no."""
        try:
            return deed()
        except SetpointError as fault:
            return fault

    # Who

    def seat(self, dice: Random, wanted: Callable[[Grants], bool] | None = None) -> Seat:
        """Somebody with a token: mostly one who may, now and then anybody, with any token there ever was."""
        if wanted is not None and dice.random() < 0.9:
            able = [
                seat
                for seat in self.world.seats
                if (grants := self.world.enter(seat)) is not None and wanted(grants)
            ]
            if able:
                return dice.choice(able)
        return dice.choice(self.world.seats)

    def one_who_may(self, dice: Random, right: str, name: str) -> Seat:
        return self.seat(dice, lambda grants: self.may(grants, right, name))

    def grants_in(self, seat: Seat, what: str) -> Grants:
        grants = self.world.enter(seat)
        assert grants is not None, f"{what} with a token that lets nobody in: {seat}"
        return grants

    def may(self, grants: Grants, right: str, name: str) -> bool:
        return law.may(grants, right, name, self.world.places[name])

    # What is desired

    def edit_settings(self, dice: Random, part: str = "") -> None:
        part = part or dice.choice(
            ("instance:shop", "instance:bank", "instance:blog", "group:core", "fleet:simulated")
        )
        standing = self.world.settings.get(part, {})
        is_removing = bool(standing) and dice.random() < 0.15
        parameter = dice.choice(sorted(standing if is_removing else CHOICES))
        text = dice.choice(CHOICES[parameter])
        kind, _, name = part.partition(":")
        if kind == "instance":
            seat = self.one_who_may(dice, "edit", name)
        else:
            seat = self.seat(dice, lambda grants: law.may_everywhere(grants, "edit"))
        changes, removed = ({}, [parameter]) if is_removing else ({parameter: text}, [])
        front = self.stage.front(seat)
        done = self.attempt(lambda: front.change_settings(part, changes, removed=removed, reason="an edit"))
        if isinstance(done, SetpointError):
            self.count("edit refused")
            return
        grants = self.grants_in(seat, "edited")
        if not done[1]:  # nothing changed, so nobody's right was asked for
            return
        if kind == "instance":
            assert self.may(grants, "edit", name)
        else:
            assert law.may_somewhere(grants, "edit")
        kept = {key: value for key, value in standing.items() if key not in removed}
        self.reconfigure(seat, lambda: self.world.settings.update({part: {**kept, **changes}}))

    def reconfigure(self, by: Seat, change: Callable[[], None]) -> None:
        """Take over a change of the configuration, and note which proposals lost their ground."""
        before = {name: self.own_part(name) for name in world.PLACES}
        then = {part: dict(settings) for part, settings in self.world.settings.items()}
        change()
        self.world.editors.update({name: by.person for name in before if before[name] != self.own_part(name)})
        for part in then.keys() | self.world.settings.keys():
            old, new = then.get(part, {}), self.world.settings.get(part, {})
            for parameter in old.keys() | new.keys():
                if parameter not in new:
                    del self.world.setters[part, parameter]
                elif old.get(parameter) != new[parameter]:
                    self.world.setters[part, parameter] = by.person
        for each in self.world.proposals:
            if each.id in self.grounds and self.grounds[each.id]() != self.ground_then[each.id]:
                each.is_ground_moved = True

    def own_part(self, name: str) -> Any:
        return self.world.places[name], dict(self.world.settings.get(f"instance:{name}", {}))

    def put_policy(self, name: str, policy: Policy | None, text: str) -> None:
        self.world.policies.pop(name, None)
        self.world.texts.pop(name, None)
        if policy is not None:
            self.world.policies[name] = policy
            self.world.texts[name] = text

    def take_over(self, configuration: Configuration) -> None:
        for name, each in configuration.instances.items():
            self.world.places[name] = Place(each.environment, each.group, each.labels)
        parts: dict[str, Any] = {
            **{f"instance:{name}": each.settings for name, each in configuration.instances.items()},
            **{f"group:{name}": each.settings for name, each in configuration.groups.items()},
            **{f"fleet:{name}": each for name, each in configuration.fleet.items()},
        }
        self.world.settings = {part: dict(settings) for part, settings in parts.items()}

    def policies_over(self, name: str) -> list[str]:
        place = self.world.places[name]
        return [each.name for each in self.world.policies.values() if terms.fits(each.scope, name, place)]

    def make_plan(self, dice: Random, name: str) -> Made | None:
        seat = self.one_who_may(dice, "observe", name)
        planned = self.attempt(lambda: self.stage.front(seat).plan(name))
        if isinstance(planned, SetpointError):
            return None
        assert self.may(self.grants_in(seat, "planned"), "observe", name)
        self.world.seen[name] = self.stage.state(name)
        made = Made(planned.plan, self.world.ground(name), self.stage.state(name))
        self.world.plans.append(made)
        return made

    # Changes and voices

    def propose(self, dice: Random, made: Made) -> None:
        is_emergency = dice.random() < 0.1
        seat = self.one_who_may(dice, "propose", made.name)
        front = self.stage.front(seat).governance
        done = self.attempt(
            lambda: front.propose(made.plan.hash, reason="because", is_emergency=is_emergency)
        )
        if isinstance(done, SetpointError):
            self.count(f"not proposed: {gist(done)}")
            return
        assert self.may(self.grants_in(seat, "proposed"), "propose", made.name)
        proposal = self.open_proposal(done, seat, lambda: self.world.ground(made.name))
        self.fill_in(proposal, made, is_emergency=is_emergency)

    def fill_in(self, proposal: Proposal, made: Made, *, is_emergency: bool = False) -> None:
        parameters = {step.parameter for step in made.plan.steps if step.parameter}
        proposal.editors = self.world.who_asked_for(made.name, parameters)
        proposal.is_emergency = is_emergency

    def propose_document(self, dice: Random, name: str, place: Place, after: Instance) -> None:
        seat = self.seat(dice, lambda grants: law.may_somewhere(grants, "propose"))
        front = self.stage.front(seat)
        head = self.stage.context.head()[1]
        document = write_fleet(msgspec.structs.replace(head, instances={**head.instances, name: after}))
        done = self.attempt(lambda: front.governance.propose_document(document, "fleet.yaml", reason="moved"))
        if isinstance(done, SetpointError):
            return
        assert law.may_somewhere(self.grants_in(seat, "proposed a document"), "propose")
        proposal = self.open_proposal(done, seat, lambda: self.world.ground(name))
        self.payloads[proposal.id] = lambda: self.world.places.update({name: place})

    def open_proposal(self, change: Change, seat: Seat, ground: Callable[[], Any] | None) -> Proposal:
        assert change.author == seat.person
        assert not change.voices
        proposal = Proposal(
            change.id,
            change.kind,
            change.subject,
            change.digest,
            change.author,
            self.world.now,
            change.expires_at,
        )
        self.world.proposals.append(proposal)
        if ground is not None:
            self.grounds[proposal.id], self.ground_then[proposal.id] = ground, ground()
        self.count(f"{change.kind} proposed")
        return proposal

    def vote(self, dice: Random, proposal: Proposal | None = None) -> None:
        if proposal is None:
            opened = [each for each in self.world.proposals if each.is_open(self.world.now)]
            pool = opened if opened and dice.random() < 0.93 else self.world.proposals
            if not pool:
                return
            proposal = dice.choice(pool[-4:])
        able = [seat for seat in self.world.seats if self.is_useful(seat, proposal)]
        seat = dice.choice(able) if able and dice.random() < 0.75 else self.seat(dice)
        if dice.random() < 0.3:
            now, is_over = self.world.now, dice.random() < 0.4
            lent = {loan.to for loan in self.world.loans if is_over or loan.starts <= now < loan.ends}
            borrowers = [each for each in self.world.seats if each.person in lent and each not in able]
            seat = dice.choice(borrowers or [seat])
        self.vote_by(seat, proposal, must_count=seat in able)

    def vote_by(self, seat: Seat, proposal: Proposal, *, must_count: bool = False) -> None:
        done = self.attempt(lambda: self.stage.front(seat).governance.approve(proposal.id, reason="fine"))
        if isinstance(done, SetpointError):
            assert not must_count or proposal.is_ground_moved, f"{seat} may approve {proposal}: {done}"
            self.count("voice refused")
            return
        self.grants_in(seat, "approved")
        voice = done.voices[-1]
        heard = Voice(voice.by, voice.giver, self.world.now, proposal.digest)
        taken = {*proposal.authors, *(name for each in proposal.voices for name in each.people)}
        assert proposal.is_open(self.world.now), "a voice on what is closed"
        assert len(done.voices) == len(proposal.voices) + 1
        assert (voice.by, voice.at, voice.digest) == (seat.person, self.world.now, proposal.digest)
        assert not heard.people & taken, f"{heard} on {proposal}"
        assert not heard.giver or self.is_lent_now(heard), f"{heard.giver} lent {heard.by} no voice"
        assert not (heard.giver and seat.is_narrowed), "a narrowed token spoke for somebody else"
        proposal.voices.append(heard)
        self.count("voice lent counted" if heard.giver else "voice given")

    def is_lent_now(self, voice: Voice) -> bool:
        now = self.world.now
        pairs = {(loan.giver, loan.to) for loan in self.world.loans if loan.starts <= now < loan.ends}
        return (voice.giver, voice.by) in pairs

    def is_useful(self, seat: Seat, proposal: Proposal) -> bool:
        """Whether somebody has a voice of their own, not given yet, towards something that is missing."""
        grants = self.world.enter(seat)
        taken = {*proposal.authors, *(name for each in proposal.voices for name in each.people)}
        if not proposal.is_open(self.world.now) or grants is None or seat.person in taken:
            return False
        if not self.world.electorate.stands(seat.person):
            return False
        needs = self.needs_now(proposal)
        return any(
            self.world.electorate.holds(grants, need.quorum.roles, need.instance)
            for need in self.missing(needs, proposal)
        )

    def needs_now(self, proposal: Proposal) -> Iterable[Need]:
        """What is asked for now, the author applying it; nothing where the model does not know surely."""
        if proposal.kind != "plan":
            return law.governance_needs(proposal.kind, self.world.policies)
        made = next(each for each in self.world.plans if each.plan.hash == proposal.digest)
        live = self.stage.state(made.name)
        if self.world.seen.get(made.name) != live or live != made.server:
            return ()
        author = self.world.people[proposal.author]
        answers = [
            self.answer(made, live, author.grants, author.name, proposal, proposal.is_emergency, restores)
            for restores in (True, False)
        ]
        is_sure = answers[0] == answers[1] and not {"locks", "limits"} & set(answers[0].refusals)
        return answers[0].needs if is_sure else ()

    def missing(self, needs: Iterable[Need], proposal: Proposal | None) -> list[Need]:
        return [need for need in needs if not law.is_met(need, proposal, self.world.electorate)]

    def answer(
        self,
        made: Made,
        server: Server,
        grants: Grants,
        by: str,
        proposal: Proposal | None,
        is_emergency: bool,
        may_restore: bool,
    ) -> terms.Answer:
        plan = made.plan
        question = Question(
            name=made.name,
            place=self.world.places[made.name],
            moves=tuple(self.moves(plan, server, may_restore=may_restore)),
            restarts=any(step.kind is StepKind.RESTART or step.parameter in RESTARTED for step in plan.steps),
            grants=grants,
            by=by,
            at=self.world.now,
            editors=self.world.who_asked_for(
                made.name, {step.parameter for step in plan.steps if step.parameter}
            ),
            proposal=proposal,
            is_emergency=is_emergency,
        )
        return law.judge(question, self.world.policies, self.world.waivers)

    def moves(self, plan: Plan, server: Server, *, may_restore: bool) -> Iterable[Move]:
        """What a plan moves. With `may_restore`, what looks like putting back what we wrote is that."""
        persisted, running = server
        ours = self.world.ours[plan.instance]
        for name, step in {step.parameter: step for step in plan.steps if step.parameter}.items():
            assert step.text is None or isinstance(step.text, str)
            standing = [persisted.get(name, self.defaults[name]), running[name]]
            was_moved = name in ours and any(
                meaning(name, text) != meaning(name, ours[name]) for text in standing
            )
            is_ours = name not in plan.released and meaning(name, step.text) == meaning(name, ours.get(name))
            restores = may_restore and was_moved and is_ours
            yield Move(name, running[name], step.text, restores)


def some_grants(dice: Random) -> Grants:
    roles = ("approver", "approver", "operator", "policy owner", "viewer", "emergency")
    scopes = (terms.ALL, terms.ALL, world.PRODUCTION, world.STAGING, terms.scope_of(group="core"))
    return tuple((dice.choice(roles), dice.choice(scopes)) for _ in range(dice.choice((0, 1, 1, 2))))


def some_policy(dice: Random, name: str, old: Policy | None, at: Any) -> Policy | None:
    fresh = documents.some_policy(dice, name, at)
    return fresh if old is None else dice.choice((None, documents.looser(dice, old), fresh))


def gist(fault: SetpointError) -> str:
    for words in ("policy refuses it", "lacks approvals", "needs approvals", "needs no approval", "the same"):
        if words in fault.what:
            return words
    return re.sub(r"Error$", "", type(fault).__name__)

"""What the machine's rules are made of: one deed through the product, and the model's word on it."""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis.stateful import RuleBasedStateMachine
from tests.policy_model import documents, law, world
from tests.policy_model.law import (
    RESTARTED,
    Grants,
    Move,
    Need,
    Place,
    Policy,
    Proposal,
    Question,
    Voice,
    meaning,
)
from tests.policy_model.world import CHOICES, Made, Seat, Stage

from setpoint.config.fleet_document import write_fleet
from setpoint.engines.plan import StepKind
from setpoint.errors import ApplyError, NotPermittedError, RefusedError, SetpointError, StalePlanError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from setpoint.config.configuration import Configuration, Instance
    from setpoint.engines.plan import Plan
    from setpoint.policy.approval import Change

Server = tuple[dict[str, str], dict[str, str]]


class Deeds(RuleBasedStateMachine):
    """One fleet under changing policies. `outcomes` and `steps` count over all runs."""

    outcomes: Counter[str] = Counter()
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
        if kind == "instance":
            assert self.may(grants, "edit", name)
        else:
            assert law.may_somewhere(grants, "edit")
        kept = {key: value for key, value in standing.items() if key not in removed}
        self.reconfigure(lambda: self.world.settings.update({part: {**kept, **changes}}))

    def reconfigure(self, change: Callable[[], None]) -> None:
        """Take over a change of the configuration, and note which proposals lost their ground."""
        change()
        for each in self.world.proposals:
            if each.id in self.grounds and self.grounds[each.id]() != self.ground_then[each.id]:
                each.is_ground_moved = True

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
        return [each.name for each in self.world.policies.values() if law.fits(each.scope, name, place)]

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
            self.count(f"not proposed: {_gist(done)}")
            return
        assert self.may(self.grants_in(seat, "proposed"), "propose", made.name)
        self.open_proposal(done, seat, lambda: self.world.ground(made.name)).is_emergency = is_emergency

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

    def vote(self, dice: Random) -> None:
        opened = [each for each in self.world.proposals if each.is_open(self.world.now)]
        pool = opened if opened and dice.random() < 0.93 else self.world.proposals
        if not pool:
            return
        proposal = dice.choice(pool[-4:])
        able = [seat for seat in self.world.seats if self.is_useful(seat, proposal)]
        seat = dice.choice(able) if able and dice.random() < 0.75 else self.seat(dice)
        must_count = seat in able
        done = self.attempt(lambda: self.stage.front(seat).governance.approve(proposal.id, reason="fine"))
        if isinstance(done, SetpointError):
            assert not must_count or proposal.is_ground_moved, f"{seat} may approve {proposal}: {done}"
            self.count("voice refused")
            return
        self.grants_in(seat, "approved")
        voice = done.voices[-1]
        heard = Voice(voice.by, voice.giver, self.world.now, proposal.digest)
        taken = {proposal.author, *(name for each in proposal.voices for name in each.people)}
        assert proposal.is_open(self.world.now), "a voice on what is closed"
        assert len(done.voices) == len(proposal.voices) + 1
        assert (voice.by, voice.at, voice.digest) == (seat.person, self.world.now, proposal.digest)
        assert not heard.people & taken, f"{heard} on {proposal}"
        assert not (heard.giver and seat.is_narrowed), "a narrowed token spoke for somebody else"
        proposal.voices.append(heard)
        self.count("voice lent counted" if heard.giver else "voice given")

    def is_useful(self, seat: Seat, proposal: Proposal) -> bool:
        """Whether somebody has a voice of their own, not given yet, towards something that is missing."""
        grants = self.world.enter(seat)
        taken = {proposal.author, *(name for each in proposal.voices for name in each.people)}
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
        is_sure = answers[0] == answers[1] and not answers[0].refusals
        return answers[0].needs if is_sure else ()

    def missing(self, needs: Iterable[Need], proposal: Proposal | None) -> list[Need]:
        return [need for need in needs if not law.is_met(need, proposal, self.world.electorate)]

    # Applies

    def answer(
        self,
        made: Made,
        server: Server,
        grants: Grants,
        by: str,
        proposal: Proposal | None,
        is_emergency: bool,
        may_restore: bool,
    ) -> law.Answer:
        plan = made.plan
        question = Question(
            name=made.name,
            place=self.world.places[made.name],
            moves=tuple(self.moves(plan, server, may_restore=may_restore)),
            restarts=any(step.kind is StepKind.RESTART or step.parameter in RESTARTED for step in plan.steps),
            grants=grants,
            by=by,
            at=self.world.now,
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
        self.count(f"apply refused: {_gist(fault)}")
        grants, proposal = self.world.enter(seat), self.world.proposal_for(made.plan.hash)
        if isinstance(fault, NotPermittedError):
            self.agree_not_permitted(fault, seat, "apply", made.name, is_emergency=is_emergency)
            return
        is_stale = made.ground != self.world.ground(made.name) or made.server != before
        if isinstance(fault, StalePlanError):
            assert is_stale, f"stale for nothing: {fault}"
            return
        assert type(fault) is RefusedError, repr(fault)
        if is_stale or self.world.seen.get(made.name) != before:
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


def some_grants(dice: Random) -> Grants:
    roles = ("approver", "approver", "operator", "policy owner", "viewer", "emergency")
    scopes = (law.ALL, law.ALL, world.PRODUCTION, world.STAGING, law.scope_of(group="core"))
    return tuple((dice.choice(roles), dice.choice(scopes)) for _ in range(dice.choice((0, 1, 1, 2))))


def some_policy(dice: Random, name: str, old: Policy | None, at: Any) -> Policy | None:
    fresh = documents.some_policy(dice, name, at)
    return fresh if old is None else dice.choice((None, documents.looser(dice, old), fresh))


def _gist(fault: SetpointError) -> str:
    for words in ("policy refuses it", "lacks approvals", "needs approvals", "needs no approval", "the same"):
        if words in fault.what:
            return words
    return re.sub(r"Error$", "", type(fault).__name__)

"""Rollouts: waves in a proven order, and a course that holds every limit and always ends."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.errors import RefusedError
from setpoint.policy.course import (
    Action,
    ActionKind,
    back_waves,
    counts,
    is_over_budget,
    next_actions,
)
from setpoint.policy.rollout import (
    AT_WORK,
    UNSURE,
    Amount,
    Rollout,
    RolloutRules,
    RolloutState,
    RolloutTarget,
    TargetState,
)
from setpoint.policy.selector import ALL
from setpoint.policy.waves import Candidate, combine, make_waves, wave_ends

_START = datetime(2026, 1, 1, tzinfo=UTC)


def _fleet(groups: int = 4, singles: int = 8) -> list[Candidate]:
    found = [Candidate(name=f"single-{n}", like=f"v{n % 2}", site=f"s{n % 3}") for n in range(singles)]
    for number in range(groups):
        group = f"g{number}"
        roles = ("primary", "standby", "standby")
        found += [
            Candidate(name=f"{group}-{n}", group=group, role=role, like="v0", site=f"s{n}")
            for n, role in enumerate(roles)
        ]
    return found


def _rules(**named: object) -> RolloutRules:
    fields: dict[str, object] = {"baseline_seconds": 0.0, "soak_seconds": 30.0, **named}
    return RolloutRules(**fields)  # type: ignore[arg-type]


def _rollout(
    rules: RolloutRules, fleet: list[Candidate], id_: str = "r1"
) -> tuple[Rollout, dict[str, RolloutTarget]]:
    placed = make_waves(fleet, rules, id_)
    targets = {
        each.candidate.name: RolloutTarget(
            rollout=id_,
            instance=each.candidate.name,
            group=each.group,
            site=each.candidate.site,
            wave=each.wave,
            after=each.after,
            moved_at=_START,
        )
        for each in placed
    }
    rollout = Rollout(
        id=id_,
        selector=ALL,
        rules=rules,
        by="ada",
        account="local:ada",
        because="it is time",
        started_at=_START,
        waves=max((each.wave for each in placed), default=-1) + 1,
        size=len(placed),
    )
    return rollout, targets


@dataclass
class _World:
    """Does what the course asks for, with luck from a seed, and looks at every limit all the time."""

    rollout: Rollout
    targets: dict[str, RolloutTarget]
    lot: random.Random
    bad_luck: float
    now: datetime = _START
    started_after_budget: list[str] = field(default_factory=list[str])

    def put(self, name: str, **fields: object) -> None:
        changed = msgspec.structs.replace(self.targets[name], moved_at=self.now, **fields)
        self.targets[name] = changed

    def run(self, looks: int = 3000) -> None:
        for _ in range(looks):
            if not self.rollout.is_open:
                return
            for action in next_actions(self.rollout, self.targets, self.now):
                self.do(action)
                self.check()
            self.now += timedelta(seconds=self.lot.choice((1, 5, 20)))
        message = f"it never ends: {counts(self.targets)} {self.rollout}"
        raise AssertionError(message)

    def check(self) -> None:
        rules = self.rollout.rules
        busy = [each for each in self.targets.values() if each.state in AT_WORK]
        assert len(busy) <= rules.at_once
        sites = [each.site for each in busy]
        if rules.site_at_once:
            assert all(sites.count(site) <= rules.site_at_once for site in sites)
        groups = [each.group for each in self.targets.values() if each.group and each.state in UNSURE]
        if not self.rollout.back:
            assert all(groups.count(group) <= rules.group_at_once for group in groups)

    def do(self, action: Action) -> None:
        kind, name = action.kind, action.instance
        if kind is ActionKind.OPEN_WAVE:
            wave = [each for each in self.targets.values() if each.wave == self.rollout.wave]
            assert all(each.is_ended for each in wave)
            self._change(wave=action.wave, opened_at=self.now)
        elif kind is ActionKind.START:
            assert not is_over_budget(self.rollout, self.targets)
            assert all(self.targets[each].state is TargetState.KEPT for each in self.targets[name].after)
            self.put(name, state=TargetState.CHECKING, next_at=None)
        elif kind is ActionKind.WORK:
            self._work(name)
        elif kind is ActionKind.JUDGE:
            self._judge()
        elif kind is ActionKind.SKIP:
            self.put(name, state=TargetState.SKIPPED, why=action.why)
        elif kind is ActionKind.MARK_BACK:
            self.put(name, state=TargetState.TAKING_BACK, next_at=None)
        elif kind is ActionKind.TAKE_BACK:
            self._take_back(name)
        elif kind is ActionKind.HALT:
            self._change(state=RolloutState.HALTED, why=action.why, back=back_waves(self.rollout))
        elif kind is ActionKind.FINISH:
            is_done = self.rollout.state is RolloutState.RUNNING
            self._change(ended_at=self.now, state=RolloutState.DONE if is_done else self.rollout.state)

    def _change(self, **fields: object) -> None:
        self.rollout = msgspec.structs.replace(self.rollout, **fields)

    def _work(self, name: str) -> None:
        target = self.targets[name]
        luck = self.lot.random()
        if target.state is TargetState.CHECKING:
            if luck < self.bad_luck:
                later = self.now + timedelta(seconds=30)
                self.put(name, state=TargetState.HELD, held_at=target.held_at or self.now, next_at=later)
            else:
                self.put(name, state=TargetState.APPLYING, plan="p", held_at=None)
        elif luck < self.bad_luck:
            self.put(name, state=TargetState.FAILED, is_harmful=True)
        elif luck < 0.9:
            self.put(name, state=TargetState.SOAKING, applied_at=self.now)

    def _judge(self) -> None:
        soak = timedelta(seconds=self.rollout.rules.soak_seconds)
        for name, target in list(self.targets.items()):
            if target.state is not TargetState.SOAKING or target.applied_at is None:
                continue
            if self.lot.random() < self.bad_luck / 10:
                self.put(name, state=TargetState.TAKING_BACK, is_harmful=True)
            elif self.now >= target.applied_at + soak:
                self.put(name, state=TargetState.KEPT)

    def _take_back(self, name: str) -> None:
        back = [
            each for each in self.targets.values() if name in each.after and each.wave in self.rollout.back
        ]
        assert not any(each.state in (TargetState.KEPT, TargetState.SOAKING) for each in back)
        if self.lot.random() < 0.8:
            self.put(name, state=TargetState.TAKEN_BACK)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    bad_luck=st.sampled_from((0.0, 0.02, 0.1, 0.5, 0.9)),
    at_once=st.integers(1, 8),
    site_at_once=st.integers(0, 2),
    group_at_once=st.integers(1, 2),
    failures=st.integers(0, 5),
    takes_back=st.sampled_from(("wave", "all", "nothing")),
    order=st.sampled_from(("any", "standbys first", "primary first")),
)
def test_every_path_ends_within_every_limit(
    *,
    seed: int,
    bad_luck: float,
    at_once: int,
    site_at_once: int,
    group_at_once: int,
    failures: int,
    takes_back: str,
    order: str,
) -> None:
    """Concurrency, sites, groups, order and budget hold at each step, and nothing is left over."""
    rules = _rules(
        at_once=at_once,
        site_at_once=site_at_once,
        group_at_once=group_at_once,
        failures=Amount(count=failures),
        takes_back=takes_back,
        patience_seconds=600.0,
    )
    fleet = [_with_order(each, order) for each in _fleet()]
    rollout, targets = _rollout(rules, fleet, f"r{seed}")
    world = _World(rollout, targets, random.Random(seed), bad_luck)  # noqa: S311 - a drawn case
    world.run()
    assert all(each.is_ended for each in world.targets.values())
    kept = [each for each in world.targets.values() if each.state is TargetState.KEPT]
    assert not any(each.wave in world.rollout.back for each in kept)
    if bad_luck == 0:
        assert world.rollout.state is RolloutState.DONE
        assert len(kept) == len(fleet)
    if is_over_budget(world.rollout, world.targets):
        assert world.rollout.state is RolloutState.HALTED


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), at=st.integers(0, 120))
def test_what_is_stopped_by_hand_starts_nothing_more(*, seed: int, at: int) -> None:
    """Whenever it is halted, each target ends, and none is claimed."""
    rollout, targets = _rollout(_rules(at_once=3), _fleet(), f"r{seed}")
    world = _World(rollout, targets, random.Random(seed), 0.05)  # noqa: S311 - a drawn case
    for _ in range(at):
        for action in next_actions(world.rollout, world.targets, world.now):
            world.do(action)
        world.now += timedelta(seconds=5)
    if not world.rollout.is_open:
        return
    world.rollout = msgspec.structs.replace(world.rollout, state=RolloutState.HALTED, why="by hand")
    asked = {action.kind for action in next_actions(world.rollout, world.targets, world.now)}
    assert not asked & {ActionKind.START, ActionKind.OPEN_WAVE}
    world.run()
    assert all(each.is_ended for each in world.targets.values())


def _with_order(each: Candidate, order: str) -> Candidate:
    return Candidate(
        name=each.name,
        group=each.group,
        role=each.role,
        site=each.site,
        like=each.like,
        order=order,  # type: ignore[arg-type]
    )


def test_a_paused_rollout_starts_nothing_and_goes_on_soaking() -> None:
    """What was touched is still judged."""
    rollout, targets = _rollout(_rules(canary=Amount(count=2), at_once=1), _fleet(groups=0))
    names = [name for name, each in targets.items() if each.wave == 0]
    targets[names[0]] = msgspec.structs.replace(
        targets[names[0]], state=TargetState.SOAKING, applied_at=_START
    )
    paused = msgspec.structs.replace(rollout, wave=0, state=RolloutState.PAUSED)
    assert [each.kind for each in next_actions(paused, targets, _START)] == [ActionKind.JUDGE]


def test_canaries_stand_for_the_fleet() -> None:
    """Of two kinds of instances in equal number, half of the canaries each."""
    placed = make_waves(_fleet(groups=0, singles=40), _rules(canary=Amount(count=6)), "r")
    kinds = [each.candidate.like for each in placed if each.wave == 0]
    assert sorted(kinds) == ["v0"] * 3 + ["v1"] * 3


def test_waves_are_the_same_for_the_same_rollout() -> None:
    """And others for another, however the instances were listed."""
    fleet, rules = _fleet(singles=30), _rules()
    assert make_waves(fleet, rules, "a") == make_waves(list(reversed(fleet)), rules, "a")
    assert make_waves(fleet, rules, "a") != make_waves(fleet, rules, "b")


@given(order=st.sampled_from(("any", "standbys first", "primary first")), seed=st.text(max_size=5))
def test_no_member_is_reached_before_those_that_go_first(order: str, seed: str) -> None:
    """In no wave before theirs."""
    placed = {each.candidate.name: each for each in make_waves(_ordered(order), _rules(), seed)}
    for each in placed.values():
        assert all(placed[name].wave <= each.wave for name in each.after)
        is_first = each.candidate.role == ("primary" if order == "primary first" else "standby")
        if each.candidate.group:
            assert bool(each.after) is not is_first


def _ordered(order: str) -> list[Candidate]:
    return [_with_order(each, order) for each in _fleet()]


def test_an_order_that_cannot_be_proven_is_refused() -> None:
    """A role that nobody knows; a standby out of reach that would have to go first."""
    lost = [
        Candidate(name="a", group="g", role="primary", order="standbys first"),
        Candidate(name="b", group="g", order="standbys first"),
    ]
    with pytest.raises(RefusedError, match="group g: the order cannot be proven: the role of b is not known"):
        make_waves(lost, _rules(), "r")
    left_out = [
        Candidate(name="a", group="g", role="primary", order="standbys first"),
        Candidate(name="b", group="g", role="standby", is_bystander=True),
    ]
    with pytest.raises(RefusedError, match="b would have to go first"):
        make_waves(left_out, _rules(), "r")


def test_a_bystander_that_has_it_already_is_in_nobodys_way() -> None:
    """Nor is one whose order does not matter; neither is reached."""
    fleet = [
        Candidate(name="a", group="g", role="primary", order="standbys first"),
        Candidate(name="b", group="g", role="standby", is_bystander=True, is_safe=True),
    ]
    assert [each.candidate.name for each in make_waves(fleet, _rules(), "r")] == ["a"]


def test_members_in_opposite_orders_are_refused() -> None:
    """One is to be raised, the other lowered."""
    fleet = [
        Candidate(name="a", group="g", role="primary", order="standbys first"),
        Candidate(name="b", group="g", role="standby", order="primary first"),
    ]
    with pytest.raises(RefusedError, match="opposite orders"):
        make_waves(fleet, _rules(), "r")


def test_groups_of_primaries_only_share_settings_and_no_more() -> None:
    """Nobody waits for anybody there."""
    fleet = [Candidate(name=f"p{n}", group="g", role="primary") for n in range(5)]
    assert all(not each.group and not each.after for each in make_waves(fleet, _rules(), "r"))


def test_parameters_that_disagree_on_the_order_are_not_combined() -> None:
    """They go one after the other."""
    assert combine(["any", "standbys first", "any"]) == "standbys first"
    assert combine([]) == "any"
    with pytest.raises(RefusedError, match="standbys first and another the primary"):
        combine(["standbys first", "primary first"])


@given(st.integers(0, 5000), st.integers(0, 50), st.lists(st.floats(0, 1), max_size=5))
def test_waves_reach_everybody(size: int, canary: int, shares: list[float]) -> None:
    """Each wave has somebody in it, and the last one ends with all."""
    ends = wave_ends(size, Amount(count=canary), [Amount(share=share) for share in shares])
    assert list(ends) == sorted(set(ends))
    assert not size or ends[-1] == size


def test_amounts_are_rounded_up() -> None:
    """A tenth of three is one."""
    assert (Amount(share=0.1).of(3), Amount(count=5).of(3), Amount().of(3)) == (1, 3, 0)
    assert (str(Amount(share=0.1)), str(Amount(count=5))) == ("10%", "5")

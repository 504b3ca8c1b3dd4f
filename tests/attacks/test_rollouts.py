"""Rollouts: a worker lends its rights to nobody, and nobody's rollout stands in the way of another's."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import convert
from tests.attacks.scene import PART, POLICY, SHOP, Attacked

from setpoint.control.rollouts.controller import WORKS, RolloutController
from setpoint.control.rollouts.drafting import RolloutWish
from setpoint.errors import InputErrors, SetpointError
from setpoint.integrations.dispatch import Task
from setpoint.policy.person import Grant, Role
from setpoint.policy.rollout import Amount, RolloutRules, RolloutState
from setpoint.policy.selector import ALL, Selector

OF_SHOP = Selector(instances=(SHOP,))


def wish(
    selector: Selector = OF_SHOP, settings: dict[str, str] | None = None, **rules: object
) -> RolloutWish:
    named: dict[str, object] = {
        "canary": Amount(count=1),
        "waves": (Amount(share=1.0),),
        "soak_seconds": 60.0,
        "baseline_seconds": 0.0,
        "sample_seconds": 10.0,
        **rules,
    }
    made = convert(named, RolloutRules)
    return RolloutWish(selector=selector, settings=settings or {}, because="it is time", rules=made)


class Robot:
    """A worker with a service's token, asked as time goes by."""

    def __init__(self, town: Attacked) -> None:
        self.town = town
        town.settle("robot", Role.OPERATOR)
        self.controller = RolloutController("robot")

    def __call__(self, *, polls: int = 12, seconds: float = 15.0) -> None:
        for _ in range(polls):
            self.controller.poll(self.town.robot._context)
            self.town.clock.pass_by(seconds=seconds)

    def states(self, id_: str) -> dict[str, str]:
        view = self.town.founder.rollouts.get(id_)
        return {each.instance: each.state.value for each in view.targets}


@pytest.fixture
def robot(town) -> Robot:
    return Robot(town)


@pytest.fixture
def seen(town) -> Attacked:
    town.olaf.observe(SHOP)
    town.olaf.observe("lab")
    return town


# The worker's rights are its own


@pytest.mark.parametrize("who", ["vic", "mara", "pola", "ada"])
def test_who_may_not_apply_starts_and_steers_none(seen, robot, who):
    with seen.refused("may not"):
        getattr(seen, who).rollouts.start(wish(settings={"sort_memory": "8192"}))
    started = seen.olaf.rollouts.start(wish(settings={"sort_memory": "8192"}))
    for steer in ("pause", "resume", "halt", "take_back"):
        with seen.refused("may not"):
            getattr(getattr(seen, who).rollouts, steer)(started.id, because="no")
    assert seen.founder.rollouts.get(started.id).rollout.state is RolloutState.RUNNING


def test_who_may_apply_and_not_edit_brings_in_no_setting(seen):
    with seen.refused("may not edit"):
        seen.emil.rollouts.start(wish(settings={"sort_memory": "8192"}))


def test_no_password_is_rolled_out_and_so_kept(seen):
    with seen.refused("a password stands in the text"):
        seen.olaf.rollouts.start(wish(settings={"connection_greeting": "host=db1 password=hunter22"}))
    assert b"hunter22" not in Path(seen.founder.where).read_bytes()


def test_who_may_apply_to_some_reaches_no_other(seen):
    seen.grant("olaf", Grant(role=Role.OPERATOR, scope=Selector(instances=("lab",))))
    with seen.refused("may not"):
        seen.olaf.rollouts.start(wish(ALL, {"sort_memory": "8192"}))


def test_who_may_apply_to_some_steers_no_rollout_of_more(seen):
    started = seen.lin.rollouts.start(wish(ALL, {"sort_memory": "8192"}))
    seen.grant("olaf", Grant(role=Role.OPERATOR, scope=Selector(instances=("lab",))))
    for steer in ("pause", "resume", "halt", "take_back"):
        with seen.refused("may not"):
            getattr(seen.olaf.rollouts, steer)(started.id, because="no")


def test_a_lock_holds_against_a_rollout(seen):
    with seen.refused("nobody touches it"):
        seen.olaf.rollouts.start(wish(settings={"page_cost": "2"}))


def test_policy_made_stricter_while_it_waits_counts(seen, robot):
    started = seen.olaf.rollouts.start(wish(settings={"sort_memory": "8192"}, baseline_seconds=60.0))
    robot(polls=1)
    seen.decide(POLICY.replace("[page_cost]", "[page_cost, sort_memory]"))
    robot()
    assert "sort_memory" not in seen.server.persisted
    assert robot.states(started.id) != {SHOP: "kept"}


def test_what_needs_approvals_waits_for_them(seen, robot):
    started = seen.olaf.rollouts.start(wish(settings={"durable": "off"}))
    robot()
    assert robot.states(started.id) == {SHOP: "held"}
    assert seen.server.running["durable"] == "on"


def test_who_was_removed_has_nothing_written_and_nothing_applied(seen, robot):
    started = seen.olaf.rollouts.start(wish(settings={"sort_memory": "8192"}, baseline_seconds=60.0))
    robot(polls=1)
    seen.remove("olaf")
    head = seen.context.head()[0].id
    robot()
    assert "sort_memory" not in seen.server.persisted
    assert robot.states(started.id) == {SHOP: "skipped"}
    assert seen.context.head()[0].id == head, "a worker edited the configuration for somebody who is gone"


def test_a_worker_applies_for_nobody_what_its_author_may_not(seen, robot):
    """Where an author leaves applying to somebody else, a worker at their word is nobody else."""
    seen.decide(POLICY + "separation: {author may apply: false}\n")
    seen.olaf.change_settings(PART, {"sort_memory": "8192"}, reason="mine")
    with seen.refused("somebody else"):
        seen.olaf.apply(seen.olaf.plan(SHOP).plan)
    try:
        seen.olaf.rollouts.start(wish())
    except SetpointError:
        return
    robot()
    assert "sort_memory" not in seen.server.persisted


# Taking back


def test_a_rollout_that_nobody_looks_at_takes_back_no_approved_change(seen, robot):
    """What counts as harm is not for whoever starts a rollout to bring about."""
    seen.server.set_by_hand("durable", "off")
    seen.olaf.observe(SHOP)
    started = seen.olaf.rollouts.start(
        wish(settings={"durable": "on"}, soak_seconds=120.0, sample_seconds=1e7)
    )
    (change,) = [each for each in seen.founder.governance.changes() if each.subject == SHOP]
    seen.mara.governance.approve(change.id)
    robot(polls=20)
    assert seen.server.running["durable"] == "on"
    robot(polls=60)
    assert seen.server.running["durable"] == "on", robot.states(started.id)


def test_taking_back_an_approved_rollout_needs_approval(seen, robot):
    seen.server.set_by_hand("durable", "off")
    seen.olaf.observe(SHOP)
    started = seen.olaf.rollouts.start(wish(settings={"durable": "on"}))
    (change,) = [each for each in seen.founder.governance.changes() if each.subject == SHOP]
    seen.mara.governance.approve(change.id)
    robot(polls=20)
    assert seen.server.running["durable"] == "on"
    seen.olaf.rollouts.take_back(started.id, because="I say so")
    robot(polls=20)
    assert seen.server.running["durable"] == "on"


class Later:
    """A dispatch whose tasks are done between two polls, as by threads that take their time."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def submit(self, tasks) -> int:
        before = len(self.tasks)
        self.tasks += tasks
        return len(self.tasks) - before

    def start(self, handlers, on_fault=None) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def depth(self) -> dict[str, int]:
        return {}

    def work(self, context) -> None:
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            WORKS[task.kind](context, task)


def test_workers_that_were_away_do_no_harm_to_what_soaks(seen, robot):
    """That nobody looked is no sign of harm, and takes back nothing, least of all without asking."""
    seen.server.set_by_hand("durable", "off")
    seen.olaf.observe(SHOP)
    started = seen.olaf.rollouts.start(wish(settings={"durable": "on"}))
    (change,) = [each for each in seen.founder.governance.changes() if each.subject == SHOP]
    seen.mara.governance.approve(change.id)
    later = Later()
    robot.controller = RolloutController("robot", later)
    for _ in range(30):
        robot(polls=1, seconds=10)
        later.work(seen.robot._context)
        if robot.states(started.id) == {SHOP: "soaking"}:
            break
    assert robot.states(started.id) == {SHOP: "soaking"}
    seen.clock.pass_by(hours=1)
    robot.controller = RolloutController("robot", later)
    for _ in range(12):
        robot(polls=1, seconds=10)
        later.work(seen.robot._context)
    assert robot.states(started.id) == {SHOP: "kept"}
    assert seen.server.running["durable"] == "on"


# One rollout and the others


@pytest.mark.parametrize("field", ["soak_seconds", "baseline_seconds", "patience_seconds", "sample_seconds"])
@pytest.mark.parametrize("bad", [float("inf"), float("nan"), 1e300, -1.0])
def test_a_rule_that_is_no_length_is_refused(seen, field, bad):
    with pytest.raises(InputErrors):
        seen.olaf.rollouts.start(wish(settings={"sort_memory": "8192"}, **{field: bad}))


def test_a_bent_rollout_keeps_no_other_from_going_on(seen, robot):
    good = seen.olaf.rollouts.start(wish(settings={"sort_memory": "8192"}))
    seen.clock.pass_by(seconds=1)
    bad = seen.olaf.rollouts.start(wish(Selector(instances=("lab",)), {"sort_memory": "8192"}))
    seen.meddle(("UPDATE record SET body = replace(body, 'lab', 'bal') WHERE id = ?", (f"{bad.id}/lab",)))
    for _ in range(12):
        try:
            robot(polls=1)
        except SetpointError:
            seen.clock.pass_by(seconds=15)
    assert seen.server.running["sort_memory"] == "8192", robot.states(good.id)

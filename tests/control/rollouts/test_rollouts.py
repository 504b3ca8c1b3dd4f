"""Rollouts over simulated fleets: waves, halts, taking back, and going on after anything died."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from setpoint.control.configure import commit
from setpoint.control.records import prove
from setpoint.control.rollouts import steering
from setpoint.control.rollouts.controller import WORKS, RolloutController
from setpoint.control.worker.inprocess import InProcessDispatch
from setpoint.engines.simulated.server import server_at
from setpoint.errors import InputError, InputErrors, NotFoundError, RefusedError
from setpoint.policy.rollout import Amount


def test_a_harmless_rollout_reaches_everybody_wave_by_wave(make_fleet):
    fleet = make_fleet(8)
    made = fleet.start(settings={"checkpoint_interval": "600"})
    over = fleet.run(made.id)
    assert over.state.value == "done"
    assert fleet.states(made.id) == {"kept": 8}
    assert all(fleet.running(f"i{number}", "checkpoint_interval") == "600" for number in range(8))
    assert fleet.actions(made.id).count("rollout.wave") == 3
    assert fleet.actions(made.id)[0] == "rollout.started"
    assert fleet.actions(made.id)[-1] == "rollout.done"


def test_a_regression_halts_in_the_canary_and_goes_back(make_fleet):
    """Dear pages cost a quarter of the throughput here; only the canaries ever had them."""
    fleet = make_fleet(20)
    made = fleet.start(settings={"page_cost": "12"}, canary=Amount(count=4))
    over = fleet.run(made.id)
    assert over.state.value == "halted"
    assert "throughput" in over.why
    assert fleet.states(made.id) == {"taken back": 4, "skipped": 16}
    assert all(float(fleet.running(name, "page_cost")) == 4 for name in fleet.targets(made.id))
    assert not any(each.settings for each in fleet.context.head()[1].instances.values())


def test_each_poll_may_be_made_by_another_worker(make_fleet):
    """Nothing is remembered but rows: every poll is by a controller that was just born."""
    fleet = make_fleet(6)
    made = fleet.start()
    for number in range(400):
        fleet.controller = RolloutController(f"worker-{number}")
        fleet.controller.poll(fleet.context)
        if not fleet.rollout(made.id).is_open:
            break
        fleet.wait(5)
    assert fleet.states(made.id) == {"kept": 6}


def test_room_for_sessions_is_made_on_standbys_first(make_fleet):
    groups = {"g": ["p", "s1", "s2"]}
    fleet = make_fleet(names=["p", "s1", "s2", "x"], groups=groups)
    made = fleet.start(settings={"max_connections": "200"}, canary=Amount(count=1))
    targets = fleet.targets(made.id)
    assert set(targets["p"].after) == {"s1", "s2"}
    fleet.run(made.id)
    rows = fleet.store.audit.rows(action="rollout.applied")
    order = [row.subject for row in rows if row.subject != "x"]
    assert order[-1] == "p"
    assert fleet.states(made.id) == {"kept": 4}


def test_and_taken_away_on_the_primary_first(make_fleet):
    fleet = make_fleet(names=["p", "s1", "s2"], groups={"g": ["p", "s1", "s2"]})
    made = fleet.start(settings={"max_connections": "50"}, canary=Amount(count=1))
    fleet.run(made.id)
    order = [row.subject for row in fleet.store.audit.rows(action="rollout.applied")]
    assert order[0] == "p"


def test_a_primary_alone_is_refused_what_its_standby_needs_first(make_fleet):
    fleet = make_fleet(names=["p", "s1"], groups={"g": ["p", "s1"]})
    with pytest.raises(RefusedError, match="s1 would have to go first and is not part of the rollout"):
        fleet.start("instance=p", settings={"max_connections": "200"})
    assert not fleet.store.rollouts.all()


def test_a_standby_behind_is_waited_for(make_fleet):
    fleet = make_fleet(names=["p", "s1"], groups={"g": ["p", "s1"]})
    fleet.loads["s1"].lag_seconds = 120.0
    made = fleet.start(settings={"max_connections": "50"})
    fleet.run(made.id, until="held")
    held = fleet.targets(made.id)["s1"]
    assert "120 s behind" in held.why
    fleet.loads["s1"].lag_seconds = 0.0
    fleet.run(made.id)
    assert fleet.states(made.id) == {"kept": 2}


def test_pause_resume_and_halt(make_fleet):
    fleet = make_fleet(6)
    made = fleet.start()
    fleet.run(made.id, until="kept")
    steering.pause(fleet.context, made.id, because="lunch")
    for _ in range(30):
        fleet.controller.poll(fleet.context)
        fleet.wait(30)
    assert fleet.states(made.id) == {"kept": 2, "waiting": 4}
    with pytest.raises(RefusedError, match="it is paused"):
        steering.pause(fleet.context, made.id, because="again")
    steering.resume(fleet.context, made.id, because="back")
    fleet.run(made.id, until="soaking")
    steering.halt_by_hand(fleet.context, made.id[:6], because="enough")
    over = fleet.run(made.id)
    assert (over.state.value, over.why) == ("halted", "ada: enough")
    assert set(fleet.states(made.id)) == {"kept", "skipped"}


def test_all_of_it_is_taken_back_and_then_nothing_is_left(make_fleet):
    fleet = make_fleet(5)
    made = fleet.start()
    fleet.run(made.id)
    steering.take_back(fleet.context, made.id, because="second thoughts")
    over = fleet.run(made.id)
    assert over.state.value == "taken back"
    assert fleet.states(made.id) == {"taken back": 5}
    assert {fleet.running(f"i{number}", "checkpoint_interval") for number in range(5)} == {"300"}
    assert not any(each.settings for each in fleet.context.head()[1].instances.values())
    with pytest.raises(RefusedError, match="nothing of it is left"):
        steering.take_back(fleet.context, made.id, because="more")


def test_one_wave_is_taken_back_alone(make_fleet):
    fleet = make_fleet(6)
    made = fleet.start()
    fleet.run(made.id)
    steering.take_back(fleet.context, made.id, because="the last one", wave=2)
    fleet.run(made.id)
    back = {name for name, each in fleet.targets(made.id).items() if each.state.value == "taken back"}
    assert back == {name for name, each in fleet.targets(made.id).items() if each.wave == 2}
    assert {fleet.running(name, "checkpoint_interval") for name in back} == {"300"}


def test_a_wave_that_others_rest_on_is_not_taken_back_alone(make_fleet):
    fleet = make_fleet(names=["p", "s1"], groups={"g": ["p", "s1"]})
    made = fleet.start(settings={"max_connections": "200"}, canary=Amount(count=1))
    fleet.run(made.id)
    with pytest.raises(RefusedError, match="p rest on it"):
        steering.take_back(fleet.context, made.id, because="no", wave=0)


def test_what_a_person_changed_since_is_left_alone(make_fleet):
    fleet = make_fleet(4)
    made = fleet.start()
    fleet.run(made.id)
    server_at(fleet.address("i1")).persisted["checkpoint_interval"] = "77"
    steering.take_back(fleet.context, made.id, because="back")
    fleet.run(made.id)
    target = fleet.targets(made.id)["i1"]
    assert target.state.value == "failed"
    assert "somebody changed checkpoint_interval" in target.why
    assert server_at(fleet.address("i1")).persisted["checkpoint_interval"] == "77"
    assert fleet.states(made.id)["taken back"] == 3


def test_an_instance_that_is_down_is_held_and_reached_later(make_fleet):
    fleet = make_fleet(4)
    made = fleet.start()
    for each in fleet.targets(made.id).values():
        fleet.take_down(each.instance)
    fleet.run(made.id, until="held")
    for each in fleet.targets(made.id).values():
        fleet.take_down(each.instance, is_down=False)
    fleet.run(made.id)
    assert fleet.states(made.id) == {"kept": 4}


def test_an_instance_that_vanishes_after_its_apply_stops_the_rollout(make_fleet):
    fleet = make_fleet(6)
    made = fleet.start()
    fleet.run(made.id, until="soaking")
    lost = next(name for name, each in fleet.targets(made.id).items() if each.state.value == "soaking")
    fleet.take_down(lost)
    fleet.run(made.id, until="taking back")
    fleet.take_down(lost, is_down=False)
    over = fleet.run(made.id)
    assert over.state.value == "halted"
    assert fleet.targets(made.id)[lost].state.value == "taken back"
    assert "skipped" in fleet.states(made.id)


def test_pending_differences_are_rolled_out_without_settings(make_fleet):
    fleet = make_fleet(4)
    settings = {"simulated": {"checkpoint_interval": "900"}}
    commit(fleet.context, lambda c: msgspec.structs.replace(c, fleet=settings), reason="more")
    made = fleet.start(settings={})
    fleet.run(made.id)
    assert {fleet.running(f"i{number}", "checkpoint_interval") for number in range(4)} == {"900"}
    with pytest.raises(RefusedError, match="nothing to roll out"):
        fleet.start(settings={})


def test_other_pending_differences_are_told_before_anything_begins(make_fleet):
    fleet = make_fleet(3)
    settings = {"simulated": {"page_cost": "5"}}
    commit(fleet.context, lambda c: msgspec.structs.replace(c, fleet=settings), reason="more")
    with pytest.raises(RefusedError, match="i0 has other differences pending: page_cost"):
        fleet.start()


def test_what_needs_a_restart_is_left_as_debt_and_told(make_fleet):
    fleet = make_fleet(3)
    made = fleet.start(settings={"cache_size": "256MB"})
    fleet.run(made.id)
    assert {each.restart_debt for each in fleet.targets(made.id).values()} == {("cache_size",)}
    assert "waits for a restart" in fleet.targets(made.id)["i0"].why


@pytest.mark.parametrize(
    ("named", "match"),
    [
        ({"canary": Amount()}, "needs a canary"),
        ({"site_at_once": 1}, "needs the label"),
        ({"tries": 0}, "0 tries"),
        ({"waves": (Amount(share=1.5),)}, "no amount for a wave"),
        ({"confidence": 1.0}, "confidence"),
        ({"soak_seconds": float("nan")}, "seconds of soak"),
    ],
)
def test_senseless_rules_are_refused(make_fleet, named, match):
    with pytest.raises(InputErrors, match=match):
        make_fleet(1).start(**named)


def test_faulty_wishes_are_refused(make_fleet):
    fleet = make_fleet(2)
    with pytest.raises(InputError, match="fits no instance"):
        fleet.start("instance=nobody")
    with pytest.raises(InputErrors, match="no_such"):
        fleet.start(settings={"no_such": "1"})
    with pytest.raises(NotFoundError, match="no rollout"):
        steering.halt_by_hand(fleet.context, "r404", because="x")


def test_a_rollout_is_proven_by_the_audit_log(make_fleet):
    fleet = make_fleet(3)
    fleet.run(fleet.start().id)
    assert prove(fleet.context, noted=None).is_intact


def test_threads_of_a_dispatch_carry_it_out_as_well(make_fleet):
    fleet = make_fleet(8)
    dispatch = InProcessDispatch(4)
    faults = []
    works = {kind: partial(work, fleet.context) for kind, work in WORKS.items()}
    dispatch.start(works, lambda _task, fault: faults.append(fault))
    fleet.controller = RolloutController("worker-1", dispatch)
    made = fleet.start(at_once=4)
    try:
        for _ in range(200):
            fleet.controller.poll(fleet.context)
            assert dispatch.wait_until_idle(60)
            if not fleet.rollout(made.id).is_open:
                break
            fleet.wait(10)
    finally:
        dispatch.stop()
    assert fleet.states(made.id) == {"kept": 8}
    assert not faults


def test_of_two_controllers_one_has_the_lease(make_fleet):
    fleet = make_fleet(2)
    made = fleet.start()
    lease = fleet.store.leases.claim(f"rollout:{made.id}", "another", 600)
    rows = len(fleet.store.audit.rows())
    fleet.controller.poll(fleet.context)
    assert len(fleet.store.audit.rows()) == rows
    fleet.store.leases.release(lease)
    fleet.run(made.id)
    assert fleet.states(made.id) == {"kept": 2}


def test_later_waves_are_compared_too(make_fleet):
    """Over a soak long enough that which instances are the canaries, which is drawn, says nothing."""
    fleet = make_fleet(16)
    shares = (Amount(share=0.5), Amount(share=1.0))
    made = fleet.start(waves=shares, canary=Amount(count=4), soak_seconds=300.0)
    over = fleet.run(made.id)
    assert [each.split(": ")[1] for each in over.judged] == ["not worse", "not worse", "cannot tell"]

"""The sweep: everything is looked at in each interval, by one worker, and what does not answer is known."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.control.worker.site import Hand

from setpoint.config.configuration import Instance
from setpoint.control.worker.dispatch import Task
from setpoint.control.worker.sweep import OBSERVE, Sweep
from setpoint.errors import UnreachableError


def test_every_instance_is_looked_at_once_in_each_interval(site):
    for number in range(20):
        site.add(f"db-{number}")
    looked = site.sweep_for(240)
    for name in {name for name, _ in looked}:
        times = [at for other, at in looked if other == name]
        assert times[0] <= 61
        assert all(abs(later - earlier - 60) < 3 for earlier, later in pairwise(times))
    assert set(Counter(name for name, _ in looked).values()) == {4}
    assert len({round(at) for _, at in looked}) > 20


def test_a_restarted_sweep_goes_on_at_the_same_places(site):
    for number in range(5):
        site.add(f"db-{number}")
    first = dict(site.sweep_for(60))
    site.sweep = Sweep(site.hand, interval_seconds=60)
    second = dict(site.sweep_for(60))
    assert first.keys() == second.keys()
    assert all(abs(first[name] - second[name]) < 3 for name in first)


def test_two_workers_look_once(site):
    site.add("shop")
    hand = Hand()
    other = Sweep(hand, interval_seconds=60)
    site.sweep.poll(site.context)
    other.poll(site.context)
    site.wait(61)
    site.sweep.poll(site.context)
    other.poll(site.context)
    (one,), (two,) = site.hand.take(), hand.take()
    site.sweep.observe(site.context, one)
    other.observe(site.context, two)
    assert len(site.store.snapshots.history("shop")) == 1


def test_a_claim_is_lost_to_who_was_faster(site):
    site.add("shop")
    first = site.store.sights.claim("shop", None, site.at)
    assert first is not None
    assert site.store.sights.claim("shop", None, site.at) is None
    later = site.at + timedelta(seconds=1)
    assert site.store.sights.claim("shop", first, later) is not None
    assert site.store.sights.claim("shop", first, later + timedelta(seconds=1)) is None


def test_who_does_not_answer_is_asked_less_and_is_known_by_its_age(site):
    site.add("shop")
    site.sweep_for(120)
    seen_at = site.store.sights.find("shop").seen_at
    site.server("shop").is_up = False
    looked = site.sweep_for(3000)
    gaps = [later - earlier for (_, earlier), (_, later) in pairwise(looked)]
    assert 7 <= len(looked) <= 10
    assert max(gaps) <= 603
    assert gaps == sorted(gaps)
    sight = site.store.sights.find("shop")
    assert sight.seen_at == seen_at
    assert seen_at < sight.unreachable_since < seen_at + timedelta(seconds=65)
    assert sight.failures == len(looked)
    assert "shop" in sight.fault
    assert site.store.snapshots.latest("shop") is not None


def test_who_answers_again_is_asked_as_before(site):
    site.add("shop").is_up = False
    site.sweep_for(1800)
    site.server("shop").is_up = True
    site.sweep_for(660)
    sight = site.store.sights.find("shop")
    assert (sight.failures, sight.unreachable_since, sight.fault) == (0, None, "")
    assert len(site.sweep_for(180)) == 3


def test_who_was_reached_by_hand_is_not_waited_for(site):
    site.add("shop").is_up = False
    site.sweep_for(1200)
    with pytest.raises(UnreachableError):
        site.setpoint.observe("shop")
    assert site.store.sights.find("shop").failures
    site.server("shop").is_up = True
    site.setpoint.observe("shop")
    assert len(site.sweep_for(120)) in (2, 3)
    assert site.store.sights.find("shop").failures == 0


def test_drift_is_noted_once_and_its_end_too(site):
    site.add("shop", settings={"sort_memory": "8MB"})
    for _ in range(3):
        site.look("shop")
    assert site.actions("drift.") == ["drift.found"]
    assert site.rows("drift.found")[0].detail["deviations"] == ["sort_memory: drifted"]
    site.set_by_hand("shop", sort_memory="8MB")
    site.look("shop")
    site.look("shop")
    assert site.actions("drift.") == ["drift.found", "drift.ended"]


def test_who_has_no_target_is_left_out_and_who_is_gone_is_forgotten(site):
    site.setpoint.add_instance("paper", Instance(engine="simulated"), reason="planned")
    site.add("shop")
    site.look("shop")
    site.setpoint.remove_instance("shop", reason="sold")
    assert site.sweep_for(120) == []
    site.look("shop")
    assert site.store.sights.all() == {}


def test_lag_is_how_long_the_oldest_due_look_is_due(site):
    site.add("shop")
    assert site.sweep.lag_seconds(site.context) == 0
    site.wait(100)
    assert 40 <= site.sweep.lag_seconds(site.context) <= 100
    site.sweep_for(3)
    assert site.sweep.lag_seconds(site.context) == 0


def test_a_task_that_is_not_due_any_more_does_nothing(site):
    site.add("shop")
    site.look("shop")
    before = site.store.sights.find("shop")
    site.wait(0.5)
    site.sweep.observe(site.context, Task(OBSERVE, "observe/shop", {"instance": "shop"}))
    assert site.store.sights.find("shop") == before

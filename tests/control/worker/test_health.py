"""Health: what a worker says of itself is true, whole and free of secrets."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.control.worker.site import START, Hand

from setpoint.control.worker.health import SILENT_SECONDS, Health, Heartbeat, is_silent, metrics_text
from setpoint.control.worker.upkeep import FORGOTTEN_AFTER, Upkeep

SAMPLE = re.compile(
    r'[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? [-+.\de]+'
)


class Deep(Hand):
    def depth(self):
        return {"observe": 7}


def test_a_beat_says_how_the_worker_is(site, tmp_path):
    health = Health(site.at)
    health.failed("poll", "sweep", ValueError("it is away"))
    place = tmp_path / "metrics.prom"
    pause = Heartbeat(health, Deep(), lambda _: 12.5, place).poll(site.context)
    (state,) = site.setpoint.workers.all()
    assert 0 < pause < SILENT_SECONDS / 2
    assert (state.id, state.lag_seconds, state.queue_depth) == (health.id, 12.5, {"observe": 7})
    assert state.detail == {"poll sweep": "ValueError: it is away"}
    text = place.read_text()
    assert 'setpoint_worker_waiting_tasks{worker="' in text
    assert 'setpoint_worker_polls_total{worker="' in text
    assert not list(tmp_path.glob(".*.part"))


@given(st.dictionaries(st.text(max_size=9), st.integers(0, 10**9), max_size=3))
def test_metrics_are_in_the_format_whatever_names_hold(depth):
    health = Health(START)
    text = metrics_text(health.state(START, 0.5, depth), {("task", 'a"\\\n', "done"): 3})
    assert text.endswith("\n")
    for line in text.removesuffix("\n").split("\n"):
        assert line.startswith("# ") or SAMPLE.fullmatch(line), line


def test_silence_is_told_once_and_forgotten_later(site):
    Heartbeat(Health(site.at), Hand(), lambda _: 0.0).poll(site.context)
    (state,) = site.store.workers.all()
    upkeep = Upkeep("me")
    upkeep.poll(site.context)
    assert not is_silent(state, site.at)
    assert site.actions("worker.") == []
    site.wait(SILENT_SECONDS + 1)
    assert site.setpoint.workers.is_silent(state)
    for _ in range(3):
        upkeep.poll(site.context)
    (row,) = site.rows("worker.silent")
    assert row.subject == state.id
    assert len(site.store.workers.all()) == 1
    site.at += FORGOTTEN_AFTER + timedelta(seconds=1)
    upkeep.poll(site.context)
    assert site.store.workers.all() == ()


def test_upkeep_is_done_by_one(site):
    lease = site.store.leases.claim("upkeep", "another", 60)
    Heartbeat(Health(site.at), Hand(), lambda _: 0.0).poll(site.context)
    site.wait(SILENT_SECONDS + 1)
    Upkeep("me").poll(site.context)
    assert site.actions("worker.") == []
    site.store.leases.release(lease)
    Upkeep("me").poll(site.context)
    assert site.actions("worker.") == ["worker.silent"]


def test_upkeep_clears_away(site):
    site.add("shop")
    for _ in range(5):
        site.look("shop")
    site.setpoint.add_instance("gone", site.setpoint.configuration().instance("shop"), reason="twin")
    site.look("gone")
    site.setpoint.remove_instance("gone", reason="sold")
    Upkeep("me", kept_snapshots=2).poll(site.context)
    assert len(site.store.snapshots.history("shop")) == 2
    assert set(site.store.sights.all()) == {"shop"}


@pytest.mark.parametrize("fault", [ValueError("postgresql://u:hunter2@h/d"), OSError("x" * 9999)])
def test_what_went_wrong_is_bounded_and_without_secrets(fault):
    health = Health(START)
    health.failed("poll", "sweep", fault)
    (said,) = health.faults.values()
    assert "hunter2" not in said
    assert len(said) <= 300

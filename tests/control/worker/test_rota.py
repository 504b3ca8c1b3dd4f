"""The rota: stable places, one look an interval, back-off with a limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from setpoint.control.worker.rota import due_at, offset_seconds, period_seconds
from setpoint.store.records import Sight

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
names = st.text(min_size=1, max_size=20)
intervals = st.floats(1, 86_400)
moments = st.floats(0, 1e7).map(lambda seconds: START + timedelta(seconds=seconds))


def sight(at, **fields):
    return Sight(instance="a", tried_at=at, **fields)


@given(names, intervals)
def test_a_place_is_inside_the_interval_and_stays(name, interval):
    assert 0 <= offset_seconds(name, interval) < interval
    assert offset_seconds(name, interval) == offset_seconds(name, interval)


def test_a_fleet_is_spread_over_the_interval():
    tenths = [0] * 10
    for number in range(2000):
        tenths[int(offset_seconds(f"db-{number}", 60) // 6)] += 1
    assert min(tenths) > 140
    assert max(tenths) < 260


@given(names, intervals, moments)
def test_who_was_never_seen_is_due_within_one_interval(name, interval, at):
    due = due_at(name, None, interval, at)
    assert timedelta(0) < due - at <= timedelta(seconds=interval * 1.001)


@given(names, intervals, moments, st.floats(0, 3))
def test_who_answers_is_due_once_in_each_interval_at_its_place(name, interval, at, late):
    tried = at + timedelta(seconds=late * interval)
    due = due_at(name, sight(tried), interval, at)
    assert timedelta(0) < due - tried <= timedelta(seconds=interval * 1.001)
    again = due_at(name, sight(due + timedelta(seconds=interval / 100)), interval, at)
    assert abs((again - due).total_seconds() - interval) < max(interval * 0.001, 0.001)


@given(names, intervals, moments)
def test_a_restart_changes_no_place(name, interval, at):
    seen = sight(at)
    assert due_at(name, seen, interval, at) == due_at(name, seen, interval, at + timedelta(seconds=interval))


@given(names, intervals, moments)
def test_after_a_long_absence_not_all_are_due_at_once(name, interval, at):
    due = due_at(name, sight(at), interval, at + timedelta(seconds=10 * interval))
    assert due > at + timedelta(seconds=10 * interval)


@given(st.integers(1, 60), intervals)
def test_back_off_doubles_up_to_ten_minutes(failures, interval):
    period = period_seconds(sight(START, failures=failures), interval)
    assert period == min(interval * 2 ** min(failures, 16), max(600, interval))
    assert period >= interval


@given(st.floats(0, 100), intervals)
def test_an_instance_spends_a_hundredth_of_its_time_on_being_looked_at(cost, interval):
    period = period_seconds(sight(START, cost_seconds=cost), interval)
    assert interval <= period <= 10 * interval
    assert cost <= 0.01 * period * 1.001 or period == 10 * interval

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.lab.compare import (
    compare,
    contrast,
    order_of,
    smallest_detectable_change,
    student_t_95,
    summarise,
)
from setpoint.lab.counters import Counters
from setpoint.lab.load import LoadResult
from setpoint.lab.noise import Noise
from setpoint.lab.trial import Trial


def make_trial(tps: float, steal: float | None = 0.0):
    load = LoadResult(tps=tps, latency_mean_ms=1, latency_p95_ms=2, transactions=10, failed=0, seconds=1)
    counters = Counters(blocks_read=0, blocks_hit=0, temp_bytes=0, commits=10, wal_bytes=0)
    noise = Noise(steal_share=steal, foreign_share=0)
    return Trial(load=load, counters=counters, noise=noise, warm_up_s=0, is_warm=True)


def script(*trials):
    """A measuring function that hands out trials in turn and remembers which sides were asked for."""
    waiting, asked = [*trials], []

    def measure(side):
        asked.append(side)
        return waiting.pop(0)

    return measure, asked


def test_sides_alternate_and_swap():
    assert order_of(4) == "abbaabba"


def test_trials_land_on_their_side():
    measure, asked = script(*map(make_trial, [1, 2, 20, 10]))
    told = []
    done = compare(measure, pairs=2, progress=lambda number, planned: told.append((number, planned)))
    assert asked == ["a", "b", "b", "a"]
    assert [trial.load.tps for trial in done.a] == [1, 10]
    assert [trial.load.tps for trial in done.b] == [2, 20]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_suspect_trial_is_measured_again():
    measure, asked = script(make_trial(1), make_trial(2, steal=0.2), make_trial(3))
    done = compare(measure, pairs=1)
    assert asked == ["a", "b", "b"]
    assert (done.b[0].load.tps, done.repeated, done.suspect_pairs) == (3, 1, 0)


def test_a_pair_that_stays_suspect_is_left_out():
    noisy = [make_trial(9, steal=0.2)] * 3
    measure, _ = script(*noisy, make_trial(2), make_trial(4), make_trial(3))
    done = compare(measure, pairs=2, repeat_limit=2)
    assert ([t.load.tps for t in done.a], [t.load.tps for t in done.b]) == ([3], [4])
    assert (done.repeated, done.suspect_pairs) == (2, 1)


def test_without_a_clean_pair_there_is_nothing_to_say():
    measure, _ = script(make_trial(1, steal=0.5), make_trial(1))
    assert compare(measure, pairs=1, repeat_limit=0).contrast(lambda trial: trial.load.tps) is None


def test_a_machine_that_does_not_tell_its_steal_is_not_suspected():
    measure, asked = script(make_trial(1, steal=None), make_trial(1, steal=None))
    assert compare(measure, pairs=1).suspect_pairs == 0
    assert len(asked) == 2


def test_one_pair_shows_nothing():
    seen = contrast([100], [300])
    assert (seen.change, seen.low, seen.verdict) == (pytest.approx(2.0), None, "no difference shown")


def test_a_large_steady_change_is_shown():
    seen = contrast([100, 102, 98], [150, 151, 149])
    assert seen.verdict == "better"
    assert seen.low < seen.change < seen.high
    assert contrast([100, 102, 98], [150, 151, 149], is_more_better=False).verdict == "worse"


def test_a_change_within_the_scatter_is_not_shown():
    assert contrast([100, 140, 90], [120, 100, 125]).verdict == "no difference shown"


def test_drift_common_to_a_pair_does_not_hide_a_change():
    assert contrast([100, 50, 25], [120, 60.5, 29.8]).verdict == "better"


def test_a_figure_may_fall_to_zero():
    seen = contrast([10, 11, 12], [0, 0, 0], is_more_better=False)
    assert (seen.change, seen.verdict) == (-1, "better")


def test_a_figure_may_rise_from_zero():
    seen = contrast([0, 0, 0], [5, 6, 5], is_more_better=False)
    assert (seen.change, seen.low, seen.high, seen.verdict) == (None, None, None, "worse")


def test_nothing_on_either_side_is_no_difference():
    seen = contrast([0, 0], [0, 0])
    assert (seen.verdict, seen.a.cv) == ("no difference shown", 0)


def test_the_summary_of_known_values():
    seen = summarise([8, 10, 12])
    assert (seen.count, seen.median, seen.cv) == (3, 10, pytest.approx(0.2))
    assert summarise([5]).cv is None


def test_the_smallest_detectable_change_of_known_values():
    side = summarise([8, 10, 12])
    assert smallest_detectable_change(side, side) == pytest.approx(2.776 * math.sqrt(2 * 0.04 / 3))
    assert smallest_detectable_change(side, summarise([5])) is None


@pytest.mark.parametrize(
    ("freedom", "value"), [(1, 12.706), (10, 2.228), (12, 2.228), (30, 2.042), (500, 1.98)]
)
def test_students_t(freedom, value):
    assert student_t_95(freedom) == value


def test_students_t_never_grows():
    values = [student_t_95(freedom) for freedom in range(1, 300)]
    assert values == sorted(values, reverse=True)


positive = st.floats(0.01, 1e6)


@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=8))
def test_swapping_the_sides_turns_the_verdict(pairs):
    a, b = zip(*pairs, strict=True)
    there, back = contrast(a, b), contrast(b, a)
    turned = {"better": "worse", "worse": "better"}
    assert back.verdict == turned.get(there.verdict, there.verdict)
    assert (1 + there.change) * (1 + back.change) == pytest.approx(1)


@given(st.lists(st.tuples(positive, positive), min_size=2, max_size=8), st.floats(0.001, 1000))
def test_the_unit_of_a_figure_does_not_matter(pairs, unit):
    a, b = zip(*pairs, strict=True)
    scaled = contrast([unit * value for value in a], [unit * value for value in b])
    assert scaled.change == pytest.approx(contrast(a, b).change, abs=1e-6)


def test_equal_sides_are_told_apart_as_rarely_as_promised():
    dice = random.Random(5)  # noqa: S311 - seeded on purpose
    runs = 2000
    wrong = sum(
        contrast(*([dice.lognormvariate(0, 0.1) for _ in range(4)] for _ in "ab")).verdict
        != "no difference shown"
        for _ in range(runs)
    )
    assert wrong / runs == pytest.approx(0.05, abs=0.02)

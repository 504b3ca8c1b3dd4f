"""Canaries beside their like: what is worse is found, what is not is let go on."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.policy.canary import CanaryVerdict, Course, Measure, judge_canaries
from setpoint.policy.student import t_below, t_quantile

_NOISE = 0.05
"""How much an instance's level moves by itself between two stretches (standard deviation, logarithm)."""


def _drawn(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a drawn case, no secret


def _course(lot: random.Random, *, effect: float = 0.0, tide: float = 0.0) -> Course:
    throughput, active = lot.uniform(50, 5000), lot.uniform(1, 20)
    after = throughput * math.exp(tide + lot.gauss(0, _NOISE)) * (1 - effect)
    busy = active * math.exp(tide + lot.gauss(0, _NOISE))
    return Course(
        {"txn.commit": throughput, "sess.active_seconds": active},
        {"txn.commit": after, "sess.active_seconds": busy},
    )


def _judged(seed: int, *, canaries: int, effect: float) -> CanaryVerdict:
    lot = _drawn(seed)
    tide = lot.uniform(-1, 1)
    ours = [_course(lot, effect=effect, tide=tide) for _ in range(canaries)]
    like = [_course(lot, tide=tide) for _ in range(20)]
    return judge_canaries(ours, like, tolerance=0.05, looks=4).verdict


@pytest.mark.parametrize("canaries", [1, 2, 5])
def test_without_an_effect_at_most_one_in_twenty_is_halted(canaries: int) -> None:
    """The tide that moves everybody is no effect."""
    worse = [_judged(seed, canaries=canaries, effect=0).value for seed in range(400)].count("worse")
    assert worse <= 20


def test_a_fifth_less_throughput_is_found_with_five_canaries() -> None:
    """Nine times in ten at the least."""
    found = [_judged(seed, canaries=5, effect=0.2).value for seed in range(200)].count("worse")
    assert found >= 180


def test_no_tolerance_holds_its_error_too() -> None:
    """With nothing borne the bound alone keeps false halts down."""
    lot, halts = _drawn(7), 0
    for _ in range(400):
        ours, like = [_course(lot) for _ in range(3)], [_course(lot) for _ in range(10)]
        halts += judge_canaries(ours, like, tolerance=0.0).verdict is CanaryVerdict.WORSE
    assert halts <= 20


def test_fewer_than_three_like_instances_tell_nothing() -> None:
    """No spread, no judgement."""
    lot = _drawn(1)
    answer = judge_canaries([_course(lot, effect=0.9)], [_course(lot), _course(lot)], tolerance=0.05)
    assert answer.verdict is CanaryVerdict.CANNOT_TELL
    assert "cannot tell" in answer.explanation


def test_what_looks_worse_and_may_not_be_is_not_told() -> None:
    """One canary a little off, among like instances that differ a good deal."""
    like = [Course({"txn.commit": 100}, {"txn.commit": level}) for level in (80, 100, 125)]
    ours = [Course({"txn.commit": 100}, {"txn.commit": 90})]
    assert judge_canaries(ours, like, tolerance=0.05).verdict is CanaryVerdict.CANNOT_TELL


def test_more_lock_waits_are_worse() -> None:
    """Lower is better unless a measure says otherwise."""
    like = [Course({"lock.waiters": 1.0}, {"lock.waiters": 1.0 + each / 100}) for each in range(6)]
    ours = [Course({"lock.waiters": 1.0}, {"lock.waiters": 9.0})]
    answer = judge_canaries(ours, like, tolerance=0.05)
    assert answer.verdict is CanaryVerdict.WORSE
    assert answer.losses[0].measure == "lock waits"


@given(
    st.lists(st.floats(0, 1e12), min_size=1, max_size=6),
    st.lists(st.floats(0, 1e12), min_size=0, max_size=6),
)
def test_any_levels_are_judged(ours: list[float], like: list[float]) -> None:
    """Whatever servers say, there is an answer and no loss of more than all."""
    answer = judge_canaries(
        [Course({"a": 1.0}, {"a": each}) for each in ours],
        [Course({"a": 1.0}, {"a": each}) for each in like],
        tolerance=0.05,
        measures=[Measure("a", "a", is_more_better=True)],
    )
    assert all(loss.low <= loss.estimate <= loss.high <= 1 for loss in answer.losses)


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [(0.95, 1, 6.3138), (0.975, 10, 2.2281), (0.99, 30, 2.4573), (0.999, 5, 5.8934), (0.05, 4, -2.1318)],
)
def test_quantiles_are_those_of_the_tables(probability: float, degrees: float, expected: float) -> None:
    """From printed tables of Student's t."""
    assert t_quantile(probability, degrees) == pytest.approx(expected, abs=1e-4)
    assert t_below(t_quantile(probability, degrees), degrees) == pytest.approx(probability)


@pytest.mark.parametrize(("probability", "degrees"), [(0.0, 3), (1.0, 3), (0.5, 0)])
def test_no_quantile_is_answered_where_there_is_none(probability: float, degrees: float) -> None:
    """Neither at the ends nor without any degree of freedom."""
    with pytest.raises(ValueError, match="no quantile"):
        t_quantile(probability, degrees)

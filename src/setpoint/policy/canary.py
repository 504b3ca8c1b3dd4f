"""Canaries judged beside their like and beside their own past.

For each instance and measure the change of the level's logarithm from before to after is taken; the loss is
how much worse the canaries changed than their like did. What moves the whole fleet (the hour, a sale) moves
both and cancels out. A one-sided bound by Student's t says how sure that is; it is honest for one canary,
because the spread of the like is known from themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import exp, log, sqrt
from typing import TYPE_CHECKING

from setpoint.policy.student import t_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FEWEST_LIKE = 3
"""Of fewer instances no spread is known that is worth the name."""
_FARTHEST = 50.0
LOOKS = 4
"""How often canaries are judged during their soak; each look spends its part of what may be wrong."""


class CanaryVerdict(Enum):
    """What a comparison comes to."""

    WORSE = "worse"
    NOT_WORSE = "not worse"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Measure:
    """What is compared: a canonical metric, or one per unit of another, and which way is better.

    `floor` is added to a level before its logarithm is taken, so that what is mostly zero counts little.
    """

    name: str
    metric: str
    per: str = ""
    is_more_better: bool = False
    floor: float = 0.0


MEASURES: tuple[Measure, ...] = (
    Measure("throughput", "txn.commit", is_more_better=True),
    Measure("time per transaction", "sess.active_seconds", per="txn.commit"),
    Measure("rollbacks", "txn.rollback", floor=1.0),
    Measure("lock waits", "lock.waiters", floor=1.0),
    Measure("deadlocks", "lock.deadlocks", floor=0.1),
)
"""What canaries are compared by where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Course:
    """One instance's levels by metric: over a stretch before the change, and over one after it."""

    before: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Loss:
    """What one measure lost (0.2: a fifth worse), and how little and how much that may be at least and most.

    `worse` and `like` count the canaries and their like that it rests on.
    """

    measure: str
    estimate: float
    low: float
    high: float
    canaries: int
    like: int

    def __str__(self) -> str:
        """Write ``throughput 18.0% worse (at least 12%)``."""
        way = "worse" if self.estimate >= 0 else "better"
        bound = f"at least {self.low:.1%}, at most {self.high:.1%}"
        return f"{self.measure} {abs(self.estimate):.1%} {way} ({bound})"


@dataclass(frozen=True, slots=True)
class CanaryAnswer:
    """The verdict, the losses it rests on (the worst first), and what it says in one line."""

    verdict: CanaryVerdict
    losses: tuple[Loss, ...]
    explanation: str


def judge_canaries(
    canaries: Sequence[Course],
    like: Sequence[Course],
    *,
    tolerance: float,
    confidence: float = 0.95,
    looks: int = 1,
    measures: Iterable[Measure] = MEASURES,
) -> CanaryAnswer:
    """Compare canaries with their like; `looks` is how often the same canaries are judged altogether.

    Worse, where the least that a measure lost is more than the tolerance (0.05: five per cent). Not worse,
    where no measure looks as if it had lost that much; how much it may have lost at most is told. Cannot
    tell, where one looks so but may not have, and where no canary or fewer than three like instances can be
    compared. Over all looks and measures a change without an
    effect is called worse with at most 1 - `confidence`.
    """
    compared = [(each, found) for each in measures if (found := _changes(each, canaries, like)) is not None]
    if not compared:
        what = f"{len(canaries)} canaries and {len(like)} like instances have no measure in common"
        return CanaryAnswer(CanaryVerdict.CANNOT_TELL, (), f"cannot tell: {what}")
    error = (1 - confidence) / (len(compared) * max(looks, 1))
    losses = sorted(
        (_loss(each, *found, error) for each, found in compared), key=lambda loss: (-loss.low, loss.measure)
    )
    worse = [loss for loss in losses if loss.low > tolerance]
    doubtful = [loss for loss in losses if loss.estimate > tolerance]
    verdict = CanaryVerdict.CANNOT_TELL if doubtful else CanaryVerdict.NOT_WORSE
    verdict = CanaryVerdict.WORSE if worse else verdict
    because = "; ".join(map(str, worse or doubtful or losses))
    worst = losses[0]
    against = f"{worst.canaries} against {worst.like} like instances, {tolerance:.1%} is borne"
    return CanaryAnswer(verdict, tuple(losses), f"{verdict.value}: {because} ({against})")


def _changes(
    measure: Measure, canaries: Iterable[Course], like: Iterable[Course]
) -> tuple[list[float], list[float]] | None:
    """Answer how much worse each instance became, as a logarithm; None where there are too few."""
    ours, theirs = (
        [change for each in group if (change := _change(measure, each)) is not None]
        for group in (canaries, like)
    )
    return (ours, theirs) if ours and len(theirs) >= _FEWEST_LIKE else None


def _change(measure: Measure, course: Course) -> float | None:
    before, after = _log_level(measure, course.before), _log_level(measure, course.after)
    if before is None or after is None:
        return None
    return before - after if measure.is_more_better else after - before


def _log_level(measure: Measure, levels: Mapping[str, float]) -> float | None:
    level = levels.get(measure.metric)
    if level is None:
        return None
    if measure.per:
        unit = levels.get(measure.per)
        if unit is None or unit <= 0:
            return None
        level /= unit
    level += measure.floor
    return log(level) if level > 0 else None


def _loss(measure: Measure, ours: list[float], theirs: list[float], error: float) -> Loss:
    """Bound the difference of means, with the spread of both groups taken for one."""
    difference = _mean(ours) - _mean(theirs)
    degrees = len(ours) + len(theirs) - 2
    spread = sqrt((_squares(ours) + _squares(theirs)) / degrees)
    reach = t_quantile(1 - error, degrees) * spread * sqrt(1 / len(ours) + 1 / len(theirs))
    low, middle, high = (
        _share(measure, each) for each in (difference - reach, difference, difference + reach)
    )
    return Loss(measure.name, middle, low, high, len(ours), len(theirs))


def _share(measure: Measure, difference: float) -> float:
    """Answer a difference of logarithms as the share that was lost."""
    # Of a few instances that differ wildly a bound can be beyond all numbers.
    difference = min(max(difference, -_FARTHEST), _FARTHEST)
    return 1 - exp(-difference) if measure.is_more_better else exp(difference) - 1


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _squares(values: list[float]) -> float:
    mean = _mean(values)
    return sum((value - mean) ** 2 for value in values)

"""An interleaved comparison of two sides, and what may honestly be said of it.

Trials alternate a b, b a, a b, ... so that drift of the machine falls on both sides alike. A trial with too
much stolen CPU time is suspect: it is repeated, never averaged in; a pair that stays suspect is left out.
The change is judged pair by pair on the logarithms of the ratios (Student's t), which is honest for the
three to six pairs there is time for.
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Literal

import msgspec

from setpoint.lab.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Side = Literal["a", "b"]
Verdict = Literal["better", "worse", "no difference shown"]

# Student's t, two-sided 95 %, by degrees of freedom: 1 to 10, then the steps named.
_T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
_T_95_BEYOND = ((15, 2.131), (20, 2.086), (30, 2.042), (60, 2.000))
_T_95_LIMIT = 1.980


class Summary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One side's values: their number, median and coefficient of variation (None below two values)."""

    count: int
    median: float
    cv: float | None


class Contrast(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How side b differs from side a in one figure.

    ``change`` is relative (0.1: b is 10 % more), the mean of the pairs, with its 95 % interval ``low`` to
    ``high``; None where side a is zero or, for the interval, where there are fewer than two pairs.
    ``smallest_detectable`` is the change that this many values with this scatter could just tell from none,
    at 95 %.
    """

    a: Summary
    b: Summary
    change: float | None
    low: float | None
    high: float | None
    smallest_detectable: float | None
    verdict: Verdict


class Comparison(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The trials of both sides, pair by pair; ``suspect_pairs`` stayed disturbed and were left out."""

    a: tuple[Trial, ...]
    b: tuple[Trial, ...]
    repeated: int
    suspect_pairs: int

    def contrast(self, figure: Callable[[Trial], float], *, is_more_better: bool = True) -> Contrast | None:
        """Compare the sides in one figure of the trials; None when every pair was suspect."""
        if not self.a:
            return None
        return contrast([*map(figure, self.a)], [*map(figure, self.b)], is_more_better=is_more_better)


def order_of(pairs: int) -> str:
    """Return the order of trials, as in ``abbaab``."""
    return "".join("ab" if number % 2 == 0 else "ba" for number in range(pairs))


def compare(
    measure: Callable[[Side], Trial],
    *,
    pairs: int = 3,
    steal_gate: float = 0.03,
    repeat_limit: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Measure both sides ``pairs`` times in alternating order.

    ``measure`` puts the server into the state of a side and runs one trial. A trial whose stolen share
    exceeds ``steal_gate`` is run again, ``repeat_limit`` times at most. ``progress`` is told trials done
    and trials planned.
    """
    order = order_of(pairs)
    trials: list[Trial] = []
    repeated = 0
    for number, letter in enumerate(order, 1):
        side: Side = "a" if letter == "a" else "b"
        trial = measure(side)
        for _ in range(repeat_limit):
            if not is_suspect(trial, steal_gate):
                break
            repeated += 1
            trial = measure(side)
        trials.append(trial)
        if progress:
            progress(number, len(order))
    kept = [
        (first, second) if order[start] == "a" else (second, first)
        for start, (first, second) in zip(range(0, len(order), 2), [*pairwise(trials)][::2], strict=True)
        if not (is_suspect(first, steal_gate) or is_suspect(second, steal_gate))
    ]
    return Comparison(
        a=tuple(a for a, _ in kept),
        b=tuple(b for _, b in kept),
        repeated=repeated,
        suspect_pairs=pairs - len(kept),
    )


def is_suspect(trial: Trial, steal_gate: float) -> bool:
    """Say whether too much CPU time was stolen; a machine that does not tell is not suspected."""
    return trial.noise.steal_share is not None and trial.noise.steal_share > steal_gate


def summarise(values: Sequence[float]) -> Summary:
    """Return count, median and coefficient of variation."""
    centre = fmean(values)
    scatter = stdev(values) / abs(centre) if len(values) > 1 and centre else None
    if len(values) > 1 and not any(values):
        scatter = 0.0
    return Summary(count=len(values), median=median(values), cv=scatter)


def contrast(a: Sequence[float], b: Sequence[float], *, is_more_better: bool = True) -> Contrast:
    """Compare paired values, ``a[i]`` with ``b[i]``, of a figure that is zero or more."""
    before, after = summarise(a), summarise(b)
    change, low, high = _judge_ratios(a, b) if min(*a, *b) > 0 else _judge_differences(a, b)
    verdict: Verdict = "no difference shown"
    if low is not None and high is not None and (low > 0 or high < 0):
        verdict = "better" if (low > 0) == is_more_better else "worse"
    known = before.median > 0
    return Contrast(
        a=before,
        b=after,
        change=change if known else None,
        low=low if known else None,
        high=high if known else None,
        smallest_detectable=smallest_detectable_change(before, after),
        verdict=verdict,
    )


def smallest_detectable_change(a: Summary, b: Summary) -> float | None:
    """Return the relative change that is just outside the 95 % interval around none, for unpaired values."""
    if a.cv is None or b.cv is None:
        return None
    error = math.sqrt(a.cv**2 / a.count + b.cv**2 / b.count)
    return student_t_95(a.count + b.count - 2) * error


def student_t_95(freedom: int) -> float:
    """Return Student's t for a two-sided 95 % interval; between tabled values, the wider one."""
    if freedom <= len(_T_95):
        return _T_95[freedom - 1]
    below = [value for bound, value in ((10, _T_95[-1]), *_T_95_BEYOND) if bound <= freedom]
    return below[-1] if freedom < 2 * _T_95_BEYOND[-1][0] else _T_95_LIMIT


def _judge_ratios(a: Sequence[float], b: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return change and interval from the logarithms of the pairs' ratios."""
    logs = [math.log(after / before) for before, after in zip(a, b, strict=True)]
    centre, margin = _interval(logs)
    if margin is None:
        return math.expm1(centre), None, None
    return math.expm1(centre), math.expm1(centre - margin), math.expm1(centre + margin)


def _judge_differences(a: Sequence[float], b: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return change and interval from the pairs' differences, in units of side a's median."""
    unit = median(a) or 1.0
    centre, margin = _interval([(after - before) / unit for before, after in zip(a, b, strict=True)])
    return (centre, None, None) if margin is None else (centre, centre - margin, centre + margin)


def _interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and the half width of its 95 % interval; None below two values."""
    if len(values) < 2:  # noqa: PLR2004 - scatter needs two
        return values[0], None
    return fmean(values), student_t_95(len(values) - 1) * stdev(values) / math.sqrt(len(values))

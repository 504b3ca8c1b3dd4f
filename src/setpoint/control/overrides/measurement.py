"""What was measured of an instance before, during and after an override, from what was seen of it.

Counters are read as rates between two observations of one time, states as they were. Nothing is guessed: with
fewer than two observations of a time there is no figure for it.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.observation import Observation
from setpoint.workload.metrics import KINDS, is_gauge, level

if TYPE_CHECKING:
    from collections.abc import Sequence

ENOUGH = 2
"""From how many observations of a time on there are figures for it."""

_ENOUGH_TO_COMPARE = 3
"""From how many values before on their spread says what is usual."""

_SAME = 1e-9
"""What two figures may differ by, relative to the larger, and be the same."""


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A time and what was seen in it, the earliest observation first.

    `is_cut` tells that there are more observations of it than are looked at.
    """

    starts_at: datetime
    ends_at: datetime
    seen: tuple[Observation, ...] = ()
    is_cut: bool = False

    @property
    def is_enough(self) -> bool:
        """Whether there are enough observations for figures."""
        return len(self.seen) >= ENOUGH


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in one time: the middle of its values, the least, the greatest, and how many there are."""

    middle: float
    least: float
    greatest: float
    values: int

    @property
    def spread(self) -> float:
        """How far its values lie apart."""
        return self.greatest - self.least


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """A metric before, during and after; None where there are no figures.

    A rate is a growth per second. `is_moved` tells whether it moved by more than its own spread before,
    `is_back` whether it is within that again; None where that cannot be told.
    """

    metric: str
    is_rate: bool
    before: Figure | None
    during: Figure | None
    after: Figure | None
    is_moved: bool | None
    is_back: bool | None


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter that was not overridden and was seen with another running value all the same.

    None stands for a value that was not shown. `is_through_us` tells that an apply in that time wrote it.
    """

    parameter: str
    before: str | None
    after: str | None
    seen_at: datetime
    is_through_us: bool = False


def effects_of(before: Phase, during: Phase, after: Phase) -> tuple[Effect, ...]:
    """Answer every metric of which there is a figure in any of the times, by name."""
    phases = (before, during, after)
    named = {name for phase in phases for each in phase.seen for name in each.metrics}
    found = [
        _effect(name, *(_figure(name, phase) for phase in phases)) for name in sorted(named & set(KINDS))
    ]
    return tuple(each for each in found if each.before or each.during or each.after)


def shifts_of(phases: Sequence[Phase], held: frozenset[str], written: frozenset[str]) -> tuple[Shift, ...]:
    """Answer the parameters, but for those held, whose running value changed between the times' last looks.

    `held` and `written` are names in lower case; `written` those that an apply wrote.
    """
    looks = [phase.seen[-1] for phase in phases if phase.seen]
    found: list[Shift] = []
    for earlier, later in pairwise(looks):
        for name in sorted(earlier.settings.keys() & later.settings.keys()):
            was, is_now = earlier.settings[name].value, later.settings[name].value
            if was != is_now and name.lower() not in held:
                is_ours = name.lower() in written
                found.append(
                    Shift(parameter=name, before=was, after=is_now, seen_at=later.at, is_through_us=is_ours)
                )
    return tuple(found)


def _effect(name: str, before: Figure | None, during: Figure | None, after: Figure | None) -> Effect:
    return Effect(
        metric=name,
        is_rate=not is_gauge(name),
        before=before,
        during=during,
        after=after,
        is_moved=_is_beyond(before, during),
        is_back=None if (beyond := _is_beyond(before, after)) is None else not beyond,
    )


def _figure(name: str, phase: Phase) -> Figure | None:
    if not phase.is_enough:
        return None
    if is_gauge(name):
        known = [each.metrics.get(name) for each in phase.seen]
    else:
        known = [level(name, earlier, later) for earlier, later in pairwise(phase.seen)]
    values = [each for each in known if each is not None]
    if not values:
        return None
    return Figure(middle=median(values), least=min(values), greatest=max(values), values=len(values))


def _is_beyond(before: Figure | None, later: Figure | None) -> bool | None:
    """Tell whether a metric lies farther from where it was than its values then lay from each other."""
    if before is None or later is None or before.values < _ENOUGH_TO_COMPARE:
        return None
    way = abs(later.middle - before.middle)
    is_same = way <= _SAME * max(abs(later.middle), abs(before.middle))
    return way > before.spread and not is_same

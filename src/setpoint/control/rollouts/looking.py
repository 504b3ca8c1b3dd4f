"""Looking: which instances a rollout watches, when each is due, and what was seen in between."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from setpoint.policy.canary import LOOKS, MEASURES
from setpoint.policy.rollout import TargetState
from setpoint.workload.metrics import KINDS, MetricKind, level

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.control.rollouts.rows import Rows

MOST_WATCHED = 20
"""How many targets of a wave are compared with their like."""
MOST_LIKE = 40
"""How many like instances they are compared with."""
_METRICS = frozenset({each.metric for each in MEASURES} | {each.per for each in MEASURES if each.per})


def watched_of(rows: Rows, wave: int) -> tuple[str, ...]:
    """Answer the targets of a wave that are compared, always the same ones."""
    return tuple(sorted(name for name, each in rows.targets.items() if each.wave == wave)[:MOST_WATCHED])


def like_of(rows: Rows, wave: int) -> tuple[str, ...]:
    """Answer the instances of later waves that those are compared with, the next wave's first."""
    targets = rows.targets
    kinds = {targets[name].like for name in watched_of(rows, wave)}
    untouched = (TargetState.WAITING, TargetState.HELD, TargetState.CHECKING)
    later = [
        each
        for each in targets.values()
        if each.wave > wave and each.like in kinds and each.state in untouched
    ]
    later.sort(key=lambda each: (each.wave, each.instance))
    return tuple(each.instance for each in later[:MOST_LIKE])


def to_look_at(context: Context, rows: Rows) -> tuple[str, ...]:
    """Answer the instances that are due for an observation, by when they were seen last."""
    rollout, now = rows.rollout, context.now()
    wave = max(rollout.wave, 0)
    every = timedelta(seconds=rollout.rules.sample_seconds)
    # The next wave is watched already, so that there is a past to compare it with when its turn comes.
    compared = {name for each in (wave, wave + 1) for name in (*watched_of(rows, each), *like_of(rows, each))}
    soaking = {name for name, each in rows.targets.items() if each.state is TargetState.SOAKING}
    seen = context.store.snapshots.latest_many(sorted(compared | soaking))
    due: list[str] = []
    for name in sorted(compared | soaking):
        last = seen[name].at if name in seen else None
        is_due = last is None or (name in compared and now - last >= every)
        if is_due or (last is not None and name in soaking and _is_stale(rows, name, last, now, every)):
            due.append(name)
    return tuple(due)


def _is_stale(rows: Rows, name: str, last: datetime, now: datetime, every: timedelta) -> bool:
    """Tell whether a target that is not compared is due: once it has soaked, and now and then before."""
    rules, applied = rows.rollout.rules, rows.targets[name].applied_at or now
    soak = timedelta(seconds=rules.soak_seconds)
    is_at_end = now >= applied + soak > last
    return is_at_end or now - last >= max(soak / LOOKS, every)


def levels(history: Iterable[Observation], since: datetime, until: datetime) -> dict[str, float]:
    """Answer the levels over a stretch: counters per second from end to end, gauges on average."""
    own = sorted((each for each in history if since <= each.at <= until), key=lambda each: each.at)
    found: dict[str, float] = {}
    for metric in _METRICS if len(own) > 1 else ():
        if KINDS[metric] is MetricKind.COUNTER:
            value = level(metric, own[0], own[-1])
        else:
            values = [each.metrics[metric] for each in own if metric in each.metrics]
            value = sum(values) / len(values) if values else None
        if value is not None:
            found[metric] = value
    return found

"""The sweep: every instance is looked at once in each interval, by one worker of all that there are.

Who does not answer is asked less and less often, and what was seen before stays, with its age. After each
look the drift is judged, noted when it is another than before, and handed on where the mode says so.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.drift import DriftClass
from setpoint.control import change, identity, watch
from setpoint.control.words import masked
from setpoint.control.worker import rota
from setpoint.control.worker.dispatch import Task
from setpoint.errors import SetpointError, StoreUnavailableError
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from setpoint.config.drift import Drift
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.control.worker.dispatch import Dispatch
    from setpoint.store.records import Sight

OBSERVE = "observe"
"""The kind of task that looks at one instance."""

ACT = "act"
"""The kind of task that acts on one instance's drift."""

ACT_PRIORITY = 5
"""What changes an instance goes before what only looks."""

INTERVAL_SECONDS = 60.0

_LONGEST_PAUSE_SECONDS = 2.0
_SHORTEST_PAUSE_SECONDS = 0.2
_COST_WEIGHT = 0.3
_FAULT_CHARACTERS = 300


class Sweep:
    """The controller that hands out observations when they are due, and does them."""

    name = "sweep"

    def __init__(self, dispatch: Dispatch, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._dispatch = dispatch
        self._interval = interval_seconds
        self._began_at: datetime | None = None

    def poll(self, context: Context) -> float:
        """Hand out what is due; answer the seconds until something is due again, two at most."""
        dues, now = self._dues(context), context.now()
        self._dispatch.submit(observation_of(name) for name, at in dues.items() if at <= now)
        waits = [(at - now).total_seconds() for at in dues.values() if at > now]
        return min(max(min(waits, default=inf), _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)

    def look_at_all(self, context: Context) -> int:
        """Hand out every instance, due or not; answer how many."""
        return self._dispatch.submit(observation_of(name, is_due=True) for name in _reachable(context))

    def lag_seconds(self, context: Context) -> float:
        """Answer how long ago the oldest due observation was due."""
        now = context.now()
        return max(
            ((now - at).total_seconds() for at in self._dues(context).values() if at <= now), default=0.0
        )

    def observe(self, context: Context, task: Task) -> None:
        """Look at one instance, if that is due still and no other worker has begun to."""
        name, now = task.argument["instance"], context.now()
        sight = context.store.sights.find(name)
        if "is_due" not in task.argument and self._due(context, name, sight) > now:
            return
        claimed = context.store.sights.claim(name, sight, now)
        if claimed is not None:
            self._look(context, name, claimed)

    def _look(self, context: Context, name: str, claimed: Sight) -> None:
        instance = context.head()[1].instances.get(name)
        if instance is None:
            context.store.sights.forget([name])
            return
        try:
            observation, _ = watch.observe(context, name)
        except StoreUnavailableError:
            raise
        except SetpointError as fault:
            said = masked(str(fault))[:_FAULT_CHARACTERS]
            context.store.sights.note(name, lambda sight: _missed(sight, said))
            return
        with context.store.moment():
            found = deviations_of(change.drift(context, name, is_fresh=False)[1])
        if found != claimed.deviations:
            action = "drift.found" if found else "drift.ended"
            detail = {"deviations": list(found), "before": list(claimed.deviations)}
            context.store.audit.append("setpoint", action, name, detail, context.now())
        # After the row: who dies in between writes it twice, and never not at all.
        context.store.sights.note(name, lambda sight: _seen(sight, observation, found))
        if found and instance.mode != "observe":
            self._dispatch.submit([Task(ACT, name, {"instance": name}, priority=ACT_PRIORITY)])

    def _dues(self, context: Context) -> dict[str, datetime]:
        """Answer when each instance is due."""
        sights = context.store.sights.all()
        names = _reachable(context)
        missed = [name for name in names if (sight := sights.get(name)) is not None and sight.failures]
        for name in context.store.sights.seen_since(missed) if missed else ():
            # Somebody reached it by hand: it need not be waited for any longer.
            reached = context.store.sights.note(name, _reached)
            sights.update({name: reached} if reached is not None else {})
        return {name: self._due(context, name, sights.get(name)) for name in names}

    def _due(self, context: Context, name: str, sight: Sight | None) -> datetime:
        began_at = self._began_at = self._began_at or context.now()
        return rota.due_at(name, sight, self._interval, began_at)


def observation_of(name: str, *, is_due: bool = False) -> Task:
    """Make the task that looks at an instance: when it is due, or at once."""
    argument = {"instance": name, **({"is_due": "yes"} if is_due else {})}
    return Task(OBSERVE, f"observe/{name}", argument)


def deviations_of(judged: Iterable[Drift]) -> tuple[str, ...]:
    """Write what deviates and is accepted by nobody; an observation that is old tells nothing new."""
    return tuple(
        f"{drift.parameter}: {drift.drift_class.value}"
        for drift in judged
        if drift.is_deviation and drift.drift_class is not DriftClass.STALE
    )


def _reachable(context: Context) -> list[str]:
    """Answer the instances that say how to reach them, and that this worker may look at.

    Asked beforehand: each attempt would leave a refusal in the audit log.
    """
    principal = identity.authenticate(context)
    return [
        name
        for name, instance in context.head()[1].instances.items()
        if instance.target and principal.may(Right.OBSERVE, name, instance)
    ]


def _seen(sight: Sight, observation: Observation, deviations: tuple[str, ...]) -> Sight:
    cost = observation.cost_ms / 1000
    if sight.seen_at is not None:
        cost = sight.cost_seconds + _COST_WEIGHT * (cost - sight.cost_seconds)
    seen = msgspec.structs.replace(
        _reached(sight), seen_at=observation.at, cost_seconds=cost, deviations=deviations
    )
    # Drift that comes again is new.
    return seen if deviations else msgspec.structs.replace(seen, acted_on="", acted_for="", acted_at=None)


def _reached(sight: Sight) -> Sight:
    return msgspec.structs.replace(sight, unreachable_since=None, failures=0, fault="")


def _missed(sight: Sight, fault: str) -> Sight:
    return msgspec.structs.replace(
        sight,
        unreachable_since=sight.unreachable_since or sight.tried_at,
        failures=sight.failures + 1,
        fault=fault,
    )

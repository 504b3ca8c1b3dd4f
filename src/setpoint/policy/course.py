"""The course of a rollout: what is to be done next, worked out from its rows and the time alone.

Nothing is remembered between two looks, so a rollout goes on wherever any part of the control plane died.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from setpoint.policy.rollout import AT_WORK, ENDED, UNSURE, RolloutState, TargetState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from setpoint.policy.rollout import Rollout, RolloutTarget


_WITHOUT = frozenset(
    {TargetState.TAKING_BACK, TargetState.TAKEN_BACK, TargetState.SKIPPED, TargetState.FAILED}
)
"""States in which an instance's own layer must not hold the rollout's settings."""


class ActionKind(Enum):
    """What can be done next."""

    OPEN_WAVE = "open wave"
    START = "start"
    """Claim a target: it is looked at, and then applied."""
    WORK = "work"
    """Go on with a target that was claimed."""
    JUDGE = "judge"
    """Look at what soaks and at its like, and keep it or not."""
    SKIP = "skip"
    UNWRITE = "unwrite"
    """Take the settings out of the layers of those that will not have them."""
    MARK_BACK = "mark back"
    """Note that a target is to be taken back."""
    TAKE_BACK = "take back"
    HALT = "halt"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: to a target, or to the rollout where none is named."""

    kind: ActionKind
    instance: str = ""
    wave: int = -1
    why: str = ""


def next_actions(rollout: Rollout, targets: Mapping[str, RolloutTarget], now: datetime) -> tuple[Action, ...]:
    """Answer what is to be done now, `targets` being all of the rollout's, by instance.

    What was done already by whoever looked before is not named again once its row says so.
    """
    return tuple(_Course(rollout, targets, now).actions())


def is_over_budget(rollout: Rollout, targets: Mapping[str, RolloutTarget]) -> bool:
    """Tell whether more targets failed or went back than the rules bear."""
    harmed = sum(target.is_harmful for target in targets.values())
    return harmed > rollout.rules.failures.of(rollout.size)


def back_waves(rollout: Rollout) -> tuple[int, ...]:
    """Answer the waves that go back when a rollout halts by itself."""
    if rollout.rules.takes_back == "nothing" or rollout.wave < 0:
        return ()
    return (rollout.wave,) if rollout.rules.takes_back == "wave" else tuple(range(rollout.wave + 1))


@dataclass
class _Course:
    """One look at the rows of one rollout."""

    rollout: Rollout
    targets: Mapping[str, RolloutTarget]
    now: datetime
    _busy: int = field(default=0, init=False)
    _busy_by_site: Counter[str] = field(default_factory=Counter[str], init=False)
    _unsure_by_group: Counter[str] = field(default_factory=Counter[str], init=False)

    def actions(self) -> Iterator[Action]:
        """Answer everything that is due."""
        if not self.rollout.is_open:
            return
        self._count()
        ordered = sorted(self.targets.values(), key=lambda target: (target.wave, target.instance))
        is_running = self.rollout.state is RolloutState.RUNNING
        if is_running and is_over_budget(self.rollout, self.targets):
            harmed = sum(target.is_harmful for target in ordered)
            why = f"{harmed} failed or went back, {self.rollout.rules.failures} are borne"
            yield Action(ActionKind.HALT, why=why)
            return
        yield from self._ends(ordered)
        if is_running:
            # Before anything that was begun can fail: what was counted above still holds.
            yield from self._starts(ordered)
        yield from self._going_on(ordered)
        yield from self._milestones(ordered)

    def _count(self) -> None:
        for target in self.targets.values():
            if target.state in AT_WORK:
                self._busy += 1
                self._busy_by_site[target.site] += 1
            if target.group and target.state in UNSURE:
                self._unsure_by_group[target.group] += 1

    def _ends(self, ordered: Sequence[RolloutTarget]) -> Iterator[Action]:
        """Answer what will not be touched any more, and what goes back."""
        is_stopped = self.rollout.state in (RolloutState.HALTED, RolloutState.TAKEN_BACK)
        for target in ordered:
            untouched = target.state in (TargetState.WAITING, TargetState.HELD, TargetState.CHECKING)
            if untouched and is_stopped:
                yield Action(ActionKind.SKIP, target.instance, why=f"the rollout was {self._how_stopped()}")
            elif untouched and (why := self._why_never(target)):
                yield Action(ActionKind.SKIP, target.instance, why=why)
            elif target.wave in self.rollout.back and target.state in (TargetState.SOAKING, TargetState.KEPT):
                yield Action(ActionKind.MARK_BACK, target.instance, why=self.rollout.why)

    def _how_stopped(self) -> str:
        return "halted" if self.rollout.state is RolloutState.HALTED else "taken back"

    def _why_never(self, target: RolloutTarget) -> str:
        """Say why a target cannot be reached any more; empty when it can."""
        for name in target.after:
            state = self.targets[name].state if name in self.targets else TargetState.SKIPPED
            if state in ENDED and state is not TargetState.KEPT:
                return f"{name} has to be reached before it, and was {state.value}"
        if target.held_at is not None and target.state is TargetState.HELD:
            patience = timedelta(seconds=self.rollout.rules.patience_seconds)
            if self.now >= target.held_at + patience:
                return f"it was held too long: {target.why}"
        return ""

    def _going_on(self, ordered: Sequence[RolloutTarget]) -> Iterator[Action]:
        """Answer what somebody has to go on with, whoever began it."""
        is_running = self.rollout.state is RolloutState.RUNNING
        for target in ordered:
            if not self._is_due(target):
                continue
            if target.state is TargetState.APPLYING or (target.state is TargetState.CHECKING and is_running):
                yield Action(ActionKind.WORK, target.instance)
            elif (
                target.state is TargetState.TAKING_BACK
                and not target.is_written
                and not self._is_leant_on(target)
            ):
                yield Action(ActionKind.TAKE_BACK, target.instance)
        if any(each.is_written and each.state in _WITHOUT for each in ordered):
            yield Action(ActionKind.UNWRITE)
        is_soaking = any(target.state is TargetState.SOAKING for target in ordered)
        if is_soaking or (is_running and self.rollout.wave < 0):
            yield Action(ActionKind.JUDGE, wave=self.rollout.wave)

    def _is_leant_on(self, target: RolloutTarget) -> bool:
        """Tell whether those that had to come after it are not back yet, or a peer is on its way back."""
        if not target.group:
            return False
        peers = [each for each in self.targets.values() if each.group == target.group]
        if any(target.instance in each.after and self._goes_back(each) for each in peers):
            return True
        back = [each for each in peers if each.state is TargetState.TAKING_BACK]
        # Of those that may go, one at a time, so that never a whole group is down.
        free = [each for each in back if not any(each.instance in other.after for other in back)]
        names = sorted(each.instance for each in free)
        return target.instance not in names[: self.rollout.rules.group_at_once]

    def _goes_back(self, target: RolloutTarget) -> bool:
        is_kept = target.state is TargetState.KEPT and target.wave in self.rollout.back
        return is_kept or target.state in (
            TargetState.APPLYING,
            TargetState.SOAKING,
            TargetState.TAKING_BACK,
        )

    def _starts(self, ordered: Sequence[RolloutTarget]) -> Iterator[Action]:
        """Answer the targets of the open wave whose turn it is, within every limit."""
        rules = self.rollout.rules
        for target in ordered:
            is_open = target.state in (TargetState.WAITING, TargetState.HELD)
            if target.wave > self.rollout.wave or not is_open or not self._is_due(target):
                continue
            if self._why_never(target) or not self._has_its_turn(target):
                continue
            if self._busy >= max(rules.at_once, 1):
                return
            if rules.site_at_once and self._busy_by_site[target.site] >= rules.site_at_once:
                continue
            if target.group and self._unsure_by_group[target.group] >= max(rules.group_at_once, 1):
                continue
            self._busy += 1
            self._busy_by_site[target.site] += 1
            if target.group:
                self._unsure_by_group[target.group] += 1
            yield Action(ActionKind.START, target.instance)

    def _has_its_turn(self, target: RolloutTarget) -> bool:
        return all(self.targets[name].state is TargetState.KEPT for name in target.after)

    def _is_due(self, target: RolloutTarget) -> bool:
        return target.next_at is None or target.next_at <= self.now

    def _milestones(self, ordered: Sequence[RolloutTarget]) -> Iterator[Action]:
        """Answer the next wave once the open one is over, and the end once nothing is left to do."""
        rollout = self.rollout
        to_go_back = {TargetState.SOAKING, TargetState.KEPT}
        if any(
            not each.is_ended or (each.wave in rollout.back and each.state in to_go_back) for each in ordered
        ):
            is_next_free = all(each.is_ended for each in ordered if each.wave <= rollout.wave)
            if rollout.state is RolloutState.RUNNING and is_next_free and rollout.wave + 1 < rollout.waves:
                baseline = timedelta(seconds=rollout.rules.baseline_seconds)
                if rollout.wave >= 0 or self.now >= rollout.started_at + baseline:
                    yield Action(ActionKind.OPEN_WAVE, wave=rollout.wave + 1)
        elif rollout.state is not RolloutState.PAUSED and not self._has_leftovers():
            yield Action(ActionKind.FINISH)

    def _has_leftovers(self) -> bool:
        return any(each.is_written and each.state in _WITHOUT for each in self.targets.values())


def counts(targets: Mapping[str, RolloutTarget]) -> dict[int, Counter[TargetState]]:
    """Answer for each wave how many of its targets are in each state."""
    found: dict[int, Counter[TargetState]] = defaultdict(Counter[TargetState])
    for target in targets.values():
        found[target.wave][target.state] += 1
    return dict(sorted(found.items()))

"""Soaking: applied targets watched beside their like, and kept or not.

What is judged are the remembered observations, so it does not matter who made them, nor whether whoever
judged before is still there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from setpoint.control import admission
from setpoint.control.past import find_plan
from setpoint.control.rollouts.rows import put_rollout, put_target
from setpoint.control.subject import policies_of, subject_of
from setpoint.control.watch import catalog_of
from setpoint.policy.canary import LOOKS, MEASURES, CanaryVerdict, Course, judge_canaries
from setpoint.policy.guardrail import guardrails_for, judge_guardrail
from setpoint.policy.rollout import RolloutState, TargetState
from setpoint.workload.metrics import KINDS, MetricKind, level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.control.rollouts.rows import Rows
    from setpoint.policy.canary import CanaryAnswer
    from setpoint.policy.guardrail import GuardrailAnswer
    from setpoint.policy.policies import Named
    from setpoint.policy.rollout import RolloutTarget
    from setpoint.policy.rules import Guardrail

MOST_WATCHED = 20
"""How many targets of a wave are compared with their like."""
MOST_LIKE = 40
"""How many like instances they are compared with."""
_LOOKED_BACK = 2_000
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
    compared = {*watched_of(rows, wave), *like_of(rows, wave)}
    soaking = {name for name, each in rows.targets.items() if each.state is TargetState.SOAKING}
    seen = context.store.snapshots.latest_many(sorted(compared | soaking))
    due: list[str] = []
    for name in sorted(compared | soaking):
        last = seen[name].at if name in seen else None
        if name in compared and (last is None or now - last >= every):
            due.append(name)
        elif name in soaking and (last is None or _is_stale(rows, name, last, now, every)):
            due.append(name)
    return tuple(due)


def judge(context: Context, rows: Rows, known: dict[str, int], *, actor: str) -> None:
    """Judge what soaks: halt where it is worse or a guardrail breaks, keep what held for long enough.

    `known` remembers up to which look each wave was judged, so that one look is judged once; losing it costs
    no more than judging the same again.
    """
    _Judgement(context, rows, known, actor).judge()


def _is_stale(rows: Rows, name: str, last: datetime, now: datetime, every: timedelta) -> bool:
    """Tell whether a target that is not compared is due: once it has soaked, and now and then before."""
    rules, applied = rows.rollout.rules, rows.targets[name].applied_at or now
    soak = timedelta(seconds=rules.soak_seconds)
    is_at_end = now >= applied + soak > last
    return is_at_end or now - last >= max(soak / LOOKS, every)


@dataclass
class _Judgement:
    """One look at everything of one rollout that soaks."""

    context: Context
    rows: Rows
    known: dict[str, int]
    actor: str
    _kept_back: set[str] = field(default_factory=set[str], init=False)

    def judge(self) -> None:
        """Judge guardrails first, then the canaries, and keep what is left."""
        soaking = {
            name: each for name, each in self.rows.targets.items() if each.state is TargetState.SOAKING
        }
        for name, target in soaking.items():
            why = self._broken(name, target)
            if why:
                self._halt(why, harmful=name)
                return
        compared = [name for name in watched_of(self.rows, self.rows.rollout.wave) if name in soaking]
        if compared and not self._pass_canaries(compared, soaking):
            return
        for name, target in soaking.items():
            if name not in self._kept_back and self._has_soaked(target):
                self._keep(name)

    # Guardrails

    def _broken(self, name: str, target: RolloutTarget) -> str:
        """Say which guardrail is broken; empty where none is. What cannot be judged is kept back."""
        rules = self._guardrails(name, target)
        if not rules:
            return ""
        applied = target.applied_at or target.moved_at
        history = self.context.store.snapshots.history(name, limit=_LOOKED_BACK)
        after = [each for each in history if each.at >= applied]
        earlier = [each for each in history if each.at < (target.begun_at or applied)][:2]
        if len(after) < 2:  # noqa: PLR2004 - a rate needs two
            self._kept_back.add(name)
            return ""
        before = (earlier[1], earlier[0]) if len(earlier) > 1 else None
        unknown: list[tuple[str, str]] = []
        for each in rules:
            answer = judge_guardrail(each.rule, before, (after[-1], after[0]))
            if answer.holds is False:
                return f"guardrail {each.name} is broken on {name}: {answer.explanation}"
            if answer.holds is None and (why := self._unknown(each, answer, target)):
                unknown.append((each.name, why))
        broken = [why for _, why in unknown if why != "hold"]
        if unknown and not broken:
            self._kept_back.add(name)
        return f"on {name}: {broken[0]}" if broken else ""

    def _unknown(self, each: Named[Guardrail], answer: GuardrailAnswer, target: RolloutTarget) -> str:
        """Answer ``hold``, why it has to go back, or nothing where it may go on."""
        if each.rule.unknown == "go on" or not self._has_soaked(target):
            return ""
        longest = timedelta(seconds=self.rows.rollout.rules.soak_seconds + each.rule.watch_seconds)
        is_over = self.context.now() >= (target.applied_at or target.moved_at) + longest
        if each.rule.unknown == "hold" and not is_over:
            return "hold"
        return f"guardrail {each.name} could not be judged: {answer.explanation}"

    def _guardrails(self, name: str, target: RolloutTarget) -> Sequence[Named[Guardrail]]:
        context, configuration = self.context, self.context.head()[1]
        observation = context.store.snapshots.latest(name)
        instance = configuration.instances.get(name)
        if observation is None or instance is None or not policies_of(configuration).policies:
            return ()
        catalog = catalog_of(context, instance, observation)
        subject = subject_of(context, configuration, observation, catalog)
        made = find_plan(context, target.plan)
        moves = tuple(admission.moves_of(context, made, observation, catalog))
        return guardrails_for(policies_of(configuration), subject, moves)

    # Canaries

    def _pass_canaries(self, names: Sequence[str], soaking: Mapping[str, RolloutTarget]) -> bool:
        """Compare canaries when a new look is due; answer False once that halted the rollout."""
        rollout, rules = self.rows.rollout, self.rows.rollout.rules
        times = [soaking[name].applied_at or soaking[name].moved_at for name in names]
        begun = [soaking[name].begun_at or soaking[name].moved_at for name in names]
        soak = timedelta(seconds=rules.soak_seconds)
        number = LOOKS if not soak else int(LOOKS * ((self.context.now() - max(times)) / soak))
        key = f"{rollout.id}/{rollout.wave}/{','.join(names)}"
        if number < 1 or self.known.get(key, 0) >= min(number, LOOKS):
            return True
        past = timedelta(seconds=max(rules.baseline_seconds, rules.soak_seconds))
        answer = self._compare(names, (min(begun) - past, min(begun)), max(times))
        if answer.verdict is CanaryVerdict.WORSE:
            self._halt(f"the canaries are {answer.explanation}")
            return False
        if number < LOOKS:
            self.known[key] = number
            return True
        if answer.verdict is CanaryVerdict.CANNOT_TELL and rules.unknown != "go on":
            is_over = self.context.now() >= max(times) + 2 * soak
            if rules.unknown == "take back" or is_over:
                self._halt(f"the canaries could not be judged: {answer.explanation}")
                return False
            self._kept_back.update(names)
            return True
        self.known[key] = LOOKS
        self._note(answer)
        return True

    def _compare(
        self, names: Iterable[str], before: tuple[datetime, datetime], since: datetime
    ) -> CanaryAnswer:
        rollout = self.rows.rollout
        after = (since, self.context.now())
        canaries, like = (
            [self._course(name, before, after) for name in group]
            for group in (names, like_of(self.rows, rollout.wave))
        )
        rules = rollout.rules
        return judge_canaries(
            canaries, like, tolerance=rules.tolerance, confidence=rules.confidence, looks=LOOKS
        )

    def _course(
        self, name: str, before: tuple[datetime, datetime], after: tuple[datetime, datetime]
    ) -> Course:
        history = self.context.store.snapshots.history(name, limit=_LOOKED_BACK)
        return Course(levels(history, *before), levels(history, *after))

    def _note(self, answer: CanaryAnswer) -> None:
        rollout = self.rows.rollout
        said = f"wave {rollout.wave}: {answer.explanation}"
        put_rollout(
            self.context,
            self.rows.kept,
            "judged",
            actor=self.actor,
            detail={"wave": rollout.wave, "verdict": answer.verdict.value, "because": answer.explanation},
            judged=(*rollout.judged, said),
        )

    # What follows

    def _has_soaked(self, target: RolloutTarget) -> bool:
        soak = timedelta(seconds=self.rows.rollout.rules.soak_seconds)
        return self.context.now() >= (target.applied_at or target.moved_at) + soak

    def _keep(self, name: str) -> None:
        kept = self.rows.kept_targets[name]
        put_target(self.context, kept, TargetState.KEPT, actor=self.actor, why=kept.value.why)

    def _halt(self, why: str, *, harmful: str = "") -> None:
        halt(self.context, self.rows, why, actor=self.actor)
        if harmful:
            kept = self.rows.kept_targets[harmful]
            put_target(
                self.context, kept, TargetState.TAKING_BACK, actor=self.actor, why=why, is_harmful=True
            )


def halt(context: Context, rows: Rows, why: str, *, actor: str) -> None:
    """Note that a rollout halts by itself, and which waves go back for it."""
    from setpoint.policy.course import back_waves

    rollout = rows.rollout
    if rollout.state in (RolloutState.HALTED, RolloutState.TAKEN_BACK):
        return
    waves = tuple(sorted({*rollout.back, *back_waves(rollout)}))
    put_rollout(
        context,
        rows.kept,
        "halted",
        actor=actor,
        detail={"because": why, "back": list(waves)},
        state=RolloutState.HALTED,
        why=why,
        back=waves,
    )


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

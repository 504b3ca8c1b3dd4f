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
from setpoint.control.rollouts.halting import halt
from setpoint.control.rollouts.looking import levels, like_of, watched_of
from setpoint.control.rollouts.rows import put_rollout, put_target
from setpoint.control.subject import policies_of, subject_of
from setpoint.control.watch import catalog_of
from setpoint.policy.canary import LOOKS, CanaryVerdict, Course, judge_canaries
from setpoint.policy.guardrail import guardrails_for, judge_guardrail
from setpoint.policy.rollout import TargetState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from setpoint.control.context import Context
    from setpoint.control.rollouts.rows import Rows
    from setpoint.policy.canary import CanaryAnswer
    from setpoint.policy.guardrail import GuardrailAnswer
    from setpoint.policy.policies import Named
    from setpoint.policy.rollout import RolloutTarget
    from setpoint.policy.rules import Guardrail

_LOOKED_BACK = 2_000
_SILENCE = timedelta(minutes=1)
"""How much longer than twice its soak a target may be out of sight."""


def judge(context: Context, rows: Rows, known: dict[str, int], *, actor: str) -> None:
    """Judge what soaks: halt where it is worse or a guardrail breaks, keep what held for long enough.

    `known` remembers up to which look each wave was judged, so that one look is judged once; losing it costs
    no more than judging the same again.
    """
    _Judgement(context, rows, known, actor).judge()


@dataclass
class _Judgement:
    """One look at everything of one rollout that soaks."""

    context: Context
    rows: Rows
    known: dict[str, int]
    actor: str
    _kept_back: set[str] = field(default_factory=set[str], init=False)

    def __post_init__(self) -> None:
        self._configuration = self.context.head()[1]

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
        soaked = [name for name in soaking if self._has_soaked(soaking[name])]
        seen = self.context.store.snapshots.latest_many(soaked)
        for name in soaked:
            if name not in self._kept_back:
                self._keep(name, seen[name].at if name in seen else None)

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
        context, configuration = self.context, self._configuration
        if not policies_of(configuration).policies:
            return ()
        observation = context.store.snapshots.latest(name)
        instance = configuration.instances.get(name)
        if observation is None or instance is None:
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

    def _keep(self, name: str, seen_at: datetime | None) -> None:
        """Keep what was seen at the end of its soak; what does not answer for long goes back."""
        kept = self.rows.kept_targets[name]
        applied = kept.value.applied_at or kept.value.moved_at
        soak = timedelta(seconds=self.rows.rollout.rules.soak_seconds)
        if seen_at is not None and seen_at >= applied + soak:
            put_target(self.context, kept, TargetState.KEPT, actor=self.actor, why=kept.value.why)
        elif self.context.now() >= applied + 2 * soak + _SILENCE and self._is_silent(name):
            why = "it was not seen since it was applied"
            self._back(name, why)

    def _is_silent(self, name: str) -> bool:
        """Tell whether we have looked for a while in vain, and were not just away ourselves."""
        key, now = f"silent:{self.rows.rollout.id}/{name}", int(self.context.now().timestamp())
        return now - self.known.setdefault(key, now) >= _SILENCE.total_seconds()

    def _back(self, name: str, why: str) -> None:
        kept, state = self.rows.kept_targets[name], TargetState.TAKING_BACK
        put_target(self.context, kept, state, actor=self.actor, why=why, is_harmful=True)

    def _halt(self, why: str, *, harmful: str = "") -> None:
        halt(self.context, self.rows, why, actor=self.actor)
        if harmful:
            self._back(harmful, why)

"""Review: what all policies come to for one intent. Pure: the same question has the same answer.

Every rule that speaks is named. Of several outcomes the gravest counts, so a further policy can make the
answer graver, never milder; only a waiver (of a limit), a changed classification and the right to break
something in an emergency make it milder, and the reason says which of them did.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal

import msgspec

from setpoint.policy.ground import Ground
from setpoint.policy.limits import LimitAnswer, judge_budget_on, judge_limit_on, waiver_of
from setpoint.policy.verdict import Outcome, Verdict, make_verdict
from setpoint.policy.window import is_frozen, is_open, next_opening
from setpoint.policy.window import shown as shown_window
from setpoint.policy.word import Word, approvals_for, in_emergency, is_bound, needs_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from setpoint.policy.classes import ParameterClass
    from setpoint.policy.intent import Intent, Move
    from setpoint.policy.policies import Asked, Named, ParameterRules, PolicySet, ScopedRules
    from setpoint.policy.rules import Limit, Lock, MemoryBudget, Window
    from setpoint.policy.waiver import Waiver


def review(intent: Intent, policies: PolicySet, waivers: Iterable[Waiver], at: datetime) -> Verdict:
    """Judge what somebody wants to do to an instance, at a moment (aware).

    Whether they have the right to do such things at all is the gate's question. An edit is refused for what
    would be refused when applied, and told what would be asked for then. A proposal is not refused for the
    moment or for who makes it, as it may be applied at another and by somebody else.
    """
    name, instance = intent.subject.name, intent.subject.instance
    rules = policies.for_instance(name, instance)
    if not rules:
        return make_verdict((), ())
    case = _Case(intent, rules, tuple(waivers), at)
    words = in_emergency(case.words(), intent, rules)
    if intent.kind == "edit":
        words = [_told(word) for word in words]
    elif intent.kind == "propose":
        words = [_put_off(word) for word in words]
    reasons = [word.reason(name) for word in words]
    is_refused = any(word.outcome is Outcome.REFUSE for word in words)
    return make_verdict(reasons, () if is_refused else needs_of(words, name))


def _told(word: Word) -> Word:
    """Answer the word on an edit: nothing is asked for before it is applied."""
    if word.outcome is not Outcome.ASK:
        return word
    text = f"asks for {shown(word.asks)} when applied: {word.text}"
    return msgspec.structs.replace(word, outcome=Outcome.ALLOW, text=text, asks=())


def _put_off(word: Word) -> Word:
    """Answer the word on a proposal: what another moment or another person changes does not refuse it."""
    if word.outcome is not Outcome.REFUSE or word.kind not in ("windows", "freezes", "nothing"):
        return word
    return msgspec.structs.replace(word, outcome=Outcome.ALLOW, text=f"would refuse it now: {word.text}")


@dataclass(frozen=True)
class _Case:
    """One intent under the rules in scope."""

    intent: Intent
    rules: ScopedRules
    waivers: tuple[Waiver, ...]
    at: datetime

    def words(self) -> Iterator[Word]:
        """Answer what every rule says."""
        for move in self.intent.moves:
            yield from self._on_locks(move)
        yield from self._on_limits()
        if self.intent.kind != "edit":
            yield from self._on_windows()
            yield from self._on_freezes()
            yield from self._on_separation()
        if self.intent.kind == "override":
            yield from self._on_duration()

    @cached_property
    def _spoken(self) -> dict[str, ParameterRules]:
        """What speaks of each moved parameter, by the name in the intent."""
        subject = self.intent.subject
        return {
            move.parameter: self.rules.of_parameter(move.parameter, subject) for move in self.intent.moves
        }

    @cached_property
    def _classes(self) -> frozenset[ParameterClass]:
        return frozenset(class_ for each in self._spoken.values() for class_ in each.classes)

    # Locks and the approvals of classes

    def _on_locks(self, move: Move) -> Iterator[Word]:
        own = self._spoken[move.parameter]
        classes = own.class_set
        opened = {lock.policy for lock in own.locks if self._is_put_back(move, lock.rule)}
        for lock in own.locks:
            outcome, text, asks = self._on_lock(move, lock.rule, own)
            why = f": {lock.rule.why}" if lock.rule.why else ""
            yield Word("locks", outcome, lock.name, move.parameter, text + why, classes, asks)
        for class_, quorum in own.quorums:
            text = f"is of class {class_.value}"
            if quorum.policy in opened:
                text = f"{text}, and put back without asking again"
                yield Word("locks", Outcome.ALLOW, quorum.name, move.parameter, text, classes)
            else:
                asks = ((class_.value, quorum.rule, quorum.name),)
                yield Word("locks", Outcome.ASK, quorum.name, move.parameter, text, classes, asks)

    def _on_lock(self, move: Move, rule: Lock, own: ParameterRules) -> tuple[Outcome, str, Asked]:
        if self._is_put_back(move, rule):
            return Outcome.ALLOW, "is put back to what was approved", ()
        if rule.outcome is Outcome.ALLOW:
            return Outcome.ALLOW, "may move, and is watched", ()
        if rule.outcome is Outcome.ASK:
            return Outcome.ASK, "moves only with approval", own.asks
        if self._is_demanded(move, rule):
            # Else nothing that deviates from its lock could ever be put right.
            return Outcome.ASK, f"may go to {rule.value} with approval", own.asks
        return Outcome.REFUSE, "may not move" if rule.value is None else f"must be {rule.value}", ()

    def _is_put_back(self, move: Move, rule: Lock) -> bool:
        is_wanted = rule.value is None or self._is_demanded(move, rule)
        return move.is_restoring and rule.may_restore and is_wanted

    def _is_demanded(self, move: Move, rule: Lock) -> bool:
        if rule.value is None or move.after is None:
            return False
        return self.intent.subject.catalog.is_same(move.parameter, move.after, rule.value)

    # Limits and the memory budget

    def _on_limits(self) -> Iterator[Word]:
        intent, subject = self.intent, self.intent.subject
        for limit, moved in self.rules.limits_on(self._spoken, subject):
            rule = limit.rule
            if not rule.roles or is_bound(intent.by, subject, rule.roles):
                yield from self._on_limit(limit, moved, partial(judge_limit_on, rule))
        moved = self._spenders if self.rules.budgets else ()
        for budget in self.rules.budgets if moved else ():
            yield from self._on_limit(budget, moved, partial(judge_budget_on, budget.rule))

    def _on_limit(
        self,
        limit: Named[Limit] | Named[MemoryBudget],
        moved: tuple[str, ...],
        judge: Callable[[Ground], LimitAnswer],
    ) -> Iterator[Word]:
        after = judge(self._after)
        if after.holds:
            return
        outcome, text = limit.rule.outcome, after.explanation
        if after.holds is None:
            outcome = min(outcome, Outcome.ASK)
        elif outcome is Outcome.REFUSE:
            before = judge(self._before)
            if before.holds is False and not after.is_worse_than(before):
                outcome, text = Outcome.ASK, f"{text}; it did not before either, and gets no worse"
        text += f": {limit.rule.why}" if limit.rule.why else ""
        waiver = waiver_of(limit.name, moved, self.intent.subject, self.waivers, self.at)
        for name in moved:
            own = self._spoken[name]
            asks = own.asks if outcome is Outcome.ASK else ()
            word = Word("limits", outcome, limit.name, name, text, own.class_set, asks)
            yield word if waiver is None else word.softened(_shown_waiver(waiver))

    @cached_property
    def _before(self) -> Ground:
        """What limits are judged on as the instance runs."""
        return Ground(self.intent.subject, self.intent.subject.running)

    @cached_property
    def _after(self) -> Ground:
        """What limits are judged on with the moves made."""
        catalog = self.intent.subject.catalog
        texts = dict(self.intent.subject.running)
        for move in self.intent.moves:
            parameter = catalog.find(move.parameter)
            texts[parameter.name if parameter is not None else move.parameter] = move.after
        return Ground(self.intent.subject, texts)

    @property
    def _spenders(self) -> tuple[str, ...]:
        """The moved parameters that memory depends on."""
        fold = self.intent.subject.catalog.grammar.fold_name
        claimed = {fold(name) for name in self.intent.subject.claims.parameters}
        return tuple(name for name in self._spoken if fold(name) in claimed)

    # Time

    def _on_windows(self) -> Iterator[Word]:
        groups: dict[tuple[str, str], list[Named[Window]]] = {}
        for window in self.rules.windows:
            if self._is_about(window.rule.what):
                groups.setdefault((window.policy, window.rule.what), []).append(window)
        for (_, what), windows in groups.items():
            yield from self._on_windows_together(what, windows)

    def _on_windows_together(self, what: str, windows: Sequence[Named[Window]]) -> Iterator[Word]:
        """Judge one policy's windows of one kind: being inside any of them is enough."""
        inside = [window for window in windows if is_open(window.rule, self.at)]
        for window in inside:
            text = f"is inside its window for a {what} ({shown_window(window.rule)})"
            yield Word("windows", Outcome.ALLOW, window.name, "", text)
        if inside:
            return
        opens = next_opening((window.rule for window in windows), self.at)
        tail = (
            f"; opens next {opens:%Y-%m-%d %H:%M} UTC" if opens is not None else "; does not open this week"
        )
        for window in windows:
            text = f"a {what} may happen {shown_window(window.rule)}{tail}"
            yield self._timed("windows", window.rule.outcome, window.name, window.rule.why, what, text)

    def _on_freezes(self) -> Iterator[Word]:
        for freeze in self.rules.freezes:
            rule = freeze.rule
            if self._is_about(rule.what) and is_frozen(rule, self.at):
                text = f"no {rule.what} until {rule.ends_at:%Y-%m-%d %H:%M %Z}"
                yield self._timed("freezes", rule.outcome, freeze.name, rule.why, rule.what, text)

    def _timed(
        self, kind: Literal["windows", "freezes"], outcome: Outcome, rule: str, why: str, what: str, text: str
    ) -> Word:
        asks = approvals_for(self._spoken.values(), what) if outcome is Outcome.ASK else ()
        return Word(kind, outcome, rule, "", f"{text}: {why}" if why else text, self._classes, asks)

    def _is_about(self, what: str) -> bool:
        return what == "change" or self.intent.needs_restart

    # What no emergency breaks

    def _on_separation(self) -> Iterator[Word]:
        who = self.intent.by.name
        for each in self.rules.separations:
            if not each.rule.author_may_apply and who == self.intent.author:
                text = f"{who} proposed it, and must leave applying it to somebody else"
                yield Word("nothing", Outcome.REFUSE, each.name, "", text)
            if not each.rule.approver_may_apply and who in self.intent.approvers:
                text = f"{who} approved it, and must leave applying it to somebody else"
                yield Word("nothing", Outcome.REFUSE, each.name, "", text)

    def _on_duration(self) -> Iterator[Word]:
        asked = self.intent.duration_seconds
        for each in self.rules.overrides:
            most = each.rule.max_seconds
            if asked is None or not 0 <= asked <= most:
                length = "without an end" if asked is None else f"for {asked:g} s"
                text = f"asked for {length}, and may last {most:g} s at most"
                yield Word("nothing", Outcome.REFUSE, each.name, "", text)


def _shown_waiver(waiver: Waiver) -> str:
    return f"waiver {waiver.id} of {waiver.owner}, until {waiver.ends_at:%Y-%m-%d %H:%M %Z}"

"""A rule: a function with a stable code, and the evidence without which it stays silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.recommend.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from setpoint.recommend.evidence import Evidence
    from setpoint.recommend.finding import Remark
    from setpoint.recommend.recommendation import Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of an engine.

    `examine` reads evidence and answers proposals and remarks; its docstring is the rule's documentation.
    `judges` are the parameters whose effect it measures: when one of them changed between two observations,
    the counters belong to the old value and the rule waits. `metrics`, `facts` (fields of `Facts`),
    `seconds` and `transactions` are what it needs at least.
    """

    code: str
    title: str
    examine: Callable[[Evidence], Iterable[Proposal | Remark]]
    source: str
    severity: Severity = Severity.ADVICE
    judges: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    seconds: float = 0.0
    transactions: int = 0

    @property
    def documentation(self) -> str:
        """What the rule looks at and why, in Markdown."""
        from inspect import getdoc

        return getdoc(self.examine) or ""

    @property
    def is_from_workload(self) -> bool:
        """Whether it rests on measured load rather than on settings and facts alone."""
        return bool(self.seconds or self.transactions)

    def waits_for(self, evidence: Evidence) -> str:
        """Say what is missing before the rule can speak; empty when nothing is.

        The words hold no figure that grows with time, so that advice asked for twice is the same.
        """
        missing = [
            name.removesuffix("_bytes") for name in self.facts if getattr(evidence.facts, name) is None
        ]
        if missing:
            return f"the fact {' and '.join(missing)}, which can be declared for the instance"
        window = evidence.window
        if self.is_from_workload and (
            window is None or window.seconds < self.seconds or window.transactions < self.transactions
        ):
            load = f" with at least {self.transactions} transactions" if self.transactions else ""
            return f"statistics over at least {self.seconds:.0f} seconds{load}"
        known = (
            evidence.observation.metrics
            if window is None
            else {**evidence.observation.metrics, **window.growth}
        )
        absent = [name for name in self.metrics if name not in known]
        if absent:
            return f"the metric {' and '.join(absent)}, which this version or this login does not give"
        return self._waits_for_stillness(evidence)

    def _waits_for_stillness(self, evidence: Evidence) -> str:
        for name in self.judges:
            if name in evidence.coming:
                return f"{name} to take the value that is desired or waits for a restart"
            if evidence.earlier is not None and name in evidence.earlier.settings:
                before, now = evidence.earlier.settings[name], evidence.observation.settings.get(name)
                if now is not None and before.value != now.value:
                    return f"two observations after the change of {name}"
        return ""

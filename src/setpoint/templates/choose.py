"""Choosing: which template fits, judged by the signs each template names, and said in words.

Signs are conditions over facts and over what the workload does per transaction. Below a thousand
transactions nothing is known of the workload, and then the template for mixed use is named with exactly
that reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.config.formula import compile_formula
from setpoint.config.variables import FACTS, Type, Variable, fact_values
from setpoint.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.catalog import UnitSystem
    from setpoint.config.facts import Facts
    from setpoint.config.variables import Primitive
    from setpoint.templates.template import Template

MINIMUM_TRANSACTIONS = 1000
"""Fewer than this say nothing about a workload."""

FEATURES: Mapping[str, Variable] = {
    variable.name: variable
    for variable in (
        Variable("transactions", Type.NUMBER),
        Variable("rows_per_transaction", Type.NUMBER),
        Variable("writes_per_transaction", Type.NUMBER),
        Variable("temp_per_transaction", Type.BYTES),
    )
}
"""What a sign may name besides facts. All are logical: they do not change when a setting does, spills to
disk excepted."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One template weighed: reasons for it, against it, and what was not known."""

    template: Template
    speaks_for: tuple[str, ...]
    speaks_against: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def score(self) -> int:
        """Reasons for, less reasons against."""
        return len(self.speaks_for) - len(self.speaks_against)


@dataclass(frozen=True, slots=True)
class Choice:
    """All candidates, the best one first, and whether the workload had a say."""

    candidates: tuple[Candidate, ...]
    is_workload_known: bool

    @property
    def best(self) -> Candidate:
        """The candidate that fits best."""
        return self.candidates[0]

    def explain(self) -> str:
        """Say which template fits, why, and what argued against the others."""
        best = self.best
        because = "; ".join(best.speaks_for) or "nothing speaks for another one"
        lines = [f"{best.template}: {because}"]
        if not self.is_workload_known:
            lines.append(
                f"the workload is not known: fewer than {MINIMUM_TRANSACTIONS} transactions were seen"
            )
        for other in self.candidates[1:]:
            against = "; ".join(other.speaks_against) or "less speaks for it"
            lines.append(f"not {other.template}: {against}")
        return "\n".join(lines)


def choose(
    templates: Sequence[Template], facts: Facts, metrics: Mapping[str, float], units: UnitSystem
) -> Choice:
    """Weigh templates of one engine for an instance.

    `metrics` are canonical names with cumulative values, or their growth over a window. Raises
    `NotFoundError` when there is no template to choose from, `InputErrors` when a sign's condition cannot
    be read.
    """
    if not templates:
        message = "there is no template to choose from"
        raise NotFoundError(message, next_step="`setpoint template list` shows those that exist")
    values = {**fact_values(facts), **workload_features(metrics)}
    candidates = [_weigh(template, values, units) for template in templates]
    candidates.sort(key=lambda each: (-each.score, each.template.profile != "mixed", each.template.name))
    return Choice(tuple(candidates), is_workload_known=values["transactions"] is not None)


def workload_features(metrics: Mapping[str, float]) -> dict[str, Primitive | None]:
    """Work out the features from canonical metrics; all None below the minimum of transactions."""
    transactions = metrics.get("txn.commit", 0) + metrics.get("txn.rollback", 0)
    if transactions < MINIMUM_TRANSACTIONS:
        return dict.fromkeys(FEATURES)
    writes = [metrics.get(name) for name in ("rows.ins", "rows.upd", "rows.del")]
    known_writes = [rows for rows in writes if rows is not None]
    return {
        "transactions": transactions,
        "rows_per_transaction": _per(metrics.get("rows.read"), transactions),
        "writes_per_transaction": _per(
            sum(known_writes) if len(known_writes) == len(writes) else None, transactions
        ),
        "temp_per_transaction": _per(metrics.get("temp.bytes"), transactions),
    }


def _per(amount: float | None, transactions: float) -> float | None:
    return None if amount is None else amount / transactions


def _weigh(template: Template, values: Mapping[str, Primitive | None], units: UnitSystem) -> Candidate:
    scope = {**FACTS, **FEATURES}
    reasons: dict[bool, list[str]] = {True: [], False: []}
    unknown: dict[str, None] = {}
    for number, sign in enumerate(template.signs, start=1):
        source = f"{template.source} sign {number}"
        answer = compile_formula(sign.when, scope, units, expects=Type.BOOL, source=source).evaluate(values)
        if answer.unknown:
            unknown[answer.unknown] = None
        elif answer.value:
            reasons[sign.is_against].append(sign.reason)
    return Candidate(template, tuple(reasons[False]), tuple(reasons[True]), tuple(unknown))

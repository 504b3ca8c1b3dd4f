"""The advisor: rules and evidence in, advice out, the same for the same evidence.

It lets through only what the live target accepts, what is not set or coming already, and what the memory
budget holds together with everything graver that was let through before. Contradictions end here and are
told.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.variables import from_base
from setpoint.errors import InputError
from setpoint.recommend.finding import Finding, Remark
from setpoint.recommend.recommendation import Recommendation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from setpoint.catalog import Value
    from setpoint.policy.waiver import Waiver
    from setpoint.recommend.evidence import Evidence
    from setpoint.recommend.recommendation import Proposal
    from setpoint.recommend.rule import Rule

_by_code = attrgetter("code")


class Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that does not speak, and what it waits for."""

    code: str
    title: str
    waits_for: str


class Waived(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recommendation about a parameter whose deviation is accepted: by which waiver, and in words."""

    recommendation: Recommendation
    waiver: str
    told: str


class Advice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the rules have to say, the gravest first, and what keeps the silent ones silent.

    `contradictions` tells in words which proposal gave way to which other one. `waived` holds what would be
    recommended if nobody had accepted the values as they are.
    """

    recommendations: tuple[Recommendation, ...] = ()
    findings: tuple[Finding, ...] = ()
    silent: tuple[Silence, ...] = ()
    contradictions: tuple[str, ...] = ()
    waived: tuple[Waived, ...] = ()

    @property
    def is_waiting(self) -> bool:
        """Whether there is no advice yet: nothing to say, and rules that wait for evidence."""
        return not (self.recommendations or self.findings or self.waived) and bool(self.silent)

    @property
    def summary(self) -> str:
        """Say in one line how much there is, or what is waited for."""
        if self.recommendations or self.findings:
            return f"{len(self.recommendations)} recommendations, {len(self.findings)} findings"
        if self.waived:
            return f"no advice: {len(self.waived)} recommendations are waived"
        if not self.silent:
            return "no advice: nothing to change"
        waits = dict.fromkeys(silence.waits_for for silence in self.silent)
        return f"no advice yet: waiting for {'; '.join(waits)}"

    def settings(self) -> dict[str, str]:
        """Answer the recommended settings as a layer takes them."""
        return {each.parameter: each.proposed for each in self.recommendations}


@dataclass(frozen=True, slots=True)
class _Checked:
    recommendation: Recommendation
    value: Value


def advise(rules: Iterable[Rule], evidence: Evidence, waivers: Mapping[str, Waiver] | None = None) -> Advice:
    """Ask every rule and answer what stands: a pure function of rules, evidence and waivers.

    `waivers` are those in force that accept a parameter as it is, by folded name: what would be recommended
    for it is set aside before the memory budget is shared out.
    """
    findings: list[Finding] = []
    silent: list[Silence] = []
    proposed: list[_Checked] = []
    for rule in sorted(rules, key=_by_code):
        waits_for = rule.waits_for(evidence)
        if waits_for:
            silent.append(Silence(code=rule.code, title=rule.title, waits_for=waits_for))
            continue
        for said in rule.examine(evidence):
            if isinstance(said, Remark):
                findings.append(_finding(rule, said))
                continue
            checked = _check(rule, said, evidence)
            if isinstance(checked, _Checked):
                proposed.append(checked)
            elif checked:
                silent.append(Silence(code=rule.code, title=rule.title, waits_for=checked))
    wanted, waived = _set_aside(proposed, waivers or {})
    kept, contradictions = _reconcile(wanted, evidence)
    return Advice(
        recommendations=kept,
        findings=tuple(sorted(findings, key=lambda each: (each.severity.rank, each.code))),
        silent=tuple(silent),
        contradictions=contradictions,
        waived=waived,
    )


def _finding(rule: Rule, remark: Remark) -> Finding:
    return Finding(
        code=rule.code,
        title=rule.title,
        severity=remark.severity or rule.severity,
        text=remark.text,
        evidence=remark.evidence,
        next_step=remark.next_step,
        source=rule.source,
    )


def _check(rule: Rule, proposal: Proposal, evidence: Evidence) -> _Checked | str:
    """Answer the recommendation, or why there is none: empty when the value is set or coming already."""
    parameter = evidence.catalog.find(proposal.parameter)
    if parameter is None:
        return f"a target that has the parameter {proposal.parameter}"
    grammar = evidence.catalog.grammar
    text = parameter.format(from_base(proposal.value, parameter, grammar), grammar)
    try:
        value = parameter.parse(text, grammar)
    except InputError as refused:
        return f"a target that takes {parameter.name} = {text}: {refused.what}"
    name = parameter.name
    if evidence.is_same(name, value, evidence.running.get(name)) or name in evidence.coming:
        return ""
    recommendation = Recommendation(
        code=rule.code,
        title=rule.title,
        severity=rule.severity,
        parameter=name,
        current=evidence.text(name),
        proposed=text,
        reason=proposal.reason,
        expected=proposal.expected,
        risk=proposal.risk,
        evidence=proposal.evidence,
        needs_restart=parameter.needs_restart,
        is_from_workload=rule.is_from_workload,
        source=rule.source,
    )
    return _Checked(recommendation, value)


def _set_aside(
    proposed: list[_Checked], waivers: Mapping[str, Waiver]
) -> tuple[list[_Checked], tuple[Waived, ...]]:
    """Part what is still to be recommended from what is waived."""
    wanted: list[_Checked] = []
    waived: list[Waived] = []
    for each in proposed:
        waiver = waivers.get(each.recommendation.parameter.lower())
        if waiver is None:
            wanted.append(each)
        else:
            waived.append(Waived(recommendation=each.recommendation, waiver=waiver.id, told=waiver.told))
    return wanted, tuple(waived)


def _reconcile(
    proposed: list[_Checked], evidence: Evidence
) -> tuple[tuple[Recommendation, ...], tuple[str, ...]]:
    """Keep one value per parameter and one memory budget for all; the graver goes first."""
    order = sorted(proposed, key=lambda each: (each.recommendation.severity.rank, each.recommendation.code))
    kept: dict[str, Recommendation] = {}
    changes: dict[str, Value] = {}
    contradictions: list[str] = []
    total = evidence.verdict().total or 0
    for each in order:
        new, first = each.recommendation, kept.get(each.recommendation.parameter)
        wish = f"{new.code} would set {new.parameter} to {new.proposed}"
        if first is not None:
            if not evidence.is_same(new.parameter, each.value, changes[new.parameter]):
                contradictions.append(f"{wish}; {first.code} asks for {first.proposed} and goes first")
            continue
        verdict = evidence.verdict({**changes, new.parameter: each.value})
        if verdict.is_over and (verdict.total or 0) > total:
            others = ", ".join(dict.fromkeys(other.code for other in kept.values()))
            beside = f" beside {others}" if others else ""
            contradictions.append(f"{wish}, which the memory budget cannot hold{beside}")
            continue
        total = verdict.total or 0
        kept[new.parameter] = new
        changes[new.parameter] = each.value
    return tuple(kept.values()), tuple(contradictions)

"""`limit`: what must hold over settings and facts, and whether it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.faces.cli.arguments import InstanceName
from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.lock import outcome_span
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import age_text, counted

if TYPE_CHECKING:
    from setpoint.control.rulebook import JudgedLimit, Limits
    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block, Piece
    from setpoint.policy.rules import Limit, MemoryBudget, Policy


@click.group("limit", cls=Verbs)
def limit() -> None:
    """Show the limits, and whether they hold."""


@limit.command("list")
@click.argument("name", required=False, type=InstanceName())
@click.pass_obj
def list_(frame: Frame, name: str | None) -> Answer:
    """List the limits of all policies; with NAME, those that the instance is under."""
    with frame.open() as setpoint:
        found = _rules(setpoint, name)
    rows = [
        (
            rule,
            says(each),
            outcome_span(each.outcome),
            getattr(each, "severity", "high"),
            str(each.scope),
            each.why,
        )
        for rule, each in found
    ]
    documents = [_rule_document(rule, each) for rule, each in found]
    head = ("RULE", "MUST HOLD", "BREAKING IT", "SEVERITY", "SCOPE", "WHY")
    return Answer(documents, [Table(head, rows)] if rows else ["no limit is set"])


@limit.command("check")
@click.argument("name", required=False, type=InstanceName())
@click.pass_obj
def check(frame: Frame, name: str | None) -> Answer:
    """Judge the limits on the instance NAME, or on all, as last seen; ends with 1 when one is broken.

    No instance is touched. An accepted one (waiver) is shown and does not count.
    """
    with frame.open() as setpoint:
        found, unseen = _judged(setpoint, name)
        now = setpoint.now()
    rows: list[tuple[Piece, ...]] = []
    for each in found:
        age = age_text(now - each.seen_at)
        rows += [
            (each.instance, judged.name, _status(judged), judged.answer.explanation, age)
            for judged in each.judged
        ]
    broken = sum(judged.is_broken for each in found for judged in each.judged)
    page: list[Block] = [Table(("INSTANCE", "RULE", "HOLDS", "BECAUSE", "SEEN"), rows)] if rows else []
    page += [Span(f"{each} was never observed", "warn") for each in unseen]
    summary = f"{counted(broken, 'limit')} broken of {len(rows)}" if rows else "no limit applies"
    page.append(Span(summary, "bad" if broken else "good"))
    documents = [_judged_document(each, judged) for each in found for judged in each.judged]
    document = {"broken": broken, "limits": documents, "never_observed": unseen}
    return Answer(document, page, 1 if broken else 0)


def says(rule: Limit | MemoryBudget) -> str:
    """Answer what a limit demands, as people read it."""
    from setpoint.policy.rules import Limit

    return rule.must if isinstance(rule, Limit) else f"memory claims <= {rule.share:.3g} of the host's"


def _rules(setpoint: Setpoint, name: str | None) -> list[tuple[str, Limit | MemoryBudget]]:
    policies = setpoint.governance.policies().values()
    instance = setpoint.configuration().instance(name) if name is not None else None

    def is_meant(policy: Policy, rule: Limit | MemoryBudget) -> bool:
        if name is None or instance is None:
            return True
        return policy.scope.fits(name, instance) and rule.scope.fits(name, instance)

    return [
        (f"{policy.name}/{rule.id}", rule)
        for policy in policies
        for rule in (*policy.limits, *policy.budgets)
        if is_meant(policy, rule)
    ]


def _judged(setpoint: Setpoint, name: str | None) -> tuple[list[Limits], list[str]]:
    """Judge one instance, or every one that was ever observed; answer the names of the others too."""
    from setpoint.errors import NotFoundError

    if name is not None:
        return [setpoint.governance.limits(name)], []
    found: list[Limits] = []
    unseen: list[str] = []
    for each in sorted(setpoint.configuration().instances):
        try:
            found.append(setpoint.governance.limits(each))
        except NotFoundError:
            unseen.append(each)
    return found, unseen


def _status(judged: JudgedLimit) -> Piece:
    if judged.waiver is not None:
        return Span(f"no, waived by {judged.waiver.owner} until {judged.waiver.ends_at:%Y-%m-%d}", "warn")
    holds = judged.answer.holds
    return Span("unknown", "dim") if holds is None else Span("yes", "good") if holds else Span("no", "bad")


def _rule_document(name: str, rule: Limit | MemoryBudget) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.structs.asdict(rule)
    return {**fields, "rule": name, "outcome": rule.outcome.word, "scope": str(rule.scope)}


def _judged_document(limits: Limits, judged: JudgedLimit) -> dict[str, Any]:
    return {
        "instance": limits.instance,
        "seen_at": limits.seen_at,
        "rule": judged.name,
        "must": says(judged.rule),
        "holds": judged.answer.holds,
        "explanation": judged.answer.explanation,
        "inputs": {given.name: given.text for given in judged.answer.inputs},
        "waiver": judged.waiver.id if judged.waiver is not None else "",
    }

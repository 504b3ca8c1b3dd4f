"""`lock`: which parameters may not move, or only with approvals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.faces.cli.arguments import InstanceName
from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import age_text, counted, setting_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.control.rulebook import LockedParameter
    from setpoint.faces.cli.page import Block
    from setpoint.policy.rules import Lock, Policy
    from setpoint.policy.verdict import Outcome


@click.group("lock", cls=Verbs)
def lock() -> None:
    """Show which parameters may not move, or only with the approvals of their classes."""


@lock.command("list")
@click.argument("name", required=False, type=InstanceName())
@click.pass_obj
def list_(frame: Frame, name: str | None) -> Answer:
    """List the locks of all policies; with NAME, the locked parameters of that instance as last seen."""
    with frame.open() as setpoint:
        if name is None:
            return _rules_answer(setpoint.governance.policies().values())
        found = setpoint.governance.locks(name)
        age = age_text(setpoint.now() - found.seen_at)
    rows = [
        (
            each.parameter,
            outcome_span(each.outcome),
            setting_text(each.running) if each.running is not None else "-",
            "-" if each.value is None else setting_text(each.value),
            ", ".join(word.value for word in each.classes),
            ", ".join(rule.name for rule in each.locks),
        )
        for each in found.parameters
    ]
    head = ("PARAMETER", "MOVING IT", "RUNNING", "MUST BE", "CLASSES", "RULES")
    page: list[Block] = [Table(head, rows)] if rows else []
    page.append(Span(f"{counted(len(rows), 'locked parameter')} on {name}, seen {age}", "dim"))
    document = {
        "instance": name,
        "seen_at": found.seen_at,
        "locked": [_parameter_document(each) for each in found.parameters],
    }
    return Answer(document, page)


def outcome_span(outcome: Outcome) -> Span | str:
    """Answer an outcome's word in its tone."""
    return {"refuse": Span("refused", "bad"), "ask": Span("asks", "warn")}.get(outcome.word, "allowed")


def _rules_answer(policies: Iterable[Policy]) -> Answer:
    found: list[tuple[Policy, Lock]] = [(policy, lock) for policy in policies for lock in policy.locks]
    rows = [
        (
            f"{policy.name}/{each.id}",
            outcome_span(each.outcome),
            _what(each),
            "-" if each.value is None else setting_text(each.value),
            _where(policy, each),
            each.why,
        )
        for policy, each in found
    ]
    documents = [
        {
            "rule": f"{policy.name}/{each.id}",
            "outcome": each.outcome.word,
            "parameters": list(each.parameters),
            "classes": [word.value for word in each.classes],
            "value": each.value,
            "may_restore": each.may_restore,
            "scope": _where(policy, each),
            "why": each.why,
        }
        for policy, each in found
    ]
    head = ("RULE", "MOVING IT", "PARAMETERS AND CLASSES", "MUST BE", "SCOPE", "WHY")
    return Answer(documents, [Table(head, rows)] if rows else ["no parameter is locked"])


def _what(each: Lock) -> str:
    classes = (f"all of {word.value}" for word in each.classes)
    return ", ".join((*each.parameters, *classes))


def _where(policy: Policy, rule: Lock) -> str:
    words = [str(scope) for scope in (policy.scope, rule.scope) if not scope.is_all]
    return " and ".join(words) or "all"


def _parameter_document(each: LockedParameter) -> dict[str, Any]:
    return {
        "parameter": each.parameter,
        "outcome": each.outcome.word,
        "running": each.running,
        "value": each.value,
        "classes": [word.value for word in each.classes],
        "rules": [rule.name for rule in each.locks],
    }

"""Writing a policy as a YAML document, so that reading it gives the same policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from setpoint.config.document import write_yaml
from setpoint.policy.document_rules import SECTIONS, make_id
from setpoint.policy.document_values import duration_text, moment_text, share_text
from setpoint.policy.selector import ALL
from setpoint.policy.verdict import Outcome, Quorum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import time
    from enum import Enum

    from setpoint.policy.rules import (
        Emergency,
        Freeze,
        Guardrail,
        Limit,
        Lock,
        MemoryBudget,
        Override,
        Policy,
        Separation,
        Window,
    )
    from setpoint.policy.selector import Selector

_Plain = dict[str, Any]


def write_policy(policy: Policy) -> str:
    """Write a policy that `read_policy` could have answered; reading the text gives an equal one."""
    tree: _Plain = {
        "policy": policy.name,
        "why": policy.why,
        "scope": _scope(policy.scope),
        "approvals": {each.value: _quorum(quorum) for each, quorum in policy.approvals.items()},
        "governance": {key: _quorum(quorum) for key, quorum in policy.governance.items()},
        "classify": {name: _words(classes) for name, classes in policy.classify.items()},
    }
    for section, (field, _) in SECTIONS.items():
        rules: tuple[Any, ...] = getattr(policy, field)
        plain = [_rule(rule, make_id(section, i)) for i, rule in enumerate(rules, start=1)]
        is_alone = len(plain) == 1 and section in ("memory budget", "separation", "overrides")
        tree[section] = plain[0] if is_alone else plain
    return write_yaml(_given(tree))


def _rule(rule: Any, made_id: str) -> _Plain:
    head = {"id": "" if rule.id == made_id else rule.id}
    return _given(
        {**head, **_WRITERS[type(rule).__name__](rule), "scope": _scope(rule.scope), "why": rule.why}
    )


def _lock(lock: Lock) -> _Plain:
    return {
        "parameters": list(lock.parameters),
        "classes": _words(lock.classes),
        "value": lock.value,
        "outcome": _outcome(lock.outcome),
        "restore": _truth(lock.may_restore, otherwise=False),
    }


def _limit(limit: Limit) -> _Plain:
    return {
        "must": limit.must,
        "outcome": _outcome(limit.outcome),
        "roles": _words(limit.roles),
        "severity": "" if limit.severity == "medium" else limit.severity,
        "source": limit.source,
    }


def _budget(budget: MemoryBudget) -> _Plain:
    return {"share": share_text(budget.share), "outcome": _outcome(budget.outcome)}


def _guardrail(rule: Guardrail) -> _Plain:
    return {
        "holds": rule.holds,
        "watch": duration_text(rule.watch_seconds),
        "every": duration_text(rule.every_seconds),
        "unknown": "" if rule.unknown == "go on" else rule.unknown,
        "parameters": list(rule.parameters),
        "classes": _words(rule.classes),
    }


def _window(window: Window) -> _Plain:
    return {
        "what": window.what,
        "days": list(window.days),
        "opens": _time(window.opens),
        "closes": _time(window.closes),
        "zone": window.zone,
        "outcome": _outcome(window.outcome),
    }


def _freeze(freeze: Freeze) -> _Plain:
    return {
        "what": freeze.what,
        "starts": moment_text(freeze.starts_at),
        "ends": moment_text(freeze.ends_at),
        "outcome": _outcome(freeze.outcome),
    }


def _separation(rule: Separation) -> _Plain:
    return {
        "author may apply": _truth(rule.author_may_apply),
        "approver may apply": _truth(rule.approver_may_apply),
    }


def _override(rule: Override) -> _Plain:
    return {"at most": duration_text(rule.max_seconds)}


def _emergency(rule: Emergency) -> _Plain:
    return {
        "roles": _words(rule.roles),
        "may break": list(rule.may_break),
        "classes": _words(rule.classes),
        "quorum": None if rule.quorum is None else _quorum(rule.quorum),
    }


_WRITERS: Mapping[str, Callable[[Any], _Plain]] = {
    "Lock": _lock,
    "Limit": _limit,
    "MemoryBudget": _budget,
    "Guardrail": _guardrail,
    "Window": _window,
    "Freeze": _freeze,
    "Separation": _separation,
    "Override": _override,
    "Emergency": _emergency,
}


def _quorum(quorum: Quorum) -> _Plain | str:
    usual = Quorum()
    level = quorum.service_level_seconds
    is_usual = quorum.expires_seconds == usual.expires_seconds
    plain = _given(
        {
            "quorum": str(quorum.count),
            "from": [] if quorum.roles == usual.roles else _words(quorum.roles),
            "owner": _truth(quorum.needs_owner, otherwise=False),
            "expires": "" if is_usual else duration_text(quorum.expires_seconds),
            "service level": None if level is None else duration_text(level),
            "escalates to": _words(quorum.escalates_to),
        }
    )
    return plain["quorum"] if len(plain) == 1 else plain


def _scope(scope: Selector) -> _Plain | None:
    if scope == ALL:
        return None
    return _given(
        {
            "engine": list(scope.engines),
            "group": list(scope.groups),
            "environment": list(scope.environments),
            "instance": list(scope.instances),
            "labels": {name: list(words) for name, words in scope.labels.items()},
        }
    )


def _given(plain: _Plain) -> _Plain:
    """Leave out what says nothing; an empty value of a lock is a value."""
    return {
        key: value
        for key, value in plain.items()
        if value is not None and (value not in ("", [], {}) or key == "value")
    }


def _words(words: Iterable[Enum]) -> list[str]:
    return [word.value for word in words]


def _outcome(outcome: Outcome) -> str:
    return "" if outcome is Outcome.REFUSE else outcome.word


def _truth(truth: bool, *, otherwise: bool | None = None) -> str:  # noqa: FBT001 - the value itself
    return "" if truth is otherwise else str(truth).lower()


def _time(moment: time) -> str:
    return moment.isoformat("seconds" if moment.second else "minutes")

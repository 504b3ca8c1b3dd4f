"""Small made-up policies, and how they are written down for the product."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

from tests.policy_model.terms import (
    ALL,
    Emergency,
    Freeze,
    Limit,
    Lock,
    Policy,
    Quorum,
    Scope,
    Window,
    scope_of,
)

CLASSES = ("durability", "availability", "security", "cost", "performance", "replication", "data integrity")
SCOPES: tuple[Scope, ...] = (
    ALL,
    ALL,
    ALL,
    scope_of(environment="production"),
    scope_of(environment="staging production"),
    scope_of(environment="staging"),
    scope_of(group="core"),
    scope_of(**{"label.tier": "gold"}),
    scope_of(instance="bank blog"),
)
GLASS = Quorum(expires=timedelta(hours=3))
"""The one quorum emergencies ask for here: which of several counts is nobody's promise."""


def some_scope(dice: Random) -> Scope:
    return dice.choice(SCOPES)


def some_quorum(dice: Random) -> Quorum:
    is_escalating = dice.random() < 0.25
    return Quorum(
        count=dice.choice((1, 1, 1, 2, 2, 3)),
        roles=dice.choice((frozenset({"approver"}), frozenset({"approver", "policy owner"}))),
        owner=dice.random() < 0.2,
        expires=timedelta(hours=dice.choice((2, 8, 24, 24, 72))),
        level=timedelta(hours=1) if is_escalating else None,
        escalates=frozenset({"policy owner"}) if is_escalating else frozenset(),
    )


def some_policy(dice: Random, name: str, now: datetime) -> Policy:
    """A policy of a few rules; most let changes through with approvals, some refuse."""

    def chance(share: float) -> bool:
        return dice.random() < share

    return Policy(
        name=name,
        scope=some_scope(dice),
        approvals={word: some_quorum(dice) for word in CLASSES if chance(0.4)},
        governance={
            **({"policy": _governing(dice, "policy owner")} if chance(0.15) else {}),
            **({"waiver": _governing(dice, "approver")} if chance(0.15) else {}),
        },
        classify={
            parameter: tuple(dice.sample(CLASSES, dice.choice((1, 2))))
            for parameter in ("page_cost", "durable", "compression")
            if chance(0.12)
        },
        locks=tuple(_some_locks(dice)),
        limits=tuple(
            Limit(f"limit-{parameter}", parameter, most, dice.choice(("refuse", "ask")), some_scope(dice))
            for parameter, most in (("sort_memory", 8192), ("max_connections", 60), ("page_cost", 3))
            if chance(0.15)
        ),
        windows=tuple(_some_windows(dice)) if chance(0.2) else (),
        freezes=(_some_freeze(dice, now),) if chance(0.1) else (),
        author_may_apply=not chance(0.1),
        approver_may_apply=not chance(0.1),
        emergency=tuple(_some_emergency(dice)) if chance(0.45) else (),
    )


def looser(dice: Random, policy: Policy) -> Policy:
    """The same policy with less in it: what somebody would ask for who wants to get around it."""
    what = dice.choice(("locks", "approvals", "windows", "scope", "quorums"))
    if what == "scope":
        return replace(policy, scope=scope_of(environment="nowhere"))
    if what == "quorums":
        return replace(policy, approvals={word: Quorum() for word in policy.approvals})
    return replace(policy, **{what: {} if what == "approvals" else ()})


def write(policy: Policy) -> str:
    """The policy as a YAML document (JSON is YAML)."""
    body: dict[str, Any] = {"policy": policy.name, "why": "made up"}
    if policy.scope:
        body["scope"] = _scope(policy.scope)
    for section in ("approvals", "governance"):
        if quorums := getattr(policy, section):
            body[section] = {word: _quorum(quorum) for word, quorum in quorums.items()}
    if policy.classify:
        body["classify"] = {parameter: list(words) for parameter, words in policy.classify.items()}
    rules = {
        "locks": [_lock(each) for each in policy.locks],
        "limits": [
            _rule(each, must=f"{each.parameter} <= {_amount(each)}", outcome=each.outcome)
            for each in policy.limits
        ],
        "windows": [
            _rule(
                each,
                what=each.what,
                days=list(each.days),
                opens=f"{each.opens:%H:%M}",
                closes=f"{each.closes:%H:%M}",
                zone=each.zone,
                outcome=each.outcome,
            )
            for each in policy.windows
        ],
        "freezes": [
            _rule(
                each,
                what=each.what,
                starts=each.starts.isoformat(),
                ends=each.ends.isoformat(),
                outcome=each.outcome,
            )
            for each in policy.freezes
        ],
        "emergency": [_emergency(each) for each in policy.emergency],
    }
    body.update({section: written for section, written in rules.items() if written})
    if not (policy.author_may_apply and policy.approver_may_apply):
        body["separation"] = {
            "author may apply": policy.author_may_apply,
            "approver may apply": policy.approver_may_apply,
        }
    return json.dumps(body, indent=1)


def _governing(dice: Random, role: str) -> Quorum:
    return Quorum(count=dice.choice((1, 2)), roles=frozenset({role}), expires=timedelta(hours=24))


def _some_locks(dice: Random):
    if dice.random() < 0.5:
        yield Lock("careful", classes=CLASSES[:5], outcome="ask", restore=True)
    for number in range(dice.choice((0, 0, 1, 1, 2))):
        yield _some_lock(dice, f"lock{number}")


def _some_lock(dice: Random, name: str) -> Lock:
    kind = dice.choice(("named", "named", "class", "class", "class", "value"))
    restore, scope = dice.random() < 0.7, some_scope(dice)
    if kind == "class":
        classes = tuple(dice.sample(CLASSES[:5], 2))
        return Lock(name, classes=classes, outcome="ask", restore=restore, scope=scope)
    if kind == "value":
        parameter, value = dice.choice((("durable", "on"), ("max_connections", "50"), ("page_cost", "2.0")))
        return Lock(name, parameters=(parameter,), value=value, restore=restore, scope=scope)
    parameters = tuple(dice.sample(("durable", "compression", "page_cost", "sort_memory"), 2))
    outcome = dice.choice(("ask", "ask", "refuse"))
    return Lock(name, parameters=parameters, outcome=outcome, restore=restore, scope=scope)


def _some_windows(dice: Random):
    for number in range(dice.choice((1, 1, 2))):
        opens, closes = dice.choice(((8, 20), (6, 22), (21, 5), (9, 17)))
        days = dice.choice(
            (("mon", "tue", "wed", "thu", "fri"), ("sat", "sun", "mon"), ("tue", "thu", "sat"))
        )
        yield Window(
            f"window{number}",
            what=dice.choice(("change", "change", "restart")),
            days=days,
            opens=time(opens),
            closes=time(closes),
            zone=dice.choice(("UTC", "Europe/Berlin", "America/New_York")),
            outcome=dice.choice(("refuse", "ask", "ask")),
            scope=dice.choice((ALL, ALL, some_scope(dice))),
        )


def _some_freeze(dice: Random, now: datetime) -> Freeze:
    starts = now + timedelta(hours=dice.choice((-5, 1, 30)))
    ends = starts + timedelta(hours=dice.choice((4, 12, 50)))
    return Freeze("freeze", "change", starts, ends, dice.choice(("refuse", "ask")))


def _some_emergency(dice: Random):
    kinds = ("locks", "limits", "windows", "freezes")
    yield Emergency(
        "glass",
        may_break=frozenset(dice.sample(kinds, dice.choice((1, 2, 4)))),
        classes=frozenset(dice.choice(((), ("cost", "performance"), ("durability", "availability", "cost")))),
        quorum=dice.choice((None, GLASS)),
    )


def _scope(scope: Scope) -> dict[str, Any]:
    plain = {key: sorted(words) for key, words in scope if not key.startswith("label.")}
    labels = {key.removeprefix("label."): sorted(words) for key, words in scope if key.startswith("label.")}
    return {**plain, **({"labels": labels} if labels else {})}


def _quorum(quorum: Quorum) -> dict[str, Any]:
    written: dict[str, Any] = {
        "quorum": quorum.count,
        "from": sorted(quorum.roles),
        "expires": f"{quorum.expires // timedelta(hours=1)}h",
    }
    if quorum.owner:
        written["owner"] = True
    if quorum.level is not None:
        written["service level"] = f"{quorum.level // timedelta(hours=1)}h"
        written["escalates to"] = sorted(quorum.escalates)
    return written


def _rule(rule: Any, **fields: Any) -> dict[str, Any]:
    return {"id": rule.id, **({"scope": _scope(rule.scope)} if rule.scope else {}), **fields}


def _lock(lock: Lock) -> dict[str, Any]:
    fields: dict[str, Any] = {"outcome": lock.outcome, "restore": lock.restore}
    if lock.parameters:
        fields["parameters"] = list(lock.parameters)
    if lock.classes:
        fields["classes"] = list(lock.classes)
    if lock.value is not None:
        fields["value"] = lock.value
    return _rule(lock, **fields)


def _amount(limit: Limit) -> str:
    return f"{limit.most}kB" if limit.parameter == "sort_memory" else str(limit.most)


def _emergency(each: Emergency) -> dict[str, Any]:
    fields: dict[str, Any] = {"roles": sorted(each.roles), "may break": sorted(each.may_break)}
    if each.classes:
        fields["classes"] = sorted(each.classes)
    if each.quorum is not None:
        fields["quorum"] = _quorum(each.quorum)
    return _rule(each, **fields)

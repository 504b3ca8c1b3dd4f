"""An instance under policies, for tests of review, limits, guardrails and incidents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import strategies as st
from tests.invented import CATALOG, CLAIMS

from setpoint.config.budget import compile_claims
from setpoint.config.configuration import Instance
from setpoint.config.facts import Facts
from setpoint.policy.classes import ParameterClass
from setpoint.policy.intent import Intent, Move, Subject
from setpoint.policy.person import Grant, Principal, Role
from setpoint.policy.policies import PolicySet
from setpoint.policy.review import review
from setpoint.policy.rules import Limit, Lock, MemoryBudget, Policy
from setpoint.policy.selector import Selector
from setpoint.policy.verdict import Outcome, Quorum
from setpoint.policy.waiver import Waiver

AT = datetime(2026, 6, 3, 12, tzinfo=UTC)  # a Wednesday
FACTS = Facts(ram_bytes=16 * 2**30, vcpu=4, storage="ssd", neighbours_bytes=0)
RUNNING = {
    "pool": "16384",
    "work": "4096",
    "upkeep": "-1",
    "sessions": "100",
    "factor": "2",
    "cost": "4",
    "patience": "0",
    "safe": "on",
    "method": "plain",
    "paths": "",
}
CLASSES = {
    "safe": (ParameterClass.DURABILITY,),
    "sessions": (ParameterClass.AVAILABILITY, ParameterClass.COST),
}
INSTANCE = Instance(engine="invented", environment="production", group="shop", labels={"tier": "gold"})
LIN = Principal(name="lin", account="local:lin@here", grants=(Grant(role=Role.OPERATOR),))
ALONE = Principal(name="ada", account="local:ada@here", is_single_user=True)


def subject(**more: Any) -> Subject:
    given = {
        "name": "db",
        "instance": INSTANCE,
        "facts": FACTS,
        "catalog": CATALOG,
        "running": RUNNING,
        "claims": compile_claims(CLAIMS, CATALOG),
        "shipped_classes": CLASSES,
        **more,
    }
    return Subject(**given)


def move(parameter: str, after: Any, **more: Any) -> Move:
    return Move(parameter=parameter, before=RUNNING.get(parameter), after=after, **more)


def intent(*moves: Move, **more: Any) -> Intent:
    return Intent(**{"kind": "apply", "by": LIN, "subject": subject(), "moves": moves, **more})


def judge(policies: list[Policy], given: Intent, *, waivers=(), at: datetime = AT):
    return review(given, PolicySet.of({policy.name: policy for policy in policies}), waivers, at)


def rules_of(verdict) -> set[str]:
    return {reason.rule for reason in verdict.reasons}


def waiver(name: str = "w1", **more: Any) -> Waiver:
    given = {
        "owner": "mo",
        "reason": "migration",
        "scope": Selector(),
        "starts_at": datetime(2026, 6, 1, tzinfo=UTC),
        "ends_at": datetime(2026, 7, 1, tzinfo=UTC),
        **more,
    }
    return Waiver(id=name, **given)


# Generated policies, small and close to what is moved, so that rules meet.

_NAMES = st.sampled_from(["work", "safe", "sessions", "SAFE", "no_such"])
_SOME_CLASSES = st.lists(st.sampled_from(list(ParameterClass)), max_size=2, unique=True).map(tuple)
_SCOPES = st.sampled_from(
    [
        Selector(),
        Selector(environments=("production",)),
        Selector(environments=("test",)),
        Selector(labels={"tier": ("gold", "silver")}),
    ]
)
_QUORUMS = st.builds(Quorum, count=st.integers(1, 3), needs_owner=st.booleans())
_OUTCOMES = st.sampled_from(list(Outcome))
_LIMITS = st.sampled_from(
    [
        "work <= 8MB",
        "work >= 1MB and sessions <= 200",
        "sessions * work <= ram / 4",
        "data_size >= work",
        "safe",
    ]
)


def _numbered(rules: list[Any], letter: str = "r") -> tuple[Any, ...]:
    return tuple(msgspec.structs.replace(rule, id=f"{letter}{number}") for number, rule in enumerate(rules))


LOCKS = st.lists(
    st.builds(
        Lock,
        id=st.just(""),
        scope=_SCOPES,
        parameters=st.lists(_NAMES, max_size=2).map(tuple),
        classes=_SOME_CLASSES,
        outcome=_OUTCOMES,
        value=st.sampled_from([None, None, "on", "4MB"]),
        may_restore=st.booleans(),
    ),
    max_size=3,
).map(_numbered)
LIMITS = st.lists(
    st.builds(
        Limit,
        id=st.just(""),
        scope=_SCOPES,
        must=_LIMITS,
        outcome=_OUTCOMES,
        roles=st.sampled_from([(), (Role.OPERATOR,), (Role.VIEWER,)]),
    ),
    max_size=3,
).map(lambda rules: _numbered(rules, "l"))
BUDGETS = st.lists(
    st.builds(MemoryBudget, id=st.just("memory"), share=st.sampled_from([0.01, 0.5, 1.0]), outcome=_OUTCOMES),
    max_size=1,
).map(tuple)


POLICIES = st.builds(
    Policy,
    name=st.just(""),
    scope=_SCOPES,
    approvals=st.dictionaries(st.sampled_from(list(ParameterClass)), _QUORUMS, max_size=2),
    locks=LOCKS,
    limits=LIMITS,
    budgets=BUDGETS,
)
MOVES = st.lists(
    st.builds(
        move,
        st.sampled_from(["work", "safe", "sessions"]),
        st.sampled_from([None, "on", "off", "4MB", "64MB", "150"]),
        is_restoring=st.booleans(),
    ),
    max_size=3,
    unique_by=lambda given: given.parameter,
).map(tuple)

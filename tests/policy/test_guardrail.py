"""Guardrails: rates of counters, gauges as they are, and what is not known stays not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.policy.cases import ALONE, LIN, move, subject

from setpoint.config.facts import Facts
from setpoint.config.observation import Observation
from setpoint.errors import InputErrors
from setpoint.policy.classes import ParameterClass
from setpoint.policy.guardrail import compile_guardrail, guardrails_for, judge_guardrail
from setpoint.policy.person import Grant, Principal, Role
from setpoint.policy.policies import PolicySet
from setpoint.policy.rules import Emergency, Guardrail, Policy
from setpoint.policy.selector import Selector
from setpoint.workload.metrics import KINDS, level

SINCE = datetime(2026, 6, 1, tzinfo=UTC)
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
ROLLBACKS = "txn_rollback <= before_txn_rollback * 2 + 1"


def seen(seconds: float, metrics: dict[str, float], since: datetime | None = SINCE) -> Observation:
    return Observation(
        instance="db",
        engine="invented",
        at=NOON + timedelta(seconds=seconds),
        facts=Facts(),
        settings={},
        metrics=metrics,
        metrics_since=since,
    )


def pair(metric: str, first: float, second: float, seconds: float = 10):
    return seen(0, {metric: first}), seen(seconds, {metric: second})


def judged(holds: str, before, after):
    return judge_guardrail(Guardrail(id="g", holds=holds, watch_seconds=60), before, after)


def test_a_counter_counts_as_its_rate_before_and_after():
    before = pair("txn.rollback", 0, 10)  # 1 a second
    assert judged(ROLLBACKS, before, pair("txn.rollback", 100, 130)).holds is True
    answer = judged(ROLLBACKS, before, pair("txn.rollback", 100, 131))
    assert answer.holds is False
    assert "txn_rollback is 3.1 and before_txn_rollback is 1" in answer.explanation


def test_a_gauge_counts_as_it_was_seen_last():
    assert judged("repl_lag_s <= 10", None, pair("repl.lag_s", 100, 10)).holds is True
    assert judged("repl_lag_s <= 10", None, pair("repl.lag_s", 0, 11)).holds is False


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, pair("txn.rollback", 0, 1)),
        (pair("txn.rollback", 0, 1), pair("txn.commit", 0, 1)),
        (pair("txn.rollback", 0, 1), (seen(0, {}), seen(9, {"txn.rollback": 5}))),
        (pair("txn.rollback", 0, 1), pair("txn.rollback", 100, 3)),
        (pair("txn.rollback", 0, 1), pair("txn.rollback", 1, 2, seconds=0)),
        (
            pair("txn.rollback", 0, 1),
            (seen(0, {"txn.rollback": 1}), seen(9, {"txn.rollback": 2}, since=NOON)),
        ),
    ],
    ids=["no before", "not told", "not told before", "fell", "no time", "reset"],
)
def test_what_is_not_known_is_never_zero(before, after):
    answer = judged(ROLLBACKS, before, after)
    assert answer.holds is None
    assert "is not known" in answer.explanation


def test_what_decides_alone_needs_nothing_else():
    answer = judged("conn_active <= 5 or before_conn_active > 5", None, pair("conn.active", 0, 3))
    assert answer.holds is True


def test_a_result_without_sense_is_not_known():
    answer = judged("1 / conn_active > 1", None, pair("conn.active", 0, 0))
    assert answer.holds is None
    assert "division by zero" in answer.explanation


@pytest.mark.parametrize("holds", ["no_such_metric > 1", "conn_active", "conn_active >", "conn_active > 1MB"])
def test_what_is_no_truth_over_metrics_is_refused(holds):
    with pytest.raises(InputErrors):
        compile_guardrail(holds)


def test_every_metric_that_postgresql_tells_has_a_kind():
    from setpoint.engines.postgresql.observe.metrics import _METRICS

    assert {metric.name for metric in _METRICS} <= KINDS.keys()


def test_a_rate_is_per_second():
    assert level("txn.commit", *pair("txn.commit", 100, 160, seconds=30)) == 2.0


# Which guardrails watch a change

RAILS = Policy(
    name="p",
    guardrails=(
        Guardrail(id="all", holds="conn_active < 9", watch_seconds=60),
        Guardrail(id="work", holds="conn_active < 9", watch_seconds=60, parameters=("WORK",)),
        Guardrail(
            id="durable", holds="conn_active < 9", watch_seconds=60, classes=(ParameterClass.DURABILITY,)
        ),
        Guardrail(
            id="far", holds="conn_active < 9", watch_seconds=60, scope=Selector(environments=("test",))
        ),
    ),
)


def watching(*names: str, policy: Policy = RAILS, breaker: Principal | None = None) -> list[str]:
    moves = [move(name, "1") for name in names]
    found = guardrails_for(PolicySet.of({"p": policy}), subject(), moves, breaker=breaker)
    return [each.name for each in found]


def test_guardrails_watch_the_parameters_and_classes_they_name():
    assert watching("cost") == ["p/all"]
    assert watching("work") == ["p/all", "p/work"]
    assert watching("safe", "cost") == ["p/all", "p/durable"]
    assert watching() == ["p/all"]


def test_guardrails_hold_in_emergencies_unless_a_rule_names_who_may_break_them():
    import msgspec

    eva = Principal(name="eva", account="a", grants=(Grant(role=Role.EMERGENCY),))
    assert watching("work", breaker=eva) == ["p/all", "p/work"]
    other = Emergency(id="e", may_break=("locks",))
    assert watching("work", policy=msgspec.structs.replace(RAILS, emergency=(other,)), breaker=eva)
    glass = Emergency(id="e", may_break=("guardrails",), classes=(ParameterClass.PERFORMANCE,))
    policy = msgspec.structs.replace(RAILS, emergency=(glass,))
    assert watching("work", policy=policy, breaker=eva) == []
    assert watching("work", policy=policy, breaker=ALONE) == []
    assert watching("work", policy=policy, breaker=LIN) == ["p/all", "p/work"]
    assert watching("work", "safe", policy=policy, breaker=eva) == ["p/all", "p/durable", "p/work"]

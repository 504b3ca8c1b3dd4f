"""Advice about parameters whose deviation somebody accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.invented import CATALOG, CLAIMS

from setpoint.config.budget import compile_claims
from setpoint.config.facts import Facts
from setpoint.config.observation import Observation, ObservedSetting
from setpoint.policy.selector import ALL
from setpoint.policy.waiver import Waiver
from setpoint.recommend import Evidence, Proposal, Rule, advise

if TYPE_CHECKING:
    from setpoint.recommend import Advice

GB = 2**30
MB = 2**20
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLAIN = {"pool": "16384", "work": "4096", "sessions": "100"}
WAIVER = Waiver(
    id="w1",
    owner="lin",
    reason="measured",
    scope=ALL,
    parameter="pool",
    starts_at=AT,
    ends_at=AT + timedelta(days=1),
)


def rule(code: str, parameter: str, value: int) -> Rule:
    proposal = Proposal(parameter, value, reason="because", expected="better")
    return Rule(code=code, title=code, examine=lambda _: [proposal], source="the manual")


def asked(*rules: Rule, **waivers: Waiver) -> Advice:
    settings = {name: ObservedSetting(value=text) for name, text in PLAIN.items()}
    seen = Observation(instance="shop", engine="invented", at=AT, facts=Facts(), settings=settings)
    facts = Facts(ram_bytes=16 * GB)
    return advise(rules, Evidence(seen, CATALOG, facts, compile_claims(CLAIMS, CATALOG)), waivers)


def test_what_is_waived_is_told_and_not_recommended():
    advice = asked(rule("X1", "POOL", GB), pool=WAIVER)
    assert advice.recommendations == ()
    assert advice.settings() == {}
    (waived,) = advice.waived
    assert (waived.recommendation.parameter, waived.recommendation.proposed, waived.waiver) == (
        "pool",
        "1GB",
        "w1",
    )
    assert waived.told == "waived until 2026-01-02 12:00Z by lin: measured"
    assert advice.summary == "no advice: 1 recommendations are waived"
    assert not advice.is_waiting


def test_it_takes_no_share_of_the_memory_budget():
    rules = rule("X1", "pool", 8 * GB), rule("X2", "work", 40 * MB)
    assert asked(*rules).settings() == {"pool": "8GB"}
    advice = asked(*rules, pool=WAIVER)
    assert advice.settings() == {"work": "40MB"}
    assert advice.contradictions == ()


def test_every_rule_that_speaks_of_it_is_told_and_none_contradicts_another():
    advice = asked(rule("X1", "pool", GB), rule("X2", "pool", 2 * GB), pool=WAIVER)
    assert [each.recommendation.code for each in advice.waived] == ["X1", "X2"]
    assert advice.contradictions == ()


def test_others_are_recommended_as_ever():
    advice = asked(rule("X1", "work", 8 * MB), pool=WAIVER)
    assert (advice.settings(), advice.waived) == ({"work": "8MB"}, ())

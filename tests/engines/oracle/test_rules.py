"""Rules from the server's own memory advice: when they speak, what they propose, and when they do not."""

from __future__ import annotations

import pytest

from setpoint.config.budget import compile_claims
from setpoint.engines.oracle import ENGINE
from setpoint.recommend import Evidence, Proposal, Remark

GB = 1 << 30
HUNDREDTHS = [(GB, 1000.0), (2 * GB, 900.0), (3 * GB, 500.0), (4 * GB, 490.0), (8 * GB, 480.0)]
RULES = {rule.code: rule for rule in ENGINE.rules()}


@pytest.fixture
def advised(stage):
    def ask(code, advice=None, **texts):
        for name, text in texts.items():
            stage.database.specs[name].start = text
        stage.database.advice = advice or {}
        stage.database.start()
        observation, catalog = stage.look()
        claims = compile_claims(ENGINE.claims(), catalog)
        evidence = Evidence(observation, catalog, observation.facts, claims)
        assert not RULES[code].waits_for(evidence)
        return list(RULES[code].examine(evidence))

    return ask


@pytest.mark.parametrize(
    ("code", "name", "others"),
    [
        ("OR001", "sga_target", {"sga_max_size": str(8 * GB)}),
        ("OR002", "memory_target", {"memory_max_target": str(8 * GB)}),
        ("OR003", "db_cache_size", {}),
    ],
)
def test_the_smallest_size_with_most_of_the_gain_is_proposed(advised, code, name, others):
    (found,) = advised(code, {name: HUNDREDTHS}, **{name: str(GB)}, **others)
    assert isinstance(found, Proposal)
    assert (found.parameter, found.value) == (name, 3 * GB)
    assert "50%" in found.reason


def test_beyond_the_ceiling_there_is_a_remark_alone(advised):
    (found,) = advised("OR001", {"sga_target": HUNDREDTHS}, sga_target=str(GB), sga_max_size=str(2 * GB))
    assert isinstance(found, Remark)
    assert "sga_max_size" in found.next_step


@pytest.mark.parametrize(
    ("advice", "texts"),
    [
        ({}, {"sga_target": str(GB)}),
        ({"sga_target": [(GB, 1000.0), (2 * GB, 950.0)]}, {"sga_target": str(GB)}),
        ({"sga_target": HUNDREDTHS}, {"sga_target": "0"}),
        ({"sga_target": HUNDREDTHS}, {"sga_target": str(GB + GB // 2)}),
        ({"sga_target": HUNDREDTHS}, {"sga_target": str(GB), "memory_target": str(2 * GB)}),
        ({"sga_target": HUNDREDTHS}, {"sga_target": str(8 * GB)}),
    ],
    ids=["no advice", "little gain", "not set", "no estimate for it", "shared out", "the largest"],
)
def test_without_a_gain_worth_it_there_is_no_advice(advised, advice, texts):
    assert advised("OR001", advice, **texts) == []


def test_what_does_not_fit_the_host_is_not_proposed(advised):
    huge = [(GB, 1000.0), (64 * GB, 10.0)]
    assert advised("OR001", {"sga_target": huge}, sga_target=str(GB), sga_max_size=str(64 * GB)) == []


def test_a_cache_the_server_sizes_itself_is_left_to_it(advised):
    assert (
        advised("OR003", {"db_cache_size": HUNDREDTHS}, db_cache_size=str(GB), sga_target=str(2 * GB)) == []
    )


def test_a_target_sessions_do_not_keep_is_raised_to_one_they_would(advised):
    advice = [(512 << 20, 40.0), (GB, 3.0), (2 * GB, 0.0), (4 * GB, 0.0)]
    (found,) = advised("OR004", {"pga_aggregate_target": advice}, pga_aggregate_limit="0")
    assert (found.parameter, found.value) == ("pga_aggregate_target", 2 * GB)
    kept = [(512 << 20, 0.0), (GB, 0.0)]
    assert advised("OR004", {"pga_aggregate_target": kept}) == []


def test_settings_beyond_the_hosts_memory_are_told(advised):
    assert advised("OR005", sga_target=str(4 * GB), pga_aggregate_limit=str(2 * GB)) == []
    (found,) = advised("OR005", sga_target=str(40 * GB), pga_aggregate_limit=str(2 * GB))
    assert "42G" in found.text


def test_every_rule_says_what_it_looks_at_and_waits_for_load(stage):
    for rule in RULES.values():
        assert rule.documentation
        assert rule.facts == ("ram_bytes",)
    stage.database.statistics = {"user commits": 5}
    stage.database.start()
    observation, catalog = stage.look()
    claims = compile_claims(ENGINE.claims(), catalog)
    evidence = Evidence(observation, catalog, observation.facts, claims)
    assert "1000 transactions" in RULES["OR001"].waits_for(evidence)

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.invented import CATALOG, CLAIMS

from setpoint.config.budget import compile_claims
from setpoint.config.facts import Facts
from setpoint.config.observation import Observation, ObservedSetting
from setpoint.recommend import Advice, Evidence, Proposal, Remark, Rule, Severity, advise

GB = 2**30
MB = 2**20
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = NOW - timedelta(hours=1)
CLAIMED = compile_claims(CLAIMS, CATALOG)


def observation(
    at: datetime = NOW,
    since: datetime | None = START,
    settings: dict[str, str] | None = None,
    **metrics: float,
) -> Observation:
    texts = {
        "pool": "16384",
        "work": "4096",
        "sessions": "100",
        "safe": "on",
        "method": "plain",
        **(settings or {}),
    }
    return Observation(
        instance="shop",
        engine="invented",
        at=at,
        facts=Facts(),
        settings={name: ObservedSetting(value=text) for name, text in texts.items()},
        metrics={name.replace("_", ".", 1): value for name, value in metrics.items()},
        metrics_since=since,
    )


def evidence(now: Observation | None = None, ram: int | None = 16 * GB, **changes: Any) -> Evidence:
    return Evidence(now or observation(), CATALOG, Facts(ram_bytes=ram), CLAIMED, **changes)


def rule(code: str, *said: Proposal | Remark, **needs: Any) -> Rule:
    def examine(_evidence: Evidence) -> Iterable[Proposal | Remark]:
        """Say what it was made to say."""
        return said

    return Rule(code=code, title=f"title of {code}", examine=examine, source="the manual", **needs)


def propose(parameter: str, value: Any) -> Proposal:
    return Proposal(parameter, value, reason="because", expected="better")


def asked(*rules: Rule, **changes: Any) -> Advice:
    return advise(rules, evidence(**changes))


def test_a_proposal_becomes_a_value_in_the_engines_words() -> None:
    advice = asked(rule("X1", propose("sessions", 150.7), propose("pool", GB + 5)))
    assert advice.settings() == {"sessions": "150", "pool": "1GB"}
    sessions, pool = advice.recommendations
    assert (sessions.current, sessions.needs_restart) == ("100", True)
    assert (pool.current, pool.needs_restart) == ("128MB", False)
    assert pool.title == "title of X1"
    assert advice.summary == "2 recommendations, 0 findings"
    assert not advice.is_waiting


def test_values_that_are_set_or_coming_already_are_not_advised() -> None:
    set_already = rule("X1", propose("pool", 128 * MB), propose("safe", True))
    assert asked(set_already) == Advice()
    assert asked(set_already).summary == "no advice: nothing to change"
    coming = rule("X1", propose("pool", GB))
    assert asked(coming, desired={"pool": "2GB"}).settings() == {}
    assert asked(coming, desired={"pool": "128MB"}).settings() == {"pool": "1GB"}
    waiting = observation()
    waiting.settings["pool"] = ObservedSetting(value="16384", pending="32768")
    assert asked(coming, now=waiting).settings() == {}


def test_what_the_target_does_not_have_or_take_is_never_advised() -> None:
    advice = asked(rule("X1", propose("turbo", 1), propose("method", "lz4")))
    assert advice.recommendations == ()
    assert [silence.waits_for for silence in advice.silent] == [
        "a target that has the parameter turbo",
        "a target that takes method = lz4: method: 'lz4' is not accepted",
    ]


def test_of_two_values_for_one_parameter_the_graver_rule_goes_first() -> None:
    advice = asked(
        rule("X1", propose("pool", GB)),
        rule("X2", propose("pool", 2 * GB), severity=Severity.CRITICAL),
        rule("X3", propose("pool", 2 * GB)),
    )
    assert advice.settings() == {"pool": "2GB"}
    assert advice.contradictions == ("X1 would set pool to 1GB; X2 asks for 2GB and goes first",)


def test_proposals_share_one_memory_budget() -> None:
    advice = asked(rule("X1", propose("pool", 8 * GB)), rule("X2", propose("work", 40 * MB)), ram=16 * GB)
    assert advice.settings() == {"pool": "8GB"}
    assert advice.contradictions == (
        "X2 would set work to 40MB, which the memory budget cannot hold beside X1",
    )
    over = asked(rule("X1", propose("sessions", 50)), ram=GB)
    assert over.settings() == {"sessions": "50"}  # an improvement is advised, even where it is not enough


def test_findings_come_the_gravest_first_and_keep_their_rule() -> None:
    advice = asked(
        rule("X1", Remark("small thing", {"a": "1"}, "do it")),
        rule("X2", Remark("large thing", severity=Severity.CRITICAL)),
    )
    assert [(each.code, each.text) for each in advice.findings] == [
        ("X2", "large thing"),
        ("X1", "small thing"),
    ]
    assert advice.findings[1].evidence == {"a": "1"}
    assert advice.summary == "0 recommendations, 2 findings"


def test_a_rule_waits_for_facts_load_and_metrics() -> None:
    said = propose("pool", GB)
    rules = [
        rule("X1", said, facts=("storage", "data_bytes")),
        rule("X2", said, seconds=60, transactions=1000),
        rule("X3", said, metrics=("buf.logical_reads",)),
    ]
    advice = asked(*rules, now=observation(txn_commit=10))
    assert advice.is_waiting
    assert [silence.waits_for for silence in advice.silent] == [
        "the fact storage and data, which can be declared for the instance",
        "statistics over at least 60 seconds with at least 1000 transactions",
        "the metric buf.logical_reads, which this version or this login does not give",
    ]
    assert advice.summary.startswith("no advice yet: waiting for the fact storage and data")
    busy = observation(txn_commit=10_000, buf_logical_reads=5)
    assert asked(rules[1], now=busy).settings() == {"pool": "1GB"}
    assert asked(rules[2], now=busy).settings() == {"pool": "1GB"}
    assert asked(rules[1], now=observation(since=None, txn_commit=10_000)).is_waiting


def test_a_rule_waits_while_the_parameter_it_judges_is_changing() -> None:
    judging = rule("X1", propose("work", 8 * MB), judges=("pool",))
    assert asked(judging, desired={"pool": "1GB"}).silent[0].waits_for.startswith("pool to take the value")
    earlier = observation(at=NOW - timedelta(minutes=5), settings={"pool": "8192"})
    assert asked(judging, earlier=earlier).silent[0].waits_for == "two observations after the change of pool"
    assert asked(judging, earlier=observation(at=NOW - timedelta(minutes=5))).settings() == {"work": "8MB"}


@pytest.mark.parametrize(
    ("earlier", "seconds", "transactions"),
    [
        (observation(at=NOW - timedelta(seconds=90), txn_commit=100), 90, 4900),
        (observation(at=NOW - timedelta(seconds=20), txn_commit=4000), 3600, 5000),
        (observation(at=NOW - timedelta(seconds=90), since=START - timedelta(days=1)), 3600, 5000),
        (observation(at=NOW - timedelta(seconds=90), txn_commit=9000), 3600, 5000),
        (observation(at=NOW + timedelta(seconds=90), txn_commit=100), 3600, 5000),
        (None, 3600, 5000),
    ],
    ids=["far enough apart", "too close", "another epoch", "a counter fell", "not earlier", "none"],
)
def test_counters_count_over_the_best_window(
    earlier: Observation | None, seconds: float, transactions: float
) -> None:
    window = evidence(observation(txn_commit=5000, conn_total=7), earlier=earlier).window
    assert window is not None
    assert (window.seconds, window.transactions) == (seconds, transactions)
    assert "conn.total" not in window.growth


def test_much_load_makes_a_window_of_two_close_observations() -> None:
    earlier = observation(at=NOW - timedelta(seconds=15), txn_commit=1000)
    window = evidence(observation(txn_commit=21_000), earlier=earlier).window
    assert window is not None
    assert (window.is_between, window.seconds, window.transactions) == (True, 15, 20_000)


def test_a_position_in_the_log_stands_in_for_a_counter_between_observations_only() -> None:
    earlier = observation(at=NOW - timedelta(seconds=90), log_position_bytes=5 * GB)
    now = observation(log_position_bytes=6 * GB)
    assert evidence(now, earlier=earlier).growth("log.bytes") == GB
    assert evidence(now).growth("log.bytes") is None
    assert evidence(now).growth("log.position_bytes") is None


def test_evidence_answers_in_base_units_and_never_guesses() -> None:
    seen = evidence(
        observation(settings={"patience": "5s", "cost": "high", "turbo": "on"}, txn_commit=10, rows_read=40)
    )
    assert seen.amount("pool") == 128 * MB
    assert seen.number("patience") == 5_000_000
    assert seen.amount("safe") is True
    assert seen.number("safe") is None
    assert seen.amount("cost") is None
    assert seen.amount("turbo") is None
    assert seen.text("pool") == "128MB"
    assert seen.text("turbo") == ""
    assert seen.per_transaction("rows.read") == 4
    assert seen.per_transaction("temp.bytes") is None
    assert seen.growth("temp.bytes") is None
    assert seen.state("conn.total") is None
    assert seen.host_bytes == 16 * GB
    assert evidence(ram=None).host_bytes is None
    assert evidence(ram=None).largest_fit("pool") is None
    assert seen.largest_fit("turbo") is None
    assert evidence(ram=64 * MB).largest_fit("pool") is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["pool", "work", "sessions", "upkeep"]),
            st.integers(-(2**40), 2**45),
            st.sampled_from(list(Severity)),
        ),
        max_size=6,
    ),
    st.integers(64 * MB, 64 * GB),
)
def test_advice_is_a_function_of_its_evidence_and_keeps_the_budget(
    said: list[tuple[str, int, Severity]], ram: int
) -> None:
    rules = [
        rule(f"X{number}", propose(parameter, value), severity=severity)
        for number, (parameter, value, severity) in enumerate(said)
    ]
    advice = asked(*rules, ram=ram)
    assert advice == asked(*reversed(rules), ram=ram)
    seen = evidence(ram=ram)
    changes = {name: CATALOG.parse(name, text) for name, text in advice.settings().items()}
    assert all(not seen.is_same(name, value, seen.running.get(name)) for name, value in changes.items())
    assert not seen.verdict(changes).is_over or (seen.verdict(changes).total or 0) <= (
        seen.verdict().total or 0
    )

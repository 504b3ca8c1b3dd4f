"""Waivers: when they count, of what they speak, and which one is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from setpoint.config.configuration import Instance
from setpoint.policy.selector import ALL, Selector
from setpoint.policy.waiver import REMIND_BEFORE, Waiver, ending, waived_parameters, waiver_for

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
WEB = Instance(engine="invented", environment="production")


def waiver(key="w1", *, parameter="work", rule="", scope=ALL, days=30.0, **more) -> Waiver:
    return Waiver(
        id=key,
        owner="lin",
        reason="measured",
        scope=scope,
        parameter=parameter,
        rule=rule,
        starts_at=AT,
        ends_at=AT + timedelta(days=days),
        **more,
    )


def test_it_counts_from_its_beginning_until_exactly_its_end():
    one = waiver(days=1)
    assert one.is_in_force(AT)
    assert not one.is_in_force(AT - timedelta(microseconds=1))
    assert one.is_in_force(one.ends_at - timedelta(microseconds=1))
    assert not one.is_in_force(one.ends_at)


def test_one_that_was_ended_counts_no_more():
    ended = waiver(ended_at=AT + timedelta(hours=1))
    assert ended.is_in_force(AT)
    assert not ended.is_in_force(AT + timedelta(hours=1))


def test_a_parameter_is_meant_in_any_case_and_only_where_the_scope_fits():
    one = waiver(parameter="Work", scope=Selector(environments=("production",)))
    assert waiver_for([one], "web", WEB, AT, parameter="wORK") is one
    assert waiver_for([one], "web", Instance(engine="invented"), AT, parameter="work") is None
    assert waiver_for([one], "web", WEB, AT, parameter="pool") is None


def test_a_rules_waiver_says_nothing_outside_of_the_rule():
    ruled, bare = waiver(rule="p/r"), waiver(parameter="work")
    assert waiver_for([ruled], "web", WEB, AT, parameter="work") is None
    assert waiver_for([ruled], "web", WEB, AT, parameter="work", rule="p/other") is None
    assert waiver_for([ruled], "web", WEB, AT, parameter="work", rule="p/r") is ruled
    assert waiver_for([bare], "web", WEB, AT, parameter="work", rule="p/r") is bare


def test_waived_parameters_are_those_outside_any_rule_and_the_longest_waiver_is_named():
    short, long = waiver("w1", days=5), waiver("w2", days=9)
    others = [waiver("w3", parameter="", rule="p/r"), waiver("w4", parameter="pool", rule="p/r")]
    over = [waiver("w5", parameter="cost", ended_at=AT)]
    assert waived_parameters([long, *others, short, *over], "web", WEB, AT) == {"work": long}


def test_what_is_told_names_end_owner_and_reason():
    assert waiver(days=1).told == "waived until 2026-06-02 12:00Z by lin: measured"


@given(st.lists(st.floats(0.01, 40), max_size=8))
def test_reminders_are_of_those_that_end_soon_the_first_to_end_first(days):
    given_ = [waiver(f"w{number}", days=each) for number, each in enumerate(days)]
    soon = ending(given_, AT)
    assert [each.ends_at for each in soon] == sorted(each.ends_at for each in soon)
    assert len(soon) == sum(each.ends_at - AT <= REMIND_BEFORE for each in given_)

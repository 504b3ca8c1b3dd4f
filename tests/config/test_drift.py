"""Each class of drift, told apart by what a person would do next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.invented import CATALOG

from setpoint.config.drift import DriftClass, classify, judge
from setpoint.config.facts import DeclaredFacts, Facts
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind

AT = datetime(2026, 5, 1, tzinfo=UTC)


def origin(kind: OriginKind, text: str | None, *, in_force: bool = False, **more: Any) -> Origin:
    return Origin(kind=kind, text=text, is_in_force=in_force, **more)


def seen(value: str | None, *origins: Origin, **more: Any) -> ObservedSetting:
    return ObservedSetting(value=value, origins=origins, **more)


DEFAULT = origin(OriginKind.DEFAULT, "4096")
OURS = origin(OriginKind.PERSISTED, "8MB", in_force=True, file="auto.conf", line=3)
COMMAND = origin(OriginKind.COMMAND_LINE, "2MB", in_force=True)
ROLE = origin(OriginKind.ROLE, "64MB", scope="role app")


@pytest.mark.parametrize(
    ("observed", "expected", "is_deviation"),
    [
        (seen("8192", DEFAULT, OURS), DriftClass.IN_SYNC, False),
        (seen("4096", DEFAULT), DriftClass.DRIFTED, True),
        (seen("4096", DEFAULT, pending="8MB", pending_reason="waits"), DriftClass.PENDING_RESTART, True),
        (seen("8192", DEFAULT, OURS, pending="16MB"), DriftClass.DRIFTED, True),
        (seen("2048", DEFAULT, origin(OriginKind.PERSISTED, "8MB"), COMMAND), DriftClass.SHADOWED, True),
        (seen("2048", DEFAULT, COMMAND), DriftClass.DRIFTED, True),
        (seen("8192", DEFAULT, OURS, ROLE), DriftClass.SHADOWED, False),
        (
            seen("8192", DEFAULT, OURS, origin(OriginKind.ROLE, "8192kB", scope="role a")),
            DriftClass.IN_SYNC,
            False,
        ),
        (seen("16384", DEFAULT, OURS), DriftClass.NORMALISED, False),
        (seen(None, DEFAULT), DriftClass.DRIFTED, True),
        (None, DriftClass.UNKNOWN, True),
    ],
)
def test_each_class(observed, expected, is_deviation):
    drift = judge("work", "8MB", observed, CATALOG)
    assert (drift.drift_class, drift.is_deviation) == (expected, is_deviation)
    assert drift.explanation or expected is DriftClass.IN_SYNC


def test_a_parameter_the_engine_does_not_list_is_unknown_not_dropped():
    drift = judge("no_such", "1", seen("1"), CATALOG)
    assert drift.drift_class is DriftClass.UNKNOWN


def test_a_drifted_parameter_names_where_its_value_comes_from():
    other = origin(OriginKind.FILE, "1MB", in_force=True, file="/etc/site.conf", line=12)
    drift = judge("work", "8MB", seen("1024", DEFAULT, other), CATALOG)
    assert "/etc/site.conf:12" in drift.explanation
    assert drift.observed == "1MB"


def test_a_shadow_over_some_sessions_is_told_by_name():
    drift = judge("work", "8MB", seen("8192", OURS, ROLE), CATALOG)
    assert "role app" in drift.explanation


def observation(**settings: ObservedSetting) -> Observation:
    return Observation(instance="a", engine="invented", at=AT, facts=Facts(), settings=settings)


def test_an_old_observation_is_stale_whatever_it_said():
    seen_once = observation(work=seen("8192", OURS), cost=seen("4", DEFAULT))
    desired = {"work": "8MB", "cost": "4"}
    fresh = classify(
        desired, seen_once, CATALOG, at=AT + timedelta(minutes=5), stale_after=timedelta(hours=1)
    )
    assert {drift.drift_class for drift in fresh} == {DriftClass.IN_SYNC}
    old = classify(desired, seen_once, CATALOG, at=AT + timedelta(hours=2), stale_after=timedelta(hours=1))
    assert {drift.drift_class for drift in old} == {DriftClass.STALE}
    assert all("in sync" in drift.explanation and drift.is_deviation for drift in old)


def test_unmanaged_parameters_are_not_judged():
    assert classify({}, observation(work=seen("1")), CATALOG, at=AT) == ()


@given(st.integers(64, 2**31 - 1), st.integers(64, 2**31 - 1))
def test_in_sync_is_equality_of_meaning(desired, running):
    drift = judge("work", f"{desired}kB", seen(str(running), DEFAULT), CATALOG)
    assert (drift.drift_class is DriftClass.IN_SYNC) == (desired == running)


def test_what_an_operator_declares_wins_and_is_marked():
    facts = Facts(ram_bytes=2**30, vcpu=2, sources={"ram_bytes": "/proc/meminfo"})
    told = facts.with_declared(DeclaredFacts(ram_bytes=2**33))
    assert (told.ram_bytes, told.vcpu, told.sources["ram_bytes"]) == (2**33, 2, "operator")
    assert facts.with_declared(None) is facts

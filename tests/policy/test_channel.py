"""Channels: what they listen to, and of which instances."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from setpoint.config.configuration import Instance
from setpoint.policy.channel import Channel, fits, unmatched
from setpoint.policy.selector import parse_selector

AT = datetime(2026, 3, 1, tzinfo=UTC)
WEB = Instance(engine="simulated", target="memory:a", environment="production")


def channel(**fields) -> Channel:
    return Channel(**{"id": "ops", "kind": "log", "by": "lin", "at": AT, **fields})


@pytest.mark.parametrize(
    ("pattern", "event", "is_meant"),
    [
        ("*", "override.ended", True),
        ("override.*", "override.ended", True),
        ("override.*", "overrides.ended", False),
        ("override.*", "override", False),
        ("override.ended", "override.ended", True),
        ("override.end", "override.ended", False),
        (".*", "override.ended", False),
        ("", "override.ended", False),
    ],
)
def test_a_pattern_means_an_action_its_family_or_all(pattern, event, is_meant):
    assert fits(pattern, event) is is_meant


def test_a_channel_wants_what_any_of_its_patterns_means():
    ops = channel(events=("override.*", "rollout.halted"))
    assert ops.wants("override.overdue")
    assert ops.wants("rollout.halted")
    assert not ops.wants("rollout.done")


def test_a_scope_leaves_instances_out_but_nothing_that_is_of_no_instance():
    ops = channel(scope=parse_selector("environment=staging"))
    assert not ops.reaches("web", WEB)
    assert ops.reaches("rollout-7", None)
    assert channel().reaches("web", WEB)


def test_patterns_that_mean_nothing_are_named():
    known = ("override.ended", "rollout.halted")
    assert unmatched(("override.*", "rolout.halted", "*", "waiver.*"), known) == ("rolout.halted", "waiver.*")

"""Rollouts under policy: windows, guardrails, refusals, approvals, and a worker with a token of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.control.rollouts.fleet import wish
from tests.control.town import found

from setpoint.control import proposals, voting
from setpoint.control.configure import commit, with_parts
from setpoint.control.rollouts.starting import start
from setpoint.errors import NotPermittedError, RefusedError
from setpoint.faces.api import Setpoint
from setpoint.policy.person import Role
from setpoint.policy.rollout import Amount

_ROLES = {
    "lin": (Role.ADMINISTRATOR, Role.OPERATOR),
    "mara": (Role.APPROVER,),
    "robot": (Role.OPERATOR,),
    "vic": (Role.VIEWER,),
}


def _put(fleet, text):
    commit(fleet.context, lambda c: with_parts(c, {"policy:p": f"policy: p\n{text}"}), reason="rules")


def test_what_policy_refuses_is_told_before_anything_begins(make_fleet):
    fleet = make_fleet(2)
    _put(fleet, "locks: [{id: interval, parameters: [checkpoint_interval]}]")
    with pytest.raises(RefusedError, match="p/interval"):
        fleet.start()
    assert not fleet.store.rollouts.all()


def test_a_window_is_waited_for(make_fleet):
    fleet = make_fleet(2)
    _put(fleet, "windows: [{id: noon, what: change, opens: 12:00, closes: 13:00}]")
    made = fleet.start()
    fleet.run(made.id, until="held")
    assert "p/noon" in next(iter(fleet.targets(made.id).values())).why
    fleet.run(made.id)
    assert fleet.states(made.id) == {"kept": 2}
    applied = fleet.store.audit.rows(action="rollout.applied")
    assert {row.at.hour for row in applied} == {12}


def test_a_broken_guardrail_halts_it_and_takes_the_wave_back(make_fleet):
    """The guardrail holds while the apply is watched, and breaks during the soak."""
    fleet = make_fleet(5)
    _put(fleet, "guardrails: [{id: waits, holds: lock_waiters < 5, watch: 2s}]")
    made = fleet.start(soak_seconds=120.0)
    fleet.run(made.id, until="soaking")
    name = next(name for name, each in fleet.targets(made.id).items() if each.state.value == "soaking")
    fleet.loads[name].waiters = 9.0
    over = fleet.run(made.id)
    assert over.state.value == "halted"
    assert "p/waits is broken" in over.why
    assert fleet.states(made.id) == {"taken back": 2, "skipped": 3}


@pytest.mark.parametrize(
    ("unknown", "state"), [("go on", "kept"), ("hold", "taken back"), ("take back", "taken back")]
)
def test_a_guardrail_that_cannot_be_judged_follows_its_rule(make_fleet, unknown, state):
    fleet = make_fleet(1)
    _put(fleet, f"guardrails: [{{id: g, holds: temp_bytes < 5, watch: 20s, unknown: {unknown}}}]")
    made = fleet.start()
    fleet.run(made.id)
    assert set(fleet.states(made.id)) == {state}
    if unknown == "hold":
        held = fleet.targets(made.id)["i0"]
        rows = {row.action: row.at for row in fleet.store.audit.rows(subject="i0")}
        assert held.applied_at is not None
        assert (rows["rollout.taking_back"] - held.applied_at).total_seconds() >= 80


@pytest.mark.parametrize("unknown", ["hold", "take back"])
def test_what_is_not_known_before_an_apply_follows_the_rules(make_fleet, unknown):
    """A simulated server tells neither backups nor free disk."""
    fleet = make_fleet(2)
    made = fleet.start(unknown=unknown, patience_seconds=100.0)
    fleet.run(made.id)
    assert fleet.states(made.id) == {"skipped": 2}
    assert "not known: running backups, free disk" in fleet.targets(made.id)["i0"].why


def _governed(fleet):
    """Make people known; answer a context for each, by the fleet's clock."""
    town = found(Setpoint(fleet.context), _ROLES)
    fleet.at = town.clock()
    base = fleet.context
    contexts = {
        name: replace(getattr(town, name)._context, now=lambda: fleet.at, wait=fleet.wait, state=base.state)
        for name in _ROLES
    }
    fleet.context = contexts["robot"]
    return contexts


def test_targets_that_need_approvals_wait_for_them(make_fleet):
    fleet = make_fleet(3)
    _put(fleet, "approvals: {durability: 1}")
    people = _governed(fleet)
    made = start(people["lin"], wish(settings={"durable": "off"}, canary=Amount(count=3)))
    assert (made.by, fleet.states(made.id)) == ("lin", {"held": 3})
    asked = proposals.changes(people["mara"])
    assert {each.author for each in asked} == {"lin"}
    for each in asked[:2]:
        voting.approve(people["mara"], each.id)
    for _ in range(60):
        fleet.controller.poll(fleet.context)
        fleet.wait(10)
    assert fleet.states(made.id) == {"kept": 2, "held": 1}
    voting.reject(people["mara"], asked[2].id, reason="no")
    fleet.run(made.id)
    assert fleet.states(made.id) == {"kept": 2, "skipped": 1}


def test_who_may_not_apply_starts_nothing(make_fleet):
    fleet = make_fleet(2)
    people = _governed(fleet)
    for name in ("vic", "mara"):
        with pytest.raises(NotPermittedError, match=f"{name} may not"):
            start(people[name], wish())
    made = start(people["lin"], wish())
    fleet.run(made.id)
    assert fleet.states(made.id) == {"kept": 2}

"""What gets through the gate, and what does not, from the proposal to the instance."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import msgspec
import pytest
from tests.control.conftest import NAME, PART
from tests.control.town import Town, found

from setpoint.config.configuration import Group, Instance
from setpoint.errors import (
    ConflictError,
    GuardrailError,
    InputError,
    NotPermittedError,
    RefusedError,
    StalePlanError,
)
from setpoint.policy.approval import Change
from setpoint.policy.person import Role
from setpoint.policy.selector import parse_selector

POLICY = """
policy: safety
approvals: {durability: 1}
locks:
  - {id: page, parameters: [page_cost], why: nobody touches it}
  - {id: careful, classes: [durability], outcome: ask, restore: true}
emergency:
  - {id: glass, may break: [locks], classes: [durability]}
"""


@pytest.fixture
def town(setpoint) -> Town:
    setpoint.governance.put_policy("safety", POLICY, reason="begins")
    return found(setpoint)


def wish(front, **settings: str):
    front.change_settings(PART, settings, reason="a wish")
    return front.plan(NAME).plan


def propose(front, made) -> Change:
    return front.governance.propose(made.hash, reason="it must be")


def test_what_no_rule_speaks_of_needs_nobody(town, server):
    town.lin.apply(wish(town.lin, sort_memory="16MB"))
    assert server.persisted == {"sort_memory": "16MB"}


def test_a_guarded_parameter_moves_with_another_persons_approval_and_once(town, server):
    made = wish(town.lin, durable="off")
    with pytest.raises(RefusedError, match=r"durability: 1 of approver"):
        town.lin.apply(made)
    change = propose(town.lin, made)
    with pytest.raises(RefusedError, match="lacks approvals"):
        town.lin.apply(made)
    town.mara.governance.approve(change.id)
    town.lin.apply(made)
    assert server.running["durable"] == "off"
    assert town.reads("change.spent")[0]["approved_by"] == ["mara"]
    assert town.lin.governance.change(change.id)[0].state == "spent"
    server.set_by_hand("durable", "on")
    again = town.lin.plan(NAME).plan
    assert again.hash != made.hash


@pytest.mark.parametrize(
    ("who", "why"),
    [("lin", "their own change|may not"), ("vic", "may not approve"), ("pola", "holds none of the roles")],
)
def test_who_has_no_voice_is_told_so_and_leaves_a_row(town, who, why):
    change = propose(town.lin, wish(town.lin, durable="off"))
    with pytest.raises((RefusedError, NotPermittedError), match=why):
        getattr(town, who).governance.approve(change.id)
    assert town.reads("gate.refused")[-1]["right"] == "approve a change"


def test_a_lock_that_refuses_is_told_when_the_wish_is_written_down(town):
    town.lin.observe(NAME)
    with pytest.raises(RefusedError, match=r"page_cost: may not move.*safety/page"):
        town.lin.change_settings(PART, {"page_cost": "2.5"}, reason="faster")
    assert "page_cost" not in town.lin.configuration().instance(NAME).settings


def test_a_change_of_policy_takes_the_ground_from_under_a_proposal(town, server):
    made = wish(town.lin, durable="off")
    change = propose(town.lin, made)
    town.mara.governance.approve(change.id)
    proposal = town.lin.governance.put_policy("safety", POLICY.replace("1}", "2}", 1), reason="stricter")
    assert isinstance(proposal, Change)
    town.pola.governance.approve(proposal.id)
    town.lin.governance.carry_out(proposal.id)
    with pytest.raises((RefusedError, StalePlanError)):
        town.lin.apply(made)
    assert town.lin.governance.change(change.id)[0].state == "withdrawn"
    assert server.persisted == {}


def test_policy_is_not_changed_by_its_author_alone(town):
    proposal = town.lin.governance.remove_policy("safety", reason="in the way")
    with pytest.raises(RefusedError, match="own change"):
        town.lin.governance.approve(proposal.id)
    with pytest.raises(RefusedError, match="lacks approvals"):
        town.lin.governance.carry_out(proposal.id)
    assert "safety" in town.lin.governance.policies()


def test_an_edit_elsewhere_leaves_a_proposal_as_it_is(town, server):
    made = wish(town.lin, durable="off")
    town.mara.governance.approve(propose(town.lin, made).id)
    town.lin.put_group("others", Group(engine="simulated"), reason="something else")
    town.lin.apply(made)
    assert server.running["durable"] == "off"


def test_an_approval_ends_and_a_proposal_too(town):
    made = wish(town.lin, durable="off")
    change = propose(town.lin, made)
    town.mara.governance.approve(change.id)
    town.clock.pass_by(hours=25)
    with pytest.raises(RefusedError):
        town.lin.apply(made)
    with pytest.raises(RefusedError, match="expired"):
        town.otto.governance.approve(change.id)


def test_who_lost_the_role_has_no_voice_any_more(town):
    from setpoint.control import people

    made = wish(town.lin, durable="off")
    change = propose(town.lin, made)
    town.mara.governance.approve(change.id)
    people.remove_person(town.founder._context, "mara", reason="leaves", permit=town.permit())
    with pytest.raises(RefusedError, match="mara is not among the people"):
        town.lin.apply(made)
    with pytest.raises(NotPermittedError):
        town.mara.governance.approve(change.id)


def test_an_instance_does_not_slip_out_of_a_scope(town):
    from dataclasses import replace  # noqa: F401

    instance = town.lin.configuration().instance(NAME)
    moved = msgspec.structs.replace(instance, environment="staging")
    with pytest.raises(NotPermittedError, match="out from under"):
        town.lin.change_instance(NAME, moved, reason="a move")
    with pytest.raises(NotPermittedError, match="would be taken out"):
        town.lin.remove_instance(NAME, reason="gone")
    with pytest.raises(NotPermittedError, match="has the target of"):
        town.lin.add_instance(
            "twin", msgspec.structs.replace(instance, environment="staging"), reason="a twin"
        )


@pytest.mark.parametrize("field", ["restart_command", "password"])
def test_what_runs_or_is_read_as_setpoints_account_is_not_an_operators_to_choose(town, field):
    plain = Instance(engine="simulated", target="memory:mine")
    text = {"restart_command": "sh -c mine", "password": "file:/etc/shadow"}[field]
    mine = msgspec.structs.replace(plain, **{field: text})
    town.settle("ova", Role.OPERATOR)
    with pytest.raises(NotPermittedError, match="may not bring in"):
        town.ova.add_instance("mine", mine, reason="mine")
    town.lin.add_instance("first", mine, reason="an administrator's")
    town.ova.add_instance(
        "second", msgspec.structs.replace(mine, target="memory:other"), reason="like the first"
    )


def test_an_operator_stays_in_their_scope(town, server):
    town.settle("ova", Role.OPERATOR, scope=parse_selector("instance=other"))
    with pytest.raises(NotPermittedError, match="may not edit instance:shop"):
        town.ova.change_settings(PART, {"sort_memory": "16MB"}, reason="mine")
    with pytest.raises(NotPermittedError, match="may not edit fleet:simulated"):
        town.ova.change_settings("fleet:simulated", {"sort_memory": "16MB"}, reason="all")
    made = wish(town.lin, sort_memory="16MB")
    with pytest.raises(NotPermittedError, match="may not apply a plan on shop"):
        town.ova.apply(made)
    assert server.persisted == {}


def test_taking_back_is_judged_like_any_change(town, server):
    made = wish(town.lin, durable="off")
    town.mara.governance.approve(propose(town.lin, made).id)
    town.lin.apply(made)
    with pytest.raises(RefusedError, match="durability"):
        town.lin.undo(NAME)
    change = town.lin.governance.propose_undo(NAME, reason="back")
    town.otto.governance.approve(change.id)
    town.lin.undo(NAME)
    assert server.running["durable"] == "on"


def test_what_was_moved_behind_our_back_is_an_incident_and_put_back_as_policy_says(town, server):
    made = wish(town.lin, durable="on", sort_memory="16MB")
    town.lin.apply(made)
    town.mara.governance.approve(propose(town.lin, wish(town.lin, durable="off")).id)
    town.lin.apply(town.lin.plan(NAME).plan)
    server.set_by_hand("durable", "on")
    town.lin.observe(NAME)
    (incident,) = town.lin.governance.incidents(NAME)
    assert (incident.parameter, incident.before, incident.after) == ("durable", "off", "on")
    town.lin.observe(NAME)
    assert len(town.reads("incident.found")) == 1
    town.lin.apply(town.lin.plan(NAME).plan)
    town.lin.observe(NAME)
    assert town.lin.governance.incidents(NAME) == ()
    assert server.running["durable"] == "off"


def test_what_a_person_moved_and_put_back_leaves_no_incident_open(town, server):
    town.lin.observe(NAME)
    server.set_by_hand("durable", "off")
    town.lin.observe(NAME)
    assert [each.after for each in town.lin.governance.incidents(NAME)] == ["off"]
    server.set_by_hand("durable", "on")
    town.lin.observe(NAME)
    assert town.lin.governance.incidents(NAME) == ()
    assert len(town.reads("incident.found")) == 1


def test_an_emergency_breaks_what_policy_lets_it_break(town, server):
    made = wish(town.lin, durable="off")
    with pytest.raises(NotPermittedError, match="act in an emergency"):
        town.lin.apply(made, emergency="the disk is slow")
    town.emil.apply(made, emergency="the disk is slow")
    assert server.running["durable"] == "off"
    assert town.reads("emergency.begun")[0]["because"] == "the disk is slow"


def test_two_applies_do_not_share_one_approval(town, monkeypatch):
    from setpoint.control import execution, proposals

    made = wish(town.lin, durable="off")
    town.mara.governance.approve(propose(town.lin, made).id)
    inner = proposals.spend

    def spend(context, permit, effect):
        with_another = town.lin._context
        monkeypatch.setattr(execution.proposals, "spend", inner)
        inner(with_another, permit, "somebody else was faster")
        inner(context, permit, effect)

    monkeypatch.setattr(execution.proposals, "spend", spend)
    with pytest.raises(ConflictError, match="used or changed"):
        town.lin.apply(made)


def test_only_plans_made_here_are_applied(town):
    made = wish(town.lin, sort_memory="16MB")
    forged = msgspec.structs.replace(made, warnings=("mine",))
    with pytest.raises(RefusedError, match="made no such plan"):
        town.lin.apply(forged)


def test_a_guardrail_that_breaks_ends_the_change(setpoint, server):
    setpoint.governance.put_policy(
        "watch",
        "policy: watch\nguardrails: [{id: calm, holds: txn_rollback <= 0, watch: 20s, every: 5s}]\n",
        reason="begins",
    )
    town = found(setpoint)
    made = wish(town.lin, sort_memory="16MB")
    try:
        town.lin.apply(made)
    except GuardrailError:
        assert server.persisted == {}
    else:
        assert town.reads("guardrail.")


@pytest.mark.parametrize(
    ("unknown", "seconds", "stays"), [("go on", 20, True), ("take back", 20, False), ("hold", 40, False)]
)
def test_a_guardrail_that_cannot_be_judged_follows_its_rule(setpoint, server, unknown, seconds, stays):
    rule = f"{{id: calm, holds: lock_waiters < 5, watch: 20s, every: 5s, unknown: {unknown}}}"
    setpoint.governance.put_policy("watch", f"policy: watch\nguardrails: [{rule}]\n", reason="begins")
    town = found(setpoint)
    made = wish(town.lin, sort_memory="16MB")
    began = town.clock.at
    with nullcontext() if stays else pytest.raises(GuardrailError, match="could not be judged"):
        town.lin.apply(made)
    assert (town.clock.at - began).total_seconds() == seconds
    assert server.persisted == ({"sort_memory": "16MB"} if stays else {})


def test_a_store_of_one_user_has_nobody_to_ask(setpoint):
    setpoint.governance.put_policy("safety", POLICY, reason="begins")
    setpoint.change_settings(PART, {"durable": "off"}, reason="a wish")
    made = setpoint.plan(NAME).plan
    with pytest.raises(RefusedError, match="no second person"):
        setpoint.governance.propose(made.hash, reason="it must be")


def test_a_proposal_says_why(town):
    made = wish(town.lin, durable="off")
    with pytest.raises(InputError, match="no reason"):
        town.lin.governance.propose(made.hash, reason="  ")


def test_a_proposal_that_waits_too_long_reaches_further_people(setpoint, server):
    late = "approvals: {durability: {quorum: 1, service level: 4h, escalates to: [policy owner]}}"
    setpoint.governance.put_policy("safety", f"policy: safety\n{late}\n", reason="begins")
    town = found(setpoint)
    made = wish(town.lin, durable="off")
    change = propose(town.lin, made)
    with pytest.raises(RefusedError, match="holds none of the roles"):
        town.pola.governance.approve(change.id)
    town.clock.pass_by(hours=5)
    (waiting,) = town.lin.governance.changes(is_open_only=True)
    assert waiting.escalated_at == town.clock()
    assert [row["to"] for row in town.reads("change.escalated")] == [["policy owner"]]
    town.pola.governance.approve(change.id)
    town.lin.apply(made)
    assert server.running["durable"] == "off"
    assert len(town.reads("change.escalated")) == 1


def test_a_lent_voice_counts_until_its_end(town, server):
    made = wish(town.lin, durable="off")
    change = propose(town.lin, made)
    town.mara.governance.people.delegate("vic", lasts=timedelta(hours=2), reason="away")
    town.clock.pass_by(hours=3)
    with pytest.raises(RefusedError, match="holds none of the roles"):
        town.vic.governance.approve(change.id)
    town.mara.governance.people.delegate("vic", lasts=timedelta(hours=2), reason="away again")
    town.vic.governance.approve(change.id)
    with pytest.raises(RefusedError, match="has a voice on"):
        town.mara.governance.approve(change.id)
    town.lin.apply(made)
    assert town.reads("change.spent")[0]["approved_by"] == ["vic for mara"]
    assert server.running["durable"] == "off"


def test_a_way_back_applied_as_a_plan_leaves_nothing_to_be_put_back_for_nothing(town, server):
    """What was given back is ours no more, so that going there again is no putting back."""
    town.mara.governance.approve(propose(town.lin, wish(town.lin, durable="off")).id)
    town.lin.apply(town.lin.plan(NAME).plan)
    back = town.lin.governance.propose_undo(NAME, reason="it was bad")
    town.otto.governance.approve(back.id)
    town.lin.apply(town.lin.find_plan(back.digest))
    assert server.running["durable"] == "on"
    with pytest.raises(RefusedError, match="durability"):
        town.lin.apply(town.lin.plan(NAME).plan)
    assert server.running["durable"] == "on"


@pytest.mark.parametrize("part", [PART, "fleet:simulated"])
def test_who_asked_for_it_does_not_apply_it_where_duties_are_apart(setpoint, server, part):
    apart = "policy: apart\nseparation: {author may apply: false}\n"
    setpoint.governance.put_policy("apart", apart, reason="begins")
    town = found(setpoint)
    town.settle("ova", Role.OPERATOR)
    town.lin.change_settings(part, {"sort_memory": "16MB"}, reason="a wish")
    made = town.lin.plan(NAME).plan
    with pytest.raises(RefusedError, match="must leave applying it to somebody else"):
        town.lin.apply(made)
    town.ova.apply(made)
    assert server.persisted["sort_memory"] == "16MB"

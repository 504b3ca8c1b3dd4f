"""Approvals: bent, borrowed, replayed, hoarded."""

from __future__ import annotations

import pytest
from tests.attacks.scene import PART, SHOP, Attacked

from setpoint.control import people
from setpoint.control.permit import Permit
from setpoint.errors import ConflictError, NotPermittedError, RefusedError, StalePlanError
from setpoint.policy.person import Grant, Person, Principal, Right, Role
from setpoint.policy.selector import parse_selector


def test_without_an_approval_nothing_happens(town):
    made = town.wish(durable="off")
    with town.refused("needs approvals"):
        town.olaf.apply(made)


def test_nobody_approves_their_own_change(town):
    """An operator who is an approver, too, is not one for what they proposed."""
    change = town.propose(town.wish("lin", durable="off"), "lin")
    with town.refused("nobody approves their own change"):
        town.lin.governance.approve(change.id)


def test_nobody_approves_their_own_change_with_a_voice_lent_to_them(town):
    change = town.propose(town.wish("lin", durable="off"), "lin")
    town.mara.governance.people.delegate("lin", lasts=_days(3), reason="away")
    with town.refused("nobody approves their own change"):
        town.lin.governance.approve(change.id)


def test_nobody_speaks_for_the_author(town):
    """Whoever the author lent their voice to has no voice of the author's on the author's change."""
    town.lin.governance.people.delegate("olaf", lasts=_days(3), reason="away")
    change = town.propose(town.wish("lin", durable="off"), "lin")
    with town.refused("holds none of the roles"):
        town.olaf.governance.approve(change.id)


def test_nobody_lends_their_voice_to_themselves(town):
    with pytest.raises(Exception, match="one's own voice is one's own already"):
        town.lin.governance.people.delegate("lin", lasts=_days(3), reason="to be two")


def test_nobody_approves_their_own_wish_that_a_service_proposed(town):
    """Whoever has a service's token beside their own would be author and approver in one person."""
    robot = town.front(town.add(Person(name="robot", is_service=True, grants=(Grant(role=Role.OPERATOR),))))
    made = town.wish("lin", durable="off")
    change = robot.governance.propose(made.hash, reason="nightly")
    with town.refused("own"):
        town.lin.governance.approve(change.id)


def test_nobody_approves_their_own_wish_that_a_colleague_proposed(town):
    made = town.wish("lin", durable="off")
    change = town.propose(made, "olaf")
    with town.refused("own"):
        town.lin.governance.approve(change.id)


def test_an_approved_waiver_does_not_outlive_the_policy_it_was_approved_under(town):
    from datetime import timedelta

    from setpoint.policy.approval import Change
    from setpoint.policy.selector import ALL

    ends = town.clock() + timedelta(days=3)
    change = town.olaf.governance.add_waiver(
        owner="olaf", reason="old", scope=ALL, parameter="durable", ends_at=ends
    )
    assert isinstance(change, Change)
    town.mara.governance.approve(change.id)
    town.decide(_quorum(2))
    with town.refused("is withdrawn"):
        town.olaf.governance.carry_out(change.id)


def test_two_voices_of_one_person_are_one(town):
    """Approving oneself and for somebody who lent their voice is one person's approval."""
    town.decide(_quorum(2))
    change = town.propose(town.wish(durable="off"))
    town.otto.governance.people.delegate("mara", lasts=_days(3), reason="away")
    town.mara.governance.approve(change.id)
    with town.refused("mara has a voice on .* already"):
        town.mara.governance.approve(change.id)


def test_one_person_behind_two_tokens_is_one(town):
    town.decide(_quorum(2))
    made = town.wish(durable="off")
    change = town.propose(made)
    town.mara.governance.approve(change.id)
    with town.refused("mara has a voice on .* already"):
        town.front(town.token("mara")).governance.approve(change.id)
    with town.refused("lacks approvals"):
        town.olaf.apply(made)


def test_two_people_cannot_have_one_account(town):
    town.add(Person(name="nina", accounts=("oidc:https://id.example#7",)))
    with pytest.raises(RefusedError, match="is nina's"):
        town.add(Person(name="nora", accounts=("oidc:https://id.example#7",)))


def test_an_approval_counts_for_its_plan_only(town):
    town.approved(durable="off")
    other = town.wish(durable="off", sort_memory="64MB")
    with town.refused("needs approvals"):
        town.olaf.apply(other)


def test_an_approval_for_one_instance_counts_for_no_other(town):
    from uuid import uuid4

    from setpoint.config.configuration import Instance

    twin = Instance(engine="simulated", target=f"memory:{uuid4()}", environment="production")
    town.olaf.add_instance("twin", twin, reason="another")
    town.approved(durable="off")
    town.olaf.change_settings("instance:twin", {"durable": "off"}, reason="a wish")
    with town.refused("needs approvals"):
        town.olaf.apply(town.olaf.plan("twin").plan)


def test_an_approval_serves_once(town):
    made, change = town.approved(durable="off")
    town.olaf.apply(made)
    town.server.set_by_hand("durable", None, running="on")
    with town.refused("needs approvals"):
        town.olaf.apply(made)
    assert town.olaf.governance.change(change.id)[0].state == "spent"


def test_an_approval_does_not_outlive_an_edit_of_the_configuration(town):
    made, change = town.approved(durable="off")
    town.olaf.change_settings(PART, {"sort_memory": "64MB"}, reason="slipped in afterwards")
    with town.refused("changed after the plan was made", StalePlanError):
        town.olaf.apply(made)
    assert town.olaf.governance.change(change.id)[0].state == "withdrawn"


def test_an_approval_does_not_outlive_its_giver(town):
    made, _ = town.approved(durable="off")
    town.remove("mara")
    with town.refused("mara is not among the people any more"):
        town.olaf.apply(made)


def test_an_approval_does_not_outlive_its_givers_role(town):
    made, _ = town.approved(durable="off")
    town.grant("mara", Grant(role=Role.VIEWER))
    with town.refused("lacks approvals"):
        town.olaf.apply(made)


def test_an_approval_does_not_outlive_its_time(town):
    made, change = town.approved(durable="off")
    town.clock.pass_by(hours=25)
    with town.refused("needs approvals"):
        town.olaf.apply(made)
    with town.refused("is expired"):
        town.otto.governance.approve(change.id)


def test_a_rejected_change_is_not_approved_after_all(town):
    made = town.wish(durable="off")
    change = town.propose(made)
    town.mara.governance.approve(change.id)
    town.otto.governance.reject(change.id, reason="no")
    with town.refused("is rejected"):
        town.lin.governance.approve(change.id)
    with town.refused("needs approvals"):
        town.olaf.apply(made)


def test_an_ended_change_is_not_ended_again(town):
    change = town.propose(town.wish(durable="off"))
    town.otto.governance.reject(change.id, reason="no")
    with town.refused("is rejected"):
        town.mara.governance.reject(change.id, reason="no, too")
    with town.refused("is rejected"):
        town.olaf.governance.withdraw(change.id, reason="never mind")


def test_nobody_withdraws_what_another_proposed(town):
    change = town.propose(town.wish(durable="off"))
    with town.refused("only olaf can withdraw"):
        town.lin.governance.withdraw(change.id, reason="in my way")


def test_a_service_has_no_voice(town):
    robot = town.front(town.add(Person(name="robot", is_service=True, grants=(Grant(role=Role.APPROVER),))))
    change = town.propose(town.wish(durable="off"))
    with town.refused("none of the roles|is a service"):
        robot.governance.approve(change.id)


def test_a_voice_is_not_lent_to_a_service(town):
    town.add(Person(name="robot", is_service=True, grants=(Grant(role=Role.APPROVER),)))
    with town.refused("is a service"):
        town.mara.governance.people.delegate("robot", lasts=_days(3), reason="automation")


def test_who_lent_a_voice_and_was_removed_is_not_spoken_for(town):
    made = town.wish(durable="off")
    change = town.propose(made)
    town.mara.governance.people.delegate("vic", lasts=_days(3), reason="away")
    town.vic.governance.approve(change.id)
    town.remove("mara")
    with town.refused("mara is not among the people any more"):
        town.olaf.apply(made)


def test_an_ended_delegation_gives_no_voice(town):
    change = town.propose(town.wish(durable="off"))
    lent = town.mara.governance.people.delegate("vic", lasts=_days(3), reason="away")
    town.mara.governance.people.end_delegation(lent.id, reason="back")
    with town.refused("may not approve"):
        town.vic.governance.approve(change.id)


def test_a_lent_voice_is_not_lent_on(town):
    town.mara.governance.people.delegate("vic", lasts=_days(3), reason="away")
    with town.refused("may not approve|no voice to lend"):
        town.vic.governance.people.delegate("olaf", lasts=_days(3), reason="further on")


def test_who_approves_says_what_they_read(town):
    change = town.propose(town.wish(durable="off"))
    with town.refused("is for .*, not for"):
        town.mara.governance.approve(change.id, digest="0" * 64)


def test_a_beginning_of_a_hash_too_short_to_mean_anything_is_not_what_was_read(town):
    """One hexadecimal digit fits every sixteenth plan."""
    change = town.propose(town.wish(durable="off"))
    with town.refused("too short|more digits"):
        town.mara.governance.approve(change.id, digest=change.digest[:1])


def test_a_change_is_not_found_by_a_beginning_that_fits_several(town):
    town.propose(town.wish(durable="off"))
    with pytest.raises(Exception, match="there is no change"):
        town.mara.governance.approve("c")
    with pytest.raises(Exception, match="there is no change"):
        town.mara.governance.approve("%")
    with pytest.raises(Exception, match="there is no change"):
        town.mara.governance.approve("c_________")


def test_what_was_approved_is_withdrawn_when_policy_changes(town):
    """Downgrade the policy, then apply: what was approved under the other one counts no more."""
    made, change = town.approved(durable="off")
    town.decide(_quorum(1).replace("outcome: ask", "outcome: ask, restore: true"))
    with town.refused("changed after the plan was made|needs approvals", RefusedError):
        town.olaf.apply(made)
    assert town.olaf.governance.change(change.id)[0].state == "withdrawn"


def test_a_policy_is_not_weakened_without_an_approval(town):
    weak = "policy: safety\nscope: {environment: [production]}\nwhy: nothing\n"
    for attempt in (
        lambda: town.olaf.governance.put_policy("safety", weak, reason="out of my way"),
        lambda: town.olaf.governance.remove_policy("safety", reason="out of my way"),
        lambda: town.olaf.import_fleet(_without_policies(town), "f.yaml", reason="out of my way"),
        lambda: town.olaf.revert("HEAD~1", reason="to before the policy"),
    ):
        with town.refused("may not change policy|only by an approved change"):
            attempt()


def test_a_policy_owner_alone_weakens_nothing(town):
    change = town.pola.governance.remove_policy("safety", reason="out of my way")
    with town.refused("lacks approvals"):
        town.pola.governance.carry_out(change.id)
    with town.refused("nobody approves their own change"):
        town.pola.governance.approve(change.id)
    with town.refused("holds none of the roles"):
        town.mara.governance.approve(change.id)
    assert "safety" in town.olaf.governance.policies()


def test_a_hoarded_change_of_policy_does_not_undo_a_later_one(town):
    old = town.pola.governance.put_policy("safety", _quorum(1), reason="one is enough")
    town.paul.governance.approve(old.id)
    town.decide(_quorum(3))
    with town.refused("is withdrawn"):
        town.pola.governance.carry_out(old.id)


def test_a_change_of_a_removed_author_is_not_carried_out(town):
    """Who has no rights any more gets nothing done through what they left behind."""
    change = town.pola.governance.remove_policy("safety", reason="a farewell")
    town.paul.governance.approve(change.id)
    town.remove("pola")
    with town.refused("pola"):
        town.olaf.governance.carry_out(change.id)


def test_separation_of_duties_is_not_evaded_by_a_further_token(town):
    town.decide(_quorum(1) + "separation: {author may apply: false}\n")
    made, _ = town.approved(durable="off")
    with town.refused("must leave applying it to somebody else"):
        town.front(town.token("olaf")).apply(made)


def test_an_emergency_needs_the_right_and_a_reason(town):
    made = town.wish(durable="off")
    with town.refused("may not act in an emergency"):
        town.olaf.apply(made, emergency="I am in a hurry")
    with town.refused("reason"):
        town.emil.apply(made, emergency=" \t")
    with town.refused("longer than"):
        town.emil.apply(made, emergency="x" * 5000)
    town.emil.apply(made, emergency="the disk is full")
    assert [row.detail["because"] for row in town.rows("emergency.begun")] == ["the disk is full"]


def test_an_emergency_breaks_only_what_policy_lets_it_break(town):
    town.olaf.observe(SHOP)
    with town.refused("policy refuses it"):
        town.wish(page_cost="1.0")
    town.decide(_quorum(1))
    made = town.wish(page_cost="1.0")
    town.decide(_quorum(1, extra="  - {id: page, parameters: [page_cost]}\n"))
    made = town.olaf.plan(SHOP).plan
    with town.refused("policy refuses it"):
        town.emil.apply(made, emergency="the disk is full")


def test_a_permit_made_by_hand_lasts_for_nothing_a_face_offers(town):
    """A permit is what the gate hands to doers; no face takes one."""
    import inspect

    from setpoint.faces.governance import Governance
    from setpoint.faces.people import People

    forged = Permit(Principal(name="ada", account="", is_single_user=True), Right.APPLY)
    for owner in (type(town.olaf), Governance, People):
        for name, method in inspect.getmembers(owner, inspect.isfunction):
            assert "permit" not in inspect.signature(method).parameters, name
    with pytest.raises(TypeError):
        town.olaf.apply(town.wish(durable="off"), permit=forged)


def test_an_approver_of_elsewhere_does_not_count(town):
    town.grant("mara", Grant(role=Role.APPROVER, scope=parse_selector("environment=lab")))
    made = town.wish(durable="off")
    change = town.propose(made)
    with town.refused("holds none of the roles"):
        town.mara.governance.approve(change.id)


def test_an_owner_has_a_voice_where_policy_asks_for_the_owners(town):
    """Not an attack, its opposite: who is asked for must be let in, or the quorum can never be met."""
    town.decide(_quorum(1).replace("durability: {quorum: 1}", "durability: {quorum: 1, owner: true}"))
    town.settle("olga", Role.OPERATOR)
    made = town.wish(durable="off")
    change = town.propose(made)
    town.mara.governance.approve(change.id)
    town.olga.governance.approve(change.id)
    town.olaf.apply(made)


def test_who_makes_themselves_the_owner_is_refused(town):
    import msgspec

    town.decide(_quorum(1).replace("durability: {quorum: 1}", "durability: {quorum: 1, owner: true}"))
    shop = town.olaf.configuration().instance(SHOP)
    mine = msgspec.structs.replace(shop, labels={"owner": "mara"})
    with town.refused("take it out from under"):
        town.olaf.change_instance(SHOP, mine, reason="mine now")


def test_of_two_voices_given_at_once_none_is_lost(town):
    """Both read the same state; the second writer is told to look again, and its voice is not swallowed."""
    from setpoint.control import proposals

    change = town.propose(town.wish(durable="off"))
    stale = proposals.find(town.context, change.id)
    town.mara.governance.approve(change.id)
    permit = Permit(Principal(name="otto", account="test"), Right.APPROVE)
    with pytest.raises(ConflictError):
        proposals.keep_change(town.context, permit, stale, stale.value, "change.approved", {})


def test_a_viewers_token_of_an_approver_approves_nothing(town):
    people.put_person(
        town.context,
        Person(name="mara", grants=(Grant(role=Role.APPROVER), Grant(role=Role.VIEWER))),
        reason="both",
        permit=town.permit(),
    )
    change = town.propose(town.wish(durable="off"))
    narrow = town.front(town.token("mara", roles=(Role.VIEWER,)))
    with town.refused("may not approve", NotPermittedError):
        narrow.governance.approve(change.id)


def test_a_narrowed_token_does_not_carry_lent_voices(town):
    """What the token does not hold, its bearer does not hold: not for themselves and not for others."""
    town.otto.governance.people.delegate("mara", lasts=_days(3), reason="away")
    change = town.propose(town.wish(durable="off"))
    narrow = town.front(town.token("mara", scope=parse_selector("environment=lab")))
    with town.refused("holds none of the roles"):
        narrow.governance.approve(change.id)


def test_a_narrowed_token_does_not_speak_as_the_owner(town):
    town.decide(_quorum(1).replace("durability: {quorum: 1}", "durability: {quorum: 1, owner: true}"))
    town.settle("olga", Role.APPROVER)
    change = town.propose(town.wish(durable="off"))
    narrow = town.front(town.token("olga", scope=parse_selector("environment=lab")))
    with town.refused("holds none of the roles"):
        narrow.governance.approve(change.id)


def test_a_rule_for_a_role_is_not_evaded_by_leaving_the_role_at_home(town):
    """A limit for operators holds for whoever is one, whatever their token leaves out."""
    rule = "limits:\n  - {id: sort, must: sort_memory <= 64MB, roles: [operator]}\n"
    town.grant("olaf", Grant(role=Role.OPERATOR), Grant(role=Role.EMERGENCY))
    made = town.wish(sort_memory="70MB")
    town.decide(_quorum(1) + rule)
    made = town.olaf.plan(SHOP).plan
    with town.refused("policy refuses it"):
        town.olaf.apply(made)
    with town.refused("policy refuses it"):
        town.front(town.token("olaf", roles=(Role.EMERGENCY,))).apply(made)


def _days(days: int):
    from datetime import timedelta

    return timedelta(days=days)


def _quorum(count: int, extra: str = "") -> str:
    return (
        "policy: safety\nscope: {environment: [production]}\n"
        f"approvals: {{durability: {{quorum: {count}}}}}\n"
        "locks:\n  - {id: careful, classes: [durability], outcome: ask}\n" + extra
    )


def _without_policies(town: Attacked) -> str:
    return town.olaf.export_fleet().partition("policies:")[0] + "policies: {}\n"

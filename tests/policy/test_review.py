"""Verdicts: refuse beats ask beats allow, and every rule that spoke is named."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.cases import (
    ALONE,
    AT,
    CLASSES,
    INSTANCE,
    LIN,
    MOVES,
    POLICIES,
    RUNNING,
    intent,
    judge,
    move,
    rules_of,
    subject,
    waiver,
)

from setpoint.config.facts import Facts
from setpoint.policy.classes import ParameterClass
from setpoint.policy.person import Grant, Principal, Role
from setpoint.policy.policies import PolicySet
from setpoint.policy.rules import (
    Emergency,
    Freeze,
    Limit,
    Lock,
    MemoryBudget,
    Override,
    Policy,
    Separation,
    Window,
)
from setpoint.policy.selector import Selector
from setpoint.policy.verdict import Outcome, Quorum

TWO = Quorum(count=2)
DURABLE = ParameterClass.DURABILITY
NIGHT = Window(id="night", opens=time(2), closes=time(5))
EVA = Principal(
    name="eva", account="local:eva@here", grants=(Grant(role=Role.EMERGENCY), Grant(role=Role.OPERATOR))
)


def policy(name: str = "p", **more) -> Policy:
    return Policy(name=name, **more)


def safe_off(**more):
    return intent(move("safe", "off"), **more)


def test_without_policies_all_is_allowed_and_nobody_spoke():
    verdict = judge([], safe_off())
    assert (verdict.outcome, verdict.reasons, verdict.needs) == (Outcome.ALLOW, (), ())


# Locks and approvals


def test_a_lock_refuses_in_any_spelling_of_the_name_and_says_why():
    lock = Lock(id="crash", parameters=("SAFE",), why="data survives a crash")
    verdict = judge([policy(locks=(lock,))], safe_off())
    assert verdict.outcome is Outcome.REFUSE
    assert verdict.needs == ()
    assert str(verdict.reasons[0]) == "refuse db safe: may not move: data survives a crash (p/crash)"


def test_a_lock_by_class_speaks_of_shipped_classes_and_of_those_a_policy_gives():
    lock = Lock(id="l", classes=(DURABLE,))
    assert judge([policy(locks=(lock,))], safe_off()).outcome is Outcome.REFUSE
    assert judge([policy(locks=(lock,))], intent(move("work", "8MB"))).outcome is Outcome.ALLOW
    classified = policy("q", classify={"Work": (DURABLE,), "safe": (ParameterClass.COST,)})
    assert judge([policy(locks=(lock,)), classified], intent(move("work", "8MB"))).outcome is Outcome.REFUSE
    assert judge([policy(locks=(lock,)), classified], safe_off()).outcome is Outcome.ALLOW


def test_classes_of_two_policies_are_united_and_an_unclassified_parameter_is_performance():
    one = policy("a", classify={"work": (ParameterClass.COST,)})
    two = policy("b", classify={"WORK": (DURABLE,)})
    policies = PolicySet.of({"a": one, "b": two})
    assert policies.classes_of("work", subject()) == (DURABLE, ParameterClass.COST)
    assert policies.classes_of("cost", subject()) == (ParameterClass.PERFORMANCE,)


def test_a_quorum_of_a_class_in_scope_is_asked_for_wherever_a_parameter_of_it_moves():
    verdict = judge([policy(approvals={DURABLE: TWO})], safe_off())
    assert verdict.outcome is Outcome.ASK
    (need,) = verdict.needs
    assert (need.key, need.quorum, need.instance) == ("durability", TWO, "db")
    assert need.rules == ("p/approvals.durability",)
    elsewhere = policy(approvals={DURABLE: TWO}, scope=Selector(environments=("test",)))
    assert judge([elsewhere], safe_off()).outcome is Outcome.ALLOW


def test_quorums_of_two_policies_are_both_asked_for_and_the_same_one_is_one_need():
    policies = [policy("a", approvals={DURABLE: TWO}), policy("b", approvals={DURABLE: Quorum(count=3)})]
    assert [need.quorum.count for need in judge(policies, safe_off()).needs] == [2, 3]
    policies = [policy("a", approvals={DURABLE: TWO}), policy("b", approvals={DURABLE: TWO})]
    (need,) = judge(policies, safe_off()).needs
    assert need.rules == ("a/approvals.durability", "b/approvals.durability")


def test_a_lock_that_asks_takes_all_quorums_of_the_parameters_classes_else_one_approver():
    lock = Lock(id="l", parameters=("sessions",), outcome=Outcome.ASK)
    given = intent(move("sessions", "150"))
    (need,) = judge([policy(locks=(lock,))], given).needs
    assert (need.key, need.quorum, need.rules) == ("availability", Quorum(), ("p/l",))
    approvals = {ParameterClass.COST: TWO, ParameterClass.AVAILABILITY: Quorum(count=3)}
    needs = judge([policy(locks=(lock,)), policy("q", approvals=approvals)], given).needs
    assert [(need.key, need.quorum.count) for need in needs] == [("availability", 3), ("cost", 2)]
    assert needs[0].rules == ("p/l", "q/approvals.availability")


def test_what_is_put_back_goes_without_asking_where_the_lock_says_so_and_says_it():
    lock = Lock(id="l", parameters=("safe",), outcome=Outcome.REFUSE, may_restore=True)
    own = policy(locks=(lock,), approvals={DURABLE: TWO})
    restoring = intent(move("safe", "on", is_restoring=True))
    verdict = judge([own], restoring)
    assert verdict.outcome is Outcome.ALLOW
    assert rules_of(verdict) == {"p/l", "p/approvals.durability"}
    assert judge([own], safe_off()).outcome is Outcome.REFUSE
    # Another policy's approvals stand: one policy does not open what another guards.
    assert judge([own, policy("q", approvals={DURABLE: TWO})], restoring).outcome is Outcome.ASK


def test_what_was_approved_once_is_not_put_back_against_the_value_a_lock_demands():
    lock = Lock(id="l", parameters=("safe",), value="on", may_restore=True)
    verdict = judge([policy(locks=(lock,))], intent(move("safe", "off", is_restoring=True)))
    assert verdict.outcome is Outcome.REFUSE


def test_a_locked_value_may_be_reached_with_approval_however_it_is_written():
    lock = Lock(id="l", parameters=("work",), value="8MB")
    verdict = judge([policy(locks=(lock,))], intent(move("work", "8192kB")))
    assert verdict.outcome is Outcome.ASK
    assert verdict.needs[0].key == "performance"
    verdict = judge([policy(locks=(lock,))], intent(move("work", "16MB")))
    assert verdict.outcome is Outcome.REFUSE
    assert "must be 8MB" in str(verdict.reasons[0])
    # Where it falls back to is not known, so it is not what the lock demands.
    assert judge([policy(locks=(lock,))], intent(move("work", None))).outcome is Outcome.REFUSE


def test_a_lock_on_an_unknown_parameter_says_nothing():
    assert judge([policy(locks=(Lock(id="l", parameters=("nope",)),))], safe_off()).reasons == ()


def test_silence_of_one_policy_does_not_outweigh_anothers_refusal():
    verdict = judge([policy("a"), policy("b", locks=(Lock(id="l", parameters=("safe",)),))], safe_off())
    assert verdict.outcome is Outcome.REFUSE
    assert rules_of(verdict) == {"b/l"}


def test_a_scope_of_a_rule_narrows_that_of_its_policy():
    lock = Lock(id="l", parameters=("safe",), scope=Selector(groups=("other",)))
    assert judge([policy(locks=(lock,))], safe_off()).outcome is Outcome.ALLOW
    lock = Lock(id="l", parameters=("safe",), scope=Selector(groups=("shop",)))
    assert judge([policy(locks=(lock,))], safe_off()).outcome is Outcome.REFUSE
    narrow = policy(locks=(lock,), scope=Selector(instances=("other",)))
    assert judge([narrow], safe_off()).outcome is Outcome.ALLOW


def test_an_edit_is_told_what_would_be_asked_for_and_refused_what_would_be_refused():
    asking = policy(approvals={DURABLE: TWO}, windows=(NIGHT,))
    verdict = judge([asking], safe_off(kind="edit"))
    assert (verdict.outcome, verdict.needs) == (Outcome.ALLOW, ())
    assert "asks for 2 of approver (durability) when applied" in verdict.reasons[0].text
    refusing = policy(locks=(Lock(id="l", parameters=("safe",)),))
    assert judge([refusing], safe_off(kind="edit")).outcome is Outcome.REFUSE


def test_a_proposal_is_told_what_another_moment_or_person_changes_and_refused_the_rest():
    given_ = policy(
        approvals={DURABLE: TWO}, windows=(NIGHT,), separation=(Separation(id="s", author_may_apply=False),)
    )
    assert judge([given_], safe_off(author="lin")).outcome is Outcome.REFUSE
    verdict = judge([given_], safe_off(kind="propose", author="lin"))
    assert verdict.outcome is Outcome.ASK
    assert [need.quorum for need in verdict.needs] == [TWO]
    told = [reason for reason in verdict.reasons if reason.outcome is Outcome.ALLOW]
    assert {reason.rule for reason in told} == {"p/night", "p/s"}
    assert all("would refuse it now" in reason.text for reason in told)
    locked = policy(locks=(Lock(id="l", parameters=("safe",)),))
    assert judge([locked], safe_off(kind="propose")).outcome is Outcome.REFUSE


# Limits


def limited(must: str, **more) -> Policy:
    return policy(limits=(Limit(id="most", must=must, **more),))


def test_a_limit_is_judged_with_the_moves_made_and_names_its_inputs():
    given = intent(move("work", "64MB"), move("sessions", "400"))
    verdict = judge([limited("sessions * work <= ram / 4")], given)
    assert verdict.outcome is Outcome.REFUSE
    assert {reason.parameter for reason in verdict.reasons} == {"work", "sessions"}
    assert "sessions is 400" in verdict.reasons[0].text
    assert judge([limited("sessions * work <= ram / 4")], intent(move("work", "8MB"))).reasons == ()


def test_a_limit_speaks_only_when_one_of_its_parameters_moves():
    assert judge([limited("work <= 1MB")], intent(move("cost", "5"))).reasons == ()


def test_an_unknown_input_asks_and_is_named():
    verdict = judge([limited("work <= data_size")], intent(move("work", "8MB")))
    assert verdict.outcome is Outcome.ASK
    assert "data_size is not known" in verdict.reasons[0].text
    assert verdict.needs
    verdict = judge([limited("work <= 1MB or not_here > 3")], intent(move("work", "8MB")))
    assert verdict.outcome is Outcome.ASK
    assert "not_here" in verdict.reasons[0].text


def test_what_was_broken_before_and_gets_no_worse_asks():
    given = [limited("work <= 1MB")]
    assert judge(given, intent(move("work", "2MB"))).outcome is Outcome.ASK
    assert judge(given, intent(move("work", "4MB"))).outcome is Outcome.ASK
    assert judge(given, intent(move("work", "8MB"))).outcome is Outcome.REFUSE
    # A part that held and breaks now is worse, however much better the other gets.
    given = [limited("work <= 1MB and sessions <= 100")]
    verdict = judge(given, intent(move("work", "2MB"), move("sessions", "101")))
    assert verdict.outcome is Outcome.REFUSE


def test_a_move_to_nothing_counts_as_the_catalogs_default():
    assert judge([limited("work < 4MB")], intent(move("work", None))).outcome is Outcome.ASK
    assert judge([limited("work <= 4MB")], intent(move("work", None))).reasons == ()


def test_a_limit_for_roles_binds_those_who_hold_one_and_the_single_user():
    given = [limited("work <= 1MB", roles=(Role.OPERATOR,))]
    big = move("work", "64MB")
    assert judge(given, intent(big)).outcome is Outcome.REFUSE
    assert judge(given, intent(big, by=ALONE)).outcome is Outcome.REFUSE
    other = Principal(name="v", account="a", grants=(Grant(role=Role.APPROVER),))
    assert judge(given, intent(big, by=other)).outcome is Outcome.ALLOW
    far = Selector(instances=("elsewhere",))
    distant = Principal(name="v", account="a", grants=(Grant(role=Role.OPERATOR, scope=far),))
    assert judge(given, intent(big, by=distant)).outcome is Outcome.ALLOW


def test_the_memory_budget_is_held_to_its_share():
    given = [policy(budgets=(MemoryBudget(id="memory", share=0.5),))]
    assert judge(given, intent(move("pool", "4GB"))).reasons == ()
    verdict = judge(given, intent(move("pool", "9GB")))
    assert verdict.outcome is Outcome.REFUSE
    assert verdict.reasons[0].rule == "p/memory"
    blind = subject(facts=Facts())
    assert judge(given, intent(move("pool", "9GB"), subject=blind)).outcome is Outcome.ASK
    assert judge(given, intent(move("cost", "9"), subject=blind)).reasons == ()
    over = subject(running={**RUNNING, "pool": str(12 * 2**30 // 8192)})
    assert judge(given, intent(move("pool", "11GB"), subject=over)).outcome is Outcome.ASK
    assert judge(given, intent(move("pool", "13GB"), subject=over)).outcome is Outcome.REFUSE


def test_a_waiver_in_force_softens_a_limit_and_is_named_and_never_opens_a_lock():
    given = [limited("work <= 1MB")]
    big = intent(move("work", "64MB"))
    verdict = judge(given, big, waivers=[waiver(rule="p/most")])
    assert verdict.outcome is Outcome.ALLOW
    (reason,) = verdict.reasons
    assert reason.softened_from is Outcome.REFUSE
    assert "w1 of mo" in reason.softened_by
    ended = waiver(rule="p/most", ends_at=AT)
    assert judge(given, big, waivers=[ended]).outcome is Outcome.REFUSE
    assert judge(given, big, waivers=[waiver(rule="p/other")]).outcome is Outcome.REFUSE
    locked = [policy(locks=(Lock(id="l", parameters=("work",)),))]
    for each in (waiver(rule="p/l"), waiver(parameter="work")):
        assert judge(locked, big, waivers=[each]).outcome is Outcome.REFUSE


def test_a_waiver_of_one_parameter_does_not_cover_what_another_breaks():
    given = [limited("sessions * work <= ram / 4")]
    accepted = waiver(parameter="WORK")
    assert judge(given, intent(move("work", "1GB")), waivers=[accepted]).outcome is Outcome.ALLOW
    both = intent(move("work", "64MB"), move("sessions", "400"))
    assert judge(given, both, waivers=[accepted]).outcome is Outcome.REFUSE
    assert judge(given, both, waivers=[accepted, waiver("w2", parameter="sessions")]).outcome is Outcome.ALLOW


# Time


def at_hour(hour: int) -> datetime:
    return datetime(2026, 6, 3, hour, tzinfo=UTC)


def test_outside_a_window_is_refused_with_the_next_opening_and_inside_is_said():
    given = [policy(windows=(NIGHT,))]
    verdict = judge(given, safe_off(), at=at_hour(12))
    assert verdict.outcome is Outcome.REFUSE
    assert "opens next 2026-06-04 02:00 UTC" in verdict.reasons[0].text
    verdict = judge(given, safe_off(), at=at_hour(3))
    assert (verdict.outcome, rules_of(verdict)) == (Outcome.ALLOW, {"p/night"})


def test_any_window_of_a_policy_is_enough_and_each_policy_has_its_own():
    noon = Window(id="noon", opens=time(12), closes=time(13))
    together = [policy(windows=(NIGHT, noon))]
    assert judge(together, safe_off(), at=at_hour(12)).outcome is Outcome.ALLOW
    apart = [policy("a", windows=(NIGHT,)), policy("b", windows=(noon,))]
    assert judge(apart, safe_off(), at=at_hour(12)).outcome is Outcome.REFUSE


def test_a_window_for_restarts_counts_only_where_one_is_needed():
    given = [policy(windows=(Window(id="w", what="restart", opens=time(2), closes=time(5)),))]
    assert judge(given, safe_off()).reasons == ()
    assert judge(given, safe_off(needs_restart=True)).outcome is Outcome.REFUSE


def test_a_window_may_ask_and_then_takes_the_approvals_of_what_moves():
    window = Window(id="w", opens=time(2), closes=time(5), outcome=Outcome.ASK)
    given = [policy(windows=(window,), approvals={DURABLE: TWO})]
    verdict = judge(given, safe_off())
    assert verdict.outcome is Outcome.ASK
    assert [(need.key, need.rules) for need in verdict.needs] == [
        ("durability", ("p/approvals.durability", "p/w"))
    ]
    (need,) = judge(given, intent()).needs
    assert (need.key, need.quorum) == ("change", Quorum())


def test_a_window_in_a_zone_that_nobody_knows_is_never_open():
    given = [policy(windows=(Window(id="w", opens=time(0), closes=time(23), zone="Mars/Base"),))]
    assert judge(given, safe_off()).outcome is Outcome.REFUSE


def test_a_freeze_holds_from_its_start_until_before_its_end():
    freeze = Freeze(id="peak", starts_at=at_hour(10), ends_at=at_hour(14), why="sale")
    given = [policy(freezes=(freeze,))]
    outcomes = [judge(given, safe_off(), at=at_hour(hour)).outcome for hour in (9, 10, 13, 14)]
    assert outcomes == [Outcome.ALLOW, Outcome.REFUSE, Outcome.REFUSE, Outcome.ALLOW]
    restarts = [policy(freezes=(msgspec.structs.replace(freeze, what="restart"),))]
    assert judge(restarts, safe_off()).reasons == ()


def test_windows_and_freezes_hold_for_overrides_and_not_for_edits():
    freeze = Freeze(id="peak", starts_at=at_hour(10), ends_at=at_hour(14))
    given = [policy(freezes=(freeze,), windows=(NIGHT,))]
    assert judge(given, safe_off(kind="override", duration_seconds=60)).outcome is Outcome.REFUSE
    assert judge(given, safe_off(kind="edit")).reasons == ()


# What no emergency breaks


def test_separation_of_duties():
    given = [policy(separation=(Separation(id="s", author_may_apply=False, approver_may_apply=False),))]
    assert judge(given, safe_off(author="mo", approvers=frozenset({"ida"}))).outcome is Outcome.ALLOW
    assert judge(given, safe_off(author="lin")).outcome is Outcome.REFUSE
    assert judge(given, safe_off(author="mo", approvers=frozenset({"lin"}))).outcome is Outcome.REFUSE
    assert judge(given, safe_off(kind="edit", author="lin")).outcome is Outcome.ALLOW


def test_separation_of_all_policies_is_taken_together():
    given_ = PolicySet.of(
        {
            "a": policy("a", separation=(Separation(id="s", author_may_apply=False),)),
            "b": policy("b", separation=(Separation(id="s", approver_may_apply=False),)),
        }
    )
    together = given_.separation("db", INSTANCE)
    assert (together.author_may_apply, together.approver_may_apply) == (False, False)
    free = PolicySet.of({}).separation("db", INSTANCE)
    assert (free.author_may_apply, free.approver_may_apply) == (True, True)


def test_the_shortest_bound_on_overrides_counts_and_one_without_an_end_is_refused():
    given = [
        policy("a", overrides=(Override(id="o", max_seconds=3600),)),
        policy("b", overrides=(Override(id="o", max_seconds=60),)),
    ]
    assert PolicySet.of({each.name: each for each in given}).max_override_seconds("db", INSTANCE) == 60
    assert judge(given, safe_off(kind="override", duration_seconds=60)).outcome is Outcome.ALLOW
    verdict = judge(given, safe_off(kind="override", duration_seconds=61))
    assert [reason.rule for reason in verdict.refusals] == ["b/o"]
    assert judge(given, safe_off(kind="override")).outcome is Outcome.REFUSE
    assert judge(given, safe_off(kind="override", duration_seconds=-1)).outcome is Outcome.REFUSE


# Emergencies

GLASS = Emergency(id="glass", may_break=("locks", "limits", "windows", "freezes"))


def guarded(**more) -> Policy:
    return policy(
        locks=(Lock(id="l", parameters=("work",)),),
        limits=(Limit(id="m", must="work <= 1MB"),),
        windows=(NIGHT,),
        freezes=(Freeze(id="f", starts_at=at_hour(0), ends_at=at_hour(23)),),
        approvals={ParameterClass.PERFORMANCE: TWO},
        **more,
    )


def in_emergency(**more):
    return intent(move("work", "64MB"), **{"by": EVA, "is_emergency": True, **more})


def test_an_emergency_changes_nothing_without_a_rule_for_it():
    assert judge([guarded()], in_emergency()) == judge([guarded()], in_emergency(is_emergency=False))


def test_an_emergency_breaks_what_a_rule_names_and_every_softened_rule_says_so():
    verdict = judge([guarded(), policy("e", emergency=(GLASS,))], in_emergency())
    assert verdict.outcome is Outcome.ALLOW
    assert {reason.softened_by for reason in verdict.reasons} == {"emergency e/glass"}
    assert {reason.rule for reason in verdict.reasons} == {
        "p/l", "p/m", "p/night", "p/f", "p/approvals.performance",
    }  # fmt: skip


def test_an_emergency_breaks_no_other_kind_for_no_other_person_and_no_other_class():
    few = msgspec.structs.replace(GLASS, may_break=("windows", "freezes"))
    verdict = judge([guarded(), policy("e", emergency=(few,))], in_emergency())
    assert {reason.rule for reason in verdict.refusals} == {"p/l", "p/m"}
    rule = policy("e", emergency=(GLASS,))
    assert judge([guarded(), rule], in_emergency(by=LIN)).outcome is Outcome.REFUSE
    assert judge([guarded(), rule], in_emergency(by=ALONE)).outcome is Outcome.ALLOW
    durable = policy("e", emergency=(msgspec.structs.replace(GLASS, classes=(DURABLE,)),))
    assert judge([guarded(), durable], in_emergency()).outcome is Outcome.REFUSE
    elsewhere = policy("e", emergency=(GLASS,), scope=Selector(environments=("test",)))
    assert judge([guarded(), elsewhere], in_emergency()).outcome is Outcome.REFUSE


def test_every_class_of_a_parameter_must_be_one_the_emergency_rule_names():
    locked = policy(locks=(Lock(id="l", parameters=("sessions",)),))
    given = intent(move("sessions", "150"), by=EVA, is_emergency=True)
    half = policy("e", emergency=(msgspec.structs.replace(GLASS, classes=(ParameterClass.COST,)),))
    assert judge([locked, half], given).outcome is Outcome.REFUSE
    classes = (ParameterClass.COST, ParameterClass.AVAILABILITY)
    whole = policy("e", emergency=(msgspec.structs.replace(GLASS, classes=classes),))
    assert judge([locked, whole], given).outcome is Outcome.ALLOW


def test_an_emergency_with_voices_asks_for_them_instead():
    rule = msgspec.structs.replace(GLASS, quorum=Quorum(roles=(Role.ADMINISTRATOR,)))
    verdict = judge([guarded(), policy("e", emergency=(rule,))], in_emergency())
    assert verdict.outcome is Outcome.ASK
    (need,) = verdict.needs
    assert (need.key, need.quorum) == ("emergency", rule.quorum)
    assert "e/glass" in need.rules


def test_an_emergency_leaves_alone_what_is_allowed_anyway():
    rule = msgspec.structs.replace(GLASS, quorum=Quorum(roles=(Role.ADMINISTRATOR,)))
    verdict = judge([policy(windows=(NIGHT,), emergency=(rule,))], in_emergency(), at=at_hour(3))
    assert (verdict.outcome, verdict.needs) == (Outcome.ALLOW, ())
    assert [reason.softened_by for reason in verdict.reasons] == [""]


def test_an_emergency_never_softens_separation_or_the_length_of_an_override():
    given = [
        policy(
            "e",
            emergency=(GLASS,),
            separation=(Separation(id="s", author_may_apply=False),),
            overrides=(Override(id="o", max_seconds=60),),
        )
    ]
    verdict = judge(given, in_emergency(kind="override", author="eva", duration_seconds=100))
    assert {reason.rule for reason in verdict.refusals} == {"e/s", "e/o"}


# Governance keys


def test_governance_keys_have_defaults_and_every_policy_that_names_one_is_met():
    none = PolicySet.of({})
    assert [need.quorum.roles for need in none.needs_for("policy")] == [(Role.POLICY_OWNER,)]
    assert [need.quorum.roles for need in none.needs_for("waiver")] == [(Role.APPROVER, Role.POLICY_OWNER)]
    assert none.needs_for("people") == ()
    policies = PolicySet.of(
        {
            "b": policy("b", governance={"policy": TWO}),
            "a": policy("a", governance={"policy": Quorum(count=3)}),
        }
    )
    assert [(need.rules, need.quorum.count) for need in policies.needs_for("policy")] == [
        (("a/governance.policy",), 3),
        (("b/governance.policy",), 2),
    ]


def test_policies_tell_whether_any_holds_for_an_instance():
    policies = PolicySet.of({"p": policy(scope=Selector(labels={"tier": ("gold",)}))})
    assert policies.for_instance("db", INSTANCE)
    assert not policies.for_instance("db", msgspec.structs.replace(INSTANCE, labels={}))


def test_selectors_that_are_written_alike_are_told_apart():
    # Both are written instance=a|b, and only one of them means b.
    policies = PolicySet.of(
        {
            "p": policy("p", scope=Selector(instances=("a|b",)), locks=(Lock(id="l", parameters=("safe",)),)),
            "q": policy(
                "q", scope=Selector(instances=("a", "b")), locks=(Lock(id="l", parameters=("safe",)),)
            ),
        }
    )
    assert policies.for_instance("b", INSTANCE).policies == ("q",)


# Laws


def _set(policies: list[Policy]) -> list[Policy]:
    return [msgspec.structs.replace(each, name=f"p{number}") for number, each in enumerate(policies)]


@given(st.lists(POLICIES, max_size=4).map(_set), MOVES, st.randoms(use_true_random=False))
def test_the_order_of_policies_and_rules_changes_nothing(policies, moves, chance: random.Random):
    shuffled = [
        msgspec.structs.replace(
            each,
            locks=tuple(chance.sample(each.locks, len(each.locks))),
            limits=tuple(chance.sample(each.limits, len(each.limits))),
            approvals=dict(chance.sample(list(each.approvals.items()), len(each.approvals))),
        )
        for each in chance.sample(policies, len(policies))
    ]
    mixed = tuple(chance.sample(moves, len(moves)))
    assert judge(policies, intent(*moves)) == judge(shuffled, intent(*mixed))


@given(st.lists(POLICIES, max_size=3).map(_set), POLICIES, MOVES, st.sampled_from(["apply", "edit"]))
def test_a_further_policy_never_makes_the_outcome_milder(policies, more, moves, kind):
    few = judge(policies, intent(*moves, kind=kind))
    many = judge([*policies, msgspec.structs.replace(more, name="more")], intent(*moves, kind=kind))
    assert many.outcome >= few.outcome
    if many.outcome is Outcome.ASK:
        asked = {(need.key, need.quorum) for need in many.needs}
        told = {(need.key, need.quorum) for need in few.needs if need.rules and _is_set(need)}
        assert told <= asked


@given(st.lists(POLICIES, max_size=4).map(_set), MOVES)
def test_locks_and_approvals_come_to_what_they_say(policies, moves):
    bare = [msgspec.structs.replace(each, limits=(), budgets=()) for each in policies]
    expected = [_word_of(each, moved) for each in bare for moved in moves]
    assert judge(bare, intent(*moves)).outcome == max(expected, default=Outcome.ALLOW)


def _word_of(one: Policy, moved) -> Outcome:
    """What one policy says of one move, written on its own from what the documentation says."""
    if not one.scope.fits("db", INSTANCE):
        return Outcome.ALLOW
    classes = set(CLASSES.get(moved.parameter, (ParameterClass.PERFORMANCE,)))
    covering = [
        lock
        for lock in one.locks
        if lock.scope.fits("db", INSTANCE)
        and (moved.parameter in [name.lower() for name in lock.parameters] or classes & set(lock.classes))
    ]
    is_free, said = False, Outcome.ALLOW
    for lock in covering:
        is_right = lock.value is not None and lock.value == moved.after
        if lock.may_restore and moved.is_restoring and (lock.value is None or is_right):
            is_free = True
        elif lock.outcome is Outcome.REFUSE:
            said = max(said, Outcome.ASK if is_right else Outcome.REFUSE)
        else:
            said = max(said, lock.outcome)
    if classes & one.approvals.keys() and not is_free:
        said = max(said, Outcome.ASK)
    return said


def _is_set(need) -> bool:
    """Whether a policy sets the quorum: the default gives way to the first that does."""
    return any("approvals." in rule for rule in need.rules)


@given(st.lists(POLICIES, max_size=3).map(_set), MOVES, st.sampled_from(["apply", "edit"]))
def test_an_outcome_is_the_gravest_reason_and_asks_for_somebody_exactly_when_it_asks(policies, moves, kind):
    verdict = judge(policies, intent(*moves, kind=kind))
    assert verdict.outcome == max((reason.outcome for reason in verdict.reasons), default=Outcome.ALLOW)
    assert bool(verdict.needs) == (verdict.outcome is Outcome.ASK)
    if verdict.outcome is Outcome.ASK:
        asking = {reason.rule for reason in verdict.reasons if reason.outcome is Outcome.ASK}
        assert asking == {rule for need in verdict.needs for rule in need.rules} & asking
    if kind == "edit":
        assert verdict.outcome is not Outcome.ASK


@pytest.mark.parametrize("must", ["work <=", "1 +", "\uff57ork <= 1"])
def test_a_limit_that_is_no_formula_is_refused_when_policies_are_compiled(must):
    from setpoint.errors import InputErrors

    with pytest.raises(InputErrors):
        PolicySet.of({"p": limited(must)})

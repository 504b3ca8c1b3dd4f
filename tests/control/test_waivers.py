"""Waivers in the store: granted, honoured by drift, advice and compliance alike, ended, and expired."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.control.conftest import NAME
from tests.control.town import Clock, Town, found

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.config.drift import DriftClass
from setpoint.config.facts import Facts
from setpoint.config.observation import Observation, ObservedSetting
from setpoint.control import waivers
from setpoint.engines.registry import get_engine, shipped_catalog
from setpoint.errors import InputError, InputErrors, NotFoundError, NotPermittedError, RefusedError
from setpoint.policy.approval import Change
from setpoint.policy.compliance import Status
from setpoint.policy.person import Role
from setpoint.policy.selector import ALL, Selector, parse_selector

HERE = Selector(instances=(NAME,))
POLICY = """
policy: house
locks:
  - {id: calm, parameters: [sort_memory], value: 16MB}
limits:
  - {id: modest, must: sort_memory <= 16MB}
memory budget: {id: memory, share: 90%}
windows:
  - {id: night, opens: "02:00", closes: "05:00"}
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def front(setpoint, clock) -> Setpoint:
    return Setpoint(replace(setpoint._context, now=clock, wait=clock.wait))


@pytest.fixture
def drifted(front, server):
    """An instance whose sort memory somebody raised by hand, under a policy that forbids it."""
    front.change_settings(f"instance:{NAME}", {"sort_memory": "16MB"}, reason="a reason")
    front.apply(front.plan(NAME).plan)
    front.governance.put_policy("house", POLICY.partition("windows:")[0], reason="begins")
    server.set_by_hand("sort_memory", "32MB", running="32768")
    front.observe(NAME)
    return front


def add(front, *, days=30.0, **fields):
    fields = {"owner": "lin", "reason": "the night shift needs it", "scope": HERE, **fields}
    return front.governance.add_waiver(ends_at=front.now() + timedelta(days=days), **fields)


def drift_of(front):
    (found_,) = [each for each in front.drift(NAME, is_fresh=False)[1] if each.parameter == "sort_memory"]
    return found_


def statuses(front) -> dict[str, Status]:
    (report,) = front.governance.compliance(HERE).instances
    return {each.control: each.status for each in report.results}


def test_a_waived_parameter_keeps_its_class_and_is_no_deviation(drifted):
    before = drift_of(drifted)
    assert (before.drift_class, before.is_deviation, before.accepted) == (DriftClass.DRIFTED, True, "")
    add(drifted, parameter="SORT_memory")
    after = drift_of(drifted)
    assert (after.drift_class, after.is_deviation) == (DriftClass.DRIFTED, False)
    assert after.accepted == "waived until 2026-12-23 12:00Z by lin: the night shift needs it"
    assert after.explanation == before.explanation
    assert not any(each.is_deviation for each in drifted.drift_of_snapshots()[NAME])


def test_compliance_honours_it_for_lock_and_limit(drifted):
    assert statuses(drifted)["house/calm"] is statuses(drifted)["house/modest"] is Status.FAIL
    add(drifted, parameter="sort_memory")
    assert statuses(drifted)["house/calm"] is statuses(drifted)["house/modest"] is Status.WAIVED


def test_a_waiver_of_a_rule_speaks_of_that_rule_alone(drifted):
    add(drifted, rule="house/modest")
    assert statuses(drifted)["house/calm"] is Status.FAIL
    assert statuses(drifted)["house/modest"] is Status.WAIVED
    assert drift_of(drifted).is_deviation


def test_it_bites_again_in_the_moment_it_ends(drifted, clock):
    add(drifted, parameter="sort_memory", days=2)
    clock.pass_by(days=2, microseconds=-1)
    drifted.observe(NAME)
    assert not drift_of(drifted).is_deviation
    assert statuses(drifted)["house/calm"] is Status.WAIVED
    clock.pass_by(microseconds=1)
    assert drift_of(drifted).is_deviation
    assert drift_of(drifted).accepted == ""
    assert statuses(drifted)["house/calm"] is statuses(drifted)["house/modest"] is Status.FAIL


def test_a_limit_lets_a_waived_parameter_pass_until_the_waiver_expires(front, clock):
    limit = "policy: house\nlimits:\n  - {id: modest, must: sort_memory <= 16MB}\n"
    front.governance.put_policy("house", limit, reason="begins")
    front.observe(NAME)

    def raise_to(text):
        front.change_settings(f"instance:{NAME}", {"sort_memory": text}, reason="the night shift")

    with pytest.raises(RefusedError, match="house/modest"):
        raise_to("32MB")
    add(front, parameter="sort_memory", days=2)
    raise_to("32MB")
    assert front.apply(front.plan(NAME).plan)
    clock.pass_by(days=2)
    front.observe(NAME)
    with pytest.raises(RefusedError, match="house/modest"):
        raise_to("64MB")
    assert statuses(front) == {"house/modest": Status.FAIL}


def test_a_waiver_opens_no_lock(drifted):
    add(drifted, parameter="sort_memory")
    with pytest.raises(RefusedError, match="house/calm"):
        drifted.change_settings(f"instance:{NAME}", {"sort_memory": "32MB"}, reason="the night shift")


def test_that_nobody_looked_is_not_waived_with_the_value(drifted, clock):
    add(drifted, parameter="sort_memory")
    clock.pass_by(hours=2)
    stale = drift_of(drifted)
    assert (stale.drift_class, stale.is_deviation) == (DriftClass.STALE, True)
    assert stale.accepted


def test_ended_by_hand_it_counts_no_more_and_cannot_be_ended_twice(drifted, clock):
    made = add(drifted, parameter="sort_memory")
    clock.pass_by(minutes=5)
    ended = drifted.governance.end_waiver(made.id, reason="the night shift left")
    assert ended.ended_at == clock()
    assert drift_of(drifted).is_deviation
    with pytest.raises(RefusedError, match="has ended already"):
        drifted.governance.end_waiver(made.id, reason="again")
    with pytest.raises(InputErrors, match="no reason"):
        drifted.governance.end_waiver(made.id, reason=" ")
    with pytest.raises(NotFoundError):
        drifted.governance.end_waiver("w0", reason="none")


def test_each_step_leaves_an_audit_row(drifted):
    made = add(drifted, parameter="sort_memory")
    drifted.governance.end_waiver(made.id, reason="over")
    rows = {row.action: row for row in drifted.audit_rows(subject=f"waiver:{made.id}")}
    granted, ended = rows["waiver.granted"], rows["waiver.ended"]
    assert (granted.actor, granted.detail["owner"], granted.detail["authority"]) == (
        "ada",
        "lin",
        "single user",
    )
    assert granted.detail["until"] == made.ends_at.isoformat()
    assert ended.detail["reason"] == "over"


def test_reminders_are_of_waivers_that_end_within_two_weeks_and_reach_what_is_looked_at(drifted):
    soon = add(drifted, parameter="sort_memory", days=13)
    add(drifted, parameter="durable", days=15)
    assert drifted.governance.waivers_ending_soon() == (soon,)
    assert drifted.governance.waivers_ending_soon([NAME]) == (soon,)
    assert drifted.governance.waivers_ending_soon(["other"]) == ()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"parameter": "sort_memory", "reason": " "}, "no reason is given"),
        ({"parameter": "sort_memory", "reason": "x" * 4001}, "longer than 4000 characters"),
        ({"parameter": "sort_memory", "owner": ""}, "no owner is named"),
        ({"parameter": "sort_memory", "days": 0}, "end before it begins"),
        ({"parameter": "sort_memory", "days": -1}, "end before it begins"),
        ({"parameter": "sort_memory", "days": 366.5}, "longer than 366 days"),
        ({}, "neither a parameter nor a rule"),
        ({"parameter": "sort_memroy"}, "has a parameter 'sort_memroy'"),
        ({"parameter": "\u017fort_memory"}, "has a parameter"),
        ({"rule": "house/none"}, "is called 'house/none'"),
        ({"rule": "house/night"}, "is called 'house/night'"),
        (
            {"parameter": "sort_memory", "scope": Selector(groups=("none",))},
            "no instance is within group=none",
        ),
    ],
)
def test_a_waiver_that_makes_no_sense_is_refused(setpoint, front, fields, why):
    setpoint.governance.put_policy("house", POLICY, reason="begins")
    with pytest.raises(InputErrors, match=why):
        add(front, **fields)
    assert front.governance.waivers() == ()


def test_all_faults_are_told_at_once(front):
    with pytest.raises(InputErrors) as caught:
        add(front, owner="", reason="", days=-1, parameter="none", rule="none")
    assert len(caught.value.faults) == 5


def test_a_parameter_of_a_live_catalog_or_of_another_shipped_version_will_do(setpoint, front):
    setpoint.add_instance("db", Instance(engine="postgresql"), reason="registered")
    db = Selector(instances=("db",))
    assert add(front, scope=db, parameter="vacuum_defer_cleanup_age").parameter == "vacuum_defer_cleanup_age"
    live = shipped_catalog(get_engine("postgresql"), "18").data
    extra = replace_parameter(live, "auth_delay.milliseconds")
    front._context.store.snapshots.put(snapshot("db", front, {}), extra)
    assert add(front, scope=db, parameter="auth_delay.milliseconds").parameter == "auth_delay.milliseconds"


def replace_parameter(data, name):
    import msgspec

    first, *others = data.parameters
    return msgspec.structs.replace(data, parameters=(msgspec.structs.replace(first, name=name), *others))


def snapshot(name, front, texts) -> Observation:
    settings = {key: ObservedSetting(value=text) for key, text in texts.items()}
    facts = Facts(version="18.1", ram_bytes=16 * 2**30)
    return Observation(instance=name, engine="postgresql", at=front.now(), facts=facts, settings=settings)


def test_advice_about_a_waived_parameter_is_told_as_waived_until_it_expires(setpoint, front, clock):
    setpoint.add_instance("db", Instance(engine="postgresql"), reason="registered")
    catalog = shipped_catalog(get_engine("postgresql"), "18")
    texts = {"fsync": "off", "full_page_writes": "on", "synchronous_commit": "on"}
    front._context.store.snapshots.put(snapshot("db", front, texts), catalog.data)

    def advice():
        return front.advise("db", is_fresh=False)[1]

    (given,) = [each for each in advice().recommendations if each.parameter == "fsync"]
    made = add(front, scope=Selector(instances=("db",)), parameter="fsync", days=1)
    told = advice()
    assert "fsync" not in {each.parameter for each in told.recommendations}
    assert "fsync" not in told.settings()
    assert [(each.recommendation, each.waiver, each.told) for each in told.waived] == [
        (given, made.id, made.told)
    ]
    clock.pass_by(days=1)
    assert "fsync" in {each.parameter for each in advice().recommendations}
    assert advice().waived == ()


# With people.


@pytest.fixture
def town(drifted) -> Town:
    return found(drifted)


def test_among_people_a_waiver_needs_anothers_approval_and_a_known_owner(town):
    with pytest.raises(InputErrors, match="nobody is called 'nobody'"):
        add(town.lin, parameter="sort_memory", owner="nobody")
    change = add(town.lin, parameter="sort_memory", owner="pola")
    assert isinstance(change, Change)
    assert town.lin.governance.waivers() == ()
    with pytest.raises(RefusedError):
        town.lin.governance.approve(change.id)
    with pytest.raises(RefusedError, match="lacks approvals"):
        town.lin.governance.carry_out(change.id)
    town.mara.governance.approve(change.id)
    town.lin.governance.carry_out(change.id)
    (made,) = town.lin.governance.waivers()
    assert (made.owner, made.change) == ("pola", change.id)
    assert town.reads("waiver.granted")[0]["change"] == change.id


def test_an_end_that_passed_while_approvals_were_waited_for_is_refused(town):
    change = add(town.lin, parameter="sort_memory", days=0.5)
    town.mara.governance.approve(change.id)
    town.clock.pass_by(hours=13)
    with pytest.raises(InputErrors, match="end before it begins"):
        town.lin.governance.carry_out(change.id)
    assert town.lin.governance.waivers() == ()


def test_who_has_no_right_neither_adds_nor_ends_one(town):
    change = add(town.lin, parameter="sort_memory")
    town.mara.governance.approve(change.id)
    town.lin.governance.carry_out(change.id)
    (made,) = town.lin.governance.waivers()
    for name in ("vic", "mara"):
        with pytest.raises(NotPermittedError):
            add(getattr(town, name), parameter="sort_memory")
        with pytest.raises(NotPermittedError):
            getattr(town, name).governance.end_waiver(made.id, reason="away with it")
    assert len(town.reads("gate.refused")) >= 4


def test_a_right_over_some_instances_ends_no_waiver_that_reaches_further(town):
    scope = parse_selector("environment=staging")
    town.settle("stan", Role.OPERATOR, scope=scope)
    change = add(town.lin, parameter="sort_memory", scope=ALL)
    town.mara.governance.approve(change.id)
    town.lin.governance.carry_out(change.id)
    (made,) = town.lin.governance.waivers()
    with pytest.raises(NotPermittedError, match=f"stan may not ask for a waiver on {NAME}"):
        town.stan.governance.end_waiver(made.id, reason="away with it")
    assert town.lin.governance.waiver(made.id).ended_at is None


def test_the_same_waiver_is_not_granted_twice(front, drifted):
    made = add(drifted, parameter="sort_memory")
    with pytest.raises(RefusedError, match="is there already"):
        add(drifted, parameter="sort_memory")
    assert [each.id for each in waivers.everything(front._context)] == [made.id]


def test_no_waiver_is_no_error(front):
    assert front.governance.waivers() == front.governance.waivers_ending_soon() == ()
    with pytest.raises((NotFoundError, InputError)):
        front.governance.waiver("w1")

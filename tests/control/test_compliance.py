"""Compliance of a store's fleet: from snapshots alone, with their age, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from tests.control.conftest import NAME
from tests.control.town import Clock, found

from setpoint import Setpoint
from setpoint.config.configuration import Group, Instance
from setpoint.config.facts import DeclaredFacts, Facts
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.engines.registry import get_engine, shipped_catalog
from setpoint.errors import NotPermittedError
from setpoint.policy.compliance import Counts, Status
from setpoint.policy.person import Role
from setpoint.policy.selector import ALL, Selector, parse_selector

POLICY = """
policy: house
why: we sleep at night
locks:
  - {id: durable, parameters: [durable], value: "on"}
  - {id: quiet, parameters: [page_cost]}
  - {id: crash, parameters: [fsync], value: "on"}
limits:
  - {id: modest, must: sort_memory <= 16MB, severity: low}
memory budget: {id: memory, share: 90%}
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def front(setpoint, clock) -> Setpoint:
    made = Setpoint(replace(setpoint._context, now=clock, wait=clock.wait))
    made.governance.put_policy("house", POLICY, reason="begins")
    return made


def statuses(report, name=NAME) -> dict[str, str]:
    (judged,) = [each for each in report.instances if each.name == name]
    return {each.control: each.status.value for each in judged.results}


def snapshot(front, name, **texts) -> None:
    catalog = shipped_catalog(get_engine("postgresql"), "18")
    settings = {}
    for key, text in texts.items():
        place = Origin(kind=OriginKind.FILE, text=text, file="postgresql.conf", line=9, is_in_force=True)
        settings[key] = ObservedSetting(value=text, origins=(place,))
    facts = Facts(version="18.1", ram_bytes=16 * 2**30)
    seen = Observation(instance=name, engine="postgresql", at=front.now(), facts=facts, settings=settings)
    front._context.store.snapshots.put(seen, catalog.data)


def test_an_instance_that_was_never_observed_is_unknown(front):
    report = front.governance.compliance()
    assert set(statuses(report).values()) == {"unknown"}
    assert report.instances[0].results[0].explanation == "never observed"
    assert not report.is_failing


def test_it_judges_snapshots_without_touching_anything(front, server):
    front.observe(NAME)
    server.take_down()
    server.set_by_hand("durable", "off")
    rows = len(front.audit_rows())
    report = front.governance.compliance()
    assert statuses(report) == {
        "house/durable": "pass",
        "house/quiet": "pass",
        "house/crash": "not applicable",
        "house/modest": "pass",
        "house/memory": "pass",
    }
    assert len(front.audit_rows()) == rows
    assert report.fleet.counts == Counts(passed=4, not_applicable=1)
    assert report.profile.controls[0].why == "we sleep at night"


def test_a_snapshot_ages_into_unknown_and_a_new_look_ends_that(front, clock):
    front.observe(NAME)
    clock.pass_by(hours=24)
    assert statuses(front.governance.compliance())["house/durable"] == "pass"
    clock.pass_by(seconds=1)
    stale = front.governance.compliance()
    assert statuses(stale)["house/durable"] == "unknown"
    assert stale.instances[0].age_seconds == 86401
    assert statuses(front.governance.compliance(stale_after=timedelta(days=3)))["house/durable"] == "pass"
    front.observe(NAME)
    assert statuses(front.governance.compliance())["house/durable"] == "pass"


def test_what_was_changed_behind_our_back_fails_with_its_evidence(front, server):
    front.observe(NAME)
    server.set_by_hand("durable", "off")
    server.set_by_hand("page_cost", "9")
    front.observe(NAME)
    report = front.governance.compliance()
    found_ = {each.control: each for each in report.instances[0].results}
    assert found_["house/durable"].status is found_["house/quiet"].status is Status.FAIL
    assert found_["house/durable"].explanation == "durable runs off and must be on"
    assert found_["house/durable"].exhibits[0].text == "off"
    assert found_["house/durable"].exhibits[0].origin
    assert "moved behind our back" in found_["house/quiet"].explanation
    assert report.is_failing
    server.set_by_hand("durable", "on")
    front.observe(NAME)
    assert statuses(front.governance.compliance())["house/durable"] == "pass"


def test_a_fleet_of_two_engines_is_judged_by_what_each_has(front):
    front.observe(NAME)
    front.put_group("shops", Group(engine="postgresql"), reason="group")
    for name in ("one", "two"):
        instance = Instance(engine="postgresql", group="shops", environment="production")
        front.add_instance(name, instance, reason="registered")
    snapshot(front, "one", fsync="off")
    snapshot(front, "two", fsync="on")
    report = front.governance.compliance()
    assert [each.name for each in report.instances] == ["one", "two", NAME]
    assert statuses(report, "one")["house/crash"] == "fail"
    assert statuses(report, "two")["house/crash"] == "pass"
    assert statuses(report, "one")["house/modest"] == "not applicable"
    assert [(each.name, each.instances, each.counts.failed) for each in report.groups] == [
        ("shops", 2, 1),
        ("", 1, 0),
    ]
    assert report.instances[0].results[0].exhibits[0].origin == "file postgresql.conf:9"
    within = front.governance.compliance(parse_selector("environment=production"))
    assert [each.name for each in within.instances] == ["one", "two"]
    assert within.scope == "environment=production"


def test_facts_that_are_declared_count(front, server):
    front.observe(NAME)
    limit = "policy: small\nlimits:\n  - {id: ram, must: ram >= 1024GB}\n"
    front.governance.put_policy("small", limit, reason="begins")
    assert statuses(front.governance.compliance())["small/ram"] == "fail"
    instance = front.configuration().instance(NAME)
    declared = msgspec.structs.replace(instance, facts=DeclaredFacts(ram_bytes=2**41))
    front.change_instance(NAME, declared, reason="measured")
    assert statuses(front.governance.compliance())["small/ram"] == "pass"


def test_what_was_seen_of_a_name_when_it_was_of_another_engine_is_not_it(front):
    front.observe(NAME)
    front.change_instance(NAME, Instance(engine="postgresql"), reason="moved")
    assert statuses(front.governance.compliance())["house/crash"] == "unknown"


def test_without_policies_nothing_is_demanded(setpoint):
    setpoint.observe(NAME)
    report = setpoint.governance.compliance()
    assert (report.profile.controls, report.fleet.counts, report.is_failing) == ((), Counts(), False)


# The trend.


def test_recorded_reports_make_the_trend_of_their_scope(front, server, clock):
    front.observe(NAME)
    here = Selector(instances=(NAME,))
    assert front.governance.compliance().trend == ()
    first = front.governance.compliance(is_recorded=True)
    server.set_by_hand("durable", "off")
    clock.pass_by(hours=1)
    front.observe(NAME)
    second = front.governance.compliance(is_recorded=True)
    front.governance.compliance(here, is_recorded=True)
    assert [point.counts.failed for point in second.trend] == [0, 1]
    assert second.trend == (first.point(), second.point())
    assert front.governance.compliance().trend == second.trend
    assert len(front.governance.compliance(here).trend) == 1
    rows = front.audit_rows(action="compliance.recorded")
    assert [row.detail["scope"] for row in rows] == [str(here), "all", "all"]


def test_of_many_points_the_last_are_shown(front, clock):
    for _ in range(62):
        clock.pass_by(minutes=1)
        report = front.governance.compliance(is_recorded=True)
    assert len(report.trend) == 60
    assert report.trend[-1].at == clock()


def test_who_may_not_see_all_of_it_records_nothing(front):
    town = found(front)
    town.settle("stan", Role.VIEWER, scope=parse_selector("environment=staging"))
    assert town.stan.governance.compliance().fleet.instances == 1
    for scope in (ALL, Selector(instances=(NAME,))):
        with pytest.raises(NotPermittedError):
            town.stan.governance.compliance(scope, is_recorded=True)
    assert front.governance.compliance().trend == ()
    assert town.vic.governance.compliance(is_recorded=True).trend
    assert front.audit_rows(action="compliance.recorded")[0].actor == "vic"

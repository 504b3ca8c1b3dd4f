"""Compliance: controls out of policies, judged on what was seen, and what a fleet adds up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.invented import CATALOG, CLAIMS

from setpoint.config.budget import compile_claims
from setpoint.config.configuration import Instance
from setpoint.config.facts import Facts
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.policy.classes import ParameterClass
from setpoint.policy.compliance import (
    Counts,
    Report,
    Status,
    badness,
    own_profile,
    roll_up,
    roll_up_groups,
)
from setpoint.policy.compliance_evidence import Seen
from setpoint.policy.compliance_judge import Judge, Terms
from setpoint.policy.incident import Incident
from setpoint.policy.intent import Subject
from setpoint.policy.policies import PolicySet
from setpoint.policy.rules import Limit, Lock, MemoryBudget, Policy
from setpoint.policy.selector import ALL, Selector
from setpoint.policy.waiver import Waiver

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WEB = Instance(engine="invented", group="shop", environment="production")
GB = 2**30
CLAIMED = compile_claims(CLAIMS, CATALOG)
CLASSES = {"safe": (ParameterClass.DURABILITY,), "method": (ParameterClass.DURABILITY,)}
PLAIN = {"safe": "on", "work": "4096", "sessions": "100", "pool": "16384", "upkeep": "-1", "factor": "2"}


def setting(value, *, pending=None, line=7, overrides=()) -> ObservedSetting:
    own = Origin(kind=OriginKind.FILE, text=value, file="main.conf", line=line, is_in_force=True)
    return ObservedSetting(value=value, origins=(own, *overrides), pending=pending)


def seen(name="web", instance=WEB, *, at=AT, facts=None, catalog=CATALOG, **changes) -> Seen:
    settings = {key: setting(text) for key, text in PLAIN.items()}
    settings |= {
        key: each if isinstance(each, ObservedSetting) else setting(each) for key, each in changes.items()
    }
    settings = {key: each for key, each in settings.items() if each.value is not None}
    facts = facts or Facts(version="1", ram_bytes=16 * GB)
    observation = Observation(
        instance=name, engine="invented", at=at, facts=facts, settings=settings, catalog_hash=catalog.version
    )
    subject = Subject(
        name=name,
        instance=instance,
        facts=facts,
        catalog=catalog,
        running={key: each.value for key, each in settings.items() if each.value is not None},
        claims=CLAIMED,
        shipped_classes=CLASSES,
    )
    return Seen(subject, observation)


def policy(name="p", **parts) -> Policy:
    return Policy(name=name, **parts)


def judge(policies, *, waivers=(), incidents=(), at=AT, stale_after=DAY) -> Judge:
    policies = policies if isinstance(policies, list) else [policies]
    compiled = PolicySet.of({each.name: each for each in policies})
    terms = Terms(
        waivers=tuple(waivers),
        incidents=tuple(incidents),
        classes_of=compiled.classes_of,
        classifiers=tuple(each.scope for each in policies if each.classify),
        at=at,
        stale_after=stale_after,
    )
    return Judge(own_profile(policies), terms)


def one(policies, given_=None, *, name="web", instance=WEB, **more):
    """Judge one instance by policies that make one control; answer its result."""
    (result,) = judge(policies, **more).judge(name, instance, given_ or seen(name, instance)).results
    return result


def waiver(*, parameter="", rule="", days=30.0, key="w1", scope=ALL) -> Waiver:
    return Waiver(
        id=key,
        owner="lin",
        reason="measured",
        scope=scope,
        parameter=parameter,
        rule=rule,
        starts_at=AT - DAY,
        ends_at=AT + timedelta(days=days),
    )


SAFE = policy(locks=(Lock(id="safe", parameters=("safe",), value="on"),))
MODEST = policy(limits=(Limit(id="work", must="work <= 8MB", severity="low", source="house rule"),))


# Locks with a value.


def test_a_locked_parameter_with_its_value_passes_with_text_origin_and_line():
    result = one(SAFE)
    assert (result.control, result.status, result.explanation) == ("p/safe", Status.PASS, "as demanded")
    (exhibit,) = result.exhibits
    assert (exhibit.parameter, exhibit.text, exhibit.origin) == ("safe", "on", "file main.conf:7")


def test_values_compare_by_meaning():
    assert one(policy(locks=(Lock(id="w", parameters=("WORK",), value="4MB"),))).status is Status.PASS


@pytest.mark.parametrize(
    ("running", "why"),
    [
        (setting("off"), "safe runs off and must be on"),
        (setting("off", pending="on"), "safe runs off and must be on (which waits for a restart)"),
        (setting("on", pending="off"), "safe must be on, and off waits for a restart"),
        (
            setting("on", overrides=(Origin(kind=OriginKind.ROLE, text="off", scope="role app"),)),
            "safe must be on, and role app gets off",
        ),
        (
            setting("on", overrides=(Origin(kind=OriginKind.DATABASE, text=None),)),
            "safe must be on, and database gets None",
        ),
    ],
)
def test_another_value_fails_wherever_it_comes_from(running, why):
    result = one(SAFE, seen(safe=running))
    assert (result.status, result.explanation) == (Status.FAIL, why)


def test_the_same_value_for_a_role_is_no_fault():
    override = Origin(kind=OriginKind.ROLE, text="on", scope="role app")
    assert one(SAFE, seen(safe=setting("on", overrides=(override,)))).status is Status.PASS


def test_a_parameter_that_could_not_be_read_is_unknown():
    result = one(SAFE, seen(safe=ObservedSetting(value=None)))
    assert (result.status, result.explanation) == (Status.UNKNOWN, "safe could not be read")


def test_a_parameter_this_version_lacks_is_not_applicable_but_its_siblings_are():
    lacking = policy(locks=(Lock(id="x", parameters=("gone",), value="on"),))
    result = one(lacking)
    assert (result.status, result.explanation) == (Status.NOT_APPLICABLE, "invented 1 has no gone")
    both = policy(locks=(Lock(id="x", parameters=("gone", "safe"), value="on"),))
    assert one(both).status is Status.PASS


def test_a_lock_by_class_means_the_parameters_of_the_class_as_policy_has_them():
    lock = Lock(id="d", classes=(ParameterClass.DURABILITY,), value="on")
    result = one(policy(locks=(lock,)), seen(method="plain"))
    assert [each.parameter for each in result.exhibits] == ["safe", "method"]
    assert result.status is Status.FAIL
    elsewhere = policy(
        name="q", scope=Selector(environments=("production",)), classify={"method": (ParameterClass.COST,)}
    )
    judged = judge([policy(locks=(lock,)), elsewhere])
    (result,) = judged.judge("web", WEB, seen(method="plain")).results
    assert [each.parameter for each in result.exhibits] == ["safe"]
    staging = Instance(engine="invented", environment="staging")
    (result,) = judged.judge("old", staging, seen("old", staging, method="plain")).results
    assert [each.parameter for each in result.exhibits] == ["safe", "method"]


# Locks without a value.

QUIET = policy(locks=(Lock(id="quiet", parameters=("safe",)),))


def incident(**more) -> Incident:
    fields = {
        "id": "i1",
        "instance": "web",
        "parameter": "safe",
        "before": "on",
        "after": "off",
        "origin": "file main.conf:9",
        "is_managed": True,
        "rules": ("p/quiet",),
        "found_at": AT - DAY,
    }
    return Incident(**(fields | more))


def test_a_lock_without_a_value_passes_while_no_incident_is_open():
    result = one(QUIET)
    assert (result.status, result.explanation) == (Status.PASS, "no incident is open")
    assert [(each.parameter, each.text) for each in result.exhibits] == [("safe", "on")]
    for other in (
        incident(ended_at=AT),
        incident(instance="other"),
        incident(rules=("p/other",)),
    ):
        assert one(QUIET, incidents=[other]).status is Status.PASS


def test_an_open_incident_fails_it_and_is_told():
    result = one(QUIET, incidents=[incident()])
    assert result.status is Status.FAIL
    assert result.explanation == (
        "safe was moved behind our back, from on to off (incident i1, found 2026-05-31 12:00Z)"
    )
    assert result.exhibits[0].origin == "file main.conf:9"


def test_an_open_incident_does_not_age_and_can_be_waived():
    old = seen(at=AT - 3 * DAY)
    assert one(QUIET, old, incidents=[incident()]).status is Status.FAIL
    assert one(QUIET, incidents=[incident()], waivers=[waiver(parameter="safe")]).status is Status.WAIVED


def test_a_lock_by_class_without_a_value_is_judged_by_its_incidents_alone():
    lock = Lock(id="quiet", classes=(ParameterClass.DURABILITY,))
    assert one(policy(locks=(lock,))).status is Status.PASS
    assert one(policy(locks=(lock,)), incidents=[incident()]).status is Status.FAIL


# Limits and memory.


def test_a_limit_passes_or_fails_with_the_formulas_own_explanation():
    good = one(MODEST)
    assert (good.status, good.explanation) == (Status.PASS, "work <= 8MB holds, because work is 4MB")
    bad = one(MODEST, seen(work="16384"))
    assert (bad.status, bad.explanation) == (
        Status.FAIL,
        "work <= 8MB does not hold, because work is 16MB",
    )
    assert bad.exhibits[0].origin == "file main.conf:7"


def test_a_limit_over_an_unknown_fact_or_an_unread_parameter_is_unknown():
    ram = policy(limits=(Limit(id="r", must="pool <= ram / 2"),))
    result = one(ram, seen(facts=Facts(version="1")))
    assert result.status is Status.UNKNOWN
    assert "ram" in result.explanation
    unread = one(ram, seen(pool=ObservedSetting(value=None)))
    assert (unread.status, unread.explanation) == (Status.UNKNOWN, "pool could not be read")


def test_a_limit_over_a_parameter_this_version_lacks_is_not_applicable():
    result = one(policy(limits=(Limit(id="g", must="gone <= work"),)))
    assert (result.status, result.explanation) == (Status.NOT_APPLICABLE, "invented 1 has no gone")


def test_like_instances_share_an_answer_and_unlike_ones_do_not():
    judged = judge(policy(limits=(Limit(id="r", must="pool <= ram / 2"),)))

    def status(**more):
        return judged.judge("web", WEB, seen(**more)).results[0].status

    small = Facts(version="1", ram_bytes=GB // 8)
    assert status() is Status.PASS
    assert status(facts=small) is Status.FAIL
    assert status() is Status.PASS
    assert status(pool=str(2**20 * 4)) is Status.FAIL


def test_the_memory_budget_is_held_to_its_share():
    budget = policy(budgets=(MemoryBudget(id="m", share=0.9),))
    assert one(budget).status is Status.PASS
    result = one(budget, seen(facts=Facts(version="1", ram_bytes=GB)))
    assert result.status is Status.FAIL
    assert "memory" in result.explanation
    assert {"pool", "sessions", "work"} <= {each.parameter for each in result.exhibits}
    assert one(budget, seen(facts=Facts(version="1"))).status is Status.UNKNOWN


# Scopes, age, and nothing known.


def test_outside_of_either_scope_nothing_applies_even_to_what_was_never_seen():
    narrow = policy(
        scope=Selector(environments=("production",)),
        locks=(Lock(id="s", parameters=("safe",), value="on", scope=Selector(groups=("bank",))),),
    )
    assert one(narrow).status is Status.NOT_APPLICABLE
    (result,) = judge(narrow).judge("web", WEB, None).results
    assert (result.status, result.explanation) == (Status.NOT_APPLICABLE, "out of scope")
    bank = Instance(engine="invented", group="bank", environment="production")
    assert one(narrow, instance=bank).status is Status.PASS
    assert one(narrow, instance=Instance(engine="invented", group="bank")).status is Status.NOT_APPLICABLE


def test_selectors_whose_words_look_alike_are_not_mixed_up():
    first = policy(locks=(Lock(id="s", parameters=("safe",), value="on", scope=Selector(groups=("a|b",))),))
    second = policy(
        "q", locks=(Lock(id="s", parameters=("safe",), value="on", scope=Selector(groups=("a", "b"))),)
    )
    results = judge([first, second]).judge("web", Instance(engine="invented", group="a"), seen()).results
    assert {each.control: each.status for each in results} == {
        "p/s": Status.NOT_APPLICABLE,
        "q/s": Status.PASS,
    }


def test_what_was_never_observed_is_unknown():
    report = judge(SAFE).judge("web", WEB, None)
    assert (report.results[0].status, report.results[0].explanation) == (Status.UNKNOWN, "never observed")
    assert (report.observed_at, report.age_seconds, report.is_stale, report.version) == (
        None,
        None,
        False,
        "",
    )


@pytest.mark.parametrize(("running", "then"), [("on", "pass"), ("off", "fail")])
def test_what_was_seen_too_long_ago_is_unknown_and_says_its_age(running, then):
    fresh = judge(SAFE).judge("web", WEB, seen(at=AT - DAY, safe=running))
    assert (fresh.results[0].status.value, fresh.is_stale) == (then, False)
    stale = judge(SAFE).judge("web", WEB, seen(at=AT - DAY - timedelta(seconds=1), safe=running))
    assert (stale.results[0].status, stale.is_stale) == (Status.UNKNOWN, True)
    assert stale.results[0].explanation.startswith(f"last seen 24 h ago, then {then}: ")
    assert stale.results[0].exhibits


def test_a_clock_that_ran_ahead_makes_no_negative_age():
    assert judge(SAFE).judge("web", WEB, seen(at=AT + DAY)).age_seconds == 0


# Waivers.


@pytest.mark.parametrize(
    "given_", [waiver(parameter="safe"), waiver(rule="p/safe"), waiver(parameter="SAFE", rule="p/safe")]
)
def test_a_waiver_turns_a_failure_and_is_named(given_):
    result = one(SAFE, seen(safe="off"), waivers=[given_])
    assert (result.status, result.waivers) == (Status.WAIVED, ("w1",))
    assert result.explanation == (
        "waived until 2026-07-01 12:00Z by lin: measured; safe runs off and must be on"
    )


@pytest.mark.parametrize(
    "given_",
    [
        waiver(parameter="work"),
        waiver(rule="p/other"),
        waiver(parameter="safe", rule="p/other"),
        waiver(parameter="safe", scope=Selector(instances=("other",))),
        waiver(parameter="safe", days=0),
    ],
)
def test_a_waiver_of_something_else_or_an_expired_one_does_not(given_):
    assert one(SAFE, seen(safe="off"), waivers=[given_]).status is Status.FAIL


def test_a_waiver_bites_when_its_time_is_over():
    given_ = waiver(parameter="safe", days=1)
    for at, status in ((AT, Status.WAIVED), (AT + DAY, Status.FAIL)):
        assert one(SAFE, seen(safe="off", at=at), waivers=[given_], at=at).status is status


def test_what_passes_needs_no_waiver():
    assert one(SAFE, waivers=[waiver(parameter="safe")]).status is Status.PASS


def test_of_several_parameters_of_a_lock_each_must_be_waived():
    lock = policy(locks=(Lock(id="l", parameters=("safe", "method"), value="on"),))
    running = seen(safe="off", method="fancy")
    half = one(lock, running, waivers=[waiver(parameter="safe")])
    assert (half.status, half.waivers) == (Status.FAIL, ("w1",))
    assert [each.status for each in half.exhibits] == [Status.WAIVED, Status.FAIL]
    both = [waiver(parameter="safe"), waiver(parameter="method", key="w2")]
    whole = one(lock, running, waivers=both)
    assert (whole.status, whole.waivers) == (Status.WAIVED, ("w1", "w2"))


def test_of_several_parameters_of_a_limit_each_must_be_waived_or_the_rule():
    limit = policy(limits=(Limit(id="l", must="sessions * work <= 100MB"),))
    assert one(limit, waivers=[waiver(parameter="work")]).status is Status.FAIL
    both = [waiver(parameter="work"), waiver(parameter="sessions", key="w2")]
    assert one(limit, waivers=both).status is Status.WAIVED
    assert one(limit, waivers=[waiver(rule="p/l")]).status is Status.WAIVED


def test_a_stale_waived_failure_is_unknown():
    result = one(SAFE, seen(safe="off", at=AT - 3 * DAY), waivers=[waiver(parameter="safe")])
    assert result.status is Status.UNKNOWN
    assert result.explanation.startswith("last seen 72 h ago, then waived: ")


# Profiles and roll-ups.


def test_the_profile_holds_what_demands_something_the_gravest_first():
    whole = policy(
        why="because",
        locks=(
            Lock(id="safe", parameters=("safe",), value="on"),
            Lock(id="by", classes=(ParameterClass.COST,)),
        ),
        limits=(Limit(id="work", must="work <= 8MB", severity="low", source="house rule", why="own"),),
        budgets=(MemoryBudget(id="memory", share=0.9),),
    )
    profile = own_profile([whole])
    assert [(each.id, each.severity) for each in profile.controls] == [
        ("p/by", "high"),
        ("p/safe", "high"),
        ("p/memory", "medium"),
        ("p/work", "low"),
    ]
    titles = {each.id: each.title for each in profile.controls}
    assert titles == {
        "p/by": "class cost: no open incident",
        "p/safe": "safe = on",
        "p/memory": "memory claims at most 0.9 of the host's",
        "p/work": "work <= 8MB",
    }
    assert [(each.why, each.source) for each in profile.controls][2:] == [
        ("because", ""),
        ("own", "house rule"),
    ]


def test_results_stand_worst_first_and_are_counted():
    whole = [
        policy("a", locks=(Lock(id="x", parameters=("safe",), value="on"),)),
        policy("b", limits=(Limit(id="x", must="work <= 1MB"),)),
        policy("c", limits=(Limit(id="x", must="pool <= ram"),)),
        policy("d", locks=(Lock(id="x", parameters=("gone",), value="1"),)),
        policy("e", locks=(Lock(id="x", parameters=("method",), value="plain"),)),
    ]
    given_ = seen(facts=Facts(version="1"), method="fancy")
    report = judge(whole, waivers=[waiver(parameter="method")]).judge("web", WEB, given_)
    assert [(each.control, each.status.value) for each in report.results] == [
        ("b/x", "fail"),
        ("c/x", "unknown"),
        ("e/x", "waived"),
        ("a/x", "pass"),
        ("d/x", "not applicable"),
    ]
    assert report.counts == Counts(failed=1, unknown=1, waived=1, passed=1, not_applicable=1)
    assert report.counts.score == pytest.approx(1 / 3)


def test_a_score_of_nothing_is_none_and_only_a_clean_sheet_is_one():
    assert Counts().score is None
    assert Counts(waived=3, not_applicable=2).score is None
    assert Counts(passed=2, waived=3).score == 1
    assert Counts(passed=2, unknown=2).score == 0.5


def test_groups_and_fleet_add_up_and_the_worst_group_comes_first():
    judged = judge(SAFE)
    good, bad = Instance(engine="invented", group="good"), Instance(engine="invented", group="bad")
    reports = [
        judged.judge("a", good, seen("a", good)),
        judged.judge("b", bad, seen("b", bad, safe="off")),
        judged.judge("c", bad, seen("c", bad)),
        judged.judge("d", Instance(engine="invented"), None),
    ]
    groups = roll_up_groups(reports)
    assert [(each.name, each.instances, each.counts.failed) for each in groups] == [
        ("bad", 2, 1),
        ("", 1, 0),
        ("good", 1, 0),
    ]
    fleet = roll_up("", reports)
    assert (fleet.instances, fleet.counts) == (4, Counts(failed=1, unknown=1, passed=2))


COUNTS = st.builds(
    Counts,
    failed=st.integers(0, 3),
    unknown=st.integers(0, 3),
    waived=st.integers(0, 3),
    passed=st.integers(0, 3),
    not_applicable=st.integers(0, 3),
)


@given(COUNTS, COUNTS)
def test_more_failures_are_always_worse(left, right):
    if left.failed != right.failed:
        assert (badness(left) < badness(right)) == (left.failed > right.failed)


@given(st.data(), st.sampled_from(["on", "off"]), st.sampled_from(["4096", "65536"]))
def test_the_order_of_policies_and_waivers_changes_nothing(data, safe, work):
    policies = [
        SAFE,
        msgspec.structs.replace(MODEST, name="q"),
        policy("r", budgets=(MemoryBudget(id="m", share=0.5),)),
    ]
    waivers = [
        waiver(parameter="work"),
        waiver(parameter="safe", key="w2", days=2),
        waiver(rule="q/work", key="w3"),
    ]
    first = judge(policies, waivers=waivers).judge("web", WEB, seen(safe=safe, work=work))
    again = judge(data.draw(st.permutations(policies)), waivers=data.draw(st.permutations(waivers)))
    assert again.judge("web", WEB, seen(safe=safe, work=work)) == first


def test_a_point_of_the_trend_holds_what_the_report_came_to():
    judged = judge(SAFE).judge("web", WEB, seen(safe="off"))
    fleet = roll_up("", [judged])
    report = Report(
        profile=own_profile([SAFE]),
        scope="all",
        at=AT,
        revision="r1",
        stale_after_seconds=DAY.total_seconds(),
        fleet=fleet,
        groups=(),
        instances=(judged,),
    )
    point = report.point()
    assert report.is_failing
    assert (point.profile, point.scope, point.at, point.instances, point.revision) == (
        "own",
        "all",
        AT,
        1,
        "r1",
    )
    assert point.counts == Counts(failed=1)
    assert msgspec.json.decode(msgspec.json.encode(point), type=type(point)) == point

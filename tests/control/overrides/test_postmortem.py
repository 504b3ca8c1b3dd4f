"""The post-mortem of an override, from rows and observations made at times of the test's own."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.control.conftest import NAME
from tests.control.overrides.past import ID, LASTS, Past, ended, override
from tests.control.town import START

from setpoint.config.configuration import Instance
from setpoint.config.override import Clash, Held, OverrideState
from setpoint.control.overrides.postmortem import look_back
from setpoint.control.overrides.reviewing import late_reviews
from setpoint.errors import NotFoundError


@pytest.fixture
def past(setpoint, server) -> Past:
    return Past(setpoint, server)


def minutes(count: float):
    return START + timedelta(minutes=count)


def effect_of(found, metric):
    (effect,) = [each for each in found.effects if each.metric == metric]
    return effect


def test_it_tells_who_why_and_by_which_authority(past):
    past.live_through(override())
    found = look_back(past.context, ID)
    assert (found.authority.by, found.authority.account) == ("ada", "local:ada@here")
    assert found.authority.is_single_user
    assert (found.override.because, found.override.ticket) == ("the night batch spills", "OPS-7")
    assert found.late_seconds == 1.0
    assert found.weak_links == ("target switch: failed (no right to)",)


def test_without_rows_the_authority_is_not_made_up(past):
    past.keep(ended(override()), "override.ended")
    assert not look_back(past.context, ID).authority.is_single_user


def test_the_timeline_is_every_row_of_it_and_of_its_instance_in_that_time(past):
    audit = past.context.store.audit
    past.clock.at = START - timedelta(minutes=5)
    audit.append("mia", "apply.begin", NAME, {"apply": "earlier"}, past.clock())
    past.keep(override())
    audit.append("mia", "gate.refused", NAME, {"because": "no"}, minutes(3))
    audit.append("mia", "apply.begin", "another", {"apply": "a2"}, minutes(3))
    past.clock.at = minutes(4)
    past.front.change_settings(f"instance:{NAME}", {"page_cost": "3"}, reason="measured")
    past.front.add_instance("another", Instance(engine="simulated", target="memory:x"), reason="new")
    past.front.change_settings("fleet:simulated", {"page_cost": "2"}, reason="measured")
    past.clock.at = minutes(30)
    past.keep(ended(override()), "override.ended")
    audit.append("mia", "incident.found", NAME, {"parameter": "durable"}, minutes(40))
    audit.append("mia", "apply.begin", NAME, {"apply": "much later"}, minutes(600))
    past.clock.at = minutes(700)
    past.keep(msgspec.structs.replace(ended(override()), ticket="OPS-8"), "override.reviewed")
    events = look_back(past.context, ID).timeline
    assert [(event.action, event.kind, event.is_own) for event in events] == [
        ("override.started", "override", True),
        ("gate.refused", "refusal", False),
        ("configuration.commit", "people", False),
        ("configuration.commit", "people", False),
        ("override.ended", "override", True),
        ("incident.found", "incident", False),
        ("override.reviewed", "override", True),
    ]
    assert [event.seq for event in events] == sorted(event.seq for event in events)
    assert all("record" not in event.detail for event in events)


def test_many_rows_are_read_to_the_last(past):
    past.keep(override())
    for _ in range(1_100):
        past.context.store.audit.append("setpoint", "override.switch", NAME, {"override": ID}, minutes(1))
    past.clock.at = minutes(2)
    assert len(look_back(past.context, ID).timeline) == 1_101


def test_rates_are_measured_before_during_and_after(past):
    committed = 0.0
    for minute in range(-10, 95):
        committed += 60 * (200 if 0 < minute <= 30 else 100 + abs(minute) % 2)
        past.see(minutes(minute), txn_commit=committed, lock_waiters=9 if 0 < minute <= 30 else 1)
        if minute == 0:
            past.keep(override())
        if minute == 30:
            past.clock.at = minutes(30.5)
            past.keep(ended(override()), "override.ended")
    found = look_back(past.context, ID)
    assert found.is_final
    commits = effect_of(found, "txn.commit")
    assert commits.is_rate
    assert (commits.before.least, commits.before.greatest, commits.before.values) == (100, 101, 10)
    assert commits.during.middle == pytest.approx(200)
    assert 100 <= commits.after.middle <= 101
    assert (commits.is_moved, commits.is_back) == (True, True)
    waiters = effect_of(found, "lock.waiters")
    assert not waiters.is_rate
    assert (waiters.before.middle, waiters.during.middle, waiters.after.middle) == (1, 9, 1)
    assert found.before.observations == 11
    assert found.during.observations == 30


def test_a_metric_within_its_own_spread_has_not_moved(past):
    for minute, waiters in enumerate((1, 9, 4, 2, 8), start=-5):
        past.see(minutes(minute), lock_waiters=waiters)
    past.keep(override())
    for minute in (5, 10):
        past.see(minutes(minute), lock_waiters=9)
    past.clock.at = minutes(11)
    assert effect_of(look_back(past.context, ID), "lock.waiters").is_moved is False


def test_with_too_few_observations_nothing_is_claimed(past):
    past.see(minutes(-1), lock_waiters=1)
    past.keep(override())
    past.see(minutes(5), lock_waiters=500)
    found = look_back(past.context, ID)
    assert found.effects == ()
    assert not found.before.is_enough
    assert not found.during.is_enough
    assert not found.is_final


def test_with_two_observations_before_their_spread_says_nothing(past):
    for minute in (-2, -1):
        past.see(minutes(minute), lock_waiters=1)
    past.keep(override())
    for minute in (5, 6):
        past.see(minutes(minute), lock_waiters=500)
    effect = effect_of(look_back(past.context, ID), "lock.waiters")
    assert (effect.before.middle, effect.during.middle) == (1, 500)
    assert (effect.is_moved, effect.is_back, effect.after) == (None, None, None)


def test_what_was_seen_while_it_came_and_went_belongs_to_no_time(past):
    past.keep(override(active_at=minutes(2)))
    past.see(minutes(1), lock_waiters=5)
    past.clock.at = minutes(31)
    past.keep(ended(override(active_at=minutes(2)), ended_at=minutes(31)), "override.ended")
    past.see(minutes(30.5), lock_waiters=5)
    past.see(minutes(32), lock_waiters=5)
    found = look_back(past.context, ID)
    assert (found.before.observations, found.during.observations, found.after.observations) == (0, 0, 1)


def test_many_observations_are_cut_and_that_is_said(past):
    for second in range(230):
        past.see(START - timedelta(seconds=240 - second), lock_waiters=1)
    past.keep(override())
    found = look_back(past.context, ID)
    assert found.before.is_cut
    assert 200 <= found.before.observations < 230


def test_the_course_of_a_parameter_and_what_else_changed(past):
    past.see(minutes(-5), {"sort_memory": "4096", "page_cost": "4"})
    past.keep(override())
    past.context.store.audit.append("mia", "apply.step", NAME, {"parameter": "Page_Cost"}, minutes(2))
    past.see(minutes(5), {"sort_memory": "65536", "page_cost": "2"})
    past.clock.at = minutes(30)
    past.keep(ended(override()), "override.ended")
    past.see(minutes(35), {"sort_memory": "4096", "durable": "off"})
    found = look_back(past.context, ID)
    (course,) = found.parameters
    running = (course.running_before, course.running_during, course.running_after)
    assert running == ("4MB", "64MB", "4MB")
    assert (course.before, course.ours, course.is_clash) == (None, "64MB", False)
    assert [(each.parameter, each.before, each.after, each.is_through_us) for each in found.shifts] == [
        ("page_cost", "4", "2", True),
        ("durable", "on", "off", False),
    ]


def test_a_clash_is_shown_with_what_the_person_wrote(past):
    clash = Clash(parameter="SORT_MEMORY", found="7MB", ours="64MB", noticed_at=minutes(30))
    past.keep(ended(override(), state=OverrideState.CONFLICT, clashes=(clash,)), "override.conflict")
    (course,) = look_back(past.context, ID).parameters
    assert (course.is_clash, course.found) == (True, "7MB")


def test_incidents_of_that_time_and_instance_are_told(past):
    from setpoint.policy.incident import Incident

    def note(name, instance, at):
        made = Incident(
            id=name, instance=instance, parameter="durable", before="on", after="off", origin="", rules=(),
            is_managed=True, found_at=at,
        )  # fmt: skip
        past.context.store.incidents.put(
            name, made, version=0, actor="setpoint", action="incident.found", detail={}, at=at
        )

    past.keep(override())
    note("i1", NAME, minutes(3))
    note("i2", "another", minutes(3))
    note("i3", NAME, minutes(-3))
    past.clock.at = minutes(4)
    assert [each.id for each in look_back(past.context, ID).incidents] == ["i1"]


def test_what_is_overridden_again_and_again_is_counted(past):
    other = (Held(parameter="page_cost", ours="2", before=None, running_before="4"),)
    for number, (days, held) in enumerate([(1, None), (80, None), (100, None), (2, other)]):
        fields = {"held": held} if held else {}
        past.keep(override(id=f"{NAME}/oearlier{number}", started_at=START - timedelta(days=days), **fields))
    past.keep(override())
    assert look_back(past.context, ID).again == {"sort_memory": 2}


def test_passwords_in_texts_are_masked(past):
    ours, before = "password=hunter2", "postgresql://a:hunter3@h/d"
    held = (Held(parameter="log_format", running_before=None, ours=ours, before=before),)
    past.keep(override(held=held))
    told = msgspec.json.encode(look_back(past.context, ID))
    assert b"hunter" not in told


def test_one_whose_instance_is_gone_is_told_all_the_same(past):
    past.live_through(override())
    past.front.remove_instance(NAME, reason="retired")
    found = look_back(past.context, ID)
    assert [event.action for event in found.timeline if event.is_own][-1] == "override.ended"


def test_one_that_there_is_not_is_not_found(past):
    with pytest.raises(NotFoundError):
        look_back(past.context, "shop/none")


def test_a_review_is_late_from_its_due_date_on(past):
    past.live_through(override())
    due = START + LASTS + timedelta(days=3)
    past.clock.at = due
    assert late_reviews(past.context) == ()
    past.clock.at = due + timedelta(seconds=1)
    assert [each.id for each in late_reviews(past.context, NAME)] == [ID]
    assert look_back(past.context, ID).is_review_late
    assert late_reviews(past.context, "another") == ()

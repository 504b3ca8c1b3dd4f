"""Bundles to and from an instance that only files reach, carried by hand between two worlds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from setpoint import Setpoint
from setpoint.config.bundle import BundleState
from setpoint.config.configuration import Instance
from setpoint.config.drift import DriftClass
from setpoint.config.override import LinkKind, LinkState, OverrideState
from setpoint.control import change
from setpoint.control.overrides import ending
from setpoint.control.overrides.wish import Wish
from setpoint.engines.simulated.client import Client
from setpoint.engines.simulated.server import server_at, set_clock
from setpoint.errors import (
    ApplyError,
    InputError,
    NotFoundError,
    RefusedError,
    TamperedError,
    UnavailableError,
)
from setpoint.policy.verdict import Outcome

FAR = "far"


@pytest.fixture
def far(setpoint, server):
    setpoint.add_instance(FAR, Instance(engine="simulated"), reason="air-gapped")
    return server


def carry(server, bundle, **clock):
    return Client(server.address, **clock).run(bundle.text)


def look(setpoint, server):
    return setpoint.bundles.accept(carry(server, setpoint.bundles.collect(FAR, version="1")), "far.out")


def exported(setpoint, **settings):
    setpoint.change_settings(f"instance:{FAR}", settings, reason="wanted")
    return setpoint.bundles.export(setpoint.plan(FAR).plan)


def test_what_was_collected_over_there_is_what_is_known_here(setpoint, far):
    far.set_by_hand("sort_memory", "8MB")
    done = look(setpoint, far)
    assert done.issued.state is BundleState.USED
    assert done.observation.settings["sort_memory"].value == "8MB"
    seen, _ = setpoint.last_seen(FAR)
    assert seen.identity == far.address
    assert seen.came_by == f"bundle {done.issued.sheet.id}"


def test_without_a_target_looking_answers_what_was_last_heard(setpoint, far):
    with pytest.raises(InputError, match="reached through files alone"):
        setpoint.observe(FAR)
    at = look(setpoint, far).observation.at
    assert setpoint.observe(FAR)[0].at == at


def test_its_version_must_be_said_before_it_was_ever_heard(setpoint, far):
    with pytest.raises(InputError, match="version is not known"):
        setpoint.bundles.collect(FAR)
    look(setpoint, far)
    assert setpoint.bundles.collect(FAR).sheet.version == "1"


def test_a_plan_is_carried_out_over_there_and_counts_once_its_result_is_here(setpoint, far):
    look(setpoint, far)
    bundle = exported(setpoint, sort_memory="16MB")
    assert "sort_memory" not in far.persisted
    result = carry(far, bundle)
    assert far.persisted["sort_memory"] == "16MB"
    assert setpoint.drift(FAR, is_fresh=False)[1][0].drift_class is DriftClass.DRIFTED
    done = setpoint.bundles.accept(result, "far.out")
    assert [drift.drift_class for drift in done.drifts] == [DriftClass.IN_SYNC]
    assert setpoint.drift(FAR, is_fresh=False)[1][0].drift_class is DriftClass.IN_SYNC
    actions = [row.action for row in setpoint.audit_rows(subject=FAR)]
    assert actions.count("apply.step") >= 1
    assert not setpoint.verify_audit().faults


def test_what_was_applied_can_be_taken_back_through_a_file_too(setpoint, far):
    look(setpoint, far)
    setpoint.bundles.accept(carry(far, exported(setpoint, sort_memory="16MB")), "far.out")
    back = setpoint.bundles.export_back(FAR)
    setpoint.bundles.accept(carry(far, back), "back.out")
    assert "sort_memory" not in far.persisted


def test_what_no_layer_asks_for_any_more_goes_back_to_what_stood_before(setpoint, far):
    look(setpoint, far)
    setpoint.bundles.accept(carry(far, exported(setpoint, sort_memory="16MB")), "far.out")
    setpoint.change_settings(f"instance:{FAR}", {}, removed=["sort_memory"], reason="not wanted")
    made = setpoint.plan(FAR).plan
    assert made.released == ("sort_memory",)
    setpoint.bundles.accept(carry(far, setpoint.bundles.export(made)), "far.out")
    assert "sort_memory" not in far.persisted


def test_a_moved_base_is_refused_over_there_and_nothing_is_written(setpoint, far):
    look(setpoint, far)
    bundle = exported(setpoint, sort_memory="16MB", cache_size="1GB")
    far.set_by_hand("sort_memory", "9MB")
    before = far.persisted
    result = carry(far, bundle)
    assert far.persisted == before
    with pytest.raises(RefusedError, match=r"changed since the plan was made.*sort_memory"):
        setpoint.bundles.accept(result, "far.out")
    assert setpoint.bundles.all(FAR)[0].state is BundleState.FAILED


def test_a_replayed_result_is_refused(setpoint, far):
    result = carry(far, setpoint.bundles.collect(FAR, version="1"))
    setpoint.bundles.accept(result, "far.out")
    with pytest.raises(RefusedError, match="replay"):
        setpoint.bundles.accept(result, "far.out")


def test_a_replayed_script_finds_its_base_gone(setpoint, far):
    look(setpoint, far)
    bundle = exported(setpoint, sort_memory="16MB")
    carry(far, bundle)
    assert "refused base" in carry(far, bundle)


def test_a_result_of_another_instance_is_refused(setpoint, far):
    look(setpoint, far)
    other = Client("memory:other")
    result = other.run(setpoint.bundles.collect(FAR).text)
    assert "refused identity" in result
    with pytest.raises(RefusedError, match="comes from another instance than far"):
        setpoint.bundles.accept(result, "far.out")


def test_a_bundle_that_expired_does_nothing(setpoint, far):
    look(setpoint, far)
    bundle = exported(setpoint, sort_memory="16MB")
    late = bundle.sheet.expires_at.timestamp() + 1
    result = carry(far, bundle, now=lambda: late)
    assert "sort_memory" not in far.persisted
    with pytest.raises(RefusedError, match="had expired"):
        setpoint.bundles.accept(result, "far.out")


@pytest.mark.parametrize(
    ("old", "new"),
    [('"value":"8MB"', '"value":"9MB"'), ('["{', '["{ '), ("@setpoint seal 1 ", "@setpoint seal 1 0")],
)
def test_a_result_that_was_changed_on_its_way_is_refused(setpoint, far, old, new):
    far.set_by_hand("sort_memory", "8MB")
    result = carry(far, setpoint.bundles.collect(FAR, version="1"))
    changed = result.replace(old, new, 1) if old in result else result.replace("8MB", "9MB", 1)
    assert changed != result
    with pytest.raises(TamperedError, match="is not what the script printed"):
        setpoint.bundles.accept(changed, "far.out")
    assert setpoint.bundles.all(FAR)[0].state is BundleState.ISSUED
    setpoint.bundles.accept(result, "far.out")


def test_a_result_of_no_bundle_of_ours_is_refused(setpoint, far):
    result = carry(far, setpoint.bundles.collect(FAR, version="1"))
    with pytest.raises(NotFoundError, match="issued no bundle"):
        setpoint.bundles.accept(result.replace('"bundle":"b', '"bundle":"c', 1), "far.out")
    with pytest.raises(InputError, match="no result of a bundle"):
        setpoint.bundles.accept("hello\n", "far.out")


def test_a_bundle_is_verified_as_it_was_signed(setpoint, far):
    look(setpoint, far)
    bundle = exported(setpoint, sort_memory="16MB")
    assert setpoint.bundles.verify(bundle.text, "b.sql") == setpoint.bundles.all(FAR)[0].sheet
    with pytest.raises(TamperedError, match="script was changed"):
        setpoint.bundles.verify(bundle.text.replace("16MB", "61MB"), "b.sql")
    with pytest.raises(TamperedError, match="sheet was changed"):
        setpoint.bundles.verify(bundle.text.replace('"instance":"far"', '"instance":"near"', 1), "b.sql")
    with pytest.raises(InputError, match="no bundle"):
        setpoint.bundles.verify("SELECT 1;\n", "b.sql")


def test_two_bundles_that_write_are_never_out_at_the_same_time(setpoint, far):
    look(setpoint, far)
    bundle = exported(setpoint, sort_memory="16MB")
    with pytest.raises(RefusedError, match=f"{bundle.sheet.id} is out"):
        setpoint.bundles.export(setpoint.plan(FAR).plan)
    setpoint.bundles.void(bundle.sheet.id, because="the stick was lost")
    with pytest.raises(RefusedError, match="replay"):
        setpoint.bundles.accept(carry(far, bundle), "far.out")


def test_a_step_that_fails_over_there_has_all_taken_back_and_is_told(setpoint, far, monkeypatch):
    look(setpoint, far)
    bundle = exported(setpoint, sort_memory="16MB", cache_size="1GB")
    text = bundle.text.replace("set sort_memory 16MB", "set no_such_thing 16MB")
    result = Client(far.address).run(text)
    assert far.persisted == {}
    with pytest.raises(ApplyError, match="everything was taken back") as caught:
        setpoint.bundles.accept(result, "far.out")
    assert caught.value.state == "old"


def test_nothing_can_be_applied_over_a_network_that_is_not_there(setpoint, far):
    look(setpoint, far)
    setpoint.change_settings(f"instance:{FAR}", {"sort_memory": "16MB"}, reason="wanted")
    with pytest.raises((InputError, UnavailableError), match="files alone"):
        setpoint.apply(setpoint.plan(FAR).plan)


def test_its_drift_is_judged_for_a_week_and_its_plans_say_how_old_they_are(setpoint, far, monkeypatch):
    look(setpoint, far)
    setpoint.change_settings(f"instance:{FAR}", {"sort_memory": "16MB"}, reason="wanted")
    assert any("only files reach it" in warning for warning in setpoint.plan(FAR).plan.warnings)
    _, drifts = setpoint.drift(FAR)
    assert drifts[0].drift_class is DriftClass.DRIFTED
    late = setpoint.now() + timedelta(days=8)
    context = replace(setpoint._context, now=lambda: late)
    _, drifts = change.drift(context, FAR, is_fresh=False)
    assert drifts[0].drift_class is DriftClass.STALE
    assert "last seen 69" in drifts[0].explanation


WISH = Wish(settings={"sort_memory": "64MB"}, seconds=3600, because="it burns")


def test_a_temporary_change_is_armed_over_there_and_is_an_override_here(setpoint, far):
    look(setpoint, far)
    bundle = setpoint.bundles.export_temporary(FAR, WISH)
    assert setpoint.overrides.all() == ()
    setpoint.bundles.accept(carry(far, bundle), "far.out")
    assert far.persisted["sort_memory"] == "64MB"
    (override,) = setpoint.overrides.all()
    assert override.state is OverrideState.ACTIVE
    assert [(link.kind, link.state) for link in override.links] == [(LinkKind.TARGET_SWITCH, LinkState.ARMED)]
    assert setpoint.drift(FAR)[1][0].drift_class is DriftClass.IN_SYNC


def test_it_is_over_once_that_is_heard_and_not_before(setpoint, far):
    look(setpoint, far)
    setpoint.bundles.accept(carry(far, setpoint.bundles.export_temporary(FAR, WISH)), "far.out")
    (override,) = setpoint.overrides.all()
    late = override.deadline + timedelta(minutes=5)
    set_clock(far.address, lambda: late)
    context = replace(setpoint._context, now=lambda: late, moment=lambda: None)
    with pytest.raises(UnavailableError, match="nothing was heard"):
        ending.end_if_over(context, override.id)
    later = Setpoint(context)
    result = carry(far, later.bundles.collect(FAR), now=late.timestamp)
    assert "sort_memory" not in far.persisted
    later.bundles.accept(result, "far.out")
    ending.end_if_over(context, override.id)
    (override,) = later.overrides.all()
    assert (override.state, override.ended_by) == (OverrideState.ENDED, LinkKind.TARGET_SWITCH)
    assert not later.verify_audit().faults


def test_one_that_stands_still_after_its_deadline_is_told_and_not_closed(setpoint, far):
    look(setpoint, far)
    setpoint.bundles.accept(carry(far, setpoint.bundles.export_temporary(FAR, WISH)), "far.out")
    (override,) = setpoint.overrides.all()
    server = server_at(far.address)
    server.jobs.clear()
    late = override.deadline + timedelta(minutes=5)
    context = replace(setpoint._context, now=lambda: late, moment=lambda: None)
    later = Setpoint(context)
    later.bundles.accept(carry(far, later.bundles.collect(FAR), now=late.timestamp), "far.out")
    with pytest.raises(RefusedError, match="stands still"):
        ending.end_if_over(context, override.id)


def test_an_override_is_not_started_over_a_network_that_is_not_there(setpoint, far):
    look(setpoint, far)
    with pytest.raises(InputError, match="files alone"):
        setpoint.overrides.start(FAR, WISH)


LIMIT = """
policy: small
limits:
  - id: sorts
    scope: all
    must: sort_memory <= 4MB
    why: small hosts
"""


def test_policy_refuses_to_hand_out_what_it_would_refuse_to_apply(setpoint, far):
    look(setpoint, far)
    setpoint.change_settings(f"instance:{FAR}", {"sort_memory": "16MB"}, reason="wanted")
    setpoint.governance.put_policy("small", LIMIT, reason="house rule")
    made = setpoint.plan(FAR)
    assert made.verdict.outcome is Outcome.REFUSE
    with pytest.raises(RefusedError, match="policy refuses"):
        setpoint.bundles.export(made.plan)
    with pytest.raises(RefusedError, match="sorts"):
        setpoint.bundles.export_temporary(FAR, WISH)
    assert not [each for each in setpoint.bundles.all(FAR) if each.sheet.plan]


def test_compliance_of_it_is_reported_with_the_age_of_what_it_rests_on(setpoint, far):
    far.set_by_hand("sort_memory", "8MB")
    look(setpoint, far)
    setpoint.governance.put_policy("small", LIMIT, reason="house rule")
    report = setpoint.governance.compliance()
    (instance,) = [each for each in report.instances if each.name == FAR]
    assert instance.observed_at is not None
    assert instance.age_seconds is not None
    assert instance.counts.failed == 1

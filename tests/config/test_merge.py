"""The laws of diff and merge."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from tests.config.fleets import configurations
from tests.invented import CATALOG

from setpoint.config.configuration import Configuration, Instance
from setpoint.config.diff import Edit, diff_configurations, diff_settings
from setpoint.config.merge import apply_edits, merge
from setpoint.errors import ConflictError

ANY = configurations()


@given(ANY)
def test_nothing_differs_from_itself(one):
    assert diff_configurations(one, one) == ()


@given(ANY, ANY)
def test_the_edits_between_two_lead_from_one_to_the_other(old, new):
    assert apply_edits(old, diff_configurations(old, new)) == new


@given(ANY, ANY)
def test_a_side_that_did_nothing_takes_the_other(base, edited):
    assert merge(base, edited, base) == edited
    assert merge(base, base, edited) == edited


@given(ANY, ANY)
def test_the_same_edit_on_both_sides_is_no_conflict(base, edited):
    assert merge(base, edited, edited) == edited


@given(ANY, ANY, ANY)
def test_merging_does_not_depend_on_who_comes_first(base, ours, theirs):
    try:
        one = merge(base, ours, theirs)
    except ConflictError:
        with pytest.raises(ConflictError):
            merge(base, theirs, ours)
    else:
        assert one == merge(base, theirs, ours)


@given(ANY, ANY, ANY)
def test_a_merge_holds_every_edit_of_both(base, ours, theirs):
    try:
        merged = merge(base, ours, theirs)
    except ConflictError:
        return
    wanted = {
        (e.part, e.field, repr(e.new)) for side in (ours, theirs) for e in diff_configurations(base, side)
    }
    done = {(e.part, e.field, repr(e.new)) for e in diff_configurations(base, merged)}
    assert done == wanted


def fleet(**settings: str) -> Configuration:
    return Configuration(instances={"a": Instance(engine="postgresql", settings=dict(settings))})


def test_overlapping_edits_are_both_named():
    with pytest.raises(ConflictError) as caught:
        merge(fleet(work_mem="4MB"), fleet(work_mem="8MB"), fleet(work_mem="16MB"))
    for word in ("instance:a", "work_mem", "8MB", "16MB", "4MB"):
        assert word in str(caught.value)


def test_disjoint_edits_of_one_instance_join():
    base = fleet(work_mem="4MB", jit="on")
    merged = merge(base, fleet(work_mem="8MB", jit="on"), fleet(work_mem="4MB", jit="off"))
    assert merged.instances["a"].settings == {"work_mem": "8MB", "jit": "off"}


def test_removing_what_the_other_side_edits_is_a_conflict():
    base = fleet(work_mem="4MB")
    with pytest.raises(ConflictError, match="removes it"):
        merge(base, Configuration(), fleet(work_mem="4MB", jit="on"))


def test_settings_differ_by_meaning_when_there_is_a_catalog():
    old, new = {"work": "1GB", "cost": "4"}, {"work": "1048576kB", "cost": "5"}
    assert [change.name for change in diff_settings(old, new)] == ["cost", "work"]
    assert [change.name for change in diff_settings(old, new, CATALOG)] == ["cost"]


def test_taking_a_setting_out_of_management_is_a_difference():
    change = diff_settings({}, {"work": None})[0]
    assert msgspec.structs.asdict(change) == {"name": "work", "old": None, "new": None}


def test_a_policy_changes_as_a_whole():
    base, ours, theirs = (Configuration(policies={"safety": text}) for text in ("a\n", "b\n", "c\n"))
    assert diff_configurations(base, ours) == (
        Edit(part="policy:safety", field="text", old="a\n", new="b\n"),
    )
    with pytest.raises(ConflictError, match="policy:safety text"):
        merge(base, ours, theirs)
    with pytest.raises(ConflictError, match="policy:safety text"):
        merge(base, ours, Configuration())
    assert merge(base, ours, base) == ours

"""Editing what should be: all faults at once and nothing changed, who set what, and ways back."""

from __future__ import annotations

import msgspec
import pytest
from tests.control.conftest import NAME, PART

from setpoint.config.configuration import Group, Instance, TemplateUse
from setpoint.errors import InputError, InputErrors, NotFoundError, RefusedError


def test_every_value_the_instance_would_refuse_is_told_and_nothing_changed(setpoint):
    setpoint.observe(NAME)
    head = setpoint.revision("HEAD")
    with pytest.raises(InputErrors) as caught:
        setpoint.change_settings(
            PART, {"sort_memory": "much", "compression": "zip", "durable": "on"}, reason="try"
        )
    assert len(caught.value.faults) == 2
    assert setpoint.revision("HEAD") == head


def test_an_instance_never_seen_is_not_asked_and_its_plan_tells(setpoint):
    setpoint.change_settings(PART, {"compression": "zip"}, reason="unseen")
    (blocked,) = setpoint.plan(NAME).plan.blocked
    assert blocked.parameter == "compression"


@pytest.mark.parametrize(
    "instance",
    [
        Instance(engine="simulated", target="postgresql://u:hush@h/d"),
        Instance(engine="simulated", password="hush"),
        Instance(engine="simulated", group="nobody"),
        Instance(engine="nothing"),
        Instance(engine="simulated", template=TemplateUse(name="none", version=1)),
    ],
    ids=["secret in target", "secret", "group", "engine", "template"],
)
def test_what_makes_no_sense_is_refused_without_a_revision(setpoint, instance):
    head = setpoint.revision("HEAD")
    with pytest.raises((InputError, RefusedError)) as caught:
        setpoint.add_instance("other", instance, reason="try")
    assert "hush" not in str(caught.value)
    assert setpoint.revision("HEAD") == head


def test_a_group_with_members_stays(setpoint):
    setpoint.put_group("shops", Group(engine="simulated"), reason="group")
    setpoint.add_instance("second", Instance(engine="simulated", group="shops"), reason="member")
    with pytest.raises((InputError, RefusedError), match="shops"):
        setpoint.put_group("shops", None, reason="away")
    setpoint.remove_instance("second", reason="gone")
    setpoint.put_group("shops", None, reason="away")
    assert not setpoint.configuration().groups


def test_a_reason_is_asked_for(setpoint):
    for reason in ("", "  ", "x" * 5000):
        with pytest.raises(InputError, match="reason"):
            setpoint.change_settings(PART, {"durable": "off"}, reason=reason)


def test_layers_and_their_removal_by_null(setpoint, server, put):
    setpoint.put_group("shops", Group(engine="simulated", settings={"page_cost": "2.0"}), reason="group")
    instance = setpoint.configuration().instance(NAME)
    setpoint.change_instance(NAME, msgspec.structs.replace(instance, group="shops"), reason="join")
    setpoint.change_settings("fleet:simulated", {"sort_memory": "8MB", "page_cost": "3.0"}, reason="fleet")
    put(durable="off")
    assert server.persisted == {"durable": "off", "page_cost": "2.0", "sort_memory": "8MB"}
    assert {name: str(each.layer) for name, each in setpoint.effective(NAME).items()} == {
        "sort_memory": "fleet simulated",
        "page_cost": "group shops",
        "durable": f"instance {NAME}",
    }
    put(page_cost=None)
    assert server.persisted == {"durable": "off", "sort_memory": "8MB"}


def test_blame_names_the_revision_of_each_setting(setpoint):
    first, _ = setpoint.change_settings(PART, {"sort_memory": "8MB", "page_cost": "2"}, reason="first")
    second, _ = setpoint.change_settings(PART, {"sort_memory": "16MB"}, reason="second")
    setpoint.change_settings(PART, {"durable": "off"}, reason="third")
    back, _ = setpoint.change_settings(PART, {"page_cost": "3"}, reason="fourth")
    again, _ = setpoint.change_settings(PART, {"page_cost": "2"}, reason="fifth")
    blamed = {each.parameter: each.revision.id for each in setpoint.blame(PART)}
    assert blamed["sort_memory"] == second.id
    assert blamed["page_cost"] == again.id
    assert first.id not in blamed.values()
    assert back.id not in blamed.values()
    with pytest.raises(NotFoundError):
        setpoint.blame(PART, "compression")


def test_a_revert_is_a_new_revision_and_takes_effect(setpoint, server, put):
    put(sort_memory="8MB")
    before = setpoint.revision("HEAD")
    put(sort_memory="16MB", durable="off")
    reverted, edits = setpoint.revert(before.id, reason="not good")
    assert reverted.id != before.id
    assert len(edits) == 2
    assert setpoint.configuration() == setpoint.configuration(before.id)
    setpoint.apply(setpoint.plan(NAME).plan)
    assert server.persisted == {"sort_memory": "8MB"}


def test_an_export_reads_back_to_the_same(setpoint):
    setpoint.put_group("shops", Group(engine="simulated", settings={"log_events": ("connect",)}), reason="g")
    setpoint.change_settings(PART, {"sort_memory": "8MB", "durable": None}, reason="s")
    text, before = setpoint.export_fleet(), setpoint.configuration()
    setpoint.change_settings(PART, {"sort_memory": "9MB"}, reason="t")
    _, edits = setpoint.import_fleet(text, "fleet.yaml", reason="back")
    assert len(edits) == 1
    assert setpoint.configuration() == before
    head = setpoint.revision("HEAD")
    assert setpoint.import_fleet(text, "fleet.yaml", reason="again") == (head, ())
    with pytest.raises(InputErrors, match=r"fleet.yaml:\d:\d"):
        setpoint.import_fleet("instances: [", "fleet.yaml", reason="broken")
    assert setpoint.revision("HEAD") == head


def test_a_commit_and_its_audit_row_are_one(setpoint):
    setpoint.change_settings(PART, {"sort_memory": "8MB"}, reason="why", ticket="T-1")
    (row,) = setpoint.audit_rows(action="configuration.commit", limit=1)
    assert row.detail["revision"] == setpoint.revision("HEAD").id
    assert (row.detail["reason"], row.detail["ticket"]) == ("why", "T-1")

"""Plans applied to one instance, taken back, released, refused: what stands afterwards, and who owns it."""

from __future__ import annotations

import msgspec
import pytest
from tests.control.conftest import NAME, PART

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.config.drift import DriftClass
from setpoint.control import execution
from setpoint.control.permit import Permit
from setpoint.engines.plan import StepKind
from setpoint.errors import (
    ApplyError,
    ConflictError,
    HeldError,
    InputError,
    NotFoundError,
    OverBudgetError,
    RefusedError,
    StalePlanError,
    UnavailableError,
    UnreachableError,
)
from setpoint.policy.person import Principal, Right


def owned(setpoint):
    return {each.parameter: (each.ours, each.restore) for each in setpoint._context.store.journal.owned(NAME)}


def test_applied_over_undone_and_released_it_is_where_it_began(setpoint, server, put):
    server.set_by_hand("checkpoint_interval", "600")
    beginning = (server.persisted, server.running)
    put(sort_memory="16MB", cache_size="256MB")
    after_first = (server.persisted, server.running)
    put(sort_memory="32MB", checkpoint_interval="60")
    assert owned(setpoint)["sort_memory"] == ("32MB", None)
    assert owned(setpoint)["checkpoint_interval"] == ("60", "600")
    setpoint.undo(NAME)
    assert (server.persisted, server.running) == after_first
    assert owned(setpoint) == {"sort_memory": ("16MB", None), "cache_size": ("256MB", None)}
    verified = put(removed=["sort_memory", "cache_size", "checkpoint_interval"])
    assert verified.was_restarted
    assert (server.persisted, server.running) == beginning
    assert not owned(setpoint)
    assert setpoint.verify_audit().is_intact


def test_an_undo_goes_one_apply_back_and_no_further(setpoint, server, put):
    put(sort_memory="16MB")
    put(sort_memory="32MB")
    setpoint.undo(NAME)
    assert server.persisted == {"sort_memory": "16MB"}
    with pytest.raises(RefusedError, match="no apply to take back"):
        setpoint.undo(NAME)
    setpoint.apply(setpoint.plan(NAME).plan)
    assert server.persisted == {"sort_memory": "32MB"}
    setpoint.undo(NAME)
    assert server.persisted == {"sort_memory": "16MB"}


def test_without_an_apply_there_is_nothing_to_take_back(setpoint):
    with pytest.raises(RefusedError, match="no apply to take back"):
        setpoint.undo(NAME)


def test_an_apply_that_failed_does_not_hide_the_one_before(setpoint, server, put):
    put(sort_memory="16MB")
    setpoint.change_settings(PART, {"sort_memory": "32MB", "page_cost": "2"}, reason="more")

    def refuse(number, _step):
        if number:
            raise RefusedError("stop")

    with pytest.raises(ApplyError, match="everything was taken back") as caught:
        setpoint.apply(setpoint.plan(NAME).plan, before_step=refuse)
    assert caught.value.state == "old"
    assert server.persisted == {"sort_memory": "16MB"}
    assert owned(setpoint) == {"sort_memory": ("16MB", None)}
    setpoint.undo(NAME)
    assert server.persisted == {}


def test_a_later_human_change_is_a_conflict_and_stays(setpoint, server, put):
    put(sort_memory="16MB", page_cost="2.0")
    server.set_by_hand("sort_memory", "24MB", running="24576")
    with pytest.raises(ConflictError, match="sort_memory"):
        setpoint.undo(NAME)
    assert server.persisted == {"sort_memory": "24MB", "page_cost": "2.0"}
    server.set_by_hand("sort_memory", "16MB", running="16384")
    setpoint.undo(NAME)
    assert server.persisted == {}


def test_a_release_leaves_a_human_change_alone_and_lets_go(setpoint, server, put):
    put(sort_memory="16MB", page_cost="2.0")
    server.set_by_hand("sort_memory", "24MB", running="24576")
    setpoint.change_settings(PART, {}, removed=["sort_memory", "page_cost"], reason="leave it")
    planned = setpoint.plan(NAME)
    assert [step.parameter for step in planned.plan.steps if step.parameter] == ["page_cost"]
    assert "sort_memory" in planned.plan.warnings[0]
    setpoint.apply(planned.plan)
    assert server.persisted == {"sort_memory": "24MB"}
    assert not owned(setpoint)
    server.set_by_hand("sort_memory", "16MB", running="16384")
    after = setpoint.plan(NAME).plan
    assert after.is_empty
    assert not after.warnings


def test_drift_is_shown_with_its_origin_and_put_right(setpoint, server, put):
    put(sort_memory="16MB")
    server.set_by_hand("sort_memory", "24MB", running="24576")
    (drift,) = setpoint.drift(NAME)[1]
    assert (drift.drift_class, drift.observed) == (DriftClass.DRIFTED, "24MB")
    put()
    assert [drift.drift_class for drift in setpoint.drift(NAME)[1]] == [DriftClass.IN_SYNC]
    assert setpoint.drift_of_snapshots()[NAME][0].drift_class is DriftClass.IN_SYNC
    # Put right, drift is gone; what stood before us is what a release goes back to.
    put(removed=["sort_memory"])
    assert server.persisted == {}


def test_drift_that_is_put_back_by_an_undo_is_the_persons(setpoint, server, put):
    put(sort_memory="16MB")
    server.set_by_hand("sort_memory", "24MB", running="24576")
    put(sort_memory="32MB")
    setpoint.undo(NAME)
    assert server.persisted == {"sort_memory": "24MB"}
    assert not owned(setpoint)
    put(removed=["sort_memory"])
    assert server.persisted == {"sort_memory": "24MB"}


def test_a_waiting_restart_is_named_and_made_up_for_later(setpoint, server, put):
    verified = put(cache_size="256MB", may_restart=False)
    assert [drift.drift_class for drift in verified.drifts] == [DriftClass.PENDING_RESTART]
    assert not verified.was_restarted
    planned = setpoint.plan(NAME)
    assert StepKind.RESTART in [step.kind for step in planned.plan.steps]
    assert setpoint.apply(planned.plan, may_restart=True).was_restarted
    assert server.running["cache_size"] == "262144"
    # Both applies were one change; what is taken back waits for a restart again.
    back, verified = setpoint.undo(NAME)
    assert server.persisted == {}
    assert [step.kind for step in back.steps] == [StepKind.RESET, StepKind.RELOAD, StepKind.RESTART]
    assert verified.drifts[0].drift_class is DriftClass.PENDING_RESTART


def test_an_undo_restarts_only_where_a_new_value_runs(setpoint, server, put):
    put(cache_size="256MB", may_restart=False)
    _, verified = setpoint.undo(NAME, may_restart=True)
    assert not verified.was_restarted
    assert setpoint.drift(NAME)[1][0].observed == "128MB"


@pytest.mark.parametrize("is_head_moved", [True, False])
def test_a_stale_plan_is_refused_and_leaves_no_record(setpoint, server, put, is_head_moved):
    put(sort_memory="16MB")
    setpoint.change_settings(PART, {"sort_memory": "32MB"}, reason="more")
    made = setpoint.plan(NAME).plan
    if is_head_moved:
        setpoint.change_settings(PART, {"page_cost": "2"}, reason="something else")
    else:
        server.set_by_hand("durable", "off")
    with pytest.raises(StalePlanError):
        setpoint.apply(made)
    assert server.persisted["sort_memory"] == "16MB"
    setpoint.undo(NAME)
    assert "sort_memory" not in server.persisted


def test_a_plan_over_the_budget_needs_a_name_and_a_reason(setpoint, server):
    setpoint.change_settings(PART, {"cache_size": "7GB", "sort_memory": "1GB"}, reason="greed")
    made = setpoint.plan(NAME).plan
    for reason in ("", "  "):
        with pytest.raises(OverBudgetError, match="memory"):
            setpoint.apply(made, accept_risk=reason)
    assert server.persisted == {}
    setpoint.apply(made, accept_risk="the host is replaced tonight")
    (row,) = setpoint.audit_rows(action="risk.accepted")
    assert row.detail["because"] == "the host is replaced tonight"
    assert row.actor == "ada"
    steps = setpoint.audit_rows(action="apply.step")
    assert steps
    assert all(step.seq > row.seq for step in steps)


def test_what_cannot_be_reached_is_blocked_and_the_rest_applied(setpoint, server):
    text = "setpoint: 1\ninstances:\n  shop:\n    engine: simulated\n    target: " + server.address
    text += "\n    settings: {no_such_thing: 1, page_size: 4096, sort_memory: 16MB}\n"
    setpoint.import_fleet(text, "fleet.yaml", reason="imported unseen")
    planned = setpoint.plan(NAME)
    assert {blocked.parameter for blocked in planned.plan.blocked} == {"no_such_thing", "page_size"}
    setpoint.apply(planned.plan)
    assert server.persisted == {"sort_memory": "16MB"}


def test_a_restart_without_a_command_is_bad_input_and_touches_nothing(setpoint, server):
    instance = setpoint.configuration().instance(NAME)
    setpoint.change_instance(NAME, msgspec.structs.replace(instance, restart_command=""), reason="by hand")
    setpoint.change_settings(PART, {"cache_size": "256MB"}, reason="more")
    made = setpoint.plan(NAME).plan
    with pytest.raises(InputError, match="no restart command"):
        setpoint.apply(made, may_restart=True)
    assert server.persisted == {}
    setpoint.apply(made)
    assert server.persisted == {"cache_size": "256MB"}


def test_a_restart_command_that_does_nothing_but_fail_leaves_the_old_state(setpoint, server, monkeypatch):
    def fail(command):
        raise UnavailableError("the restart command ended with 1: no")

    monkeypatch.setattr(execution, "run_restart_command", fail)
    setpoint.change_settings(PART, {"cache_size": "256MB", "sort_memory": "16MB"}, reason="more")
    with pytest.raises(ApplyError, match="ended with 1: no; everything was taken back") as caught:
        setpoint.apply(setpoint.plan(NAME).plan, may_restart=True)
    assert caught.value.state == "old"
    assert server.persisted == {}
    assert not owned(setpoint)


def test_a_server_that_stays_down_is_unreachable_and_its_state_open(setpoint, server, monkeypatch):
    monkeypatch.setattr(execution, "run_restart_command", lambda _: server.take_down())
    setpoint.change_settings(PART, {"cache_size": "256MB"}, reason="more")
    with pytest.raises(ApplyError, match="has no files in reach") as caught:
        setpoint.apply(setpoint.plan(NAME).plan, may_restart=True)
    assert caught.value.state == "mixed"
    with pytest.raises(UnreachableError):
        setpoint.plan(NAME)
    server.restart()
    setpoint.undo(NAME)
    assert server.persisted == {}


def test_an_interrupt_from_the_keyboard_takes_everything_back(setpoint, server):
    setpoint.change_settings(PART, {"sort_memory": "16MB", "page_cost": "2"}, reason="more")

    def interrupt(number, _step):
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(ApplyError, match="interrupted; everything was taken back"):
        setpoint.apply(setpoint.plan(NAME).plan, before_step=interrupt)
    assert server.persisted == {}
    assert server.running["sort_memory"] == "4096"
    assert not setpoint.plan(NAME).unfinished


def test_rows_exist_before_effects(setpoint, server):
    setpoint.change_settings(PART, {"sort_memory": "16MB"}, reason="more")
    seen = []

    def look(number, step):
        actions = [row.action for row in setpoint.audit_rows(subject=NAME)]
        seen.append((actions.count("apply.begin"), actions.count("apply.step"), dict(server.persisted)))

    setpoint.apply(setpoint.plan(NAME).plan, before_step=look)
    # Asked before the row of its own step: each look sees the rows of all steps before.
    assert seen == [(1, 0, {}), (1, 1, {"sort_memory": "16MB"})]
    assert setpoint.audit_rows(subject=NAME)[0].action == "apply.finish"


def test_a_name_in_the_engines_own_spelling_is_still_asked_for(setpoint, server, put):
    put(SORT_MEMORY="16MB")
    assert owned(setpoint) == {"sort_memory": ("16MB", None)}
    assert setpoint.plan(NAME).plan.is_empty


def test_an_instance_that_is_held_says_by_whom(setpoint, server):
    setpoint.change_settings(PART, {"sort_memory": "16MB"}, reason="more")
    made = setpoint.plan(NAME).plan
    context, permit = setpoint._context, Permit(Principal(name="grace", account=""), Right.APPLY)
    with context.connected(NAME, setpoint.configuration().instance(NAME), permit) as other:
        other.lock("grace (process 7 on elsewhere)")
        for work in (lambda: setpoint.apply(made), lambda: setpoint.undo(NAME)):
            with pytest.raises(HeldError, match="grace"):
                work()
    assert server.persisted == {}


def test_a_plan_is_found_by_its_hash_and_survives_a_change_of_hands(setpoint, tmp_path, server):
    setpoint.change_settings(PART, {"sort_memory": "16MB"}, reason="more")
    made = setpoint.plan(NAME).plan
    with Setpoint.open(str(tmp_path / "store.db"), actor="grace") as other:
        other.apply(other.find_plan(made.hash[:8]))
    assert server.persisted == {"sort_memory": "16MB"}
    with pytest.raises(NotFoundError):
        setpoint.find_plan("0000")


def test_an_instance_without_a_target_says_so(setpoint):
    setpoint.add_instance("new", Instance(engine="simulated"), reason="planned")
    with pytest.raises(InputError, match="no target"):
        setpoint.plan("new")

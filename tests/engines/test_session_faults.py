"""What a session makes of an instance that fails under its hands: which state it tells, and what is left.

The server is the simulated one; its connection or its restart command is made to fail where a test says so.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from tests.engines.scene import BEFORE, Late, Mending, Record, Scene

from setpoint.config.drift import DriftClass
from setpoint.engines import session
from setpoint.engines.port import Release
from setpoint.engines.session import drive
from setpoint.engines.simulated import ENGINE
from setpoint.engines.simulated.driver import shipped
from setpoint.errors import (
    ApplyError,
    HeldError,
    NotPermittedError,
    RefusedError,
    StalePlanError,
    UnavailableError,
    UnreachableError,
)

THREE = {"durable": "off", "page_cost": "2.0", "sort_memory": "16384"}


@pytest.fixture
def scene(monkeypatch) -> Scene:
    monkeypatch.setattr(session, "_POLL_SECONDS", 0)
    return Scene()


@pytest.fixture
def hasty(monkeypatch) -> None:
    """Have no patience with values that do not read back."""
    monkeypatch.setattr(session, "_SETTLE_SECONDS", 0)


def fail_to_restart():
    raise UnavailableError("the restart command ended with 1: it says")


@pytest.fixture(params=[lambda: None, fail_to_restart], ids=["ends well", "ends badly"])
def ends_with(request):
    return request.param


def refuse():
    raise RefusedError("the server refused: out of luck")


def test_a_check_takes_the_lock_and_nothing_else_and_the_run_goes_on_from_it(scene):
    with closing(scene.driver()) as driver:
        application = scene.application(driver, {"page_cost": "2.0"})
        assert application.check()[1].get("page_cost")
        with pytest.raises(HeldError, match="ada"):
            scene.grace().lock("grace")
        assert scene.is_as_before
        assert scene.record.entries == []
        application.run()
    assert scene.server.running["page_cost"] == "2.0"


def test_what_was_changed_between_plan_and_check_makes_the_plan_stale(scene):
    with closing(scene.driver()) as driver:
        application = scene.application(driver, {"page_cost": "2.0"})
        scene.change(persisted={"durable": "off"})
        with pytest.raises(StalePlanError):
            application.run()
    assert scene.record.entries == []
    assert scene.server.persisted == {**BEFORE, "durable": "off"}


# ----------------------------------------------------------------------------------- an instance that is lost


def test_an_instance_lost_in_the_middle_is_in_a_state_nobody_knows_and_its_steps_stay_on_record(scene):
    with closing(scene.driver({"set page_cost 2.0": scene.go_down})) as driver:
        application = scene.application(driver, THREE)
        with pytest.raises(UnreachableError, match="then the instance was lost while going back") as caught:
            application.run()
    assert "its state is not known" in caught.value.next_step
    assert scene.record.entries == [("intend", 0), ("done", 0), ("intend", 1)]
    scene.change(is_up=True)
    assert not scene.is_as_before
    with closing(scene.driver()) as driver:
        replace(application, driver=driver).undo([0, 1])
    assert scene.is_as_before


def test_an_instance_lost_while_going_back_is_in_a_state_nobody_knows(scene):
    trouble = {"set page_cost 2.0": refuse, "reset durable": scene.go_down}
    with pytest.raises(UnreachableError, match="out of luck; then the instance was lost while going back"):
        scene.apply(THREE, trouble)
    assert scene.server.persisted == {**BEFORE, "durable": "off"}


def test_after_a_lost_connection_everything_is_taken_back_under_the_lock(scene):
    held = []

    def look():
        with pytest.raises(HeldError, match="ada"):
            scene.grace().lock("grace")
        held.append(True)

    with pytest.raises(ApplyError, match="connection was lost in a restart; everything was taken") as caught:
        scene.apply(THREE, {"set page_cost 2.0": scene.restart, "reset durable": look})
    assert caught.value.state == "old"
    assert scene.is_as_before
    assert held


def test_a_way_back_that_the_server_refuses_leaves_a_mixed_state_and_says_both_faults(scene):
    def forbid():
        raise NotPermittedError("no right to reset", next_step="grant it")

    with pytest.raises(ApplyError, match="out of luck; going back failed too: no right") as caught:
        scene.apply(THREE, {"set page_cost 2.0": refuse, "reset durable": forbid})
    assert (caught.value.state, caught.value.next_step) == ("mixed", "grant it")
    assert scene.server.persisted == {**BEFORE, "durable": "off"}


# ------------------------------------------------------------------------------------------ records that fail


@pytest.mark.parametrize("entry", [("intend", 1), ("done", 1)])
def test_a_record_that_cannot_be_written_has_everything_taken_back(scene, entry):
    scene.record = Record(failing=entry)
    with closing(scene.driver()) as driver:
        with pytest.raises(ApplyError, match="the disk of the store is full; everything was taken") as caught:
            scene.application(driver, THREE).run()
        assert ("set page_cost 2.0" in driver.calls) is (entry == ("done", 1))
        assert "set sort_memory 16384" not in driver.calls
        assert [c for c in driver.calls if c.startswith("reset")] == ["reset page_cost", "reset durable"]
    assert caught.value.state == "old"
    assert scene.is_as_before


# ---------------------------------------------------------------------------------------- silence of a server


def test_a_server_that_says_yes_and_does_nothing_is_caught(scene, hasty):
    with pytest.raises(ApplyError, match="read back wrong: page_cost runs 4 from default;") as caught:
        scene.apply(THREE, {"set page_cost 2.0": lambda: "yes"})
    assert caught.value.state == "old"
    assert scene.is_as_before


def test_an_entry_left_behind_and_not_yet_loaded_is_not_called_taken_back(scene, hasty):
    trouble = {"set page_cost 2.0": refuse, "reset durable": lambda: "yes", "reload": lambda: "yes"}
    with pytest.raises(ApplyError, match="out of luck; what stood before could not be read back") as caught:
        scene.apply(THREE, trouble)
    assert caught.value.state == "mixed"
    assert scene.server.running == scene.running


def test_an_entry_that_should_be_gone_and_is_not_is_caught(scene, hasty):
    trouble = {"reset checkpoint_interval": lambda: "yes"}
    release = Release(parameter="checkpoint_interval", ours="600", restore=None)
    with pytest.raises(ApplyError, match="checkpoint_interval has a persisted entry still") as caught:
        scene.apply({"durable": "off"}, trouble, releases=[release])
    assert caught.value.state == "old"
    assert scene.is_as_before


def test_values_that_follow_a_reload_late_are_waited_for(scene):
    with closing(Late(scene.target)) as driver:
        verified = scene.application(driver, {"page_cost": "2.0"}).run()
    assert [drift.drift_class for drift in verified.drifts] == [DriftClass.IN_SYNC]
    assert scene.server.running["page_cost"] == "2.0"


def test_old_values_that_follow_a_reload_late_are_waited_for(scene):
    def fail():
        scene.change(running={"page_cost": "2.0"})
        raise UnavailableError("the restart command ended with 1: no")

    with closing(Late(scene.target)) as driver:
        application = scene.application(driver, {"page_cost": "2.0", "cache_size": "1GB"}, restart=fail)
        with pytest.raises(ApplyError, match="ended with 1: no; everything was taken back"):
            application.run()
    assert scene.is_as_before


# --------------------------------------------------------------------------------------------------- restarts


def test_a_lock_that_the_server_has_not_let_go_of_yet_is_tried_again(scene):
    """The old connection's session can outlive it for a moment; here its lock is in the way twice."""
    old, tries = scene.grace(), []

    def restart():
        scene.restart()
        old.reconnect(0)
        old.lock("the session of before")

    def let_go():
        if scene.server.starts > 1:
            tries.append(True)
        if len(tries) == 3:
            old.close()

    with closing(scene.driver({"lock": let_go})) as driver:
        verified = scene.application(driver, {"cache_size": "1GB"}, restart=restart).run()
        assert len(tries) == 3
        with pytest.raises(HeldError, match="ada"):
            scene.grace().lock("grace")
    assert verified.was_restarted
    assert [drift.drift_class for drift in verified.drifts] == [DriftClass.IN_SYNC]


def test_under_the_hands_of_whoever_took_the_lock_during_a_restart_nothing_is_touched(scene, hasty):
    grace = scene.grace()

    def restart():
        scene.restart()
        grace.reconnect(0)
        grace.lock("grace")

    with closing(scene.driver()) as driver:
        application = scene.application(driver, {"cache_size": "1GB"}, restart=restart)
        with pytest.raises(ApplyError, match="going back failed too: grace is applying to it") as caught:
            application.run()
        after = driver.calls[driver.calls.index("reconnect") :]
        assert set(after) == {"reconnect", "lock", "observe 1"}
    assert (caught.value.state, caught.value.next_step) == ("mixed", "wait until it ends")
    assert scene.server.starts == 2


def test_a_restart_command_that_ends_well_and_does_nothing_is_not_believed(scene, hasty):
    with pytest.raises(ApplyError, match="read back wrong: cache_size 1GB waits for a restart") as caught:
        scene.apply({"cache_size": "1GB"}, restart=lambda: None)
    assert caught.value.state == "old"
    assert "restart this very server" in caught.value.next_step
    assert scene.is_as_before


def test_a_reset_that_waits_for_a_restart_is_told_as_waiting(scene):
    scene.change(persisted={"cache_size": "262144"}, running={"cache_size": "262144"})
    release = Release(parameter="cache_size", ours="262144", restore=None)
    (drift,) = scene.apply({}, releases=[release]).drifts
    assert (drift.drift_class, drift.desired) == (DriftClass.PENDING_RESTART, None)
    assert drift.is_deviation
    assert scene.server.running["cache_size"] == "262144"


def test_a_restart_that_brought_something_else_is_taken_back_with_another_one(scene, hasty, ends_with):
    """The server came up with an option once; its next start has none, however the command is said to end."""

    def restart():
        is_first = scene.server.starts == 1
        options = scene.server.command_line
        options.update(page_cost="8.0") if is_first else options.clear()
        scene.restart()
        if not is_first:
            ends_with()

    with pytest.raises(ApplyError, match=r"page_cost command line wins .* everything was taken") as caught:
        scene.apply({"cache_size": "1GB", "page_cost": "2.0"}, restart=restart)
    assert caught.value.state == "old"
    assert scene.server.starts == 3
    assert scene.is_as_before


def test_what_keeps_reading_differently_is_not_called_the_old_state(scene, hasty):
    def restart():
        scene.change(command_line={"page_cost": "8.0"})
        scene.restart()

    with pytest.raises(ApplyError, match="what stood before could not be read back") as caught:
        scene.apply({"cache_size": "1GB", "page_cost": "2.0"}, restart=restart)
    assert (caught.value.state, caught.value.next_step) == ("mixed", "plan again to see what differs")
    assert scene.server.persisted == BEFORE
    assert scene.server.running["cache_size"] == scene.running["cache_size"]


def test_a_parameter_that_is_not_listed_any_more_is_not_called_taken_back(scene, hasty):
    def restart():
        scene.restart()
        driver.forget("connection_greeting")
        raise UnavailableError("the restart command ended with 1: a module is missing")

    with closing(scene.driver()) as driver:
        desired = {"cache_size": "1GB", "connection_greeting": "hello"}
        application = scene.application(driver, desired, restart=restart)
        with pytest.raises(ApplyError, match="module is missing; what stood before could not") as caught:
            application.run()
    assert caught.value.state == "mixed"


# ------------------------------------------------------------------------------- a server that does not start


@pytest.fixture
def start(scene):
    """Restart a server that does not start with as much memory as is asked for."""

    def start():
        if "cache_size" in scene.server.persisted:
            scene.go_down()
            raise UnavailableError("the restart command ended with 1: no memory")
        scene.restart()

    return start


def test_a_server_that_does_not_start_gets_its_old_entries_back_and_starts(scene, start):
    with pytest.raises(ApplyError) as caught:
        scene.apply({**THREE, "cache_size": "1GB"}, restart=start, engine=Mending(scene))
    assert caught.value.what == (
        "the restart command ended with 1: no memory; took cache_size out of the server's file; "
        "everything was taken back"
    )
    assert caught.value.state == "old"
    assert scene.is_as_before


def test_a_server_that_does_not_start_and_whose_files_are_out_of_reach_is_told(scene, start):
    with pytest.raises(ApplyError, match="no memory; going back failed too: shop has no files") as caught:
        scene.apply({"cache_size": "1GB"}, restart=start)
    assert caught.value.state == "mixed"
    assert not scene.server.is_up


# ------------------------------------------------------------------------------------------- asking questions


def test_a_dialogue_of_requests_is_led_to_its_end_over_a_connection(scene):
    with closing(scene.driver()) as driver:
        assert drive(ENGINE.harvest(driver.version, ""), driver) == shipped().data

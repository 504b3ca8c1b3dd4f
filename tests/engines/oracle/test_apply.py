"""From observed to desired: what is written where, in which order, how it goes back, and what is refused."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.engines.oracle.stage import AT

from setpoint.engines.ending import make_ending
from setpoint.engines.oracle import ENGINE
from setpoint.engines.order import Back, Order
from setpoint.engines.plan import StepKind
from setpoint.engines.port import Release
from setpoint.errors import ApplyError, NotPermittedError


def undone(plan):
    return [request.text for step in plan.steps for request in step.undo]


def test_what_can_change_now_is_set_in_both_places_and_goes_back_to_what_ran_and_no_entry(stage):
    plan = stage.plan({"open_cursors": "500"})
    assert [r.text for r in plan.steps[0].do] == ["ALTER SYSTEM SET open_cursors = 500 SCOPE=BOTH SID='*'"]
    (undo,) = undone(plan)
    assert (
        undo.splitlines()[1]
        == "EXECUTE IMMEDIATE 'ALTER SYSTEM SET open_cursors = 50 SCOPE=MEMORY SID=''*''';"
    )
    assert "ALTER SYSTEM RESET open_cursors SCOPE=SPFILE SID=''*''" in undo.splitlines()[2]
    assert not plan.restarts


def test_what_cannot_is_written_for_the_next_start(stage):
    plan = stage.plan({"processes": "500"})
    assert [r.text for r in plan.steps[0].do] == ["ALTER SYSTEM SET processes = 500 SCOPE=SPFILE SID='*'"]
    assert [step.kind for step in plan.steps] == [StepKind.SET, StepKind.RESTART]


def test_a_deferred_parameter_is_set_deferred_and_says_for_whom(stage):
    plan = stage.plan({"session_cached_cursors": "200"})
    assert plan.steps[0].do[0].text == (
        "ALTER SYSTEM SET session_cached_cursors = 200 DEFERRED SCOPE=BOTH SID='*'"
    )
    assert any("sessions that begin after" in words for words in plan.warnings)


def test_when_a_later_step_fails_an_earlier_entry_and_what_ran_beside_it_both_come_back(stage):
    stage.database.meddle("open_cursors", "300")
    with closing(stage.connect()) as driver:
        driver._exchange("ALTER SYSTEM SET open_cursors = 800 SCOPE=MEMORY SID='*'")
    plan = stage.plan({"open_cursors": "500", "undo_retention": "4000"})
    stage.database.specs["undo_retention"].high = 3000
    with closing(stage.connect()) as driver, pytest.raises(ApplyError) as caught:
        stage.application(driver, plan).run()
    assert caught.value.state == "old"
    assert stage.setting("open_cursors").value == "800"
    assert stage.setting("open_cursors").entry.text == "300"


@pytest.mark.parametrize(
    ("name", "text", "written"),
    [
        ("sga_target", "2G", "sga_target = 2G"),
        ("sga_target", "1536MB", "sga_target = 1536M"),
        ("undo_retention", "30min", "undo_retention = 1800"),
        ("sort_area_size", "1M", "sort_area_size = 1048576 DEFERRED"),
        ("timed_statistics", "off", "timed_statistics = FALSE"),
        ("cursor_sharing", "force", "cursor_sharing = 'FORCE'"),
        ("log_archive_config", "DG_CONFIG=(a,b)", "log_archive_config = 'DG_CONFIG=(a,b)'"),
        ("service_names", ("sales", "o'neill"), "service_names = 'sales', 'o''neill'"),
        ("db_recovery_file_dest", "/u'; DROP", "db_recovery_file_dest = '/u''; DROP'"),
    ],
)
def test_texts_are_written_as_the_server_takes_them(stage, name, text, written):
    (statement,) = stage.statements({name: text})
    assert statement == f"ALTER SYSTEM SET {written} SCOPE=BOTH SID='*'"
    stage.apply({name: text})
    assert stage.plan({name: text}).is_empty


def test_several_parameters_are_applied_and_a_refused_one_takes_all_back(stage):
    desired = {"open_cursors": "500", "undo_retention": "1200"}
    stage.apply(desired)
    stage.database.specs["undo_retention"].high = 3000
    with pytest.raises(ApplyError, match="ORA-00068") as caught:
        stage.apply({"open_cursors": "600", "undo_retention": "4000"})
    assert caught.value.state == "old"
    assert stage.setting("open_cursors").value == "500"


def test_a_cluster_is_told_who_is_reached(stage):
    stage.set_up(sids=("orcl1", "orcl2"))
    assert any("orcl1, orcl2" in words for words in stage.plan({"open_cursors": "500"}).warnings)
    stage.apply({"open_cursors": "500"})
    assert {each.memory[0, "open_cursors"][0] for each in stage.database.instances.values()} == {"500"}


def test_an_instances_own_entry_is_changed_for_it_alone(stage):
    database = stage.set_up(sids=("orcl1", "orcl2"))
    database.meddle("open_cursors", "400", sid="orcl1")
    stage.apply({"open_cursors": "500"})
    running = {name: each.memory[0, "open_cursors"][0] for name, each in database.instances.items()}
    assert running == {"orcl1": "500", "orcl2": "50"}


def test_without_its_own_entry_an_instance_has_that_of_all(stage):
    database = stage.set_up(sids=("orcl1", "orcl2"), sid="orcl1")
    database.meddle("open_cursors", "300")
    stage.apply({"open_cursors": "400"})
    release = Release(parameter="open_cursors", ours="400", restore=None)
    plan = stage.plan({}, releases=[release])
    with closing(stage.connect()) as driver:
        stage.application(driver, plan).run()
    assert stage.setting("open_cursors").value == "300"


def test_what_is_one_for_all_instances_is_not_set_for_one(stage):
    stage.set_up(sids=("orcl1", "orcl2"), sid="orcl1")
    assert "one value for all" in stage.blocked({"db_cache_size": "1G"})["db_cache_size"]


def test_a_pluggable_database_is_set_what_may_be_its_own_and_nothing_else(stage):
    database = stage.set_up(is_cdb=True, con=3)
    assert "whole instance" in stage.blocked({"processes": "500"})["processes"]
    stage.apply({"open_cursors": "500"})
    assert database.entries == {(3, "*", "open_cursors"): ["500"]}
    database.open_mode = "READ ONLY"
    database.state += 1
    assert "open for reading" in stage.blocked({"open_cursors": "600"})["open_cursors"]


def test_a_target_above_its_ceiling_is_refused_and_goes_with_the_ceiling_at_a_restart(stage):
    stage.database.meddle("sga_target", "2G")
    assert "sga_max_size" in stage.blocked({"sga_target": "8G"})["sga_target"]
    plan = stage.plan({"sga_target": "8G", "sga_max_size": "8G"})
    assert not plan.blocked
    assert all(
        "SCOPE=SPFILE" in each for each in stage.statements({"sga_target": "8G", "sga_max_size": "8G"})
    )
    assert set(plan.restarts) == {"sga_max_size", "sga_target"}
    with closing(stage.connect()) as driver:
        application = stage.application(driver, plan, stage.database.start)
        application.run()
        assert stage.setting("sga_target").value == str(8 << 30)
        application.undo(range(len(plan.steps)))
    assert stage.setting("sga_target").value == str(2 << 30)
    assert stage.setting("sga_max_size").entry is None


@pytest.mark.parametrize(
    ("desired", "word"),
    [
        ({"memory_max_target": "4G", "memory_target": "1G", "sga_target": "2G"}, "less than sga_target"),
        ({"memory_max_target": "4G", "memory_target": "2G", "lock_sga": "TRUE"}, "lock_sga"),
        ({"sga_target": "2G", "statistics_level": "BASIC"}, "statistics_level"),
        ({"parallel_max_servers": "4", "parallel_min_servers": "9"}, "parallel_min_servers"),
        ({"sga_target": "2G", "sga_min_size": "1536M"}, "half of sga_target"),
    ],
)
def test_combinations_the_server_does_not_take_are_refused_together(stage, desired, word):
    found = stage.blocked(desired)
    assert len(found) >= 2
    assert all(word in why for why in found.values())


def test_a_value_of_another_type_out_of_range_or_fixed_is_refused(stage):
    desired = {"open_cursors": "many", "parallel_max_servers": "99999", "db_block_size": "16384"}
    found = stage.blocked({**desired, "tracefile_identifier": "x", "fal_client": "a\nb"})
    assert set(found) == {*desired, "tracefile_identifier", "fal_client"}
    assert "line break" in found["fal_client"]


def test_a_login_that_may_not_change_anything_is_told_what_a_dba_would_run(stage):
    stage.database.privileges = set()
    plan = stage.plan({"open_cursors": "500", "processes": "500"})
    assert {each.parameter for each in plan.blocked} == {"open_cursors", "processes"}
    assert "as a DBA: ALTER SYSTEM SET open_cursors = 500 SCOPE=BOTH SID='*'" in plan.operator_steps


@pytest.mark.parametrize("user", ["RDSADMIN", "C##ADP$SERVICE"])
def test_a_managed_service_is_told_from_its_users(stage, user):
    stage.database.users.add(user)
    plan = stage.plan({"open_cursors": "500"})
    assert "does not allow ALTER SYSTEM" in plan.blocked[0].why
    assert "open_cursors = 500" in plan.operator_steps[0]


def test_what_the_broker_keeps_is_changed_through_it(stage):
    stage.database.meddle("dg_broker_start", "TRUE")
    desired = {"log_archive_dest_2": "SERVICE=b", "standby_file_management": "AUTO"}
    assert set(stage.blocked(desired)) == set(desired)


def test_a_standby_is_told_and_takes_changes_of_its_own(stage):
    stage.database.role, stage.database.open_mode = "PHYSICAL STANDBY", "READ ONLY WITH APPLY"
    assert stage.look()[0].facts.role == "standby"
    stage.apply({"undo_retention": "1800"})
    assert stage.setting("undo_retention").value == "1800"


def test_a_database_that_is_only_mounted_is_seen_by_a_dba_and_not_changed(stage):
    stage.database.role, stage.database.open_mode = "PHYSICAL STANDBY", "MOUNTED"
    stage.database.is_dba = True
    observation, _ = stage.look()
    assert (observation.facts.role, observation.unseen) == ("standby", ())
    assert observation.facts.is_superuser
    plan = stage.plan({"undo_retention": "1800"})
    assert "mounted and not open" in plan.blocked[0].why
    assert "ALTER SYSTEM SET undo_retention = 1800" in plan.operator_steps[0]


def test_undoing_over_a_value_in_memory_is_told_and_leaves_the_new_state(stage):
    stage.database.meddle("open_cursors", "300")
    with closing(stage.connect()) as driver:
        driver._exchange("ALTER SYSTEM SET open_cursors = 800 SCOPE=MEMORY SID='*'")
        application = stage.application(driver, stage.plan({"open_cursors": "500"}))
        application.run()
        with pytest.raises(ApplyError, match="read back wrong"):
            application.undo([0])
    assert stage.setting("open_cursors").value == "500"
    assert stage.setting("open_cursors").entry.text == "500"


def test_standbys_go_first_where_they_would_stop(stage):
    assert ENGINE.order("compatible", is_growing=True) == "standbys first"
    assert ENGINE.order("DB_FILES", is_growing=False) == "primary first"
    assert ENGINE.order("open_cursors", is_growing=True) == "any"


def test_an_override_is_written_where_all_the_rest_is_and_gives_back_what_ran(stage):
    with closing(stage.connect()) as driver:
        driver._exchange("ALTER SYSTEM SET open_cursors = 800 SCOPE=MEMORY SID='*'")
    (statement,) = stage.statements({"open_cursors": "500"}, is_override=True)
    assert statement == "ALTER SYSTEM SET open_cursors = 500 SCOPE=BOTH SID='*'"
    stage.apply({"open_cursors": "500", "parallel_max_servers": "40"})
    releases = [
        Release(parameter="open_cursors", ours="500", restore=None, running="800"),
        Release(parameter="parallel_max_servers", ours="40", restore=None, running="8"),
    ]
    with closing(stage.connect()) as driver:
        stage.application(driver, stage.plan({}, releases=releases)).run()
    assert stage.setting("open_cursors").value == "800"
    assert stage.setting("open_cursors").entry is None
    assert stage.setting("parallel_max_servers").value == "8"


def test_a_release_whose_default_is_worked_out_says_what_runs_until_then(stage):
    stage.database.meddle("parallel_max_servers", "40")
    release = Release(parameter="parallel_max_servers", ours="40", restore=None)
    plan = stage.plan({}, releases=[release])
    assert "RESET parallel_max_servers" in plan.steps[0].do[0].text
    assert any("worked out" in words for words in plan.warnings)


def test_what_somebody_set_in_memory_is_told_before_a_restart_ends_it(stage):
    with closing(stage.connect()) as driver:
        driver._exchange("ALTER SYSTEM SET open_cursors = 800 SCOPE=MEMORY SID='*'")
        driver._exchange("ALTER SYSTEM SET db_files = 500 SCOPE=SPFILE SID='*'")
    warnings = stage.plan({"processes": "500"}).warnings
    assert any("ends what was set in memory alone: open_cursors" in words for words in warnings)
    assert any("brings in db_files = 500" in words for words in warnings)


def test_a_parameter_without_a_value_waits_for_a_restart(stage):
    (statement,) = stage.statements({"max_shared_servers": "20"})
    assert statement == "ALTER SYSTEM SET max_shared_servers = 20 SCOPE=SPFILE SID='*'"
    stage.set_up(file="")
    assert stage.blocked({"max_shared_servers": "20"})


def test_without_a_server_parameter_file_a_change_passes(stage):
    database = stage.set_up(file="")
    plan = stage.plan({"open_cursors": "500"})
    assert plan.steps[0].is_passing
    assert plan.steps[0].do[0].text == "ALTER SYSTEM SET open_cursors = 500 SCOPE=MEMORY SID='*'"
    stage.apply({"open_cursors": "500"})
    database.start()
    assert stage.setting("open_cursors").value == "50"


def test_an_ending_never_has_to_load_anything(stage):
    order = Order(
        override="o", instance="ora", engine="oracle", target=stage.target.address,
        backs=(Back(parameter="open_cursors", ours="500"),), deadline=AT, written_at=AT,
    )  # fmt: skip
    stage.apply({"open_cursors": "500"})
    ending = make_ending(ENGINE, order, *stage.look())
    assert [step.kind for step in ending.plan.steps] == [StepKind.RESET]
    assert ENGINE.reloading().do == ()


def test_a_server_that_does_not_start_is_an_operators_to_mend(stage):
    plan = stage.plan({"processes": "500", "open_cursors": "400"})
    with pytest.raises(NotPermittedError) as caught:
        ENGINE.rescue(plan, "")
    assert "take out processes" in caught.value.next_step

"""What a reply comes to: values, where they come from, what waits, and what a login may not see."""

from __future__ import annotations

from contextlib import closing

import pytest

from setpoint.catalog import Context, Kind, Version
from setpoint.config.drift import DriftClass
from setpoint.config.observation import OriginKind
from setpoint.engines.oracle import ENGINE
from setpoint.engines.port import Reply
from setpoint.engines.session import drive
from setpoint.errors import UnavailableError


def spoken(setting):
    return [(each.kind, each.text, each.scope, each.is_in_force) for each in setting.origins]


def test_a_value_nobody_set_is_the_default_and_has_no_entry(stage):
    setting = stage.setting("open_cursors")
    assert spoken(setting) == [(OriginKind.DEFAULT, "50", "", True)]
    assert setting.entry is None


def test_a_value_the_server_works_out_itself_is_of_the_build(stage):
    setting = stage.setting("sga_max_size")
    assert setting.in_force.kind is OriginKind.BUILD
    assert setting.value == str(4 << 30)


def test_the_entry_of_the_instance_wins_over_that_of_all_and_both_are_shown(stage):
    database = stage.set_up(sids=("orcl1", "orcl2"))
    database.meddle("open_cursors", "300")
    database.meddle("open_cursors", "400", sid="orcl1")
    setting = stage.setting("open_cursors")
    assert spoken(setting) == [
        (OriginKind.DEFAULT, "50", "", False),
        (OriginKind.FILE, "300", "sid:*", False),
        (OriginKind.PERSISTED, "400", "sid:orcl1", True),
    ]
    assert setting.entry.text == "400"


def test_the_entry_of_another_instance_is_none_of_ours(stage):
    database = stage.set_up(sids=("orcl1", "orcl2"))
    database.meddle("open_cursors", "400", sid="orcl2")
    assert stage.setting("open_cursors").entry is None
    assert stage.setting("open_cursors").value == "50"


def test_an_address_that_names_an_instance_asks_for_entries_of_its_own(stage):
    database = stage.set_up(sids=("orcl1", "orcl2"), sid="orcl2")
    database.meddle("open_cursors", "300")
    setting = stage.setting("open_cursors")
    assert stage.listener.asked[-1]["instance_name"] == "orcl2"
    assert setting.entry is None
    assert setting.in_force.kind is OriginKind.FILE
    assert stage.statements({"open_cursors": "500"}) == [
        "ALTER SYSTEM SET open_cursors = 500 SCOPE=BOTH SID='orcl2'"
    ]


def test_what_was_set_in_memory_alone_is_seen_over_the_entry(stage):
    stage.database.meddle("open_cursors", "300")
    with closing(stage.connect()) as driver:
        driver._exchange("ALTER SYSTEM SET open_cursors = 800 SCOPE=MEMORY SID='*'")
    setting = stage.setting("open_cursors")
    assert setting.value == "800"
    assert setting.in_force.kind is OriginKind.RUNTIME
    assert setting.entry.text == "300"
    assert stage.drift("open_cursors", "300").drift_class is DriftClass.DRIFTED
    assert stage.statements({"open_cursors": "800"}) == [
        "ALTER SYSTEM SET open_cursors = 800 SCOPE=BOTH SID='*'"
    ]


def test_what_was_written_for_the_next_start_waits(stage):
    with closing(stage.connect()) as driver:
        driver._exchange("ALTER SYSTEM SET processes = 500 SCOPE=SPFILE SID='*'")
        driver._exchange("ALTER SYSTEM SET open_cursors = 500 SCOPE=SPFILE SID='*'")
    for name, text in (("processes", "500"), ("open_cursors", "500")):
        assert stage.setting(name).pending == text
        assert stage.drift(name, text).drift_class is DriftClass.PENDING_RESTART
    stage.database.start()
    for name in ("processes", "open_cursors"):
        assert stage.setting(name).pending is None
        assert stage.setting(name).in_force.kind is OriginKind.PERSISTED


def test_an_entry_taken_out_leaves_the_default_waiting(stage):
    stage.database.entries[0, "*", "db_files"] = ["400"]
    stage.database.start()
    del stage.database.entries[0, "*", "db_files"]
    stage.database.state += 1
    setting = stage.setting("db_files")
    assert (setting.value, setting.pending) == ("400", "200")
    assert setting.in_force.fault
    assert setting.entry is None


def test_whole_granules_are_normalised_and_not_waiting(stage):
    stage.database.meddle("db_keep_cache_size", "100M")
    setting = stage.setting("db_keep_cache_size")
    assert (setting.value, setting.pending) == (str(112 << 20), None)
    assert stage.drift("db_keep_cache_size", "100M").drift_class is DriftClass.NORMALISED
    assert stage.plan({"db_keep_cache_size": "100M"}).is_empty


def test_what_the_server_says_it_adjusted_is_normalised(stage):
    stage.database.meddle("open_cursors", "300")
    stage.database.instances["orcl"].memory[0, "open_cursors"] = ["307"]
    stage.database.adjusted.add("open_cursors")
    stage.database.state += 1
    assert stage.drift("open_cursors", "300").drift_class is DriftClass.NORMALISED


def test_a_deferred_change_is_no_drift_and_says_who_keeps_the_old_value(stage):
    with closing(stage.connect()) as driver:
        stage.apply({"session_cached_cursors": "200"})
        reply = driver.run(ENGINE.observe(driver.version))
        observation, _ = ENGINE.read("ora", reply, at=stage.look()[0].at, version=driver.version)
    setting = observation.settings["session_cached_cursors"]
    assert setting.value == "200"
    assert [(each.text, each.scope) for each in setting.overrides] == [("50", "sessions that began earlier")]
    assert stage.drift("session_cached_cursors", "200").drift_class is DriftClass.IN_SYNC
    assert not stage.setting("session_cached_cursors").overrides


def test_without_a_server_parameter_file_what_runs_is_the_entry(stage):
    database = stage.set_up(file="")
    database.parameter_file["open_cursors"] = ["250"]
    database.start()
    setting = stage.setting("open_cursors")
    assert setting.is_passing
    assert (setting.in_force.kind, setting.entry.text) == (OriginKind.FILE, "250")
    stage.apply({"open_cursors": "260"})
    assert stage.setting("open_cursors").in_force.kind is OriginKind.RUNTIME


def test_a_pluggable_database_has_its_own_values_over_those_of_its_cdb(stage):
    database = stage.set_up(is_cdb=True, con=3)
    database.meddle("open_cursors", "300")
    setting = stage.setting("open_cursors")
    assert [each.scope for each in setting.origins] == ["", "cdb"]
    assert setting.in_force.scope == "cdb"
    assert setting.entry is None
    database.meddle("open_cursors", "600", con=3)
    setting = stage.setting("open_cursors")
    assert setting.value == "600"
    assert setting.entry.scope == "pdb:SALES sid:*"
    stage.listener.services["orcl"] = (database, 0)
    assert stage.setting("open_cursors").value == "300"


def test_names_in_which_the_server_keeps_what_it_tuned_are_nowhere(stage):
    observation, catalog = stage.look()
    assert "__db_cache_size" not in observation.settings
    assert catalog.find("__db_cache_size") is None
    assert "keeps it itself" in stage.blocked({"__db_cache_size": "1G"})["__db_cache_size"]


def test_a_hidden_parameter_is_seen_where_it_is_set_and_refused_where_not(stage):
    assert "hidden" in stage.blocked({"_optimizer_use_feedback": "FALSE"})["_optimizer_use_feedback"]
    database = stage.database
    database.specs["_optimizer_use_feedback"] = database.specs["timed_statistics"].__class__(
        "_optimizer_use_feedback", 1, "TRUE", "TRUE", "IMMEDIATE", None, None, (), is_list=False
    )
    database.entries[0, "*", "_optimizer_use_feedback"] = ["FALSE"]
    database.start()
    assert stage.setting("_optimizer_use_feedback").value == "FALSE"
    assert stage.statements({"_optimizer_use_feedback": "TRUE"}) == [
        "ALTER SYSTEM SET \"_optimizer_use_feedback\" = TRUE SCOPE=BOTH SID='*'"
    ]


def test_the_server_decides_when_a_change_takes_effect_and_not_the_facts(stage):
    stage.database.specs["open_cursors"].change = "FALSE"
    stage.database.specs["processes"].change = "IMMEDIATE"
    _, catalog = stage.look()
    assert catalog.get("open_cursors").context is Context.RESTART
    assert catalog.get("processes").context is Context.IMMEDIATE


def test_a_range_that_the_server_contradicts_is_not_believed(stage):
    stage.database.specs["open_cursors"].start = "70000"
    stage.database.start()
    _, catalog = stage.look()
    assert catalog.get("open_cursors").max is None


def test_words_are_those_the_server_accepts(stage):
    stage.database.specs["cursor_sharing"].words = ("EXACT", "FORCE", "SIMILAR")
    _, catalog = stage.look()
    assert catalog.get("cursor_sharing").kind is Kind.ENUM
    assert catalog.get("cursor_sharing").values == ("EXACT", "FORCE", "SIMILAR")


def test_lists_of_several_items_are_read_item_by_item(stage):
    database = stage.database
    database.entries[0, "*", "control_files"] = ["/u1/a,b.ctl", "/u2/it's.ctl"]
    database.start()
    setting, (_, catalog) = stage.setting("control_files"), stage.look()
    assert catalog.parse("control_files", setting.value) == ("/u1/a,b.ctl", "/u2/it's.ctl")
    assert setting.in_force.kind is OriginKind.PERSISTED


def test_facts_and_metrics_say_where_they_come_from(stage):
    stage.database.advice["sga_target"] = [(1 << 30, 900.0)]
    observation, _ = stage.look()
    facts, metrics = observation.facts, observation.metrics
    assert (facts.role, facts.ram_bytes, facts.vcpu, facts.data_bytes) == ("primary", 32 << 30, 8.0, 3 << 30)
    assert facts.sources["ram_bytes"] == "V$OSSTAT"
    assert facts.uptime_seconds == 86_400
    assert metrics["txn.commit"] == 12_000
    assert (metrics["conn.total"], metrics["conn.limit"]) == (45, 528)
    assert metrics[f"advice.sga_target.{1 << 30}"] == 900


def test_a_login_that_sees_less_says_so_in_words(stage):
    stage.database.unseen = {"v$osstat", "v$sga_target_advice"}
    observation, _ = stage.look()
    assert observation.facts.ram_bytes is None
    assert any("memory advice" in words for words in observation.unseen)
    assert observation.alterable is None
    stage.database.unseen |= {"v$spparameter"}
    observation, _ = stage.look()
    assert any("server parameter file" in words for words in observation.unseen)
    assert observation.facts.role == "unknown"
    assert observation.alterable == ()


def test_a_harvested_catalog_has_what_a_server_lists_without_what_is_hidden(stage):
    with closing(stage.connect(is_read_only=True)) as driver:
        data = drive(ENGINE.harvest(driver.version, ""), driver)
    names = {each.name for each in data.parameters}
    assert data.version == "19.24.0.0.0"
    assert {"open_cursors", "sga_target"} <= names
    assert not [name for name in names if name.startswith("_")]


@pytest.mark.parametrize("rows", [(), (("P", "x"),), (("I", "orcl", "1", "yesterday"),)])
def test_an_answer_that_is_none_is_told(stage, rows):
    with pytest.raises(UnavailableError):
        ENGINE.read("ora", Reply(rows=rows), at=stage.look()[0].at, version=Version((19,)))
    with pytest.raises(UnavailableError):
        ENGINE.read_entry("open_cursors", Reply(rows=()))

"""The classes that engines ship for their parameters."""

from __future__ import annotations

import pytest

from setpoint.catalog import Context, Kind, Parameter
from setpoint.engines.registry import (
    class_texts,
    classification_of,
    engine_names,
    get_engine,
    shipped_catalog,
    shipped_catalogs,
    shipped_classes,
)
from setpoint.errors import InputErrors
from setpoint.policy.classes import ParameterClass
from setpoint.policy.classification import OTHERWISE, read_classification

CRITICAL = """
    fsync full_page_writes synchronous_commit synchronous_standby_names wal_level wal_sync_method
    wal_log_hints data_checksums ignore_checksum_failure zero_damaged_pages ignore_invalid_pages
    data_sync_retry archive_mode archive_command archive_library archive_timeout restore_command
    archive_cleanup_command recovery_end_command recovery_target recovery_target_action
    recovery_min_apply_delay max_connections listen_addresses port ssl ssl_ca_file ssl_cert_file
    ssl_key_file ssl_min_protocol_version password_encryption hba_file ident_file
    shared_preload_libraries row_security max_wal_senders max_replication_slots wal_keep_size
    max_slot_wal_keep_size hot_standby primary_conninfo cluster_name log_statement log_connections
    autovacuum max_prepared_transactions session_replication_role search_path
    default_transaction_isolation allow_system_table_mods data_directory config_file jit_provider
    restart_after_crash temp_tablespaces
"""

SMALL = """
engine: invented
categories:
  Log: [durability]
  Log / Fast: [performance]
parameters:
  - names: [Danger]
    classes: [cost, data integrity]
    why: It bites.
    source: invented
"""


def parameter(name: str, category: str = "") -> Parameter:
    return Parameter(name=name, kind=Kind.BOOL, context=Context.RELOAD, category=category)


def test_a_name_beats_its_category_and_the_longest_category_beats_those_above():
    found = read_classification(SMALL, "small.yaml")
    integrity, cost = ParameterClass.DATA_INTEGRITY, ParameterClass.COST
    assert found.classes_of(parameter("danger", "Log")) == (integrity, cost)
    assert found.why(parameter("DANGER")) == ("It bites.", "invented")
    assert found.classes_of(parameter("x", "Log")) == (ParameterClass.DURABILITY,)
    assert found.classes_of(parameter("x", "Log / Fast / Er")) == (ParameterClass.PERFORMANCE,)
    assert found.classes_of(parameter("x", "Log / Slow")) == (ParameterClass.DURABILITY,)
    assert found.classes_of(parameter("x", "Logs")) == OTHERWISE
    assert found.classes_of(parameter("x")) == OTHERWISE


def test_faults_of_a_classification_come_at_once():
    text = SMALL.replace("durability", "durable").replace("why: It bites.", "because: It bites.")
    text += "  - {names: [danger], classes: cost, why: a, source: b}\n"
    with pytest.raises(InputErrors) as caught:
        read_classification(text, "c.yaml")
    found = [str(fault) for fault in caught.value.faults]
    for words in ("is no class of parameters (did you mean durability?)", "has no 'because'", "needs 'why'"):
        assert any(words in fault for fault in found)
    assert any("'danger' stands twice" in fault for fault in found)
    assert any("a list of classes is expected" in fault for fault in found)


@pytest.mark.parametrize("engine", engine_names())
class TestShipped:
    def test_every_parameter_of_every_catalog_is_classified_on_purpose(self, engine):
        classification = classification_of(engine)
        for catalog in shipped_catalogs(engine):
            for each in catalog.parameters:
                above = each.category
                is_meant = each.name.lower() in classification.named
                while above and not is_meant:
                    is_meant = above in classification.categories
                    above = above.rpartition(" / ")[0]
                assert is_meant, f"{catalog.version} {each.name} ({each.category})"
                assert classification.classes_of(each)

    def test_what_is_named_exists_in_some_catalog(self, engine):
        classification = classification_of(engine)
        known = {each.name.lower() for catalog in shipped_catalogs(engine) for each in catalog.parameters}
        assert classification.named.keys() - known == set()
        categories = {each.category for catalog in shipped_catalogs(engine) for each in catalog.parameters}
        used = {name for name in classification.categories if any(c.startswith(name) for c in categories)}
        assert classification.categories.keys() == used

    def test_every_named_parameter_says_why_and_from_where(self, engine):
        named = classification_of(engine).named
        assert all(each.why.endswith(".") and each.source for each in named.values())

    def test_the_texts_are_those_of_the_engine(self, engine):
        assert [name for name, _ in class_texts(get_engine(engine))] == ["classes.yaml"]
        assert classification_of(engine).engine == engine


@pytest.mark.parametrize("name", CRITICAL.split())
def test_what_can_hurt_is_not_a_matter_of_performance_alone(name):
    found = [
        shipped_classes(get_engine("postgresql"), each).get(name) for each in shipped_catalogs("postgresql")
    ]
    classes = {each for each in found if each is not None}
    assert classes
    assert all(set(each) - {ParameterClass.PERFORMANCE, ParameterClass.COST} for each in classes)


def test_memory_costs_and_speeds_but_endangers_no_data():
    classes = shipped_classes(get_engine("postgresql"), shipped_catalog(get_engine("postgresql"), "18"))
    for name in ("shared_buffers", "work_mem", "maintenance_work_mem", "temp_buffers"):
        assert classes[name] == (ParameterClass.COST, ParameterClass.PERFORMANCE)


def test_classes_go_by_folded_names_and_are_worked_out_once_for_a_catalog():
    engine = get_engine("postgresql")
    catalog = shipped_catalog(engine, "18")
    classes = shipped_classes(engine, catalog)
    assert "timezone" in classes
    assert "TimeZone" not in classes
    assert len(classes) == len(catalog.parameters)
    assert shipped_classes(engine, catalog) is classes

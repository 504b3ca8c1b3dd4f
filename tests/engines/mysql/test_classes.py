from __future__ import annotations

import pytest
from tests.engines.mysql import shipped

from setpoint.engines.registry import classification_of, get_engine, shipped_classes
from setpoint.policy.classes import ParameterClass

DURABILITY = """
    innodb_flush_log_at_trx_commit innodb_doublewrite sync_binlog innodb_flush_log_at_timeout
    innodb_flush_method innodb_fast_shutdown innodb_force_recovery innodb_checksum_algorithm
    innodb_data_home_dir innodb_log_group_home_dir log_bin gtid_slave_pos gtid_mode
    rpl_semi_sync_master_enabled binlog_expire_logs_seconds relay_log_recovery datadir default_storage_engine
    innodb_encrypt_tables default_table_encryption aria_recover_options myisam_recover_options wsrep_on
"""
INTEGRITY = """
    sql_mode lower_case_table_names character_set_server collation_server foreign_key_checks unique_checks
    transaction_isolation binlog_format read_only super_read_only slave_skip_errors replica_skip_errors
    innodb_autoinc_lock_mode time_zone explicit_defaults_for_timestamp innodb_change_buffering
    check_constraint_checks event_scheduler sql_replica_skip_counter wsrep_slave_fk_checks
"""
SECURITY = """
    bind_address local_infile secure_file_priv require_secure_transport ssl_ca ssl_key tls_version
    skip_name_resolve init_connect init_file plugin_dir log_error general_log slow_query_log
    skip_grant_tables activate_all_roles_on_login strict_password_validation wsrep_sst_auth report_password
    log_bin_trust_function_creators persisted_globals_load default_password_lifetime
"""
AVAILABILITY = """
    max_connections port socket max_allowed_packet wait_timeout offline_mode max_statement_time
    open_files_limit innodb_page_size innodb_log_file_size innodb_redo_log_capacity performance_schema
    innodb_read_only lock_wait_timeout wsrep_cluster_address
"""
MEMORY = """
    innodb_buffer_pool_size sort_buffer_size join_buffer_size read_buffer_size read_rnd_buffer_size
    tmp_table_size max_heap_table_size key_buffer_size binlog_cache_size query_cache_size
    aria_pagecache_buffer_size temptable_max_ram
"""


def classes_of(name: str) -> list[set[ParameterClass]]:
    """Answer a parameter's classes in every shipped catalog of both that has it."""
    found = [
        shipped_classes(get_engine(engine), shipped.catalog(engine, version)).get(name)
        for engine, version in shipped.ALL
    ]
    return [set(classes) for classes in found if classes is not None]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (DURABILITY, ParameterClass.DURABILITY),
        (INTEGRITY, ParameterClass.DATA_INTEGRITY),
        (SECURITY, ParameterClass.SECURITY),
        (AVAILABILITY, ParameterClass.AVAILABILITY),
    ],
)
def test_what_can_hurt_is_of_the_class_that_it_hurts(names: str, wanted: ParameterClass) -> None:
    for name in names.split():
        found = classes_of(name)
        assert found, name
        assert all(wanted in classes for classes in found), name


@pytest.mark.parametrize("name", MEMORY.split())
def test_memory_costs_and_speeds_but_endangers_no_data(name: str) -> None:
    found = classes_of(name)
    assert found
    assert all(classes == {ParameterClass.COST, ParameterClass.PERFORMANCE} for classes in found)


@pytest.mark.parametrize("engine", shipped.ENGINES)
def test_nothing_whose_name_speaks_of_replication_is_a_matter_of_performance_alone(engine: str) -> None:
    words = ("slave_", "replica_", "rpl_", "wsrep_", "gtid_", "relay_", "binlog_")
    classification = classification_of(engine)
    harmless = {ParameterClass.PERFORMANCE, ParameterClass.COST}
    told = {
        parameter.name
        for of, version in shipped.ALL
        for parameter in shipped.catalog(of, version).parameters
        if of == engine
        and parameter.name.startswith(words)
        and not set(classification.classes_of(parameter)) - harmless
    }
    # How events are written or found, and what cannot be set at all.
    allowed = """
        binlog_cache_size binlog_stmt_cache_size binlog_file_cache_size binlog_gtid_index
        binlog_gtid_index_page_size binlog_gtid_index_span_min binlog_large_commit_threshold
        binlog_row_event_max_size binlog_optimize_thread_scheduling binlog_max_flush_queue_time
        binlog_transaction_dependency_history_size binlog_annotate_row_events binlog_rows_query_log_events
        wsrep_patch_version
    """
    assert told <= set(allowed.split())


def test_an_engine_s_names_are_those_it_has() -> None:
    assert "wsrep_on" not in classification_of("mysql").named
    assert "super_read_only" not in classification_of("mariadb").named
    assert "wsrep_on" in classification_of("mariadb").named
    assert "super_read_only" in classification_of("mysql").named

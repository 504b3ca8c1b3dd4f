"""Names of options that are no variables, and of variables that are no options.

Taken from what MariaDB 10.5, 10.11, 11.8 and MySQL 9.7 print themselves (``--help --verbose``) and compared
with the shipped catalogs; families of options go by their beginnings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.mysql.dialect.knowledge import OPTION_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SHARED = frozenset({
    "allow_suspicious_udfs", "ansi", "binlog_do_db", "binlog_ignore_db", "chroot", "console",
    "default_time_zone", "external_locking", "gdb", "help", "innodb_status_file", "log_isam",
    "log_short_format", "log_tc", "master_retry_count", "memlock", "performance_schema_instrument",
    "plugin_load", "plugin_load_add", "port_open_timeout", "replicate_rewrite_db",
    "replicate_same_server_id", "safe_user_create", "show_slave_auth_info", "skip_grant_tables",
    "symbolic_links", "sysdate_is_now", "tc_heuristic_recover", "user", "verbose",
})  # fmt: skip
_MYSQL = frozenset({
    "archive", "blackhole", "check_table_functions", "compression_algorithms", "daemonize",
    "early_plugin_load", "exit_info", "federated", "initialize", "initialize_insecure",
    "keyring_migration_destination", "keyring_migration_from_component", "keyring_migration_host",
    "keyring_migration_password", "keyring_migration_port", "keyring_migration_socket",
    "keyring_migration_source", "keyring_migration_to_component", "keyring_migration_user", "log_tc_size",
    "max_binlog_dump_events", "myisam_block_size", "ngram", "performance_schema_logger",
    "performance_schema_meter", "replicate_do_db", "replicate_do_table", "replicate_ignore_db",
    "replicate_ignore_table", "replicate_wild_do_table", "replicate_wild_ignore_table",
    "show_replica_auth_info", "skip_log_bin", "skip_new", "skip_stack_trace", "sporadic_binlog_dump_fail",
    "super_large_pages", "upgrade", "validate_config", "validate_user_plugins",
})  # fmt: skip
_MARIADB = frozenset({
    "binlog_row_event_max_size", "bootstrap", "character_set_client_handshake", "debug",
    "debug_abort_slave_event_count", "debug_disconnect_slave_event_count", "debug_exit_info", "debug_gdb",
    "debug_max_binlog_dump_events", "debug_no_sync", "debug_sporadic_binlog_dump_fail", "des_key_file",
    "feedback", "feedback_http_proxy", "feedback_send_retry_wait", "feedback_send_timeout", "feedback_url",
    "feedback_user_info", "flashback", "getopt_prefix_matching", "init_rpl_role", "innodb", "language",
    "log_basename", "log_ddl_recovery", "log_slow_query_log_file", "master_info_file",
    "old_style_user_limits", "partition", "safe_mode", "sequence", "silent_startup", "skip_host_cache",
    "skip_slave_start", "ssl", "stack_trace", "table_cache", "temp_pool", "transaction_isolation",
    "transaction_read_only", "unix_socket", "user_variables", "wsrep_new_cluster",
})  # fmt: skip
EXTRA: Mapping[str, frozenset[str]] = {"mysql": _SHARED | _MYSQL, "mariadb": _SHARED | _MARIADB}
"""Options that are no variables of the shipped catalogs."""

_FAMILIES = re.compile(
    r"(?:performance_schema_consumer_|ndb|mysqlx|group_replication_|(?:innodb|thread_pool)_(?:sys_|cmp|ft_"
    r"|buffer_p|trx$|locks?|metrics$|mutexes$|tablespaces_|groups$|queues$|stats$|waits$))|\w+\.\w"
)
"""How the names of options begin that come in families, or with a plugin or component."""

_NO_OPTIONS = frozenset({
    "build_id", "character_set_client", "character_set_connection", "character_set_database",
    "character_set_results", "character_set_system", "collation_connection", "collation_database",
    "foreign_key_checks", "hostname", "large_page_size", "license", "locked_in_memory", "log_bin_basename",
    "max_insert_delayed_threads", "profiling", "relay_log_basename", "sql_auto_is_null", "sql_big_selects",
    "sql_buffer_result", "sql_log_bin", "sql_log_off", "sql_notes", "sql_quote_show_create",
    "sql_select_limit", "sql_slave_skip_counter", "sql_replica_skip_counter", "sql_warnings", "time_zone",
    "unique_checks", "gtid_executed", "gtid_owned", "gtid_purged", "gtid_binlog_pos", "gtid_binlog_state",
    "gtid_current_pos", "gtid_slave_pos", "server_uuid", "large_files_support", "lower_case_file_system",
    "protocol_version", "server_uid", "system_time_zone", "version_comment", "version_compile_machine",
    "version_compile_os", "version_compile_zlib", "version_malloc_library", "version_source_revision",
    "version_ssl_library",
})  # fmt: skip
_NEVER_OPTIONS = re.compile(r"have_\w+")

OPTIONAL = frozenset({
    "alter_algorithm", "aria_recover_options", "auto_increment_increment", "auto_increment_offset",
    "concurrent_insert", "delay_key_write", "enforce_gtid_consistency", "event_scheduler", "explain_format",
    "group_replication_consistency", "gtid_executed_compression_period", "innodb_adaptive_hash_index_parts",
    "innodb_api_bk_commit_interval", "innodb_api_trx_level", "innodb_compression_algorithm",
    "innodb_compression_failure_threshold_pct", "innodb_compression_pad_pct_max", "innodb_doublewrite",
    "innodb_encrypt_tables", "innodb_fast_shutdown", "innodb_flush_log_at_timeout",
    "innodb_flush_log_at_trx_commit", "innodb_flush_neighbors", "innodb_ft_num_word_optimize",
    "innodb_ft_server_stopword_table", "innodb_ft_user_stopword_table", "innodb_log_spin_wait_delay",
    "innodb_max_undo_log_size", "innodb_page_cleaners", "innodb_page_size", "innodb_purge_batch_size",
    "innodb_purge_rseg_truncate_frequency", "innodb_purge_threads", "innodb_rollback_segments",
    "innodb_scrub_log_speed", "innodb_segment_reserve_factor", "innodb_spin_wait_delay",
    "innodb_sync_array_size", "innodb_tmpdir", "innodb_undo_logs", "log_bin", "log_bin_compress_min_len",
    "log_error", "log_warnings", "lower_case_table_names", "max_points_in_geometry",
    "max_recursive_iterations", "max_sp_recursion_depth", "myisam_recover_options", "old_alter_table",
    "persist_only_admin_x509_subject", "rpl_semi_sync_slave_kill_conn_timeout",
    "secondary_engine_cost_threshold", "select_into_buffer_size", "select_into_disk_sync_delay", "version",
    "wsrep_osu_method", "wsrep_provider", "wsrep_reject_queries", "wsrep_sync_wait",
})  # fmt: skip
"""Options, beside booleans, that may stand without a value."""

REQUIRED_BOOLEANS = frozenset({
    "aria_page_checksum", "binlog_optimize_thread_scheduling", "innodb_buffer_pool_dump_at_shutdown",
    "innodb_buffer_pool_dump_now", "innodb_buffer_pool_load_abort", "innodb_buffer_pool_load_at_startup",
    "innodb_buffer_pool_load_now", "innodb_dedicated_server", "innodb_defragment",
    "innodb_immediate_scrub_data_uncompressed", "innodb_log_checksums", "innodb_stats_traditional",
})  # fmt: skip
"""Booleans that may not stand without a value (tried one by one on MariaDB 10.11 and MySQL 9.7)."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "innodb_change_buffering": ("none", "inserts", "deletes", "changes", "purges", "all"),
    "innodb_checksum_algorithm": (
        "CRC32", "STRICT_CRC32", "INNODB", "STRICT_INNODB", "NONE", "STRICT_NONE",
    ),
    "innodb_default_row_format": ("redundant", "compact", "dynamic"),
    "innodb_doublewrite": ("OFF", "ON", "DETECT_AND_RECOVER", "DETECT_ONLY", "FALSE", "TRUE"),
    "innodb_stats_method": ("nulls_equal", "nulls_unequal", "nulls_ignored"),
    "myisam_recover_options": ("DEFAULT", "BACKUP", "FORCE", "QUICK", "OFF"),
}  # fmt: skip
"""The words of enums that MySQL's server does not tell and its catalog has as texts (MySQL's manual)."""

PATHS = frozenset({"log_bin", "relay_log"})
"""Options that take a path, and whose variable of the same name is a boolean in some version."""

VARIABLES: Mapping[str, str] = {
    **OPTION_NAMES,
    "default_time_zone": "time_zone",
    "symbolic_links": "have_symlink",
    "table_cache": "table_open_cache",
}
"""Options whose variable has another name."""


def is_option(name: str, engine: str, variables: Collection[str]) -> bool:
    """Tell whether a server takes an option of that (folded) name; `variables` are those of its catalog."""
    if name in EXTRA[engine] or _FAMILIES.match(name):
        return True
    return name in variables and name not in _NO_OPTIONS and not _NEVER_OPTIONS.fullmatch(name)


def option_names(engine: str, variables: Collection[str]) -> frozenset[str]:
    """Answer the options that those variables and what is known besides make."""
    return EXTRA[engine] | {name for name in variables if is_option(name, engine, variables)}


def variable_of(option: str, variables: Collection[str]) -> str:
    """Answer the variable that an option sets, by the names the catalogs have."""
    return option if option in variables else VARIABLES.get(option, option)

"""What the servers' own tables do not tell about their variables.

Units, words, which variables are fixed, and which hold a secret. Sources: the manuals' "Server System
Variables" and "InnoDB Startup Options and System Variables" of MySQL and MariaDB, in our own words; names
were compared with those of running servers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "********"
"""What stands in an observation where the server's text holds a secret."""

_SIZES = frozenset({
    "aria_block_size", "aria_log_file_size", "aria_max_sort_file_size", "aria_pagecache_buffer_size",
    "aria_sort_buffer_size", "binlog_cache_size", "binlog_file_cache_size", "binlog_gtid_index_page_size",
    "binlog_large_commit_threshold", "binlog_row_event_max_size", "binlog_space_limit",
    "binlog_stmt_cache_size", "bulk_insert_buffer_size", "connection_memory_chunk_size",
    "connection_memory_limit", "connection_memory_status_limit", "global_connection_memory_limit",
    "global_connection_memory_status_limit", "group_concat_max_len", "histogram_generation_max_mem_size",
    "innodb_buffer_pool_chunk_size", "innodb_buffer_pool_size", "innodb_buffer_pool_size_auto_min",
    "innodb_buffer_pool_size_max", "innodb_ddl_buffer_size", "innodb_ft_cache_size",
    "innodb_ft_result_cache_limit", "innodb_ft_total_cache_size", "innodb_log_buffer_size",
    "innodb_log_file_size", "innodb_log_write_ahead_size", "innodb_max_undo_log_size",
    "innodb_online_alter_log_max_size", "innodb_page_size", "innodb_redo_log_capacity",
    "innodb_sort_buffer_size", "join_buffer_size", "join_buffer_space_limit", "key_buffer_size",
    "key_cache_block_size", "large_page_size", "log_tc_size", "max_allowed_packet", "max_binlog_cache_size",
    "max_binlog_size", "max_binlog_stmt_cache_size", "max_binlog_total_size", "max_heap_table_size",
    "max_relay_log_size", "max_rowid_filter_size", "max_session_mem_used", "max_tmp_session_space_usage",
    "max_tmp_total_space_usage", "mhnsw_max_cache_size", "mrr_buffer_size", "myisam_block_size",
    "myisam_max_sort_file_size", "myisam_mmap_size", "myisam_sort_buffer_size", "net_buffer_length",
    "optimizer_trace_max_mem_size", "parser_max_mem_size", "preload_buffer_size", "query_alloc_block_size",
    "query_cache_limit", "query_cache_min_res_unit", "query_cache_size", "query_prealloc_size",
    "range_alloc_block_size", "range_optimizer_max_mem_size", "read_buffer_size", "read_rnd_buffer_size",
    "regexp_stack_limit", "relay_log_space_limit", "replica_max_allowed_packet",
    "replica_pending_jobs_size_max", "rowid_merge_buff_size", "rpl_read_size", "select_into_buffer_size",
    "server_memory", "set_operations_buffer_size", "slave_max_allowed_packet", "slave_parallel_max_queued",
    "slave_pending_jobs_size_max", "sort_buffer_size", "temptable_max_mmap", "temptable_max_ram",
    "thread_stack", "tmp_disk_table_size", "tmp_memory_table_size", "tmp_table_size",
    "transaction_alloc_block_size", "transaction_prealloc_size", "wsrep_max_ws_size",
})  # fmt: skip
_SIZE_OF_ANOTHER = re.compile(r"(?:_buffer_size|_file_size|_bytes|_max_ram|_mem_size)$")
"""How the names of sizes end that are not listed, because they came later."""

DURATIONS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "wait_timeout", "interactive_timeout", "connect_timeout", "net_read_timeout", "net_write_timeout",
            "lock_wait_timeout", "innodb_lock_wait_timeout", "delayed_insert_timeout", "slave_net_timeout",
            "replica_net_timeout", "rpl_stop_slave_timeout", "rpl_stop_replica_timeout", "flush_time",
            "innodb_flush_log_at_timeout", "binlog_expire_logs_seconds", "long_query_time",
            "log_slow_query_time", "idle_transaction_timeout", "idle_readonly_transaction_timeout",
            "idle_write_transaction_timeout", "max_statement_time", "slow_launch_time",
            "innodb_fatal_semaphore_wait_threshold", "innodb_flushing_avg_loops_seconds",
            "wsrep_retry_timeout", "thread_pool_idle_timeout", "aria_checkpoint_interval",
            "extra_max_connections_timeout", "password_lock_time_seconds",
        ),
        "s",
    ),
    **dict.fromkeys(
        (
            "max_execution_time", "thread_pool_stall_limit", "thread_pool_prio_kickup_timer",
            "rpl_semi_sync_master_timeout", "rpl_semi_sync_source_timeout", "innodb_thread_sleep_delay_ms",
        ),
        "ms",
    ),
    **dict.fromkeys(
        ("binlog_commit_wait_usec", "binlog_group_commit_sync_delay", "innodb_thread_sleep_delay",
         "innodb_replication_delay_us", "innodb_adaptive_max_sleep_delay", "innodb_max_purge_lag_delay"),
        "us",
    ),
    **dict.fromkeys(("expire_logs_days", "default_password_lifetime"), "d"),
}  # fmt: skip

SWITCHES = frozenset({"optimizer_switch", "optimizer_trace", "optimizer_trace_features", "debug_options"})
"""Sets of ``flag=on``: a statement changes the flags it names, and no other."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "binlog_checksum": ("NONE", "CRC32"),
    "binlog_error_action": ("IGNORE_ERROR", "ABORT_SERVER"),
    "binlog_row_metadata": ("MINIMAL", "FULL"),
    "binlog_row_value_options": ("PARTIAL_JSON",),
    "concurrent_insert": ("NEVER", "AUTO", "ALWAYS"),
    "delay_key_write": ("OFF", "ON", "ALL"),
    "event_scheduler": ("OFF", "ON", "DISABLED"),
    "gtid_mode": ("OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"),
    "log_output": ("NONE", "FILE", "TABLE"),
    "log_timestamps": ("UTC", "SYSTEM"),
    "replica_exec_mode": ("STRICT", "IDEMPOTENT"),
    "replica_type_conversions": ("ALL_LOSSY", "ALL_NON_LOSSY", "ALL_UNSIGNED", "ALL_SIGNED"),
    "slave_exec_mode": ("STRICT", "IDEMPOTENT"),
    "slave_type_conversions": ("ALL_LOSSY", "ALL_NON_LOSSY", "ALL_UNSIGNED", "ALL_SIGNED"),
    "sql_mode": (
        "REAL_AS_FLOAT", "PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE", "ONLY_FULL_GROUP_BY",
        "NO_UNSIGNED_SUBTRACTION", "NO_DIR_IN_CREATE", "ANSI", "NO_AUTO_VALUE_ON_ZERO",
        "NO_BACKSLASH_ESCAPES", "STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "NO_ZERO_IN_DATE",
        "NO_ZERO_DATE", "ALLOW_INVALID_DATES", "ERROR_FOR_DIVISION_BY_ZERO", "TRADITIONAL",
        "HIGH_NOT_PRECEDENCE", "NO_ENGINE_SUBSTITUTION", "PAD_CHAR_TO_FULL_LENGTH",
        "TIME_TRUNCATE_FRACTIONAL",
    ),
    "ssl_fips_mode": ("OFF", "ON", "STRICT"),
    "thread_handling": ("one-thread-per-connection", "no-threads", "loaded-dynamically"),
}  # fmt: skip
"""The words of those that MySQL does not let count through in a session, as its manual has them."""

ORDERS = frozenset({
    "innodb_buffer_pool_dump_now", "innodb_buffer_pool_load_now", "innodb_buffer_pool_load_abort",
    "innodb_buf_flush_list_now", "innodb_checkpoint_now", "innodb_log_checkpoint_now",
    "innodb_max_purge_lag_wait", "innodb_page_cleaner_disabled_debug", "sql_replica_skip_counter",
    "sql_slave_skip_counter", "keyring_operations", "innodb_merge_threshold_set_all_debug",
    "innodb_truncate_temporary_tablespace_now", "innodb_log_checkpoint_fuzzy_now",
    "innodb_redo_log_consumer_now", "debug_sync",
})  # fmt: skip
"""Variables that order something done, and keep no value of their own."""

NOT_FREE: Mapping[str, str] = {
    "binlog_encryption": "needs a keyring",
    "encrypt_binlog": "needs a key management plugin",
    "gtid_mode": "changes one step at a time, on all servers of a replication group together",
    "innodb_encrypt_tables": "needs a key management plugin",
    "innodb_commit_concurrency": "is zero for as long as a server runs, or never",
    "innodb_log_file_buffering": "the storage decides whether it can be changed",
    "innodb_redo_log_encrypt": "needs a keyring",
    "innodb_undo_log_encrypt": "needs a keyring",
}
"""Variables that may not be set although they are dynamic, and why."""

NO_WAY_BACK: Mapping[str, Mapping[str, str]] = {
    "mariadb": {
        "default_tmp_storage_engine": "",
        "enforce_storage_engine": "",
        "innodb_lru_flush_size": "0",
        "max_user_connections": "0",
    },
    "mysql": {},
}
"""Variables that a server runs with a value it does not let be set, or cannot be left for another (seen on
MariaDB 10.11 and 11.8).
"""

OF_SESSIONS = frozenset({"sql_log_bin", "tcp_nodelay"})
"""Variables that MariaDB lists with a value for all, and lets sessions alone set (seen on 10.5 to 11.8)."""

OF_GALERA = re.compile(r"^wsrep_(?:debug|desync|max_ws_size|on|slave_threads|trx_fragment_(?:size|unit))$")
"""Variables that are not taken, or not kept, as long as no Galera provider is loaded (10.11 and 11.8)."""

NOT_KEPT = frozenset({"innodb_doublewrite", "keyring_operations", "restrict_fk_on_non_standard_key"})
"""Variables that MySQL sets and does not keep: SET PERSIST refuses them (tried on 9.7)."""

MULTIPLES: Mapping[str, int] = {"innodb_redo_log_capacity": 1 << 20}
"""What MySQL cuts down to multiples of, where that is not tried out."""

OPTION_NAMES: Mapping[str, str] = {
    "transaction_isolation": "tx_isolation",
    "transaction_read_only": "tx_read_only",
    "storage_engine": "default_storage_engine",
    "language": "lc_messages_dir",
    "default_character_set": "character_set_server",
}
"""Options whose variable has another name, where a server lists that one and not the option's."""

FILE_NAMES: Mapping[str, str] = {
    "have_symlink": "symbolic_links",
    "time_zone": "default_time_zone",
    "tx_isolation": "transaction_isolation",
    "tx_read_only": "transaction_read_only",
}
"""Variables that a file sets under another name alone (tried on MariaDB 10.5, 10.11 and 11.8)."""

COUPLED: Mapping[str, str] = {"super_read_only": "read_only"}
"""Turning on the first turns on the second, and turning it off leaves that."""

FIXED = re.compile(
    r"^(?:version.*|have_.*|hostname|license|protocol_version|system_time_zone|server_uuid|innodb_version"
    r"|build_id|gtid_executed|gtid_owned|gtid_purged|gtid_binlog_pos|gtid_binlog_state|gtid_current_pos|gtid_slave_pos"
    r"|large_files_support|large_page_size|lower_case_file_system|skip_external_locking|log_bin_basename"
    r"|log_bin_index|relay_log_basename|wsrep_patch_version|core_file|statement_id|build_type|rand_seed\d"
    r"|server_uid|character_set_system|pid_file_fixed|secure_auth_fixed|mysqlx_.*_fixed|in_transaction"
    r"|admin_tls_.*_fixed|tls_fixed|socket_fixed)$"
)
"""Variables that tell what a build or a running server is, and that nobody sets for good."""

_SECRET = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|secret|auth_string)$|^wsrep_sst_auth$|_keyring_.*_secret"
)
_NO_SECRET = frozenset(
    {"disconnect_on_expired_password", "old_passwords", "strict_password_validation", "validate_password"}
)
_SECRET_IN_TEXT = re.compile(
    r"(?P<before>(?:password|passwd|pwd)\s*=\s*)[^\s'&@;]+|(?P<login>://[^/\s:@]*:)[^\s'&@;]+(?=@)",
    re.IGNORECASE,
)


def unit_of(name: str) -> str | None:
    """Answer the unit a numeric variable is counted in, None for plain numbers."""
    if name in DURATIONS:
        return DURATIONS[name]
    return "B" if name in _SIZES or _SIZE_OF_ANOTHER.search(name) else None


def is_secret(name: str) -> bool:
    """Tell whether a variable is a secret itself."""
    return name not in _NO_SECRET and _SECRET.search(name) is not None


def masked(name: str, text: str | None) -> str | None:
    """Answer a variable's text without the secrets in it; a switch about passwords holds none."""
    if not text or text in ("ON", "OFF", "0", "1"):
        return text
    return MASK if is_secret(name) else _SECRET_IN_TEXT.sub(_masked_after, text)


def _masked_after(match: re.Match[str]) -> str:
    return f"{match['before'] or match['login']}{MASK}"

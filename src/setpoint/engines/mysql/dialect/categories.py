"""Categories: what group of variables one belongs to, by how its name begins. In our own words."""

from __future__ import annotations

_CATEGORIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Replication",
        (
            "slave", "replica", "rpl", "relay", "master", "source", "replicate", "gtid",
            "group_replication", "report", "init_slave", "init_replica", "read_binlog", "server_id",
            "log_(?:slave|replica)_updates", "sync_master", "sync_relay", "sync_source",
        ),
    ),
    (
        "Binary log",
        (
            "binlog", "log_bin", "sync_binlog", "max_binlog", "expire_logs", "sql_log_bin",
            "encrypt_binlog",
        ),
    ),
    (
        "Galera",
        (
            "wsrep",
        ),
    ),
    (
        "InnoDB redo log",
        (
            "innodb_log", "innodb_redo", "innodb_flush_log", "innodb_undo", "innodb_doublewrite",
            "innodb_checksum", "innodb_fast_shutdown", "innodb_force_recovery",
        ),
    ),
    (
        "InnoDB buffer pool",
        (
            "innodb_buffer_pool", "innodb_old_blocks", "innodb_lru",
        ),
    ),
    (
        "InnoDB",
        (
            "innodb", "temptable",
        ),
    ),
    (
        "Performance schema",
        (
            "performance_schema",
        ),
    ),
    (
        "Other storage engines",
        (
            "aria", "myisam", "key_", "keyring_", "bulk_insert", "concurrent_insert", "delay_key",
            "delayed", "ft_", "archive", "rocksdb", "columnstore", "ndb",
        ),
    ),
    (
        "Transport security",
        (
            "ssl", "tls", "admin_ssl", "admin_tls", "require_secure", "mysqlx_ssl", "caching_sha2",
            "sha256", "tls_",
        ),
    ),
    (
        "Authentication",
        (
            "password", "validate_password", "simple_password", "disconnect_on_expired", "authentication",
            "secure_auth", "old_passwords", "default_authentication", "check_proxy", "activate_all_roles",
            "mandatory_roles", "strict_password", "skip_name", "skip_show", "secure_file", "local_infile",
            "automatic_sp", "partial_revokes", "print_identified", "generated_random", "proxy_protocol",
            "mysql_native", "connection_control",
        ),
    ),
    (
        "Logging",
        (
            "log_", "general_log", "slow_query", "long_query", "min_examined", "log", "server_audit",
            "audit", "feedback", "userstat",
        ),
    ),
    (
        "Query optimizer",
        (
            "optimizer", "eq_range", "join_cache", "range_", "use_stat", "histogram", "analyze_",
            "expand_fast", "mrr", "rowid", "in_predicate", "sort_", "read_rnd", "cost_", "secondary_engine",
            "explain", "windowing", "cte_", "max_seeks", "max_join", "max_length", "max_sort",
            "select_into", "div_",
        ),
    ),
    (
        "Query cache",
        (
            "query_cache", "have_query_cache",
        ),
    ),
    (
        "Connections",
        (
            "max_connections", "max_user", "extra_", "back_log", "bind", "port", "socket", "thread",
            "connect", "interactive", "wait_timeout", "net_", "max_connect", "skip_networking", "admin_",
            "host_cache", "init_connect", "create_admin", "named_pipe", "shared_memory", "proxy", "mysqlx",
            "slow_launch", "max_allowed", "idle_", "offline_mode",
        ),
    ),
    (
        "SQL behaviour",
        (
            "sql_", "autocommit", "character", "collation", "default_", "time", "lc_", "transaction", "tx_",
            "auto_increment", "explicit_defaults", "completion", "foreign", "unique_checks", "group_concat",
            "low_priority", "lower_case", "storage_engine", "enforce", "old", "event_scheduler",
            "updatable", "big_tables", "check_constraint", "system_versioning", "alter_algorithm",
            "end_markers", "show_", "session_track", "strict", "div", "week", "updates", "ansi",
        ),
    ),
    (
        "Memory",
        (
            "tmp_", "max_heap", "table_", "join_buffer", "read_buffer", "preload", "query_",
            "global_connection", "connection_memory", "large_", "locked", "parser", "stored", "schema_def",
            "tablespace", "open_files", "set_operations", "server_memory", "container", "max_tmp",
            "metadata", "stack",
        ),
    ),
)  # fmt: skip
"""The first that fits decides."""


def category_of(name: str) -> str:
    """Answer the category of a variable; that of a component is its own name's beginning."""
    return next((category for category, words in _CATEGORIES if name.startswith(words)), "Other")

"""Which rights let a login set a variable. A way is a set of rights that suffice together.

Sources: measured on MariaDB 10.5.29, 10.11.19, 11.8.9 and MySQL 9.7.4, with logins that had one right or a
pair of them: each dynamic variable was set to the value it had. For the versions between, the notes of
MariaDB 10.11.0 and 11.0.1 tell since when `SUPER` does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.dialect.contexts import PERSIST_ONLY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from setpoint.catalog import Parameter, Version

Way = frozenset[str]

_SPLIT: Mapping[str, frozenset[str]] = {
    "CONNECTION ADMIN": frozenset({
        "connect_timeout", "disconnect_on_expired_password", "extra_max_connections", "init_connect",
        "max_connect_errors", "max_connections", "max_password_errors", "proxy_protocol_networks",
        "secure_auth", "slow_launch_time", "thread_pool_dedicated_listener", "thread_pool_exact_stats",
        "thread_pool_idle_timeout", "thread_pool_max_threads", "thread_pool_oversubscribe",
        "thread_pool_prio_kickup_timer", "thread_pool_priority", "thread_pool_size",
        "thread_pool_stall_limit",
    }),
    "BINLOG ADMIN": frozenset({
        "binlog_annotate_row_events", "binlog_cache_size", "binlog_commit_wait_count",
        "binlog_commit_wait_usec", "binlog_direct_non_transactional_updates", "binlog_expire_logs_seconds",
        "binlog_file_cache_size", "binlog_format", "binlog_gtid_index", "binlog_gtid_index_page_size",
        "binlog_gtid_index_span_min", "binlog_legacy_event_pos", "binlog_row_image", "binlog_row_metadata",
        "binlog_space_limit", "binlog_stmt_cache_size", "expire_logs_days", "log_bin_compress",
        "log_bin_compress_min_len", "log_bin_trust_function_creators", "max_binlog_cache_size",
        "max_binlog_size", "max_binlog_stmt_cache_size", "max_binlog_total_size",
        "slave_connections_needed_for_purge", "sql_log_bin", "sync_binlog",
    }),
    "READ_ONLY ADMIN": frozenset({"read_only"}),
    "REPLICATION MASTER ADMIN": frozenset({
        "gtid_binlog_state", "gtid_domain_id", "master_verify_checksum", "rpl_semi_sync_master_enabled",
        "rpl_semi_sync_master_timeout", "rpl_semi_sync_master_trace_level",
        "rpl_semi_sync_master_wait_no_slave", "rpl_semi_sync_master_wait_point", "server_id",
    }),
    "REPLICATION SLAVE ADMIN": frozenset({
        "gtid_cleanup_batch_size", "gtid_ignore_duplicates", "gtid_pos_auto_engines", "gtid_slave_pos",
        "gtid_strict_mode", "init_slave", "read_binlog_speed_limit", "relay_log_purge",
        "relay_log_recovery", "replicate_do_db", "replicate_do_table", "replicate_events_marked_for_skip",
        "replicate_ignore_db", "replicate_ignore_table", "replicate_rewrite_db", "replicate_wild_do_table",
        "replicate_wild_ignore_table", "rpl_semi_sync_slave_delay_master", "rpl_semi_sync_slave_enabled",
        "rpl_semi_sync_slave_kill_conn_timeout", "rpl_semi_sync_slave_trace_level",
        "slave_abort_blocking_timeout", "slave_compressed_protocol", "slave_ddl_exec_mode",
        "slave_domain_parallel_threads", "slave_exec_mode", "slave_max_allowed_packet",
        "slave_max_statement_time", "slave_net_timeout", "slave_parallel_max_queued", "slave_parallel_mode",
        "slave_parallel_threads", "slave_parallel_workers", "slave_run_triggers_for_rbr",
        "slave_sql_verify_checksum", "slave_transaction_retry_interval", "slave_type_conversions",
        "sync_master_info", "sync_relay_log", "sync_relay_log_info",
    }),
}  # fmt: skip
"""What MariaDB took out of SUPER, by the right that lets set it."""

_SUPER_UNTIL: Mapping[str, tuple[int, ...]] = {"READ_ONLY ADMIN": (10, 11)}
_SUPER_UNTIL_ELSE = (11,)
"""From that version on SUPER does not stand for the right any more."""
_BY_SUPER = frozenset({"binlog_legacy_event_pos"})
"""What SUPER lets set all the same (11.8)."""
_NEVER_BY_SUPER = frozenset({"slave_max_statement_time"})

_SUPER: Way = frozenset({"SUPER"})
_ADMIN: Way = frozenset({"SYSTEM_VARIABLES_ADMIN"})
_ADMIN_SINCE = (8,)
_FOR_START: Way = _ADMIN | {"PERSIST_RO_VARIABLES_ADMIN"}
"""What SET PERSIST_ONLY asks for; SUPER does not stand for it."""

_BESIDE: Mapping[str, str] = {
    "binlog_encryption": "BINLOG_ENCRYPTION_ADMIN",
    "default_table_encryption": "TABLE_ENCRYPTION_ADMIN",
    "group_replication_consistency": "GROUP_REPLICATION_ADMIN",
    "offline_mode": "CONNECTION_ADMIN",
    "replica_allow_higher_version_source": "REPLICATION_SLAVE_ADMIN",
}
"""What MySQL lets set with a further right beside SYSTEM_VARIABLES_ADMIN, or with SUPER alone."""

_MYSQL: Mapping[str, tuple[Way, ...]] = {
    "innodb_strict_mode": (_ADMIN,),
    "innodb_tmpdir": (_ADMIN | {"FILE"}, _SUPER | {"FILE"}),
    "mandatory_roles": (_ADMIN | {"ROLE_ADMIN"}, _SUPER | {"ROLE_ADMIN"}),
    "table_encryption_privilege_check": (_SUPER,),
}


def ways_to_set(engine: str, version: Version, parameter: Parameter) -> tuple[Way, ...]:
    """Answer the ways in which a login may set a variable, the narrowest first."""
    if engine == "mariadb":
        return _ways_of_mariadb(version, parameter.name)
    if version.parts < _ADMIN_SINCE:
        return (_SUPER,)
    if parameter.engine_context == PERSIST_ONLY:
        return (_FOR_START,)
    if parameter.name in _BESIDE:
        return (_ADMIN | {_BESIDE[parameter.name]}, _SUPER)
    return _MYSQL.get(parameter.name, (_ADMIN, _SUPER))


def may_set(granted: Collection[str], engine: str, version: Version, parameter: Parameter) -> bool:
    """Tell whether a login with those rights may set a variable."""
    return any(way <= frozenset(granted) for way in ways_to_set(engine, version, parameter))


def _ways_of_mariadb(version: Version, name: str) -> tuple[Way, ...]:
    right = next((right for right, names in _SPLIT.items() if name in names), None)
    if right is None:
        return (_SUPER | {"FILE"} if name == "innodb_tmpdir" else _SUPER,)
    is_before = version.parts < _SUPER_UNTIL.get(right, _SUPER_UNTIL_ELSE) and name not in _NEVER_BY_SUPER
    return (frozenset({right}), _SUPER) if is_before or name in _BY_SUPER else (frozenset({right}),)

"""Rights: what this login may change, and what it may not read, in words.

Sources: the manuals' "Privileges Provided" of both; MariaDB split SUPER in 10.5, MySQL in 8.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.dialect.contexts import PERSIST_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from setpoint.catalog import Catalog
    from setpoint.engines.mysql.observe.reply import Answer
    from setpoint.engines.port import Reply

_SPLIT: Mapping[str, frozenset[str]] = {
    "CONNECTION ADMIN": frozenset({
        "connect_timeout", "disconnect_on_expired_password", "extra_max_connections", "init_connect",
        "max_connections", "max_connect_errors", "max_password_errors", "proxy_protocol_networks",
        "secure_auth", "slow_launch_time",
    }),
    "BINLOG ADMIN": frozenset({
        "binlog_annotate_row_events", "binlog_cache_size", "binlog_commit_wait_count",
        "binlog_commit_wait_usec", "binlog_direct_non_transactional_updates", "binlog_expire_logs_seconds",
        "binlog_file_cache_size", "binlog_format", "binlog_row_image", "binlog_row_metadata",
        "binlog_stmt_cache_size", "expire_logs_days", "log_bin_compress", "log_bin_compress_min_len",
        "log_bin_trust_function_creators", "max_binlog_cache_size", "max_binlog_size",
        "max_binlog_stmt_cache_size", "sql_log_bin", "sync_binlog",
    }),
    "READ_ONLY ADMIN": frozenset({"read_only"}),
    "REPLICATION MASTER ADMIN": frozenset({
        "rpl_semi_sync_master_enabled", "rpl_semi_sync_master_timeout", "rpl_semi_sync_master_trace_level",
        "rpl_semi_sync_master_wait_no_slave", "rpl_semi_sync_master_wait_point", "master_verify_checksum",
        "gtid_binlog_state", "server_id", "gtid_domain_id",
    }),
    "REPLICATION SLAVE ADMIN": frozenset({
        "gtid_cleanup_batch_size", "gtid_ignore_duplicates", "gtid_pos_auto_engines", "gtid_slave_pos",
        "gtid_strict_mode", "init_slave", "read_binlog_speed_limit", "relay_log_purge", "relay_log_recovery",
        "replicate_do_db", "replicate_do_table", "replicate_events_marked_for_skip", "replicate_ignore_db",
        "replicate_ignore_table", "replicate_wild_do_table", "replicate_wild_ignore_table",
        "slave_compressed_protocol", "slave_ddl_exec_mode", "slave_domain_parallel_threads",
        "slave_exec_mode", "slave_max_allowed_packet", "slave_net_timeout", "slave_parallel_max_queued",
        "slave_parallel_mode", "slave_parallel_threads", "slave_parallel_workers",
        "slave_run_triggers_for_rbr",
        "slave_sql_verify_checksum", "slave_transaction_retry_interval", "slave_type_conversions",
        "sync_master_info", "sync_relay_log", "sync_relay_log_info",
    }),
}  # fmt: skip
"""MariaDB's privileges that let change some variables without SUPER."""


def alterable(answer: Answer, catalog: Catalog, *, keeps: bool) -> tuple[str, ...] | None:
    """Answer what this login may change; None for everything."""
    granted = frozenset(answer.server.privileges or ())
    if answer.server.privileges is None or "SUPER" in granted:
        return None
    if keeps:
        return tuple(_kept(granted, catalog))
    allowed = frozenset[str]().union(*(names for right, names in _SPLIT.items() if right in granted))
    return tuple(parameter.name for parameter in catalog.parameters if parameter.name in allowed)


def _kept(granted: frozenset[str], catalog: Catalog) -> Iterable[str]:
    if "SYSTEM_VARIABLES_ADMIN" not in granted:
        return
    may_keep_for_start = "PERSIST_RO_VARIABLES_ADMIN" in granted
    for parameter in catalog.parameters:
        if parameter.engine_context != PERSIST_ONLY or may_keep_for_start:
            yield parameter.name


def rights_unseen(answer: Answer, reply: Reply) -> tuple[str, ...]:
    """Say in words what this login may not read, and which right would show it."""
    told: list[str] = []
    if reply.fallback:
        told.append(
            "data size and the state of replication (grant PROCESS and SELECT on performance_schema.*)"
        )
    granted = frozenset(answer.server.privileges or ())
    if answer.files and all(file.text is None for file in answer.files) and reply.agent is None:
        why = "secure_file_priv keeps the server from reading them" if "FILE" in granted else "grant FILE"
        told.append(f"entries of option files: {why}, or name an agent (`instance set --agent-command`)")
    return tuple(told)

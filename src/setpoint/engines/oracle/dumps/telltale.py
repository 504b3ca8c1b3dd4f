"""Names and words by which a file tells that it is Oracle's, without asking the catalogs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = frozenset({
    "archive_lag_target", "audit_file_dest", "audit_trail", "background_dump_dest", "cluster_database",
    "control_file_record_keep_time", "control_files", "cursor_sharing", "db_block_buffers",
    "db_block_checking", "db_block_checksum", "db_block_size", "db_cache_size", "db_create_file_dest",
    "db_domain", "db_file_multiblock_read_count", "db_files", "db_flashback_retention_target",
    "db_recovery_file_dest", "db_recovery_file_dest_size", "db_unique_name", "db_writer_processes",
    "ddl_lock_timeout", "diagnostic_dest", "dispatchers", "fal_server", "fast_start_mttr_target",
    "filesystemio_options", "inmemory_query", "inmemory_size", "java_pool_size", "job_queue_processes",
    "large_pool_size", "local_listener", "log_archive_config", "log_archive_dest_1", "log_archive_format",
    "log_archive_max_processes", "log_checkpoint_interval", "memory_max_target", "memory_target",
    "nls_language", "nls_territory", "open_cursors", "open_links", "optimizer_dynamic_sampling",
    "optimizer_features_enable", "optimizer_index_cost_adj", "optimizer_mode", "os_authent_prefix",
    "parallel_max_servers", "parallel_degree_policy", "pga_aggregate_limit", "pga_aggregate_target",
    "query_rewrite_enabled", "recyclebin", "remote_login_passwordfile", "remote_os_authent",
    "resource_manager_plan", "result_cache_max_size", "service_names", "session_cached_cursors",
    "sga_max_size", "sga_target", "shared_pool_reserved_size", "shared_pool_size", "shared_servers",
    "standby_file_management", "star_transformation_enabled", "statistics_level", "streams_pool_size",
    "undo_management", "undo_retention", "undo_tablespace", "user_dump_dest", "workarea_size_policy",
})  # fmt: skip
"""Parameters that no other engine here has."""

STATISTICS = frozenset({
    "consistent gets", "db block changes", "db block gets", "execute count", "logons cumulative",
    "opened cursors cumulative", "parse count (total)", "physical reads", "physical writes", "redo size",
    "redo entries", "session logical reads", "sorts (disk)", "sorts (memory)", "user calls", "user commits",
    "user rollbacks",
})  # fmt: skip
"""Statistics that only V$SYSSTAT counts under such names."""

_RELEASE = re.compile(
    r"Oracle(?: AI)? Database [^\n]{0,120}?(?:Release|Version) (\d+(?:\.\d+)+)[^\n]{0,120}"
    r"(?:\n\s{0,9}Version (\d+(?:\.\d+)+))?"
)


def count_names(names: Iterable[str | None]) -> int:
    """Count the names among these that are Oracle's alone."""
    return len({name.strip().lower() for name in names if name} & NAMES)


def release_in(text: str) -> str | None:
    """Answer the version that a server's banner in a text tells; the last one where there are several."""
    found = None
    for match in _RELEASE.finditer(text):
        found = match[2] or match[1]
    return found

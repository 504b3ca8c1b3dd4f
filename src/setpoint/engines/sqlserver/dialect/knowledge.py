"""Facts about single options that no view tells.

From the manual, "Server configuration options" and the page of each option; not verified on an engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

AZURE_SQL_DATABASE, MANAGED_INSTANCE, EXPRESS = 5, 8, 4
"""What the server property EngineEdition says of these."""
YEARS: Mapping[int, str] = {13: "2016", 14: "2017", 15: "2019", 16: "2022", 17: "2025"}
"""The name of each major version."""
EVERGREEN = 12
"""The major version by which the services of Azure go, whatever they can do; nobody supports 2014 itself."""

FIXED: Mapping[str, str] = {
    "allow_updates": "it has no effect, and RECONFIGURE fails once it is set",
    "version_high_part_of_sql_server": "it is internal",
    "version_low_part_of_sql_server": "it is internal",
}
"""What nobody can or may set, and why."""

NO_EFFECT = frozenset({"open_objects", "precompute_rank", "set_working_set_size"})
"""What can be set and does nothing."""

SELF_CONFIGURING: Mapping[str, int] = {
    "index_create_memory_kb": 704,
    "locks": 5_000,
    "max_worker_threads": 128,
}
"""Options that take 0 (the server chooses) and else at least this much."""

RECOMMENDED: Mapping[str, tuple[int, int]] = {"recovery_interval_min": (0, 60)}
"""Bounds beyond which RECONFIGURE wants WITH OVERRIDE (errors 5807 and 5846)."""

FLOORS: Mapping[str, int] = {"min_server_memory_mb": 16}
"""What the server takes at least, whatever is configured: 16 MB on 64 bit, 8 MB on 32 bit."""

NOT_ON_MANAGED_INSTANCE = frozenset({
    "affinity64_mask", "affinity_i_o_mask", "agent_xps", "allow_polybase_export", "allow_updates",
    "c2_audit_mode", "column_encryption_enclave_type", "common_criteria_compliance_enabled",
    "filestream_access_level", "fill_factor_percent", "lightweight_pooling", "locks", "media_retention",
    "min_memory_per_query_kb", "min_server_memory_mb", "open_objects", "polybase_enabled", "priority_boost",
    "remote_access", "remote_data_archive", "scan_for_startup_procs", "set_working_set_size",
    "tempdb_metadata_memory_optimized", "user_connections", "user_instance_timeout", "user_instances_enabled",
})  # fmt: skip
"""Options that a managed instance does not let anybody set."""

CLEARS_PLANS = frozenset({
    "access_check_cache_bucket_count", "access_check_cache_quota", "clr_enabled",
    "cost_threshold_for_parallelism", "cross_db_ownership_chaining", "index_create_memory_kb",
    "max_degree_of_parallelism", "max_server_memory_mb", "max_text_repl_size_b", "max_worker_threads",
    "min_memory_per_query_kb", "min_server_memory_mb", "query_governor_cost_limit", "query_wait_s",
    "remote_query_timeout_s", "user_options",
})  # fmt: skip
"""Options whose change has RECONFIGURE clear the plan cache, so that every statement is compiled anew."""

ADVISED_AGAINST: Mapping[str, str] = {
    "lightweight_pooling": "fibers are not supported by many features",
    "priority_boost": "it is not supported any more, and can starve the operating system",
    "remote_access": "it is deprecated",
    "c2_audit_mode": "it is deprecated, and the server stops when its audit cannot be written",
}
"""What the vendor advises against, and why."""

"""Facts about parameters that the server's views do not tell, and the shipped catalogs behind them.

From the Oracle Database Reference and the Data Guard Broker manual, in our own words; not verified on an
engine.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Catalog
from setpoint.catalog.catalog import CatalogData
from setpoint.engines.oracle.dialect.grammar import GRAMMAR

if TYPE_CHECKING:
    from setpoint.catalog import Parameter

NAME = "oracle"
BIG, BASIC, DEPRECATED = "big integer", "basic", "deprecated"
PDB, SID, SESSION, NOT_SYSTEM = "per PDB", "per SID", "per session", "session only"
"""Flags of a parameter: how it is written, and where else than for all it may have a value of its own."""

LISTS = frozenset({
    "control_files", "db_file_name_convert", "dispatchers", "event", "fal_server", "log_file_name_convert",
    "pdb_file_name_convert", "plsql_warnings", "rollback_segments", "service_names",
})  # fmt: skip
"""Parameters that take several strings, each its own literal."""

SESSION_ONLY = frozenset({"parallel_min_percent", "tracefile_identifier", "read_only", "txn_priority"})
"""What ALTER SYSTEM does not take at all."""

FIXED = frozenset({"db_block_size", "ifile", "spfile"})
"""What is decided before there is a server to set it."""

OPEN_ENUMS = frozenset({"parallel_degree_limit", "parallel_min_time_threshold", "optimizer_features_enable"})
"""They list words and take numbers or releases besides, so they are read as strings."""

GRANULAR = frozenset({
    "data_transfer_cache_size", "db_16k_cache_size", "db_2k_cache_size", "db_32k_cache_size",
    "db_4k_cache_size", "db_8k_cache_size", "db_cache_size", "db_keep_cache_size", "db_recycle_cache_size",
    "inmemory_size", "java_pool_size", "large_pool_size", "memory_max_target", "memory_target",
    "sga_max_size", "sga_target", "shared_pool_size", "streams_pool_size", "vector_memory_size",
})  # fmt: skip
"""Sizes that the server rounds up to whole granules."""

BROKER_KEPT = frozenset({
    "archive_lag_target", "db_file_name_convert", "fal_client", "fal_server", "log_archive_config",
    "log_archive_format", "log_archive_max_processes", "log_archive_min_succeed_dest", "log_archive_trace",
    "log_file_name_convert", "standby_file_management",
})  # fmt: skip
"""What the Data Guard broker writes itself, besides the archive destinations."""

CEILINGS = {"sga_target": "sga_max_size", "memory_target": "memory_max_target"}
"""What cannot grow beyond the other while the instance runs; the other is set at the start."""

_NUMBERED = re.compile(r"log_archive_dest(_state)?_\d+")
_SUPPORTED = ("19", "21", "23")


def is_auto_tuned(name: str) -> bool:
    """Tell whether the server itself keeps the parameter to remember what it tuned (``__db_cache_size``)."""
    return name.startswith("__")


def is_hidden(name: str) -> bool:
    """Tell whether the parameter is one that only Oracle Support asks for."""
    return name.startswith("_")


def is_kept_by_broker(name: str) -> bool:
    """Tell whether the Data Guard broker, where it runs, sets the parameter."""
    return name in BROKER_KEPT or _NUMBERED.fullmatch(name) is not None


@cache
def shipped(family: str) -> Catalog | None:
    """Answer the shipped catalog of a major version, None where there is none."""
    if family not in _SUPPORTED:
        return None
    body = (Path(__file__).parents[1] / "catalog" / f"{family}.json").read_bytes()
    return Catalog(msgspec.json.decode(body, type=CatalogData), GRAMMAR)


def fact(family: str, name: str) -> Parameter | None:
    """Answer what is known of a parameter besides what a server tells, by the newest facts if need be."""
    catalog = shipped(family) or shipped(_SUPPORTED[-1])
    return catalog.find(name) if catalog is not None else None

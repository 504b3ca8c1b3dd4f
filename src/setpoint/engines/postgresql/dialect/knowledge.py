"""What PostgreSQL's own views do not tell about its parameters.

Sources: the server's guc_tables.c and check hooks of 13 to 18, each table proved against running servers by
the live tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Context

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONTEXTS: Mapping[str, Context] = {
    "internal": Context.FIXED,
    "postmaster": Context.RESTART,
    "sighup": Context.RELOAD,
    "superuser-backend": Context.RECONNECT,
    "backend": Context.RECONNECT,
    "superuser": Context.IMMEDIATE,
    "user": Context.IMMEDIATE,
}

LISTS = frozenset(
    {
        "datestyle",
        "listen_addresses",
        "local_preload_libraries",
        "oauth_validator_libraries",
        "output_plugin_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "synchronized_standby_slots",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
"""Ordered lists. `synchronous_standby_names` has a grammar of its own and stays a string."""

FLAG_SETS: Mapping[str, tuple[str, ...]] = {
    "createrole_self_grant": ("set", "inherit"),
    "debug_io_direct": ("data", "wal", "wal_init"),
    # Windows has eventlog in place of syslog; its servers are not supported.
    "log_destination": ("stderr", "csvlog", "jsonlog", "syslog"),
    "restrict_nonsystem_relation_kind": ("view", "foreign-table"),
    # Extensions may register resource managers of their own, so the words are open.
    "wal_consistency_checking": (),
}
"""Comma-separated words whose order means nothing, with the words where they are closed."""

LOG_CONNECTIONS_FLAGS = ("receipt", "authentication", "authorization", "setup_durations", "all", "on", "off")
"""`log_connections` is a boolean up to 17 and a flag set that still takes a boolean's words from 18 on."""

_QUOTED_LISTS = LISTS - {"datestyle", "listen_addresses", "synchronized_standby_slots"}
_QUOTED_SINCE = {"unix_socket_directories": 14}

EMPTY_LIST_IS_HARMLESS = frozenset({"search_path", "temp_tablespaces"})
"""Quoted lists that may hold one empty item, which is all that ALTER SYSTEM can write for an empty list.

The others would look for a library or a folder of that name when the server starts, and it would not.
"""

OCTAL = frozenset({"data_directory_mode", "log_file_mode", "unix_socket_permissions"})

FOLDS_CASE = frozenset(
    {
        "client_encoding",
        "datestyle",
        "default_text_search_config",
        "listen_addresses",
        "log_timezone",
        "server_encoding",
        "timezone",
        "timezone_abbreviations",
    }
)

NORMALISED = frozenset(
    {
        "autovacuum_work_mem",
        "client_encoding",
        "commit_timestamp_buffers",
        "datestyle",
        "default_text_search_config",
        "io_max_concurrency",
        "log_timezone",
        "subtransaction_buffers",
        "timezone",
        "transaction_buffers",
        "wal_buffers",
    }
)
"""Parameters whose check hook runs another value than the one written.

For all others a difference means "not loaded".
"""

SHOWN_OTHERWISE = frozenset(
    {
        "archive_command",
        "tcp_keepalives_count",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_user_timeout",
    }
)
"""Parameters whose view shows something else than their value: what the socket uses, or ``(disabled)``."""

NOT_BY_ALTER_SYSTEM = frozenset(
    {
        "allow_alter_system",
        "config_file",
        "data_directory",
        "is_superuser",
        "role",
        "seed",
        "session_authorization",
        "transaction_deferrable",
        "transaction_isolation",
        "transaction_read_only",
    }
)

HOT_STANDBY = (
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_wal_senders",
    "max_worker_processes",
)
"""A standby stops when it has less of one of these than its primary (hot-standby parameters of the manual).
"""

_LIBRARY = "offered only when the build has the library"
_PLATFORM = "depends on the operating system"
_COMPILED = "compiled in"
BUILD: Mapping[str, str] = {
    "backend_flush_after": _PLATFORM,
    "bgwriter_flush_after": _PLATFORM,
    "block_size": _COMPILED,
    "checkpoint_flush_after": _PLATFORM,
    "data_checksums": "chosen when the cluster was made",
    "debug_assertions": _COMPILED,
    "debug_io_direct": _PLATFORM,
    "default_text_search_config": "chosen when the cluster was made",
    "default_toast_compression": _LIBRARY + " (lz4)",
    "dynamic_shared_memory_type": _PLATFORM,
    "effective_io_concurrency": _PLATFORM,
    "event_source": _PLATFORM,
    "huge_pages": _PLATFORM,
    "integer_datetimes": _COMPILED,
    "io_max_combine_limit": _PLATFORM,
    "io_method": _LIBRARY + " (liburing)",
    "jit": "without effect unless the build has LLVM",
    "krb_server_keyfile": "a path compiled in",
    "lc_messages": "chosen when the cluster was made",
    "lc_monetary": "chosen when the cluster was made",
    "lc_numeric": "chosen when the cluster was made",
    "lc_time": "chosen when the cluster was made",
    "log_timezone": "chosen when the cluster was made",
    "maintenance_io_concurrency": _PLATFORM,
    "max_function_args": _COMPILED,
    "max_identifier_length": _COMPILED,
    "max_index_keys": _COMPILED,
    "max_stack_depth": "the default follows the process's own limit",
    "segment_size": _COMPILED,
    "server_version": "the build's own version",
    "server_version_num": "the build's own version",
    "shared_memory_type": _PLATFORM,
    "ssl": "without effect unless the build has TLS",
    "ssl_ciphers": "the default depends on the build's TLS library",
    "ssl_ecdh_curve": "the default depends on the build's TLS library",
    "ssl_groups": "the default depends on the build's TLS library",
    "ssl_library": "the build's TLS library",
    "ssl_tls13_ciphers": "the default depends on the build's TLS library",
    "timezone": "chosen when the cluster was made",
    "unix_socket_directories": "the default is the packager's choice",
    "update_process_title": _PLATFORM,
    "wal_block_size": _COMPILED,
    "wal_compression": _LIBRARY + " (lz4, zstd)",
    "wal_segment_size": "chosen when the cluster was made",
    "wal_sync_method": _PLATFORM,
}
"""Parameters whose values, default or effect depend on the build or the host, and how."""

COMPILED_PATHS = frozenset({"krb_server_keyfile"})
"""Parameters whose built-in default is a path of the machine the build was made on."""

_TRUE_WORDS, _FALSE_WORDS = ("true", "yes", "1"), ("false", "no", "0")


def is_quoted_list(name: str, major: int) -> bool:
    """Tell whether a statement must give each item of the list as a literal of its own."""
    folded = name.lower()
    return folded in _QUOTED_LISTS and major >= _QUOTED_SINCE.get(folded, 0)


def enum_aliases(name: str, values: Iterable[str], major: int) -> dict[str, str]:
    """Answer the words an enum takes besides those it lists, and what it reads each as."""
    known = set(values)
    aliases: dict[str, str] = {}
    if name == "wal_compression":
        aliases.update(dict.fromkeys(("on", *_TRUE_WORDS), "pglz"))
        aliases.update(dict.fromkeys(_FALSE_WORDS, "off"))
    elif {"on", "off"} <= known:
        aliases.update(dict.fromkeys(_TRUE_WORDS, "on"))
        aliases.update(dict.fromkeys(_FALSE_WORDS, "off"))
    if "debug2" in known:
        aliases["debug"] = "debug2"
    if name == "client_min_messages":
        aliases["info"] = "info"
    if name == "wal_level":
        aliases.update({"archive": "replica", "hot_standby": "replica"})
    if name == "password_encryption" and major < 14:  # noqa: PLR2004 - the boolean's words went away in 14
        aliases.update(dict.fromkeys(("on", *_TRUE_WORDS), "md5"))
    return aliases


MASK = "********"
"""What stands in an observation where the server's text holds a secret."""

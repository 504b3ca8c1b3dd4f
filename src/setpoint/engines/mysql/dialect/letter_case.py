"""Letter case: variables that are texts to the server's own tables, and words to the server.

Whatever the case of such a word, the server shows its own: ``memory`` runs as ``MEMORY``. Source: each text
variable of MariaDB 10.5.29, 10.11.19, 11.8.9 and MySQL 9.7.4 that holds words was set in the other case and
read back. Names of files, schemas and hosts come back as they were written, and are not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Parameter
    from setpoint.engines.mysql.dialect.option_groups import Kind as ServerKind

_BOTH = frozenset({
    "character_set_client", "character_set_connection", "character_set_database", "character_set_filesystem",
    "character_set_results", "character_set_server", "collation_connection", "collation_database",
    "collation_server", "default_storage_engine", "default_tmp_storage_engine", "lc_messages",
    "lc_time_names", "time_zone",
})  # fmt: skip

_FOLDED: Mapping[ServerKind, frozenset[str]] = {
    "mariadb": _BOTH | {
        "character_set_collations", "enforce_storage_engine", "gtid_pos_auto_engines",
        "session_track_system_variables", "storage_engine",
    },
    "mysql": _BOTH | {
        "caching_sha2_password_storage_format", "default_collation_for_utf8mb4", "enforce_gtid_consistency",
        "innodb_change_buffering", "innodb_checksum_algorithm", "innodb_default_row_format",
        "innodb_doublewrite", "innodb_flush_method", "innodb_log_writer_threads", "innodb_stats_method",
        "myisam_recover_options", "myisam_stats_method",
    },
}  # fmt: skip


def folding(parameter: Parameter, kind: ServerKind) -> Parameter:
    """Answer a parameter that tells whether the case of its words means nothing.

    Enums are read by their words; one whose words the server does not list compares texts, as strings do.
    """
    is_text = parameter.kind is Kind.STRING or (parameter.kind is Kind.ENUM and not parameter.values)
    if not is_text or parameter.name not in _FOLDED[kind]:
        return parameter
    return msgspec.structs.replace(parameter, folds_case=True)

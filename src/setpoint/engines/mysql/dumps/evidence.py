"""Evidence: which of the two products a file comes from, by what only one of them writes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from setpoint.engines.document import Likeness

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.engines.document import Document

_CERTAIN, _ELSE, _FIRST, _SECOND, _TIE = 90, 15, 50, 40, 52
_HEAD_CHARACTERS = 1_000_000
_NAMES_CHARACTERS = 60_000
_START = r"(?:^|[\s\"'>|{,([]|--|mysql_global_(?:variables|status)_|mysqld\.)(?:loose[-_])?"
_PRODUCT_OF_MARIADB = re.compile(r"mariadb|maria ?db foundation|galera\]", re.IGNORECASE)
_PRODUCT_OF_MYSQL = re.compile(
    r"MySQL Community|MySQL Enterprise|MySQL Cluster|Percona (?:Server|XtraDB)|mysql_server\b"
    r"|\[mysqld-[589]\.|\(MySQL\)|Source distribution"
)
_NAME_OF_MARIADB = re.compile(
    _START + r"(?:aria[-_]|gtid[-_](?:domain[-_]id|slave[-_]pos|binlog[-_](?:pos|state)|current[-_]pos"
    r"|strict[-_]mode|cleanup)|feature_|in_predicate_|max_statement_time|plugin_maturity|rowid_merge_buff"
    r"|use_stat_tables|encrypt_binlog|encrypt-binlog|innodb[-_](?:encrypt[-_]|encryption[-_]|instant_alter"
    r"|deadlock_report|prefix_index_cluster|defragment|scrub_|alter_copy|snapshot_isolation)|system_versioning"
    r"|histogram_size|join_cache_level|expensive_subquery|mrr_buffer_size|progress_report_time|server_uid"
    r"|analyze_sample|column_compression|idle_(?:readonly_|write_)?transaction_timeout|tcp_keepalive"
    r"|memory_used|wsrep_gtid_|master_gtid_wait"
    r"|rocksdb_ignored|feedback[-_])",
    re.IGNORECASE | re.MULTILINE,
)
_NAME_OF_MYSQL = re.compile(
    _START + r"(?:gtid[-_](?:mode|executed|next|purged|owned)|enforce[-_]gtid|group[-_]replication[-_]"
    r"|super[-_]read[-_]only|mysqlx[-_]|mysqlx_|caching_sha2|activate[-_]all[-_]roles|admin[-_](?:address|port)"
    r"|default[-_]authentication[-_]plugin|authentication[-_]policy|innodb[-_](?:dedicated|redo_log_cap"
    r"|redo-log-cap|ddl_|parallel_read|print_ddl)|persisted[-_]globals|temptable[-_]|sql_require_primary"
    r"|server_uuid|log[-_]error[-_](?:verbosity|services)|show_compatibility|tls_ciphersuites|mandatory_roles"
    r"|partial_revokes|early[-_]plugin|replica[-_]|validate_password[._]|information_schema_stats|master_info_rep"
    r"|optimizer_trace_limit|acl_cache_items|com_(?:clone|group_replication|alter_resource))",
    re.IGNORECASE | re.MULTILINE,
)


def likeness(document: Document, engine: str, what: str) -> Likeness:
    """Answer how much a document that is of one of the two is of this one; `what` says why it is of them."""
    told = _told(document.text[:_HEAD_CHARACTERS])
    if told:
        return Likeness(_CERTAIN if told == engine else _ELSE, f"{what}, of {told}")
    if engine == "mysql":
        return Likeness(_FIRST, what)
    place = "/".join(document.path.split("/")[-2:]).lower()
    return Likeness(_TIE if "maria" in place else _SECOND, what)


def number_of(text: str | None) -> str | None:
    """Answer the number in a version's text, ``8.0.32`` of ``8.0.32-24``; None where there is none."""
    found = re.search(r"(?:^|[^\d.])(?:5\.5\.5-)?(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)(?![\d.]*\d)", text or "")
    return found[1] if found else None


def kin(texts: Iterable[str]) -> str:
    """Answer the engine that texts about versions name, empty where they name none."""
    return _told("\n".join(texts))


@lru_cache(maxsize=2)
def _told(text: str) -> str:
    if _PRODUCT_OF_MARIADB.search(text):
        return "mariadb"
    if _PRODUCT_OF_MYSQL.search(text):
        return "mysql"
    maria = _NAME_OF_MARIADB.search(text, 0, _NAMES_CHARACTERS) is not None
    mysql = _NAME_OF_MYSQL.search(text, 0, _NAMES_CHARACTERS) is not None
    if maria == mysql:
        return ""
    return "mariadb" if maria else "mysql"

"""Which groups of an option file a server reads, and what it makes of an option's name.

Seen on MariaDB 10.5.29, 10.11.18, 11.8.9 and MySQL 9.7.4, which print their groups themselves
(``--help --verbose``). Other versions are taken to do as their neighbours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

Kind = Literal["mysql", "mariadb"]

PREFIXES = ("skip", "disable", "enable", "maximum", "loose")
"""Words before an option's name that change what the option means."""
NAMES_LIKE_PREFIXED = frozenset(
    {
        "enable_cascade_triggers",
        "enable_secondary_engine_statistics",
        "skip_grant_tables",
        "skip_host_cache",
        "skip_name_resolve",
        "skip_networking",
        "skip_new",
        "skip_replica_start",
        "skip_show_database",
        "skip_slave_start",
        "skip_stack_trace",
    }
)
"""Options whose own names begin like a prefix, as the servers list them."""
ACCUMULATING = frozenset(
    {
        "binlog_do_db",
        "binlog_ignore_db",
        "ignore_db_dirs",
        "performance_schema_instrument",
        "plugin_load_add",
        "replicate_do_db",
        "replicate_do_table",
        "replicate_ignore_db",
        "replicate_ignore_table",
        "replicate_rewrite_db",
        "replicate_wild_do_table",
        "replicate_wild_ignore_table",
    }
)
"""Options that may stand several times: each line adds to those before it."""
ZERO_MEANS_ON = {"mysql": frozenset({"skip_name_resolve"}), "mariadb": frozenset[str]()}
"""Options that take whatever is not OFF for a bare flag (MySQL 9.7 shows TRUE for ``=0``)."""

_SHARED = ("mysqld", "server")
_OF_KIND: dict[Kind, tuple[str, ...]] = {
    "mysql": ("mysql_cluster",),
    "mariadb": ("mariadb", "mariadbd", "client-server", "galera"),
}
_VERSIONED: dict[Kind, tuple[str, ...]] = {"mysql": ("mysqld",), "mariadb": ("mysqld", "mariadb", "mariadbd")}
_MAJOR_GROUPS_SINCE = 11  # seen in 11.8, not in 10.11; the versions between them were not seen
_SERVER_GROUP = re.compile(
    r"(?:mysqld|server|mariadbd?|mysql_cluster|client-server|galera)(?:[-_.]?\d[\d.]*)?"
)


@dataclass(frozen=True, slots=True)
class OptionName:
    """An option's name as a server understands it.

    `name` is folded: ``_`` for ``-`` and, where the server does so, small letters. `prefixes` stand outermost
    first. `is_known` is None where no names were handed in to compare with.
    """

    name: str
    prefixes: tuple[str, ...] = ()
    is_known: bool | None = None
    candidates: tuple[str, ...] = ()
    """The names that an ambiguous abbreviation may mean."""

    @property
    def is_loose(self) -> bool:
        """Whether the server may ignore the option instead of refusing to start."""
        return "loose" in self.prefixes

    @property
    def is_ceiling(self) -> bool:
        """Whether it bounds what sessions may set, and gives no value (``maximum_``)."""
        return self.prefixes[-1:] == ("maximum",)

    def mean(self, text: str | None, kind: Kind) -> str:
        """Answer the variable's value that a line gives, whose text is None where it has no ``=``.

        Of several prefixes the innermost alone decides; only ``0`` turns one round.
        """
        last = self.prefixes[-1] if self.prefixes else ""
        if last in {"skip", "disable"}:
            return "ON" if text == "0" else "OFF"
        if last == "enable":
            return "OFF" if text == "0" else "ON"
        if text is None or (self.name in ZERO_MEANS_ON[kind] and text.upper() != "OFF"):
            return "ON"
        return text


def read_groups(kind: Kind, version: tuple[int, ...], suffix: str = "") -> frozenset[str]:
    """Answer the groups that a server reads, in small letters: their order decides nothing.

    `suffix` is that of ``--defaults-group-suffix`` or of the variable MYSQL_GROUP_SUFFIX: such groups are
    read besides. ``mysql_cluster`` is read by builds with NDB, such as Debian's.
    """
    major, minor = version[0], version[1] if len(version) > 1 else 0
    groups = [*_SHARED, *_OF_KIND[kind], *(f"{group}-{major}.{minor}" for group in _VERSIONED[kind])]
    if kind == "mariadb" and major >= _MAJOR_GROUPS_SINCE:
        groups += [f"mariadb-{major}", f"mariadbd-{major}"]
    return frozenset(group + ending.lower() for group in groups for ending in ("", suffix))


def is_server_group(group: str) -> bool:
    """Say whether a group is meant for some server, of whatever kind and version, and not for a client."""
    return _SERVER_GROUP.fullmatch(group.lower()) is not None


def understand(written: str, kind: Kind, names: Collection[str] = ()) -> OptionName:
    """Read an option's name as the server of a kind does.

    An exact name comes first, then MariaDB's unique abbreviation, then a prefix is taken off and all begins
    again. MySQL knows small letters only and, since 8.0 at the latest, no abbreviations. `names` are the
    server's own options, with ``_``; without them a prefix is told by `NAMES_LIKE_PREFIXED`.
    """
    folded = written.replace("-", "_")
    rest = folded = folded.lower() if kind == "mariadb" else folded
    prefixes: list[str] = []
    while True:
        found = _look_up(rest, kind, names)
        if found:
            known = len(found) == 1
            name = found[0] if known else rest
            return OptionName(name, tuple(prefixes), known if names else None, () if known else found)
        prefix, separator, inner = rest.partition("_")
        if not separator or prefix not in PREFIXES:
            break
        prefixes.append(prefix)
        rest = inner
    return OptionName(rest, tuple(prefixes), False if names else None)


def _look_up(name: str, kind: Kind, names: Collection[str]) -> tuple[str, ...]:
    if name in names or (not names and name in NAMES_LIKE_PREFIXED):
        return (name,)
    if kind == "mysql" or not name:
        return ()
    return tuple(sorted(known for known in names if known.startswith(name)))

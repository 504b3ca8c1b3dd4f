"""Rights: what this login may change, and what it may not read, in words.

Sources for what reading asks for: tried on MariaDB 10.5, 10.11, 11.8 and MySQL 9.7, with logins that had one
right each. Counters, variables and GTID positions ask for none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.engines.mysql.dialect.contexts import FILE_ONLY, FIXED
from setpoint.engines.mysql.dialect.privileges import may_set

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Catalog, Version
    from setpoint.engines.mysql.dialect.option_groups import Kind
    from setpoint.engines.mysql.observe.reply import Answer
    from setpoint.engines.port import Reply

_TELLS_REPLICA_SINCE = (11, 6)
"""MariaDB has information_schema.SLAVE_STATUS since; before, a stopped replica hardly tells what it is."""

_REPLICATION: Mapping[Kind, str] = {
    "mariadb": "the state of replication (grant SLAVE MONITOR)",
    "mysql": "the state of replication, and transactions (grant SELECT on performance_schema.*)",
}


class Sight(NamedTuple):
    """What an observation asks for that takes a right of its own."""

    sees_size: bool = True
    sees_replication: bool = True


NOTHING = Sight(sees_size=False, sees_replication=False)


def sights(kind: Kind, version: Version) -> tuple[Sight, ...]:
    """Answer what is asked for first, and in which order less where a right is missing."""
    if kind == "mariadb" and version.parts < _TELLS_REPLICA_SINCE:
        return (Sight(sees_replication=False), NOTHING)
    return (Sight(), Sight(sees_replication=False), Sight(sees_size=False), NOTHING)


def alterable(answer: Answer, catalog: Catalog, kind: Kind, version: Version) -> tuple[str, ...] | None:
    """Answer what this login may change of what the server itself can; None for all of it."""
    granted = answer.server.privileges
    if granted is None:
        return None
    offered = [p for p in catalog.parameters if p.engine_context not in (FIXED, FILE_ONLY)]
    refused = {p.name for p in offered if not may_set(granted, kind, version, p)}
    return tuple(p.name for p in offered if p.name not in refused) if refused else None


def rights_unseen(answer: Answer, reply: Reply, kind: Kind, version: Version) -> tuple[str, ...]:
    """Say in words what this login may not read, and which right would show it."""
    asked = sights(kind, version)
    first, seen = asked[0], asked[reply.fallback]
    told: list[str] = []
    if first.sees_size and not seen.sees_size:
        more = ", and transactions where InnoDB counts them" if kind == "mariadb" else ""
        told.append(f"data size{more} (grant PROCESS)")
    if first.sees_replication and not seen.sees_replication:
        told.append(_REPLICATION[kind])
    granted = frozenset(answer.server.privileges or ())
    if answer.files and all(file.text is None for file in answer.files) and reply.agent is None:
        why = "secure_file_priv keeps the server from reading them" if "FILE" in granted else "grant FILE"
        told.append(f"entries of option files: {why}, or name an agent (`instance set --agent-command`)")
    return tuple(told)

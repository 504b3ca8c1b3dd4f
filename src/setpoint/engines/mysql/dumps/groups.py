"""Whom a group of an option file speaks to: the server, a client, or somebody else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.config.dump import CLIENT, INSTANCE
from setpoint.engines.mysql.dialect.option_groups import is_server_group, read_groups
from setpoint.engines.mysql.dumps.evidence import number_of

if TYPE_CHECKING:
    from setpoint.engines.mysql.dialect.option_groups import Kind

_CLIENT = re.compile(
    r"client(?!-server$).*|mysql|mariadb-(?:client|dump|admin|check|import|show|slap|binlog|upgrade|conv)"
    r"|mysql(?:dump|admin|check|import|show|slap|binlog|pump|test|sh|_upgrade|hotcopy|_config_editor|dumpslow)"
)
_ANY = re.compile(
    r"client.*|mysql.*|mariadb.*|server|galera|embedded|sst|xtrabackup|isamchk|myisamchk|myisampack|aria_\w+"
    r"|maria_\w+|my_print_defaults|mbstream|ndb\w*|ndbd.*|wsrep.*"
)


def is_group(name: str) -> bool:
    """Tell whether a group is one that programs of these products read."""
    return _ANY.fullmatch(name.lower()) is not None


def tells_product(name: str) -> bool:
    """Tell whether a group's name is one that no other product uses."""
    return is_group(name) and name.lower() not in {"client", "server", "embedded", "sst"}


def scope_of(group: str, engine: Kind, version: str | None) -> str:
    """Answer the scope of a group's options for a server of that version, None where nobody knows it."""
    folded = group.lower()
    number = number_of(version)
    parts = tuple(map(int, number.split("."))) if number else (0, 0)
    if folded in read_groups(engine, parts):
        return INSTANCE
    if not is_server_group(folded) and _CLIENT.fullmatch(folded):
        return CLIENT
    return f"group:{group}"

"""Scopes: for which instances and which container an entry of the server parameter file holds."""

from __future__ import annotations

import re
from typing import NamedTuple

ALL = "*"
_SID = re.compile(r"sid:(\S+)")
_NO_CDB, _ROOT = 0, 1


class Scope(NamedTuple):
    """One scope: an instance's name or ``*``, and the pluggable database (empty: the whole instance)."""

    sid: str = ALL
    container: str = ""

    def __str__(self) -> str:
        """Write it as origins show it: ``sid:*``, ``pdb:SALES sid:*``."""
        return f"pdb:{self.container} sid:{self.sid}" if self.container else f"sid:{self.sid}"


def sid_of(words: str) -> str:
    """Answer the instance's name that an origin's scope holds for, ``*`` where for all."""
    match = _SID.search(words)
    return match[1] if match else ALL


def container_of(con_id: int, con_name: str) -> str:
    """Answer the name of the pluggable database a session is in, empty for a root or no CDB."""
    return con_name if con_id > _ROOT else ""

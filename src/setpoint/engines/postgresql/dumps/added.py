"""Parameters that came with a minor release, which the first ones of their major version do not have.

Source: the release notes of those minor releases (August 2022, August 2024); `output_plugin_libraries` by
servers of 15.18, which has none, and of the versions told here, which have it.
"""

from __future__ import annotations

import re

_SINCE = {
    "allow_in_place_tablespaces": {13: 8, 14: 5},
    "output_plugin_libraries": {15: 19, 16: 15, 17: 11, 18: 6},
    "restrict_nonsystem_relation_kind": {13: 16, 14: 13, 15: 8, 16: 4},
}
_VERSION = re.compile(r"(\d{2})(?:\.(\d{1,3}))?\b")


def added_after(version: str | None) -> frozenset[str]:
    """Answer the parameters that only later minor releases of a version's family have.

    Where no minor release is told, all that came with one.
    """
    match = _VERSION.match(version or "")
    if match is None:
        return frozenset()
    major, minor = int(match[1]), int(match[2] or 0)
    return frozenset(name for name, since in _SINCE.items() if minor < since.get(major, 0))

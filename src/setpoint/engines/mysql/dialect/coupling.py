"""A character set and its collation: setting either sets the other, too.

A character set brings the collation that is compiled in as its own, a collation the character set it belongs
to. Seen on MariaDB 10.11 and 11.8 and MySQL 9.7; `SET GLOBAL` on MariaDB does not ask
``character_set_collations``, so that 11.8 does not come back by it to the collation it started with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

COLLATION_OF: Mapping[str, str] = {
    f"character_set_{scope}": f"collation_{scope}" for scope in ("server", "database", "connection")
}
"""The collation's variable by the character set's."""

CHARACTER_SET_OF: Mapping[str, str] = {collation: name for name, collation in COLLATION_OF.items()}
"""The character set's variable by the collation's."""

_OWN: Mapping[str, str] = {
    "big5": "chinese", "cp932": "japanese", "dec8": "swedish", "eucjpms": "japanese", "euckr": "korean",
    "gb18030": "chinese", "gb2312": "chinese", "gbk": "chinese", "hp8": "english", "latin1": "swedish",
    "latin5": "turkish", "sjis": "japanese", "swe7": "swedish", "tis620": "thai", "ujis": "japanese",
}  # fmt: skip
"""The language of a character set's own collation where it is not a general one, as the servers list them."""


def is_of(collation: str, character_set: str) -> bool:
    """Tell whether a collation belongs to a character set; one that fits many is taken for one that does."""
    family = collation.lower().split("_", 1)[0]
    return family == "uca1400" or _one_name(family) == _one_name(character_set.lower())


def own_collation(character_set: str, of_utf8mb4: str | None) -> str:
    """Answer the collation that a character set brings; `of_utf8mb4` is what MySQL is told for that one."""
    name = character_set.lower()
    if name == "binary":
        return name
    if name == "utf8mb4" and of_utf8mb4:
        return of_utf8mb4
    return f"{name}_{_OWN.get(name, 'general')}_ci"


def _one_name(character_set: str) -> str:
    return "utf8mb3" if character_set == "utf8" else character_set

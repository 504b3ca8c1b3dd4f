"""Names that JSON describes or lists: parameters with types and bounds, or groups of names; no settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import msgspec

_TYPED = ("vartype", "type", "data_type", "variable_type")
_BOUNDED = ("min_val", "max_val", "min", "max", "min_value", "max_value", "enumvals", "reset_val", "default")
_VALUED = ("setting", "value", "current_value", "global_value", "variable_value", "session_value")
_NAMED = ("name", "variable_name", "variable")


@dataclass(frozen=True, slots=True)
class Described:
    """What was found: the names in their order, and the version that stands beside them."""

    names: tuple[str, ...] = ()
    version: str | None = None


def read_described(text: str) -> Described:
    """Answer the names that are described or listed; none where it is no such list, or says values too."""
    if text.lstrip()[:1] not in {"{", "["}:
        return Described()
    try:
        body: Any = msgspec.json.decode(text.encode(errors="replace"))
    except (msgspec.DecodeError, RecursionError):
        return Described()
    pairs = _pairs(body)
    if not pairs:
        return Described(_grouped(body))
    if any(_is_set(members) for _, members in pairs):
        return Described()
    described = sum(_describes(members) for _, members in pairs)
    if described * 2 <= len(pairs):
        return Described()
    return Described(tuple(dict.fromkeys(name for name, _ in pairs)), _version(body))


def _pairs(body: Any) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(body, dict):
        members = cast("dict[str, Any]", body)
        if all(isinstance(inner, dict) for inner in members.values()):
            return [(name, cast("dict[str, Any]", inner)) for name, inner in members.items()]
        lists = [cast("list[Any]", inner) for inner in members.values() if isinstance(inner, list)]
        return _pairs(lists[0]) if len(lists) == 1 else []
    if not isinstance(body, list):
        return []
    rows = [cast("dict[str, Any]", row) for row in cast("list[Any]", body) if isinstance(row, dict)]
    if rows and _is_set(rows[0]):
        return []
    named = [(_name(row), row) for row in rows]
    return [(name, row) for name, row in named if name]


def _grouped(body: Any) -> tuple[str, ...]:
    """Answer the names of an object of lists of names, or of one such list."""
    groups: list[Any] = [body]
    if isinstance(body, dict):
        groups = list(cast("dict[str, Any]", body).values())
    names: dict[str, None] = {}
    for group in groups:
        items = cast("list[Any]", group) if isinstance(group, list) else [None]
        if not all(isinstance(item, str) for item in items):
            return ()
        names |= dict.fromkeys(cast("list[str]", items))
    return tuple(names)


def _version(body: Any) -> str | None:
    if not isinstance(body, dict):
        return None
    told = cast("dict[str, Any]", body).get("version")
    return str(told) if isinstance(told, (str, int)) and str(told)[:1].isdigit() else None


def _name(row: dict[str, Any]) -> str:
    folded = {key.lower(): value for key, value in row.items()}
    return next((str(folded[key]) for key in _NAMED if isinstance(folded.get(key), str)), "")


def _describes(members: dict[str, Any]) -> bool:
    keys = {key.lower() for key in members}
    return any(key in keys for key in _TYPED) and any(key in keys for key in _BOUNDED + _NAMED)


def _is_set(members: dict[str, Any]) -> bool:
    return any(key.lower() in _VALUED for key in members)

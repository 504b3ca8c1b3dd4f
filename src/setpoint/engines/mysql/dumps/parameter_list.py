"""Reading lists of variables with types and bounds, as JSON: names that are offered, and no settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from setpoint.config.dump import Dump, Problem, Severity
from setpoint.engines.mysql.dumps.evidence import likeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.document import Document, Likeness
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind

_HEAD_CHARACTERS = 20_000
_TYPED = ("vartype", "type", "data_type", "variable_type")
_BOUNDED = ("min_val", "max_val", "min", "max", "min_value", "max_value", "enumvals", "reset_val", "default")
_VALUED = ("setting", "value", "current_value", "global_value", "variable_value", "session_value")
_NAMED = ("name", "variable_name", "variable")


@dataclass(frozen=True)
class ParameterListReader:
    """Reads what describes variables without setting them."""

    engine: Kind
    meanings: Meanings
    kind: str = "list of parameters"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by its members: types and bounds, of names these servers have."""
        head = document.text[:_HEAD_CHARACTERS]
        if head.lstrip()[:1] not in {"{", "["} or not any(f'"{word}"' in head for word in _TYPED):
            return None
        names = _names(document.text)
        known = sum(name.lower() in self.meanings.names for name in names)
        if known * 3 < len(names) or not known:
            return None
        return likeness(document, self.engine, f"it describes {len(names)} variables")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the names."""
        names = dict.fromkeys(name.lower() for name in _names(document.text))
        words = "types, bounds and defaults alone: it says of no variable what it is set to"
        problem = Problem(severity=Severity.NOTE, message=words)
        return (
            Dump(
                path=document.path,
                engine=self.engine,
                kind=self.kind,
                version=version,
                offered=tuple(names),
                problems=(problem,),
            ),
        )


def _names(text: str) -> list[str]:
    """Answer the names of what is described; nothing where it is no such list, or says values too."""
    try:
        body: Any = msgspec.json.decode(text.encode(errors="replace"))
    except (msgspec.DecodeError, RecursionError):
        return []
    pairs = _pairs(body)
    if not pairs or any(_is_set(members) for _, members in pairs):
        return []
    described = sum(_describes(members) for _, members in pairs)
    return [name for name, _ in pairs] if described * 2 > len(pairs) else []


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
    named = [(_name(row), row) for row in rows]
    return [(name, row) for name, row in named if name]


def _name(row: dict[str, Any]) -> str:
    folded = {key.lower(): value for key, value in row.items()}
    return next((str(folded[key]) for key in _NAMED if isinstance(folded.get(key), str)), "")


def _describes(members: dict[str, Any]) -> bool:
    keys = {key.lower() for key in members}
    return any(key in keys for key in _TYPED) and any(key in keys for key in _BOUNDED + _NAMED)


def _is_set(members: dict[str, Any]) -> bool:
    return any(key.lower() in _VALUED for key in members)

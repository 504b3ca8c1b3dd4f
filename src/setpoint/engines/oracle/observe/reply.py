"""The shape of what the server answers: rows of texts, typed here and nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.engines.oracle.dialect import GRAMMAR
from setpoint.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from setpoint.engines.port import Reply


class ParameterRow(msgspec.Struct, frozen=True):
    """One row of V$SYSTEM_PARAMETER; `items` where the value is a list of several."""

    name: str
    type_number: str
    value: str | None
    default_value: str | None
    is_default: str
    session_change: str
    system_change: str
    pdb_change: str
    instance_change: str
    modified: str
    adjusted: str
    deprecated: str
    basic: str
    description: str | None
    con_id: str
    words: tuple[str, ...] = ()
    entries: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """The entries of the server parameter file, by the SID they are written for."""
    session_value: str | None = None
    """What this session has of a deferred parameter; None where the server's value is not deferred."""
    is_list: bool = False


class InstanceRow(msgspec.Struct, frozen=True):
    """What the server says about itself and about this session."""

    name: str
    number: str
    started_at: str
    con_id: str
    con_name: str
    is_dba: str | None
    may_alter: str | None
    service_user: str | None
    pinned: str | None
    role: str | None = None
    open_mode: str | None = None

    @property
    def began(self) -> datetime:
        """When the instance was started; raise `UnavailableError` where that cannot be read."""
        try:
            return datetime.fromisoformat(self.started_at)
        except ValueError:
            message = f"the server's start time {self.started_at!r} cannot be read"
            raise UnavailableError(message, next_step="observe again") from None


class Answer(msgspec.Struct, frozen=True):
    """The whole reply; `is_file_seen` and `is_load_seen` say whether the login may see those parts."""

    instance: InstanceRow
    parameters: tuple[ParameterRow, ...]
    instances: tuple[str, ...]
    host: dict[str, float]
    granule_bytes: int | None
    data_bytes: int | None
    counters: dict[str, float]
    limits: dict[str, tuple[str, str]]
    advice: tuple[tuple[str, int, float], ...]
    is_file_seen: bool
    is_load_seen: bool


_LESSER_LEVEL, _LEAST_LEVEL = 2, 3
"""The numbers of the texts without the load, and without the parameter file and the role besides."""


def decode_answer(reply: Reply) -> Answer:
    """Read the rows; raise `UnavailableError` when they are not what was asked for."""
    try:
        return _decode(reply)
    except (IndexError, TypeError, ValueError) as fault:
        message = f"the server's answer is not an observation: {fault}"
        raise UnavailableError(message, next_step="observe again") from None


def _decode(reply: Reply) -> Answer:
    parts: dict[str, list[tuple[Any, ...]]] = {}
    for letter, *cells in reply.rows:
        parts.setdefault(letter, []).append(tuple(cells))
    host = {name: float(value) for name, value, *_ in parts.get("O", ())}
    granule, data = (_number(parts.get(letter, [])) for letter in "GT")
    return Answer(
        instance=InstanceRow(*parts["I"][0][: len(InstanceRow.__struct_fields__)])
        if "I" in parts
        else _missing(),
        parameters=tuple(_parameters(parts)),
        instances=tuple(sorted(name.rpartition(":")[2] for name, *_ in parts.get("N", ()))),
        host=host,
        granule_bytes=granule,
        data_bytes=data,
        counters={name: float(value) for name, value, *_ in parts.get("M", ())},
        limits={name: (used, limit) for name, used, limit, *_ in parts.get("R", ())},
        advice=tuple(
            (kind, int(float(size)), float(estimate))
            for kind, size, estimate, *_ in parts.get("A", ())
            if size is not None and estimate is not None
        ),
        is_file_seen=reply.fallback < _LEAST_LEVEL,
        is_load_seen=reply.fallback < _LESSER_LEVEL,
    )


def _missing() -> InstanceRow:
    message = "no row about the instance"
    raise ValueError(message)


def _number(rows: Sequence[tuple[Any, ...]]) -> int | None:
    return int(float(rows[0][0])) if rows and rows[0][0] is not None else None


def _parameters(parts: dict[str, list[tuple[Any, ...]]]) -> Iterable[ParameterRow]:
    """Put together what the parts say of each parameter; the container's own row goes before the CDB's."""
    own: dict[str, ParameterRow] = {}
    for cells in sorted(parts.get("P", ()), key=lambda cells: (cells[0], int(cells[14]))):
        row = ParameterRow(*cells)
        own[row.name.lower()] = row
    words = _grouped((name, int(ordinal), value) for name, ordinal, value, *_ in parts.get("V", ()))
    items = _items(parts.get("L", ()), own)
    entries: dict[str, dict[str, list[tuple[int, str]]]] = {}
    for name, sid, ordinal, value, *_ in parts.get("S", ()):
        entries.setdefault(name.lower(), {}).setdefault(sid, []).append((int(ordinal), value or ""))
    sessions = {name.lower(): value or "" for name, value, *_ in parts.get("D", ())}
    for name, row in sorted(own.items()):
        found = entries.get(name, {})
        yield msgspec.structs.replace(
            row,
            name=name,
            value=_text(items[name]) if name in items else row.value,
            words=tuple(words.get(name, ())),
            entries={sid: _text([text for _, text in sorted(rows)]) for sid, rows in found.items()},
            session_value=sessions.get(name),
            is_list=name in items or any(len(rows) > 1 for rows in found.values()),
        )


def _items(rows: Sequence[tuple[Any, ...]], own: dict[str, ParameterRow]) -> dict[str, list[str]]:
    return _grouped(
        (name, int(ordinal), value)
        for name, ordinal, value, con_id, *_ in rows
        if name.lower() in own and own[name.lower()].con_id == con_id
    )


def _grouped(rows: Iterable[tuple[str, int, str | None]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, _, value in sorted(rows, key=lambda row: (row[0], row[1])):
        found.setdefault(name.lower(), []).append(value or "")
    return found


def _text(items: list[str]) -> str:
    """Write one item as it is and several as a list, as the expression of the dialect does."""
    return items[0] if len(items) == 1 else GRAMMAR.write_list(items)
